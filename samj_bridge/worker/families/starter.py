"""The starter family: the project's own small network, from image and prompt to masks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from samj_bridge.worker.checkpoints.loading import load
from samj_bridge.worker.families.base import BuildSpec, Candidate, PromptArrays, SoftMask
from samj_bridge.worker.nets import starter_window as sw
from samj_bridge.worker.nets.starter import PART, WHOLE, StarterConfig, StarterNet, fold, normalise
from samj_bridge.worker.nets.starter_dense import seeds_in
from samj_bridge.worker.nets.starter_paste import box_of, mask_on_window, paste, paste_soft

__all__ = ["Level", "StarterEncoding", "StarterModel", "StarterProposals", "build", "shapes"]

STRIDE = 4
LARGEST_PX = 128
"""Objects longer than this are looked at in an image reduced by two, four, ...: those learnt from were smaller."""
LEVELS = 7
WHOLE_PASS_PX = 2048
"""An axis up to this length is encoded in one piece."""
TILE_PX = 1536
"""Otherwise each tile gives this many pixels, and sees the halo besides."""
SEEDS_FROM_PX = 48.0
"""In a reduced image, objects of everything mode are looked for from this length on, in its own pixels."""
WORTH_A_LOOK = 0.5
"""Masks of everything mode with this predicted IoU or less are not looked at a second time."""
UNSURE = 0.4
"""A click whose box scores less is looked at in the reduced images too."""

_NO_POINTS = np.zeros((0, 2), np.float32)


@dataclass(frozen=True)
class Level:
    """The image at one reduction, with its features."""

    image: Tensor
    """(1, C, H, W), 0..1, half precision."""
    features: Tensor
    """(1, F, ceil(H / 4), ceil(W / 4)), half precision."""


@dataclass
class StarterEncoding:
    """An encoded image; reduced levels are added when a prompt first needs them."""

    image_hw: tuple[int, int]
    levels: list[Level] = field(default_factory=list)

    @property
    def nbytes(self) -> int:
        """Bytes held by images and features."""
        return sum(t.numel() * t.element_size() for level in self.levels for t in (level.image, level.features))


@dataclass(frozen=True)
class _Prompt:
    """A prompt in the pixels of one level, as the decoder wants it."""

    box: Tensor
    """(1, 4), NaN without a box."""
    clicks: Tensor
    """(1, K, 3)."""


@dataclass(frozen=True)
class StarterProposals:
    """Masks for points; implements ``samj_bridge.worker.families.base.Proposals``."""

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


def build(spec: BuildSpec) -> StarterModel:
    """Load the network's folded weights from a safetensors file; every key must fit."""
    net = fold(StarterNet(StarterConfig()))
    net.load_state_dict({key: value.float() for key, value in load(spec.weights).items()}, strict=True)
    return StarterModel(net, spec.device)


def shapes(_architecture: str) -> dict[str, tuple[int, ...]]:
    """Return the names and shapes of the folded network's weights."""
    with torch.device("meta"):
        net = fold(StarterNet(StarterConfig()))
    return {name: tuple(value.shape) for name, value in net.state_dict().items()}


