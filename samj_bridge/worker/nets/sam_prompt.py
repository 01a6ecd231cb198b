"""SAM's prompt encoder: points, boxes and masks to embeddings (Segment Anything, arXiv:2304.02643, appendix A).

Follows the published network, github.com/facebookresearch/segment-anything; the parameter names are its own, so
that published state dicts load strictly. MobileSAM, MedSAM, micro-sam, CellSAM and EfficientViT-SAM have the
same one.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

__all__ = [
    "BOTTOM_RIGHT",
    "NEGATIVE",
    "PADDING",
    "POSITIVE",
    "TOP_LEFT",
    "FourierPositions",
    "LayerNorm2d",
    "PromptEncoder",
]

PADDING, NEGATIVE, POSITIVE, TOP_LEFT, BOTTOM_RIGHT = -1, 0, 1, 2, 3
"""What a point among the prompts is."""


class LayerNorm2d(nn.Module):
    """Layer normalisation over the channels of (B, C, H, W)."""

    def __init__(self, channels: int, eps: float = 1e-6):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        """Keep shape; a channels-last tensor is normalised in place of memory, without a copy."""
        rows = x.permute(0, 2, 3, 1)
        return F.layer_norm(rows, rows.shape[-1:], self.weight, self.bias, self.eps).permute(0, 3, 1, 2)


class FourierPositions(nn.Module):
    """Random Fourier features of places (arXiv:2006.10739)."""

    def __init__(self, features: int = 128):
        super().__init__()
        self.register_buffer("positional_encoding_gaussian_matrix", torch.zeros(2, features))

    def forward(self, unit_xy: Tensor) -> Tensor:
        """Turn (..., 2) places in 0..1 into (..., 2 features) float32 sines and cosines."""
        matrix = self.positional_encoding_gaussian_matrix.float()
        phase = (2 * unit_xy - 1) @ matrix * (2 * math.pi)
        return torch.cat([phase.sin(), phase.cos()], -1)

    def grid(self, side: int) -> Tensor:
        """Return the features of the centres of side x side cells, row by row: (side * side, 2 features)."""
        matrix = self.positional_encoding_gaussian_matrix
        centres = (torch.arange(side, device=matrix.device, dtype=torch.float32) + 0.5) / side
        y, x = torch.meshgrid(centres, centres, indexing="ij")
        return self(torch.stack([x, y], -1).flatten(0, 1))


class PromptEncoder(nn.Module):
    """Points with labels to tokens, masks to an image-shaped embedding."""

    def __init__(self, width: int = 256, side: int = 64, frame: int = 1024):
        """Make the encoder of a network with `side` x `side` image positions over `frame` x `frame` pixels."""
        super().__init__()
        self.side, self.frame = side, frame
        self.pe_layer = FourierPositions(width // 2)
        self.point_embeddings = nn.ModuleList([nn.Embedding(1, width) for _ in range(4)])
        self.not_a_point_embed = nn.Embedding(1, width)
        self.no_mask_embed = nn.Embedding(1, width)
        self.mask_downscaling = nn.Sequential(
            nn.Conv2d(1, 4, 2, 2),
            LayerNorm2d(4),
            nn.GELU(),
            nn.Conv2d(4, 16, 2, 2),
            LayerNorm2d(16),
            nn.GELU(),
            nn.Conv2d(16, width, 1),
        )

    def positions(self) -> Tensor:
        """Return the embedding of the image's positions, row by row: (side * side, width), float32."""
        return self.pe_layer.grid(self.side)

    def tokens(self, points_xy: Tensor, labels: Tensor) -> Tensor:
        """Embed points of every kind, in the order given.

        Parameters
        ----------
        points_xy : (B, N, 2) float32 tensor
            Pixel indices in the network's frame, as the authors' API counts them: half a pixel is added here.
        labels : (B, N) int64 tensor
            `PADDING`, `NEGATIVE`, `POSITIVE`, `TOP_LEFT` or `BOTTOM_RIGHT`.

        Returns
        -------
        (B, N, width) float32 tensor
        """
        place = self.pe_layer((points_xy + 0.5) / self.frame)  # B N C
        kinds = [self.not_a_point_embed.weight] + [embedding.weight for embedding in self.point_embeddings]
        # A padding point lies nowhere: only its kind is told.
        return place * (labels != PADDING)[..., None] + torch.cat(kinds).float()[labels + 1]

    def mask(self, logits: Tensor) -> Tensor:
        """Embed mask prompts (B, 1, 4 side, 4 side) as rows of positions: (B, side * side, width)."""
        weight = self.no_mask_embed.weight
        return self.mask_downscaling(logits.to(weight.dtype)).flatten(2).transpose(1, 2)

    def no_mask(self) -> Tensor:
        """Return the (1, width) embedding that every position has without a mask prompt."""
        return self.no_mask_embed.weight
