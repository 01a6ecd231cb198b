"""SAM 2.1 for images: Hiera with its neck, the prompt encoder and a mask decoder that sees fine features.

Follows github.com/facebookresearch/sam2 (SAM 2, arXiv:2408.00714), whose parameter names are kept, so that
published state dicts load strictly. They hold the whole video model; what only videos need stands in
``nets/memory``. No code was taken.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from samj_bridge.worker.nets.sam2_hiera import Hiera, HieraConfig, Stage, to_map
from samj_bridge.worker.nets.sam_decoder import ImageSide, Mlp, TwoWayTransformer, Upscaler
from samj_bridge.worker.nets.sam_prompt import PromptEncoder

__all__ = ["Answer", "Sam2", "Sam2MaskDecoder"]

WIDTH = 256
"""Channels of the embedding."""
SINGLE, SEVERAL = slice(0, 1), slice(1, 4)
"""The mask for prompts that leave no doubt, and the three for those that do."""
STABLE = 0.98
"""The single mask is kept when this part of it stays while the threshold moves from -`WOBBLE` to `WOBBLE`."""
WOBBLE = 0.05
SURE = 32.0
"""Logits of a mask prompt are cut off here."""


@dataclass(frozen=True)
class Answer:
    """What the decoder makes of prompts: K masks each, 3 or 1."""

    logits: Tensor
    """(B, K, 256, 256) float32."""
    scores: Tensor
    """(B, K) float32, predicted IoU in 0..1."""
    tokens: Tensor
    """(B, K, 256) what each mask was made of; of a single one, always the first."""
    presence: Tensor
    """(B,) float32 logit that the object is there."""


class _Lateral(nn.Module):
    def __init__(self, width: int):
        super().__init__()
        self.conv = nn.Conv2d(width, WIDTH, 1)


class Neck(nn.Module):
    """Feature pyramid (arXiv:1612.03144): a 1 x 1 convolution per stage; only the two coarsest are added up."""

    def __init__(self, widths: tuple[int, int, int, int]):
        super().__init__()
        self.convs = nn.ModuleList([_Lateral(width) for width in reversed(widths)])

    def weights(self, stage: int) -> tuple[Tensor, Tensor]:
        """Return a stage's (256, C) matrix and (256,) bias."""
        conv = self.convs[3 - stage].conv
        return conv.weight.flatten(1), conv.bias


class ImageEncoder(nn.Module):
    """Trunk and neck."""

    def __init__(self, config: HieraConfig):
        super().__init__()
        self.trunk = Hiera(config)
        self.neck = Neck(config.widths)


