"""The usual reasons why an environment can't be made or does not run, each looked for by itself.

Each function returns the cause or None, takes what it looks at as an argument, and changes nothing that it
does not put back.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import sysconfig
import uuid
from dataclasses import dataclass
from pathlib import Path

from samj_bridge.errors import InstallError, SamjError
from samj_bridge.process.environ import clean_environ
from samj_bridge.process.locks import has_locks
from samj_bridge.process.patience import held_by_another, patiently
from samj_bridge.process.run import run

__all__ = [
    "Cause",
    "existing_parent",
    "find_locked_file",
    "find_long_path",
    "find_musl",
    "find_no_locks",
    "find_no_permission",
    "find_no_space",
    "find_noexec",
    "find_wrong_architecture",
    "refuse_hopeless",
]

# Below a prefix, the longest paths of torch's headers and of Python's caches reach this far.
_LONGEST_BELOW = 170
_WINDOWS_LIMIT = 259
# conda's packages leave room for so long a prefix, and so long may the first line of a script be to run everywhere.
_PLACEHOLDER = 255
_SHEBANG = 127


@dataclass(frozen=True)
class Cause:
    """Why it does not work."""

    code: str
    """Stable name, such as ``noexec``."""
    message: str
    """What is so, with values and places."""
    mend: str
    """What to do."""
    fatal: bool = True
    """Whether an environment can't be made or used at all because of it."""


def refuse_hopeless(home: Path, envs: Path) -> None:
    """Raise when no environment below `home` could ever work, before anything is fetched for it.

    Raises
    ------
    InstallError
        With the cause's code: ``noexec``, ``path-too-long``, ``musl`` or ``wrong-architecture``.
    """
    for cause in (find_noexec(home), find_long_path(envs), find_musl(), find_wrong_architecture()):
        if cause is not None and cause.fatal:
            message = f"No environment can be made here: {cause.message}. Nothing was installed."
            raise InstallError(message, code=cause.code, hint=cause.mend)


def existing_parent(path: Path) -> Path:
    """Return `path` or the nearest folder above it that exists, as far as this user may look."""
    # os.path.exists says no, where Path.exists raises, in a folder that may not be looked into.
    while not os.path.exists(path) and path != path.parent:  # noqa: PTH110
        path = path.parent
    return path


def find_no_permission(home: Path) -> Cause | None:
    """Look whether `home`, or the folder that it would be made in, can be written."""
    existing = existing_parent(home)
    if not existing.is_dir():
        message = f"{home} can't be used: {existing} is a file, not a folder"
        return Cause("not-a-folder", message, "Set SAMJ_HOME to a folder.")
    if os.access(existing, os.W_OK | os.X_OK):
        return None
    why = "it is read-only for this user"
    if hasattr(os, "getuid"):
        with contextlib.suppress(KeyError, OSError, ImportError):
            import pwd

            owner = pwd.getpwuid(existing.stat().st_uid).pw_name
            user = pwd.getpwuid(os.getuid()).pw_name
            why = f"it belongs to {owner}, and this is {user}" if owner != user else "it is mounted read-only"
    message = f"{home} can't be written: {existing}: {why}"
    return Cause("not-writable", message, "Set SAMJ_HOME to a folder of your own, or make this one yours.")


def find_no_space(home: Path, needed: int) -> Cause | None:
    """Look whether the disk of `home` has room for `needed` bytes."""
    existing = existing_parent(home)
    free = shutil.disk_usage(existing).free
    if free >= needed:
        return None
    message = f"{home}: needs {needed / 1e9:.1f} GB, and its disk has {free / 1e9:.1f} GB free"
    mend = (
        "Free some space (samj-bridge env prune shows what can go), or set SAMJ_HOME to a folder on another disk."
    )
    return Cause("no-space", message, mend)


def find_no_locks(home: Path) -> Cause | None:
    """Look whether the disk of `home` has file locks, by a file that goes again."""
    if not home.is_dir() or not os.access(home, os.W_OK):
        return None
    trial = home / f".samj-doctor-{uuid.uuid4().hex[:8]}.lock"
    try:
        usable = has_locks(trial)
    except OSError:
        # What keeps a file from being made is told by other checks.
        usable = True
    finally:
        with contextlib.suppress(OSError):
            trial.unlink()
    if usable:
        return None
    message = f"{home} lies on a disk without file locks, as some network drives: nothing can be installed there"
    mend = (
        "Set SAMJ_HOME to a folder on a local disk, or have locks switched on for the drive."
        " What is installed can be used."
    )
    return Cause("no-locks", message, mend, fatal=False)


def find_noexec(home: Path) -> Cause | None:
    """Look whether the file system of `home` is mounted so that no program or library in it may be run."""
    # Windows has neither the flag nor the call.
    flag = getattr(os, "ST_NOEXEC", 0)
    existing = existing_parent(home)
    if not flag or not os.statvfs(existing).f_flag & flag:
        return None
    message = f"{home} lies on a file system from which nothing may be run (mounted noexec, at {_mount(existing)})"
    mend = "Set SAMJ_HOME to a folder on another file system, or ask the administrator to mount it with exec."
    return Cause("noexec", message, mend)


