"""Every setting, read once; and where things live on disk.

Nothing else in the package asks platformdirs; ``os.environ`` is read elsewhere only to hand it on to a child
process, without what could break it (`samj_bridge.process.environ`).
"""

from __future__ import annotations

import configparser
import difflib
import os
import re
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import platformdirs

from samj_bridge.errors import InputError
from samj_bridge.protocol.messages import PRECISIONS

__all__ = ["SETTINGS_NAME", "Settings", "as_path", "mamba_exe", "package_index", "settings_path"]

SETTINGS_NAME = "settings.toml"
"""Name of the file of settings, in ``SAMJ_HOME`` or else in the user's folder for configuration."""

_CERTIFICATES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
_PYPI = "https://pypi.org/simple"
_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"", "0", "false", "no", "off"}
_TEXTS = "tuple[str, ...]"
_KINDS: dict[str, tuple[tuple[type, ...], str]] = {
    "bool": ((bool,), "true or false"),
    "int": ((int,), "a whole number"),
    "float": ((int, float), "a number"),
    "str": ((str,), "a text"),
    "Path": ((str,), "a text"),
    _TEXTS: ((list,), "a list of texts"),
}


def _default_home() -> Path:
    return Path(platformdirs.user_data_dir("samj-bridge", appauthor=False))


@dataclass(frozen=True)
class Settings:
    """What a run of samj-bridge is told from outside.

    Each field has a variable ``SAMJ_<NAME>`` and a key ``<name>`` in the file of settings.

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
    """Who makes environments: ``auto`` or the name of a builder (``micromamba``, ``uv``)."""
    micromamba: str = ""
    """The micromamba to use; empty: the one of ``MAMBA_EXE`` if it is new enough, else one that is downloaded."""
    channels: tuple[str, ...] = ()
    """Conda channels to use instead of the specification's; in the variable, with spaces between."""
    conda_mirror: str = ""
    """Address of a mirror to ask instead of conda-forge."""
    proxy: str = ""
    """Proxy for everything that samj-bridge fetches, such as ``http://proxy.example:8080``; empty: as the usual
    variables (``HTTPS_PROXY``, ``NO_PROXY``) say."""
    ca_bundle: str = ""
    """File or folder with the certificates to trust; empty: as ``SSL_CERT_FILE`` and its like say, else the
    system's."""
    python: str = ""
    """Python interpreter to base environments on; empty: the one that runs samj-bridge, if it fits."""
    python_mirror: str = ""
    """Address of a mirror of python-build-standalone's releases, from which uv fetches Pythons; empty: GitHub."""
    device: str = "auto"
    """Device for the networks: ``auto``, ``cpu``, ``cuda``, ``mps``."""
    precision: str = "auto"
    """Number format of the networks: ``auto`` (what is fastest and good enough here), ``float32``, ``bfloat16``,
    ``float16``."""
    encodings_disk_bytes: int = 1 << 30
    """Bytes of encoded images kept on disk, so that the same image opens at once the next time; 0: none."""
    ahead: bool = True
    """Whether the tiles around the last one of a large image are encoded while nobody asks anything."""
    threads: int = 0
    """Threads per worker; 0: as many as the machine has physical cores."""
    torch_index: str = "https://download.pytorch.org/whl/cpu"
    """Package index with torch's small CPU wheels; empty: never ask it."""
    pypi_index: str = ""
    """Package index to use instead of PyPI; empty: what uv uses by default, and for models in wheels what
    `package_index` finds."""
    catalog: str = ""
    """A catalog file of your own, in the form of ``samj_bridge/models/catalog.toml``; empty: none."""
    model_mirror: str = ""
    """Address that serves every model as ``ADDRESS/<id>/<file name>``; empty: the publishers' own."""
    models_dir: str = ""
    """Folder of model files put there by hand, recognised by their hashes; empty: ``SAMJ_HOME/models/incoming``."""
    label_studio_key: str = ""
    """Label Studio's access token, with which `samj-bridge serve` fetches the images of tasks."""
    timeout_s: float = 600.0
    """Seconds after which a call to the worker is given up."""

    @property
    def envs_dir(self) -> Path:
        """Folder of the environments."""
        return self.home / "envs"

    @property
    def store_dir(self) -> Path:
        """Folder of downloaded and imported models."""
        return self.home / "models"

    @property
    def incoming_dir(self) -> Path:
        """Folder of model files put there by hand."""
        return as_path(self.models_dir) if self.models_dir else self.store_dir / "incoming"

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

    @property
    def network_variables(self) -> dict[str, str]:
        """Variables that tell a child process of `proxy`, `ca_bundle`, `python_mirror`; empty when none is set."""
        variables: dict[str, str] = {}
        if self.proxy:
            for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
                variables |= {name: self.proxy, name.lower(): self.proxy}
        if self.ca_bundle:
            variables["SSL_CERT_FILE"] = self.ca_bundle
        if self.python_mirror:
            variables["UV_PYTHON_INSTALL_MIRROR"] = self.python_mirror
        return variables

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None, **overrides: Any) -> Settings:
        """Read the settings: keyword arguments that are not None, then ``SAMJ_*`` variables, then the file.

        Raises
        ------
        InputError
            A variable or an entry of the file is unknown or has a value that can't be used;
            ``details["problems"]`` lists all of them.
        """
        environ = os.environ if environ is None else environ
        problems: list[str] = []
        values = {name: value for name, value in overrides.items() if value is not None}
        for item in fields(cls):
            variable = f"SAMJ_{item.name.upper()}"
            if item.name not in values and variable in environ:
                values[item.name] = _parse(variable, environ[variable], str(item.type), problems)
        path = settings_path(values.get("home"))
        values = _read_file(path, problems) | values
        if problems:
            hint = f"Correct or unset what is named (variables, {path}); docs/reference/settings.md lists all."
            raise InputError(" ".join(problems), hint=hint, problems=problems)
        if not values.get("ca_bundle"):
            values["ca_bundle"] = next((environ[name] for name in _CERTIFICATES if environ.get(name)), "")
        if "home" in values:
            # resolve() would follow links that a user set on purpose; absolute() is enough for child processes.
            values["home"] = as_path(values["home"])
        for name in ("ca_bundle", "catalog", "models_dir", "python"):
            text = values.get(name) or ""
            # Other programs, which stand in other folders, are told of them. A bare name is looked for on PATH.
            if text and (name != "python" or "/" in text or os.sep in text):
                values[name] = str(as_path(text))
        return cls(**values)


