"""An environment from conda's channels, made by micromamba out of an explicit list of packages with hashes.

Where there is no list, conda solves; what it decides becomes the list. So every package is checked by hash,
what is to come is known beforehand, and the environment can be made again elsewhere. micromamba reports success
for an empty environment as well: what counts are the records of the packages in it.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from samj_bridge.errors import InstallError, NetworkError, SamjError
from samj_bridge.install.builders.base import BuildRequest, Built
from samj_bridge.install.builders.micromamba.channels import (
    as_published,
    channel_urls,
    from_mirror,
    without_secrets,
)
from samj_bridge.install.builders.micromamba.errors import explain, unsolvable
from samj_bridge.install.builders.micromamba.package_cache import CondaCache
from samj_bridge.install.builders.micromamba.plan import Plan, read_plan, read_report
from samj_bridge.install.builders.micromamba.progress import CondaProgress
from samj_bridge.install.builders.micromamba.tool import MicromambaTool
from samj_bridge.install.builders.uv.builder import LOCK_NAME, install_pins
from samj_bridge.install.builders.uv.tool import UvTool
from samj_bridge.install.gpu import find_nvidia_gpu
from samj_bridge.install.locks.explicit import ExplicitLock, parse_explicit
from samj_bridge.install.prefixes.environment import write_text_atomically
from samj_bridge.install.space import check_space
from samj_bridge.install.specification import Specification, current_platform
from samj_bridge.process.run import Finished
from samj_bridge.progress import CancelToken, Progress, ignore_progress
from samj_bridge.settings import Settings

__all__ = ["MicromambaBuilder", "make_builder"]


_REJECTED = "Package cache error"
_VAGUE = {"no-solution", "network", "micromamba-failed"}


class MicromambaBuilder:
    """Makes environments with micromamba.

    Parameters
    ----------
    settings : Settings
        Executable, channels, mirror, proxy, certificates; offline or not; the device that decides about CUDA.
    tool : MicromambaTool, optional
        The executable and how it is called.
    """

    name = "micromamba"

    def __init__(self, settings: Settings, tool: MicromambaTool | None = None) -> None:
        self.settings = settings
        self.tool = tool or MicromambaTool(settings)
        self.cache = CondaCache(self.tool.root)

    def obstacle(self, specification: Specification) -> str:
        """Say in a clause why micromamba can't make `specification` here; empty: it can."""
        target = current_platform()
        if not specification.conda_features(target):
            return f"{specification.name} has no conda packages for {target}"
        if why := self.tool.obstacle():
            return why
        # Before anything is written: a channel that can't be one is the user's slip, whoever would build.
        channel_urls(specification, self.settings)
        if self.settings.offline and not any(
            specification.conda_lock(target, feature)
            or self.cache.solved(specification.hash_for(self.name), feature).is_file()
            for feature in specification.conda_features(target)
        ):
            return "samj-bridge is offline, and conda never solved this here"
        return ""

    def addresses(self, specification: Specification) -> tuple[str, ...]:
        """Return the index of each channel, and where micromamba itself comes from if it is not here yet."""
        target = current_platform()
        locks = [specification.conda_lock(target, feature) for feature in specification.conda_features(target)]
        if all(locks):
            packages = parse_explicit(locks[0], source=f"The lock of {specification.name}").packages
            channels = list(dict.fromkeys(from_mirror(package, self.settings).channel for package in packages))
        else:
            channels = channel_urls(specification, self.settings)
        indexes = [f"{channel}/noarch/repodata.json" for channel in channels]
        return (*indexes, *self.tool.addresses(channels))

    def build(self, request: BuildRequest) -> Built:
        """Install the packages of a lock, or of a solve, into ``request.prefix``."""
        if request.lock is not None:
            request.lock.check_platform(current_platform())
        feature, why = self._feature(request)
        executable, which = self.tool.find(request.progress, request.cancel)
        notes = [which, *why]
        with self.cache.held(request.tell, request.cancel):
            try:
                plan, how = self._plan(request, executable, feature)
            except InstallError as error:
                if feature != "cuda" or error.code != "no-solution" or self.settings.device == "cuda":
                    raise
                feature = "cpu"
                notes.append(f"no CUDA build fits this machine ({error.message.rstrip('.')}): took the CPU build")
                request.tell("resolve", notes[-1] + ".")
                plan, how = self._plan(request, executable, feature)
            needed = max(request.specification.disk.get(feature, 0), sum(plan.sizes.values()))
            check_space(needed, request.prefix, self.cache.packages, self.settings.home)
            with self.cache.tidied(plan.lock):
                self._install(request, executable, plan)
        python = python_of_conda(request.prefix)
        pins = plan.lock.pypi or tuple(request.specification.conda_pypi_pins)
        if pins:
            install_pins(UvTool(self.settings), request, python, list(pins), self.settings)
        published = tuple(as_published(package, self.settings) for package in plan.lock.packages)
        lock = ExplicitLock(plan.lock.platform, published, tuple(pins))
        write_text_atomically(request.prefix / LOCK_NAME, lock.text)
        if how == "solved":
            self.cache.remember(request.specification.hash_for(self.name), feature, lock)
        return Built(python, feature, (*notes, f"{len(published)} conda packages, {how}"))

    def solve(
        self,
        specification: Specification,
        target: str,
        feature: str,
        *,
        progress: Progress = ignore_progress,
        cancel: CancelToken | None = None,
    ) -> ExplicitLock:
        """Let conda decide which packages `specification` means on platform `target`, which may be another one.

        Parameters
        ----------
        specification : Specification
            What is wanted.
        target : str
            Such as ``osx-arm64``.
        feature : str
            ``cpu`` or ``cuda``.

        Raises
        ------
        InstallError, NetworkError
            There is no solution, no micromamba, or no channel.
        """
        executable, _ = self.tool.find(progress, cancel)
        order = BuildRequest(specification, self.tool.root / "solved-only", progress, cancel)
        with self.cache.held(order.tell, cancel):
            plan = self._solve(
                order, executable, feature, target, _virtual_packages(specification, target, feature)
            )
        packages = tuple(as_published(package, self.settings) for package in plan.lock.packages)
        return ExplicitLock(target, packages, tuple(specification.conda_pypi_pins))

    def _feature(self, request: BuildRequest) -> tuple[str, list[str]]:
        """Return ``cpu`` or ``cuda``, and why."""
        if request.lock is not None:
            cuda = any(item.name.startswith("pytorch") and "cuda" in item.build for item in request.lock.packages)
            return ("cuda" if cuda else "cpu"), []
        features = request.specification.conda_features(current_platform())
        device = self.settings.device
        if "cuda" not in features or device not in {"auto", "cuda"}:
            return features[0], []
        if gpu := find_nvidia_gpu():
            return "cuda", [f"{gpu} found: the build with CUDA"]
        if device == "cuda" or "cpu" not in features:
            return "cuda", ["no NVIDIA GPU found, but CUDA was asked for: the build with CUDA"]
        return "cpu", ["no NVIDIA GPU found: the CPU build"]

    def _plan(self, request: BuildRequest, executable: Path, feature: str) -> tuple[Plan, str]:
        """Return what is to be installed, and in a word where that comes from."""
        target = current_platform()
        text = request.specification.conda_lock(target, feature)
        solved = self.cache.solved(request.specification.hash_for(self.name), feature)
        if request.lock is not None:
            lock, how = request.lock, "from the lock that was given"
        elif text:
            lock, how = parse_explicit(text, source=f"The lock of {request.specification.name}"), "from its lock"
        elif self.settings.offline and solved.is_file():
            lock, how = parse_explicit(solved.read_text(encoding="utf-8"), source=str(solved)), "as solved earlier"
        elif self.settings.offline:
            message = "samj-bridge was told to stay offline, and conda never solved this specification here."
            hint = (
                "Unset SAMJ_OFFLINE once, or make the environment from a lock: samj-bridge env create --from LOCK"
            )
            raise NetworkError(message, code="offline", hint=hint)
        else:
            # Asked for without a GPU: conda takes a build with CUDA only where it is told that there is a driver.
            virtual = {"CONDA_OVERRIDE_CUDA": request.specification.cuda} if feature == "cuda" else {}
            virtual = virtual if request.specification.cuda and not find_nvidia_gpu() else {}
            return self._solve(request, executable, feature, target, virtual), "solved"
        lock.check_platform(target)
        packages = tuple(from_mirror(package, self.settings) for package in lock.packages)
        return Plan(ExplicitLock(lock.platform, packages, lock.pypi), {}), how

    def _solve(
        self, request: BuildRequest, executable: Path, feature: str, target: str, virtual: Mapping[str, str]
    ) -> Plan:
        channels = channel_urls(request.specification, self.settings)
        message = f"Asking {' and '.join(map(without_secrets, channels))} which packages are needed."
        request.tell("resolve", message)
        arguments = ["create", "--yes", "--dry-run", "--prefix", str(request.prefix), "--override-channels"]
        if target != current_platform():
            arguments += ["--platform", target]
        for channel in channels:
            arguments += ["--channel", channel]
        arguments += request.specification.conda_specs(target, feature)

        def tick() -> object:
            sizes = self.cache.index_sizes()
            request.tell("resolve", message, sum(size for _, size in sizes), unit="bytes")
            return sizes

        def ask(*more: str) -> tuple[Mapping[str, object], SamjError | None]:
            finished = self.tool.call(
                executable,
                [*arguments, *more],
                step=lambda: "solve",
                tick=tick,
                where=channels,
                cancel=request.cancel,
                variables=virtual,
            )
            report = read_report(finished.stdout)
            if finished.returncode == 0:
                return report, None
            if report.get("solver_problems"):
                return report, unsolvable(finished)
            return report, explain(finished, self.settings, self._free())

        report, error = ask("--json")
        if error is not None and error.code in _VAGUE:
            # With --json it logs next to nothing; without, it says what is wrong.
            error = ask()[1] or error
        if error is not None:
            raise error
        return read_plan(report, target, channels)

    def _install(self, request: BuildRequest, executable: Path, plan: Plan) -> None:
        if self.settings.offline:
            self.cache.check_complete(plan.lock)
        lock = self.tool.root / "wanted.txt"
        lock.write_text(ExplicitLock(plan.lock.platform, plan.lock.packages).text, encoding="utf-8", newline="\n")
        watched = CondaProgress(request.progress, self.cache.packages, request.prefix, plan.lock, plan.sizes)
        # What is to come is told before it begins: small packages are there before anyone looks again.
        watched.tick()

        def create(**variables: str) -> Finished:
            return self.tool.call(
                executable,
                ["create", "--yes", "--prefix", request.prefix, "--file", lock],
                step=lambda: "download" if watched.downloading else "install",
                tick=watched.tick,
                where=[package.channel for package in plan.lock.packages],
                cancel=request.cancel,
                variables=variables,
            )

        finished = create()
        if finished.returncode != 0 and any(_REJECTED in line for line in finished.stderr):
            # A package may differ from its own list of files, which micromamba only warns of unless told otherwise.
            request.tell(
                "install", "An unpacked package differs from its own list of files; trying without that check."
            )
            finished = create(MAMBA_SAFETY_CHECKS="warn", MAMBA_EXTRA_SAFETY_CHECKS="false")
        if finished.returncode != 0:
            raise explain(finished, self.settings, self._free())
        missing = [
            package.name
            for package in plan.lock.packages
            if not (request.prefix / "conda-meta" / package.record).is_file()
        ]
        if missing or not python_of_conda(request.prefix).exists():
            what = f"{len(missing)} of {len(plan.lock.packages)} packages are missing ({', '.join(missing[:3])})"
            message = f"micromamba reported success, but {what if missing else 'there is no Python in it'}."
            hint = "Try again; if it stays so, take another micromamba (SAMJ_MICROMAMBA) or SAMJ_BUILDER=uv"
            output = [*finished.stdout[-20:], *finished.stderr[-20:]]
            raise InstallError(message, code="incomplete", hint=hint, missing=missing, output=output)
        request.tell("install", f"Installed {len(plan.lock.packages)} packages.", 1.0, 1.0)

    def _free(self) -> int:
        return shutil.disk_usage(self.tool.root).free


def make_builder(settings: Settings) -> MicromambaBuilder:
    """Return the builder, as `BUILDERS` wants it."""
    return MicromambaBuilder(settings)


def _virtual_packages(specification: Specification, target: str, feature: str) -> dict[str, str]:
    """Return the variables that stand for the system of `target`, whatever machine it is solved on.

    NB: from the documentation; of the real micromamba only the one for CUDA has been seen to act.
    """
    system = {
        "linux": {"CONDA_OVERRIDE_LINUX": "4.18", "CONDA_OVERRIDE_GLIBC": "2.28"},
        "osx": {"CONDA_OVERRIDE_OSX": "13.0"},
    }
    cuda = specification.cuda if feature == "cuda" else ""
    return {**system.get(target.partition("-")[0], {}), "CONDA_OVERRIDE_CUDA": cuda}


def python_of_conda(prefix: Path) -> Path:
    """Return the interpreter of the conda environment `prefix`."""
    return prefix / ("python.exe" if sys.platform == "win32" else "bin/python")
