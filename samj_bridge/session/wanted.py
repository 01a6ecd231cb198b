"""What callers want of the answers to prompts, checked: a `Wanted`, its fields by name, or both."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from samj_bridge.errors import InputError
from samj_bridge.protocol.failures import OperationFailed
from samj_bridge.protocol.fields import only
from samj_bridge.protocol.segment import Wanted

__all__ = ["wanted_of"]

_HINT = (
    "Give a Wanted, or its fields by name: 1 to 3 candidates, a min_area of 0 or more pixels, True or False for "
    "fill_holes and largest_only."
)


def wanted_of(wanted: Wanted | None, options: Mapping[str, Any]) -> Wanted:
    """Return what is wanted, with numbers as plain Python has them.

    Parameters
    ----------
    wanted : Wanted or None
        Where to start from; None: one answer, everything kept.
    options : mapping
        Fields of `Wanted` that are different.

    Raises
    ------
    InputError
        An option is unknown, of another type, or out of its range.
    """
    start: Any = Wanted() if wanted is None else wanted
    if not isinstance(start, Wanted):
        message = f"What is wanted of the answers is a {type(start).__name__}: {start!r:.60}."
        raise InputError(message, hint=_HINT)
    try:
        only(options, Wanted.__dataclass_fields__, "segment")
        return Wanted.from_wire({name: _plain(name, value) for name, value in {**vars(start), **options}.items()})
    except OperationFailed as error:
        raise InputError(error.message, hint=_HINT) from error


def _plain(name: str, value: Any) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    # 0 and 1 do for no and yes, as everywhere in Python; the wire is stricter.
    if type(getattr(Wanted, name)) is bool and type(value) is int and value in (0, 1):
        return bool(value)
    return value
