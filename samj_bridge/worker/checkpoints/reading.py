"""Reads checkpoints as data: ``torch.load(weights_only=True)`` or safetensors, nothing else, and no code is run."""

from __future__ import annotations

import logging
import pickle
import re
import struct
import warnings
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from samj_bridge.protocol.failures import OperationFailed
from samj_bridge.worker.checkpoints.kinds import LEGACY, SAFETENSORS, bad_checkpoint, kind_of

__all__ = ["read_checkpoint"]

_log = logging.getLogger(__name__)
_AGAIN = "Get the file again from where it is published."


def read_checkpoint(path: Path) -> Any:
    """Return what a checkpoint holds: usually a table of tensors, perhaps inside others.

    Tensors of a checkpoint in today's format are mapped from the file, not copied to memory.

    Raises
    ------
    OperationFailed
        ``bad-checkpoint``, with what is wrong; ``details["reason"]`` names it for programs.
    """
    kind = kind_of(path)
    try:
        if kind == SAFETENSORS:
            return load_file(path)
        with warnings.catch_warnings():
            # It warns of pickle protocols; what it can't read, it says itself.
            warnings.simplefilter("ignore")
            return torch.load(path, map_location="cpu", weights_only=True, mmap=kind != LEGACY)
    except pickle.UnpicklingError as error:
        raise _refused(path, error) from error
    except SafetensorError as error:
        message = f"{path.name} was cut short or is damaged: {error}."
        raise bad_checkpoint("truncated", message, _AGAIN) from error
    except (EOFError, IndexError, struct.error) as error:
        message = f"{path.name} was cut short: it ends in the middle."
        raise bad_checkpoint("truncated", message, _AGAIN) from error
    except OperationFailed:
        raise
    except Exception as error:  # noqa: BLE001
        # The reader meets damage anywhere, and raises whatever the place gives.
        _log.info("reading %s failed", path, exc_info=True)
        return _raise_damaged(path, error)


def _refused(path: Path, error: pickle.UnpicklingError) -> OperationFailed:
    text = str(error)
    named = re.search(r"(?:GLOBAL|global|class|type)[ :`']+([A-Za-z_][\w.]*\.\w+)", text)
    if named is not None:
        what = named.group(1)
        message = (
            f"{path.name} asks to build or run {what}, which is no weight. Nothing of it was run:"
            " only tensors and plain tables are read."
        )
        hint = (
            "Don't trust this file unless you know who made it. If it is your own, save the weights alone:"
            " torch.save(model.state_dict(), 'weights.pth')."
        )
        return bad_checkpoint("unsafe-pickle", message, hint, asked_for=what)
    message = f"{path.name} is damaged, or no table of weights: its pickle can't be read. Nothing of it was run."
    return bad_checkpoint("damaged", message, _AGAIN)


def _raise_damaged(path: Path, error: Exception) -> Any:
    text = str(error)
    if "EOF" in text or "central directory" in text or "not a ZIP" in text:
        message = f"{path.name} was cut short: it ends in the middle."
        raise bad_checkpoint("truncated", message, _AGAIN) from error
    first = text.strip().splitlines()[0][:200] if text.strip() else type(error).__name__
    message = f"{path.name} is damaged: {first}."
    raise bad_checkpoint("damaged", message, _AGAIN) from error
