"""The folder of everything that samj-bridge keeps."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace

from samj_bridge.doctor.finding import Finding
from samj_bridge.install.causes import (
    existing_parent,
    find_locked_file,
    find_long_path,
    find_no_locks,
    find_no_permission,
    find_no_space,
    find_noexec,
)
from samj_bridge.install.gpu import find_nvidia_gpu
from samj_bridge.install.prefixes.environment import find_environment
from samj_bridge.install.specification import load_specification
from samj_bridge.settings import Settings

__all__ = ["check_home"]


def check_home(settings: Settings) -> Iterator[Finding]:
    """Look at the home: can it be written, is there space, may programs run there, is its path short enough."""
    denied = find_no_permission(settings.home)
    if denied is not None:
        yield Finding.of("home", denied)
        return
    full = find_no_space(settings.home, _needed(settings))
    if full is not None and find_environment(settings) is not None:
        # There is one already: the space is needed for the next one only.
        full = replace(full, fatal=False)
    causes = [
        full,
        find_noexec(settings.home),
        find_long_path(settings.envs_dir),
        find_no_locks(settings.home),
        find_locked_file(settings.home),
    ]
    found = [Finding.of("home", cause) for cause in causes if cause is not None]
    if not found:
        free = shutil.disk_usage(existing_parent(settings.home)).free
        yield Finding("home", "ok", f"{settings.home}, {free / 1e9:.1f} GB free")
    yield from found


def _needed(settings: Settings) -> int:
    """Return the bytes that one more environment writes."""
    feature = "cuda" if settings.device in {"auto", "cuda"} and find_nvidia_gpu() else "cpu"
    return load_specification().disk.get(feature, 0)