class Sam2MaskDecoder(nn.Module):
    """SAM's mask decoder with fine features while upscaling, an object score, and scores that end in a sigmoid."""

    def __init__(self) -> None:
        super().__init__()
        self.transformer = TwoWayTransformer(WIDTH, mlp=lambda width, hidden: Mlp(width, hidden, width, 2))
        self.obj_score_token = nn.Embedding(1, WIDTH)
        self.iou_token = nn.Embedding(1, WIDTH)
        self.mask_tokens = nn.Embedding(4, WIDTH)
        self.output_upscaling = Upscaler(WIDTH)
        self.conv_s0 = nn.Conv2d(WIDTH, WIDTH // 8, 1)
        self.conv_s1 = nn.Conv2d(WIDTH, WIDTH // 4, 1)
        self.output_hypernetworks_mlps = nn.ModuleList([Mlp(WIDTH, WIDTH, WIDTH // 8, 3) for _ in range(4)])
        self.iou_prediction_head = Mlp(WIDTH, WIDTH, 4, 3)
        # The image predictor doesn't use it: with a prompt there is an object.
        self.pred_obj_score_head = Mlp(WIDTH, WIDTH, 1, 3)

    def prepare(self, rows: Tensor, positions: Tensor, detail: tuple[Tensor, Tensor]) -> ImageSide:
        """See ``TwoWayTransformer.prepare``."""
        return self.transformer.prepare(rows, positions, detail)

    def forward(self, prompts: Tensor, image: ImageSide, several: bool) -> tuple[Tensor, Tensor]:
        """Decode prompts on one image.

        Parameters
        ----------
        prompts : (B, N, 256) tensor
            ``PromptEncoder.tokens``.
        image : ImageSide
            From `prepare`.
        several : bool
            Three masks for an ambiguous prompt; else one: the first, or where that is unstable the best of three.

        Returns
        -------
        logits : (B, K, 256, 256) float32 tensor
        scores : (B, K) float32 tensor, predicted IoU in 0..1
        """
        queries, rows = self._read(prompts, image)
        return self._chosen(queries, rows, image, several)

    def answer(self, prompts: Tensor, image: ImageSide, several: bool) -> Answer:
        """Decode as `forward`, with what following an object needs besides."""
        queries, rows = self._read(prompts, image)
        logits, scores = self._chosen(queries, rows, image, several)
        presence = self.pred_obj_score_head(queries[:, 0])[:, 0].float()
        return Answer(logits, scores, queries[:, 2:][:, SEVERAL if several else SINGLE], presence)

    def _read(self, prompts: Tensor, image: ImageSide) -> tuple[Tensor, Tensor]:
        own = torch.cat([self.obj_score_token.weight, self.iou_token.weight, self.mask_tokens.weight])
        tokens = torch.cat([own.expand(len(prompts), -1, -1), prompts.to(own.dtype)], 1)  # B 6+N C
        return self.transformer(tokens, image)

    def _chosen(self, queries: Tensor, rows: Tensor, image: ImageSide, several: bool) -> tuple[Tensor, Tensor]:
        scores = self.iou_prediction_head(queries[:, 1]).float().sigmoid()  # B 4
        if several:
            return self._masks(queries, rows, image, SEVERAL), scores[:, SEVERAL]
        logits, scores_single = self._masks(queries, rows, image, SINGLE), scores[:, SINGLE]
        unsure = (stability(logits) < STABLE)[:, 0]  # B
        if unsure.any():
            index = unsure.nonzero()[:, 0]
            best = scores[index, SEVERAL].argmax(1)  # U
            some = self._masks(queries[index], rows[index], image, SEVERAL)
            logits[index, 0] = some[torch.arange(len(index), device=some.device), best]
            scores_single = scores_single.clone()
            scores_single[index, 0] = scores[index, SEVERAL].amax(1)
        return logits, scores_single

    def _masks(self, queries: Tensor, rows: Tensor, image: ImageSide, which: slice) -> Tensor:
        mlps = self.output_hypernetworks_mlps
        hyper = torch.stack([mlps[i](queries[:, 2 + i]) for i in range(4)[which]], 1)  # B K 32
        product = self.output_upscaling.product
        low = torch.stack([product(r, h, image.detail) for r, h in zip(rows, hyper, strict=True)])
        return Upscaler.maps_of(low, round(rows.shape[1] ** 0.5)).float()


class Sam2(nn.Module):
    """The part of SAM 2.1 that segments images."""

    def __init__(self, config: HieraConfig):
        super().__init__()
        self.image_encoder = ImageEncoder(config)
        self.no_mem_embed = nn.Parameter(torch.empty(1, 1, WIDTH))
        self.side = config.input // 16
        self.sam_prompt_encoder = PromptEncoder(WIDTH, self.side, config.input)
        self.sam_mask_decoder = Sam2MaskDecoder()
        for name in ("fine_weight", "fine_bias", "middle_weight", "middle_bias"):
            self.register_buffer(name, None, persistent=False)

    def prepare(self) -> None:
        """Compute, once the weights are there, what is the same for every image.

        Two 1 x 1 convolutions follow each other on the fine stages, the neck's and the decoder's: their product is
        one that is eight times smaller.
        """
        self.image_encoder.trunk.prepare()
        decoder = self.sam_mask_decoder
        self.fine_weight, self.fine_bias = _joined(self.image_encoder.neck.weights(0), decoder.conv_s0)
        self.middle_weight, self.middle_bias = _joined(self.image_encoder.neck.weights(1), decoder.conv_s1)

    def forward(
        self, x: Tensor, check: Callable[[float], None] = lambda _: None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Encode a normalised image.

        Parameters
        ----------
        x : (1, 3, 1024, 1024) tensor
        check : called with the fraction done between parts; may raise

        Returns
        -------
        embedding : (1, 256, 64, 64) tensor
        detail : (16384, 64) and (65536, 32) tensors
            Fine features, in the order of ``Upscaler.rows_of``.
        """
        raw, detail = self.features(x, check)
        return raw + self.no_mem_embed[0, 0, :, None, None], detail

    def features(
        self, x: Tensor, check: Callable[[float], None] = lambda _: None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Encode as `forward`, without what says that nothing is remembered."""
        fine, middle, coarse, coarsest = self.image_encoder.trunk(x, check)
        neck = self.image_encoder.neck
        top = _map(coarsest, *neck.weights(3)).repeat_interleave(2, 0).repeat_interleave(2, 1)  # H W C
        embedding = _map(coarse, *neck.weights(2)) + top
        details = [_map(middle, self.middle_weight, self.middle_bias), _map(fine, self.fine_weight, self.fine_bias)]
        rows = [Upscaler.rows_of(detail.permute(2, 0, 1), self.side) for detail in details]
        return embedding.permute(2, 0, 1)[None], (rows[0], rows[1])

    def image_side(self, embedding: Tensor, detail: tuple[Tensor, Tensor], mask: Tensor | None = None) -> ImageSide:
        """Prepare the decoder for prompts on one image.

        Parameters
        ----------
        embedding, detail
            From `forward`.
        mask : (1, 1, 256, 256) tensor, optional
            Logits of a mask prompt, cut off at +-32 as the authors do it.
        """
        rows, prompt = embedding[0].flatten(1).t(), self.sam_prompt_encoder
        dense = prompt.no_mask() if mask is None else prompt.mask(mask.clamp(-SURE, SURE))[0]
        return self.sam_mask_decoder.prepare(rows + dense.to(rows.dtype), prompt.positions().to(rows.dtype), detail)


def stability(logits: Tensor) -> Tensor:
    """Part of each mask (..., H, W) that stays while the threshold moves; 1 for an empty mask."""
    inner = (logits > WOBBLE).sum((-1, -2)).float()
    outer = (logits > -WOBBLE).sum((-1, -2)).float()
    return torch.where(outer > 0, inner / outer, 1.0)


def _joined(first: tuple[Tensor, Tensor], second: nn.Conv2d) -> tuple[Tensor, Tensor]:
    weight, bias = (t.detach().double() for t in first)
    after = second.weight.detach().flatten(1).double()
    return (after @ weight).float(), (after @ bias + second.bias.detach()).float()


def _map(stage: Stage, weight: Tensor, bias: Tensor) -> Tensor:
    return to_map(F.linear(stage.tokens, weight, bias), stage.grid)