class StarterModel:
    """Encode images and decode prompts; implements ``samj_bridge.worker.families.base.Model``."""

    bytes_per_pixel = 48
    """Memory that a large image takes per pixel: half-precision image and features, and the tile in work."""

    points_together = 1
    """Points of everything mode asked at once: one by one, those inside what was found are never asked."""
    everything_defaults: ClassVar[dict[str, float]] = {
        "pred_iou_thresh": 0.75,
        "stability_score_thresh": 0.65,
    }
    """Everything mode's thresholds, chosen on images of the train split (docs/decisions/0018)."""

    def __init__(self, net: StarterNet, device: str = "cpu"):
        self.net = net.eval().to(device=device, memory_format=torch.channels_last)
        self.device = torch.device(device)
        self.parameters = sum(p.numel() for p in net.parameters())

    @torch.inference_mode()
    def encode(self, image: NDArray[np.float32], check: Callable[[float], None]) -> StarterEncoding:
        """Encode a (Y, X, C) image of 0..1, in overlapping tiles where it is large."""
        half = torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)[None])).to(self.device, torch.float16)
        encoding = StarterEncoding((image.shape[0], image.shape[1]))
        encoding.levels.append(Level(half, self._features(half, check)))
        return encoding

    @torch.inference_mode()
    def decode(self, encoding: StarterEncoding, prompt: PromptArrays, candidates: int) -> list[Candidate]:
        """Return masks for a prompt, best predicted IoU first."""
        if (
            prompt.mask is not None
            and not prompt.mask.any()
            and prompt.box_xyxy is None
            and not len(prompt.points_xy)
        ):
            return [_nothing()] * candidates
        logits, windows, scores = self._answer(encoding, prompt)
        order = scores.argsort(descending=True)[:candidates]
        logits, windows, scores = logits[order], windows[order], scores[order]
        return [
            Candidate(*paste(mask, window, encoding.image_hw), float(score))
            for mask, window, score in zip(logits, windows, scores, strict=True)
        ]

    @torch.inference_mode()
    def propose(
        self, encoding: StarterEncoding, points_xy: NDArray[np.float64], check: Callable[[float], None]
    ) -> StarterProposals:
        """Decode each point by itself, and look again at what is likely an object (`_second_look`)."""
        found = []
        for number, point in enumerate(points_xy):
            check(number / len(points_xy))
            prompt = PromptArrays(None, np.asarray(point, np.float32)[None], _NO_POINTS, None, (0, 0))
            found.append(self._second_look(encoding, *self._answer(encoding, prompt)))
        logits, windows, scores = (torch.stack(parts).cpu() for parts in zip(*found, strict=True))
        return StarterProposals(logits, windows, scores.numpy(), encoding.image_hw)

    @torch.inference_mode()
    def seeds(self, encoding: StarterEncoding) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """Return the places (N, 2) whose boxes score best among their neighbours, and the scores, best first.

        Large objects are looked for in the reduced images, as clicks on them are.
        """
        points, scores = [], []
        for level in range(_deepest(encoding.image_hw)):
            here = self._level(encoding, level)
            xy, score, length = seeds_in(self.net, here.features)
            # What is shorter was seen better in the level before.
            fits = length >= (SEEDS_FROM_PX if level else 0)
            points.append(xy[fits] * 2**level)
            scores.append(score[fits] - 0.1 * (level > 0))
        xy, score = torch.cat(points), torch.cat(scores)
        # Where the last cell sticks out of the image, its middle would too.
        xy = torch.minimum(xy, torch.tensor(encoding.image_hw[::-1], device=xy.device) - 0.5)
        order = score.argsort(descending=True, stable=True)
        return xy[order].double().cpu().numpy(), score[order].cpu().numpy()

    def _answer(self, encoding: StarterEncoding, prompt: PromptArrays) -> tuple[Tensor, Tensor, Tensor]:
        """Decode a prompt: logits (3, G, G), their windows (3, 4) in the image's pixels, predicted IoU (3,)."""
        level, windows = self._windows(encoding, prompt)
        place = _scaled(prompt, level, self.device)
        before = self._mask_before(prompt, windows, level)
        logits, scores = self._run(encoding, level, windows, place, before)
        if len(windows) == 2:
            logits, windows, scores = _join_slots(logits, windows, scores)
        else:
            windows = windows.expand(logits.shape[1], -1)
            logits, scores = logits[0], scores[0]
        return logits, windows * 2**level, scores.sigmoid()

    def _second_look(
        self, encoding: StarterEncoding, logits: Tensor, windows: Tensor, scores: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Ask again with the box of the best mask, whose window fits better than the one read under a point.

        Scores are then means of both looks: the second one is too sure where there is no object at all.
        """
        best = int(scores.argmax())
        if float(scores[best]) <= WORTH_A_LOOK:
            return logits, windows, scores
        mask, origin = paste(logits[best], windows[best], encoding.image_hw)
        if not mask.any():
            return logits, windows, scores
        again = PromptArrays(box_of(mask, origin), _NO_POINTS, _NO_POINTS, None, (0, 0))
        logits, windows, sure = self._answer(encoding, again)
        return logits, windows, (sure + scores[best]) / 2

    def _features(self, image: Tensor, check: Callable[[float], None]) -> Tensor:
        config, (height, width) = self.net.config, image.shape[2:]
        rows, columns = _spans(height), _spans(width)
        channels = config.features
        out = torch.empty(
            (1, channels, -(-height // STRIDE), -(-width // STRIDE)), dtype=torch.float16, device=self.device
        )
        check(0.0)
        for i, (top, bottom) in enumerate(rows):
            for j, (left, right) in enumerate(columns):
                y0, x0 = max(0, top - config.halo), max(0, left - config.halo)
                piece = image[
                    :, :, y0 : min(height, bottom + config.halo), x0 : min(width, right + config.halo)
                ].float()
                found = self.net.encoder(_aligned(normalise(_rgb(piece)), config.align))
                oy, ox, cy, cx = (top - y0) // STRIDE, (left - x0) // STRIDE, top // STRIDE, left // STRIDE
                ey, ex = -(-bottom // STRIDE), -(-right // STRIDE)
                out[:, :, cy:ey, cx:ex] = found[:, :, oy : oy + ey - cy, ox : ox + ex - cx]
                check((i * len(columns) + j + 1) / (len(rows) * len(columns)))
        return out

    def _level(self, encoding: StarterEncoding, level: int) -> Level:
        while len(encoding.levels) <= level:
            finer = encoding.levels[-1].image
            planes = [F.avg_pool2d(plane[None, None].float(), 2, ceil_mode=True).half() for plane in finer[0]]
            image = torch.cat(planes, 1)
            encoding.levels.append(Level(image, self._features(image, lambda _: None)))
        return encoding.levels[level]

    def _windows(self, encoding: StarterEncoding, prompt: PromptArrays) -> tuple[int, Tensor]:
        """Choose the level and the windows there: one around a box or mask, or a click's part and whole."""
        box = prompt.box_xyxy
        if box is None and prompt.mask is not None and prompt.mask.any():
            box = box_of(prompt.mask, prompt.mask_origin_xy)
            if len(prompt.points_xy):
                low, high = prompt.points_xy.min(0) - 1, prompt.points_xy.max(0) + 1
                box = (*np.minimum(box[:2], low).tolist(), *np.maximum(box[2:], high).tolist())
        if box is not None:
            level = _level_of(max(box[2] - box[0], box[3] - box[1]))
            return level, sw.window_around(torch.tensor([box], device=self.device) / 2**level)
        level, boxes = self._guess(encoding, prompt.points_xy)
        return level, sw.window_around(boxes)

    def _guess(self, encoding: StarterEncoding, points_xy: NDArray[np.float32]) -> tuple[int, Tensor]:
        """Read the boxes (2, 4) of part and whole under positive clicks, at the level that is surest of them."""
        best: tuple[float, int, Tensor] | None = None
        points = torch.from_numpy(np.asarray(points_xy, np.float32)).to(self.device)
        for level in range(_deepest(encoding.image_hw)):
            boxes, scores = self._hypotheses(encoding, level, points / 2**level)
            weight = scores.mean(1, keepdim=True)[:, :, None] + 1e-6
            box = (boxes * weight).sum(0) / weight.sum(0)  # 2 4
            at = points / 2**level
            box = torch.cat(
                [torch.minimum(box[:, :2], at.amin(0) - 1), torch.maximum(box[:, 2:], at.amax(0) + 1)], 1
            )
            # A reduced image must be clearly surer: it shows less.
            sure = float(scores.mean()) - 0.1 * (level > 0)
            if best is None or sure > best[0]:
                best = (sure, level, box)
            if sure >= UNSURE and float((box[:, 2:] - box[:, :2]).amax()) <= LARGEST_PX:
                break
        if best is None:
            raise AssertionError
        return best[1], best[2]

    def _hypotheses(self, encoding: StarterEncoding, level: int, points: Tensor) -> tuple[Tensor, Tensor]:
        here = self._level(encoding, level)
        hw = here.image.shape[2:]
        at = torch.cat([self._spread_at(here.features, point) for point in points])  # N H
        far, scores = self.net.hypotheses(at)
        boxes = torch.cat([points[:, None] - far[..., :2], points[:, None] + far[..., 2:]], 2)
        limit = torch.tensor([hw[1], hw[0]] * 2, device=self.device)
        return torch.minimum(boxes.clamp_min(0), limit), scores.sigmoid()

    def _spread_at(self, features: Tensor, point: Tensor) -> Tensor:
        height, width = features.shape[2:]
        cx, cy = (point / STRIDE).floor().int().tolist()
        left, top = min(max(cx - 3, 0), width - 1), min(max(cy - 3, 0), height - 1)
        piece = self.net.hypotheses.spread(features[:, :, top : cy + 4, left : cx + 4].float())
        x, y = point[None, None, :1] - left * STRIDE, point[None, None, 1:] - top * STRIDE
        extent = (float(piece.shape[3] * STRIDE), float(piece.shape[2] * STRIDE))
        return sw.sample(piece.contiguous(), x[0], y[0], extent)[:, :, 0, 0]  # 1 H

    def _mask_before(self, prompt: PromptArrays, windows: Tensor, level: int) -> Tensor | None:
        if prompt.mask is None or not prompt.mask.any():
            return None
        mask = torch.from_numpy(np.ascontiguousarray(prompt.mask)).to(self.device)
        return mask_on_window(mask, prompt.mask_origin_xy, windows * 2**level, self.net.config.grid)

    def _run(
        self, encoding: StarterEncoding, level: int, windows: Tensor, prompt: _Prompt, before: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Decode a prompt on N windows: logits (N, 3, G, G) and score logits (N, 3)."""
        here, cells, n = self._level(encoding, level), self.net.config.grid, len(windows)
        low, high = windows[:, :2], windows[:, 2:]
        image = torch.cat([_read(here.image, a, b, cells, 1) for a, b in zip(low, high, strict=True)])
        features = torch.cat(
            [_read(here.features, a, b, cells // 2, STRIDE) for a, b in zip(low, high, strict=True)]
        )
        box, clicks = prompt.box.expand(n, -1), prompt.clicks.expand(n, -1, -1)
        hw = here.image.shape[2:]
        maps = sw.prompt_maps(windows, cells, box, clicks, torch.tensor([[hw[1], hw[0]]], device=self.device))
        has_mask = torch.full((n,), before is not None, device=self.device)
        mask = torch.zeros(n, 1, cells, cells, device=self.device) if before is None else before
        fine = sw.fine_input(image, maps, mask)
        out: tuple[Tensor, Tensor] = self.net.decoder(
            fine.contiguous(memory_format=torch.channels_last),
            features.contiguous(memory_format=torch.channels_last),
            sw.context(windows, box, clicks, has_mask),
        )
        return out


def _join_slots(logits: Tensor, windows: Tensor, scores: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Take the part from the part's window, the whole from the whole's, the third from where it scores best."""
    other = int(scores[:, 2].argmax())
    rows, columns = torch.tensor([PART, WHOLE, other]), torch.arange(3)
    return logits[rows, columns], windows[rows], scores[rows, columns]


def _spans(length: int) -> list[tuple[int, int]]:
    if length <= WHOLE_PASS_PX:
        return [(0, length)]
    return [(start, min(length, start + TILE_PX)) for start in range(0, length, TILE_PX)]


def _rgb(image: Tensor) -> Tensor:
    return image.expand(-1, 3, -1, -1) if image.shape[1] == 1 else image


def _aligned(x: Tensor, align: int) -> Tensor:
    # Repeating the border makes no edge where the image ends; zeros do, and were taken for objects.
    padded = F.pad(x, (0, -x.shape[3] % align, 0, -x.shape[2] % align), mode="replicate")
    return padded.contiguous(memory_format=torch.channels_last)


def _read(maps: Tensor, low_xy: Tensor, high_xy: Tensor, cells: int, stride: int) -> Tensor:
    """Sample (1, C, H, W) maps on a grid over one window, touching only the part of them that is needed."""
    height, width = maps.shape[2:]
    (x0, y0), (x1, y1) = (low_xy / stride).floor().int().tolist(), (high_xy / stride).ceil().int().tolist()
    left, top = min(max(x0 - 2, 0), width - 1), min(max(y0 - 2, 0), height - 1)
    right, bottom = min(max(x1 + 2, left + 1), width), min(max(y1 + 2, top + 1), height)
    piece = maps[:, :, top:bottom, left:right].float()
    if stride == 1:
        piece = normalise(_rgb(piece))
    xs, ys = sw.grid(torch.cat([low_xy, high_xy])[None], cells)
    extent = (float((right - left) * stride), float((bottom - top) * stride))
    return sw.sample(piece.contiguous(), xs - left * stride, ys - top * stride, extent)


def _deepest(image_hw: tuple[int, int]) -> int:
    """Return the number of levels of an image at which there is something to see."""
    return max(1, min(LEVELS, max(0, max(image_hw) // 64).bit_length()))


def _level_of(length_px: float) -> int:
    level = 0
    while length_px > LARGEST_PX and level < LEVELS - 1:
        length_px, level = length_px / 2, level + 1
    return level


def _scaled(prompt: PromptArrays, level: int, device: torch.device) -> _Prompt:
    box = (float("nan"),) * 4 if prompt.box_xyxy is None else prompt.box_xyxy
    rows = [(x, y, 1.0) for x, y in prompt.points_xy[-sw.MAX_CLICKS :]]
    rows += [(x, y, -1.0) for x, y in prompt.negative_xy[-sw.MAX_CLICKS :]]
    clicks = torch.tensor([rows or [(0.0, 0.0, 0.0)]], dtype=torch.float32, device=device)
    clicks[..., :2] /= 2**level
    return _Prompt(torch.tensor([box], dtype=torch.float32, device=device) / 2**level, clicks)


def _nothing() -> Candidate:
    return Candidate(np.zeros((1, 1), bool), (0, 0), 0.0)
