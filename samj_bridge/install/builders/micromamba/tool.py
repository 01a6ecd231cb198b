"""The micromamba executable: which one, what it is started with, and an end to its silences.

Everything of it lies in folders of our own: it writes into the home folder whatever it is told, and a home that
can't be written stops it. Its exit status and its ``success`` prove nothing; who calls it looks at what it made.
"""

from __future__ import annotations

import contextlib
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from samj_bridge.errors import Cancelled, InputError, InstallError, SamjError
from samj_bridge.install.builders.micromamba.channels import CONDA_FORGE
from samj_bridge.install.builders.micromamba.download import Pins, downloaded_path, fetch_micromamba, read_pins
from samj_bridge.install.builders.micromamba.errors import silent
from samj_bridge.install.builders.micromamba.progress import Watch
from samj_bridge.install.secrets import has_secrets
from samj_bridge.install.specification import current_platform
from samj_bridge.process.environ import clean_environ
from samj_bridge.process.run import Finished, run
from samj_bridge.progress import CancelToken, Progress, ignore_progress, looking
from samj_bridge.settings import Settings, mamba_exe

__all__ = ["SAFETY_CHECKS", "Deadlines", "MicromambaTool"]

SAFETY_CHECKS = {"MAMBA_SAFETY_CHECKS": "enabled", "MAMBA_EXTRA_SAFETY_CHECKS": "true"}
"""Unpacked packages are shared by hard links: somebody may have edited a file of another environment."""

OLDEST = (2, 1)
_KEPT_LINES = 200_000
# A proxy that nobody listens on: micromamba's own --offline still fetches, and stops checking certificates.
_NOWHERE = "http://127.0.0.1:9"


@dataclass(frozen=True)
class Deadlines:
    """Seconds without anything happening after which micromamba is stopped; it has no dependable limit itself."""

    solve_s: float = 150.0
    """While it fetches indexes and solves."""
    download_s: float = 90.0
    """While packages are to come."""
    unpack_s: float = 900.0
    """While all of them are here: one package may hold a gigabyte in one file."""


