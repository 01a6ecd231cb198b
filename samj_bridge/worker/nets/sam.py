"""SAM and MobileSAM as one module: image encoder, prompt encoder, mask decoder, under the published names."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from samj_bridge.worker.nets.sam_decoder import ImageSide, MaskDecoder
from samj_bridge.worker.nets.sam_prompt import PromptEncoder
from samj_bridge.worker.nets.sam_vit import VIT_B, VIT_H, VIT_L, SamVit
from samj_bridge.worker.nets.tiny_vit import TinyVit

__all__ = ["ENCODERS", "Sam"]

ENCODERS: dict[str, Callable[[], nn.Module]] = {
    "sam-vit-b": lambda: SamVit(VIT_B),
    "sam-vit-l": lambda: SamVit(VIT_L),
    "sam-vit-h": lambda: SamVit(VIT_H),
    "mobile-sam": TinyVit,
}
"""What makes the image encoder of each architecture."""


class Sam(nn.Module):
    """A network of SAM's kind."""

    def __init__(self, encoder: nn.Module, eps: float = 1e-5, frame: int = 1024):
        """Put a network together whose prompts lie in `frame` x `frame` pixels."""
        super().__init__()
        self.image_encoder = encoder
        self.prompt_encoder = PromptEncoder(frame=frame)
        self.mask_decoder = MaskDecoder(eps=eps)

    def image_side(self, embedding: Tensor, mask: Tensor | None = None) -> ImageSide:
        """Prepare the decoder for prompts on one image.

        Parameters
        ----------
        embedding : (1, C, side, side) tensor
            From the image encoder.
        mask : (1, 1, 4 side, 4 side) tensor, optional
            Logits of a mask prompt.
        """
        rows = embedding[0].flatten(1).t()
        dense = self.prompt_encoder.no_mask() if mask is None else self.prompt_encoder.mask(mask)[0]
        return self.mask_decoder.prepare(
            rows + dense.to(rows.dtype), self.prompt_encoder.positions().to(rows.dtype)
        )
