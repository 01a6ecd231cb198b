"""Families by name: those of the table, and files of the client's own."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from samj_bridge.protocol.failures import FailureCode, OperationFailed
from samj_bridge.worker.families import ARCHITECTURES

__all__ = ["check_architecture", "find_family", "short"]

_LONGEST_REASON = 300


def find_family(families: Mapping[str, str], name: str) -> Any:
    """Return a family's module, whose place is a module's name or the path of a Python file.

    Raises
    ------
    OperationFailed
        ``unknown-model``.
    """
    source = families.get(name)
    if source is None:
        message = f"There is no model family {name!r}; there are {', '.join(families)}."
        raise OperationFailed(FailureCode.UNKNOWN_MODEL, message, hint="Use a model of a known family.")
    return _module_from_file(Path(source)) if source.endswith(".py") else importlib.import_module(source)


def check_architecture(family: str, architecture: str) -> None:
    """Refuse an architecture that a family of the table does not have."""
    known = [name for name, its in ARCHITECTURES.items() if its == family]
    # A family with one network needs no name, and one of the client's own has names that are not in the table.
    if not known or architecture in known or (not architecture and len(known) == 1):
        return
    message = f"The family {family!r} has no architecture {architecture!r}."
    raise OperationFailed(FailureCode.UNKNOWN_MODEL, message, hint=f"It has: {', '.join(known)}.")


def short(error: Exception) -> str:
    """Return what an error of a family says; torch lists every one of hundreds of names that do not fit."""
    text = " ".join(str(error).split())
    return text if len(text) <= _LONGEST_REASON else f"{text[:_LONGEST_REASON]} ... (the log has it all)"


def _module_from_file(path: Path) -> ModuleType:
    specification = importlib.util.spec_from_file_location(f"samj_family_{path.stem}", path)
    if specification is None or specification.loader is None:
        message = f"{path} is no Python file."
        raise OperationFailed(FailureCode.UNKNOWN_MODEL, message)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module
