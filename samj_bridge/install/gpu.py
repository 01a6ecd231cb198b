"""Look for a GPU that makes torch's CUDA wheels worth their size."""

from __future__ import annotations

import ctypes
import shutil
import sys
from pathlib import Path

from samj_bridge.errors import SamjError
from samj_bridge.process.environ import clean_environ
from samj_bridge.process.run import run

__all__ = ["find_nvidia_gpu"]

# Where nvidia-smi lies when it is not on the path: Windows' own drivers, seen from Linux (WSL).
_ELSEWHERE = (Path("/usr/lib/wsl/lib/nvidia-smi"),)


def find_nvidia_gpu(path: str | None = None) -> str:
    """Return the name of an NVIDIA GPU with a working driver, or nothing.

    Parameters
    ----------
    path : str, optional
        Folders to look for ``nvidia-smi`` in; ``PATH`` by default.
    """
    if sys.platform == "darwin":
        return ""
    program = shutil.which("nvidia-smi", path=path) or next(
        (str(file) for file in _ELSEWHERE if file.exists()), None
    )
    if program:
        try:
            finished = run([program, "-L"], env=clean_environ(), timeout_s=10)
        except SamjError:
            return ""
        names = [line for line in finished.stdout if line.startswith("GPU ")]
        return names[0].split("(UUID")[0].strip() if finished.returncode == 0 and names else ""
    # A container may have the driver's library without its programs.
    return "" if path is not None else _ask_nvml()


def _ask_nvml() -> str:
    try:
        nvml = ctypes.CDLL("nvml.dll" if sys.platform == "win32" else "libnvidia-ml.so.1")
        count = ctypes.c_uint(0)
        if nvml.nvmlInit_v2() != 0:
            return ""
        try:
            found = nvml.nvmlDeviceGetCount_v2(ctypes.byref(count)) == 0 and count.value > 0
        finally:
            nvml.nvmlShutdown()
    except (OSError, AttributeError):
        return ""
    return "an NVIDIA GPU" if found else ""
