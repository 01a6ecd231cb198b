"""Every setting, read once; and where things live on disk.

Nothing else in the package asks platformdirs; ``os.environ`` is read elsewhere only to hand it on to a child
process, without what could break it (`samj_bridge.process.environ`).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import platformdirs

from samj_bridge.errors import InputError

__all__ = ["Settings"]

_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"", "0", "false", "no", "off"}


def _default_home() -> Path:
    return Path(platformdirs.user_data_dir("samj-bridge", appauthor=False))


@dataclass(frozen=True)
class Settings:
    """What a run of samj-bridge is told from outside. Each field has a variable ``SAMJ_<NAME>``.

    Examples
    --------
    >>> Settings.from_environment({"SAMJ_OFFLINE": "1"}).offline
    True
    """

    home: Path = field(default_factory=_default_home)
    """Folder of everything samj-bridge keeps: environments, models, caches, logs."""
    offline: bool = False
    """Never touch the network."""
    builder: str = "auto"
    """Who makes environments: ``auto`` or the name of a builder (``uv``)."""
    python: str = ""
    """Python interpreter to base environments on; empty: the one that runs samj-bridge, if it fits."""
    device: str = "auto"
    """Device for the networks: ``auto``, ``cpu``, ``cuda``, ``mps``."""
    threads: int = 0
    """Threads per worker; 0: as many as the machine has physical cores."""
    torch_index: str = "https://download.pytorch.org/whl/cpu"
    """Package index with torch's small CPU wheels; empty: never ask it."""
    pypi_index: str = ""
    """Package index to use instead of PyPI; empty: what uv uses by default."""
    timeout_s: float = 600.0
    """Seconds after which a call to the worker is given up."""

    @property
    def envs_dir(self) -> Path:
        """Folder of the environments."""
        return self.home / "envs"

    @property
    def models_dir(self) -> Path:
        """Folder of downloaded and imported models."""
        return self.home / "models"

    @property
    def cache_dir(self) -> Path:
        """Folder of what can be made again."""
        return self.home / "cache"

    @property
    def bundles_dir(self) -> Path:
        """Folder of worker bundles, each named by its content."""
        return self.home / "cache" / "worker"

    @property
    def logs_dir(self) -> Path:
        """Folder of log files."""
        return self.home / "logs"

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None, **overrides: Any) -> Settings:
        """Read ``SAMJ_*`` variables; keyword arguments that are not None win over them.

        Raises
        ------
        InputError
            A variable has a value of the wrong kind.
        """
        environ = os.environ if environ is None else environ
        values: dict[str, Any] = {}
        for item in fields(cls):
            variable = f"SAMJ_{item.name.upper()}"
            if item.name in overrides and overrides[item.name] is not None:
                values[item.name] = overrides[item.name]
            elif variable in environ:
                values[item.name] = _parse(variable, environ[variable], str(item.type))
        if "home" in values:
            # resolve() would follow links that a user set on purpose; absolute() is enough for child processes.
            values["home"] = Path(values["home"]).expanduser().absolute()
        return cls(**values)


def _parse(variable: str, text: str, kind: str) -> Any:
    text = text.strip()
    try:
        if kind == "bool":
            if text.lower() in _TRUE | _FALSE:
                return text.lower() in _TRUE
            raise ValueError(text)
        if kind == "int":
            return int(text)
        if kind == "float":
            return float(text)
    except ValueError as error:
        message = f"{variable} is {text!r}, which is not a valid {kind}."
        raise InputError(message, hint=f"Set {variable} to another value, or unset it.") from error
    if kind == "Path":
        if not text:
            message = f"{variable} is empty."
            raise InputError(message, hint=f"Set {variable} to a folder, or unset it.")
        return Path(text)
    return text
