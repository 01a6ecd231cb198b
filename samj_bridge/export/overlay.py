"""A picture to look at: the image with its regions' outlines."""

from __future__ import annotations

import colorsys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo

from samj_bridge.errors import ImageError, InputError
from samj_bridge.export.output import MARK, Check, check_regions, numbered, replacing, unchecked
from samj_bridge.geometry.region import Region

__all__ = ["draw_overlay", "to_display", "write_overlay"]

_AIM = 1200
"""Longer side of a small image's overlay, in pixels, that enlarging aims at."""
_CHANNEL_COLOURS = ((0, 255, 0), (255, 0, 255), (0, 255, 255), (255, 160, 0), (90, 120, 255), (255, 255, 0))


def write_overlay(
    path: str | Path,
    pixels: ArrayLike,
    regions: Region | Iterable[Region],
    *,
    ranges: Sequence[tuple[float, float]] | None = None,
    scale: int | None = None,
    fill: float = 0.2,
    numbers: bool = False,
    check: Check = unchecked,
) -> Path:
    """Write the image with its regions as a PNG.

    Parameters
    ----------
    path : path
        File ending with ``.png``; replaced if it is there, whole or not at all.
    pixels : (Y, X) or (Y, X, C) array
        The image; three channels of bytes are taken as red, green and blue.
    regions : Region or iterable of Region
        Each gets a colour of its own; empty ones are left out.
    ranges : sequence of (low, high), optional
        Display range, one or one per channel; by default robust percentiles, and 0 to 255 for RGB.
    scale : int, optional
        Screen pixels per image pixel, from 1; by default small images are enlarged.
    fill : float
        How much of the colour covers the inside, 0 to 1.
    numbers : bool
        Whether each region shows its place in the list, from 1.
    check : callable
        Hears of the part that is written, and may raise: then there is no file.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    ImageError
        `pixels` is no image.
    InputError
        Something is no region, or another argument is out of range.
    FileError, NoSpaceError
        The file can't be written.
    """
    picture = draw_overlay(pixels, regions, ranges=ranges, scale=scale, fill=fill, numbers=numbers, check=check)
    with replacing(path, ".png") as draft:
        marked = PngInfo()
        marked.add_text("Software", f"{MARK} overlay")
        # Level 6, Pillow's own, takes three times as long for a file that is a twentieth smaller or larger.
        Image.fromarray(picture).save(draft, pnginfo=marked, compress_level=3)
    return Path(path)


