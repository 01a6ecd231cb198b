"""One cheap network of each model family, with random weights, for checks in the worker's Python."""

from __future__ import annotations

import functools
import importlib
import tempfile
from pathlib import Path
from typing import Any

from in_torch import ROOT

from samj_bridge.worker.families import ARCHITECTURES, FAMILIES

CHEAP = ["starter-1", "mobile-sam", "efficient-sam-ti", "sam2.1-tiny", "efficientvit-sam-l0", "lite-medsam"]
"""The architecture of each family that is asked; the others have the same code and more blocks."""

BOXES_ONLY = {"lite-medsam"}
"""Those that refuse points inside the object, give one mask for a prompt, and propose nothing."""


@functools.cache
def weights_of(architecture: str) -> Path:
    """Return a file with the starter's own weights, or with random ones."""
    if architecture == "starter-1":
        return ROOT / "samj_bridge" / "models" / "weights" / "starter.safetensors"
    from random_weights import random_weights
    from safetensors.torch import save_file

    path = Path(tempfile.mkdtemp()) / f"{architecture}.safetensors"
    save_file(random_weights(architecture), path)
    return path


def build(architecture: str, weights: Path) -> Any:
    from samj_bridge.worker.families.base import BuildSpec

    module = importlib.import_module(FAMILIES[ARCHITECTURES[architecture]])
    return module.build(BuildSpec(weights, architecture))


@functools.cache
def model_of(architecture: str) -> Any:
    return build(architecture, weights_of(architecture))


def prompts() -> dict[str, Any]:
    import numpy as np

    from samj_bridge.worker.families.base import PromptArrays

    none, mask = np.zeros((0, 2), np.float32), np.ones((30, 40), bool)
    one, two = np.array([[80.5, 40.5]], np.float32), np.array([[80.5, 40.5], [70.0, 30.0]], np.float32)
    corner = np.array([[139.9, 89.9]], np.float32)
    box = (60.0, 20.0, 100.0, 60.0)
    return {
        "a box": PromptArrays(box, none, none, None, (0, 0)),
        "a point": PromptArrays(None, one, none, None, (0, 0)),
        "points and a negative": PromptArrays(None, two, one + 30, None, (0, 0)),
        "many points": PromptArrays(None, np.repeat(two, 9, 0), np.repeat(one + 30, 9, 0), None, (0, 0)),
        "a box and a negative": PromptArrays(box, none, one + 12, None, (0, 0)),
        "a box and points": PromptArrays(box, two, one + 30, None, (0, 0)),
        "a mask": PromptArrays(None, none, none, mask, (60, 20)),
        "a mask and a point": PromptArrays(None, one, none, mask, (60, 20)),
        "a mask and a box": PromptArrays(box, none, none, mask, (100, 60)),
        "an empty mask and a point": PromptArrays(None, one, none, ~mask, (60, 20)),
        "a box of no size": PromptArrays((30.0, 30.0, 30.0, 30.0), none, none, None, (0, 0)),
        "a box partly outside": PromptArrays((-900.0, -20.0, 100.0, 50.0), none, none, None, (0, 0)),
        "a point in the last corner": PromptArrays(None, corner, none, None, (0, 0)),
    }


def possible(architecture: str) -> dict[str, Any]:
    """Return the prompts that a network takes."""
    boxed = architecture in BOXES_ONLY
    return {name: prompt for name, prompt in prompts().items() if not (boxed and len(prompt.points_xy))}


def masks_of(architecture: str, wanted: int) -> int:
    return 1 if architecture in BOXES_ONLY else wanted
