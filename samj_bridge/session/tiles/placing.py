"""Prompts from the image to a tile, and regions from a tile to the image."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from samj_bridge.geometry.rasterise import rasterise
from samj_bridge.geometry.region import Region
from samj_bridge.geometry.tiling import Box, Tile, Tiling
from samj_bridge.geometry.trace import trace
from samj_bridge.protocol.segment import PromptMessage, Wanted

__all__ = ["box_of", "is_click", "message_on", "region_in_image", "wanted_on"]


def box_of(prompt: PromptMessage) -> Box:
    """Return the bounding box of what a prompt says of its object: box, positive points and mask together."""
    xs = [x for x, _ in prompt.points]
    ys = [y for _, y in prompt.points]
    if prompt.box is not None:
        xs += prompt.box[::2]
        ys += prompt.box[1::2]
    for ring in prompt.mask_rings:
        xs += ring[::2]
        ys += ring[1::2]
    return float(min(xs)), float(min(ys)), float(max(xs)), float(max(ys))


def is_click(prompt: PromptMessage) -> bool:
    """Return whether only points say what is meant, so that its extent is not known."""
    return prompt.box is None and not prompt.mask_rings


def message_on(tiling: Tiling, tile: Tile, prompt: PromptMessage) -> PromptMessage:
    """Return a prompt in the pixels in which answers on a tile are drawn.

    Negative points outside the tile say nothing about what is in it, and are left out.
    """
    left, top, right, bottom = tiling.extent(tile)
    step = tiling.drawn(tile)[1]

    def placed(point: tuple[float, float]) -> tuple[float, float]:
        return (point[0] - left) / step, (point[1] - top) / step

    box = prompt.box
    if box is not None:
        box = (*placed((box[0], box[1])), *placed((box[2], box[3])))
    rings = _rings_on(prompt.mask_rings, (left, top), step)
    if prompt.mask_rings and not rings and box is None and not prompt.points:
        # A line that is too thin to be seen at this reduction: where it lies is still said.
        x0, y0, x1, y1 = box_of(prompt)
        box = (*placed((x0, y0)), *placed((x1, y1)))
    return PromptMessage(
        box,
        tuple(placed(point) for point in prompt.points),
        tuple(
            placed(point) for point in prompt.negative if left <= point[0] <= right and top <= point[1] <= bottom
        ),
        rings,
    )


def wanted_on(tiling: Tiling, tile: Tile, wanted: Wanted) -> Wanted:
    """Return what is wanted of answers, areas counted in the pixels in which they are drawn."""
    step = tiling.drawn(tile)[1]
    return replace(wanted, min_area=-(-wanted.min_area // step**2))


def region_in_image(tiling: Tiling, tile: Tile, region: Region, index: int) -> Region:
    """Return a region that was answered on a tile, in the pixels of the image; `index` is its prompt's."""
    left, top, _, _ = tiling.extent(tile)
    step = tiling.drawn(tile)[1]
    # The last pixel that is drawn may stick out of an image whose sides are no multiples of it.
    limit = np.array(tiling.image_hw[::-1], np.int32)
    rings = tuple(np.minimum(ring * step + np.array((left, top), np.int32), limit) for ring in region.rings)
    return replace(region, rings=rings, shape=tiling.image_hw, prompt_index=index)


def _rings_on(
    rings: tuple[tuple[int, ...], ...], origin_xy: tuple[int, int], step: int
) -> tuple[tuple[int, ...], ...]:
    if not rings:
        return ()
    placed = [np.array(ring, np.int64).reshape(-1, 2) - np.array(origin_xy) for ring in rings]
    if step > 1:
        # Rounded outlines may touch themselves: they are drawn, and traced again.
        rounded = [np.asarray((ring + step // 2) // step, np.int32) for ring in placed]
        corners = np.concatenate(rounded)
        (x0, y0), (x1, y1) = corners.min(0).tolist(), corners.max(0).tolist()
        if x0 == x1 or y0 == y1:
            return ()
        placed = [np.asarray(ring) for ring in trace(rasterise(rounded, (y1 - y0, x1 - x0), (x0, y0)), (x0, y0))]
    return tuple(tuple(ring.ravel().tolist()) for ring in placed)
