"""Image files to arrays, with errors that name the file and say what is wrong with it."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from samj_bridge.errors import FileError, ImageError
from samj_bridge.protocol.folders import is_file, is_folder, list_folder

__all__ = ["SUFFIXES", "find_images", "read_image"]

SUFFIXES = frozenset({".tif", ".tiff", ".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp"})
"""Endings of the files that a folder is searched for."""

_TIFF = {".tif", ".tiff"}


def find_images(paths: list[Path]) -> list[Path]:
    """Return the image files among `paths`, folders searched (not their subfolders), in name order.

    Raises
    ------
    FileError
        A path does not exist, a folder can't be read, or there is no image at all.
    """
    found: list[Path] = []
    for path in paths:
        if is_folder(path):
            try:
                items = [entry.path for entry in list_folder(path, named=True)]
            except OSError as error:
                message = f"The folder {str(path)!r} can't be read: {error.strerror or error}."
                raise FileError(message, hint="Make it readable, or name the images.", path=str(path)) from error
            found += [item for item in items if item.suffix.lower() in SUFFIXES and is_file(item)]
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
        raise FileError(message, hint=f"Known endings: {', '.join(sorted(SUFFIXES))}.")
    return list(dict.fromkeys(found))


def read_image(path: Path, plane: int | None = None) -> NDArray[Any]:
    """Read one plane of an image file.

    Parameters
    ----------
    path : Path
        TIFF (read by tifffile) or anything that Pillow reads.
    plane : int, optional
        Which plane of a stack, 0-based in file order; needed when there are several.

    Returns
    -------
    numpy.ndarray
        (Y, X) or (Y, X, C), in the file's own dtype. A palette image becomes grey or RGB.

    Raises
    ------
    FileError
        The file can't be read: missing, no permission, truncated, not an image.
    ImageError
        It has several planes and none was chosen, or not that many.
    """
    try:
        # A damaged file is an error below; what readers think of odd tags is no news to the user.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            stack = _read_tiff(path) if path.suffix.lower() in _TIFF else _read_pillow(path)
    except FileNotFoundError as error:
        message = f"There is no file {str(path)!r}."
        raise FileError(message, path=str(path)) from error
    except PermissionError as error:
        message = f"No permission to read {str(path)!r}."
        raise FileError(
            message, hint="Change the file's permissions or copy it elsewhere.", path=str(path)
        ) from error
    except MemoryError as error:
        message = f"{path.name} does not fit into memory."
        raise ImageError(
            message, code="image-too-large", hint="Crop it, or use a machine with more memory."
        ) from error
    except Exception as error:  # decoders raise whatever they like on damaged data
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        message = f"{path.name} can't be read as an image: {reason}"
        raise FileError(
            message, hint="Is it complete? Open it in ImageJ and save it again as TIFF.", path=str(path)
        ) from error
    return _choose_plane(stack, plane, path)


def _read_tiff(path: Path) -> list[NDArray[Any]]:
    import tifffile

    with tifffile.TiffFile(path) as file:
        if not file.series:
            raise ValueError("no image inside")
        series = file.series[0]
        pixels = np.asarray(series.asarray())
        axes = series.axes
    # Bring samples and channels last, everything else in front: (planes..., Y, X[, C]).
    order = [axes.index(axis) for axis in axes if axis not in "YXSC"]
    channel = [axes.index(axis) for axis in axes if axis in "SC"]
    if len(channel) > 1:
        message = f"axes {axes} with both channels and colour samples"
        raise ValueError(message)
    pixels = np.transpose(pixels, [*order, axes.index("Y"), axes.index("X"), *channel])
    planes = pixels.reshape(-1, *pixels.shape[len(order) :])
    return list(planes)


def _read_pillow(path: Path) -> list[NDArray[Any]]:
    from PIL import Image, ImageSequence

    with Image.open(path) as image:
        return [_frame_pixels(frame) for frame in ImageSequence.Iterator(image)]


def _frame_pixels(frame: Any) -> NDArray[Any]:
    if frame.mode in {"1", "LA", "La"}:
        frame = frame.convert("L")
    elif frame.mode in {"P", "RGBA", "RGBX", "RGBa", "PA", "CMYK", "YCbCr", "LAB", "HSV"}:
        frame = frame.convert("RGB")
    pixels = np.asarray(frame)
    if pixels.ndim == 3 and (pixels[..., :1] == pixels).all():
        return pixels[..., 0]
    return pixels


def _choose_plane(stack: list[NDArray[Any]], plane: int | None, path: Path) -> NDArray[Any]:
    if not stack:
        message = f"{path.name} holds no image."
        raise FileError(message, path=str(path))
    if plane is None:
        if len(stack) > 1:
            message = f"{path.name} is a stack of {len(stack)} planes."
            raise ImageError(message, hint=f"Choose one with --plane 0 to --plane {len(stack) - 1}.")
        plane = 0
    if not 0 <= plane < len(stack):
        message = f"{path.name} has planes 0 to {len(stack) - 1}; plane {plane} was asked for."
        raise ImageError(message, hint="Planes are counted from 0.")
    return stack[plane]
