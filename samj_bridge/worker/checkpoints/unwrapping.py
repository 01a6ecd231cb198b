"""Finds the weights inside what a checkpoint holds, and gives them the names that their publisher's network has."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from samj_bridge.worker.checkpoints.kinds import bad_checkpoint
from samj_bridge.worker.checkpoints.standins import table_of

__all__ = ["Unwrapped", "is_averaged", "readings", "unwrap"]

WRAPPERS = (
    "model",
    "state_dict",
    "model_state",
    "model_state_dict",
    "net",
    "network",
    "weights",
    "params",
    "module",
)
"""Tables in which training programs put the weights, beside their own notes."""
AVERAGED = (
    "state_dict_ema",
    "ema_state_dict",
    "model_ema",
    "ema_model",
    "ema",
    "model_ema_state_dict",
    "ema_state",
    "ema_weights",
    "params_ema",
    "averaged_model",
    "swa_model",
    "teacher_state",
)
"""Tables of weights that were averaged over the training (EMA, SWA), beside the raw ones."""
PREFIXES = ("module.", "sam.", "model.")
"""What programs put before every name: DataParallel, micro-sam's and MedSAM's trainers, CellSAM."""
WITHIN = ("_orig_mod.", "_fsdp_wrapped_module.", "_checkpoint_wrapped_module.")
"""What torch.compile, FSDP and activation checkpoints put anywhere into a name."""
COUNTERS = ("n_averaged", "module.n_averaged")
_CELLSAM = "model_cp."
_CELLSAM_OTHERS = ("model.", "cellfinder.")
_DEPTH = 5
_LEAST = 0.1
"""Part of a file's names that have to begin alike for them to be looked at as a network's."""


@dataclass
class Unwrapped:
    """The weights, and how they were found."""

    tensors: dict[str, Any]
    """Tensors by the names that the network gives them."""
    steps: list[str] = field(default_factory=list)
    """Wrappers and prefixes that were taken off, outermost first."""
    dropped: list[str] = field(default_factory=list)
    """Names of tensors that belong to another network in the same file."""
    strangers: set[str] = field(default_factory=set)
    """Names that did not begin as most others do."""


def readings(content: Any, is_tensor: Callable[[Any], bool], hint: str = "") -> list[Unwrapped]:
    """Return every way to find weights, the likeliest first: averaged before raw ones, whole tables before parts.

    Parameters, errors: as `unwrap`.
    """
    tables = _tables(content, is_tensor, hint)
    whole = [unwrap(table, is_tensor) for table, _ in tables]
    for found, (_, steps) in zip(whole, tables, strict=True):
        found.steps[:0] = steps
    return [*whole, *(part for found in whole for part in _parts(found))]


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
    content, steps = _descend(content, (hint, *WRAPPERS))
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
    _clear(found)
    for _ in range(_DEPTH):
        if not _take_off(found):
            break
    return found


def _descend(content: Any, wrappers: Sequence[str]) -> tuple[Any, list[str]]:
    """Go into tables until there is none with a known name."""
    steps: list[str] = []
    content = table_of(content)
    for _ in range(_DEPTH):
        if not isinstance(content, Mapping):
            break
        inner = {name: table_of(content.get(name)) for name in wrappers if name}
        names = [name for name, value in inner.items() if isinstance(value, Mapping)]
        if not names:
            break
        content = inner[names[0]]
        steps.append(names[0])
    return content, steps


def _tables(content: Any, is_tensor: Callable[[Any], bool], hint: str) -> list[tuple[Any, list[str]]]:
    """Return the tables that may be meant, with the way to each: averaged weights first, where there are any."""
    content = table_of(content)
    raw = _descend(content, (hint, *WRAPPERS))
    found: list[tuple[Any, list[str]]] = []
    if isinstance(content, Mapping) and not (hint and isinstance(table_of(content.get(hint)), Mapping)):
        for name in AVERAGED:
            table, steps = _descend(content.get(name), WRAPPERS)
            if isinstance(table, Mapping) and any(map(is_tensor, table.values())):
                found.append((table, [name, *steps]))
    return [*found, raw]


def _parts(whole: Unwrapped) -> Iterator[Unwrapped]:
    """Return the weights whose names begin alike: one network of several in a table, such as an averaged copy."""
    if whole.strangers:
        # What a trainer has beside the network, such as the weights of its loss.
        rest = {name: value for name, value in whole.tensors.items() if name not in whole.strangers}
        yield Unwrapped(rest, list(whole.steps), [*whole.dropped, *sorted(whole.strangers)])
    counts: dict[str, int] = {}
    for name in whole.tensors:
        pieces = name.split(".")[:-1]
        for depth in range(1, min(len(pieces), 3) + 1):
            prefix = ".".join(pieces[:depth]) + "."
            counts[prefix] = counts.get(prefix, 0) + 1
    likely = [prefix for prefix, count in counts.items() if count >= _LEAST * len(whole.tensors)]
    for prefix in sorted(
        likely, key=lambda prefix: (not is_averaged([prefix]), prefix.count("."), -counts[prefix])
    ):
        tensors = {
            name.removeprefix(prefix): value for name, value in whole.tensors.items() if name.startswith(prefix)
        }
        left = [name for name in whole.tensors if not name.startswith(prefix)]
        yield Unwrapped(tensors, [*whole.steps, prefix], [*whole.dropped, *left])


def is_averaged(steps: Iterable[str]) -> bool:
    """Return whether the way to weights says that they were averaged over the training."""
    return any(re.search(r"(^|[_.])(ema|averaged|swa|teacher)([_.]|$)", step) for step in steps)


def _clear(found: Unwrapped) -> None:
    """Take out of the names what only says how the network was run."""
    for mark in WITHIN:
        if any(mark in name for name in found.tensors):
            found.tensors = {name.replace(mark, ""): value for name, value in found.tensors.items()}
            found.steps.append(mark)
    for name in COUNTERS:
        if name in found.tensors:
            del found.tensors[name]


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
            found.strangers.add(name)
    found.tensors = kept
    found.steps.append(prefix)