def draw_overlay(
    pixels: ArrayLike,
    regions: Region | Iterable[Region],
    *,
    ranges: Sequence[tuple[float, float]] | None = None,
    scale: int | None = None,
    fill: float = 0.2,
    numbers: bool = False,
    check: Check = unchecked,
) -> NDArray[np.uint8]:
    """Return the picture that `write_overlay` writes: (Y * scale, X * scale, 3) bytes."""
    listed = numbered(check_regions(regions))
    image = to_display(pixels, ranges)
    if scale is None:
        scale = min(max(round(_AIM / max(image.shape)), 1), 4)
    if not isinstance(scale, int) or scale < 1 or not 0 <= fill <= 1:
        message = f"scale must be a whole number from 1 and fill lie between 0 and 1, not {scale!r} and {fill!r}."
        raise InputError(message)
    size = (image.shape[1] * scale, image.shape[0] * scale)
    canvas = np.array(Image.fromarray(image).resize(size, Image.Resampling.BICUBIC))
    for place, (_, region) in enumerate(listed):
        check(place / len(listed))
        _paint(canvas, region, _colour(place), scale, fill)
    if not numbers:
        return canvas
    picture = Image.fromarray(canvas)
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(max(11, 4 * scale + 4))
    for number, region in listed:
        x, y = region.centroid_xy
        draw.text(
            (x * scale, y * scale),
            f"{number}",
            "white",
            font,
            "mm",
            stroke_width=max(scale // 2, 1),
            stroke_fill="black",
        )
    return np.array(picture)


def to_display(pixels: ArrayLike, ranges: Sequence[tuple[float, float]] | None = None) -> NDArray[np.uint8]:
    """Return an image as (Y, X, 3) bytes, as a person would want to see it.

    Raises
    ------
    ImageError
        `pixels` has no pixels, or another shape or kind than an image's.
    InputError
        `ranges` has another length than the channels.
    """
    image: NDArray[Any] = np.asarray(pixels)
    if image.dtype.kind not in "buif" or image.ndim not in {2, 3} or not image.size:
        message = f"An array of shape {image.shape} and type {image.dtype} is no image to draw on."
        raise ImageError(message, hint="Hand in (Y, X) or (Y, X, C) numbers.")
    if image.ndim == 3 and image.shape[2] == 3 and image.dtype == np.uint8 and ranges is None:
        return image
    if image.ndim == 2:
        image = image[:, :, None]
    count = image.shape[2]
    if ranges is not None and len(ranges) not in {1, count}:
        message = f"{len(ranges)} display ranges were given for {count} channels."
        raise InputError(message, hint="Give one, or one per channel.")
    limits = [None] * count if ranges is None else list(ranges) * (count if len(ranges) == 1 else 1)
    layers = [_stretch(image[:, :, channel], limits[channel]) for channel in range(count)]
    if count == 1:
        return np.repeat(_to_bytes(layers[0])[:, :, None], 3, axis=2)
    if count == 3:
        return _to_bytes(np.stack(layers, axis=2))
    merged = np.zeros((*image.shape[:2], 3), np.float32)
    for channel, layer in enumerate(layers):
        colour = np.array(_CHANNEL_COLOURS[channel % len(_CHANNEL_COLOURS)], np.float32) / 255
        merged += layer[:, :, None] * colour
    return _to_bytes(np.minimum(merged, 1))


def _stretch(plane: NDArray[Any], limits: tuple[float, float] | None) -> NDArray[np.float32]:
    """Return a plane as fractions, 0 at the lower limit and 1 at the upper one; NaN is 0."""
    values = plane.astype(np.float32)
    if limits is None:
        finite = values[np.isfinite(values)]
        sample = finite[:: max(finite.size // 1_000_000, 1)]
        low, high = np.percentile(sample, (0.2, 99.8)).tolist() if sample.size else (0.0, 1.0)
    else:
        low, high = limits
    # A display range with its ends swapped is an inverted one.
    span = high - low or 1.0
    fractions: NDArray[np.float32] = np.clip((values - np.float32(low)) / np.float32(span), 0, 1)
    fractions[np.isnan(fractions)] = 0
    return fractions


def _to_bytes(fractions: NDArray[np.float32]) -> NDArray[np.uint8]:
    return np.rint(fractions * 255).astype(np.uint8)


def _colour(place: int) -> tuple[int, int, int]:
    """Return the colour at a place in an endless row: hues a golden ratio apart, so that neighbours differ."""
    hue = (0.12 + place * 0.618034) % 1
    red, green, blue = colorsys.hsv_to_rgb(hue, (0.95, 0.7, 0.85)[place % 3], 1.0)
    return round(255 * red), round(255 * green), round(255 * blue)


def _paint(
    canvas: NDArray[np.uint8], region: Region, colour: tuple[int, int, int], scale: int, fill: float
) -> None:
    """Tint a region and draw its outline just inside it, so that neighbours' outlines don't cover each other."""
    height, width = canvas.shape[0] // scale, canvas.shape[1] // scale
    crop, (x, y) = region.crop()
    top, left = max(y, 0), max(x, 0)
    seen = crop[top - y : max(height - y, 0), left - x : max(width - x, 0)]
    if not seen.size:
        return
    inside = np.repeat(np.repeat(seen, scale, axis=0), scale, axis=1)
    core = inside
    for _ in range((scale + 2) // 2):
        framed = np.pad(core, 1)
        core = core & framed[:-2, 1:-1] & framed[2:, 1:-1] & framed[1:-1, :-2] & framed[1:-1, 2:]
    part = canvas[
        top * scale : top * scale + inside.shape[0],
        left * scale : left * scale + inside.shape[1],
    ]
    tint = np.array(colour, np.float32)
    part[core] = np.rint(part[core] * (1 - fill) + tint * fill).astype(np.uint8)
    part[inside & ~core] = colour
