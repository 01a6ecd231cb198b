"""micro-sam's decoder for automatic segmentation: foreground and two distances from SAM's embedding alone.

It is a UNETR (arXiv:2103.10504) without skips from the image: a side chain enlarges the embedding by itself, and
takes the place of the skips (Nature Methods 2025, doi:10.1038/s41592-024-02580-4). Parameter names are those of
github.com/constantinpape/torch-em, in both published forms: bilinear enlargement followed by a 1 x 1 convolution,
or a transposed convolution. No code was taken.

Two things in the published network look like mistakes and belong to it:

- A skip has twice the channels that fit, and only the middle half of them is used.
- It is never put into evaluation mode: its batch normalisations use the statistics of the image at hand, the
  padding of the frame among it. `DistanceDecoder.own_statistics` is False for the running ones.

Done otherwise, with the same result: the 1 x 1 convolution comes before the enlargement (they commute), and
a map is joined with its skip and convolved some rows at a time, so that no joined map ever exists. Before a
convolution nothing is normalised: the weights are, and around the map its mean stands in place of 0.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

__all__ = ["DistanceDecoder", "is_transposed"]

EMBEDDED = 256
"""Channels of the embedding."""
WIDTHS = (512, 256, 128, 64)
"""Channels after each enlargement."""
STRIP_PIXELS = 16 * 1024
"""Pixels of a map that are convolved at a time: they stay in the cache."""
RUN = 4096
"""Pixels whose numbers are added up in float32; sums of these in float64. Every map has a multiple of it."""


def is_transposed(names: Iterable[str]) -> bool:
    """Return whether the names of a decoder's weights are those of the form with transposed convolutions."""
    return any(name.startswith("decoder.samplers") and ".block." in name for name in names)


