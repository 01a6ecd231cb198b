"""The starter's image side: features of an image, and of the image reduced where a prompt asks for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from samj_bridge.worker.families.base import part_of
from samj_bridge.worker.nets.starter import StarterNet, normalise

__all__ = ["LARGEST_PX", "STRIDE", "ImageSide", "Level", "StarterEncoding", "deepest", "level_of", "rgb"]

STRIDE = 4
LARGEST_PX = 128
"""Objects longer than this are looked at in an image reduced by two, four, ...: those learnt from were smaller."""
LEVELS = 7


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
    """Height and width in the pixels that prompts and answers count in."""
    levels: list[Level] = field(default_factory=list)
    """From the finest that there is."""
    first: int = 0
    """How often the finest was halved: above 0 for a tile of a reduced image."""
    tiles: int = 1
    """In how many tiles the finest was encoded."""

    @property
    def nbytes(self) -> int:
        """Bytes held by images and features."""
        return sum(t.numel() * t.element_size() for level in self.levels for t in (level.image, level.features))


def _go_on(_fraction: float) -> None:
    """Nobody asks."""


def _at(check: Callable[[float], None], fraction: float) -> Callable[[], None]:
    return lambda: check(fraction)


class ImageSide:
    """Encodes images, in overlapping tiles where they are large.

    Parameters
    ----------
    net : StarterNet
        On `device`.
    device : torch.device
    spans : callable
        Returns the spans of pixels that an axis of a length is encoded in; each tile sees the halo besides.
    """

    def __init__(self, net: StarterNet, device: torch.device, spans: Callable[[int], list[tuple[int, int]]]):
        self.net = net
        self.device = device
        self._spans = spans

    def encode(self, image: NDArray[np.float32], check: Callable[[float], None]) -> StarterEncoding:
        """Encode a (Y, X, C) image of 0..1."""
        half = torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)[None])).to(self.device, torch.float16)
        height, width = image.shape[:2]
        tiles = len(self._spans(height)) * len(self._spans(width))
        encoding = StarterEncoding((height, width), tiles=tiles)
        encoding.levels.append(Level(half, self._features(half, check)))
        return encoding

    def level(self, encoding: StarterEncoding, level: int, check: Callable[[float], None] = _go_on) -> Level:
        """Return the image reduced by two to the power of `level`, encoded now if it was not yet.

        `check` hears how much of what was missing is done, and may raise: what was encoded by then stays.
        """
        missing = encoding.first + len(encoding.levels)
        # Each level has a quarter of the pixels of the one before.
        whole = sum(0.25**each for each in range(missing, level + 1))
        before = 0.0
        for each in range(missing, level + 1):
            finer = encoding.levels[-1].image
            planes = [F.avg_pool2d(plane[None, None].float(), 2, ceil_mode=True).half() for plane in finer[0]]
            image, part = torch.cat(planes, 1), 0.25**each / whole
            encoding.levels.append(Level(image, self._features(image, part_of(check, before, part))))
            before += part
        return encoding.levels[level - encoding.first]

    def _features(self, image: Tensor, check: Callable[[float], None]) -> Tensor:
        config, (height, width) = self.net.config, image.shape[2:]
        rows, columns = self._spans(height), self._spans(width)
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
                done = (i * len(columns) + j) / (len(rows) * len(columns))
                found = self.net.encoder(_aligned(normalise(rgb(piece)), config.align), _at(check, done))
                oy, ox, cy, cx = (top - y0) // STRIDE, (left - x0) // STRIDE, top // STRIDE, left // STRIDE
                ey, ex = -(-bottom // STRIDE), -(-right // STRIDE)
                out[:, :, cy:ey, cx:ex] = found[:, :, oy : oy + ey - cy, ox : ox + ex - cx]
                check((i * len(columns) + j + 1) / (len(rows) * len(columns)))
        return out


def deepest(image_hw: tuple[int, int]) -> int:
    """Return the number of levels of an image at which there is something to see."""
    return max(1, min(LEVELS, max(0, max(image_hw) // 64).bit_length()))


def level_of(length_px: float, first: int = 0) -> int:
    """Return the level at which an object of this length is looked at, where `first` is the finest there is."""
    level = first
    while length_px > LARGEST_PX << level and level < LEVELS - 1:
        level += 1
    return level


def rgb(image: Tensor) -> Tensor:
    """Show a grey image (N, 1, H, W) as red, green and blue; another one stays as it is."""
    return image.expand(-1, 3, -1, -1) if image.shape[1] == 1 else image


def _aligned(x: Tensor, align: int) -> Tensor:
    # Repeating the border makes no edge where the image ends; zeros do, and were taken for objects.
    padded = F.pad(x, (0, -x.shape[3] % align, 0, -x.shape[2] % align), mode="replicate")
    return padded.contiguous(memory_format=torch.channels_last)
