"""Loads converted checkpoints: mapped from the disk, so that starting again costs no copy."""

from __future__ import annotations

from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from samj_bridge.worker.checkpoints.kinds import bad_checkpoint

__all__ = ["load"]


def load(path: Path) -> dict[str, Tensor]:
    """Return the weights of a converted checkpoint by their names; CPU tensors, mapped from the file.

    The file must not be changed while they are in use (nothing of samj-bridge does).

    Raises
    ------
    OperationFailed
        ``bad-checkpoint``: the file is not there, cut short or damaged.
    """
    try:
        weights: dict[str, Tensor] = load_file(path)
    except FileNotFoundError as error:
        message = f"There are no weights at {path}."
        raise bad_checkpoint("unreadable", message, "Install the model again.") from error
    except (SafetensorError, OSError) as error:
        message = f"The weights at {path} are damaged or cut short: {error}."
        hint = "See which model it is, and install it again: samj-bridge models verify"
        raise bad_checkpoint("damaged", message, hint) from error
    return weights
