"""Turn a checkpoint into the weights that the package carries: ``python -m training.export CHECKPOINT WEIGHTS``."""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from safetensors.torch import save_file

from samj_bridge.worker.nets.starter import StarterNet, fold


def export(checkpoint: Path, weights: Path) -> None:
    """Take the averaged network, fold its normalisations, and write it in half precision."""
    net = StarterNet()
    state = torch.load(checkpoint, weights_only=True, map_location="cpu")
    net.load_state_dict(state["average"], strict=True)
    tensors = {key: value.half().contiguous() for key, value in fold(net).state_dict().items()}
    save_file(
        tensors, weights, metadata={"format": "pt", "model": "samj-bridge starter", "steps": str(state["step"])}
    )


if __name__ == "__main__":
    export(Path(sys.argv[1]), Path(sys.argv[2]))
