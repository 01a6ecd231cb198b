"""SAM 2's memory encoder: a plane's features and the object's mask on it become 64 channels that are kept."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from samj_bridge.worker.nets.sam_prompt import LayerNorm2d

__all__ = ["MemoryEncoder"]

WIDTH, KEPT = 256, 64


class MaskDownsampler(nn.Module):
    """A mask of 1024 x 1024 to 64 x 64 cells of 256 channels, halved four times."""

    def __init__(self) -> None:
        super().__init__()
        widths = (1, 4, 16, 64, WIDTH)
        layers: list[nn.Module] = []
        for inputs, outputs in itertools.pairwise(widths):
            layers += [nn.Conv2d(inputs, outputs, 3, 2, 1), LayerNorm2d(outputs), nn.GELU()]
        self.encoder = nn.Sequential(*layers, nn.Conv2d(WIDTH, WIDTH, 1))

    def forward(self, mask: Tensor) -> Tensor:
        """Shrink (B, 1, 1024, 1024) values of -10 to 10."""
        out: Tensor = self.encoder(mask)
        return out


class Block(nn.Module):
    """A block of ConvNeXt (arXiv:2201.03545)."""

    def __init__(self) -> None:
        super().__init__()
        self.dwconv = nn.Conv2d(WIDTH, WIDTH, 7, padding=3, groups=WIDTH)
        self.norm = LayerNorm2d(WIDTH)
        self.pwconv1, self.pwconv2 = nn.Linear(WIDTH, 4 * WIDTH), nn.Linear(4 * WIDTH, WIDTH)
        self.gamma = nn.Parameter(torch.empty(WIDTH))

    def forward(self, x: Tensor) -> Tensor:
        """Keep shape."""
        inner = self.norm(self.dwconv(x)).permute(0, 2, 3, 1)
        inner = self.gamma * self.pwconv2(F.gelu(self.pwconv1(inner)))
        return x + inner.permute(0, 3, 1, 2)


class Fuser(nn.Module):
    """Blocks one after the other."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList([Block(), Block()])

    def forward(self, x: Tensor) -> Tensor:
        """Keep shape."""
        blocks: Iterable[nn.Module] = self.layers
        for block in blocks:
            x = block(x)
        return x


class MemoryEncoder(nn.Module):
    """Features and mask to what is kept."""

    def __init__(self) -> None:
        super().__init__()
        self.mask_downsampler = MaskDownsampler()
        self.pix_feat_proj = nn.Conv2d(WIDTH, WIDTH, 1)
        self.fuser = Fuser()
        self.out_proj = nn.Conv2d(WIDTH, KEPT, 1)

    def forward(self, features: Tensor, mask: Tensor) -> Tensor:
        """Fuse (1, 256, 64, 64) features with (B, 1, 1024, 1024) masks: (B, 64, 64, 64)."""
        out: Tensor = self.out_proj(self.fuser(self.pix_feat_proj(features) + self.mask_downsampler(mask)))
        return out
