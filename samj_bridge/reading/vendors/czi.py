"""Zeiss's CZI, by Zeiss's own pylibCZIrw: scenes are series, mosaics are put together, its pyramid is used."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from samj_bridge.errors import ImageError
from samj_bridge.reading.description import Description, PixelSize, Series
from samj_bridge.reading.opened import PlaneSource
from samj_bridge.reading.vendors.extras import need

__all__ = ["CziSource", "open_czi"]

_TYPES = {
    "Gray8": ("uint8", 1),
    "Gray16": ("uint16", 1),
    "Gray32Float": ("float32", 1),
    "Bgr24": ("uint8", 3),
    "Bgr48": ("uint16", 3),
    "Bgr96Float": ("float32", 3),
}


@contextmanager
def open_czi(path: Path) -> Iterator[CziSource]:
    """Open a CZI; whatever pylibCZIrw raises comes through."""
    with need("pylibCZIrw.czi", path, "a Zeiss image (CZI)").open_czi(str(path)) as document:
        yield CziSource(path, document)


class CziSource(PlaneSource):
    """An open CZI."""

    def __init__(self, path: Path, document: Any) -> None:
        self.path, self._document = path, document
        self._lock = threading.Lock()
        self._bounds = document.total_bounding_box_no_pyramid
        scenes = dict(document.scenes_bounding_rectangle_no_pyramid)
        self._scenes: list[int | None] = sorted(scenes) if len(scenes) > 1 else [None]
        whole = document.total_bounding_rectangle_no_pyramid
        self._rectangles = [whole if scene is None else scenes[scene] for scene in self._scenes]
        self._types = {int(channel): str(kind) for channel, kind in document.pixel_types.items()}
        self._levels = _levels_of(document)
        information = _inside(document.metadata, "ImageDocument", "Metadata")
        described = tuple(self._describe(index, information) for index in range(len(self._scenes)))
        self.description = Description("CZI", described)

    def files(self) -> list[Path]:
        """Return the file."""
        return [self.path]

    def plane(self, series: Series, place: dict[str, int], channels: tuple[int, ...]) -> _CziPlane:
        """Return a plane; see `Source.plane`."""
        rectangle, scene = self._rectangles[series.index], self._scenes[series.index]
        first = sorted(self._types)
        wanted = [first[at] for at in channels] if channels and not series.colour else first
        kinds = {self._types[channel] for channel in wanted}
        if len(kinds) > 1:
            message = f"The channels of {self.path.name} are of different types: {', '.join(sorted(kinds))}."
            raise ImageError(message, hint="Choose one of them with --channels (channels= in Python).")
        start = {axis: self._bounds[axis][0] for axis in self._bounds if axis not in "XY"}
        at = {**start, **{axis: start[axis] + place[axis] for axis in place}}
        picked = channels if series.colour or series.channels > len(self._types) else ()
        planes = [{**at, "C": channel} for channel in wanted] if not picked else [{**at, "C": first[0]}]

        def read(region: tuple[int, int, int, int], zoom: float, number: int) -> NDArray[Any]:
            x, y, width, height = region
            roi = (rectangle.x + x, rectangle.y + y, width, height)
            with self._lock:
                return np.asarray(
                    self._document.read(
                        roi=roi,
                        plane=planes[number],
                        scene=scene,
                        zoom=zoom,
                        pixel_type=self._types[wanted[number]],
                    )
                )

        return _CziPlane((rectangle.h, rectangle.w), self._levels, len(planes), picked, read)

    def _describe(self, index: int, information: Any) -> Series:
        rectangle, scene = self._rectangles[index], self._scenes[index]
        kinds = [self._types[channel] for channel in sorted(self._types)]
        unknown = [kind for kind in kinds if kind not in _TYPES]
        if unknown or not kinds:
            message = f"its pixels are of the type {unknown[0] if unknown else 'none'}, which is not read"
            raise ValueError(message)
        dtype, samples = _TYPES[kinds[0]]
        outer = [
            axis for axis in self._bounds if axis not in "XYC" and self._bounds[axis][1] - self._bounds[axis][0] > 1
        ]
        outer.sort(key=lambda axis: "TZ".find(axis) if axis in "TZ" else -1)
        colour = samples == 3 and dtype == "uint8"
        channels = 1 if colour else (3 if samples == 3 else len(kinds))
        names = _channel_names(information) if samples == 1 else ()
        return Series(
            index=index,
            name=f"scene {scene}" if scene is not None else "",
            width=int(rectangle.w),
            height=int(rectangle.h),
            dtype=dtype,
            axes="".join(outer),
            counts=tuple(int(self._bounds[axis][1] - self._bounds[axis][0]) for axis in outer),
            channels=channels,
            colour=colour,
            channel_names=names if len(names) == channels and any(names) else (),
            pixel_size=_pixel_size(information),
        )


class _CziPlane:
    """A plane of a CZI: regions of its mosaic, at the sizes that its pyramid has."""

    def __init__(
        self, full: tuple[int, int], halvings: Sequence[int], planes: int, picked: tuple[int, ...], read: Any
    ) -> None:
        self._count, self._picked, self._read = planes, picked, read
        self._halvings = [times for times in (0, *halvings) if min(full) >> times > 0]
        self.levels = [(full[0] >> times, full[1] >> times) for times in self._halvings]
        self.notes: list[str] = []

    def read(self, level: int, y0: int, x0: int, height: int, width: int) -> NDArray[Any]:
        """Return a region of a level, (height, width) or (height, width, channels)."""
        times = self._halvings[level]
        region = (x0 << times, y0 << times, width << times, height << times)
        found = [self._read(region, 1 / (1 << times), number) for number in range(self._count)]
        for one in found:
            if one.shape[:2] != (height, width):
                message = f"pylibCZIrw gives {one.shape[1]} x {one.shape[0]} pixels of it"
                raise ValueError(message)
        if found[0].shape[2] == 3:
            # Blue comes first.
            pixels: NDArray[Any] = found[0][..., ::-1]
            if self._picked:
                return pixels[..., self._picked[0]] if len(self._picked) == 1 else pixels[..., list(self._picked)]
            return np.ascontiguousarray(pixels)
        merged: NDArray[Any] = found[0][..., 0] if self._count == 1 else np.concatenate(found, axis=2)
        return merged


def _levels_of(document: Any) -> list[int]:
    """Return how often the levels of its pyramid are halved; others than halved ones are not used."""
    found: set[int] = set()

    def look(_index: int, block: Any) -> bool:
        zoom = float(block.get_zoom())
        times = round(np.log2(1 / zoom)) if 0 < zoom < 1 else 0
        if times and abs(zoom * (1 << times) - 1) < 0.05:
            found.add(int(times))
        return True

    document.enumerate_subblocks(look)
    return sorted(found)


def _inside(tree: Any, *names: str) -> Any:
    for name in names:
        tree = tree.get(name) if isinstance(tree, dict) else None
    return tree if tree is not None else {}


def _listed(thing: Any) -> list[Any]:
    return thing if isinstance(thing, list) else [thing] if thing else []


def _channel_names(information: Any) -> tuple[str, ...]:
    channels = _inside(information, "Information", "Image", "Dimensions", "Channels", "Channel")
    return tuple(str(item.get("@Name") or "") for item in _listed(channels) if isinstance(item, dict))


def _pixel_size(information: Any) -> PixelSize | None:
    sizes = {}
    for item in _listed(_inside(information, "Scaling", "Items", "Distance")):
        try:
            sizes[item["@Id"]] = float(item["Value"]) * 1e6
        except (KeyError, TypeError, ValueError):
            continue
    x, y = sizes.get("X", 0.0), sizes.get("Y", 0.0)
    return PixelSize(x, y, "um") if x > 0 and y > 0 else None
