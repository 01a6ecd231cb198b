"""MobileSAM's image encoder: TinyViT-5M at 1024 pixels (arXiv:2306.14289, arXiv:2207.10666); LiteMedSAM's at 256.

Follows the published network, github.com/ChaoningZhang/MobileSAM, whose parameter names it has, the unused head
of the classifier among them. For inference `TinyVit.fold` merges each batch normalisation into its convolution.
Done otherwise, with the same result: everything is channels-last, so that tokens are the rows of the maps and no
step reorders them but the windows; tokens are put into their windows' order before they are widened to queries,
keys and values, and some windows at a time are attended to.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from samj_bridge.worker.nets.sam_vit import Neck, in_chunks

__all__ = ["LITE", "TinyVit", "TinyVitConfig"]

STRIP_ROWS = 16
"""Rows of a map that pass a block of convolutions at a time on a CPU: the widened channels stay in the cache."""

TOKENS = 2048
"""Tokens whose windows are attended to at a time on a CPU."""


@dataclass(frozen=True)
class TinyVitConfig:
    """Sizes of the encoder."""

    widths: tuple[int, ...] = (64, 128, 160, 320)
    """Channels of each stage."""
    depths: tuple[int, ...] = (2, 2, 6, 2)
    """Blocks of each stage; the first stage's are convolutions."""
    heads: tuple[int, ...] = (2, 4, 5, 10)
    """Attention heads of each stage."""
    windows: tuple[int, ...] = (7, 7, 14, 7)
    """Tokens along a window's side in each stage."""
    strides: tuple[int, ...] = (2, 2, 1)
    """How much each stage but the last reduces what it hands on."""
    stem: tuple[int, int] = (3, 2)
    """Side and stride of the first two convolutions."""
    classes: int = 1000
    """Of the head that nothing uses; 0: it has none."""
    output: int = 256
    """Channels of the embedding."""


LITE = TinyVitConfig(stem=(1, 1), classes=0)
"""LiteMedSAM's: 256 pixels give the same map as MobileSAM's 1024, for its stem sees one pixel at a time."""


