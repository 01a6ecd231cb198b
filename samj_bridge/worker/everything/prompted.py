"""Objects by points that a decoder gives: micro-sam's automatic prompt generation (APG).

Where the decoder sees the inside of an object it gives one point, and the network answers it as it would answer a
click. No mask goes for its score, unless that is asked for: of two that are nearly the same the better one stays,
and of what overlaps the larger one has the pixels (``automatic.merging``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from samj_bridge.protocol.everything import EverythingRequest
from samj_bridge.worker.automatic.distances import Thresholds
from samj_bridge.worker.automatic.extents import deepest, extents
from samj_bridge.worker.automatic.merging import laid_down, suppressed
from samj_bridge.worker.automatic.prompts import points
from samj_bridge.worker.everything.batches import propose
from samj_bridge.worker.everything.decoded import thresholds_of
from samj_bridge.worker.everything.exact import HALF
from samj_bridge.worker.everything.masks import Found, found_in
from samj_bridge.worker.everything.tally import Tally
from samj_bridge.worker.families.base import MappingModel, part_of

__all__ = ["Asking", "find_prompted"]

_TOGETHER = 64
"""Points handed to the network at once: so many masks of 256 x 256 cells are kept."""


@dataclass(frozen=True)
class Asking:
    """How points are chosen and what is kept of their masks; the defaults are micro-sam's own."""

    thresholds: Thresholds = Thresholds()  # noqa: RUF009 - it is frozen
    """Where the decoder's points are; smoothing is not used."""
    min_size: int = 25
    """Masks of so few pixels go, and parts of objects with fewer."""
    nms_threshold: float = 0.9
    """Of two masks with a larger IoU than this, the one with the lower score goes."""
    least_score: float = 0.0
    """Masks whose predicted IoU is not above this go; 0: none."""
    least_stability: float = 0.0
    """Masks whose stability is below this go; 0: none."""
    offset: float = 1.0
    """How far the threshold of the logits is moved up and down to see how stable a mask is."""

    @classmethod
    def of(cls, request: EverythingRequest) -> Asking:
        """Return what a request asks for."""
        given = {
            "min_size": request.min_area or None,
            "nms_threshold": request.box_nms_thresh,
            "least_score": request.pred_iou_thresh,
            "least_stability": request.stability_score_thresh,
            "offset": request.stability_score_offset,
        }
        known: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
        return cls(thresholds_of(request), **known)


def find_prompted(
    model: MappingModel,
    encoding: Any,
    asking: Asking,
    tally: Tally,
    check: Callable[[float], None],
    area: tuple[float, float, float, float] | None = None,
) -> Iterator[Found]:
    """Yield the objects, those of larger masks first.

    Parameters
    ----------
    model, encoding : MappingModel, Any
        The network and its encoding of the whole image.
    asking : Asking
        How points are chosen, and what is kept.
    tally : Tally
        Counts what happens.
    check : callable
        Called with the fraction done; raises when the call is cancelled.
    area : (x0, y0, x1, y1), optional
        Only points in this box are asked: what lies around it is there to be seen.
    """
    check(0.0)
    maps = model.maps(encoding, part_of(check, 0.0, 0.3))
    shape_hw = (maps.shape[1], maps.shape[2])
    thresholds = asking.thresholds
    places = points(
        maps,
        thresholds.center_distance_threshold,
        thresholds.boundary_distance_threshold,
        thresholds.foreground_threshold,
    )
    tally.seeds = len(places)
    if area is not None:
        middles = places + HALF
        places = places[((middles >= area[:2]) & (middles < area[2:])).all(1)]
    found = list(_asked(model, encoding, places, shape_hw, asking, tally, part_of(check, 0.3, 0.6)))
    check(0.9)
    scores = np.array([np.float32(item.score) * np.float32(item.stability) for item in found], np.float32)
    chosen = suppressed(found, scores, asking.min_size, asking.nms_threshold)
    kept = [found[i] for i in chosen]
    labels, owners = laid_down(kept, shape_hw, asking.min_size)
    large = sum(item.area > asking.min_size for item in found)
    tally.small += len(found) - large
    tally.overlapping += large - len(set(owners))
    inner = deepest(labels, maps[2])
    for index, (rows, columns) in enumerate(extents(labels, len(owners))):
        if index % _TOGETHER == 0:
            check(0.9 + 0.1 * index / len(owners))
        one = kept[owners[index]]
        x, y = (int(value) for value in one.point_xy)
        # Its point may lie in a smaller part of it, or in what a larger one has.
        deep = float(inner[index, 0]), float(inner[index, 1])
        point = one.point_xy if labels[y, x] == index + 1 else deep
        part = labels[rows, columns] == index + 1
        yield replace(one.with_mask(part, (columns.start, rows.start)), point_xy=point)


def _asked(
    model: MappingModel,
    encoding: Any,
    places: NDArray[np.int64],
    shape_hw: tuple[int, int],
    asking: Asking,
    tally: Tally,
    check: Callable[[float], None],
) -> Iterator[Found]:
    """Yield the mask of each point, but for those whose scores are too low."""
    whole = (0, 0, shape_hw[1], shape_hw[0])
    for start in range(0, len(places), _TOGETHER):
        batch = places[start : start + _TOGETHER]
        told = part_of(check, start / len(places), len(batch) / len(places))
        proposals = propose(model.propose_one, encoding, batch.astype(np.float64) + HALF, told)
        tally.points += len(batch)
        tally.masks += len(batch)
        for n, (x, y) in enumerate(batch.tolist()):
            score = float(proposals.scores[n, 0])
            if asking.least_score > 0 and not score > asking.least_score:
                tally.low_score += 1
                continue
            soft = proposals.soft(n, 0, min(-asking.offset, 0.0))
            item = found_in(soft, score, asking.offset, (float(x), float(y)), whole)
            if asking.least_stability > 0 and not item.stability >= asking.least_stability:
                tally.unstable += 1
            else:
                yield item
