"""Remove what no one needs: half-made prefixes, and old ones that no process holds. The lock must be held."""

from __future__ import annotations

import contextlib
import shutil
import time
from pathlib import Path

from samj_bridge.install.prefixes.environment import MARKER_NAME, leases_of
from samj_bridge.install.prefixes.turns import BOARD_NAME
from samj_bridge.process.locks import is_locked, try_lock
from samj_bridge.process.patience import patiently
from samj_bridge.protocol.folders import Entry, list_folder

__all__ = ["is_held", "remove_prefix", "sweep", "sweep_if_free"]


def is_held(prefix: Path) -> bool:
    """Tell whether any process holds `prefix`; leases of processes that have ended are removed on the way."""
    try:
        leases = leases_of(prefix)
    except OSError:
        # Nobody can be asked: somebody may hold it.
        return True
    held = False
    for lease in leases:
        if is_locked(lease):
            held = True
        else:
            _forget(lease)
    return held


def sweep(folder: Path, keep: Path | None) -> list[Path]:
    """Remove every prefix in `folder` but `keep` and those in use; return what could not be removed."""
    left = []
    for entry in list_folder(folder):
        if entry.is_folder and entry.name != "leases" and entry.path != keep:
            left += [] if remove_prefix(entry.path) else [entry.path]
        elif entry.name.startswith(".current."):
            with contextlib.suppress(OSError):
                entry.path.unlink()
    return left


def sweep_if_free(folder: Path, keep: Path) -> None:
    """Remove what a killed process left beside a healthy environment, unless somebody works there just now.

    Costs one look at the folder when there is nothing to do; nothing of it can fail.
    """
    if keep.parent != folder:
        return
    usual = {keep.name, "current", "leases", "lock", "lock.holder"}
    with contextlib.suppress(OSError):
        if all(entry.name in usual or not _is_rubbish(entry) for entry in list_folder(folder)):
            return
        with try_lock(folder / "lock") as got:
            if got:
                sweep(folder, keep)
                for name in (BOARD_NAME, f".{BOARD_NAME}"):
                    (folder / name).unlink(missing_ok=True)


def _is_rubbish(entry: Entry) -> bool:
    return entry.is_folder or entry.name.startswith(".") or entry.name == BOARD_NAME


def remove_prefix(prefix: Path) -> bool:
    """Remove `prefix` unless it is in use; tell whether it is gone."""
    if not prefix.exists():
        return True
    if is_held(prefix):
        return False
    marker = prefix / MARKER_NAME
    aside = prefix / f"{MARKER_NAME}.removed"
    with contextlib.suppress(FileNotFoundError):
        patiently(lambda: marker.replace(aside))
    # Somebody may have taken a lease between the look and the marker's end: see Environment.hold.
    if is_held(prefix):
        with contextlib.suppress(FileNotFoundError):
            aside.replace(marker)
        return False
    # Processes that were killed a moment ago may still write: the second round gets what they left.
    for pause_s in (0.05, 0.2, 0.5, 0):
        shutil.rmtree(prefix, ignore_errors=True)
        if not prefix.exists():
            return True
        time.sleep(pause_s)
    return False


def _forget(lease: Path) -> None:
    with contextlib.suppress(OSError):
        lease.unlink()
    with contextlib.suppress(OSError):
        lease.with_name(lease.name + ".holder").unlink()
