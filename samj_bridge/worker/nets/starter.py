"""The starter network: a small promptable segmenter for nuclei, axons and other blob-like objects.

An image is encoded once; each prompt then costs one pass of a light decoder over a window laid around the
object, as in Segment Anything (arXiv:2304.02643). The parts, and where their ideas come from:

- encoder: residual 3 x 3 convolutions at strides 4, 8 and 16 with a top-down path to stride 4 (feature
  pyramid, arXiv:1612.03144). Every operation is local, so an image encoded in tiles with a halo of
  ``StarterConfig.halo`` pixels gives the features of the whole image.
- hypotheses: a click reads, from the features under it, the distances to the four sides of its object and
  how good that box is (FCOS, arXiv:1904.01355). Two slots: the smallest object at the place (an axon) and
  the whole around it (the fibre).
- decoder: features and image sampled on a fixed grid over the window (RoIAlign, arXiv:1703.06870), with
  prompts and the mask before as further channels (RITM, arXiv:2102.06583); three mask candidates, each with
  a predicted IoU.

No code was taken from any of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

PART, WHOLE, FREE = 0, 1, 2
"""What the three candidates of an ambiguous click mean: the smallest object, the whole, the better of both."""


@dataclass(frozen=True)
class StarterConfig:
    """Sizes of the network."""

    stem: int = 24
    """Channels at stride 2."""
    widths: tuple[int, int, int] = (48, 96, 128)
    """Channels at strides 4, 8 and 16."""
    blocks: tuple[int, int, int] = (1, 2, 3)
    """Residual blocks at strides 4, 8 and 16."""
    features: int = 48
    """Channels of the features that are kept, at stride 4."""
    hypothesis: int = 96
    """Hidden channels of the head that reads boxes from a click."""
    grid: int = 56
    """Cells of a decoder's window along each side; the features are sampled at half of it."""
    decoder: tuple[int, int, int, int] = (16, 32, 64, 96)
    """Decoder channels at 1, 1/2, 1/4 and 1/8 of the grid."""
    context: int = 6
    """Numbers that describe a prompt as a whole: four flags, log width, log height."""
    fine: int = 13
    """Channels at full grid: 6 image, inside, box, positive, negative, mask, x, y."""
    align: int = 16
    """Sides of an encoded image and places of its tiles are multiples of this."""
    halo: int = 256
    """Pixels around a tile that its features depend on, rounded up."""


def normalise(image: Tensor) -> Tensor:
    """Scale 0..1 intensities for the network, with a square root beside them so that dim structure is seen too.

    Parameters
    ----------
    image : (B, 3, H, W) tensor, 0..1
    """
    image = image.clamp(0, 1)
    return torch.cat([image - 0.5, image.sqrt() - 0.5], 1) * 4  # B 6 H W


