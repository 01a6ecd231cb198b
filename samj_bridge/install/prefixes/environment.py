"""An environment on disk: its marker, the pointer to the current one, and who holds it.

::

    envs/samj/current                      one line: the name of the prefix in use
    envs/samj/<hash>-<n>/                  a prefix: where its interpreter and packages lie, for ever
    envs/samj/<hash>-<n>/samj-environment.json   the marker: written last; a prefix without it is rubbish
    envs/samj/leases/<prefix>.<id>         locked by each process that uses the prefix
    envs/samj/lock                         held by whoever makes or removes environments
    envs/samj/adopted.json                 marker of one that was made elsewhere; while there, it is the current one
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sys
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from samj_bridge.errors import FileError, InputError, InstallError
from samj_bridge.install.prefixes.origin import Origin
from samj_bridge.process.environ import clean_environ
from samj_bridge.process.locks import hold_lock
from samj_bridge.process.patience import patiently
from samj_bridge.protocol.folders import is_folder, list_folder
from samj_bridge.settings import Settings

__all__ = [
    "ADOPTED",
    "ADOPTED_NAME",
    "MARKER_NAME",
    "Environment",
    "activation",
    "environment_folder",
    "environment_variables",
    "find_built",
    "find_environment",
    "folders_of",
    "lease_of",
    "leases_of",
    "list_environments",
    "marker_text",
    "prefixes_of",
    "read_adopted",
    "read_marker",
    "write_marker",
    "write_text_atomically",
]

_log = logging.getLogger(__name__)

MARKER_NAME = "samj-environment.json"
ADOPTED_NAME = "adopted.json"
ADOPTED = "adopted"
"""Stands for the builder of an environment that was not made by samj-bridge."""
_FORMAT = 1


@dataclass(frozen=True)
class Environment:
    """A finished environment that passed its probe."""

    name: str
    """Name of the specification, such as ``samj``."""
    prefix: Path
    """Its folder; it can't be moved."""
    python: Path
    """Its interpreter."""
    builder: str
    """Who made it."""
    feature: str
    """``cpu`` or ``cuda``."""
    specification: str
    """Hash of the specification it was made from."""
    packages: Mapping[str, str] = field(default_factory=dict)
    """Name to version of what is installed in it."""
    created: str = ""
    """When, in ISO 8601, UTC."""
    notes: tuple[str, ...] = ()
    """Choices made when it was built, and why."""
    python_version: str = ""
    """Version of its Python; empty in markers of older versions of samj-bridge."""
    probe: tuple[str, ...] = ()
    """Modules that it was tried out with; empty in markers of older versions."""
    origin: Origin = field(default_factory=Origin)
    """What was named when it was made: executable, channels, file of the specification."""

    @property
    def adopted(self) -> bool:
        """Whether it was made outside of samj-bridge, which then neither changes nor removes it."""
        return self.builder == ADOPTED

    @contextlib.contextmanager
    def hold(self) -> Iterator[None]:
        """Keep the environment from being removed while the block runs; ends with the process at the latest.

        Raises
        ------
        InstallError
            With code ``environment-gone``: another process replaced it a moment ago.
        FileError
            The lease can't be written.
        """
        if self.adopted:
            # It is nobody's business here how long it lives, and nothing is written beside it.
            yield
            return
        lease = lease_of(self)
        leases, lease = lease.parent, lease.with_name(f"{lease.name}.{uuid.uuid4().hex[:12]}")
        if not os.access(leases if leases.is_dir() else leases.parent, os.W_OK):
            # Installed by an administrator for everybody: who can't write there can't remove it either.
            yield
            return
        leases.mkdir(exist_ok=True)
        try:
            with contextlib.ExitStack() as stack:
                try:
                    stack.enter_context(hold_lock(lease))
                except FileError as error:
                    # A disk without locks: nothing is built or removed there either, and what can't be locked
                    # counts as held. The file alone says so to whoever looks.
                    if error.code != "no-locks":
                        raise
                    _log.warning("%s has no file locks: its environment is used without one.", leases)
                # Whoever sweeps takes the marker away and then looks for leases again: one of us sees the other.
                if not (self.prefix / MARKER_NAME).is_file() or not lease.exists():
                    message = f"The environment {self.prefix} was replaced or removed a moment ago."
                    raise InstallError(
                        message, code="environment-gone", hint="Try again: the new one will be used."
                    )
                yield
        finally:
            with contextlib.suppress(OSError):
                lease.unlink()


def lease_of(environment: Environment) -> Path:
    """Return what the names of an environment's lease files begin with; a dot and something of its own follow."""
    return environment.prefix.parent / "leases" / environment.prefix.name


def environment_folder(settings: Settings, name: str) -> Path:
    """Return the folder of all builds of environment `name`."""
    if not name or any(character in name for character in '/\\:*?"<>|') or name.startswith("."):
        message = f"{name!r} can't be the name of an environment."
        raise InputError(message, hint="Use letters, digits and hyphens.")
    # Child processes run elsewhere: a relative home would mean another folder there.
    return settings.envs_dir.absolute() / name


def find_environment(settings: Settings, name: str = "samj") -> Environment | None:
    """Return the current environment `name`, or None; looks at three files, starts nothing."""
    folder = environment_folder(settings, name)
    adopted = read_adopted(folder / ADOPTED_NAME, name)
    if adopted is not None:
        return adopted if adopted.python.exists() else None
    return find_built(folder, name)


