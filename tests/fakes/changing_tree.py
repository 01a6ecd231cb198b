"""A second process that makes, renames, hides and removes trees in a folder until its standard input ends.

Standard library only: tests start it beside whatever looks at the folder. ``changing_tree.py FOLDER ELSEWHERE``
says ``ready`` on standard output when it has been through everything once, and the number of rounds when it ends;
links that it puts in place of folders lead elsewhere.
"""

from __future__ import annotations

import os
import shutil
import sys
import threading
from pathlib import Path


def grow(tree: Path, width: int = 3, depth: int = 4) -> None:
    """Make folders in folders, with files of 10 bytes."""
    tree.mkdir(exist_ok=True)
    for number in range(width):
        (tree / f"file {number}.whl").write_bytes(b"0123456789")
        if depth:
            grow(tree / f"folder {number}", 2, depth - 1)


def one_round(folder: Path, number: int, elsewhere: Path) -> None:
    """Do to a tree all that installers do to theirs, and what a hostile neighbour might."""
    tree = folder / f".tmp{number % 4}"
    grow(tree)
    moved = folder / f"moved {number}"
    tree.rename(moved)
    inner = moved / "folder 0"
    os.chmod(inner, 0)
    os.chmod(inner, 0o755)
    inner.rename(moved / "renamed")
    # A folder becomes a link, and a folder again, under the same name.
    for _ in range(20):
        (moved / "folder 1").rename(moved / "aside")
        os.symlink(elsewhere, moved / "folder 1")
        (moved / "folder 1").unlink()
        (moved / "aside").rename(moved / "folder 1")
    # Who looks may leave a lease of its own there at this very moment.
    while moved.exists():
        shutil.rmtree(moved, ignore_errors=True)


def main() -> None:
    """Run until told to stop."""
    folder, elsewhere = Path(sys.argv[1]), Path(sys.argv[2])
    stop = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), stop.set()), daemon=True).start()
    rounds = 0
    while not stop.is_set():
        one_round(folder, rounds, elsewhere)
        rounds += 1
        if rounds == 1:
            print("ready", flush=True)
    print(rounds, flush=True)


if __name__ == "__main__":
    main()
