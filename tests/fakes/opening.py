"""Sessions on a real worker with the test family, and helpers to see what they leave behind."""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from samj_bridge.models import ModelEntry
from samj_bridge.session import Session
from samj_bridge.session.connection.launcher import Launcher
from samj_bridge.settings import Settings

FAMILY = Path(__file__).with_name("family.py")
VARIABLES = {"PATH": os.environ.get("PATH", os.defpath)}


def test_model(folder: Path, **knobs: Any) -> ModelEntry:
    """Write a checkpoint with the family's knobs; returns the model to open."""
    checkpoint = folder / "test.json"
    checkpoint.write_text(json.dumps(knobs))
    return ModelEntry(
        "test", "Test", "test", "test", "test", ("box", "points", "negative", "mask"), "Apache-2.0", checkpoint
    )


test_model.__test__ = False


def launcher(python: Path, settings: Settings, *arguments: str) -> Launcher:
    """Return a launcher whose workers know the test family."""
    return Launcher(python, settings, VARIABLES, ("--family", f"test={FAMILY}", *arguments))


def open_session(
    python: Path, folder: Path, *arguments: str, timeout_s: float = 120.0, ahead: bool = False, **knobs: Any
) -> Session:
    """Open a session with the test family; its home is ``folder / "home"``."""
    settings = Settings(home=folder / "home", timeout_s=timeout_s, threads=1, ahead=ahead)
    return Session(test_model(folder, **knobs), settings=settings, launcher=launcher(python, settings, *arguments))


def two_squares(dtype: str = "uint16") -> np.ndarray:
    """Return a (100, 120) image with bright squares at x 30..60, y 20..40 and y 60..80."""
    image = np.zeros((100, 120), dtype)
    image[20:40, 30:60] = 100
    image[60:80, 30:60] = 90
    return image


def shared_blocks(pid: int | None = None) -> set[str]:
    """Return the names of the shared memory blocks that a process has made, this one unless another is named."""
    folder = Path("/dev/shm")
    return {path.name for path in folder.glob(f"samj_{pid or os.getpid():x}_*")} if folder.is_dir() else set()


def wait_until(condition: Callable[[], bool], timeout_s: float = 20.0) -> bool:
    """Wait for something that another process does; returns whether it came."""
    end = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def is_running(pid: int) -> bool:
    """Return whether a process is there and no zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