class ConvBn(nn.Sequential):
    """Convolution without bias, batch normalisation, optional ReLU."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int, stride: int = 1, dilation: int = 1, *, relu: bool = True
    ):
        # Even kernels with stride 2 keep the centre of an output cell on the centre of the pixels it stands for.
        padding = (kernel - 1) // 2 * dilation
        layers: list[nn.Module] = [
            nn.Conv2d(inputs, outputs, kernel, stride, padding, dilation, bias=False),
            nn.BatchNorm2d(outputs, momentum=0.05),
        ]
        if relu:
            layers.append(nn.ReLU(inplace=True))
        super().__init__(*layers)


class Residual(nn.Module):
    """Two 3 x 3 convolutions around a shortcut."""

    def __init__(self, width: int, dilation: int = 1):
        super().__init__()
        self.first = ConvBn(width, width, 3)
        self.second = ConvBn(width, width, 3, dilation=dilation, relu=False)

    def forward(self, x: Tensor) -> Tensor:
        """Keep shape."""
        return F.relu(x + self.second(self.first(x)))


def _go_on() -> None:
    """Nobody asks."""


class Encoder(nn.Module):
    """Normalised image (B, 6, H, W) to features at stride 4; H and W are multiples of ``StarterConfig.align``."""

    def __init__(self, config: StarterConfig):
        super().__init__()
        s4, s8, s16 = config.widths
        n4, n8, n16 = config.blocks
        self.stem = nn.Sequential(ConvBn(6, config.stem, 4, 2), ConvBn(config.stem, s4, 4, 2))
        self.stage4 = nn.Sequential(*[Residual(s4) for _ in range(n4)])
        self.stage8 = nn.Sequential(ConvBn(s4, s8, 2, 2), *[Residual(s8) for _ in range(n8)])
        # Dilation at the coarsest stage sees as far as a stride of 32 would, at less cost in parameters.
        self.stage16 = nn.Sequential(ConvBn(s8, s16, 2, 2), *[Residual(s16, dilation=2) for _ in range(n16)])
        self.down16 = ConvBn(s16, s8, 1, relu=False)
        self.smooth8 = ConvBn(s8, config.features, 3, relu=False)
        self.lateral4 = ConvBn(s4, config.features, 1, relu=False)
        self.smooth4 = ConvBn(config.features, config.features, 3)

    def forward(self, x: Tensor, check: Callable[[], None] = _go_on) -> Tensor:
        """Give (B, features, H/4, W/4); `check` is called between the stages, and may raise."""
        x4 = self.stage4(self.stem(x))  # B 48 H/4 W/4
        check()
        x8 = self.stage8(x4)  # B 96 H/8 W/8
        check()
        x16 = self.stage16(x8)  # B 128 H/16 W/16
        check()
        x8 = F.relu(x8 + _double(self.down16(x16)))
        x4 = F.relu(self.lateral4(x4) + _double(self.smooth8(x8)))
        out: Tensor = self.smooth4(x4)  # B 48 H/4 W/4
        return out


class Hypotheses(nn.Module):
    """Boxes and scores of the objects at places, read from the features there."""

    def __init__(self, config: StarterConfig):
        super().__init__()
        self.spread = ConvBn(config.features, config.hypothesis, 3)
        self.read = nn.Sequential(
            nn.Linear(config.hypothesis, config.hypothesis), nn.ReLU(), nn.Linear(config.hypothesis, 10)
        )

    def forward(self, sampled: Tensor) -> tuple[Tensor, Tensor]:
        """Read distances (N, 2, 4) left, top, right, bottom, and score logits (N, 2).

        Parameters
        ----------
        sampled : (N, hypothesis) tensor, ``spread`` of the features read at N places
        """
        out = self.read(sampled).unflatten(-1, (2, 5))  # N 2 5
        return 8 * out[..., :4].clamp(-5, 5).exp(), out[..., 4]


class Decoder(nn.Module):
    """Window on the features and the image, with prompts, to three masks and their predicted IoU."""

    def __init__(self, config: StarterConfig):
        super().__init__()
        d1, d2, d4, d8 = config.decoder
        self.fine = ConvBn(config.fine, d1, 3)
        self.down2 = ConvBn(d1, d2, 4, 2, relu=False)
        self.features = ConvBn(config.features, d2, 1, relu=False)
        self.context = nn.Linear(config.context, d2)
        self.enter2 = Residual(d2)
        self.stage4 = nn.Sequential(ConvBn(d2, d4, 2, 2), Residual(d4), Residual(d4))
        self.stage8 = nn.Sequential(ConvBn(d4, d8, 2, 2), Residual(d8))
        self.up4 = nn.ModuleList([ConvBn(d8, d4, 1, relu=False), ConvBn(d4, d4, 3)])
        self.up2 = nn.ModuleList([ConvBn(d4, d2, 1, relu=False), ConvBn(d2, d2, 3)])
        self.up1 = nn.ModuleList([ConvBn(d2, d1, 1, relu=False), ConvBn(d1, d1, 3)])
        self.masks = nn.Conv2d(d1, 3, 1)
        self.score = nn.Sequential(nn.Linear(d8 + 2 * d2 + 5, 64), nn.ReLU(), nn.Linear(64, 1))

    def forward(self, fine: Tensor, features: Tensor, context: Tensor) -> tuple[Tensor, Tensor]:
        """Decode a batch of prompts.

        Parameters
        ----------
        fine : (N, 13, G, G) tensor
        features : (N, 48, G/2, G/2) tensor
        context : (N, 6) tensor

        Returns
        -------
        masks : (N, 3, G, G) tensor of logits
        scores : (N, 3) tensor of logits of the IoU
        """
        x1 = self.fine(fine)  # N 16 G G
        x2 = self.down2(x1) + self.features(features) + self.context(context)[:, :, None, None]
        x2 = self.enter2(F.relu(x2))  # N 32 G/2 G/2
        x4 = self.stage4(x2)  # N 64 G/4 G/4
        x8 = self.stage8(x4)  # N 96 G/8 G/8
        x4 = self.up4[1](F.relu(x4 + _double(self.up4[0](x8))))
        x2 = self.up2[1](F.relu(x2 + _double(self.up2[0](x4))))
        x1 = self.up1[1](F.relu(x1 + _double(self.up1[0](x2))))
        masks = self.masks(x1)  # N 3 G G
        return masks, self._scores(masks.detach(), x2, x8)

    def _scores(self, masks: Tensor, x2: Tensor, x8: Tensor) -> Tensor:
        soft = masks.sigmoid()
        weight = F.avg_pool2d(soft, 2)  # N 3 G/2 G/2
        weight = weight / weight.sum((2, 3), keepdim=True).clamp_min(1e-3)
        inside = torch.bmm(weight.flatten(2), x2.flatten(2).transpose(1, 2))  # N 3 32
        shared = torch.cat([x8.mean((2, 3)), x2.mean((2, 3))], 1)[:, None].expand(-1, 3, -1)  # N 3 128
        certainty = (soft - 0.5).abs().mean((2, 3))  # N 3
        which = torch.eye(3, device=masks.device, dtype=masks.dtype).expand(len(masks), -1, -1)
        numbers = torch.stack([soft.mean((2, 3)), certainty], 2)  # N 3 2
        out: Tensor = self.score(torch.cat([shared, inside, numbers, which], 2)).squeeze(2)  # N 3
        return out


class StarterNet(nn.Module):
    """Encoder, hypotheses and decoder; sampling between them is in ``starter_window``."""

    def __init__(self, config: StarterConfig | None = None):
        super().__init__()
        self.config = config or StarterConfig()
        self.encoder = Encoder(self.config)
        self.hypotheses = Hypotheses(self.config)
        self.decoder = Decoder(self.config)


def fold(net: StarterNet) -> StarterNet:
    """Fold each batch normalisation into the convolution before it, in place, for inference."""
    net.eval()
    for block in [module for module in net.modules() if isinstance(module, ConvBn)]:
        block[0] = torch.nn.utils.fusion.fuse_conv_bn_eval(block[0], block[1])
        block[1] = nn.Identity()
    return net


def _double(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
