"""An explicit lock: the very files of an environment, one address with its hash on each line.

The format is conda's own ``@EXPLICIT``, so micromamba, conda and pixi's exports speak it as well::

    # platform: linux-64
    # pypi: tiny==1.0 --hash=sha256:...
    @EXPLICIT
    https://conda.anaconda.org/conda-forge/noarch/six-1.17.0-pyhe01879c_1.conda#sha256:...

Packages from PyPI stand in comments: whoever knows only conda's part passes over them. micromamba installs the
lines in their order and checks neither dependencies nor platform, so a lock is read strictly here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from samj_bridge.errors import FileError, InstallError

__all__ = ["ExplicitLock", "LockedPackage", "parse_explicit", "read_explicit", "write_explicit"]

SUFFIXES = (".conda", ".tar.bz2")
_SCHEMES = {"https", "http", "file"}
_SUBDIR = re.compile(r"noarch|(linux|osx|win|freebsd|emscripten|wasi)-[a-z0-9]+")
_PLATFORM = re.compile(r"#\s*platform:\s*(\S+)\s*$")
_PYPI = re.compile(r"#\s*pypi:\s*(.+?)\s*$")
_PIN = re.compile(r"[A-Za-z0-9][\w.\-\[\],]*\s*(==|@)\s*\S+.*--hash=sha256:[0-9a-f]{64}")


@dataclass(frozen=True)
class LockedPackage:
    """One file of a conda channel."""

    url: str
    """Its address, without the hash; what is not ASCII is percent-encoded."""
    sha256: str
    """64 hexadecimal digits; empty when only `md5` is known."""
    md5: str
    """32 hexadecimal digits; empty when not known."""
    name: str
    """Name of the package."""
    version: str
    """Its version."""
    build: str
    """Its build string."""
    subdir: str
    """Platform of the file, or ``noarch``."""

    @property
    def filename(self) -> str:
        """Name of the file."""
        return unquote(urlsplit(self.url).path.rsplit("/", 1)[-1])

    @property
    def record(self) -> str:
        """Name of the record that the installed package has in ``conda-meta``."""
        return f"{self.name}-{self.version}-{self.build}.json"

    @property
    def channel(self) -> str:
        """Address of the channel that the file is in."""
        return self.url.partition("?")[0].rsplit("/", 2)[0]

    @property
    def line(self) -> str:
        """The package as a line of the lock."""
        return f"{self.url}#sha256:{self.sha256}" if self.sha256 else f"{self.url}#{self.md5}"


@dataclass(frozen=True)
class ExplicitLock:
    """All files of one environment on one platform."""

    platform: str
    """Such as ``linux-64``."""
    packages: tuple[LockedPackage, ...]
    """From conda channels, each after what it needs."""
    pypi: tuple[str, ...] = ()
    """From PyPI: requirements with their hashes, such as ``six==1.17.0 --hash=sha256:...``."""

    @property
    def text(self) -> str:
        """The lock as a file's text."""
        head = [f"# platform: {self.platform}", *(f"# pypi: {pin}" for pin in self.pypi), "@EXPLICIT"]
        return "\n".join([*head, *(package.line for package in self.packages)]) + "\n"

    def check_platform(self, platform: str) -> None:
        """Raise when the lock is for another platform than `platform`.

        Raises
        ------
        InstallError
            With code ``wrong-platform``; micromamba itself would make an empty environment and report success.
        """
        if self.platform != platform:
            message = f"This lock is for {self.platform}, and this machine is {platform}. Nothing was installed."
            hint = f"Make one for it: samj-bridge env lock --platform {platform}"
            raise InstallError(message, code="wrong-platform", hint=hint, lock=self.platform, machine=platform)


def read_explicit(path: Path) -> ExplicitLock:
    """Read the lock in `path`.

    Raises
    ------
    FileError
        It can't be read.
    InstallError
        See `parse_explicit`.
    """
    try:
        # A byte order mark, which editors on Windows leave, would hide the first line from micromamba.
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        message = f"The lock {path} can't be read: {getattr(error, 'strerror', None) or error}."
        raise FileError(message, hint="Check the path; a lock is a text file.") from error
    return parse_explicit(text, source=str(path))


