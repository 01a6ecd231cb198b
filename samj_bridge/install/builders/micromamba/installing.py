"""Put the packages of a list into a prefix by micromamba, and look whether they are really there."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from samj_bridge.errors import InstallError
from samj_bridge.install.builders.base import BuildRequest
from samj_bridge.install.builders.micromamba.errors import explain
from samj_bridge.install.builders.micromamba.package_cache import CondaCache
from samj_bridge.install.builders.micromamba.plan import Plan
from samj_bridge.install.builders.micromamba.progress import CondaProgress
from samj_bridge.install.builders.micromamba.tool import MicromambaTool
from samj_bridge.install.locks.explicit import ExplicitLock
from samj_bridge.install.secrets import secret_texts
from samj_bridge.process.run import Finished
from samj_bridge.progress import looking
from samj_bridge.protocol.folders import list_folder

__all__ = ["forget_secrets", "install_plan", "python_of_conda"]

_REJECTED = "Package cache error"
_UNLINKABLE = re.compile(r"error while linking|cannot copy symlink", re.IGNORECASE)


def install_plan(
    tool: MicromambaTool, cache: CondaCache, request: BuildRequest, plan: Plan, needed_bytes: int
) -> None:
    """Install `plan` into ``request.prefix``; what stops it and can be mended in the cache is mended, once.

    Raises
    ------
    SamjError
        As of `explain`; ``incomplete``: it reported success, and packages are missing.
    """
    executable, _ = tool.find(request.progress, request.cancel)
    watched = CondaProgress(request.progress, cache.packages, request.prefix, plan.lock, plan.sizes)
    # What is to come is told before it begins: small packages are there before anyone looks again.
    with looking():
        watched.tick()

    def create(**variables: str) -> Finished:
        with _list_of(tool, plan.lock) as file:
            return tool.call(
                executable,
                ["create", "--yes", "--prefix", request.prefix, "--file", file],
                step=lambda: "download" if watched.downloading else "install",
                tick=watched.tick,
                where=[package.channel for package in plan.lock.packages],
                cancel=request.cancel,
                variables=variables,
            )

    finished = create()
    if not _works(finished, request.prefix):
        unlinkable = any(_UNLINKABLE.search(line) for line in finished.stderr)
        if cache.forget_unpacked(plan.lock, everything=unlinkable):
            request.tell("install", "Unpacked packages in the cache have lost their links; unpacking them anew.")
            finished = create()
    if finished.returncode != 0 and any(_REJECTED in line for line in finished.stderr):
        # A package may differ from its own list of files, which micromamba only warns of unless told otherwise.
        request.tell(
            "install", "An unpacked package differs from its own list of files; trying without that check."
        )
        finished = create(MAMBA_SAFETY_CHECKS="warn", MAMBA_EXTRA_SAFETY_CHECKS="false")
    if finished.returncode != 0:
        raise explain(finished, tool.settings, shutil.disk_usage(tool.root).free, needed_bytes)
    _check_complete(finished, request.prefix, plan)
    request.tell("install", f"Installed {len(plan.lock.packages)} packages.", 1.0, 1.0)


def forget_secrets(prefix: Path, urls: list[str]) -> None:
    """Take names, passwords and tokens of `urls` out of what micromamba wrote down in `prefix`."""
    secrets = secret_texts(urls)
    if not secrets:
        return
    for path in [entry.path for entry in list_folder(prefix / "conda-meta") if entry.is_file]:
        with contextlib.suppress(UnicodeDecodeError):
            text = path.read_text(encoding="utf-8")
            clean = text
            for secret, instead in secrets.items():
                clean = clean.replace(secret, instead)
            if clean != text:
                path.write_text(clean, encoding="utf-8", newline="\n")


def python_of_conda(prefix: Path) -> Path:
    """Return the interpreter of the conda environment `prefix`."""
    return prefix / ("python.exe" if sys.platform == "win32" else "bin/python")


@contextlib.contextmanager
def _list_of(tool: MicromambaTool, lock: ExplicitLock) -> Iterator[Path]:
    """Write the list for micromamba. It may hold a channel's password: for this user's eyes, and not for long."""
    path = tool.root / "wanted.txt"
    path.unlink(missing_ok=True)
    text = ExplicitLock(lock.platform, lock.packages).text
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8", newline="\n")
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


def _works(finished: Finished, prefix: Path) -> bool:
    return finished.returncode == 0 and os.access(python_of_conda(prefix), os.X_OK)


def _check_complete(finished: Finished, prefix: Path, plan: Plan) -> None:
    packages = plan.lock.packages
    missing = [package.name for package in packages if not (prefix / "conda-meta" / package.record).is_file()]
    if not missing and python_of_conda(prefix).exists():
        return
    what = f"{len(missing)} of {len(packages)} packages are missing ({', '.join(missing[:3])})"
    message = f"micromamba reported success, but {what if missing else 'there is no Python in it'}."
    hint = "Try again; if it stays so, take another micromamba (SAMJ_MICROMAMBA) or SAMJ_BUILDER=uv"
    output = [*finished.stdout[-20:], *finished.stderr[-20:]]
    raise InstallError(message, code="incomplete", hint=hint, missing=missing, output=output)
