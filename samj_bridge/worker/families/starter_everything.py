"""What everything mode asks of the starter: where objects are, and masks at points, looked at twice.

In parts of large images each seed is looked at once, in the window around the box that it was read with.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from samj_bridge.worker.families.base import PromptArrays, Proposals, SoftMask, part_of
from samj_bridge.worker.families.starter_answers import Answer, answer_all, answer_on
from samj_bridge.worker.families.starter_levels import ImageSide, StarterEncoding, deepest, level_of
from samj_bridge.worker.nets.starter_dense import seeds_in
from samj_bridge.worker.nets.starter_paste import box_of, paste, paste_soft
from samj_bridge.worker.nets.starter_window import window_around

__all__ = ["StarterProposals", "propose", "propose_sketched", "seeds", "sketches"]

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
    xy, score, _, _ = _seeds(side, encoding, check)
    return xy.double().cpu().numpy(), score.cpu().numpy()


def sketches(side: ImageSide, encoding: StarterEncoding, check: Callable[[float], None]) -> NDArray[np.float64]:
    """Return what `seeds` does with the boxes (N, 7): place, box around it inside the image, score of the box."""
    xy, _, sure, box = _seeds(side, encoding, check)
    low, high = torch.minimum(box[:, :2], xy - 1), torch.maximum(box[:, 2:], xy + 1)
    limit = torch.tensor(encoding.image_hw[::-1], device=xy.device)
    found = [xy, low.clamp_min(0), torch.minimum(high, limit), sure[:, None]]
    return torch.cat(found, 1).double().cpu().numpy()


def _seeds(
    side: ImageSide, encoding: StarterEncoding, check: Callable[[float], None]
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return places, what they are ordered by, how sure their boxes are, and the boxes; best first."""
    points, scores, sure, boxes = [], [], [], []
    levels = range(encoding.first, max(encoding.first + 1, deepest(encoding.image_hw)))
    for number, level in enumerate(levels):
        here = side.level(encoding, level, part_of(check, number / len(levels), 1 / len(levels)))
        xy, score, box = seeds_in(side.net, here.features)
        # What is shorter was seen better in the level before.
        reduced = level > encoding.first
        fits = (box[:, 2:] - box[:, :2]).amax(1) >= (SEEDS_FROM_PX if reduced else 0)
        points.append(xy[fits] * 2**level)
        scores.append(score[fits] - 0.1 * reduced)
        sure.append(score[fits])
        boxes.append(box[fits] * 2**level)
    xy, score = torch.cat(points), torch.cat(scores)
    # Where the last cell sticks out of the image, its middle would too.
    xy = torch.minimum(xy, torch.tensor(encoding.image_hw[::-1], device=xy.device) - 0.5)
    order = score.argsort(descending=True, stable=True)
    return xy[order], score[order], torch.cat(sure)[order], torch.cat(boxes)[order]


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


def propose_sketched(
    side: ImageSide, encoding: StarterEncoding, drawn: NDArray[np.float64], check: Callable[[float], None]
) -> StarterProposals:
    """Decode the points of sketches side by side, each in the window around its box.

    The network is not told the box: masks would keep to it, and it was only guessed (docs/decisions/0036). Scores
    are means of the masks' and the boxes': each alone is too sure where there is no object at all.
    """
    asked = []
    for number, (x0, y0, x1, y1) in enumerate(drawn[:, 2:6].tolist()):
        check(number / len(drawn))
        level = level_of(max(x1 - x0, y1 - y0), encoding.first)
        side.level(encoding, level, check)
        asked.append((level, window_around(torch.tensor([[x0, y0, x1, y1]], device=side.device) / 2**level)))
    points = drawn[:, :2].astype(np.float32)
    prompts = [PromptArrays(None, point[None], _NO_POINTS, None, (0, 0)) for point in points]
    found = answer_on(side, encoding, prompts, asked)
    logits, windows, scores = (torch.stack(parts).cpu() for parts in zip(*found, strict=True))
    sure = drawn[:, 6:].astype(np.float32)
    return StarterProposals(logits, windows, (scores.numpy() + sure) / 2, encoding.image_hw)


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
