"""The engine's networks as ``shared/golden/check.py`` asks for them: the authors' predictors on our code.

    WORKER_PYTHON ../shared/golden/check.py --adapter benchmarks/golden_adapter.py [--only mobilesam]

It has to be run with a Python that has torch: the worker's. One line per family in `LOADERS`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import torch

from samj_bridge.worker.families.base import BuildSpec
from samj_bridge.worker.families.promptable import Abilities
from samj_bridge.worker.families.sam import SamModel
from samj_bridge.worker.nets.efficient_sam import EFFICIENT_S, EFFICIENT_TI, EfficientSam
from samj_bridge.worker.nets.efficientvit import EFFICIENTVIT, EPS, EfficientVit
from samj_bridge.worker.nets.memory.network import video_shapes
from samj_bridge.worker.nets.sam import ENCODERS, Sam
from samj_bridge.worker.nets.sam2 import Sam2
from samj_bridge.worker.nets.sam2_hiera import HIERA
from samj_bridge.worker.nets.sam_decoder import Upscaler
from samj_bridge.worker.nets.sam_prompt import BOTTOM_RIGHT, PADDING, TOP_LEFT
from samj_bridge.worker.nets.tiny_vit import LITE, TinyVit
from samj_bridge.worker.transforms import transform

StateDict = dict[str, np.ndarray]


def load(family: str, variant: str, state_dict: StateDict) -> Any:
    """Return what answers for a network of the golden files; NotImplementedError for one that isn't covered."""
    if family not in LOADERS:
        message = f"no family {family}"
        raise NotImplementedError(message)
    tensors = {key: torch.from_numpy(np.array(value)) for key, value in state_dict.items()}
    return LOADERS[family](variant, tensors)


class SamPredictor:
    """SAM, MobileSAM, MedSAM, micro-sam and EfficientViT-SAM."""

    def __init__(self, net: Sam, how: str, tensors: dict[str, torch.Tensor]):
        self.how, self.transform = how, transform(how)
        self.net = net.eval()
        self.net.load_state_dict(tensors, strict=True)
        if hasattr(self.net.image_encoder, "fold"):
            self.net.image_encoder.fold()

    def to_image(self, image: np.ndarray) -> np.ndarray:
        """Return what micro-sam makes of the image before its predictor gets it."""
        if self.how != "micro-sam":
            raise NotImplementedError
        from samj_bridge.worker.transforms.micro_sam import stretched

        return stretched(_three_channels(image))

    @torch.inference_mode()
    def set_image(self, image: np.ndarray) -> None:
        """Encode an image."""
        if self.how == "micro-sam":
            unit = self.to_image(image).astype(np.float32) / np.float32(255)
        else:
            unit = (image if image.ndim == 3 else image[..., None]).astype(np.float32) / np.float32(255)
        self.input = self.transform.pixels(unit)
        self.frame = self.transform.frame(image.shape[:2])
        self.embedded = self.net.image_encoder(self.input)
        self.image_side = self.net.image_side(self.embedded)

    def model_input(self) -> torch.Tensor:
        """Return what the image encoder got."""
        return self.input

    def embedding(self) -> torch.Tensor:
        """Return the image embedding."""
        return self.embedded

    @torch.inference_mode()
    def predict(self, points: Any, labels: Any, box: Any, mask_input: Any, multimask: bool) -> Any:
        """Answer a prompt: masks, predicted IoU and low-resolution logits."""
        places, kinds = np.zeros((0, 2), np.float32), []
        if points is not None:
            places, kinds = self.frame.points(np.asarray(points) + 0.5), list(labels)
            if box is None:
                places, kinds = np.concatenate([places, np.zeros((1, 2), np.float32)]), [*kinds, PADDING]
        if box is not None:
            places, kinds = np.concatenate([places, self.frame.box(box)]), [*kinds, TOP_LEFT, BOTTOM_RIGHT]
        tokens = self.net.prompt_encoder.tokens(
            torch.from_numpy(places)[None], torch.tensor([kinds], dtype=torch.long)
        )
        side = self.image_side
        if mask_input is not None:
            side = self.net.image_side(self.embedded, torch.from_numpy(np.array(mask_input))[None])
        chosen = slice(1, None) if multimask else slice(0, 1)
        low, scores = self.net.mask_decoder(tokens, side, chosen)
        return _pasted(low[0], self.frame), scores[0], low[0]

    def generate(self, image: np.ndarray, **parameters: Any) -> list[dict[str, Any]]:
        """Return what the automatic mask generator makes of an image, by the engine's everything mode."""
        from samj_bridge.worker.everything.exact import generate

        if self.how != "sam":
            raise NotImplementedError
        spec, net = BuildSpec(Path()), self.net
        model = SamModel(net, spec, self.transform, Abilities())
        return generate(model, image.astype(np.float32) / np.float32(255), **parameters)


