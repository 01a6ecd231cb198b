"""How the starter answers a prompt: what its windows show is read, and decoded into three masks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from samj_bridge.worker.families.base import PromptArrays
from samj_bridge.worker.families.starter_levels import STRIDE, ImageSide, Level, StarterEncoding, rgb
from samj_bridge.worker.families.starter_windows import windows_of
from samj_bridge.worker.nets import starter_window as sw
from samj_bridge.worker.nets.starter import PART, WHOLE, StarterNet, normalise
from samj_bridge.worker.nets.starter_paste import mask_on_window

__all__ = ["Answer", "answer", "answer_all", "answer_on"]


class Answer(NamedTuple):
    """Three masks for a prompt, each on its window."""

    logits: Tensor
    """(3, G, G)."""
    windows: Tensor
    """(3, 4) in the image's pixels."""
    scores: Tensor
    """(3,) predicted IoU."""


@dataclass(frozen=True)
class _Prompt:
    """One prompt, or one for each window, in the pixels of one level, as the decoder wants it."""

    box: Tensor
    """(1, 4) or (N, 4), NaN without a box."""
    clicks: Tensor
    """(1, K, 3) or (N, K, 3)."""


def answer(
    side: ImageSide, encoding: StarterEncoding, prompt: PromptArrays, check: Callable[[float], None]
) -> Answer:
    """Decode a prompt: a part of an object, the whole, and a third; in this order, whatever they score.

    `check` hears of what is encoded for it on the way, and may raise.
    """
    level, windows = windows_of(side, encoding, prompt, check)
    place = _scaled(prompt, level, side.device)
    before = _mask_before(side, prompt, windows * 2**level)
    logits, scores = _run(side.net, side.level(encoding, level), windows, place, before)
    return _answer_of(level, logits, windows, scores)


def answer_all(
    side: ImageSide, encoding: StarterEncoding, prompts: Sequence[PromptArrays], check: Callable[[float], None]
) -> list[Answer]:
    """Decode prompts side by side, as `answer` does each; each is a box or a point, and none has a mask."""
    asked = []
    for number, prompt in enumerate(prompts):
        check(number / len(prompts))
        asked.append(windows_of(side, encoding, prompt, lambda _fraction: check(number / len(prompts))))  # noqa: B023
    return answer_on(side, encoding, prompts, asked)


def answer_on(
    side: ImageSide, encoding: StarterEncoding, prompts: Sequence[PromptArrays], asked: Sequence[tuple[int, Tensor]]
) -> list[Answer]:
    """Decode prompts side by side, each at a level and on windows (N, 4) there that were chosen for it."""
    found: dict[int, Answer] = {}
    for level in sorted({level for level, _ in asked}):
        numbers = [number for number, (each, _) in enumerate(asked) if each == level]
        counts = [len(asked[number][1]) for number in numbers]
        windows = torch.cat([asked[number][1] for number in numbers])
        places = [_scaled(prompts[number], level, side.device) for number in numbers]
        place = _Prompt(
            torch.cat([each.box.expand(count, -1) for each, count in zip(places, counts, strict=True)]),
            torch.cat([each.clicks.expand(count, -1, -1) for each, count in zip(places, counts, strict=True)]),
        )
        logits, scores = _run(side.net, side.level(encoding, level), windows, place, None)
        parts: Iterable[tuple[Tensor, ...]] = zip(
            logits.split(counts), windows.split(counts), scores.split(counts), strict=True
        )
        for number, (some, where, sure) in zip(numbers, parts, strict=True):
            found[number] = _answer_of(level, some, where, sure)
    return [found[number] for number in range(len(prompts))]


def _answer_of(level: int, logits: Tensor, windows: Tensor, scores: Tensor) -> Answer:
    if len(windows) == 2:
        logits, windows, scores = _join_slots(logits, windows, scores)
    else:
        windows = windows.expand(logits.shape[1], -1)
        logits, scores = logits[0], scores[0]
    return Answer(logits, windows * 2**level, scores.sigmoid())


