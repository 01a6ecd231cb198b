"""What everything mode asks of the starter: where objects are, and masks at points, looked at twice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from samj_bridge.worker.families.base import PromptArrays, Proposals, SoftMask, part_of
from samj_bridge.worker.families.starter_answers import Answer, answer_all
from samj_bridge.worker.families.starter_levels import ImageSide, StarterEncoding, deepest
from samj_bridge.worker.nets.starter_dense import seeds_in
from samj_bridge.worker.nets.starter_paste import box_of, paste, paste_soft

__all__ = ["StarterProposals", "propose", "seeds"]

SEEDS_FROM_PX = 48.0
"""In a reduced image, objects are looked for from this length on, in its own pixels."""

_NO_POINTS = np.zeros((0, 2), np.float32)


@dataclass(frozen=True)
class StarterProposals(Proposals):
    """Masks for points."""

    logits: Tensor
    """(N, 3, G, G) on their windows."""
    windows: Tensor
    """(N, 3, 4) in the image's pixels."""
    scores: NDArray[np.float32]
    """(N, 3) predicted IoU."""
    image_hw: tuple[int, int]

    def soft(self, n: int, k: int, low: float) -> SoftMask:
        """Return a mask's logits around its pixels above `low`; outside its window there are none."""
        return SoftMask(*paste_soft(self.logits[n, k], self.windows[n, k], self.image_hw, low))


def seeds(
    side: ImageSide, encoding: StarterEncoding, check: Callable[[float], None]
) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Return the places (N, 2) whose boxes score best among their neighbours, and the scores, best first.

    Large objects are looked for in the reduced images, as clicks on them are.
    """
    points, scores = [], []
    levels = range(encoding.first, max(encoding.first + 1, deepest(encoding.image_hw)))
    for number, level in enumerate(levels):
        here = side.level(encoding, level, part_of(check, number / len(levels), 1 / len(levels)))
        xy, score, length = seeds_in(side.net, here.features)
        # What is shorter was seen better in the level before.
        reduced = level > encoding.first
        fits = length >= (SEEDS_FROM_PX if reduced else 0)
        points.append(xy[fits] * 2**level)
        scores.append(score[fits] - 0.1 * reduced)
    xy, score = torch.cat(points), torch.cat(scores)
    # Where the last cell sticks out of the image, its middle would too.
    xy = torch.minimum(xy, torch.tensor(encoding.image_hw[::-1], device=xy.device) - 0.5)
    order = score.argsort(descending=True, stable=True)
    return xy[order].double().cpu().numpy(), score[order].cpu().numpy()


def propose(
    side: ImageSide,
    encoding: StarterEncoding,
    points_xy: NDArray[np.float64],
    worth: float,
    check: Callable[[float], None],
) -> StarterProposals:
    """Decode points side by side, each for itself, and look again at masks that score more than `worth`."""
    prompts = [PromptArrays(None, point[None], _NO_POINTS, None, (0, 0)) for point in points_xy.astype(np.float32)]
    first = answer_all(side, encoding, prompts, part_of(check, 0.0, 0.5))
    found = _second_look(side, encoding, first, worth, part_of(check, 0.5, 0.5))
    logits, windows, scores = (torch.stack(parts).cpu() for parts in zip(*found, strict=True))
    return StarterProposals(logits, windows, scores.numpy(), encoding.image_hw)


def _second_look(
    side: ImageSide, encoding: StarterEncoding, first: list[Answer], worth: float, check: Callable[[float], None]
) -> list[Answer]:
    """Ask again with the box of the best mask, whose window fits better than the one read under a point.

    Scores are then means of both looks: the second one is too sure where there is no object at all.
    """
    boxes: dict[int, tuple[float, float, float, float]] = {}
    for number, look in enumerate(first):
        best = int(look.scores.argmax())
        if float(look.scores[best]) > worth:
            mask, origin = paste(look.logits[best], look.windows[best], encoding.image_hw)
            if mask.any():
                boxes[number] = box_of(mask, origin)
    if not boxes:
        return first
    prompts = [PromptArrays(box, _NO_POINTS, _NO_POINTS, None, (0, 0)) for box in boxes.values()]
    again = dict(zip(boxes, answer_all(side, encoding, prompts, check), strict=True))
    return [
        again[number]._replace(scores=(again[number].scores + look.scores.max()) / 2) if number in again else look
        for number, look in enumerate(first)
    ]
