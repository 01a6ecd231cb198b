"""Encodings kept on disk from one worker to the next: a folder of safetensors files, pruned by size.

A file is named by what went in: the pixels, how they are shown, the network and its weights. Nothing in it is ever
executed: tensors are data, and of classes only dataclasses of this package's own families and networks are filled.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import logging
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from samj_bridge.protocol.eviction import first_to_go
from samj_bridge.protocol.folders import is_file, list_folder
from samj_bridge.protocol.messages import EncodeRequest, LoadRequest
from samj_bridge.version import __version__

__all__ = ["DiskCache", "content_key", "content_of", "digest", "encoding_name", "group_of", "pack", "unpack"]

_log = logging.getLogger(__name__)

_HOMES = ("samj_bridge.worker.families.", "samj_bridge.worker.nets.")
_SUFFIX = ".encoding"


class DiskCache:
    """A folder of encodings that takes no more than a number of bytes; several workers may use it at once.

    Parameters
    ----------
    folder : Path
        Made when first needed.
    budget : int
        Bytes; those used least recently go first. 0: nothing is kept.
    """

    def __init__(self, folder: Path, budget: int) -> None:
        self.folder = folder
        self.budget = budget

    def load(self, key: str, device: str) -> tuple[Any, dict[str, Any]] | None:
        """Return an encoding on a device and what was noted with it; None if it is not there or damaged."""
        path = self._find(key) if self.budget else None
        if path is None:
            return None
        try:
            with safe_open(path, framework="pt", device="cpu") as file:
                notes = json.loads(file.metadata()["notes"])
                tree = json.loads(file.metadata()["tree"])
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
            encoding = unpack(tree, tensors, device)
            # Least recently used is told by the time of the last change.
            os.utime(path)
        except Exception as error:  # noqa: BLE001 (whatever is in the file: it is made again)
            _log.warning("the kept encoding %s can't be read and is made again: %s", path.name, error)
            with suppress(OSError):
                path.unlink()
            return None
        return encoding, notes

    def _find(self, key: str) -> Path | None:
        alone = self.folder / f"{key}{_SUFFIX}"
        if is_file(alone):
            return alone
        return next((entry.path for entry in list_folder(self.folder) if _key_of(entry.path) == key), None)

    def save(self, key: str, encoding: Any, notes: Mapping[str, Any], group: str = "") -> bool:
        """Keep an encoding; returns whether it was kept. A full disk is no failure.

        Those of one `group`, the tiles of an image, go first as long as they take more than half of the budget.
        """
        if not self.budget:
            return False
        tensors: dict[str, torch.Tensor] = {}
        try:
            tree = pack(encoding, tensors)
        except TypeError as error:
            _log.info("this model's encodings are not kept on disk: %s", error)
            return False
        if sum(tensor.nbytes for tensor in tensors.values()) * 2 > self.budget:
            # It would drive out nearly everything else.
            return False
        part = self.folder / f"{key}.{os.getpid()}.part"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            save_file(tensors, part, metadata={"tree": json.dumps(tree), "notes": json.dumps(dict(notes))})
            part.replace(self.folder / (f"{key}.{group}{_SUFFIX}" if group else f"{key}{_SUFFIX}"))
        except Exception as error:  # noqa: BLE001 (safetensors has errors of its own; an encoding can be made again)
            with suppress(OSError):
                part.unlink()
            _log.warning("an encoding could not be kept in %s: %s", self.folder, error)
            return False
        self.prune()
        return True

    def prune(self) -> None:
        """Remove the files used least recently until the budget holds, and what killed workers left."""
        found = []
        for entry in list_folder(self.folder):
            path = entry.path
            if path.suffix == _SUFFIX:
                found.append((entry.status.st_mtime, entry.status.st_size, path))
            elif path.suffix == ".part" and not _is_running(path):
                with suppress(OSError):
                    path.unlink()
        left = sum(size for _, size, _ in found)
        there = [(path, _group_of(path), size) for _, size, path in sorted(found)]
        while left > self.budget and there:
            path = first_to_go(there, self.budget, of=there)
            left -= next(size for other, _, size in there if other == path)
            there = [item for item in there if item[0] != path]
            # Another worker's, or one that is open on Windows: whoever saves next tries again.
            with suppress(OSError):
                path.unlink()


def pack(value: Any, tensors: dict[str, torch.Tensor]) -> Any:
    """Return a value as plain data; its tensors and arrays go into `tensors`.

    Raises
    ------
    TypeError
        Something is neither a tensor, an array, plain data, nor a dataclass of this package's networks.
    """
    if value is None or isinstance(value, (bool, int, float, str)):
        return {"value": value}
    if isinstance(value, (torch.Tensor, np.ndarray)):
        name = f"t{len(tensors)}"
        tensor = torch.from_numpy(np.ascontiguousarray(value)) if isinstance(value, np.ndarray) else value
        tensors[name] = tensor.detach().cpu().contiguous().clone()
        return {"tensor": name, "numpy": isinstance(value, np.ndarray)}
    if isinstance(value, (list, tuple)) and type(value) in (list, tuple):
        return {type(value).__name__: [pack(item, tensors) for item in value]}
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {"dict": {key: pack(item, tensors) for key, item in value.items()}}
    kind = type(value)
    if is_dataclass(value) and f"{kind.__module__}.".startswith(_HOMES) and "." not in kind.__qualname__:
        content = {item.name: pack(getattr(value, item.name), tensors) for item in fields(value)}
        return {"class": [kind.__module__, kind.__name__], "fields": content}
    message = f"a {kind.__module__}.{kind.__qualname__} can't be kept"
    raise TypeError(message)


def unpack(tree: Any, tensors: Mapping[str, torch.Tensor], device: str) -> Any:
    """Return the value that `pack` was given, its tensors on a device.

    Raises
    ------
    ValueError
        The data name a class that is none of this package's dataclasses, or are no tree.
    """
    if "value" in tree:
        return tree["value"]
    if "tensor" in tree:
        tensor = tensors[tree["tensor"]]
        return tensor.numpy() if tree["numpy"] else tensor.to(device)
    if "list" in tree:
        return [unpack(item, tensors, device) for item in tree["list"]]
    if "tuple" in tree:
        return tuple(unpack(item, tensors, device) for item in tree["tuple"])
    if "dict" in tree:
        return {key: unpack(item, tensors, device) for key, item in tree["dict"].items()}
    module, name = tree["class"]
    if not f"{module}.".startswith(_HOMES):
        message = f"{module}.{name} is no class of this package's networks"
        raise ValueError(message)
    kind = getattr(importlib.import_module(module), name)
    if not isinstance(kind, type) or not is_dataclass(kind) or kind.__module__ != module:
        message = f"{module}.{name} is no dataclass"
        raise ValueError(message)
    made = kind.__new__(kind)
    for item in fields(kind):
        # Not by the constructor: frozen classes and fields without a parameter are filled alike.
        object.__setattr__(made, item.name, unpack(tree["fields"][item.name], tensors, device))
    return made


def _key_of(path: Path) -> str:
    return path.name.split(".")[0] if path.suffix == _SUFFIX else ""


def _group_of(path: Path) -> str:
    return path.name.split(".")[1] if path.name.count(".") == 2 else ""


def _is_running(part: Path) -> bool:
    """Return whether the worker that writes a file is there; when in doubt, yes."""
    number = part.name.split(".")[-2]
    if os.name != "posix" or not number.isdigit():
        return True
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def encoding_name(request: EncodeRequest) -> str:
    """Name an encoding by the client's name for the pixels, and how they are shown."""
    parts = (request.channels, repr(request.ranges), repr(request.image.shape), request.image.dtype)
    shown = digest(request.model, *parts, repr(request.tile), repr(request.cut), repr(request.plane))
    return f"{request.image_id}:{shown}"


