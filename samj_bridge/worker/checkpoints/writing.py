"""Writes safetensors files piece by piece: any size in little memory, hashed, and stopped at once when asked.

The format (https://huggingface.co/docs/safetensors): eight bytes with the length of a JSON header, the header, the
numbers. The same tensors give the same bytes.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

__all__ = ["Written", "write_safetensors"]

_NAMES = {torch.float32: "F32", torch.int64: "I64", torch.int32: "I32"}
_PIECE = 8 << 20
_ALIGN = 8


@dataclass(frozen=True)
class Written:
    """A written file."""

    size: int
    """Bytes."""
    sha256: str
    """Hash of all of them."""


def write_safetensors(
    path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str], check: Callable[[float], None]
) -> Written:
    """Write a new file; when it fails or is stopped, none is left.

    Parameters
    ----------
    path : Path
        The file, which must not exist.
    tensors : mapping
        Tensors by name: int64 or int32, or of any floating type, which is written as float32, piece by piece.
    metadata : mapping
        Texts for the header.
    check : callable
        Called with the fraction done; raises to stop.

    Raises
    ------
    OSError
        It can't be written.
    """
    # Wide numbers first, so that each lies where its kind must lie; then by name, so that the bytes don't depend on
    # the order of a table.
    names = sorted(tensors, key=lambda name: (-_stored(tensors[name]).itemsize, name))
    header = _header(names, tensors, metadata)
    total = sum(tensors[name].numel() * _stored(tensors[name]).itemsize for name in names)
    digest, done = hashlib.sha256(header), 0
    with path.open("xb") as file:
        try:
            file.write(header)
            for name in names:
                values, kind = tensors[name].detach().reshape(-1), _stored(tensors[name])
                step = _PIECE // kind.itemsize
                for start in range(0, max(values.numel(), 1), step):
                    check(done / max(total, 1))
                    piece = _little_endian(values[start : start + step].to(kind))
                    file.write(piece)
                    digest.update(piece)
                    done += len(piece)
            file.flush()
            os.fsync(file.fileno())
        except BaseException:
            file.close()
            path.unlink(missing_ok=True)
            raise
    return Written(len(header) + done, digest.hexdigest())


def _header(names: list[str], tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> bytes:
    entries: dict[str, Any] = {"__metadata__": dict(metadata)}
    offset = 0
    for name in names:
        tensor, kind = tensors[name], _stored(tensors[name])
        end = offset + tensor.numel() * kind.itemsize
        entries[name] = {"dtype": _NAMES[kind], "shape": list(tensor.shape), "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(entries, separators=(",", ":"), ensure_ascii=False).encode("utf-8")
    text += b" " * (-len(text) % _ALIGN)
    return len(text).to_bytes(8, "little") + text


def _stored(tensor: Tensor) -> torch.dtype:
    return torch.float32 if tensor.is_floating_point() else tensor.dtype


def _little_endian(piece: Tensor) -> bytes:
    values: NDArray[Any] = piece.numpy()
    # The format is little-endian on every machine.
    return (values if sys.byteorder == "little" else values.byteswap()).tobytes()
