"""Reads checkpoints as data: ``torch.load(weights_only=True)`` or safetensors, nothing else, and no code is run."""

from __future__ import annotations

import logging
import pickle
import struct
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch.serialization import safe_globals

from samj_bridge.protocol.failures import OperationFailed
from samj_bridge.worker.checkpoints.kinds import LEGACY, PAIR, SAFETENSORS, bad_checkpoint, kind_of
from samj_bridge.worker.checkpoints.standins import StandIns, name_in
from samj_bridge.worker.checkpoints.tools import save_alone
from samj_bridge.worker.checkpoints.windows import Window, places_in

__all__ = ["Read", "read_checkpoint"]

_log = logging.getLogger(__name__)
_MOST_NAMES = 300
_AGAIN = "Get the file again from where it is published."


@dataclass(frozen=True)
class Read:
    """What a checkpoint holds."""

    content: Any
    """Usually a table of tensors, perhaps inside others."""
    not_built: tuple[str, ...] = ()
    """What it asks to build besides, by name: `StandIn`s have its place, and nothing of it was run."""


def read_checkpoint(path: Path) -> Read:
    """Read a checkpoint as data.

    Tensors of a checkpoint in today's format are mapped from the file, not copied to memory.

    Raises
    ------
    OperationFailed
        ``bad-checkpoint``, with what is wrong; ``details["reason"]`` names it for programs.
    """
    kind = kind_of(path)
    try:
        if kind == SAFETENSORS:
            return Read(load_file(path))
        with warnings.catch_warnings():
            # It warns of pickle protocols; what it can't read, it says itself.
            warnings.simplefilter("ignore")
            if kind == PAIR:
                return _load_pair(path)
            return _load(path, mmap=kind != LEGACY)
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


def _load_pair(path: Path) -> Read:
    """Read a network and its decoder as if one file held them, as micro-sam's export does."""
    with path.open("rb") as file:
        network, decoder = (_load(Window(file, *place), mmap=False) for place in places_in(path))
    table = decoder.content
    if isinstance(table, Mapping) and isinstance(table.get("decoder_state"), Mapping):
        table = table["decoder_state"]
    return Read({"model_state": network.content, "decoder_state": table}, (*network.not_built, *decoder.not_built))


def _load(path: Path | BinaryIO, *, mmap: bool) -> Read:
    """Read what torch wrote; classes of ours stand in for what isn't a tensor."""
    standins = StandIns()
    while True:
        try:
            with safe_globals(standins.classes):
                content = torch.load(path, map_location="cpu", weights_only=True, mmap=mmap)
        except pickle.UnpicklingError as error:
            if len(standins.names) >= _MOST_NAMES or not standins.take(str(error)):
                raise
        else:
            return Read(content, tuple(standins.names))


def _refused(path: Path, error: pickle.UnpicklingError) -> OperationFailed:
    text = str(error)
    what = name_in(text)
    if what is not None:
        message = (
            f"{path.name} asks to build or run {what}, which is no weight. Nothing of it was run:"
            " only tensors and plain tables are read."
        )
        hint = (
            "Don't trust this file unless you know who made it. If it is your own, save the weights alone: "
            + save_alone([what])
        )
        return bad_checkpoint("unsafe-pickle", message, hint, asked_for=what)
    if "Unsupported operand" in text:
        message = f"{path.name} was saved with a pickle protocol that torch's safe reader does not know."
        hint = "Save it again without pickle_protocol: torch.save(model.state_dict(), 'weights.pth')."
        return bad_checkpoint("pickle-protocol", message, hint)
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
