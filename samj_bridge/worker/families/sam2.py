"""SAM 2.1 tiny, small, base+ and large: prompts on images, and objects followed through the planes of a stack."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from samj_bridge.worker.checkpoints.loading import load
from samj_bridge.worker.families.base import BuildSpec, PromptArrays
from samj_bridge.worker.families.promptable import Abilities, Encoding, PointableModel, dtype_of, labelled
from samj_bridge.worker.families.sam2_memory.following import Following
from samj_bridge.worker.nets.memory.network import video_shapes
from samj_bridge.worker.nets.sam2 import Sam2
from samj_bridge.worker.nets.sam2_hiera import HIERA
from samj_bridge.worker.nets.sam_decoder import ImageSide
from samj_bridge.worker.nets.sam_prompt import PADDING
from samj_bridge.worker.transforms import Transform, transform
from samj_bridge.worker.transforms.frame import Frame

__all__ = ["Sam2Model", "build", "shapes"]

PRECISIONS = ("float32", "bfloat16")
"""Number formats that the networks compute in; bfloat16 is the authors' too. That float16's range is enough is
not proven."""


def shapes(architecture: str) -> dict[str, tuple[int, ...]]:
    """Return the names and shapes of a published state dict, what only videos need among them."""
    with torch.device("meta"):
        net = Sam2(HIERA[architecture])
    return {**{name: tuple(value.shape) for name, value in net.state_dict().items()}, **video_shapes()}


def build(spec: BuildSpec) -> Sam2Model:
    """Load the published weights from a safetensors file; every key must fit, those for stacks come in later."""
    with torch.device("meta"):
        net = Sam2(HIERA[spec.architecture])
    videos = video_shapes()
    weights = {name: value.float() for name, value in load(spec.weights).items() if name not in videos}
    net.load_state_dict(weights, strict=True, assign=True)
    net.prepare()
    net.to(dtype_of(spec.precision))
    # Prompts are embedded in float32 whatever the rest computes in: their places need it, and they are few.
    net.sam_prompt_encoder.float()
    return Sam2Model(net, spec, transform(spec.transform or "sam2"), Abilities())


class Sam2Model(PointableModel, Following):
    """A network of SAM 2's kind."""

    net: Sam2

    def __init__(self, net: Sam2, spec: BuildSpec, how: Transform, abilities: Abilities):
        super().__init__(net, spec, how, abilities)
        self.weights = spec.weights

    def embed(self, pixels: Tensor, check: Callable[[float], None]) -> tuple[Tensor, tuple[Tensor, ...]]:
        """See ``PromptableModel``."""
        return self.net(pixels, check)

    def prepare(self, encoding: Encoding, mask: Tensor | None = None) -> ImageSide:
        """See ``PromptableModel``."""
        fine, finest = encoding.detail
        return self.net.image_side(encoding.embedding, (fine, finest), mask)

    def answer(self, points_xy: Tensor, labels: Tensor, side: ImageSide, several: bool) -> tuple[Tensor, Tensor]:
        """See ``PromptableModel``."""
        return self.net.sam_mask_decoder(self.net.sam_prompt_encoder.tokens(points_xy, labels), side, several)

    def _tokens(self, frame: Frame, prompt: PromptArrays) -> tuple[Tensor, Tensor]:
        """Return box corners, points, and always a padding point, unless there is nothing but a mask."""
        box, points, negative = prompt.box_xyxy, prompt.points_xy, prompt.negative_xy
        places, kinds = labelled(frame, box, points, negative, pad=False, box_first=True)
        if kinds:
            places, kinds = np.concatenate([places, np.zeros((1, 2), np.float32)]), [*kinds, PADDING]
        return torch.from_numpy(places).to(self.device), torch.tensor(kinds, dtype=torch.long, device=self.device)