def content_key(view: memoryview, request: EncodeRequest, network: str) -> str:
    """Name an encoding by what goes into it. Hashing the pixels takes a hundredth of encoding them."""
    made = hashlib.blake2b(digest_size=20)
    # Of a tile also how far it was reduced: answers are drawn in other pixels.
    tile = "" if request.tile is None else repr((request.tile.halvings, request.tile.extent))
    how = f"{tile}plane" if request.plane else tile
    shown = (request.channels, repr(request.ranges), repr(request.image.shape), request.image.dtype, network, how)
    made.update("\0".join(shown).encode())
    made.update(view[: request.image.nbytes])
    return made.hexdigest()


def content_of(path: Path, request: LoadRequest, digits: str) -> str:
    """Name a network by what it is made of."""
    # An edited or replaced file is another network; so is another version's code.
    about = path.stat()
    parts = (request.family, request.architecture, request.transform, digits, __version__)
    return digest(*parts, str(path), str(about.st_size), str(about.st_mtime_ns))


def digest(*texts: str) -> str:
    """Return a short name for texts."""
    return hashlib.sha256("\0".join(texts).encode("utf-8", "surrogatepass")).hexdigest()[:12]


def group_of(request: EncodeRequest) -> str:
    """Return the name of the image that is cut into tiles; empty: it is no tile."""
    return request.tile.group if request.tile is not None else ""
