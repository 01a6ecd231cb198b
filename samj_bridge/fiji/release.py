"""A released Fiji, fetched through PyImageJ: which one, whether it can be reached, how it is started.

Not run where this was developed: Fiji's Maven repository could not be reached from there.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

from samj_bridge.errors import FijiError
from samj_bridge.install.reach import ask_all
from samj_bridge.settings import Settings

__all__ = ["LATEST", "REPOSITORY", "is_release", "obstacle_to_release", "release_named", "start_release"]

LATEST = "sc.fiji:fiji"
"""Fiji's newest release, for PyImageJ."""
REPOSITORY = "https://maven.scijava.org/content/groups/public/"
"""Where Fiji's releases lie; Maven Central has ImageJ 1.x only."""
_JAVA = "21"
"""Java that today's Fiji needs; fetched by scyjava where it is missing."""


def release_named(text: str) -> str:
    """Return the Maven coordinate of a Fiji version: ``latest``, ``2.16.0``, or a coordinate itself; else empty.

    Examples
    --------
    >>> release_named("2.16.0"), release_named("latest"), release_named("my folder")
    ('sc.fiji:fiji:2.16.0', 'sc.fiji:fiji', '')
    """
    if text.lower() == "latest":
        return LATEST
    if re.fullmatch(r"\d+(\.\d+)+(-\w+)?", text):
        return f"{LATEST}:{text}"
    return text if is_release(text) else ""


def is_release(text: str) -> bool:
    """Return whether a text is a Maven coordinate rather than a folder: ``group:artifact[:version]``."""
    # A Windows path has a colon too, but after one letter.
    return re.fullmatch(r"[\w.-]{2,}:[\w.-]+(:[\w.-]+)?", text) is not None


def obstacle_to_release(settings: Settings) -> str:
    """Say in a clause why a released Fiji can't be fetched here; empty: it can, as far as a quick look tells."""
    if find_spec("imagej") is None:
        return "PyImageJ is not installed (pip install 'samj-bridge[fiji]')"
    if settings.offline:
        return "SAMJ_OFFLINE forbids to fetch it"
    answer = ask_all([REPOSITORY], settings)[REPOSITORY]
    return "" if answer.ok else f"Fiji's Maven repository can't be reached ({answer.reason})"


def start_release(coordinate: str, options: Sequence[str], *, headless: bool) -> Any:
    """Start a released Fiji by PyImageJ; returns its gateway.

    Raises
    ------
    FijiError
        PyImageJ is not installed.
    """
    if find_spec("imagej") is None:
        message = f"{coordinate} is started through PyImageJ, which is not installed."
        hint = "Run: pip install 'samj-bridge[fiji]', or give the folder of a Fiji on this machine."
        raise FijiError(message, code="no-pyimagej", hint=hint)
    import imagej
    import scyjava

    # "never" fails in PyImageJ 1.8; "auto" fetches a Java only where there is none of this version.
    scyjava.config.set_java_constraints(fetch="auto", version=_JAVA)
    scyjava.config.add_options(list(options))
    return imagej.init(coordinate, mode="headless" if headless else "interactive")
