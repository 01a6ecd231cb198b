"""EfficientViT, the image encoder of EfficientViT-SAM L0, L1 and L2, with its neck.

Five stages at strides 2 to 32: plain residual and fused inverted-bottleneck convolutions, then inverted
bottlenecks, and in the last stage attention whose cost is linear in the number of pixels, with a ReLU kernel at two
scales (EfficientViT, arXiv:2205.14756; EfficientViT-SAM, arXiv:2402.05008; keys and behaviour follow
github.com/mit-han-lab/efficientvit). The neck brings the last three stages to 64 x 64 and adds them up. No code was
taken from it.

Batch normalisations are part of the published state dict; `EfficientVit.fold` merges them into the convolutions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

__all__ = ["EFFICIENTVIT", "EPS", "EfficientVit", "EfficientVitConfig"]

INPUT = 512
"""Side of the input, pixels."""
GRID = 64
"""Cells of the embedding along each side."""
EPS = 1e-6
"""Of every normalisation: the authors set it on the whole network."""
HEAD = 32
"""Channels of an attention head."""
WIDTHS = (32, 64, 128, 256, 512)
"""Channels of the stages."""
EMBEDDING = 256
"""Channels of the neck and of the embedding."""


@dataclass(frozen=True)
class EfficientVitConfig:
    """Sizes of the network."""

    depths: tuple[int, int, int, int, int]
    """Blocks of each stage after the one that halves the grid."""
    neck: int
    """Blocks of the neck."""


EFFICIENTVIT = {
    "efficientvit-sam-l0": EfficientVitConfig((1, 1, 1, 4, 4), 4),
    "efficientvit-sam-l1": EfficientVitConfig((1, 1, 1, 6, 6), 8),
    "efficientvit-sam-l2": EfficientVitConfig((1, 2, 2, 8, 8), 12),
}
"""By architecture, as published."""


class Conv(nn.Module):
    """Convolution, normalisation where there is one, and GELU (its tanh form) where asked for."""

    def __init__(
        self, width_in: int, width_out: int, kernel: int, stride: int = 1, groups: int = 1, *,
        normed: bool = True, biased: bool = False, active: bool = True,
    ):  # fmt: skip
        super().__init__()
        self.active = active
        self.conv = nn.Conv2d(width_in, width_out, kernel, stride, kernel // 2, groups=groups, bias=biased)
        if normed:
            self.norm = nn.BatchNorm2d(width_out, eps=EPS)
        self.normed = normed

    def forward(self, x: Tensor) -> Tensor:
        """Map (1, C, H, W) to (1, D, H / stride, W / stride)."""
        x = self.conv(x)
        if self.normed:
            x = self.norm(x)
        # In place: the widened maps have up to 33 MB.
        return torch.ops.aten.gelu_(x, approximate="tanh") if self.active else x


class Plain(nn.Module):
    """Two 3 x 3 convolutions."""

    def __init__(self, width: int):
        super().__init__()
        self.conv1 = Conv(width, width, 3)
        self.conv2 = Conv(width, width, 3, active=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map (1, C, H, W) to the same shape."""
        out: Tensor = self.conv2(self.conv1(x))
        return out


