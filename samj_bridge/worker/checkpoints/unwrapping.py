"""Finds the weights inside what a checkpoint holds, and gives them the names that their publisher's network has."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from samj_bridge.worker.checkpoints.kinds import bad_checkpoint

__all__ = ["Unwrapped", "unwrap"]

WRAPPERS = ("model", "state_dict", "model_state")
"""Tables in which training programs put the weights, beside their own notes."""
PREFIXES = ("module.", "sam.", "model.")
"""What programs put before every name: DataParallel, micro-sam's and MedSAM's trainers, CellSAM."""
_CELLSAM = "model_cp."
_CELLSAM_OTHERS = ("model.", "cellfinder.")
_DEPTH = 5


@dataclass
class Unwrapped:
    """The weights, and how they were found."""

    tensors: dict[str, Any]
    """Tensors by the names that the network gives them."""
    steps: list[str] = field(default_factory=list)
    """Wrappers and prefixes that were taken off, outermost first."""
    dropped: list[str] = field(default_factory=list)
    """Names of tensors that belong to another network in the same file."""


def unwrap(content: Any, is_tensor: Callable[[Any], bool], hint: str = "") -> Unwrapped:
    """Find the weights.

    Parameters
    ----------
    content : Any
        What the checkpoint holds.
    is_tensor : callable
        Tells a tensor from anything else.
    hint : str
        A table to look into first.

    Raises
    ------
    OperationFailed
        ``bad-checkpoint``: there are none.
    """
    steps: list[str] = []
    for _ in range(_DEPTH):
        if not isinstance(content, Mapping):
            break
        names = [name for name in (hint, *WRAPPERS) if name and isinstance(content.get(name), Mapping)]
        if not names:
            break
        content = content[names[0]]
        steps.append(names[0])
    if not isinstance(content, Mapping):
        message = f"The checkpoint holds a {type(content).__name__}, not a table of weights."
        raise bad_checkpoint(
            "no-weights", message, "Save the weights as a table: torch.save(model.state_dict(), ...)."
        )
    tensors = {str(name): value for name, value in content.items() if is_tensor(value)}
    if not tensors:
        held = ", ".join(map(str, list(content)[:8])) or "nothing"
        message = f"The checkpoint holds no weights; it holds {held}."
        raise bad_checkpoint("no-weights", message, "Take the file with the weights themselves.")
    found = Unwrapped(tensors, steps)
    for _ in range(_DEPTH):
        if not _take_off(found):
            break
    return found


def _take_off(found: Unwrapped) -> bool:
    """Take one prefix off, if there is one; tell whether there was."""
    names = list(found.tensors)
    if any(name.startswith(_CELLSAM) for name in names):
        _split(found, _CELLSAM, _CELLSAM_OTHERS)
        return True
    for prefix in PREFIXES:
        others = ("cellfinder.",) if prefix == "model." else ()
        having = sum(name.startswith(prefix) for name in names)
        foreign = sum(name.startswith(others) for name in names) if others else 0
        # Most of them: a stranger among the names stays, and is told of when the network is recognised.
        if having and having > (len(names) - foreign) / 2:
            _split(found, prefix, others)
            return True
    return False


def _split(found: Unwrapped, prefix: str, others: tuple[str, ...]) -> None:
    kept: dict[str, Any] = {}
    for name, tensor in found.tensors.items():
        if name.startswith(prefix):
            kept[name.removeprefix(prefix)] = tensor
        elif others and name.startswith(others):
            found.dropped.append(name)
        else:
            kept.setdefault(name, tensor)
    found.tensors = kept
    found.steps.append(prefix)