class ConvBn(nn.Module):
    """A convolution without bias and its batch normalisation."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1):
        super().__init__()
        self.c = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
        self.bn: nn.Module = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.bn(self.c(x))

    def fold(self) -> None:
        """Merge the normalisation into the convolution."""
        self.c = nn.utils.fusion.fuse_conv_bn_eval(self.c, self.bn)
        self.bn = nn.Identity()


class _Widened(nn.Module):
    """1 x 1 to more channels, 3 x 3 on each channel, 1 x 1 back; strip by strip."""

    def __init__(self, inputs: int, hidden: int, outputs: int, stride: int):
        super().__init__()
        self.conv1 = ConvBn(inputs, hidden, 1)
        self.conv2 = ConvBn(hidden, hidden, 3, stride, hidden)
        self.conv3 = ConvBn(hidden, outputs, 1)
        self.stride = stride

    def strip(self, x: Tensor, top: int, bottom: int) -> Tensor:
        """Compute output rows [top, bottom) of (1, C, H, W)."""
        first, last = top * self.stride - 1, (bottom - 1) * self.stride + 2
        inside = x[:, :, max(0, first) : min(x.shape[2], last)]
        wide = F.gelu(self.conv1(inside))
        above, below = max(0, -first), max(0, last - x.shape[2])
        if above or below:
            wide = F.pad(wide, (0, 0, above, below))
        depthwise = self.conv2.c
        wide = F.conv2d(wide, depthwise.weight, depthwise.bias, self.stride, (0, 1), groups=depthwise.groups)
        return self.conv3(F.gelu(self.conv2.bn(wide)))

    def strips(self, x: Tensor, finish: Callable[[Tensor, int, int], Tensor] = lambda part, *_: part) -> Tensor:
        """Compute all rows; `finish` is given each strip with its first and last row, while it is in the cache."""
        height, width = (-(-side // self.stride) for side in x.shape[2:])
        step = STRIP_ROWS if x.device.type == "cpu" else height
        whole = None
        for top in range(0, height, step):
            bottom = min(height, top + step)
            part = finish(self.strip(x, top, bottom), top, bottom)
            if whole is None:
                shape = (1, part.shape[1], height, width)
                whole = torch.empty(shape, dtype=x.dtype, device=x.device, memory_format=torch.channels_last)
            whole[:, :, top:bottom] = part
        assert whole is not None
        return whole


class _MbConv(_Widened):
    """A convolution block of the first stage, with a shortcut."""

    def __init__(self, width: int):
        super().__init__(width, 4 * width, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.strips(x, lambda part, top, bottom: F.gelu(part.add_(x[:, :, top:bottom])))


class _Merging(_Widened):
    """What stands between two stages."""

    def __init__(self, inputs: int, outputs: int, stride: int):
        super().__init__(inputs, outputs, outputs, stride)

    def forward(self, x: Tensor) -> Tensor:
        return self.strips(x)


class _Attention(nn.Module):
    def __init__(self, width: int, heads: int, window: int):
        super().__init__()
        self.heads, self.window = heads, window
        self.folded: Tensor | None
        self.norm = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)
        self.attention_biases = nn.Parameter(torch.zeros(heads, window * window))
        self.register_buffer("folded", None, persistent=False)

    def fold(self) -> None:
        """Spread the biases once instead of for each image."""
        self.folded = self.biases()

    def biases(self) -> Tensor:
        """Return (H, N, N): one number per head for each distance in rows and columns."""
        place = torch.arange(self.window, device=self.attention_biases.device)
        far = (place[:, None] - place[None, :]).abs()
        index = (far[:, None, :, None] * self.window + far[None, :, None, :]).flatten(2).flatten(0, 1)
        return self.attention_biases[:, index]

    def forward(self, x: Tensor) -> Tensor:
        """Attend within the windows of a map of rows (Y, X, C)."""
        height, width, channels = x.shape
        side = self.window
        down, across = -(-height // side), -(-width // side)
        # Zeros before the normalisation: what fills up the windows at the border takes part, as published.
        filled = F.pad(x, (0, 0, 0, across * side - width, 0, down * side - height))
        windows = filled.view(down, side, across, side, channels).transpose(1, 2).reshape(-1, side * side, channels)
        biases = self.biases() if self.folded is None else self.folded
        seen = in_chunks(lambda some: self._within(some, biases), windows, max(1, TOKENS // side**2))
        rows = seen.view(down, across, side, side, channels).transpose(1, 2)
        return rows.reshape(down * side, across * side, channels)[:height, :width]

    def _within(self, windows: Tensor, biases: Tensor) -> Tensor:
        """Attend within some windows (W, N, C)."""
        qkv = self.qkv(self.norm(windows)).unflatten(2, (self.heads, 3, -1))  # W N H 3 D
        query, key, value = qkv.permute(3, 0, 2, 1, 4)
        seen = F.scaled_dot_product_attention(query, key, value, attn_mask=biases[None])
        return self.proj(seen.transpose(1, 2).flatten(2))


class _Mlp(nn.Module):
    def __init__(self, width: int):
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.fc1 = nn.Linear(width, 4 * width)
        self.fc2 = nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(F.gelu(self.fc1(self.norm(x))))


class _Block(nn.Module):
    """Windows, a 3 x 3 convolution on each channel, a perceptron."""

    def __init__(self, width: int, heads: int, window: int):
        super().__init__()
        self.attn = _Attention(width, heads, window)
        self.mlp = _Mlp(width)
        self.local_conv = ConvBn(width, width, 3, groups=width)

    def forward(self, x: Tensor) -> Tensor:
        rows = x[0].permute(1, 2, 0)  # Y X C, contiguous
        rows = rows + self.attn(rows)
        x = self.local_conv(rows.permute(2, 0, 1)[None])
        rows = x.permute(0, 2, 3, 1).flatten(0, 2)  # P C
        rows = in_chunks(lambda part: part + self.mlp(part), rows)
        return rows.view(1, *x.shape[2:], -1).permute(0, 3, 1, 2)


class _Stage(nn.Module):
    def __init__(self, blocks: list[nn.Module], downsample: nn.Module | None):
        super().__init__()
        self.blocks = nn.ModuleList(blocks)
        self.downsample = downsample


class _Patches(nn.Module):
    def __init__(self, width: int, kernel: int, stride: int):
        super().__init__()
        first, second = ConvBn(3, width // 2, kernel, stride), ConvBn(width // 2, width, kernel, stride)
        self.seq = nn.Sequential(first, nn.GELU(), second)

    def forward(self, image: Tensor) -> Tensor:
        return self.seq(image.contiguous(memory_format=torch.channels_last))


class TinyVit(nn.Module):
    """(1, 3, 1024, 1024) pixels (256 x 256 for `LITE`), normalised and padded, to a (1, 256, 64, 64) embedding."""

    def __init__(self, config: TinyVitConfig | None = None):
        super().__init__()
        config = config or TinyVitConfig()
        self.patch_embed = _Patches(config.widths[0], *config.stem)
        stages = []
        for index, (width, depth) in enumerate(zip(config.widths, config.depths, strict=True)):
            if index == 0:
                blocks: list[nn.Module] = [_MbConv(width) for _ in range(depth)]
            else:
                blocks = [_Block(width, config.heads[index], config.windows[index]) for _ in range(depth)]
            last = index == len(config.widths) - 1
            merging = None if last else _Merging(width, config.widths[index + 1], config.strides[index])
            stages.append(_Stage(blocks, merging))
        self.layers = nn.ModuleList(stages)
        if config.classes:
            self.norm_head = nn.LayerNorm(config.widths[-1])
            self.head = nn.Linear(config.widths[-1], config.classes)
        self.neck = Neck(config.widths[-1], config.output)

    def fold(self) -> None:
        """Prepare for inference: merge the normalisations and spread the biases, after the weights are loaded."""
        self.eval()
        for module in list(self.modules()):
            if isinstance(module, ConvBn | _Attention):
                module.fold()
        self.to(memory_format=torch.channels_last)

    def forward(self, image: Tensor, check: Callable[[float], None] = lambda _: None) -> Tensor:
        """Encode; `check` is called with the fraction done between blocks, and may raise."""
        steps = sum(len(stage.blocks) + 1 for stage in self.layers)
        done = 0
        check(0.0)
        x = self.patch_embed(image)
        for stage in self.layers:
            for step in [*stage.blocks, stage.downsample]:
                done += 1
                check(done / (steps + 1))
                x = x if step is None else step(x)
        return self.neck(x)
