"""What the store remembers of an installed model: one small JSON file each."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from samj_bridge.errors import ModelError

__all__ = ["Acceptance", "Record", "Weights", "read_record", "write_record"]

FORMAT = 1
"""Raised when an older samj-bridge could not read the file."""


@dataclass(frozen=True)
class Acceptance:
    """That somebody agreed to a licence."""

    licence: str
    """What was shown."""
    how: str
    """``not-needed``, ``asked``, ``--accept-licence``, ``panel`` or ``own-file``."""
    when: str
    """Local time, ISO 8601."""


@dataclass(frozen=True)
class Weights:
    """The converted checkpoint."""

    sha256: str
    """Hash of the safetensors file."""
    size: int
    """Its bytes."""
    architecture: str
    """What was recognised."""
    parameters: int
    """Numbers in it."""
    notes: tuple[str, ...] = ()
    """What was found and changed while it was converted, in sentences."""


@dataclass(frozen=True)
class Record:
    """One installed model."""

    id: str
    """Its id in the catalog."""
    source: str
    """sha256 of the checkpoint: the name of its file in the store."""
    size: int
    """Bytes of the checkpoint."""
    hashes: tuple[str, ...]
    """Everything that the offered file hashes to, ``algorithm:hex`` each; of the archive where it is one."""
    name: str
    """Name of the offered file."""
    obtained: str
    """Address or path that it came from."""
    verified: bool
    """Whether a hash of the catalog proved it; False: installed with ``--allow-unverified``, or the user's own."""
    licence: Acceptance
    installed: str
    """Local time, ISO 8601."""
    weights: Weights | None = None
    """The converted checkpoint; None: not converted yet."""
    entry: Mapping[str, Any] | None = field(default=None)
    """The catalog table of a model that the user imported; None: the model is in a catalog."""

    def with_weights(self, weights: Weights) -> Record:
        """Return the record of the same model, converted."""
        return replace(self, weights=weights)


def read_record(path: Path) -> Record | None:
    """Read a record; None when there is none.

    Raises
    ------
    ModelError
        ``bad-record``: it can't be read.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        if values.pop("format") != FORMAT:
            raise ValueError("it was written by a newer samj-bridge")
        weights = values.pop("weights")
        return Record(
            **{
                **values,
                "hashes": tuple(values["hashes"]),
                "licence": Acceptance(**values["licence"]),
                "weights": weights and Weights(**{**weights, "notes": tuple(weights["notes"])}),
            }
        )
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        reason = getattr(error, "strerror", None) or error
        message = f"What the store remembers of {path.stem!r} can't be read: {reason} ({path})."
        hint = f"Delete that file and run: samj-bridge models install {path.stem}"
        raise ModelError(message, code="bad-record", hint=hint, path=str(path)) from error


def write_record(path: Path, record: Record) -> None:
    """Write a record in one step: a reader sees the old one or the new one.

    Raises
    ------
    OSError
        The folder can't be written.
    """
    text = json.dumps({"format": FORMAT, **asdict(record)}, indent=1, ensure_ascii=False)
    handle, name = tempfile.mkstemp(prefix=path.name, suffix=".part", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text + "\n")
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
