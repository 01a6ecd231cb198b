"""Runs inside a new environment, by path and with ``-I``: does it work? Prints one line of JSON.

Standard library only, apart from the modules it is asked to try.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import sys
from multiprocessing import shared_memory
from typing import Any


def try_shared_memory() -> None:
    """Make a block, attach to it by name, and read through the second what was written through the first."""
    block = shared_memory.SharedMemory(create=True, size=4096)
    try:
        other = shared_memory.SharedMemory(name=block.name)
        try:
            if block.buf is None or other.buf is None:
                raise OSError("shared memory can't be mapped")
            block.buf[:4] = b"samj"
            if bytes(other.buf[:4]) != b"samj":
                raise OSError("shared memory does not share")
        finally:
            other.close()
    finally:
        block.close()
        block.unlink()


def try_tensors(cuda: bool) -> dict[str, object]:
    """Multiply and convolve a little: a wheel for another processor or driver fails here, not in a user's hands."""
    # By name: this file is part of the host, which never imports torch.
    library: Any = importlib.import_module("torch")
    a = library.arange(6, dtype=library.float32).reshape(2, 3)
    if (a @ a.T).tolist() != [[5.0, 14.0], [14.0, 50.0]]:
        raise ArithmeticError("torch multiplies wrongly")
    library.nn.functional.conv2d(library.ones(1, 1, 8, 8), library.ones(1, 1, 3, 3))
    library.from_numpy(a.numpy())
    if cuda:
        b = a.to("cuda")
        if (b @ b.T).tolist() != [[5.0, 14.0], [14.0, 50.0]]:
            raise ArithmeticError("torch multiplies wrongly on the GPU")
    available = library.cuda.is_available()
    metal = getattr(library.backends, "mps", None)
    device = "cuda" if available else "mps" if metal is not None and metal.is_available() else "cpu"
    return {"cuda": library.version.cuda, "cuda_available": available, "device": device}


def main(modules: list[str], cuda: bool = False) -> dict[str, object]:
    """Import `modules` and try what the worker will do; with `cuda`, on an NVIDIA GPU as well."""
    versions = {}
    loaded = {}
    for name in modules:
        loaded[name] = importlib.import_module(name)
        versions[name] = str(getattr(loaded[name], "__version__", ""))
    report: dict[str, object] = {"python": ".".join(map(str, sys.version_info[:3])), "modules": versions}
    if "torch" in loaded and hasattr(loaded["torch"], "arange"):
        report["torch"] = try_tensors(cuda)
    try_shared_memory()
    found = importlib.metadata.distributions()
    report["packages"] = {
        str(item.metadata["Name"]).lower(): item.version for item in found if item.metadata["Name"]
    }
    return report


if __name__ == "__main__":
    arguments = [argument for argument in sys.argv[1:] if argument != "--cuda"]
    cuda = "--cuda" in sys.argv[1:]
    sys.stdout.write("\nsamj-probe " + json.dumps(main(arguments, cuda)) + "\n")