class FusedBottleneck(nn.Module):
    """A 3 x 3 convolution that widens, and a 1 x 1 that narrows."""

    def __init__(self, width_in: int, width_out: int, expand: int, stride: int = 1):
        super().__init__()
        self.spatial_conv = Conv(width_in, expand * width_in, 3, stride)
        self.point_conv = Conv(expand * width_in, width_out, 1, active=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map (1, C, H, W) to (1, D, H / stride, W / stride)."""
        out: Tensor = self.point_conv(self.spatial_conv(x))
        return out


class Bottleneck(nn.Module):
    """Widen by 1 x 1, look around by a depthwise 3 x 3, narrow by 1 x 1; only the last is normalised."""

    def __init__(self, width_in: int, width_out: int, expand: int, stride: int = 1):
        super().__init__()
        width = expand * width_in
        self.inverted_conv = Conv(width_in, width, 1, normed=False, biased=True)
        self.depth_conv = Conv(width, width, 3, stride, width, normed=False, biased=True)
        self.point_conv = Conv(width, width_out, 1, active=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map (1, C, H, W) to (1, D, H / stride, W / stride)."""
        out: Tensor = self.point_conv(self.depth_conv(self.inverted_conv(x)))
        return out


class LinearAttention(nn.Module):
    """Attention with a ReLU kernel, whose cost is linear in the pixels, at two scales."""

    def __init__(self, width: int):
        super().__init__()
        self.qkv = Conv(width, 3 * width, 1, normed=False, active=False)
        depthwise = nn.Conv2d(3 * width, 3 * width, 5, padding=2, groups=3 * width, bias=False)
        grouped = nn.Conv2d(3 * width, 3 * width, 1, groups=3 * width // HEAD, bias=False)
        self.aggreg = nn.ModuleList([nn.Sequential(depthwise, grouped)])
        self.proj = Conv(2 * width, width, 1, active=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map (1, C, H, W) to the same shape."""
        height, width = x.shape[2:]
        fine = self.qkv(x)  # 1 3C H W
        both = torch.cat([fine, self.aggreg[0](fine)], 1)  # 1 6C H W
        q, k, v = both.view(-1, 3, HEAD, height * width).float().unbind(1)  # 2h d P
        # In float32: the sums run over every pixel.
        q, k = F.relu(q), F.relu(k)
        summary = v @ k.transpose(1, 2)  # 2h d d
        total = k.sum(2, keepdim=True).transpose(1, 2)  # 2h 1 d
        out = (summary @ q) / (total @ q + 1e-15)  # 2h d P
        out = out.reshape(1, -1, height, width).to(x.dtype)  # 1 2C H W
        projected: Tensor = self.proj(out.contiguous(memory_format=torch.channels_last))
        return projected


class Residual(nn.Module):
    """A module whose input is added to its output; with `skip` False, the module alone."""

    def __init__(self, main: nn.Module, skip: bool = True):
        super().__init__()
        self.main = main
        self.skip = skip

    def forward(self, x: Tensor) -> Tensor:
        """Map (1, C, H, W)."""
        out: Tensor = self.main(x)
        return out + x if self.skip else out


class AttentionBlock(nn.Module):
    """Linear attention, then a bottleneck, each with a residual."""

    def __init__(self, width: int, expand: int):
        super().__init__()
        self.context_module = Residual(LinearAttention(width))
        self.local_module = Residual(Bottleneck(width, width, expand))

    def forward(self, x: Tensor) -> Tensor:
        """Map (1, C, H, W) to the same shape."""
        out: Tensor = self.local_module(self.context_module(x))
        return out


class Chain(nn.Module):
    """Modules one after the other, under the name that the published keys have."""

    def __init__(self, *modules: nn.Module):
        super().__init__()
        self.op_list = nn.ModuleList(modules)

    def forward(self, x: Tensor) -> Tensor:
        """Map (1, C, H, W) through every module."""
        for module in self.op_list:
            x = module(x)
        return x


class Backbone(nn.Module):
    """Five stages; the stem halves the image, every further stage halves the grid."""

    def __init__(self, config: EfficientVitConfig):
        super().__init__()
        depths = config.depths
        stem = Chain(Conv(3, WIDTHS[0], 3, 2), *(Residual(Plain(WIDTHS[0])) for _ in range(depths[0])))
        self.stages = nn.ModuleList([stem])
        for stage in (1, 2):
            down = Residual(FusedBottleneck(WIDTHS[stage - 1], WIDTHS[stage], 16, 2), skip=False)
            same = (Residual(FusedBottleneck(WIDTHS[stage], WIDTHS[stage], 4)) for _ in range(depths[stage]))
            self.stages.append(Chain(down, *same))
        down = Residual(Bottleneck(WIDTHS[2], WIDTHS[3], 16, 2), skip=False)
        middle = (Residual(Bottleneck(WIDTHS[3], WIDTHS[3], 4)) for _ in range(depths[3]))
        self.stages.append(Chain(down, *middle))
        down = Residual(Bottleneck(WIDTHS[3], WIDTHS[4], 24, 2), skip=False)
        self.stages.append(Chain(down, *(AttentionBlock(WIDTHS[4], 6) for _ in range(depths[4]))))


class Neck(nn.Module):
    """The last three stages, enlarged to 64 x 64, added up and refined."""

    def __init__(self, depth: int):
        super().__init__()
        width = EMBEDDING
        self.input_ops = nn.ModuleList([Chain(Conv(WIDTHS[i], width, 1, active=False)) for i in (4, 3, 2)])
        self.middle = Chain(*(Residual(FusedBottleneck(width, width, 1)) for _ in range(depth)))
        self.output_ops = nn.ModuleList([Chain(Conv(width, width, 1, normed=False, biased=True, active=False))])

    def join(self, features: list[Tensor]) -> Tensor:
        """Add the features of the stages, coarse to fine, (1, C, H, W) each, up to (1, 256, 64, 64)."""
        parts = [op(x) for op, x in zip(self.input_ops, features, strict=True)]
        return torch.stack([_enlarged(part) for part in parts]).sum(0)


class EfficientVit(nn.Module):
    """The image encoder: a padded 512 x 512 image to its embedding."""

    def __init__(self, config: EfficientVitConfig):
        super().__init__()
        self.backbone = Backbone(config)
        self.neck = Neck(config.neck)
        self.norm = nn.LayerNorm(EMBEDDING, eps=EPS)

    def fold(self) -> None:
        """Merge every batch normalisation into the convolution before it, in place, for inference."""
        self.eval()
        for module in self.modules():
            if isinstance(module, Conv) and module.normed:
                module.conv = torch.nn.utils.fusion.fuse_conv_bn_eval(module.conv, module.norm)
                del module.norm
                module.normed = False

    def forward(self, x: Tensor, check: Callable[[float], None] = lambda _: None) -> Tensor:
        """Encode a normalised image.

        Parameters
        ----------
        x : (1, 3, 512, 512) tensor
        check : called with the fraction done between blocks; may raise

        Returns
        -------
        (1, 256, 64, 64) tensor
        """
        steps = sum(len(stage.op_list) for stage in self.backbone.stages) + len(self.neck.middle.op_list)
        done, features = 0, []
        # Channels last pays (an eighth less time on a CPU): the 1 x 1 convolutions are products of rows then.
        x = x.contiguous(memory_format=torch.channels_last)
        for stage in self.backbone.stages:
            for block in stage.op_list:
                x = block(x)
                done += 1
                check(done / steps)
            features.append(x)
        x = self.neck.join(features[:1:-1])
        for block in self.neck.middle.op_list:
            x = block(x)
            done += 1
            check(done / steps)
        x = self.neck.output_ops[0](x)  # 1 256 64 64
        return self.norm(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


def _enlarged(x: Tensor) -> Tensor:
    if x.shape[-1] == GRID:
        return x
    return F.interpolate(x, (GRID, GRID), mode="bicubic", align_corners=False)