def find_built(folder: Path, name: str, *, broken: bool = False) -> Environment | None:
    """Return the environment that samj-bridge made and points to, also while another one is adopted.

    With `broken`, also one whose interpreter is gone: what it was made of is still written there.
    """
    current = _pointed_to(folder)
    while current:
        prefix = folder / current
        found = _read(prefix / MARKER_NAME, name, prefix) if broken else read_marker(prefix, name)
        # Another process may have pointed to a new one, and removed this, between the two looks.
        before, current = current, _pointed_to(folder)
        if found is not None or current == before:
            return found
    return None


def _pointed_to(folder: Path) -> str:
    try:
        current = (folder / "current").read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        return ""
    return current if Path(current).name == current else ""


def list_environments(settings: Settings) -> list[Environment]:
    """Return the current environment of every name, sorted."""
    found = (find_environment(settings, folder.name) for folder in folders_of(settings))
    return [environment for environment in found if environment is not None]


def folders_of(settings: Settings) -> list[Path]:
    """Return the folder of every name, sorted."""
    listed = list_folder(settings.envs_dir.absolute())
    return [entry.path for entry in listed if is_folder(entry.path) and not entry.name.startswith(".")]


def prefixes_of(folder: Path) -> list[Path]:
    """Return every build in the folder of a name, finished or not, sorted."""
    return [entry.path for entry in list_folder(folder) if entry.is_folder and entry.name != "leases"]


def environment_variables(environment: Environment) -> dict[str, str]:
    """Return the variables to start the environment's interpreter with.

    Nothing of the user's Python, conda or pip reaches in; proxies, certificates and the home folder do, and the
    environment's programs come first on ``PATH``.
    """
    variables = clean_environ()
    folders, own = activation(environment)
    variables |= own
    variables["PATH"] = os.pathsep.join([*map(str, folders), variables.get("PATH", os.defpath)])
    return variables


def activation(environment: Environment) -> tuple[list[Path], dict[str, str]]:
    """Return what starting the environment's interpreter adds: folders in front of ``PATH``, and variables."""
    folders, variables = [environment.python.parent], {}
    if (environment.prefix / "conda-meta").is_dir():
        # What activating does, less the scripts of packages: none of ours has one that matters.
        variables["CONDA_PREFIX"] = str(environment.prefix)
        if sys.platform == "win32":
            places = ("", "Library/mingw-w64/bin", "Library/usr/bin", "Library/bin", "Scripts", "bin")
            folders = [environment.prefix / place for place in places]
    if sys.platform == "win32":
        variables["PYTHONUTF8"] = "1"
    return folders, variables


def read_marker(prefix: Path, name: str) -> Environment | None:
    """Return the environment in `prefix`, or None: no marker, not one of ours, or its interpreter is gone."""
    environment = _read(prefix / MARKER_NAME, name, prefix)
    # A link whose target, the Python it is based on, was uninstalled does not exist either.
    return environment if environment is not None and environment.python.exists() else None


def read_adopted(record: Path, name: str) -> Environment | None:
    """Return what a record of an adopted environment says, whether or not that is still there; None: nothing."""
    return _read(record, name, None)


def _read(path: Path, name: str, prefix: Path | None) -> Environment | None:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        if values["format"] != _FORMAT:
            return None
        prefix = Path(_text(values["prefix"])) if prefix is None else prefix
        return Environment(
            name=name,
            prefix=prefix,
            python=prefix / _text(values["python"]),
            builder=_text(values["builder"]),
            feature=_text(values["feature"]),
            specification=_text(values["specification"]),
            packages={_text(key): _text(value) for key, value in values["packages"].items()},
            created=_text(values["created"]),
            notes=tuple(_text(note) for note in values["notes"]),
            python_version=_text(values.get("python-version", "")),
            probe=tuple(_text(module) for module in values.get("probe", ())),
            origin=Origin.read(values.get("made-with") or {}),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def write_marker(environment: Environment) -> None:
    """Declare `environment` finished."""
    write_text_atomically(environment.prefix / MARKER_NAME, marker_text(environment))


def marker_text(environment: Environment) -> str:
    """Return what a marker says of `environment`."""
    values = {
        "format": _FORMAT,
        "name": environment.name,
        **({"prefix": str(environment.prefix)} if environment.adopted else {}),
        "specification": environment.specification,
        "builder": environment.builder,
        "feature": environment.feature,
        "python": environment.python.relative_to(environment.prefix).as_posix(),
        "python-version": environment.python_version,
        "packages": dict(sorted(environment.packages.items())),
        "created": environment.created,
        "notes": list(environment.notes),
        "probe": list(environment.probe),
        **({"made-with": environment.origin.to_dict()} if environment.origin.to_dict() else {}),
    }
    return json.dumps(values, indent=1, ensure_ascii=False) + "\n"


def write_text_atomically(path: Path, text: str) -> None:
    """Write `path` so that everybody, also after a power cut, finds the old text or the new one."""
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
    try:
        with temporary.open("w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        patiently(lambda: temporary.replace(path))
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def leases_of(prefix: Path) -> list[Path]:
    """Return the lease files of `prefix`, stale ones included.

    Raises
    ------
    OSError
        They can't be listed.
    """
    try:
        listed = list_folder(prefix.parent / "leases", named=True)
    except FileNotFoundError:
        return []
    mine = [entry for entry in listed if entry.name.startswith(f"{prefix.name}.")]
    return [entry.path for entry in mine if not entry.name.endswith(".holder")]


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value
