"""Starts workers: the environment's own Python, the bundle, a clean environment."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from samj_bridge.errors import InstallError
from samj_bridge.session.connection.bundle import write_bundle
from samj_bridge.session.connection.service import WorkerService
from samj_bridge.session.connection.workerlog import WorkerLog
from samj_bridge.settings import Settings

if TYPE_CHECKING:
    from samj_bridge.install import Environment

__all__ = ["Launcher", "options_for", "worker_command"]


def worker_command(python: Path, bundle: Path, settings: Settings, options: Sequence[str] = ()) -> list[str]:
    """Return the command that starts a worker, but for ``--host``, which is the business of whoever starts it."""
    # -I: neither PYTHON* variables, nor the user's site packages, nor the working directory reach the worker;
    # of all the host's code it sees the bundle alone.
    command = [str(python), "-I", "-X", "utf8", *options, str(bundle)]
    command += ["--cache-dir", str(settings.cache_dir)]
    command += ["--disk-bytes", str(max(0, settings.encodings_disk_bytes))]
    if settings.threads:
        command += ["--threads", str(settings.threads)]
    return command


def options_for(environment: Environment, settings: Settings) -> tuple[str, ...]:
    """Return the options of the interpreter that an environment asks for."""
    # Python would put its compiled files beside the sources: an environment that is not ours is not written to.
    return ("-X", f"pycache_prefix={settings.cache_dir / 'pycache'}") if environment.adopted else ()


@dataclass
class Launcher:
    """How to start a worker, as often as needed."""

    python: Path
    """The Python interpreter that has torch; started directly, never through a launcher."""
    settings: Settings
    """Where bundle and log go, and how many threads a worker has."""
    variables: Mapping[str, str]
    """The complete environment variables of the process."""
    arguments: tuple[str, ...] = ()
    """Further arguments of the worker, as docs/reference/protocol.md lists them."""
    options: tuple[str, ...] = ()
    """Further options of the interpreter."""
    log: WorkerLog = field(init=False)
    """Where the worker's stderr goes."""

    def __post_init__(self) -> None:
        self.log = WorkerLog(self.settings.logs_dir)

    def start(self) -> WorkerService:
        """Start a worker; returns before it is ready.

        Raises
        ------
        FileError
            The bundle can't be written.
        InstallError
            The interpreter can't be run.
        """
        bundle = write_bundle(self.settings)
        command = [*worker_command(self.python, bundle, self.settings, self.options), "--host", str(os.getpid())]
        service = WorkerService([*command, *self.arguments], self.variables, bundle.parent, self.log.write)
        try:
            return service.start()
        except OSError as error:
            message = f"{self.python} can't be started: {error.strerror or error}."
            hint = "Run: samj-bridge doctor, which says how to mend the environment."
            raise InstallError(message, hint=hint, python=str(self.python)) from error
