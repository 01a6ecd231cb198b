"""Converts a checkpoint to safetensors: read as data, unwrapped, recognised, every number looked at, written."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from samj_bridge.protocol.conversion import ConvertReply, ConvertRequest
from samj_bridge.protocol.failures import FailureCode, OperationFailed
from samj_bridge.worker.checkpoints.beside import decoder_of
from samj_bridge.worker.checkpoints.kinds import bad_checkpoint
from samj_bridge.worker.checkpoints.reading import Read, read_checkpoint
from samj_bridge.worker.checkpoints.recognising import Match, Shapes, recognise
from samj_bridge.worker.checkpoints.tools import save_alone
from samj_bridge.worker.checkpoints.unwrapping import AVERAGED, Unwrapped, is_averaged, readings
from samj_bridge.worker.checkpoints.writing import write_safetensors

__all__ = ["convert", "shapes_of"]

_HALVES = (torch.float16, torch.bfloat16, torch.float64)
_WHOLE = (torch.int64, torch.int32)
_TOLD = 50
"""Names of weights that were left out that a reply has."""
_LOOKED_AT = 0.3
"""Part of the work that reading and looking at the numbers is, for the progress."""


def convert(
    request: ConvertRequest,
    architectures: Mapping[str, str],
    families: Mapping[str, str],
    check: Callable[[float], None],
) -> ConvertReply:
    """Convert a checkpoint.

    Parameters
    ----------
    request : ConvertRequest
        Which file, where to, and what it should be.
    architectures : mapping
        Family of each architecture.
    families : mapping
        Module of each family.
    check : callable
        Called with the fraction done; raises to stop.

    Raises
    ------
    OperationFailed
        ``bad-checkpoint``: it can't be used, ``details["reason"]`` says why; ``bad-request``: the target can't be
        written; ``unknown-model``: there is no such architecture.
    """
    begun = time.perf_counter()
    if request.architecture and request.architecture not in architectures:
        message = f"There is no architecture {request.architecture!r}; there are {', '.join(architectures)}."
        raise OperationFailed(
            FailureCode.UNKNOWN_MODEL, message, hint="Update samj-bridge, or correct the catalog."
        )
    check(0.0)
    read = read_checkpoint(Path(request.source))
    unwrapped, match = _recognised(read, request, architectures, families)
    names = [name for name in unwrapped.tensors if name not in match.extras]
    notes = _notes(unwrapped, match, read)
    beside, told = decoder_of(read.content, families[architectures[match.architecture]])
    notes += told
    tensors = _numbers({**{name: unwrapped.tensors[name] for name in names}, **beside}, notes, check)
    metadata = {"format": "pt", "architecture": match.architecture}
    try:
        written = write_safetensors(
            Path(request.target), tensors, metadata, lambda done: check(_LOOKED_AT + (1 - _LOOKED_AT) * done)
        )
    except OSError as error:
        message = f"The converted weights can't be written to {request.target}: {error.strerror or error}."
        hint = "Free some space there, or make the folder writable."
        raise OperationFailed(FailureCode.BAD_REQUEST, message, hint=hint, errno=error.errno) from error
    return ConvertReply(
        match.architecture,
        architectures[match.architecture],
        len(tensors),
        sum(tensor.numel() for tensor in tensors.values() if tensor.is_floating_point()),
        written.size,
        written.sha256,
        tuple(unwrapped.steps),
        tuple(sorted((*unwrapped.dropped, *match.extras))[:_TOLD]),
        tuple(notes),
        time.perf_counter() - begun,
    )


def shapes_of(architecture: str, architectures: Mapping[str, str], families: Mapping[str, str]) -> Shapes:
    """Return names and shapes of an architecture's weights, from its family's module."""
    module = importlib.import_module(families[architectures[architecture]])
    shapes: Shapes = module.shapes(architecture)
    return shapes


def _recognised(
    read: Read, request: ConvertRequest, architectures: Mapping[str, str], families: Mapping[str, str]
) -> tuple[Unwrapped, Match]:
    """Return the first way to find weights that gives a known network."""
    shapes = cache(lambda name: shapes_of(name, architectures, families))
    problem: OperationFailed | None = None
    averaged = False
    marks = [*read.not_built, *(map(str, read.content) if isinstance(read.content, Mapping) else ())]
    try:
        ways = readings(read.content, _is_tensor, request.wrapped)
    except OperationFailed as error:
        if read.not_built:
            names = ", ".join(read.not_built[:3])
            error.message += f" What it has instead ({names}) is not built from a file: nothing of it was run."
            error.hint = f"Save the weights alone: {save_alone(marks)}"
        raise
    for unwrapped in ways:
        found = {name: tuple(tensor.shape) for name, tensor in unwrapped.tensors.items()}
        try:
            return unwrapped, recognise(found, architectures, shapes, request.architecture)
        except OperationFailed as error:
            # What the raw weights are refused for, taken whole, is what is told.
            if problem is None or (averaged and not is_averaged(unwrapped.steps)):
                problem, averaged = error, is_averaged(unwrapped.steps)
    assert problem is not None
    raise problem


def _is_tensor(value: Any) -> bool:
    return isinstance(value, Tensor)


def _notes(unwrapped: Unwrapped, match: Match, read: Read) -> list[str]:
    notes = []
    if is_averaged(unwrapped.steps):
        notes.append(f"the weights averaged over the training were taken ({_way(unwrapped)}), not the raw ones")
    elif isinstance(read.content, Mapping) and any(name in read.content for name in AVERAGED):
        notes.append("the raw weights were taken: the averaged ones beside them are not this network's by name")
    if read.not_built:
        shown = ", ".join(read.not_built[:3]) + (", ..." if len(read.not_built) > 3 else "")
        notes.append(f"other objects in the file were not built, and nothing of them was run ({shown})")
    if unwrapped.dropped:
        notes.append(f"{len(unwrapped.dropped)} weights of other networks in the file were left out")
    if match.extras:
        notes.append(f"{len(match.extras)} weights that the network does not need were left out")
    return notes


def _way(unwrapped: Unwrapped) -> str:
    return " ".join(unwrapped.steps)


def _numbers(tensors: Mapping[str, Tensor], notes: list[str], check: Callable[[float], None]) -> dict[str, Tensor]:
    """Look at every number; return the tensors as they are: other kinds become float32 while they are written."""
    done: dict[str, Tensor] = {}
    kinds: set[str] = set()
    for index, (name, tensor) in enumerate(tensors.items()):
        check(_LOOKED_AT * index / len(tensors))
        plain = tensor.layout is torch.strided and not tensor.is_quantized
        if plain and tensor.dtype in _WHOLE and name.endswith(("num_batches_tracked", "_idxs", "_index")):
            done[name] = tensor
            continue
        if not plain or tensor.dtype not in (torch.float32, *_HALVES):
            kind = str(tensor.dtype if tensor.layout is torch.strided else tensor.layout).removeprefix("torch.")
            message = (
                f"The weight {name} is of the type {kind}; weights are float32, or float16, bfloat16, float64."
            )
            hint = "A quantised or otherwise packed checkpoint can't be used: take the original one."
            raise bad_checkpoint("dtype", message, hint, weight=name, dtype=kind)
        if tensor.dtype in _HALVES:
            kinds.add(str(tensor.dtype).removeprefix("torch."))
        value = tensor.float()
        wrong = int((~torch.isfinite(value)).sum()) if value.numel() else 0
        if wrong:
            message = f"The weight {name} holds {wrong} of {value.numel()} numbers that are NaN or infinite."
            hint = "The training that made this checkpoint went wrong, or the file is damaged: take another one."
            raise bad_checkpoint("nan", message, hint, weight=name, count=wrong)
        done[name] = tensor
    if kinds:
        notes.append(f"{' and '.join(sorted(kinds))} weights are stored as float32")
    return done