class Enlarge(nn.Module):
    """Twice the side, other channels."""

    def __init__(self, inputs: int, outputs: int, *, transposed: bool):
        super().__init__()
        if transposed:
            self.block = nn.ConvTranspose2d(inputs, outputs, 2, 2)
        else:
            self.conv = nn.Conv2d(inputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return (1, outputs, 2 Y, 2 X)."""
        if hasattr(self, "block"):
            enlarged: Tensor = self.block(x)
            return enlarged
        return F.interpolate(self.conv(x), scale_factor=2, mode="bilinear", align_corners=False)


class _Plain(nn.Module):
    def __init__(self, width: int):
        super().__init__()
        self.block = nn.Conv2d(width, width, 3, padding=1)


class Side(nn.Module):
    """A step of the side chain: enlarged, convolved, normalised over the batch, rectified."""

    def __init__(self, inputs: int, outputs: int, *, transposed: bool):
        super().__init__()
        norm = nn.BatchNorm2d(outputs)
        self.block = nn.ModuleList([Enlarge(inputs, outputs, transposed=transposed), _Plain(outputs), norm])

    def forward(self, x: Tensor, *, own_statistics: bool) -> Tensor:
        """Return (1, outputs, 2 Y, 2 X)."""
        enlarge, convolve, norm = self.block
        kernel: nn.Conv2d = convolve.block
        x = _convolved([enlarge(x)], kernel.weight, kernel.bias, torch.zeros_like(kernel.weight[0, :, 0, 0]))
        mean, variance = _statistics(x) if own_statistics else (norm.running_mean, norm.running_var)
        return F.batch_norm(x, mean, variance, norm.weight, norm.bias, eps=norm.eps).relu_()


class Normed(nn.Module):
    """Normalised by the image's own statistics, convolved, rectified; and the same again."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        convs = {"1": nn.Conv2d(inputs, outputs, 3), "4": nn.Conv2d(outputs, outputs, 3)}
        self.block = nn.ModuleDict(convs)

    def forward(self, *parts: Tensor, last: Callable[[Tensor], Tensor] | None = None) -> Tensor:
        """Return what becomes of `parts`, joined by channels; `last` is done to each strip of it."""
        return _normed([_normed(parts, self.block["1"])], self.block["4"], last)


class _Main(nn.Module):
    def __init__(self, *, transposed: bool):
        super().__init__()
        pairs = [(WIDTHS[i], WIDTHS[i + 1]) for i in range(len(WIDTHS) - 1)]
        self.blocks = nn.ModuleList([Normed(inputs, outputs) for inputs, outputs in pairs])
        self.samplers = nn.ModuleList([Enlarge(*pair, transposed=transposed) for pair in pairs])


class DistanceDecoder(nn.Module):
    """The decoder.

    Parameters
    ----------
    transposed : bool
        Whether it has the older form's transposed convolutions.
    """

    own_statistics = True

    def __init__(self, *, transposed: bool = False):
        super().__init__()
        self.base = Normed(EMBEDDED, WIDTHS[0])
        sides = [Side(*pair, transposed=transposed) for pair in zip((EMBEDDED, *WIDTHS), WIDTHS, strict=False)]
        self.deconv1, self.deconv2, self.deconv3, self.deconv4 = sides
        self.decoder = _Main(transposed=transposed)
        self.deconv_out = Enlarge(WIDTHS[-1], WIDTHS[-1], transposed=transposed)
        self.decoder_head = Normed(2 * WIDTHS[-1], WIDTHS[-1])
        self.out_conv = nn.Conv2d(WIDTHS[-1], 3, 1)

    def forward(self, embedding: Tensor, check: Callable[[float], None] = lambda _fraction: None) -> Tensor:
        """Return (1, 3, 1024, 1024) in 0..1: foreground, distance to the centre, distance to the boundary.

        Parameters
        ----------
        embedding : (1, 256, 64, 64) tensor
            Of one image: statistics are its own.
        check : callable
            Called with the fraction done; raises to stop.
        """
        side, x = embedding, self.base(embedding)
        steps = (self.deconv1, self.deconv2, self.deconv3)
        for i, (step, enlarge, block) in enumerate(
            zip(steps, self.decoder.samplers, self.decoder.blocks, strict=True)
        ):
            check((i + 1) / 6)
            side = step(side, own_statistics=self.own_statistics)
            x = block(enlarge(x), _middle(side))
        check(4 / 6)
        side = self.deconv4(side, own_statistics=self.own_statistics)
        check(5 / 6)
        found: Tensor = self.decoder_head(
            self.deconv_out(x), side, last=lambda strip: self.out_conv(strip).sigmoid_()
        )
        return found


def _middle(side: Tensor) -> Tensor:
    quarter = side.shape[1] // 4
    return side[:, quarter : 3 * quarter]


def _statistics(x: Tensor) -> tuple[Tensor, Tensor]:
    """Return each channel's mean and variance: as torch does it, in a tenth of the time."""
    runs = x[0].flatten(1).unflatten(1, (-1, RUN))
    pixels = x.shape[2] * x.shape[3]
    mean = runs.sum(-1).double().sum(1) / pixels
    squares = torch.linalg.vector_norm(runs, dim=-1).double().square().sum(1) / pixels
    return mean.float(), (squares - mean.square()).clamp_(min=0).float()


def _normed(
    parts: Sequence[Tensor], conv: nn.Module, last: Callable[[Tensor], Tensor] | None = None, eps: float = 1e-5
) -> Tensor:
    """Normalise each channel, convolve with zeros around, rectify."""
    assert isinstance(conv, nn.Conv2d)
    assert conv.bias is not None
    known = [_statistics(part) for part in parts]
    mean, variance = (torch.cat([one[i] for one in known]) for i in (0, 1))
    weight = conv.weight * (variance + eps).rsqrt()[:, None, None]
    bias = conv.bias - weight.sum((2, 3)) @ mean

    def finish(strip: Tensor) -> Tensor:
        strip = strip.relu_()
        return strip if last is None else last(strip)

    return _convolved(parts, weight, bias, mean, finish)


def _convolved(
    parts: Sequence[Tensor],
    weight: Tensor,
    bias: Tensor | None,
    edge: Tensor,
    finish: Callable[[Tensor], Tensor] = lambda strip: strip,
) -> Tensor:
    """Convolve parts joined by channels, 3 x 3, with `edge` of each channel around; strip by strip."""
    height, width = parts[0].shape[2:]
    rows = max(1, STRIP_PIXELS // width)
    around = edge[:, None]
    found = None
    for top in range(0, height, rows):
        bottom = min(top + rows, height)
        above, below = max(top - 1, 0), min(bottom + 1, height)
        strip = parts[0].new_empty(1, len(edge), bottom - top + 2, width + 2)
        strip[0, :, :, 0] = strip[0, :, :, -1] = around
        if top == 0:
            strip[0, :, 0] = around
        if bottom == height:
            strip[0, :, -1] = around
        channel, inner = 0, slice(above - top + 1, below - top + 1)
        for part in parts:
            strip[:, channel : channel + part.shape[1], inner, 1:-1] = part[:, :, above:below]
            channel += part.shape[1]
        strip = finish(F.conv2d(strip, weight, bias))
        if found is None:
            found = strip.new_empty(1, strip.shape[1], height, width)
        found[:, :, top:bottom] = strip
    assert found is not None
    return found
