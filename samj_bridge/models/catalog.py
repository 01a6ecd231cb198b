"""The models that samj-bridge knows, from ``catalog.toml``."""

from __future__ import annotations

import functools
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from samj_bridge.errors import ModelError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = ["ModelEntry", "catalog", "find_model"]

_FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class ModelEntry:
    """One model."""

    id: str
    """Name that users and programs give: ``starter``."""
    title: str
    """What it is, in a line."""
    family: str
    """Name in the worker's table of families."""
    architecture: str
    """Which network of the family; written into its checkpoint."""
    transform: str
    """How an image becomes the network's input."""
    prompts: tuple[str, ...]
    """Prompts that it takes: ``box``, ``points``, ``negative``, ``mask``."""
    licence: str
    """SPDX identifier of the weights' licence."""
    file: Path
    """The weights: absolute."""

    def check_file(self) -> Path:
        """Return the path of the weights.

        Raises
        ------
        ModelError
            They are not there.
        """
        if not self.file.is_file():
            message = f"The weights of the model {self.id!r} are not at {self.file}."
            raise ModelError(
                message, code="weights-missing", hint="Install samj-bridge again.", path=str(self.file)
            )
        return self.file


@functools.cache
def catalog() -> Mapping[str, ModelEntry]:
    """Return every model by its id."""
    tables = tomllib.loads((_FOLDER / "catalog.toml").read_text(encoding="utf-8"))
    return MappingProxyType({name: _entry(name, table) for name, table in tables.items()})


def find_model(name: str) -> ModelEntry:
    """Return a model by its id.

    Raises
    ------
    ModelError
        There is no such model.
    """
    entry = catalog().get(name)
    if entry is None:
        message = f"There is no model {name!r}."
        hint = f"Known models: {', '.join(catalog())}."
        raise ModelError(message, code="unknown-model", hint=hint, model=str(name))
    return entry


def _entry(name: str, table: Mapping[str, Any]) -> ModelEntry:
    return ModelEntry(**{**table, "id": name, "prompts": tuple(table["prompts"]), "file": _FOLDER / table["file"]})