def _scaled(prompt: PromptArrays, level: int, device: torch.device) -> _Prompt:
    box = (float("nan"),) * 4 if prompt.box_xyxy is None else prompt.box_xyxy
    rows = [(x, y, 1.0) for x, y in prompt.points_xy[-sw.MAX_CLICKS :]]
    rows += [(x, y, -1.0) for x, y in prompt.negative_xy[-sw.MAX_CLICKS :]]
    clicks = torch.tensor([rows or [(0.0, 0.0, 0.0)]], dtype=torch.float32, device=device)
    clicks[..., :2] /= 2**level
    return _Prompt(torch.tensor([box], dtype=torch.float32, device=device) / 2**level, clicks)


def _mask_before(side: ImageSide, prompt: PromptArrays, windows: Tensor) -> Tensor | None:
    """Show the mask that is to be refined on windows (N, 4) in the image's pixels."""
    if prompt.mask is None or not prompt.mask.any():
        return None
    mask = torch.from_numpy(np.ascontiguousarray(prompt.mask)).to(side.device)
    return mask_on_window(mask, prompt.mask_origin_xy, windows, side.net.config.grid)


def _run(
    net: StarterNet, here: Level, windows: Tensor, prompt: _Prompt, before: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Decode a prompt on N windows: logits (N, 3, G, G) and score logits (N, 3)."""
    cells, n, device = net.config.grid, len(windows), windows.device
    low, high = windows[:, :2], windows[:, 2:]
    image = torch.cat([_read(here.image, a, b, cells, 1) for a, b in zip(low, high, strict=True)])
    features = torch.cat([_read(here.features, a, b, cells // 2, STRIDE) for a, b in zip(low, high, strict=True)])
    box, clicks = prompt.box.expand(n, -1), prompt.clicks.expand(n, -1, -1)
    hw = here.image.shape[2:]
    maps = sw.prompt_maps(windows, cells, box, clicks, torch.tensor([[hw[1], hw[0]]], device=device))
    has_mask = torch.full((n,), before is not None, device=device)
    mask = torch.zeros(n, 1, cells, cells, device=device) if before is None else before
    fine = sw.fine_input(image, maps, mask)
    out: tuple[Tensor, Tensor] = net.decoder(
        fine.contiguous(memory_format=torch.channels_last),
        features.contiguous(memory_format=torch.channels_last),
        sw.context(windows, box, clicks, has_mask),
    )
    return out


def _read(maps: Tensor, low_xy: Tensor, high_xy: Tensor, cells: int, stride: int) -> Tensor:
    """Sample (1, C, H, W) maps on a grid over one window, touching only the part of them that is needed."""
    height, width = maps.shape[2:]
    (x0, y0), (x1, y1) = (low_xy / stride).floor().int().tolist(), (high_xy / stride).ceil().int().tolist()
    left, top = min(max(x0 - 2, 0), width - 1), min(max(y0 - 2, 0), height - 1)
    right, bottom = min(max(x1 + 2, left + 1), width), min(max(y1 + 2, top + 1), height)
    piece = maps[:, :, top:bottom, left:right].float()
    if stride == 1:
        piece = normalise(rgb(piece))
    xs, ys = sw.grid(torch.cat([low_xy, high_xy])[None], cells)
    extent = (float((right - left) * stride), float((bottom - top) * stride))
    return sw.sample(piece.contiguous(), xs - left * stride, ys - top * stride, extent)


def _join_slots(logits: Tensor, windows: Tensor, scores: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Take the part from the part's window, the whole from the whole's, the third from where it scores best."""
    other = int(scores[:, 2].argmax())
    rows, columns = torch.tensor([PART, WHOLE, other]), torch.arange(3)
    return logits[rows, columns], windows[rows], scores[rows, columns]
