"""The environment that napari's tests run in: napari with a Qt binding, made once and kept."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import tomllib
from filelock import FileLock
from uv import find_uv_bin

from samj_bridge.version import __version__

ROOT = Path(__file__).parents[2]
PACKAGES = (
    "napari>=0.6,<0.10",
    "PyQt6>=6.6",
    "dask[array]",
    "zarr>=3.0.8",
    "pytest>=8.2,<10",
    "pytest-qt>=4.5",
    "pytest-timeout",
)
"""The range of napari is that of the extra in pyproject.toml, a test says; the binding is for the tests alone."""


def napari_python(kept: Path) -> Path:
    """Return the Python of the environment for the specification as it is now."""
    needed = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    specification = "\n".join([*PACKAGES, *needed, sys.version])
    folder = kept / f"napari-{hashlib.sha256(specification.encode()).hexdigest()[:12]}"
    python = folder / "bin" / "python"
    with FileLock(f"{folder}.lock"):
        if not (folder / "complete").exists():
            shutil.rmtree(folder, ignore_errors=True)
            uv = [find_uv_bin(), "--quiet"]
            subprocess.run([*uv, "venv", "--python", sys.executable, str(folder)], check=True)
            # Ours comes from the checkout that asks: only what it needs is put in.
            where = ["--python", str(python), *needed, *PACKAGES]
            subprocess.run([*uv, "pip", "install", *where], check=True)
            (folder / "complete").touch()
    return python


@contextmanager
def screen() -> Iterator[str]:
    """Give a virtual screen; it goes with the block."""
    read, write = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(write), "-screen", "0", "1280x1024x24", "-nolisten", "tcp"],
        pass_fds=[write],
        stderr=subprocess.DEVNULL,
    )
    os.close(write)
    try:
        with os.fdopen(read) as answer:
            yield f":{answer.readline().strip()}"
    finally:
        server.terminate()
        server.wait(20)


def environment(display: str, home: Path, own: Path) -> dict[str, str]:
    """Return the variables for a program of the environment: this checkout, no settings of the user's napari."""
    metadata = own / "metadata"
    if not metadata.exists():
        _give_metadata(metadata)
    return {
        **os.environ,
        "DISPLAY": display,
        "QT_QPA_PLATFORM": "xcb",
        "PYTHONPATH": os.pathsep.join(
            [str(ROOT), str(metadata), str(Path(__file__).parent / "gui"), str(ROOT / "tests")]
        ),
        "NAPARI_CONFIG": "",
        "XDG_CONFIG_HOME": str(own / "config"),
        "XDG_CACHE_HOME": str(own / "cache"),
        "SAMJ_HOME": str(home),
    }


def _give_metadata(folder: Path) -> None:
    """Show this checkout as an installed package: napari finds plugins by their entry points."""
    about = folder / f"samj_bridge-{__version__}.dist-info"
    about.mkdir(parents=True)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = [
        f"[{group}]\n" + "".join(f"{k} = {v}\n" for k, v in points.items())
        for group, points in project["entry-points"].items()
    ]
    (about / "entry_points.txt").write_text("\n".join(lines), encoding="utf-8")
    (about / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: samj-bridge\nVersion: {__version__}\n", encoding="utf-8"
    )
