"""The worker's code as one file named by its content: what it runs is always what this host was made with."""

from __future__ import annotations

import functools
import hashlib
import io
import os
import tempfile
import zipfile
from pathlib import Path

from samj_bridge.errors import FileError, NoSpaceError
from samj_bridge.settings import Settings

__all__ = ["bundle_bytes", "bundle_name", "write_bundle"]

_PARTS = ("protocol", "geometry", "worker")
_MAIN = "from samj_bridge.worker.__main__ import main\n\nmain()\n"
_NO_SPACE = (28, 122)
"""ENOSPC and EDQUOT."""


def bundle_bytes(package: Path | None = None) -> bytes:
    """Return the zip file: the package's empty shop window, protocol, geometry and worker, Python files only.

    The same files give the same bytes: fixed order, times and permissions. ``python bundle.zip`` starts the
    worker, and so does ``python -m samj_bridge.worker`` with the file on ``PYTHONPATH``.

    Parameters
    ----------
    package : Path, optional
        Folder of ``samj_bridge``; the running one by default.
    """
    package = Path(__file__).parents[2] if package is None else package
    found = [path for part in _PARTS for path in (package / part).rglob("*.py")]
    names = {f"samj_bridge/{path.relative_to(package).as_posix()}": path.read_bytes() for path in found}
    names |= {f"samj_bridge/{name}": (package / name).read_bytes() for name in ("__init__.py", "version.py")}
    names["__main__.py"] = _MAIN.encode("ascii")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(names):
            entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            entry.external_attr = 0o644 << 16
            entry.create_system = 3
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, names[name])
    return buffer.getvalue()


def write_bundle(settings: Settings) -> Path:
    """Return the path of the bundle in `settings.bundles_dir`; written only where it is not there yet.

    A host keeps the one that it made first, even where another version is installed over it meanwhile.

    Raises
    ------
    NoSpaceError, FileError
        The folder can't be written.
    """
    content = _own()
    path = settings.bundles_dir / bundle_name()
    try:
        if path.is_file() and path.read_bytes() == content:
            return path
        settings.bundles_dir.mkdir(parents=True, exist_ok=True)
        _replace(path, content)
    except OSError as error:
        message = f"The worker's code could not be written to {path}: {error.strerror or error}."
        if error.errno in _NO_SPACE:
            raise NoSpaceError(message, hint="Free some space there, or set SAMJ_HOME to another disk.") from error
        raise FileError(message, hint="Make the folder writable, or set SAMJ_HOME to one that is.") from error
    return path


def bundle_name() -> str:
    """Return the name of this host's bundle: its content decides."""
    return f"samj-worker-{hashlib.sha256(_own()).hexdigest()[:16]}.zip"


@functools.cache
def _own() -> bytes:
    # A session asks twice, for its worker and for the card; reading and compressing take tens of milliseconds.
    return bundle_bytes()


def _replace(path: Path, content: bytes) -> None:
    # A sibling of its own per writer: two hosts may start at once, and one may be killed in the middle.
    handle, name = tempfile.mkstemp(prefix=path.name, suffix=".part", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