class EfficientSamPredictor:
    """EfficientSAM as its example script and ``predict_masks`` have it: box corners before the points."""

    def __init__(self, config: Any, tensors: dict[str, torch.Tensor]):
        self.transform = transform("efficient-sam")
        self.net = EfficientSam(config).eval()
        self.net.load_state_dict(tensors, strict=True)

    @torch.inference_mode()
    def set_image(self, image: np.ndarray) -> None:
        """Encode an image."""
        self.input = self.transform.pixels(image.astype(np.float32) / np.float32(255))
        self.frame = self.transform.frame(image.shape[:2])
        self.embedded = self.net.image_encoder(self.input)
        self.image_side = self.net.image_side(self.embedded)

    def model_input(self) -> torch.Tensor:
        """Return what the image encoder got."""
        return self.input

    def embedding(self) -> torch.Tensor:
        """Return the image embedding."""
        return self.embedded

    @torch.inference_mode()
    def predict(self, points: Any, labels: Any, box: Any, mask_input: Any, multimask: bool) -> Any:
        """Answer a prompt: masks, predicted IoU and low-resolution logits."""
        if mask_input is not None:
            raise NotImplementedError
        places, kinds = np.zeros((0, 2), np.float32), []
        if box is not None:
            places, kinds = self.frame.box(box), [TOP_LEFT, BOTTOM_RIGHT]
        if points is not None:
            places = np.concatenate([places, self.frame.points(np.asarray(points) + 0.5)])
            kinds = [*kinds, *labels]
        tokens = self.net.prompt_encoder.tokens(
            torch.from_numpy(places)[None], torch.tensor([kinds], dtype=torch.long)
        )
        chosen = slice(1, None) if multimask else slice(0, 1)
        low, scores = self.net.mask_decoder(tokens, self.image_side, chosen)
        return _pasted(low[0], self.frame), scores[0], low[0]


class Sam2Predictor:
    """SAM 2.1's image predictor: box corners first, always a padding point, logits cut off at 32 in the end."""

    def __init__(self, architecture: str, tensors: dict[str, torch.Tensor]):
        self.transform = transform("sam2")
        self.net = Sam2(HIERA[architecture]).eval()
        videos = video_shapes()
        self.net.load_state_dict({key: value for key, value in tensors.items() if key not in videos}, strict=True)
        assert {key: tuple(tensors[key].shape) for key in videos} == videos
        self.net.prepare()

    @torch.inference_mode()
    def set_image(self, image: np.ndarray) -> None:
        """Encode an image."""
        self.input = self.transform.pixels(image.astype(np.float32) / np.float32(255))
        self.frame = self.transform.frame(image.shape[:2])
        self.embedded, self.detail = self.net(self.input)
        self.image_side = self.net.image_side(self.embedded, self.detail)

    def model_input(self) -> torch.Tensor:
        """Return what the image encoder got."""
        return self.input

    def embedding(self) -> torch.Tensor:
        """Return the image embedding."""
        return self.embedded

    def high_res(self) -> list[torch.Tensor]:
        """Return the fine features that the decoder adds, finest first."""
        middle, fine = self.detail
        maps = middle.unflatten(0, (64, 64, 2, 2)).permute(4, 0, 2, 1, 3).reshape(1, 64, 128, 128)
        return [Upscaler.maps_of(fine, 64)[None], maps]

    @torch.inference_mode()
    def predict(self, points: Any, labels: Any, box: Any, mask_input: Any, multimask: bool) -> Any:
        """Answer a prompt: masks, predicted IoU and low-resolution logits."""
        places, kinds = np.zeros((0, 2), np.float32), []
        if box is not None:
            places, kinds = self.frame.box(box), [TOP_LEFT, BOTTOM_RIGHT]
        if points is not None:
            places = np.concatenate([places, self.frame.points(np.asarray(points) + 0.5)])
            kinds = [*kinds, *labels]
        if kinds:
            places, kinds = np.concatenate([places, np.zeros((1, 2), np.float32)]), [*kinds, PADDING]
        tokens = self.net.sam_prompt_encoder.tokens(
            torch.from_numpy(places)[None], torch.tensor([kinds], dtype=torch.long)
        )
        side = self.image_side
        if mask_input is not None:
            side = self.net.image_side(self.embedded, self.detail, torch.from_numpy(np.array(mask_input))[None])
        low, scores = self.net.sam_mask_decoder(tokens, side, multimask)
        return _pasted(low[0], self.frame), scores[0], low[0].clamp(-32, 32)