def parse_explicit(text: str, *, source: str = "The lock") -> ExplicitLock:
    """Read a lock's text.

    Parameters
    ----------
    text : str
        What the file holds; line ends of Windows are fine.
    source : str
        Where it comes from, for messages.

    Raises
    ------
    InstallError
        With code ``bad-lock``: it is no explicit lock, a line has no address or no hash, a package is there twice,
        or files for several platforms are mixed; ``details["problems"]`` lists all of it.
    """
    lines = [line.strip() for line in text.lstrip("\ufeff").splitlines()]
    if "@EXPLICIT" not in lines:
        raise _bad(source, ["there is no line @EXPLICIT in it"])
    problems: list[str] = []
    packages: list[LockedPackage] = []
    for number, line in enumerate(lines, 1):
        if line and line != "@EXPLICIT" and not line.startswith("#"):
            try:
                packages.append(parse_package(line))
            except ValueError as error:
                problems.append(f"line {number}: {error}")
    pypi = [match[1] for line in lines if (match := _PYPI.match(line))]
    problems += [f"the PyPI package {pin!r} is not pinned with a sha256" for pin in pypi if not _PIN.match(pin)]
    problems += _repeated(packages)
    platform, why = _platform(lines, packages)
    problems += why
    if problems:
        raise _bad(source, problems)
    return ExplicitLock(platform, tuple(packages), tuple(pypi))


def write_explicit(
    platform: str, packages: Sequence[LockedPackage], path: Path, pypi: Sequence[str] = ()
) -> ExplicitLock:
    """Write a lock to `path`, checked by the rules it is read by.

    Parameters
    ----------
    platform : str
        Such as ``linux-64``.
    packages : sequence of LockedPackage
        Each after what it needs: the order is kept, by us and by micromamba.
    path : Path
        The file; replaced in one step.
    pypi : sequence of str
        Requirements with hashes.
    """
    from samj_bridge.install.prefixes.environment import write_text_atomically

    lock = parse_explicit(ExplicitLock(platform, tuple(packages), tuple(pypi)).text, source=str(path))
    write_text_atomically(path, lock.text)
    return lock


def parse_package(line: str) -> LockedPackage:
    """Read one line, ``url#hash``.

    Raises
    ------
    ValueError
        In words, what is wrong with it.
    """
    url, _, fragment = line.partition("#")
    address = urlsplit(url)
    if address.scheme not in _SCHEMES or not address.path:
        message = f"{url!r} is not an address (https, http or file)"
        raise ValueError(message)
    parts = unquote(address.path).rsplit("/", 2)
    suffix = next((suffix for suffix in SUFFIXES if parts[-1].endswith(suffix)), "")
    words = parts[-1].removesuffix(suffix).rsplit("-", 2)
    if not suffix or len(words) != 3 or not all(words):
        message = f"{parts[-1]!r} is not the name of a conda package"
        raise ValueError(message)
    if len(parts) != 3 or not _SUBDIR.fullmatch(parts[-2]):
        message = f"{url} does not lie in the folder of a platform"
        raise ValueError(message)
    sha256, md5 = _hashes(fragment, parts[-1])
    # micromamba takes addresses literally, and only ASCII.
    encoded = urlunsplit(address._replace(path=quote(unquote(address.path), safe="/:+!~@$&=,;()*")))
    return LockedPackage(encoded, sha256, md5, words[0], words[1], words[2], parts[-2])


def _hashes(fragment: str, filename: str) -> tuple[str, str]:
    value = fragment.strip().lower().removeprefix("sha256:").removeprefix("md5:")
    if re.fullmatch(r"[0-9a-f]{64}", value):
        return value, ""
    if re.fullmatch(r"[0-9a-f]{32}", value):
        return "", value
    if not fragment:
        message = f"{filename} has no hash"
        raise ValueError(message)
    message = f"{filename} has a hash that is neither sha256 nor md5: {fragment!r}"
    raise ValueError(message)


def _repeated(packages: Sequence[LockedPackage]) -> list[str]:
    versions: dict[str, list[str]] = {}
    for package in packages:
        versions.setdefault(package.name, []).append(f"{package.version}-{package.build}")
    return [f"{name} is there {len(all_)} times" for name, all_ in versions.items() if len(all_) > 1]


def _platform(lines: Sequence[str], packages: Sequence[LockedPackage]) -> tuple[str, list[str]]:
    said = next((match[1] for line in lines if (match := _PLATFORM.match(line))), "")
    found = sorted({package.subdir for package in packages} - {"noarch"})
    foreign = [subdir for subdir in found if subdir != (said or found[0])]
    if foreign:
        return said, [f"it is for {said or found[0]}, but has packages for {', '.join(foreign)}"]
    if not said and not found:
        return "", ["nothing in it says which platform it is for"]
    return said or found[0], []


def _bad(source: str, problems: list[str]) -> InstallError:
    shown = "; ".join(problems[:5]) + (f"; and {len(problems) - 5} more" if len(problems) > 5 else "")
    message = f"{source} can't be used as a lock: {shown}. Nothing was installed."
    hint = "A lock is made by samj-bridge env lock, or by: pixi workspace export conda-explicit-spec"
    return InstallError(message, code="bad-lock", hint=hint, problems=problems)
