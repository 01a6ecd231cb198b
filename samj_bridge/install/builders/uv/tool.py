"""The uv executable: where it is, what it is started with, and what its complaints mean."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from samj_bridge.errors import FileError, InstallError, NetworkError, NoSpaceError, SamjError
from samj_bridge.process.environ import clean_environ
from samj_bridge.process.run import Finished, run
from samj_bridge.progress import CancelToken
from samj_bridge.settings import Settings

__all__ = ["UvTool", "failure"]

# In the order in which they are asked: a full disk also looks like a broken download.
_NO_SPACE = re.compile(r"no space left|os error (28|112|122)\b|not enough space|disk quota exceeded", re.IGNORECASE)
_OFFLINE = re.compile(r"network (connectivity )?(is|was) disabled|--offline", re.IGNORECASE)
_NOT_CACHED = re.compile(r"(\S+) was not found in the cache", re.IGNORECASE)
_HASH = re.compile(r"hash mismatch|hash-checking", re.IGNORECASE)
_NETWORK = re.compile(
    r"dns error|error sending request|connection (refused|reset|closed)|timed out|tls|certificate|"
    r"failed to (fetch|download)|request failed|error decoding response|http status|client error|server error",
    re.IGNORECASE,
)
_REFUSED = re.compile(r"permission denied|read-only file system|os error (1|13|30)\b", re.IGNORECASE)
_FAILING = re.compile(r"input/output error|os error 5\b", re.IGNORECASE)
_CAUSE = re.compile(r"^(cause|caused by):\s*", re.IGNORECASE)
_INTERESTING = re.compile(r"error|failed|because|can't|cannot|not found", re.IGNORECASE)
_UNREACHABLE = re.compile(r"lookup|refused|reset|timed out|certificate|unreachable|closed|status", re.IGNORECASE)


class UvTool:
    """uv, run away from the user's configuration.

    Parameters
    ----------
    settings : Settings
        Says whether the network may be used, and where to keep a cache when the user's own can't be written.
    executable : Path, optional
        uv to use; the one from the PyPI package ``uv`` by default.
    """

    def __init__(self, settings: Settings, executable: Path | None = None) -> None:
        self.settings = settings
        self.executable = executable

    def find(self) -> Path:
        """Return the executable.

        Raises
        ------
        InstallError
            The package ``uv`` is not installed, or lost its executable.
        """
        if self.executable is not None:
            return self.executable
        hint = "Install it where samj-bridge runs: python -m pip install uv"
        try:
            from uv import find_uv_bin

            return Path(find_uv_bin())
        except (ImportError, OSError) as error:
            message = f"The installer uv was not found: {error}."
            raise InstallError(message, code="no-uv", hint=hint) from error

    def call(
        self,
        arguments: Sequence[str],
        *,
        on_line: Callable[[str], None] | None = None,
        on_tick: Callable[[], None] | None = None,
        on_start: Callable[[int], None] | None = None,
        cancel: CancelToken | None = None,
        timeout_s: float | None = None,
    ) -> Finished:
        """Run uv with `arguments` and return what it printed.

        Raises
        ------
        InstallError, NetworkError, NoSpaceError, FileError
            It failed; see `failure`.
        Cancelled
            It was stopped, with all that it had started.
        """
        command = [str(self.find()), *arguments, "--no-config", "--color", "never"]
        if self.settings.offline:
            command.append("--offline")
        command += self._cache_options()
        try:
            finished = run(
                command,
                env=self.environ(),
                cwd=_existing(self.settings.home),
                on_line=on_line,
                on_tick=on_tick,
                on_start=on_start,
                cancel=cancel,
                timeout_s=timeout_s,
            )
        except SamjError as error:
            if error.code != "cannot-start":
                raise
            raise InstallError(
                error.message, code="no-uv", hint="Install uv again: python -m pip install uv"
            ) from error
        if finished.returncode != 0:
            raise failure(finished, self.settings)
        return finished

    def environ(self) -> dict[str, str]:
        """Return the variables uv is started with."""
        environ = clean_environ() | self.settings.network_variables
        # The system's certificates, under the name that uv has for them now and the one it had before 0.11.
        environ |= {"UV_SYSTEM_CERTS": "1", "UV_NATIVE_TLS": "1", "UV_PYTHON_INSTALL_BIN": "0"}
        environ["UV_PYTHON_INSTALL_DIR"] = str(self.settings.home / "python")
        return environ

    def cache_dir(self) -> Path:
        """Return the folder in which uv keeps what it downloads."""
        environ = clean_environ()
        if environ.get("UV_CACHE_DIR"):
            return Path(environ["UV_CACHE_DIR"])
        if os.name == "nt":
            local = environ.get("LOCALAPPDATA")
            usual = Path(local) / "uv" / "cache" if local else Path.home() / "AppData" / "Local" / "uv" / "cache"
        else:
            usual = Path(environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "uv"
        if os.access(_existing(usual), os.W_OK):
            return usual
        return self.settings.cache_dir / "uv"

    def _cache_options(self) -> list[str]:
        return ["--cache-dir", str(self.cache_dir())]


def failure(finished: Finished, settings: Settings) -> SamjError:
    """Turn a failed run of uv into the error that says what happened and what to do.

    Parameters
    ----------
    finished : Finished
        A run with an exit status other than 0.
    settings : Settings
        For the places and servers that the sentence names.
    """
    text = "\n".join(finished.stderr)
    reason = _reason(finished.stderr) or f"exit status {finished.returncode}, and not a word"
    details: dict[str, Any] = {"returncode": finished.returncode, "stderr": list(finished.stderr[-40:])}
    if _NO_SPACE.search(text):
        message = f"The disk became full during the installation ({reason}). The half-made environment was removed."
        hint = f"Free some space for {settings.home}, or choose another folder with SAMJ_HOME, and try again."
        return NoSpaceError(message, hint=hint, **details)
    if settings.offline and (_OFFLINE.search(text) or _NETWORK.search(text)):
        return _kept_offline(text, reason, settings, details)
    if _HASH.search(text):
        message = f"A downloaded package is not the one that was pinned ({reason}). Nothing of it was installed."
        hint = "Try again; if it stays so, a proxy or mirror changes packages: tell its administrator."
        return InstallError(message, code="hash-mismatch", hint=hint, **details)
    if _REFUSED.search(text) or _FAILING.search(text):
        return _no_access(text, reason, settings, details)
    if _NETWORK.search(text):
        server = settings.pypi_index or "pypi.org"
        message = f"{reason[:1].upper()}{reason[1:]}: packages could not be fetched from {server}."
        hint = "Check the connection, and HTTPS_PROXY and SSL_CERT_FILE if you are behind a proxy; then try again."
        return NetworkError(message, hint=hint, **details)
    message = f"uv failed: {reason}."
    return InstallError(
        message, code="uv-failed", hint="Run samj-bridge doctor, and report it with its output.", **details
    )


def _kept_offline(text: str, reason: str, settings: Settings, details: dict[str, Any]) -> NetworkError:
    """Return the error for packages that are not here, while nothing may be fetched."""
    # uv calls it an unsolvable puzzle, which nobody takes for a missing network.
    missing = _NOT_CACHED.search(text)
    what = f"{missing[1]} is not in uv's cache" if missing else reason
    cache = UvTool(settings).cache_dir()
    message = (
        f"samj-bridge was told to stay offline, and what it needs was never downloaded here ({what})."
        " The half-made environment was removed."
    )
    hint = (
        "Unset SAMJ_OFFLINE (offline in settings.toml) once,"
        f" or copy {cache} from a computer like this one where it was downloaded; then try again."
    )
    return NetworkError(message, code="offline", hint=hint, **details)


def _no_access(text: str, reason: str, settings: Settings, details: dict[str, Any]) -> FileError:
    """Return the error for a file that uv may not use, or that its disk can't give."""
    cache = UvTool(settings).cache_dir()
    if _FAILING.search(text):
        message = f"A disk failed during the installation ({reason})."
        hint = f"Check the disks of {settings.home} and of uv's cache, {cache}."
        return FileError(message, code="disk-failed", hint=hint, **details)
    if str(settings.home) in text:
        message = f"A file could not be written during the installation ({reason})."
        hint = f"Check that {settings.home} may be written to, or choose another folder with SAMJ_HOME."
        return FileError(message, code="not-writable", hint=hint, **details)
    message = f"uv was refused a file or a folder ({reason}). The half-made environment was removed."
    hint = f"Make it readable and writable. uv's cache is {cache} (UV_CACHE_DIR)."
    return FileError(message, code="refused", hint=hint, **details)


def _reason(lines: Sequence[str]) -> str:
    """Pick the line that says most: a hash, the root of a network failure, else the first complaint."""
    plain = [_CAUSE.sub("", line.strip(" ×╰─▶│├>")) for line in lines if line.strip()]
    hashes = [line for line in plain if _HASH.search(line)]
    roots = [line for line in plain if _UNREACHABLE.search(line) and "://" not in line]
    others = [line for line in plain if _INTERESTING.search(line)]
    chosen = hashes[:1] or roots[-1:] or others[:1] or plain[-1:]
    return re.sub(r"^error:\s*", "", " ".join(chosen)).rstrip(".:")


def _existing(path: Path) -> Path:
    while not path.is_dir() and path != path.parent:
        path = path.parent
    return path