def find_long_path(folder: Path, platform: str = sys.platform, *, long_paths: bool | None = None) -> Cause | None:
    """Look whether an environment below `folder` gets paths that are too long.

    Parameters
    ----------
    folder : Path
        The folder of all environments.
    platform : str
        As ``sys.platform``.
    long_paths : bool, optional
        Whether Windows is set up for paths of more than 260 characters; asked from it by default.
    """
    length = len(str(folder)) + len("/samj/0123456789ab-1")
    mend = "Set SAMJ_HOME to a folder with a short path"
    if platform == "win32":
        enabled = _long_paths_enabled() if long_paths is None else long_paths
        if length + _LONGEST_BELOW <= _WINDOWS_LIMIT or enabled:
            return None
        message = (
            f"{folder} has {len(str(folder))} characters: files of the environment would have paths of more than "
            f"{_WINDOWS_LIMIT}, which Windows refuses"
        )
        return Cause("path-too-long", message, f"{mend}, such as C:\\samj, or switch on long paths in Windows.")
    if length > _PLACEHOLDER:
        message = f"{folder} has {len(str(folder))} characters: conda's packages take no more than {_PLACEHOLDER}"
        return Cause("path-too-long", message, f"{mend}.")
    if length + len("#!/bin/python3.12") > _SHEBANG:
        message = (
            f"{folder} has {len(str(folder))} characters: too long for the first line of a script on some "
            f"systems, so its programs may not start by name; samj-bridge itself does not need them"
        )
        return Cause("path-too-long", message, f"{mend}, if you call them.", fatal=False)
    return None


def find_locked_file(home: Path) -> Cause | None:
    """Look whether a new file in `home` can be renamed and removed, or is held by another program."""
    if not home.is_dir() or not os.access(home, os.W_OK):
        return None
    first = home / f".samj-doctor-{uuid.uuid4().hex[:8]}.exe"
    second = first.with_suffix(".dll")
    try:
        first.write_bytes(b"MZ")
        patiently(lambda: first.replace(second))
        patiently(second.unlink)
    except OSError as error:
        if not held_by_another(error):
            return None
        message = (
            f"A new file in {home} can't be renamed or removed: another program, such as a virus scanner, has it"
        )
        return Cause("locked-file", message, f"Make an exception for {home} in the virus scanner.")
    finally:
        for file in (first, second):
            with contextlib.suppress(OSError):
                file.unlink()
    return None


def find_musl(soabi: str | None = None) -> Cause | None:
    """Look whether this Python is built for musl, such as Alpine Linux has."""
    soabi = (sysconfig.get_config_var("SOABI") or "") if soabi is None else soabi
    if not soabi.endswith("-musl"):
        return None
    message = f"This Linux has musl instead of glibc ({soabi}): torch has builds for glibc only"
    return Cause("musl", message, "Use a Linux or a container with glibc, such as Debian, Ubuntu or Fedora.")


def find_wrong_architecture(*, bits_64: bool = sys.maxsize > 2**32, native: str | None = None) -> Cause | None:
    """Look whether this Python is built for another processor than the machine has.

    Parameters
    ----------
    bits_64 : bool
        Whether this Python is one of 64 bits.
    native : str, optional
        The machine's own kind of processor where Python is translated to it, as the system names it; else empty.
    """
    if not bits_64:
        message = "This Python has 32 bits: torch has builds for 64 bits only"
        return Cause("wrong-architecture", message, "Install Python for 64 bits, and samj-bridge in it.")
    native = _translated_from() if native is None else native
    if not native:
        return None
    message = (
        f"This Python is built for Intel and is translated for this machine's {native}: slow, and without its GPU"
    )
    mend = f"Install Python for {native}, and samj-bridge in it; then make the environment again."
    return Cause("wrong-architecture", message, mend, fatal=False)


def _translated_from() -> str:
    """Return the processor's kind when the system translates this process to it, else nothing."""
    # NB: both are written from the systems' documentation, not yet run.
    if sys.platform == "win32":
        import ctypes

        mine, native = ctypes.c_ushort(0), ctypes.c_ushort(0)
        try:
            kernel = ctypes.windll.kernel32
            process = ctypes.c_void_p(kernel.GetCurrentProcess())
            kernel.IsWow64Process2(process, ctypes.byref(mine), ctypes.byref(native))
        except (OSError, AttributeError):
            return ""
        return "ARM64 processor" if native.value == 0xAA64 and sysconfig.get_platform() != "win-arm64" else ""
    if sys.platform == "darwin":
        try:
            told = run(["/usr/sbin/sysctl", "-n", "sysctl.proc_translated"], env=clean_environ(), timeout_s=5)
        except SamjError:
            return ""
        return "Apple silicon (arm64)" if told.stdout[:1] == ("1",) else ""
    return ""


def _long_paths_enabled() -> bool:
    if sys.platform == "win32":
        import winreg

        try:
            place = r"SYSTEM\CurrentControlSet\Control\FileSystem"
            with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, place) as key:
                return bool(winreg.QueryValueEx(key, "LongPathsEnabled")[0])
        except OSError:
            return False
    return True


def _mount(path: Path) -> Path:
    path = path.resolve()
    while not path.is_mount() and path != path.parent:
        path = path.parent
    return path
