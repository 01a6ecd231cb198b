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
