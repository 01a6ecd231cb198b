"""What a file is, by its first bytes; its ending decides only where the bytes can't."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

from samj_bridge.errors import FileError
from samj_bridge.protocol.folders import is_file, is_folder, list_folder
from samj_bridge.reading.vendors.ngff import is_zarr

__all__ = ["SUFFIXES", "find_images", "has_chunk", "is_tiff", "kind_of"]

SUFFIXES = frozenset(
    {".tif", ".tiff", ".btf", ".tf2", ".tf8", ".lsm", ".stk"}
    | {".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp"}
    | {".svs", ".ndpi", ".scn", ".qptiff", ".bif", ".mrxs", ".vms", ".vmu", ".czi", ".nd2", ".lif", ".zarr"}
)
"""Endings of the images that a folder is searched for; one that is named is looked at whatever its ending."""

# By ending, where the file itself looks like another kind: a JPEG, a list in text.
_SLIDES = frozenset({".mrxs", ".vms", ".vmu"})
_LEICA = frozenset({".lof", ".xlif", ".xlef"})

_IN_FIJI = "Open it in Fiji, whose Bio-Formats reads it, and save it as TIFF."
_IN_IMAGEJ = "Open it in ImageJ and save it as TIFF."

# By ending, for formats whose own file looks like another kind, or has no mark of its own.
_BY_SUFFIX = {
    ".vsi": "an Olympus slide (VSI)",
    ".ndpis": "a set of Hamamatsu slides (NDPIS)",
    ".oif": "an Olympus FluoView image (OIF)",
    ".nd": "a list of MetaMorph files (ND)",
    ".ims": "an Imaris image (IMS)",
    ".lei": "a Leica image (LEI)",
    ".dv": "a DeltaVision image (DV)",
    ".r3d": "a DeltaVision image (R3D)",
    ".mrc": "an electron microscope's image (MRC)",
    ".dm3": "a Gatan image (DM3)",
    ".dm4": "a Gatan image (DM4)",
    ".ser": "an FEI image (SER)",
    ".emi": "an FEI image (EMI)",
    ".flex": "an Opera plate (FLEX)",
    ".sld": "a SlideBook image (SLD)",
    ".sldy": "a SlideBook image (SLDY)",
    ".ipw": "an Image-Pro workspace (IPW)",
    ".spe": "a Princeton Instruments image (SPE)",
    ".msr": "an Imspector image (MSR)",
    ".obf": "an Imspector image (OBF)",
    ".afi": "a set of Aperio slides (AFI)",
    ".isyntax": "a Philips slide (iSyntax)",
}

_MARKS: tuple[tuple[int, bytes, str, str], ...] = (
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an OLE file (Olympus OIB, Zeiss ZVI or the like)", _IN_FIJI),
    (0, b"SIS\0", "a part of an Olympus slide (ETS)", _IN_FIJI),
    (0, b"\x89HDF\r\n\x1a\n", "an HDF5 file (Imaris IMS, BigDataViewer or the like)", _IN_FIJI),
    (0, b"CDF\x01", "a netCDF file", _IN_FIJI),
    (0, b"NRRD", "an NRRD image", _IN_FIJI),
    (0, b"ObjectType", "a MetaImage (MHA, MHD)", _IN_FIJI),
    (0, b"OMAS_BF", "an Imspector image", _IN_FIJI),
    (0, b"SIMPLE", "a FITS image", _IN_IMAGEJ),
    (8, b"AVI ", "an AVI movie", _IN_IMAGEJ),
    (4, b"ftypisom", "a movie (MP4)", "Save the frames that you need as TIFF or PNG."),
    (4, b"ftypmp4", "a movie (MP4)", "Save the frames that you need as TIFF or PNG."),
    (4, b"ftypqt", "a movie (QuickTime)", "Save the frames that you need as TIFF or PNG."),
    (0, b"\x1aE\xdf\xa3", "a movie (Matroska)", "Save the frames that you need as TIFF or PNG."),
    (0, b"PK\x03\x04", "a ZIP archive", "Unpack it; ROI sets go to --prompts."),
    (0, b"\x1f\x8b", "a gzip archive", "Unpack it first."),
    (0, b"Iout", "an ImageJ ROI", "ROIs go to --prompts."),
    (0, b"\x93NUMPY", "a NumPy array", "Save it as TIFF, for example with tifffile.imwrite."),
    (0, b"%PDF", "a PDF", "Save the picture in it as TIFF or PNG."),
    (0, b"8BPS", "a Photoshop file", "Save it as TIFF without layers."),
    (0, b"P1", "a netpbm picture", _IN_IMAGEJ),
    (0, b"P2", "a netpbm picture", _IN_IMAGEJ),
    (0, b"P3", "a netpbm picture", _IN_IMAGEJ),
    (0, b"P4", "a netpbm picture", _IN_IMAGEJ),
    (0, b"P5", "a netpbm picture", _IN_IMAGEJ),
    (0, b"P6", "a netpbm picture", _IN_IMAGEJ),
)

_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def is_tiff(path: Path) -> bool:
    """Tell whether a file begins as TIFF and BigTIFF do."""
    with path.open("rb") as file:
        return file.read(4) in _TIFF


def has_chunk(file: BinaryIO, name: bytes) -> bool:
    """Tell whether a PNG has a chunk before its pixels."""
    at = 8
    while True:
        file.seek(at)
        head = file.read(8)
        if len(head) < 8 or head[4:] in {b"IDAT", b"IEND"}:
            return False
        if head[4:] == name:
            return True
        at += 12 + int.from_bytes(head[:4], "big")


def kind_of(path: Path) -> str:
    """Return what reads a file: ``tiff``, ``zarr``, ``slide``, ``dicom``, ``czi``, ``nd2``, ``lif`` or ``picture``.

    Raises
    ------
    FileError
        It is a kind of file that is known and not read here; the sentence says what reads it.
    OSError
        The file can't be read at all.
    """
    if is_folder(path):
        if not is_zarr(path):
            raise IsADirectoryError(path)
        return "zarr"
    with path.open("rb") as file:
        start = file.read(160)
    if not start:
        message = f"{path.name} is empty: 0 bytes."
        raise FileError(message, hint="Was it copied to its end?", path=str(path))
    vendor = _BY_SUFFIX.get(path.suffix.lower())
    if vendor:
        raise _not_read_here(path, vendor, _IN_FIJI)
    known = _known(start, path.suffix.lower())
    if known:
        return known
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return "picture"
    for at, mark, name, hint in _MARKS:
        if start[at : at + len(mark)] == mark:
            raise _not_read_here(path, name, hint)
    return "picture"


def _known(start: bytes, suffix: str) -> str:
    if start[:4] in _TIFF:
        return "tiff"
    if suffix in _SLIDES:
        return "slide"
    if start.startswith(b"ZISRAWFILE"):
        return "czi"
    # Files of before 2010 are JPEG 2000.
    if start.startswith(b"\xda\xce\xbe\x0a") or (suffix == ".nd2" and start[4:8] == b"jP  "):
        return "nd2"
    if (start[:4] == b"\x70\0\0\0" and start[8:9] == b"\x2a") or suffix in _LEICA:
        return "lif"
    return "dicom" if start[128:132] == b"DICM" else ""


def _not_read_here(path: Path, name: str, hint: str) -> FileError:
    message = f"{path.name} is {name}, which samj-bridge does not read."
    return FileError(message, code="unread-format", hint=hint, path=str(path))


def find_images(paths: list[Path]) -> list[Path]:
    """Return the image files among `paths`, folders searched, in name order; no subfolders, no hidden files.

    Raises
    ------
    FileError
        A path does not exist, a folder can't be read, or there is no image at all.
    """
    found: list[Path] = []
    passed: set[str] = set()
    for path in paths:
        if is_folder(path) and not (path.suffix.lower() == ".zarr" or is_zarr(path)):
            # A Mac leaves a hidden `._name.tif` beside each file on a foreign disk: no image of anybody's.
            items = [item for item in _listed(path) if not item.name.startswith(".")]
            found += [item for item in items if item.suffix.lower() in SUFFIXES and _is_image(item)]
            passed |= {item.suffix.lower() for item in items} & {*_BY_SUFFIX, ".oib", ".zvi"}
            continue
        try:
            path.stat()
        except OSError as error:
            message = f"There is no file or folder {str(path)!r}."
            if not isinstance(error, (FileNotFoundError, NotADirectoryError)):
                message = f"{str(path)!r} can't be read: {error.strerror or error}."
            hint = "Check the path; put paths with spaces in quotes."
            raise FileError(message, hint=hint, path=str(path)) from error
        found.append(path)
    if not found:
        named = ", ".join(str(path) for path in paths)
        message = f"No image in {named}."
        hint = f"Known endings: {', '.join(sorted(SUFFIXES))}."
        if passed:
            hint = f"Files of {', '.join(sorted(passed))} are read by Fiji's Bio-Formats; save them as TIFF there."
        raise FileError(message, hint=hint)
    return list(dict.fromkeys(found))


def _is_image(path: Path) -> bool:
    return is_zarr(path) if path.suffix.lower() == ".zarr" else is_file(path)


def _listed(folder: Path) -> list[Path]:
    try:
        items = [entry.path for entry in list_folder(folder, named=True)]
    except OSError as error:
        message = f"The folder {str(folder)!r} can't be read: {error.strerror or error}."
        raise FileError(message, hint="Make it readable, or name the images.", path=str(folder)) from error
    return items
