"""SAM's mask decoder, with everything that depends on the image alone computed once per image.

The network is the published one (Segment Anything, arXiv:2304.02643, appendix A; github.com/facebookresearch/
segment-anything), and so are the parameter names. It is computed in another order, which gives the same numbers up
to rounding with a third of the arithmetic per prompt:

- The keys, values and queries that the first layer makes of the image come from `MaskDecoder.prepare`.
- A prompt has few tokens, T, against 4096 image positions. Where the published form projects all positions, here
  the projection is moved to the tokens' side: ``(x W) q = x (W q)``. The biases of keys cancel in the softmax
  over positions, those of values are added once, since attention sums to one.
- The transposed convolutions do not overlap (2 x 2, stride 2): each is one matrix product on rows of positions.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from samj_bridge.worker.nets.sam_prompt import LayerNorm2d

__all__ = ["Attention", "ImageSide", "MaskDecoder", "Mlp", "ReluMlp", "TwoWayTransformer", "Upscaler"]

CHUNK = 1024
"""Positions that are upscaled at a time, so that what they become stays in the cache."""


@dataclass(frozen=True)
class ImageSide:
    """What the decoder needs of an image, for any number of prompts: rows of P positions."""

    rows: Tensor
    """(P, C) image embedding with the mask prompt's, and the bias of the first layer's output besides."""
    positions: Tensor
    """(P, C) embedding of the positions."""
    keys: Tensor
    """(H, D, P) keys of the first attention from tokens to image."""
    values: Tensor
    """(H, P, D) values of it."""
    queries: Tensor
    """(H, D, P) queries of the first attention from image to tokens, scaled."""
    detail: tuple[Tensor, Tensor] | None = None
    """(4 P, C / 4) and (16 P, C / 8): added while upscaling, in the order of `Upscaler.rows_of`; None: nothing."""

    @property
    def nbytes(self) -> int:
        """Bytes held for this image; the positions are shared by all of them."""
        own = [self.rows, self.keys, self.values, self.queries, *(self.detail or ())]
        return sum(t.numel() * t.element_size() for t in own)


class Mlp(nn.Module):
    """Linear layers with ReLU between them."""

    def __init__(self, inputs: int, hidden: int, outputs: int, depth: int):
        super().__init__()
        sizes = [inputs, *[hidden] * (depth - 1), outputs]
        self.layers = nn.ModuleList([nn.Linear(a, b) for a, b in itertools.pairwise(sizes)])

    def forward(self, x: Tensor) -> Tensor:
        """Turn (..., inputs) into (..., outputs)."""
        for layer in self.layers[:-1]:
            x = F.relu(layer(x))
        return self.layers[-1](x)


class ReluMlp(nn.Module):
    """The two-layer perceptron inside SAM's decoder layers, under its published names."""

    def __init__(self, width: int, hidden: int):
        super().__init__()
        self.lin1 = nn.Linear(width, hidden)
        self.lin2 = nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        """Keep shape."""
        return self.lin2(F.relu(self.lin1(x)))


