"""Where ROIs are found: a ``.roi`` file, the members of a ``.zip``, the selection and overlay of an ImageJ TIFF."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from samj_bridge.errors import FileError

__all__ = ["read_members"]

_UTF8_NAME = 0x800
_TIFF = {".tif", ".tiff"}


def read_members(path: str | Path) -> list[tuple[str, bytes]]:
    """Return names and contents of the ROIs in a file, in its order.

    Of a zip's members those ending with ``.roi`` count, in any folder; tables beside them, and what macOS packs
    as well (``__MACOSX``, ``._x``), do not.

    Raises
    ------
    FileError
        The file is missing, no such file, or damaged.
    """
    source = Path(path)
    try:
        data = source.read_bytes()
        if data[:4] == b"Iout" or (source.suffix.lower() == ".roi" and data[:2] != b"PK"):
            return [(source.name, data)]
        if source.suffix.lower() in _TIFF:
            return _of_tiff(data, source)
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            found = list(_of_zip(archive))
            if not found and archive.namelist():
                raise ValueError("none of its files ends with .roi")
            return found
    except OSError as error:
        message = f"Can't read {str(source)!r}: {error.strerror or error}."
        raise FileError(message, hint="Check the path.", path=str(source)) from error
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        message = f"{str(source)!r} is no ROI file, or is damaged: {error}."
        raise FileError(message, hint="Save it again from ImageJ's ROI manager.", path=str(source)) from error


def _of_zip(archive: zipfile.ZipFile) -> Iterator[tuple[str, bytes]]:
    # By entry and not by name: two members may have the same one.
    for entry in archive.infolist():
        folder, _, file = entry.filename.rpartition("/")
        if file.lower().endswith(".roi") and not file.startswith("._") and "__MACOSX" not in folder.split("/"):
            yield _name_of(entry), archive.read(entry)


def _name_of(entry: zipfile.ZipInfo) -> str:
    """Return a member's name as ImageJ reads it: in UTF-8, even where the zip does not say so."""
    if entry.flag_bits & _UTF8_NAME:
        return entry.filename
    try:
        return entry.filename.encode("cp437").decode("utf-8")
    except UnicodeError:
        return entry.filename


def _of_tiff(data: bytes, source: Path) -> list[tuple[str, bytes]]:
    import tifffile

    try:
        with tifffile.TiffFile(io.BytesIO(data)) as file:
            metadata = file.imagej_metadata or {}
    except Exception as error:  # tifffile raises whatever it likes on damaged data
        message = f"it can't be read as a TIFF ({error})"
        raise ValueError(message) from error
    found: list[bytes] = []
    for key in ("ROI", "Overlays"):
        value = metadata.get(key, [])
        found += [value] if isinstance(value, bytes) else list(value)
    if not found:
        message = f"{source.name} is an image without a selection or overlay of ImageJ."
        raise FileError(message, hint="Save the ROIs from ImageJ's ROI manager: More > Save.", path=str(source))
    return [("", one) for one in found]
