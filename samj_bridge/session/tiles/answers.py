"""Prompts on a large image: sorted by the tile that each is asked in, asked again where a tile was too small."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from samj_bridge.geometry.region import Region
from samj_bridge.geometry.tile_prompts import Climb
from samj_bridge.geometry.tiling import Tile, Tiling
from samj_bridge.progress import CancelToken, Progress, ProgressEvent, notify
from samj_bridge.protocol.segment import PromptMessage, SegmentRequest
from samj_bridge.session.answers import answers
from samj_bridge.session.connection.supervisor import Supervisor
from samj_bridge.session.prompts import Prompt
from samj_bridge.session.tiles.image import TiledImage, TileImage
from samj_bridge.session.tiles.placing import box_of, message_on, region_in_image

__all__ = ["order_of", "tile_answers"]


def order_of(tiling: Tiling, messages: Sequence[PromptMessage]) -> list[int]:
    """Return the prompts' indices sorted by the tile that each is asked in first."""
    return sorted(range(len(messages)), key=lambda index: tiling.of(box_of(messages[index])))


def tile_answers(
    supervisor: Supervisor,
    image: TiledImage,
    request: SegmentRequest,
    prompts: Sequence[Prompt],
    progress: Progress,
    cancel: CancelToken | None,
    deadline: float | None,
) -> Iterator[tuple[int, list[Region]]]:
    """Yield each prompt's index and regions as soon as they are there: tile by tile, not in the prompts' order.

    Each tile is encoded once. Parameters, errors: as `answers`; the request's prompts are in the image's pixels.
    """
    tiling, messages = image.tiling, request.prompts
    boxes = [box_of(message) for message in messages]
    waiting: dict[Tile, list[int]] = {}
    climbs: dict[int, Climb[list[Region]]] = {
        index: Climb(tiling, boxes[index]) for index, message in enumerate(messages) if message.clicks
    }
    for index, box in enumerate(boxes):
        waiting.setdefault(tiling.of(box), []).append(index)
    done = 0

    def tell(event: ProgressEvent) -> None:
        # Of answers the whole is told below, of all tiles together.
        if event.stage != "segment":
            notify(progress, event)

    while waiting:
        # Finer levels first: what is asked again joins what waits for the next one.
        tile = min(waiting)
        asked = waiting.pop(tile)
        part = replace(
            request,
            prompts=tuple(message_on(tiling, tile, messages[index]) for index in asked),
            wanted=request.wanted.drawn_with(tiling.drawn(tile)[1]),
            stream=len(asked) > 1,
        )
        x0, y0, x1, y1 = tiling.extent(tile)
        found = answers(
            supervisor,
            TileImage(image, tile),
            (y1 - y0, x1 - x0),
            part,
            [prompts[index] for index in asked],
            tell,
            cancel,
            deadline,
        )
        for number, regions in found:
            index = asked[number]
            placed = [region_in_image(tiling, tile, region, index) for region in regions]
            if index in climbs and placed:
                best = placed[0]
                following = climbs[index].step(tile, placed, best.bbox_xyxy, best.area, best.score)
                if isinstance(following, Tile):
                    waiting.setdefault(following, []).append(index)
                    continue
                placed = following
            yield index, placed
            done += 1
            words = f"{done} of {len(prompts)} prompts"
            notify(progress, ProgressEvent("segment", words, done, len(prompts), "prompts"))
        if not waiting:
            image.look_ahead(tile)