def _pasted(low: torch.Tensor, frame: Any) -> np.ndarray:
    """Enlarge every mask in its box, as the engine does, and paste it into the whole image."""
    masks = np.zeros((len(low), *frame.image_hw), bool)
    for mask, logits in zip(masks, low, strict=True):
        found, (x, y) = frame.enlargement.mask(logits)
        mask[y : y + found.shape[0], x : x + found.shape[1]] = found
    return masks


def _three_channels(image: np.ndarray) -> np.ndarray:
    """Give an image the channels that micro-sam shows: one thrice, two and an empty one, the first three."""
    planes = image[..., None] if image.ndim == 2 else image
    if planes.shape[2] == 1:
        return np.repeat(planes, 3, 2)
    if planes.shape[2] == 2:
        return np.concatenate([planes, np.zeros_like(planes[..., :1])], 2)
    return planes[..., :3]


VARIANTS = {"vit_b": "sam-vit-b", "vit_l": "sam-vit-l", "vit_h": "sam-vit-h", "vit_t": "mobile-sam"}

SAM2_VARIANTS = {
    "sam2.1_hiera_tiny": "sam2.1-tiny",
    "sam2.1_hiera_small": "sam2.1-small",
    "sam2.1_hiera_base_plus": "sam2.1-base-plus",
    "sam2.1_hiera_t": "sam2.1-tiny",
    "sam2.1_hiera_s": "sam2.1-small",
    "sam2.1_hiera_b+": "sam2.1-base-plus",
    "sam2.1_hiera_l": "sam2.1-large",
    "sam2.1_hiera_large": "sam2.1-large",
}

EFFICIENT = {"vitt": EFFICIENT_TI, "vits": EFFICIENT_S}

LOADERS: dict[str, Callable[[str, dict[str, torch.Tensor]], Any]] = {
    "sam": lambda variant, tensors: SamPredictor(Sam(ENCODERS[VARIANTS[variant]]()), "sam", tensors),
    "mobilesam": lambda variant, tensors: SamPredictor(Sam(ENCODERS[VARIANTS[variant]]()), "sam", tensors),
    "medsam": lambda variant, tensors: SamPredictor(Sam(ENCODERS[VARIANTS[variant]]()), "medsam", tensors),
    "efficientsam": lambda variant, tensors: EfficientSamPredictor(EFFICIENT[variant], tensors),
    "microsam": lambda variant, tensors: SamPredictor(Sam(ENCODERS[VARIANTS[variant]]()), "micro-sam", tensors),
    "sam2": lambda variant, tensors: Sam2Predictor(SAM2_VARIANTS[variant], tensors),
    "lite-medsam": lambda _variant, tensors: SamPredictor(Sam(TinyVit(LITE), frame=256), "lite-medsam", tensors),
    "efficientvitsam": lambda variant, tensors: SamPredictor(
        Sam(EfficientVit(EFFICIENTVIT[f"efficientvit-sam-{variant}"]), EPS), "efficientvit-sam", tensors
    ),
}
