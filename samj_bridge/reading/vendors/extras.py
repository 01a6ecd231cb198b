"""Packages that only some files need: asked for when one does, and named with what installs them."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

from samj_bridge.errors import FileError

__all__ = ["need"]

_EXTRA = {
    "zarr": ("zarr", "large"),
    "openslide": ("openslide-python and openslide-bin", "slides"),
    "pylibCZIrw.czi": ("pylibCZIrw", "vendors"),
    "nd2": ("nd2", "vendors"),
    "liffile": ("liffile", "vendors"),
}


def need(module: str, path: Path, what: str) -> Any:
    """Return a module that reads a kind of file.

    Parameters
    ----------
    module : str
        ``zarr``, ``openslide``, ``pylibCZIrw.czi``, ``nd2`` or ``liffile``.
    path : Path
        The file.
    what : str
        What it is: ``a Zeiss image (CZI)``.

    Raises
    ------
    FileError
        With code ``extra-missing``: it isn't installed, or too old; the hint is the command that installs it.
    """
    packages, extra = _EXTRA[module]
    hint = f"Run: pip install 'samj-bridge[{extra}]' (or: uv tool install 'samj-bridge[{extra}]')."
    if module == "zarr" and sys.version_info < (3, 11):
        message = (
            f"{path.name} is {what}, which is read with Python 3.11 or newer; this is Python "
            f"{sys.version_info.major}.{sys.version_info.minor}, for which there is no zarr 3."
        )
        raise FileError(message, code="extra-missing", hint=f"Use a newer Python. {hint}", path=str(path))
    try:
        found = importlib.import_module(module)
    except (ImportError, OSError) as error:
        gone = isinstance(error, ModuleNotFoundError)
        missing = f"{packages}, which {'are' if ' and ' in packages else 'is'} not installed"
        why = missing if gone else f"{packages}, which can't be loaded: {error}"
        message = f"{path.name} is {what}. It is read by {why}."
        raise FileError(message, code="extra-missing", hint=hint, path=str(path)) from error
    if module == "zarr" and int(str(found.__version__).split(".", maxsplit=1)[0]) < 3:
        message = f"{path.name} is {what}. It is read by zarr 3; zarr {found.__version__} is installed."
        raise FileError(message, code="extra-missing", hint=hint, path=str(path))
    return found
