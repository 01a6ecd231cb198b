"""Labels in the image's own OME-Zarr: a pyramid of int32, as its viewers expect them, written piece by piece."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from samj_bridge.errors import FileError, InputError
from samj_bridge.export.tiled_labels import label_tiles
from samj_bridge.geometry.region import Region

__all__ = ["LabelPyramid", "write_label_pyramid"]

_STRIP_PX = 2**24
"""Pixels of a level that are in memory while the next one is made."""


class LabelPyramid:
    """Labels in an OME-Zarr image, at its own levels; use it in a ``with`` block.

    Pieces are written in any order, at full resolution; the other levels are made at the end, by taking every
    second pixel, so that no label is mixed with another. All of it is written beside ``labels/NAME``, in
    ``labels/.samj-NAME``, and takes its place at the end, when the image names its labels, too. What a killed run
    leaves is replaced by the next one, and labels that were there before stay until then.

    Parameters
    ----------
    image : path
        Folder of an OME-Zarr image, 0.4 or 0.5.
    name : str
        What the labels are called: ``labels/NAME``.
    place : mapping of str to int
        Which slice and frame they belong to, from 0: ``{"z": 3}``. The others are background.
    overwrite : bool
        Whether labels of this name may be replaced.
    chunk : int
        Side of a chunk; pieces that begin at multiples of it are written without being read first.

    Raises
    ------
    FileError
        It is no OME-Zarr image, can't be written to, or has labels of this name.
    InputError
        zarr is not installed, or the name can't be one.
    """

    def __init__(
        self,
        image: str | Path,
        name: str,
        *,
        place: Mapping[str, int] | None = None,
        overwrite: bool = False,
        chunk: int = 1024,
    ) -> None:
        self._image, self.name = Path(image), name
        if not name or name.startswith((".", "__")) or set(name) & set('/\\:*?"<>|'):
            message = f"Labels can't be called {name!r}."
            raise InputError(message, hint="Use letters, digits, - and _.")
        self._new = (self._image / "zarr.json").is_file()
        told = _attributes(self._image)
        self._told = told.get("ome", told) if self._new else told
        try:
            scales = self._told["multiscales"][0]
            self._axes = [axis if isinstance(axis, dict) else {"name": axis} for axis in scales["axes"]]
            self._datasets = list(scales["datasets"])
        except (KeyError, IndexError, TypeError) as error:
            message = f"{self._image.name} is no OME-Zarr image: its metadata names no multiscales with axes."
            raise FileError(
                message, hint="Labels can be written to OME-Zarr 0.4 and 0.5.", path=str(image)
            ) from error
        self._folder = self._image / "labels" / name
        if self._folder.exists() and not overwrite and name in self._listed():
            message = f"{self._image.name} has labels called {name!r}."
            raise FileError(message, hint="Choose another name, or overwrite them.", path=str(self._folder))
        self._zarr = _zarr()
        self._kept = [at for at, axis in enumerate(self._axes) if axis.get("type") != "channel"]
        self._letters = [str(self._axes[at]["name"]) for at in self._kept]
        self._index = tuple((place or {}).get(letter, 0) for letter in self._letters[:-2])
        self._chunk = chunk
        self._draft = self._folder.with_name(f".samj-{name}")
        self._arrays: list[Any] = []
        self._sizes = [self._size(level) for level in range(len(self._datasets))]
        self.shape: tuple[int, int] = (self._sizes[0][-2], self._sizes[0][-1])
        """(Y, X) of the labels."""

    def write(self, y0: int, x0: int, labels: NDArray[Any]) -> None:
        """Write a piece; what was there is replaced.

        Raises
        ------
        InputError
            It is not inside, or has numbers that int32 does not hold.
        """
        height, width = labels.shape
        if y0 < 0 or x0 < 0 or y0 + height > self.shape[0] or x0 + width > self.shape[1]:
            whole = f"{self.shape[1]} x {self.shape[0]}"
            message = f"A piece of {width} x {height} labels at ({x0}, {y0}) is not inside {whole}."
            raise InputError(message)
        if labels.size and (labels.min() < 0 or labels.max() >= 2**31):
            message = f"Labels lie between 0 and 2,147,483,647, not {labels.min()} and {labels.max()}."
            raise InputError(message)
        self._begin()
        where = (*self._index, slice(y0, y0 + height), slice(x0, x0 + width))
        self._arrays[0][where] = labels.astype(np.int32)

    def finish(self, check: Callable[[float], None] = lambda _fraction: None) -> Path:
        """Make the other levels, and let the image name its labels; returns their folder.

        `check` hears of the part that is done, and may raise: then there are no labels.
        """
        self._begin()
        pixels = sum(size[-2] * size[-1] for size in self._sizes[1:])
        before = 0
        for finer, coarser in zip(self._arrays, self._arrays[1:], strict=False):
            own = coarser.shape[-2] * coarser.shape[-1]
            for part in _reduce(finer, coarser, self._index):
                check((before + part * own) / pixels)
            before += own
        scales = {
            "name": self.name,
            "axes": [self._axes[at] for at in self._kept],
            "datasets": [self._dataset(level) for level in range(len(self._datasets))],
        }
        version = str(self._told.get("version") or ("0.5" if self._new else "0.4"))
        label = {"source": {"image": "../../"}}
        if self._new:
            told: dict[str, Any] = {"ome": {"version": version, "multiscales": [scales], "image-label": label}}
        else:
            told = {"multiscales": [{"version": "0.4", **scales}], "image-label": {"version": "0.4", **label}}
        self._zarr.open_group(str(self._draft), mode="a").attrs.update(told)
        shutil.rmtree(self._folder, ignore_errors=True)
        self._draft.replace(self._folder)
        names = list(dict.fromkeys([*self._listed(), self.name]))
        listing = {"ome": {"version": version, "labels": names}} if self._new else {"labels": names}
        parent = self._zarr.open_group(str(self._folder.parent), mode="a", zarr_format=3 if self._new else 2)
        parent.attrs.update(listing)
        return self._folder

    def __enter__(self) -> LabelPyramid:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.finish()

    def _listed(self) -> list[str]:
        folder = self._image / "labels"
        told = _attributes(folder) if folder.is_dir() else {}
        told = told.get("ome", told)
        found = told.get("labels", []) if isinstance(told, dict) else []
        return [str(name) for name in found] if isinstance(found, list) else []

    def _begin(self) -> None:
        if not self._arrays:
            shutil.rmtree(self._draft, ignore_errors=True)
            self._arrays = [self._make(level, self._chunk) for level in range(len(self._datasets))]

    def _size(self, level: int) -> tuple[int, ...]:
        source = self._zarr.open_array(str(self._image / str(self._datasets[level]["path"])), mode="r")
        return tuple(int(source.shape[at]) for at in self._kept)

    def _make(self, level: int, chunk: int) -> Any:
        shape = self._sizes[level]
        group = self._zarr.open_group(str(self._draft), mode="a", zarr_format=3 if self._new else 2)
        options: dict[str, Any] = {"dimension_names": self._letters}
        if not self._new:
            options = {"chunk_key_encoding": {"name": "v2", "separator": "/"}}
        chunks = (*(1 for _ in shape[:-2]), min(chunk, shape[-2]), min(chunk, shape[-1]))
        return group.create_array(str(level), shape=shape, dtype="int32", chunks=chunks, fill_value=0, **options)

    def _dataset(self, level: int) -> dict[str, Any]:
        steps = []
        for step in self._datasets[level].get("coordinateTransformations", []):
            key = str(step.get("type"))
            if key in step and isinstance(step[key], list):
                steps.append({"type": key, key: [step[key][at] for at in self._kept]})
        return {"path": str(level), "coordinateTransformations": steps}


def write_label_pyramid(
    image: str | Path,
    name: str,
    regions: Region | Iterable[Region],
    *,
    place: Mapping[str, int] | None = None,
    overwrite: bool = False,
    check: Callable[[float], None] = lambda _fraction: None,
) -> Path:
    """Write regions as labels of an OME-Zarr image; the n-th has label n, and where they overlap, as `label_image`.

    Regions may be those of a stream (`Scene.stream_everything`): they are kept on disk, and memory does not grow
    with them. Whether the labels can be written is looked at before the first one is asked for.

    Parameters, errors: as `LabelPyramid`; `check` hears of the part that is written, and may raise.

    Returns
    -------
    Path
        The folder of the labels.
    """
    pyramid = LabelPyramid(image, name, place=place, overwrite=overwrite)
    for y0, x0, labels in label_tiles(regions, pyramid.shape):
        check(0.75 * y0 / pyramid.shape[0])
        pyramid.write(y0, x0, labels)
    return pyramid.finish(lambda fraction: check(0.75 + fraction / 4))


def _reduce(finer: Any, coarser: Any, index: tuple[int, ...]) -> Iterator[float]:
    """Fill a level strip by strip; yields the part that is done."""
    (full_h, full_w), (high, wide) = finer.shape[-2:], coarser.shape[-2:]
    rows = np.minimum(np.arange(high) * full_h // high, full_h - 1)
    columns = np.minimum(np.arange(wide) * full_w // wide, full_w - 1)
    deep = max(1, _STRIP_PX // max(1, full_w) * high // full_h)
    deep = max(1, deep // coarser.chunks[-2]) * coarser.chunks[-2]
    for top in range(0, high, deep):
        picked = rows[top : top + deep]
        source = (*index, slice(int(picked[0]), int(picked[-1]) + 1), slice(None))
        target = (*index, slice(top, top + len(picked)), slice(None))
        strip = np.asarray(finer[source])
        part = strip[picked - picked[0]][:, columns]
        if part.any():
            coarser[target] = part
        yield min(1.0, (top + deep) / high)


def _attributes(folder: Path) -> dict[str, Any]:
    try:
        if (folder / "zarr.json").is_file():
            found = json.loads((folder / "zarr.json").read_text(encoding="utf-8")).get("attributes", {})
        else:
            found = json.loads((folder / ".zattrs").read_text(encoding="utf-8"))
    except (OSError, ValueError, AttributeError):
        return {}
    return found if isinstance(found, dict) else {}


def _zarr() -> Any:
    message = "Labels are written to OME-Zarr by zarr 3, which is not installed."
    hint = "Run: pip install 'samj-bridge[large]' (Python 3.11 or newer)."
    try:
        import zarr
    except ImportError as error:
        raise InputError(message, hint=hint) from error
    # What Python 3.10 gets is zarr 2.
    if int(str(zarr.__version__).split(".", maxsplit=1)[0]) < 3:
        raise InputError(message, hint=hint)
    return zarr
