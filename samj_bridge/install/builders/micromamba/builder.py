"""An environment from conda's channels, made by micromamba out of an explicit list of packages with hashes.

Where there is no list, conda solves; what it decides becomes the list. So every package is checked by hash,
what is to come is known beforehand, and the environment can be made again elsewhere. micromamba reports success
for an empty environment as well: what counts are the records of the packages in it.
"""

from __future__ import annotations

import shutil

from samj_bridge.errors import InstallError, NetworkError
from samj_bridge.install.builders.base import BuildRequest, Built
from samj_bridge.install.builders.micromamba.channels import (
    as_published,
    below,
    channel_urls,
    from_mirror,
    with_secrets,
)
from samj_bridge.install.builders.micromamba.index import has_index
from samj_bridge.install.builders.micromamba.installing import forget_secrets, install_plan, python_of_conda
from samj_bridge.install.builders.micromamba.package_cache import CondaCache
from samj_bridge.install.builders.micromamba.plan import Plan
from samj_bridge.install.builders.micromamba.room import check_room, room_for
from samj_bridge.install.builders.micromamba.solving import solve, virtual_packages
from samj_bridge.install.builders.micromamba.tool import MicromambaTool
from samj_bridge.install.builders.uv.builder import LOCK_NAME, install_pins
from samj_bridge.install.builders.uv.tool import UvTool
from samj_bridge.install.gpu import find_nvidia_gpu
from samj_bridge.install.locks.explicit import ExplicitLock, LockedPackage, parse_explicit
from samj_bridge.install.prefixes.environment import write_text_atomically
from samj_bridge.install.specification import Specification, current_platform
from samj_bridge.progress import CancelToken, Progress, ignore_progress
from samj_bridge.settings import Settings

__all__ = ["MicromambaBuilder", "make_builder"]


_STALE = {"hash-mismatch", "refused"}


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
            channels = list(dict.fromkeys(self._to_fetch(package, specification).channel for package in packages))
        else:
            channels = channel_urls(specification, self.settings)
        indexes = [below(channel, "noarch/repodata.json") for channel in channels]
        return (*indexes, *self.tool.addresses(channels))

    def build(self, request: BuildRequest) -> Built:
        """Install the packages of a lock, or of a solve, into ``request.prefix``."""
        if request.lock is not None:
            request.lock.check_platform(current_platform())
        feature, why = self._feature(request)
        _, which = self.tool.find(request.progress, request.cancel)
        notes = [which, *why]
        with self.cache.held(request.tell, request.cancel):
            stored = has_index(self.cache.packages)
            try:
                plan, how = self._plan(request, feature)
            except InstallError as error:
                if feature != "cuda" or error.code != "no-solution" or self.settings.device == "cuda":
                    raise
                feature = "cpu"
                notes.append(f"no CUDA build fits this machine ({error.message.rstrip('.')}): took the CPU build")
                request.tell("resolve", notes[-1] + ".")
                plan, how = self._plan(request, feature)
            try:
                self._install(request, plan, feature)
            except InstallError as error:
                if how != "solved" or not stored or error.code not in _STALE:
                    raise
                # The stored index may announce what the channel has no longer, or has otherwise.
                shutil.rmtree(request.prefix, ignore_errors=True)
                fresh, how = self._plan(request, feature, fresh=True)
                if fresh.lock == plan.lock:
                    raise
                request.tell("resolve", f"{error.message} The channels have others by now: taking those.")
                plan = fresh
                self._install(request, plan, feature)
        forget_secrets(request.prefix, [package.url for package in plan.lock.packages])
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
        order = BuildRequest(specification, self.tool.root / "solved-only", progress, cancel)
        with self.cache.held(order.tell, cancel):
            plan = solve(self.tool, order, target, feature, virtual_packages(specification, target, feature))
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

    def _plan(self, request: BuildRequest, feature: str, *, fresh: bool = False) -> tuple[Plan, str]:
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
            return solve(self.tool, request, target, feature, virtual, fresh=fresh), "solved"
        lock.check_platform(target)
        packages = tuple(self._to_fetch(package, request.specification) for package in lock.packages)
        return Plan(ExplicitLock(lock.platform, packages, lock.pypi), {}), how

    def _to_fetch(self, package: LockedPackage, specification: Specification) -> LockedPackage:
        """Return a package of a lock with the address to fetch it from: the mirror's, with what is secret in it."""
        return with_secrets(from_mirror(package, self.settings), channel_urls(specification, self.settings))

    def _install(self, request: BuildRequest, plan: Plan, feature: str) -> None:
        otherwise = request.specification.disk.get(feature, 0)
        room = room_for(self.cache.packages, plan.lock, plan.sizes, otherwise)
        check_room(room, request.prefix, self.cache.packages, self.settings.home)
        with self.cache.tidied(plan.lock):
            if self.settings.offline:
                self.cache.check_complete(plan.lock)
            install_plan(self.tool, self.cache, request, plan, room.shared)


def make_builder(settings: Settings) -> MicromambaBuilder:
    """Return the builder, as `BUILDERS` wants it."""
    return MicromambaBuilder(settings)
