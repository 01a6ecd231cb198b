"""EfficientSAM: a small plain ViT, and a prompt encoder and mask decoder of its own (arXiv:2312.00863).

Follows the published network, github.com/yformer/EfficientSAM, whose parameter names it has. The decoder is SAM's
in the large; it differs in the perceptrons (GELU, other names), in the attention among tokens and in one
normalisation, and takes always six prompt tokens.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from samj_bridge.worker.nets.sam_decoder import CHUNK, ImageSide, TwoWayTransformer, Upscaler
from samj_bridge.worker.nets.sam_prompt import FourierPositions
from samj_bridge.worker.nets.sam_vit import Neck, Patches, in_chunks

__all__ = ["EFFICIENT_S", "EFFICIENT_TI", "TOKENS", "EfficientConfig", "EfficientSam"]

TOKENS = 6
"""Prompt tokens that the decoder takes, no more and no fewer."""


@dataclass(frozen=True)
class EfficientConfig:
    """Sizes of the image encoder."""

    width: int
    """Channels of a token."""
    heads: int
    """Attention heads."""
    depth: int = 12
    """Blocks."""
    side: int = 64
    """Tokens along the image's side."""
    trained_side: int = 14
    """Tokens along the side of the stored positions, besides the one of the class."""


EFFICIENT_TI = EfficientConfig(192, 3)
EFFICIENT_S = EfficientConfig(384, 6)


class _Attention(nn.Module):
    def __init__(self, config: EfficientConfig):
        super().__init__()
        self.heads = config.heads
        self.qkv = nn.Linear(config.width, 3 * config.width)
        self.proj = nn.Linear(config.width, config.width)

    def forward(self, x: Tensor) -> Tensor:
        qkv = self.qkv(x).unflatten(1, (3, self.heads, -1))  # P 3 H D
        query, key, value = qkv.permute(1, 2, 0, 3)[:, None]  # 1 H P D
        seen = F.scaled_dot_product_attention(query, key, value)
        return self.proj(seen[0].transpose(0, 1).flatten(1))


class _EncoderMlp(nn.Module):
    def __init__(self, width: int):
        super().__init__()
        self.fc1 = nn.Linear(width, 4 * width)
        self.fc2 = nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(F.gelu(self.fc1(x)))


class _Block(nn.Module):
    def __init__(self, config: EfficientConfig):
        super().__init__()
        self.norm1 = nn.LayerNorm(config.width, 1e-6)
        self.attn = _Attention(config)
        self.norm2 = nn.LayerNorm(config.width, 1e-6)
        self.mlp = _EncoderMlp(config.width)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.norm1(x))
        return in_chunks(lambda rows: rows + self.mlp(self.norm2(rows)), x)


class EfficientVit(nn.Module):
    """(1, 3, 1024, 1024) normalised pixels to a (1, 256, 64, 64) embedding; every block sees the whole image."""

    def __init__(self, config: EfficientConfig):
        super().__init__()
        self.config = config
        self.patch_embed = Patches(config.width, 16)
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + config.trained_side**2, config.width))
        self.blocks = nn.ModuleList([_Block(config) for _ in range(config.depth)])
        self.neck = Neck(config.width, 256)

    def positions(self) -> Tensor:
        """Return the stored positions without the class, enlarged to the image's: (side * side, width)."""
        config = self.config
        grid = self.pos_embed[:, 1:].float().transpose(1, 2).unflatten(2, (config.trained_side, -1))
        grid = F.interpolate(grid, (config.side, config.side), mode="bicubic", align_corners=False)
        return grid[0].flatten(1).t().to(self.pos_embed.dtype)

    def forward(self, image: Tensor, check: Callable[[float], None] = lambda _: None) -> Tensor:
        """Encode; `check` is called with the fraction done between blocks, and may raise."""
        x = self.patch_embed(image) + self.positions()  # P C
        for index, block in enumerate(self.blocks):
            check(index / len(self.blocks))
            x = block(x)
        side = self.config.side
        return self.neck(x.view(1, side, side, -1).permute(0, 3, 1, 2))