def settings_path(home: Path | str | None = None) -> Path:
    """Return where the file of settings is read from: a home that was named has its own, or there is the user's."""
    if home:
        return as_path(home) / SETTINGS_NAME
    return Path(platformdirs.user_config_dir("samj-bridge", appauthor=False)) / SETTINGS_NAME


def as_path(text: str | Path) -> Path:
    """Return a path that somebody wrote: absolute, ``~`` being the user's home. Links and ``..`` are kept."""
    path = Path(text)
    # What begins with ~ and is nobody's home is a name like any other; so is a file that is really there.
    with suppress(RuntimeError):
        path = path if path.exists() else path.expanduser()
    # The folder that one stands in may have been removed.
    with suppress(FileNotFoundError):
        path = path.absolute()
    return path


def mamba_exe(environ: Mapping[str, str] | None = None) -> str:
    """Return the micromamba of the user's shell (``MAMBA_EXE``, which micromamba sets itself), or nothing."""
    return (os.environ if environ is None else environ).get("MAMBA_EXE", "")


def package_index(settings: Settings, environ: Mapping[str, str] | None = None) -> str:
    """Return the package index that the user has set up: ours, uv's or pip's setting, else PyPI.

    Examples
    --------
    >>> package_index(Settings(), {"PIP_INDEX_URL": "https://pypi.example.org/simple"})
    'https://pypi.example.org/simple'
    """
    environ = os.environ if environ is None else environ
    named = (environ.get(name, "").strip() for name in ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL"))
    found = settings.pypi_index or next(filter(None, named), "") or _index_of_pip(environ) or _PYPI
    # uv's may have a name before it: lab=https://...
    return re.sub(r"^[A-Za-z0-9_.-]+=(?=[A-Za-z]+:)", "", found)


def _index_of_pip(environ: Mapping[str, str]) -> str:
    """Return ``index-url`` of pip's files of settings; the last file that names one counts, as with pip."""
    own = Path.home()
    places = [
        Path("/etc/pip.conf"),
        own / "Library" / "Application Support" / "pip" / "pip.conf",
        own / ".pip" / "pip.conf",
        Path(environ.get("XDG_CONFIG_HOME") or own / ".config") / "pip" / "pip.conf",
        *([Path(environ["APPDATA"]) / "pip" / "pip.ini"] if environ.get("APPDATA") else []),
        Path(sys.prefix) / ("pip.ini" if sys.platform == "win32" else "pip.conf"),
        *([Path(environ["PIP_CONFIG_FILE"])] if environ.get("PIP_CONFIG_FILE") else []),
    ]
    parser = configparser.RawConfigParser()
    # What pip itself could not read is pip's business.
    for place in places:
        with suppress(OSError, configparser.Error, UnicodeDecodeError):
            parser.read_string(place.read_text(encoding="utf-8"), str(place))
    found = (parser.get(section, "index-url", fallback="") for section in ("install", "download", "global"))
    return next(filter(None, map(str.strip, found)), "")


def _read_file(path: Path, problems: list[str]) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError) as error:
        problems.append(f"{path} can't be read: {getattr(error, 'strerror', None) or error}.")
        return {}
    kinds = {item.name: str(item.type) for item in fields(Settings)}
    values = {}
    for name, value in _parse_toml(path, text, problems).items():
        if name not in kinds:
            near = difflib.get_close_matches(name, kinds, 1)
            problems.append(f"{path}: {name} is no setting" + (f"; is it {near[0]}?" if near else "."))
            continue
        kind, words = _KINDS[kinds[name]]
        fits = isinstance(value, kind) and (kinds[name] == "bool" or not isinstance(value, bool))
        if not fits or (kinds[name] == _TEXTS and not all(isinstance(item, str) for item in value)):
            problems.append(f"{path}: {name} is {value!r}, which is not {words}.")
            continue
        values[name] = tuple(value) if kinds[name] == _TEXTS else float(value) if kinds[name] == "float" else value
        problems += _limits(f"{path}: {name}", name, values[name])
    return values


