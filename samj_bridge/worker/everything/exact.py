"""SAM's automatic mask generator, mask for mask: every point of the grid, every candidate, filters, suppression.

Follows the behaviour of ``SamAutomaticMaskGenerator`` (https://github.com/facebookresearch/segment-anything,
Kirillov et al. 2023, arXiv:2304.02643, appendix B), which the golden cases ``amg_*`` hold still; the code is ours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from samj_bridge.worker.everything.batches import propose
from samj_bridge.worker.everything.boxes import cut_by_crop, suppress
from samj_bridge.worker.everything.grid import Box, crops, grid_points
from samj_bridge.worker.everything.masks import Found, found_in, mended
from samj_bridge.worker.everything.parameters import Parameters
from samj_bridge.worker.everything.tally import Tally
from samj_bridge.worker.families.base import ProposingModel

__all__ = ["find_all", "generate"]

HALF = 0.5
"""SAM counts from the middle of the first pixel, networks here are asked in continuous coordinates."""

Encode = Callable[[Box], Any]
"""Encodes a part of the image."""


def generate(model: ProposingModel, image: NDArray[np.float32], **parameters: Any) -> list[dict[str, Any]]:
    """Return what ``SamAutomaticMaskGenerator(sam, **parameters).generate(image)`` returns, in its order.

    Parameters
    ----------
    model : ProposingModel
        The network.
    image : (Y, X, C) array
        0 to 1, as `Model.encode` takes it.
    **parameters : Any
        Fields of `Parameters`.
    """

    def encode(box: Box) -> Any:
        x0, y0, x1, y1 = box
        return model.encode(np.ascontiguousarray(image[y0:y1, x0:x1]), _nothing)

    shape = (image.shape[0], image.shape[1])
    found = find_all(model, encode, shape, Parameters(**parameters), Tally(), _nothing)
    return [item.as_sam(shape) for item in found]


def find_all(
    model: ProposingModel,
    encode: Encode,
    shape_hw: tuple[int, int],
    parameters: Parameters,
    tally: Tally,
    check: Callable[[float], None],
) -> list[Found]:
    """Find every object, in the order in which SAM returns them.

    Parameters
    ----------
    model : ProposingModel
        The network.
    encode : callable
        Encodes a crop; called once for each, the whole image first.
    shape_hw : (int, int)
        (Y, X) of the image.
    parameters : Parameters
        How densely to ask, and what to keep.
    tally : Tally
        Counts what happens.
    check : callable
        Called with the fraction done between prompts; raises when the call is cancelled.
    """
    boxes = crops(shape_hw, parameters.crop_n_layers, parameters.crop_overlap_ratio)
    sides = [_per_side(parameters, layer) for _, layer in boxes]
    total = sum(side**2 for side in sides)
    found: list[Found] = []
    for (crop, _), side in zip(boxes, sides, strict=True):
        ask = _Crop(model, crop, shape_hw, parameters, tally)
        found += ask.objects(encode(crop), side, _part(check, tally.points, side**2, total))
    if len(boxes) > 1:
        scores = [1.0 / ((item.crop[2] - item.crop[0]) * (item.crop[3] - item.crop[1])) for item in found]
        kept = suppress([item.box for item in found], scores, parameters.crop_nms_thresh)
        found = [found[index] for index in kept]
    if parameters.min_mask_region_area > 0:
        found = _mend_all(found, shape_hw, parameters)
    tally.overlapping = tally.masks - tally.low_score - tally.unstable - tally.cut - len(found)
    return found


def _per_side(parameters: Parameters, layer: int) -> int:
    return int(parameters.points_per_side / parameters.crop_n_points_downscale_factor**layer)


@dataclass(frozen=True)
class _Crop:
    """A crop that is asked."""

    model: ProposingModel
    box: Box
    image_hw: tuple[int, int]
    parameters: Parameters
    tally: Tally

    def objects(self, encoding: Any, per_side: int, check: Callable[[float], None]) -> list[Found]:
        """Ask the crop's whole grid; of what overlaps the best stays."""
        x0, y0, x1, y1 = self.box
        points = grid_points(per_side, (y1 - y0, x1 - x0))
        size = self.parameters.points_per_batch
        found: list[Found] = []
        for start in range(0, len(points), size):
            batch = points[start : start + size]
            found += self._asked(encoding, batch, _part(check, start, len(batch), len(points)))
        limit = self.parameters.box_nms_thresh
        return [found[i] for i in suppress([one.box for one in found], [one.score for one in found], limit)]

    def _asked(
        self, encoding: Any, points_xy: NDArray[np.float64], check: Callable[[float], None]
    ) -> Iterator[Found]:
        parameters, tally = self.parameters, self.tally
        proposals = propose(self.model.propose, encoding, points_xy + HALF, check)
        tally.points += len(points_xy)
        tally.masks += proposals.scores.size
        for n, k in np.ndindex(*proposals.scores.shape):
            score, offset = float(proposals.scores[n, k]), parameters.stability_score_offset
            if parameters.pred_iou_thresh > 0 and not score > parameters.pred_iou_thresh:
                tally.low_score += 1
                continue
            # The lower threshold: every pixel that the stability counts is in this piece.
            soft = proposals.soft(n, k, min(-offset, 0.0))
            item = found_in(soft, score, offset, (float(points_xy[n, 0]), float(points_xy[n, 1])), self.box)
            if parameters.stability_score_thresh > 0 and not item.stability >= parameters.stability_score_thresh:
                tally.unstable += 1
            elif cut_by_crop(item.box, self.box, self.image_hw):
                tally.cut += 1
            else:
                yield item


def _mend_all(found: list[Found], shape_hw: tuple[int, int], parameters: Parameters) -> list[Found]:
    pairs = [mended(item, parameters.min_mask_region_area, shape_hw) for item in found]
    # Masks that needed no mending win over those that did.
    scores = [0.0 if changed else 1.0 for _, changed in pairs]
    limit = max(parameters.box_nms_thresh, parameters.crop_nms_thresh)
    kept = suppress([item.box for item, _ in pairs], scores, limit)
    return [pairs[index][0] for index in kept]


def _part(check: Callable[[float], None], before: int, count: int, total: int) -> Callable[[float], None]:
    return lambda fraction: check((before + fraction * count) / max(total, 1))


def _nothing(_fraction: float) -> None:
    """Nobody watches."""
