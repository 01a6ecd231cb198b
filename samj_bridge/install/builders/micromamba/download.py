"""Fetch the pinned micromamba, once, for those who have none: verified before it may run."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from samj_bridge.download import Source, digest_file, extract_tar_member, fetch
from samj_bridge.errors import DownloadError, InstallError, NetworkError
from samj_bridge.install.builders.micromamba.channels import CONDA_FORGE
from samj_bridge.progress import CancelToken, Progress, ignore_progress
from samj_bridge.settings import Settings

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = ["Pins", "downloaded_path", "fetch_micromamba", "read_pins"]


@dataclass(frozen=True)
class Pins:
    """One build of micromamba."""

    version: str
    """Such as ``2.9.0-0``."""
    release: str
    """Address of the bare executable, with ``{version}``, ``{platform}`` and ``{exe}``."""
    archive: str
    """Address of the conda package that holds the same."""
    sha256: dict[str, str]
    """Platform to the hash of the bare executable."""


def read_pins() -> Pins:
    """Read the pins that come with samj-bridge."""
    text = (
        resources.files("samj_bridge.install.builders.micromamba")
        .joinpath("micromamba.toml")
        .read_text(encoding="utf-8")
    )
    values: dict[str, Any] = tomllib.loads(text)
    return Pins(values["version"], values["release"], values["archive"], values["sha256"])


def downloaded_path(settings: Settings, pins: Pins) -> Path:
    """Return where the downloaded executable lies."""
    return settings.home / "tools" / f"micromamba-{pins.version}" / f"micromamba{_exe()}"


def fetch_micromamba(
    settings: Settings,
    pins: Pins,
    platform: str,
    *,
    progress: Progress = ignore_progress,
    cancel: CancelToken | None = None,
) -> Path:
    """Return the downloaded micromamba, fetched if it is not there yet.

    From its releases, or else out of conda-forge's package (or the mirror's); by either way it must be the pinned
    executable, bit by bit, before it is made executable.

    Parameters
    ----------
    settings : Settings
        Where to, and through which mirror and proxy.
    pins : Pins
        Which build.
    platform : str
        Such as ``linux-64``.

    Raises
    ------
    InstallError
        There is no build for this platform, or what came is not the pinned one.
    NetworkError
        Neither place gives it.
    FileError, Cancelled
        As of `samj_bridge.download.fetch`.
    """
    if platform not in pins.sha256:
        message = f"There is no micromamba for {platform}."
        hint = "Name one of your own with SAMJ_MICROMAMBA, or take another builder: SAMJ_BUILDER=uv"
        raise InstallError(message, code="no-micromamba", hint=hint)
    target = downloaded_path(settings, pins)
    if target.is_file() and digest_file(target, kinds=()).sha256 == pins.sha256[platform]:
        target.chmod(0o755)
        return target
    fields = {"version": pins.version, "platform": platform, "exe": _exe()}
    source = Source((pins.release.format(**fields),), "micromamba", hashes=(f"sha256:{pins.sha256[platform]}",))
    try:
        fetch(source, target, settings=settings, progress=progress, cancel=cancel)
    except DownloadError as first:
        try:
            _from_archive(target, pins, fields, settings, progress, cancel)
        except DownloadError as second:
            reasons = [error.message.rstrip(".") for error in (first, second)]
            message = (
                f"micromamba {pins.version} could not be fetched, neither from its releases ({reasons[0]}) nor "
                f"from conda-forge ({reasons[1]})."
            )
            hint = (
                f"Check the connection and SAMJ_PROXY; or put the executable at {target} by hand; or take another "
                "builder: SAMJ_BUILDER=uv"
            )
            raise NetworkError(message, code=first.code, hint=hint, url=source.urls[0]) from second
    target.chmod(0o755)
    return target


def _from_archive(
    target: Path,
    pins: Pins,
    fields: dict[str, str],
    settings: Settings,
    progress: Progress,
    cancel: CancelToken | None,
) -> None:
    url = pins.archive.format(**fields)
    mirror = settings.conda_mirror.rstrip("/")
    if mirror and url.startswith(CONDA_FORGE):
        url = mirror + url.removeprefix(CONDA_FORGE)
    archive = target.with_name(f"micromamba-{pins.version}.tar.bz2")
    bare = target.with_name(target.name + ".unverified")
    source = Source((url,), archive.name, allow_http=bool(mirror))
    try:
        # The package's own hash is known for one platform only; what counts is the executable's.
        fetch(source, archive, settings=settings, allow_unverified=True, progress=progress, cancel=cancel)
        member = "Library/bin/micromamba.exe" if fields["exe"] else "bin/micromamba"
        found = extract_tar_member(archive, member, bare, progress=progress, cancel=cancel).sha256
        if found != pins.sha256[fields["platform"]]:
            message = f"the micromamba in {url} is not the pinned one (sha256 {found})"
            raise DownloadError(message, code="wrong-hash", hint="Tell the mirror's administrator.")
        bare.replace(target)
    finally:
        archive.unlink(missing_ok=True)
        bare.unlink(missing_ok=True)


def _exe() -> str:
    return ".exe" if sys.platform == "win32" else ""
