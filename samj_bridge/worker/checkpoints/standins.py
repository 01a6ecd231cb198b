"""Stands in for what a checkpoint asks to build beside tensors: remembered by name, never imported, never run.

Trainers keep their state beside the weights: numpy's numbers, settings, data sets. torch's own reader refuses all
of it and runs nothing; here it is given classes of ours under the names that it asks for, which take anything and
do nothing. What a trainer has no use for, such as ``os.system`` or ``eval``, is refused all the same.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

__all__ = ["StandIn", "StandIns", "name_in", "table_of"]

_REFUSED = frozenset(
    [
        "_codecs",
        "_ctypes",
        "_io",
        "_operator",
        "_pickle",
        "_posixsubprocess",
        "_socket",
        "_thread",
        "asyncio",
        "bdb",
        "cPickle",
        "cProfile",
        "cffi",
        "cloudpickle",
        "code",
        "codeop",
        "commands",
        "concurrent",
        "ctypes",
        "dill",
        "distutils",
        "doctest",
        "ftplib",
        "gc",
        "glob",
        "http",
        "imp",
        "importlib",
        "inspect",
        "io",
        "joblib",
        "marshal",
        "multiprocessing",
        "nt",
        "ntpath",
        "operator",
        "os",
        "pdb",
        "pickle",
        "pip",
        "pkgutil",
        "platform",
        "posix",
        "posixpath",
        "profile",
        "pty",
        "runpy",
        "setuptools",
        "shelve",
        "shutil",
        "signal",
        "smtplib",
        "socket",
        "socketserver",
        "sqlite3",
        "ssl",
        "subprocess",
        "sys",
        "tempfile",
        "threading",
        "timeit",
        "trace",
        "types",
        "urllib",
        "webbrowser",
        "zipimport",
    ]
)
"""Modules whose functions do something to the machine or to Python: no trainer's state needs them."""
_REFUSED_NAMES = (
    "functools.reduce",
    "numpy.f2py",
    "numpy.load",
    "numpy.testing",
    "torch.hub",
    "torch.jit",
    "torch.load",
    "torch.serialization",
    "torch.utils.cpp_extension",
)
_BUILTINS = ("builtins", "__builtin__")
_PLAIN = frozenset(
    [
        "bool",
        "bytearray",
        "bytes",
        "complex",
        "dict",
        "float",
        "frozenset",
        "int",
        "list",
        "object",
        "range",
        "set",
        "slice",
        "str",
        "tuple",
    ]
)
"""Of Python's own names, those that are data."""
_USUAL = frozenset(("argparse", "builtins", "__builtin__", "collections", "functools", "numpy", "pathlib", "torch"))
_DEPTH = 60


class StandIn:
    """Something that was not built."""

    state: Any = None

    def __new__(cls, *_arguments: Any) -> Any:
        """Take anything."""
        return object.__new__(cls)

    def __init__(self, *_arguments: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        """Keep what it would be made of."""
        self.state = state[0] if isinstance(state, tuple) and state and isinstance(state[0], dict) else state


class StandIns:
    """The classes that stand in, made one by one as a file asks for them."""

    def __init__(self) -> None:
        self._classes: dict[str, Any] = {}

    @property
    def names(self) -> list[str]:
        """What was asked for."""
        # Those that tell which program wrote the file come first.
        return sorted(self._classes, key=lambda name: (name.partition(".")[0] in _USUAL, name))

    @property
    def classes(self) -> list[Any]:
        """Classes under the names that were asked for, for torch's reader."""
        return list(self._classes.values())

    def take(self, message: str) -> bool:
        """Learn from the reader's refusal; tell whether it is worth another try."""
        # The reader fills only dicts and lists: a class that is filled as one has to make one.
        filled = re.search(r"(SETITEMS?|append|extend)\b.* got <class '([\w.]+)'>", message)
        if filled is not None:
            name = filled[2] if "." in filled[2] else f"builtins.{filled[2]}"
            if not issubclass(self._classes.get(name, dict), StandIn):
                return False
            self._classes[name] = _made(name, _DictLike if filled[1].startswith("SET") else _ListLike)
            return True
        asked = name_in(message)
        if asked is None or asked in self._classes or not _is_harmless(asked):
            return False
        self._classes[asked] = _made(asked, StandIn)
        return True


class _DictLike:
    def __new__(cls, *_arguments: Any) -> Any:
        return {}


class _ListLike:
    def __new__(cls, *_arguments: Any) -> Any:
        return []


def name_in(message: str) -> str | None:
    """Return the name that the reader's refusal is about, with its module; None: it is about something else."""
    found = re.search(r"(?:GLOBAL|global|class|type)[ :`']+([A-Za-z_][\w.]*\.\w+)", message)
    if found is not None:
        return found[1]
    found = re.search(r"Unsupported global: GLOBAL (\w+) ", message)
    return f"builtins.{found[1]}" if found is not None else None


def table_of(content: Any) -> Any:
    """Return the table of weights of a network that was saved whole, names as its ``state_dict`` has them.

    Anything else is returned as it is.
    """
    if not isinstance(content, StandIn) or not _is_module(content):
        return content
    found: dict[str, Any] = {}
    _collect(content, "", found, 0)
    return found


def _collect(module: StandIn, prefix: str, found: dict[str, Any], depth: int) -> None:
    state = module.state
    passing = state.get("_non_persistent_buffers_set")
    for kind in ("_parameters", "_buffers"):
        for name, value in state[kind].items():
            if value is not None and not (isinstance(passing, (set, frozenset)) and name in passing):
                found[f"{prefix}{name}"] = value
    for name, inner in state["_modules"].items():
        if isinstance(inner, StandIn) and _is_module(inner) and depth < _DEPTH:
            _collect(inner, f"{prefix}{name}.", found, depth + 1)


def _is_module(value: StandIn) -> bool:
    state = value.state
    parts = ("_parameters", "_buffers", "_modules")
    return isinstance(state, Mapping) and all(isinstance(state.get(part), Mapping) for part in parts)


def _is_harmless(name: str) -> bool:
    root, _, rest = name.partition(".")
    if root in _BUILTINS:
        return rest in _PLAIN
    return root not in _REFUSED and not name.startswith(_REFUSED_NAMES)


def _made(name: str, base: type) -> Any:
    module, _, own = name.rpartition(".")
    return type(own, (base,), {"__module__": module, "__qualname__": own})