class MicromambaTool:
    """micromamba, run away from the user's configuration.

    Parameters
    ----------
    settings : Settings
        Which executable, mirror, proxy and certificates; offline or not.
    pins : Pins, optional
        The build to download; samj-bridge's own by default.
    deadlines : Deadlines, optional
        How patient to be.
    """

    def __init__(self, settings: Settings, pins: Pins | None = None, deadlines: Deadlines | None = None) -> None:
        self.settings = settings
        self.pins = pins or read_pins()
        self.deadlines = deadlines or Deadlines()
        self._refusals: dict[tuple[Path, int, int], str] = {}
        self.root = settings.cache_dir / "micromamba"
        """Root prefix: holds the package cache, and what micromamba thinks is the user's home."""

    @property
    def packages_dir(self) -> Path:
        """Folder of the package cache."""
        return self.root / "pkgs"

    def obstacle(self) -> str:
        """Say in a clause why there is no micromamba to be had; empty: there is one, or it can be fetched."""
        if self.settings.micromamba:
            return self._refusal(_named(self.settings.micromamba))
        if (own := mamba_exe()) and not self._refusal(Path(own)):
            return ""
        if downloaded_path(self.settings, self.pins).is_file():
            return ""
        if self.settings.offline:
            return "there is no micromamba here, and samj-bridge is offline"
        return "" if current_platform() in self.pins.sha256 else f"there is no micromamba for {current_platform()}"

    def describe(self) -> str:
        """Say which executable will be used."""
        if self.settings.micromamba:
            return f"micromamba as asked: {self.settings.micromamba}"
        own = mamba_exe()
        if own and not self._refusal(Path(own)):
            return f"micromamba of MAMBA_EXE: {own}"
        path = downloaded_path(self.settings, self.pins)
        return f"micromamba {self.pins.version}" + (
            f" ({path})" if path.is_file() else ", fetched when it is needed"
        )

    def addresses(self, channels: Sequence[str]) -> tuple[str, ...]:
        """Return what has to answer, besides `channels`, for the executable to be fetched; empty: nothing more."""
        own = mamba_exe()
        here = self.settings.micromamba or (own and not self._refusal(Path(own)))
        if here or downloaded_path(self.settings, self.pins).is_file():
            return ()
        # conda-forge, or its mirror, has the executable as a package.
        if CONDA_FORGE in channels or (self.settings.conda_mirror and self.settings.conda_mirror in channels):
            return ()
        return ("https://github.com/",)

    def find(self, progress: Progress = ignore_progress, cancel: CancelToken | None = None) -> tuple[Path, str]:
        """Return the executable, and a note that says which it is.

        The one of the settings; or the one of ``MAMBA_EXE``, if it is new enough; or one that is downloaded.

        Raises
        ------
        InstallError
            With code ``bad-micromamba``: the one of the settings is none, or too old.
        NetworkError
            With code ``offline`` or another: none is here, and none can be fetched.
        """
        if self.settings.micromamba:
            path = _named(self.settings.micromamba)
            refusal = self._refusal(path)
            if refusal:
                message = f"The micromamba {path} can't be used: {refusal}. Nothing was installed."
                hint = "Correct SAMJ_MICROMAMBA (or --micromamba), or leave it out: one will be downloaded."
                raise InstallError(message, code="bad-micromamba", hint=hint)
            return path, f"micromamba as asked: {path}"
        own = mamba_exe()
        if own and not self._refusal(Path(own)):
            return Path(own).absolute(), f"micromamba of MAMBA_EXE: {own}"
        path = fetch_micromamba(self.settings, self.pins, current_platform(), progress=progress, cancel=cancel)
        refusal = self._refusal(path)
        if refusal:
            message = f"The downloaded micromamba {path} can't be used: {refusal}."
            raise InstallError(message, code="bad-micromamba", hint="Take another builder: SAMJ_BUILDER=uv")
        return path, f"micromamba {self.pins.version}, downloaded"

    def call(
        self,
        executable: Path,
        arguments: Sequence[str | Path],
        *,
        step: Callable[[], str],
        tick: Callable[[], object],
        where: Sequence[str],
        cancel: CancelToken | None = None,
        variables: Mapping[str, str] | None = None,
    ) -> Finished:
        """Run micromamba until it ends or nothing happens any more.

        Parameters
        ----------
        executable : Path
            As `find` returns it.
        arguments : sequence
            Without those that keep the user's configuration out.
        step : callable
            Returns ``solve``, ``download`` or ``install``: which deadline counts now.
        tick : callable
            Called twice a second; what it returns changes whenever something happens.
        where : sequence of str
            Addresses that it asks, for messages.
        cancel : CancelToken, optional
            Stops it.
        variables : mapping, optional
            Variables beside those of `environ`.

        Raises
        ------
        NetworkError, InstallError
            It was silent for too long; all of its processes have ended.
        Cancelled
            `cancel` was set.
        """
        stop = CancelToken()
        forget = cancel.on_cancel(stop.cancel) if cancel is not None else lambda: None
        limits = {
            "solve": Watch(self.deadlines.solve_s),
            "download": Watch(self.deadlines.download_s),
            "install": Watch(self.deadlines.unpack_s),
        }
        stalled: list[str] = []

        seen, now = None, "install"

        def on_tick() -> None:
            nonlocal seen, now
            # Where looking fails, nothing was seen to happen: the deadlines count on.
            with looking():
                seen, now = tick(), step()
            # All of them look on: a change counts for each.
            late = {name: watch.stalled(seen) for name, watch in limits.items()}
            if late[now]:
                stalled.append(now)
                stop.cancel()

        self._prepare(where)
        command = [executable, *arguments, "--no-rc", "--root-prefix", self.root, *self._certificates()]
        try:
            return run(
                command,
                env=self.environ() | dict(variables or {}),
                cwd=self.root,
                on_tick=on_tick,
                cancel=stop,
                kept_lines=_KEPT_LINES,
            )
        except Cancelled:
            if cancel is not None:
                cancel.check()
            if not stalled:
                # Whoever is told of the progress stopped it.
                raise
            raise silent(limits[stalled[0]].silent_s, stalled[0], where, self.root) from None
        finally:
            forget()

    def environ(self) -> dict[str, str]:
        """Return the variables micromamba is started with: none of conda's or mamba's, and a home of its own."""
        environ = clean_environ() | self.settings.network_variables
        for name in ("HOME", "USERPROFILE"):
            environ[name] = str(self.root / "home")
        for name in ("TMPDIR", "TEMP", "TMP"):
            environ[name] = str(self.root / "tmp")
        # For plain http it looks at the lower-case name only.
        if environ.get("HTTP_PROXY"):
            environ.setdefault("http_proxy", environ["HTTP_PROXY"])
        if self.settings.offline:
            for name in ("http_proxy", "https_proxy", "all_proxy"):
                environ |= {name: _NOWHERE, name.upper(): _NOWHERE}
            for name in ("no_proxy", "NO_PROXY"):
                environ.pop(name, None)
        return environ | SAFETY_CHECKS

    def _certificates(self) -> list[str]:
        """Return the option that names the certificates: it does not look at the usual variables."""
        bundle = self.settings.ca_bundle or clean_environ().get("SSL_CERT_FILE", "")
        if not bundle:
            return []
        if not Path(bundle).is_file():
            message = f"The file of certificates {bundle} does not exist. Nothing was installed."
            hint = "Correct SAMJ_CA_BUNDLE (or SSL_CERT_FILE)."
            raise InputError(message, code="bad-ca-bundle", hint=hint)
        return ["--cacert-path", str(Path(bundle).absolute())]

    def _prepare(self, where: Sequence[str]) -> None:
        """Make its folders; what an earlier run left in the temporary one goes."""
        shutil.rmtree(self.root / "tmp", ignore_errors=True)
        for name in ("home", "tmp", "pkgs"):
            (self.root / name).mkdir(parents=True, exist_ok=True)
        if any(map(has_secrets, where)):
            # It writes addresses down as they are, in many places of its cache.
            with contextlib.suppress(OSError):
                self.root.chmod(0o700)

    def _refusal(self, path: Path) -> str:
        """Say in a clause why the program at `path` can't be used; empty: it can. Each is asked once."""
        try:
            status = path.stat()
        except OSError:
            return "there is no such file"
        if not path.is_file():
            return "it is not a file"
        key = (path, status.st_mtime_ns, status.st_size)
        if key not in self._refusals:
            self._refusals[key] = self._ask_version(path)
        return self._refusals[key]

    def _ask_version(self, path: Path) -> str:
        try:
            finished = run([path, "--version"], env=clean_environ(), timeout_s=30)
        except SamjError as error:
            return error.message.rstrip(".")
        said = finished.stdout[0].strip() if finished.stdout else ""
        match = re.fullmatch(r"(\d+)\.(\d+)[\w.\-]*", said)
        if finished.timed_out:
            return "it does not answer when asked for its version"
        if finished.returncode != 0 or match is None or len(finished.stdout) > 1:
            return f"it is not micromamba: asked for its version, it said {said[:60]!r}"
        if (int(match[1]), int(match[2])) < OLDEST:
            return f"it is {said}, and {'.'.join(map(str, OLDEST))} is the oldest that works"
        return ""


def _named(text: str) -> Path:
    """Return the program that a setting names: a path, or a name that is looked up as a shell does."""
    found = shutil.which(text) if text == Path(text).name else None
    return Path(found or text).expanduser().absolute()
