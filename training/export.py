"""Turn a checkpoint into weights: ``python -m training.export CHECKPOINT WEIGHTS [UNFOLDED]``."""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from safetensors.torch import save_file

from samj_bridge.worker.nets.starter import StarterNet, fold


def export(checkpoint: Path, weights: Path, unfolded: Path | None = None) -> None:
    """Write the averaged network in half precision: folded for the package, and as it is, to train on from."""
    net = StarterNet()
    state = torch.load(checkpoint, weights_only=True, map_location="cpu")
    net.load_state_dict(state["average"], strict=True)
    about = {"format": "pt", "model": "samj-bridge starter", "steps": str(state["step"])}
    if unfolded is not None:
        save_file(_halves(net), unfolded, metadata=about)
    save_file(_halves(fold(net)), weights, metadata=about)


def _halves(net: StarterNet) -> dict[str, torch.Tensor]:
    state = net.state_dict().items()
    return {key: (value.half() if value.is_floating_point() else value).contiguous() for key, value in state}


if __name__ == "__main__":
    export(*(Path(argument) for argument in sys.argv[1:]))
