"""OME-Zarr of versions 0.1 to 0.5, sharded or not, and plain Zarr arrays: read in place by zarr."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from samj_bridge.errors import FileError
from samj_bridge.reading.description import Description, Series
from samj_bridge.reading.levels import fitting_levels
from samj_bridge.reading.opened import PlaneSource
from samj_bridge.reading.vendors.extras import need
from samj_bridge.reading.vendors.ngff import Multiscale, is_zarr, multiscales_of

__all__ = ["ZarrSource", "open_zarr"]

_RGB = ("FF0000", "00FF00", "0000FF")


@contextmanager
def open_zarr(path: Path) -> Iterator[ZarrSource]:
    """Open a Zarr folder; whatever zarr raises comes through."""
    yield ZarrSource(path, need("zarr", path, "a Zarr image"))


class ZarrSource(PlaneSource):
    """An open Zarr folder."""

    def __init__(self, path: Path, zarr: Any) -> None:
        self.path, self._zarr = path, zarr
        self._images = multiscales_of(path)
        if not self._images and self._is_array(path):
            self._images = [Multiscale(path.parent, "", (path.name,), "", None, bare=True)]
        if not self._images:
            inside = sorted(child.name for child in path.iterdir() if child.is_dir() and is_zarr(child))
            message = f"{path.name} is a Zarr group, but no image: its metadata names no multiscales."
            names = ", ".join(inside[:8]) + (", ..." if len(inside) > 8 else "")
            hint = f"Name what is inside it: {names}." if inside else "Is it complete?"
            raise FileError(message, code="no-image-inside", hint=hint, path=str(path))
        self._arrays = [self._open(image, 0) for image in self._images]
        described = tuple(self._describe(index) for index in range(len(self._images)))
        first = self._images[0]
        self.description = Description(
            "Zarr array" if first.bare else f"OME-Zarr {first.version}".strip(), described
        )

    def files(self) -> list[Path]:
        """Return the files that describe the first image; its chunks are too many to be watched."""
        names = ("zarr.json", ".zattrs", ".zarray")
        folders = [self.path, *(image.folder / image.paths[0] for image in self._images[:1])]
        return [folder / name for folder in folders for name in names if (folder / name).is_file()]

    def plane(self, series: Series, place: dict[str, int], channels: tuple[int, ...]) -> ZarrPlane:
        """Return a plane; see `Source.plane`."""
        image, finest = self._images[series.index], self._arrays[series.index]
        axes = _axes_of(image, finest)
        levels, notes = [], []
        for number, path in enumerate(image.paths[1:], start=1):
            try:
                array = self._open(image, number)
            except Exception as error:  # noqa: BLE001 - whatever is wrong with it, the image is there
                notes.append(f"level {path} can't be opened ({_reason(error)}) and was left out")
                continue
            if _rest(array.shape, axes) != _rest(finest.shape, axes) or array.dtype != finest.dtype:
                notes.append(f"level {path} is of another kind ({array.shape}, {array.dtype}) and was left out")
            else:
                levels.append((_size(array.shape, axes), array))
        kept, others = fitting_levels(_size(finest.shape, axes), levels)
        return ZarrPlane([finest, *kept], axes, place, channels, colour=series.colour, notes=[*notes, *others])

    def _open(self, image: Multiscale, level: int) -> Any:
        folder = image.folder / image.paths[level]
        if not folder.is_dir():
            message = f"level {image.paths[level]} of {image.name or image.folder.name} is missing"
            raise ValueError(message)
        return self._zarr.open_array(str(folder), mode="r")

    def _is_array(self, path: Path) -> bool:
        try:
            self._zarr.open_array(str(path), mode="r")
        except Exception:  # noqa: BLE001 - zarr has many errors for a group where an array should be
            return False
        return True

    def _describe(self, index: int) -> Series:
        image, array = self._images[index], self._arrays[index]
        axes = _axes_of(image, array)
        counts = dict(zip(axes, array.shape, strict=True))
        channels = int(counts.get("C", 1))
        outer = [axis for axis in axes if axis not in "YXC" and counts[axis] > 1]
        colour = array.dtype == np.uint8 and (
            (image.bare and channels in {3, 4}) or (channels == 3 and image.channel_colours == _RGB)
        )
        names = image.channel_names if len(image.channel_names) == channels else ()
        windows = image.channel_windows if len(image.channel_windows) == channels else ()
        return Series(
            index=index,
            name=image.name if len(self._images) > 1 else "",
            width=int(counts["X"]),
            height=int(counts["Y"]),
            dtype=str(array.dtype.newbyteorder("=")),
            axes="".join(outer),
            counts=tuple(int(counts[axis]) for axis in outer),
            channels=1 if colour else channels,
            colour=colour,
            channel_names=() if colour or not any(names) else names,
            channel_windows=() if colour or not any(windows) else windows,
            pixel_size=image.pixel_size,
        )


class ZarrPlane:
    """A plane of a Zarr image with its levels."""

    def __init__(
        self,
        arrays: Sequence[Any],
        axes: str,
        place: dict[str, int],
        channels: tuple[int, ...],
        *,
        colour: bool,
        notes: list[str],
    ) -> None:
        self._arrays, self._axes, self._place = arrays, axes, place
        self.notes = notes
        count = arrays[0].shape[axes.index("C")] if "C" in axes else 1
        self._several = len(channels) != 1 and (colour or count > 1)
        self._channels = list(channels) or (list(range(3)) if colour else [0])
        if not channels and not colour and "C" in axes:
            self._channels = list(range(count))
        self.levels = [_size(array.shape, axes) for array in arrays]
        """Height and width of each, largest first."""

    def read(self, level: int, y0: int, x0: int, height: int, width: int) -> NDArray[Any]:
        """Return a region of a level, (height, width) or (height, width, channels)."""
        planes = [self._one(level, channel, y0, x0, height, width) for channel in self._channels]
        return np.stack(planes, axis=-1) if self._several else planes[0]

    def read_grid(self, level: int, ys: Sequence[int], xs: Sequence[int], height: int, width: int) -> NDArray[Any]:
        """Return many regions at once: zarr's own share of a read is then paid once.

        They begin at each row of `ys` and each column of `xs`, and lie in what is returned as in the image, without
        what is between them.
        """
        rows = np.concatenate([np.arange(y, y + height) for y in ys])
        columns = np.concatenate([np.arange(x, x + width) for x in xs])
        planes = []
        for channel in self._channels:
            found = np.asarray(self._arrays[level].oindex[self._index(channel, rows, columns)])
            if self._axes.index("X") < self._axes.index("Y"):
                found = found.T
            found = found.astype(found.dtype.newbyteorder("="), copy=False)
            for i, y in enumerate(ys):
                for j, x in enumerate(xs):
                    part = found[i * height : (i + 1) * height, j * width : (j + 1) * width]
                    self._look_for_lost_chunks(level, channel, y, x, part)
            planes.append(found)
        return np.stack(planes, axis=-1) if self._several else planes[0]

    def _one(self, level: int, channel: int, y0: int, x0: int, height: int, width: int) -> NDArray[Any]:
        array = self._arrays[level]
        index = self._index(channel, slice(y0, y0 + height), slice(x0, x0 + width))
        found = np.asarray(array[index])
        if self._axes.index("X") < self._axes.index("Y"):
            found = found.T
        found = found.astype(found.dtype.newbyteorder("="), copy=False)
        self._look_for_lost_chunks(level, channel, y0, x0, found)
        return found

    def _index(self, channel: int, y: Any, x: Any) -> tuple[Any, ...]:
        where: dict[str, Any] = {**self._place, "C": channel, "Y": y, "X": x}
        return tuple(where.get(axis, 0) for axis in self._axes)

    def _look_for_lost_chunks(self, level: int, channel: int, y0: int, x0: int, found: NDArray[Any]) -> None:
        """Refuse what zarr fills in for a chunk that is gone.

        A chunk of nothing but background may never have been written; a coarser level tells one from the other.
        """
        array = self._arrays[level]
        empty = array.fill_value if array.fill_value is not None else 0
        chunks = getattr(array, "shards", None) or array.chunks
        deep, wide = chunks[self._axes.index("Y")], chunks[self._axes.index("X")]
        height, width = found.shape
        for row in range(y0 // deep, (y0 + height - 1) // deep + 1):
            for column in range(x0 // wide, (x0 + width - 1) // wide + 1):
                top, left = max(row * deep, y0), max(column * wide, x0)
                bottom, right = min((row + 1) * deep, y0 + height), min((column + 1) * wide, x0 + width)
                part = found[top - y0 : bottom - y0, left - x0 : right - x0]
                if not (part == empty).all():
                    continue
                key = self._key(array, chunks, channel, row, column)
                if key is None or key.exists():
                    continue
                if self._is_empty_above(level, channel, (top, left, bottom, right), empty):
                    note = f"chunks that are not there were read as {empty}"
                    self.notes += [note] if note not in self.notes else []
                    continue
                message = f"chunk {key.name} of level {level} is missing, and a coarser level shows it isn't empty"
                raise ValueError(message)

    def _key(self, array: Any, chunks: Sequence[int], channel: int, row: int, column: int) -> Path | None:
        where = {**self._place, "C": channel}
        place = tuple(
            row if axis == "Y" else column if axis == "X" else where.get(axis, 0) // size
            for axis, size in zip(self._axes, chunks, strict=True)
        )
        try:
            path: Path = Path(str(array.store.root)) / array.path / str(array.metadata.encode_chunk_key(place))
            return path
        except AttributeError:
            return None

    def _is_empty_above(self, level: int, channel: int, area: tuple[int, int, int, int], empty: Any) -> bool:
        """Return whether the next coarser level has nothing there either; there may be none to ask."""
        if level + 1 >= len(self.levels):
            return True
        (full_h, full_w), (high, wide) = self.levels[level], self.levels[level + 1]
        # A pixel inwards: a reduced pixel at the edge has a part of its neighbours'.
        top, left = -(-area[0] * high // full_h) + 1, -(-area[1] * wide // full_w) + 1
        bottom, right = area[2] * high // full_h - 1, area[3] * wide // full_w - 1
        if bottom <= top or right <= left:
            return True
        index = self._index(channel, slice(top, bottom), slice(left, right))
        return bool((np.asarray(self._arrays[level + 1][index]) == empty).all())


def _axes_of(image: Multiscale, array: Any) -> str:
    if image.axes:
        if len(image.axes) != array.ndim or not {"Y", "X"} <= set(image.axes):
            message = f"its array has {array.ndim} axes, its metadata names {image.axes}"
            raise ValueError(message)
        return image.axes
    if image.bare and array.ndim == 3:
        # Colours last, or pages first.
        return "YXC" if array.shape[2] in {3, 4} and array.dtype == np.uint8 else "IYX"
    if not 2 <= array.ndim <= 5:
        message = f"an array of {array.ndim} axes is no image"
        raise ValueError(message)
    return "TCZYX"[-array.ndim :]


def _size(shape: Sequence[int], axes: str) -> tuple[int, int]:
    return int(shape[axes.index("Y")]), int(shape[axes.index("X")])


def _rest(shape: Sequence[int], axes: str) -> tuple[int, ...]:
    if len(shape) != len(axes):
        return tuple(shape)
    return tuple(count for axis, count in zip(axes, shape, strict=True) if axis not in "YX")


def _reason(error: Exception) -> str:
    return str(error).partition("\n")[0].strip().rstrip(".") or type(error).__name__