class Attention(nn.Module):
    """Multi-head attention whose inner width may be smaller; the forms that fold an image projection away."""

    def __init__(self, width: int = 256, heads: int = 8, inner: int | None = None):
        super().__init__()
        inner = inner or width
        self.heads, self.scale = heads, (inner // heads) ** -0.5
        self.q_proj = nn.Linear(width, inner)
        self.k_proj = nn.Linear(width, inner)
        self.v_proj = nn.Linear(width, inner)
        self.out_proj = nn.Linear(inner, width)

    def split(self, rows: Tensor) -> Tensor:
        """Split (..., N, inner) into heads: (..., H, N, D)."""
        return rows.unflatten(-1, (self.heads, -1)).transpose(-2, -3)

    def join(self, heads: Tensor) -> Tensor:
        """Undo `split` and project: (..., N, width)."""
        return self.out_proj(heads.transpose(-2, -3).flatten(-2))

    def forward(self, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """Attend among (B, T, width) tokens."""
        q, k, v = self.split(self.q_proj(queries)), self.split(self.k_proj(keys)), self.split(self.v_proj(values))
        return self.join(F.scaled_dot_product_attention(q, k, v))

    def read_prepared(self, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """Attend from (B, T, width) tokens to one image, whose keys and values are ready."""
        batch, count = queries.shape[:2]
        # All prompts look at the same image. Plain products: the fused kernel wants many queries, and here are few.
        q = self.split(self.q_proj(queries).flatten(0, 1) * self.scale)  # H BT D
        read = (q @ keys).softmax(-1) @ values  # H BT D
        return self.join(read).unflatten(0, (batch, count))

    def read_image(self, queries: Tensor, placed: Tensor, rows: Tensor) -> Tensor:
        """Attend from (B, T, width) tokens to image rows (B, P, width); `placed` are the rows with positions."""
        q = self.split(self.q_proj(queries) * self.scale)  # B H T D
        # Keys are placed @ Wk + bk. Wk moves over to the queries; bk shifts all logits of a token alike.
        folded = (q @ self.k_proj.weight.unflatten(0, (self.heads, -1))).flatten(1, 2)  # B HT C
        weight = (folded @ placed.transpose(1, 2)).softmax(-1)  # B HT P
        seen = (weight @ rows).unflatten(1, (self.heads, -1))  # B H T C
        values = self.v_proj.weight.unflatten(0, (self.heads, -1)).transpose(1, 2)  # H C D
        bias = self.v_proj.bias.unflatten(0, (self.heads, 1, -1))  # H 1 D
        return self.join(seen @ values + bias)

    def tell_prepared(self, queries: Tensor, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Attend from one image, whose scaled (H, D, P) queries are ready, to (B, T, width) tokens.

        Returns the two factors (B, HT, P) and (B, HT, width) of the update, without the bias of `out_proj`.
        """
        batch, count = keys.shape[:2]
        k = self.split(self.k_proj(keys).flatten(0, 1))  # H BT D
        weight = (k @ queries).unflatten(1, (batch, count)).softmax(2)  # H B T P
        return weight.transpose(0, 1).flatten(1, 2), self._told(values)

    def tell_image(self, placed: Tensor, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Attend from image rows with their positions (B, P, width) to (B, T, width) tokens, as `tell_prepared`."""
        k = self.split(self.k_proj(keys) * self.scale)  # B H T D
        folded = (k @ self.q_proj.weight.unflatten(0, (self.heads, -1))).flatten(1, 2)  # B HT C
        shift = (k @ self.q_proj.bias.unflatten(0, (self.heads, -1, 1))).flatten(1, 2)  # B HT 1
        logits = torch.baddbmm(shift, folded, placed.transpose(1, 2))  # B HT P
        return logits.unflatten(1, (self.heads, -1)).softmax(2).flatten(1, 2), self._told(values)

    def _told(self, values: Tensor) -> Tensor:
        v = self.split(self.v_proj(values))  # B H T D
        out = self.out_proj.weight.t().unflatten(0, (self.heads, -1))  # H D C
        return (v @ out).flatten(1, 2)  # B HT C


class _Layer(nn.Module):
    """Tokens among themselves, tokens look at the image, tokens think, the image looks at the tokens."""

    def __init__(self, width: int, heads: int, mlp: nn.Module, eps: float):
        super().__init__()
        self.self_attn = Attention(width, heads)
        self.cross_attn_token_to_image = Attention(width, heads, width // 2)
        self.cross_attn_image_to_token = Attention(width, heads, width // 2)
        self.mlp = mlp
        self.norm1, self.norm2, self.norm3, self.norm4 = (nn.LayerNorm(width, eps) for _ in range(4))


class TwoWayTransformer(nn.Module):
    """Two layers in which tokens and image look at each other, and a last look of the tokens."""

    def __init__(
        self,
        width: int = 256,
        heads: int = 8,
        hidden: int = 2048,
        eps: float = 1e-5,
        mlp: Callable[[int, int], nn.Module] = ReluMlp,
    ):
        """`mlp(width, hidden)` makes the perceptron of a layer: its names differ between the families."""
        super().__init__()
        self.layers = nn.ModuleList([_Layer(width, heads, mlp(width, hidden), eps) for _ in range(2)])
        self.final_attn_token_to_image = Attention(width, heads, width // 2)
        self.norm_final_attn = nn.LayerNorm(width, eps)

    def prepare(self, rows: Tensor, positions: Tensor, detail: tuple[Tensor, Tensor] | None = None) -> ImageSide:
        """Compute what prompts on one image share.

        Parameters
        ----------
        rows : (P, C) tensor
            Image embedding plus the embedding of the mask prompt, or of its absence.
        positions : (P, C) tensor
            ``PromptEncoder.positions()``, in the type of `rows`.
        detail : two tensors, optional
            See `ImageSide`.
        """
        first = self.layers[0]
        read, tell = first.cross_attn_token_to_image, first.cross_attn_image_to_token
        placed = rows + positions
        queries = read.split(tell.q_proj(placed) * tell.scale)  # H P D
        return ImageSide(
            rows + tell.out_proj.bias,
            positions,
            read.split(read.k_proj(placed)).transpose(1, 2).contiguous(),
            read.split(read.v_proj(rows)).contiguous(),
            queries.transpose(1, 2).contiguous(),
            detail,
        )

    def self_attend(self, index: int, queries: Tensor, tokens: Tensor) -> Tensor:
        """Let the tokens look at each other: SAM's first layer has neither positions nor a residual."""
        attend = self.layers[index].self_attn
        if index == 0:
            return attend(queries, queries, queries)
        placed = queries + tokens
        return queries + attend(placed, placed, queries)

    def forward(self, tokens: Tensor, image: ImageSide) -> tuple[Tensor, Tensor]:
        """Let (B, T, C) tokens and the image look at each other; returns tokens and image rows (B, P, C)."""
        queries = tokens
        rows = placed = image.rows[None]
        for index, layer in enumerate(self.layers):
            queries = layer.norm1(self.self_attend(index, queries, tokens))
            look, told = layer.cross_attn_token_to_image, layer.cross_attn_image_to_token
            at = queries + tokens
            if index == 0:
                queries = queries + look.read_prepared(at, image.keys, image.values)
            else:
                queries = queries + look.read_image(at, placed, rows)
            queries = layer.norm2(queries)
            queries = layer.norm3(queries + layer.mlp(queries))
            at = queries + tokens
            if index == 0:
                weight, value = told.tell_prepared(image.queries, at, queries)
                base = rows.expand(len(tokens), -1, -1)  # the bias is in it
            else:
                weight, value = told.tell_image(placed, at, queries)
                base = rows + told.out_proj.bias
            rows = layer.norm4(torch.baddbmm(base, weight.transpose(1, 2), value))  # B P C
            placed = rows + image.positions
        last = self.final_attn_token_to_image.read_image(queries + tokens, placed, rows)
        return self.norm_final_attn(queries + last), rows


class Upscaler(nn.Sequential):
    """Image rows to four times the resolution in both directions, C to C / 8 channels; published names."""

    def __init__(self, width: int = 256):
        super().__init__(
            nn.ConvTranspose2d(width, width // 4, 2, 2),
            LayerNorm2d(width // 4),
            nn.GELU(),
            nn.ConvTranspose2d(width // 4, width // 8, 2, 2),
            nn.GELU(),
        )

    @staticmethod
    def rows_of(maps: Tensor, side: int) -> Tensor:
        """Bring (C, n side, n side) maps, n 2 or 4, into the order that upscaled rows have: (n n P, C)."""
        if maps.shape[-1] == 2 * side:
            cells = maps.unflatten(2, (side, 2)).unflatten(1, (side, 2))  # C y dy x dx
            return cells.permute(1, 3, 2, 4, 0).flatten(0, 3)
        cells = maps.unflatten(2, (side, 2, 2)).unflatten(1, (side, 2, 2))  # C y dy ey x dx ex
        return cells.permute(1, 4, 2, 5, 3, 6, 0).flatten(0, 5)

    @staticmethod
    def maps_of(rows: Tensor, side: int) -> Tensor:
        """Undo the order of upscaled rows: (..., 16 P, K) to (..., K, 4 side, 4 side)."""
        maps = rows.unflatten(-2, (side, side, 2, 2, 2, 2))  # .. y x dy dx ey ex K
        n = maps.ndim - 7
        order = [*range(n), n + 6, n, n + 2, n + 4, n + 1, n + 3, n + 5]
        return maps.permute(*order).flatten(n + 1, n + 3).flatten(n + 2, n + 4)

    def product(self, rows: Tensor, hyper: Tensor, detail: tuple[Tensor, Tensor] | None = None) -> Tensor:
        """Upscale one image's rows (P, C) and multiply by (K, C / 8) mask weights: (16 P, K)."""
        first, norm, last = self[0], self[1], self[3]
        weight1 = first.weight.permute(0, 2, 3, 1).flatten(1)  # C 4(C/4)
        weight2 = last.weight.permute(0, 2, 3, 1).flatten(1)  # C/4 4(C/8)
        bias1, bias2 = first.bias.repeat(4), last.bias.repeat(4)
        out = []
        for start in range(0, len(rows), CHUNK):
            stop = min(len(rows), start + CHUNK)
            x = torch.addmm(bias1, rows[start:stop], weight1).unflatten(1, (4, -1)).flatten(0, 1)  # 4n C/4
            if detail is not None:
                x = x + detail[0][4 * start : 4 * stop]
            x = torch.ops.aten.gelu_(F.layer_norm(x, x.shape[-1:], norm.weight, norm.bias, norm.eps))
            x = torch.addmm(bias2, x, weight2).unflatten(1, (4, -1)).flatten(0, 1)  # 16n C/8
            if detail is not None:
                x = x + detail[1][16 * start : 16 * stop]
            out.append(torch.ops.aten.gelu_(x) @ hyper.t())
        return torch.cat(out)


class MaskDecoder(nn.Module):
    """Tokens of a prompt and an `ImageSide` to low-resolution masks with predicted IoU."""

    def __init__(self, width: int = 256, eps: float = 1e-5):
        super().__init__()
        self.transformer = TwoWayTransformer(width, eps=eps)
        self.iou_token = nn.Embedding(1, width)
        self.mask_tokens = nn.Embedding(4, width)
        self.output_upscaling = Upscaler(width)
        self.output_hypernetworks_mlps = nn.ModuleList([Mlp(width, width, width // 8, 3) for _ in range(4)])
        self.iou_prediction_head = Mlp(width, width, 4, 3)

    def prepare(self, rows: Tensor, positions: Tensor) -> ImageSide:
        """See `TwoWayTransformer.prepare`."""
        return self.transformer.prepare(rows, positions)

    def forward(self, prompts: Tensor, image: ImageSide, masks: slice = slice(None)) -> tuple[Tensor, Tensor]:
        """Decode prompts on one image.

        Parameters
        ----------
        prompts : (B, N, C) tensor
            ``PromptEncoder.tokens``.
        image : ImageSide
            From `prepare`.
        masks : slice
            Which of the four masks: the first is for prompts that leave no doubt, the others for those that do.

        Returns
        -------
        logits : (B, K, 4 side, 4 side) float32 tensor
        scores : (B, K) float32 tensor, predicted IoU
        """
        prompts = prompts.to(image.rows.dtype)
        own = torch.cat([self.iou_token.weight, self.mask_tokens.weight])
        tokens = torch.cat([own.expand(len(prompts), -1, -1), prompts], 1)  # B 5+N C
        queries, rows = self.transformer(tokens, image)
        chosen = range(4)[masks]
        hyper = torch.stack([self.output_hypernetworks_mlps[i](queries[:, 1 + i]) for i in chosen], 1)  # B K C/8
        low = torch.stack([self.output_upscaling.product(r, h) for r, h in zip(rows, hyper, strict=True)])
        scores = self.iou_prediction_head(queries[:, 0])[:, masks]
        side = round(len(image.rows) ** 0.5)
        return Upscaler.maps_of(low, side).float(), scores.float()
