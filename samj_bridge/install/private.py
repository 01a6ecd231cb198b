"""Files with passwords are for their owner's eyes: what can be done about those that a person wrote."""

from __future__ import annotations

import logging
import os
import stat
import sys
from pathlib import Path

from samj_bridge.install.secrets import strip
from samj_bridge.settings import settings_path

__all__ = ["keep_private", "others_can_read"]

_log = logging.getLogger(__name__)


def keep_private(path: Path) -> None:
    """Take the user's own file of settings from others' eyes, if there is a password or token in it.

    The file in a home that was named may be meant for several people: who wrote it is told, and no more is done.
    """
    if not others_can_read(path):
        return
    if path == settings_path():
        try:
            path.chmod(0o600)
        except OSError:
            pass
        else:
            _log.info("%s has a password or token in it: it can be read by you alone from now on.", path)
            return
    _log.warning("%s has a password or token in it, and others can read it: chmod 600 '%s'", path, path)


def others_can_read(path: Path) -> bool:
    """Tell whether `path` has a password or token in it that other users of this machine can read."""
    if sys.platform == "win32":
        # A file in a user's folder is the user's there.
        return False
    try:
        if not path.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH) or not os.access(path, os.R_OK):
            return False
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, ValueError):
        return False
    return strip(text) != text