def _parse_toml(path: Path, text: str, problems: list[str]) -> dict[str, Any]:
    # Imported here: most people have no such file, and every command would pay for it.
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        values: dict[str, Any] = tomllib.loads(text)
    except ValueError as error:
        problems.append(f"{path} is not TOML: {error}.")
        return {}
    return values


def _parse(variable: str, text: str, kind: str, problems: list[str]) -> Any:
    text = text.strip()
    try:
        value: Any = _convert(text, kind)
    except ValueError:
        problems.append(f"{variable} is {text!r}, which is not {_KINDS[kind][1]}.")
        return None
    problems += _limits(variable, variable.removeprefix("SAMJ_").lower(), value)
    return value


def _convert(text: str, kind: str) -> Any:
    if kind == "bool":
        if text.lower() not in _TRUE | _FALSE:
            raise ValueError(text)
        return text.lower() in _TRUE
    if kind == _TEXTS:
        return tuple(text.split())
    return {"int": int, "float": float}.get(kind, str)(text)


def _limits(where: str, name: str, value: Any) -> list[str]:
    if name == "home" and not value:
        return [f"{where} is empty; it has to be a folder."]
    if name in ("threads", "encodings_disk_bytes") and value < 0:
        return [f"{where} is {value}; it has to be 0 or more."]
    if name == "precision" and value not in PRECISIONS:
        return [f"{where} is {value!r}; it has to be one of {', '.join(PRECISIONS)}."]
    if name == "timeout_s" and not value > 0:
        return [f"{where} is {value}; it has to be more than 0."]
    return []
