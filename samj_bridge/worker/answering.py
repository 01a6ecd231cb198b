"""Prompts to outlines: on an encoded image, or on the tiles of a large one."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from samj_bridge.geometry.components import clean
from samj_bridge.geometry.measure import area, bounds
from samj_bridge.geometry.rasterise import rasterise
from samj_bridge.geometry.tile_prompts import Climb, bounds_of, outline_in_image, prompt_on_tile
from samj_bridge.geometry.tiling import Tile
from samj_bridge.geometry.trace import trace
from samj_bridge.protocol.segment import MOST_CANDIDATES, PromptMessage, RegionMessage, Wanted
from samj_bridge.worker.cache import Entry
from samj_bridge.worker.cut.uncut import Uncut
from samj_bridge.worker.engine import Engine
from samj_bridge.worker.families.base import Candidate, PromptArrays

__all__ = ["answers", "arrays_of"]

Check = Callable[[float | None], None]


def answers(
    engine: Engine, entry: Entry, prompts: Sequence[PromptMessage], wanted: Wanted, check: Check
) -> Iterator[tuple[int, list[RegionMessage]]]:
    """Yield each prompt's index and regions: in their order, or on a large image tile by tile."""
    if isinstance(entry.encoding, Uncut):
        yield from _on_tiles(engine, entry, entry.encoding, prompts, wanted, check)
        return
    # Networks give one mask or three; of three the best `candidates` are kept.
    asked = 1 if wanted.candidates == 1 else MOST_CANDIDATES
    arrays = [arrays_of(prompt) for prompt in prompts]
    for index, candidates in enumerate(engine.decode(entry, arrays, asked, check)):
        yield index, list(_regions(candidates[: wanted.candidates], wanted, index, entry.reply.shape))


def _on_tiles(
    engine: Engine, image: Entry, uncut: Uncut, prompts: Sequence[PromptMessage], wanted: Wanted, check: Check
) -> Iterator[tuple[int, list[RegionMessage]]]:
    # The same steps as the host's, samj_bridge/session/tiles/answers.py: a test holds them together.
    tiling = uncut.tiling
    boxes = [bounds_of(prompt.box, prompt.points, prompt.mask_rings) for prompt in prompts]
    climbs: dict[int, Climb[list[RegionMessage]]] = {
        index: Climb(tiling, boxes[index]) for index, prompt in enumerate(prompts) if prompt.clicks
    }
    waiting: dict[Tile, list[int]] = {}
    for index, box in enumerate(boxes):
        waiting.setdefault(tiling.of(box), []).append(index)
    while waiting:
        tile = min(waiting)
        asked = waiting.pop(tile)
        parts = [_on_tile(uncut, tile, prompts[index]) for index in asked]
        here = wanted.drawn_with(tiling.drawn(tile)[1])
        for number, regions in answers(engine, engine.encode_tile(image, uncut, tile, check), parts, here, check):
            index = asked[number]
            placed = [_placed(uncut, tile, region, index) for region in regions]
            if index in climbs and placed:
                rings = [np.array(ring, np.int32).reshape(-1, 2) for ring in placed[0].rings]
                following = climbs[index].step(tile, placed, bounds(rings), area(rings), placed[0].score)
                if isinstance(following, Tile):
                    waiting.setdefault(following, []).append(index)
                    continue
                placed = following
            yield index, placed


def _on_tile(uncut: Uncut, tile: Tile, prompt: PromptMessage) -> PromptMessage:
    parts = prompt_on_tile(uncut.tiling, tile, prompt.box, prompt.points, prompt.negative, prompt.mask_rings)
    return PromptMessage(*parts)


def _placed(uncut: Uncut, tile: Tile, region: RegionMessage, index: int) -> RegionMessage:
    rings = [np.array(ring, np.int32).reshape(-1, 2) for ring in region.rings]
    outline = outline_in_image(uncut.tiling, tile, rings)
    return RegionMessage(index, region.candidate, region.score, tuple(ring.ravel().tolist() for ring in outline))


def _regions(
    found: Sequence[Candidate], wanted: Wanted, index: int, shape: tuple[int, int]
) -> Iterator[RegionMessage]:
    for number, candidate in enumerate(found):
        x, y = candidate.origin_xy
        # A tile's last row and column may stand for pixels beyond the image.
        inside = candidate.mask[: max(0, shape[0] - y), : max(0, shape[1] - x)]
        mask = clean(inside, fill=wanted.fill_holes, largest=wanted.largest_only, min_area=wanted.min_area)
        rings = trace(mask, candidate.origin_xy)
        score = float(candidate.score)
        yield RegionMessage(
            index,
            number,
            min(max(score, 0.0), 1.0) if math.isfinite(score) else None,
            tuple(ring.ravel().tolist() for ring in rings),
        )


def arrays_of(prompt: PromptMessage) -> PromptArrays:
    """Return a prompt as networks take it."""
    mask, origin = None, (0, 0)
    if prompt.mask_rings:
        rings = [np.array(ring, np.int32).reshape(-1, 2) for ring in prompt.mask_rings]
        corners = np.concatenate(rings)
        (x0, y0), (x1, y1) = corners.min(axis=0).tolist(), corners.max(axis=0).tolist()
        origin = (x0, y0)
        mask = rasterise(rings, (y1 - y0, x1 - x0), origin)
    return PromptArrays(
        prompt.box,
        np.array(prompt.points, np.float32).reshape(-1, 2),
        np.array(prompt.negative, np.float32).reshape(-1, 2),
        mask,
        origin,
    )