class EfficientPromptEncoder(nn.Module):
    """Points and box corners to tokens; negative points were not part of the training and have no embedding."""

    def __init__(self, width: int = 256, side: int = 64, frame: int = 1024):
        super().__init__()
        self.side, self.frame = side, frame
        self.pe_layer = FourierPositions(width // 2)
        self.invalid_points = nn.Embedding(1, width)
        self.point_embeddings = nn.Embedding(1, width)
        self.bbox_top_left_embeddings = nn.Embedding(1, width)
        self.bbox_bottom_right_embeddings = nn.Embedding(1, width)

    def positions(self) -> Tensor:
        """See ``PromptEncoder.positions``."""
        return self.pe_layer.grid(self.side)

    def tokens(self, points_xy: Tensor, labels: Tensor) -> Tensor:
        """Embed points; fewer than six are filled up, what comes after six is cut off.

        Parameters
        ----------
        points_xy : (B, N, 2) float32 tensor
            Pixel indices in the network's frame; a negative coordinate counts as -1.
        labels : (B, N) int64 tensor
            As in ``sam_prompt``; for `NEGATIVE` only the place is told.
        """
        missing = TOKENS - points_xy.shape[1]
        points_xy = torch.where(points_xy >= 0, points_xy, -1.0)
        points_xy = F.pad(points_xy, (0, 0, 0, missing), value=-1.0)
        labels = F.pad(labels, (0, missing), value=-1)
        place = self.pe_layer((points_xy + 0.5) / self.frame)  # B 6 C
        kinds = [
            self.invalid_points.weight,
            torch.zeros_like(self.invalid_points.weight),
            self.point_embeddings.weight,
            self.bbox_top_left_embeddings.weight,
            self.bbox_bottom_right_embeddings.weight,
        ]
        return place + torch.cat(kinds).float()[labels + 1]


class _GeluMlp(nn.Module):
    """Linear layers with GELU between them: ``layers.N.0`` and at last ``fc``."""

    def __init__(self, inputs: int, hidden: int, outputs: int, depth: int):
        super().__init__()
        sizes = [inputs, *[hidden] * (depth - 1)]
        self.layers = nn.ModuleList(nn.Sequential(nn.Linear(a, b), nn.GELU()) for a, b in itertools.pairwise(sizes))
        self.fc = nn.Linear(hidden, outputs)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer(x)
        return self.fc(x)


class EfficientTransformer(TwoWayTransformer):
    """SAM's two-way transformer, in which tokens keep what they had and their places when they look around."""

    def __init__(self) -> None:
        super().__init__(mlp=lambda width, hidden: _GeluMlp(width, hidden, width, 2))

    def self_attend(self, index: int, queries: Tensor, tokens: Tensor) -> Tensor:
        """See ``TwoWayTransformer.self_attend``."""
        if index > 0:
            queries = queries + tokens
        return queries + self.layers[index].self_attn(queries, queries, queries)


class EfficientUpscaler(nn.ModuleList):
    """SAM's upscaling with a normalisation over the whole map instead of one per place."""

    def __init__(self, width: int = 256):
        super().__init__(
            [
                nn.Sequential(nn.ConvTranspose2d(width, width // 4, 2, 2), nn.GroupNorm(1, width // 4), nn.GELU()),
                nn.Sequential(nn.ConvTranspose2d(width // 4, width // 8, 2, 2), nn.GELU()),
            ]
        )

    def product(self, rows: Tensor, hyper: Tensor) -> Tensor:
        """See ``Upscaler.product``."""
        first, norm, last = self[0][0], self[0][1], self[1][0]
        weight1 = first.weight.permute(0, 2, 3, 1).flatten(1)  # C 4(C/4)
        weight2 = last.weight.permute(0, 2, 3, 1).flatten(1)  # C/4 4(C/8)
        bias2 = last.bias.repeat(4)
        wide = torch.addmm(first.bias.repeat(4), rows, weight1).unflatten(1, (4, -1)).flatten(0, 1)  # 4P C/4
        variance, mean = torch.var_mean(wide.float(), correction=0)
        scale = norm.weight * (variance + norm.eps).rsqrt()
        shift = norm.bias - mean * scale
        out = []
        for part in wide.split(4 * CHUNK):
            x = F.gelu(torch.addcmul(shift, part, scale).to(rows.dtype))
            x = torch.addmm(bias2, x, weight2).unflatten(1, (4, -1)).flatten(0, 1)  # 16n C/8
            out.append(F.gelu(x) @ hyper.t())
        return torch.cat(out)


class EfficientMaskDecoder(nn.Module):
    """Tokens of a prompt and an `ImageSide` to low-resolution masks with predicted IoU."""

    def __init__(self, width: int = 256):
        super().__init__()
        self.transformer = EfficientTransformer()
        self.iou_token = nn.Embedding(1, width)
        self.mask_tokens = nn.Embedding(4, width)
        self.final_output_upscaling_layers = EfficientUpscaler(width)
        self.output_hypernetworks_mlps = nn.ModuleList([_GeluMlp(width, width, width // 8, 3) for _ in range(4)])
        self.iou_prediction_head = _GeluMlp(width, width, 4, 3)

    def prepare(self, rows: Tensor, positions: Tensor) -> ImageSide:
        """See `TwoWayTransformer.prepare`."""
        return self.transformer.prepare(rows, positions)

    def forward(self, prompts: Tensor, image: ImageSide, masks: slice = slice(None)) -> tuple[Tensor, Tensor]:
        """See ``MaskDecoder.forward``."""
        prompts = prompts.to(image.rows.dtype)
        own = torch.cat([self.iou_token.weight, self.mask_tokens.weight])
        tokens = torch.cat([own.expand(len(prompts), -1, -1), prompts], 1)  # B 11 C
        queries, rows = self.transformer(tokens, image)
        hyper = torch.stack([self.output_hypernetworks_mlps[i](queries[:, 1 + i]) for i in range(4)[masks]], 1)
        upscale = self.final_output_upscaling_layers.product
        low = torch.stack([upscale(r, h) for r, h in zip(rows, hyper, strict=True)])
        scores = self.iou_prediction_head(queries[:, 0])[:, masks]
        return Upscaler.maps_of(low, round(len(image.rows) ** 0.5)).float(), scores.float()


class EfficientSam(nn.Module):
    """The whole network, under the published names."""

    def __init__(self, config: EfficientConfig):
        super().__init__()
        self.image_encoder = EfficientVit(config)
        self.prompt_encoder = EfficientPromptEncoder()
        self.mask_decoder = EfficientMaskDecoder()

    def image_side(self, embedding: Tensor) -> ImageSide:
        """Prepare the decoder for prompts on one (1, C, side, side) embedding."""
        rows = embedding[0].flatten(1).t()
        return self.mask_decoder.prepare(rows, self.prompt_encoder.positions().to(rows.dtype))
