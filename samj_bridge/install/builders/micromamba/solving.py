"""Let conda's solver decide, by micromamba, and don't take a stored index's word for what there is not."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence

from samj_bridge.errors import SamjError
from samj_bridge.install.builders.base import BuildRequest
from samj_bridge.install.builders.micromamba.channels import channel_urls
from samj_bridge.install.builders.micromamba.errors import explain, unsolvable
from samj_bridge.install.builders.micromamba.index import (
    FRESH,
    drop_index,
    has_index,
    index_is_damaged,
    index_sizes,
)
from samj_bridge.install.builders.micromamba.plan import Plan, read_plan, read_report
from samj_bridge.install.builders.micromamba.tool import MicromambaTool
from samj_bridge.install.secrets import without_secrets
from samj_bridge.install.specification import Specification, current_platform

__all__ = ["solve", "virtual_packages"]

# With --json it logs next to nothing; without, it says what is wrong.
_VAGUE = {"no-solution", "network", "proxy", "micromamba-failed", "damaged-package"}
# What a damaged index was seen to end in, or may.
_ODD = {"micromamba-failed", "damaged-package", "crashed"}

Answer = tuple[Mapping[str, object], SamjError | None]


def solve(
    tool: MicromambaTool,
    request: BuildRequest,
    target: str,
    feature: str,
    virtual: Mapping[str, str],
    *,
    fresh: bool = False,
) -> Plan:
    """Return the packages that the specification of `request` means.

    Parameters
    ----------
    tool : MicromambaTool
        Who solves; its executable is asked for.
    request : BuildRequest
        What is wanted, and who is told.
    target : str
        Platform, such as ``osx-arm64``.
    feature : str
        ``cpu`` or ``cuda``.
    virtual : mapping
        Variables that stand for the system that it is for.
    fresh : bool
        Ask the channels anew, however new what is stored of them is.

    Raises
    ------
    InstallError, NetworkError
        There is no solution, or no channel.
    """
    question = _Question(tool, request, target, feature, virtual)
    stored = has_index(tool.packages_dir)
    report, error = question.ask(*(FRESH if fresh else ()))
    if error is not None and error.code == "no-solution" and stored and not fresh:
        # It may have been added since: for an hour micromamba does not ask a server that does not tell it to.
        request.tell("resolve", "What is stored of the channels has no solution; asking them anew.")
        report, error = question.ask(*FRESH)
    error = question.explained(error)
    if error is not None and stored and _blames_the_index(error, tool):
        request.tell("resolve", "What is stored of the channels is damaged; fetching it anew.")
        drop_index(tool.packages_dir)
        report, error = question.ask()
        error = question.explained(error)
    if error is not None:
        raise error
    return read_plan(report, target, question.channels)


def virtual_packages(specification: Specification, target: str, feature: str) -> dict[str, str]:
    """Return the variables that stand for the system of `target`, whatever machine it is solved on."""
    system = {
        "linux": {"CONDA_OVERRIDE_LINUX": "4.18", "CONDA_OVERRIDE_GLIBC": "2.28"},
        "osx": {"CONDA_OVERRIDE_OSX": "13.0"},
    }
    cuda = specification.cuda if feature == "cuda" else ""
    return {**system.get(target.partition("-")[0], {}), "CONDA_OVERRIDE_CUDA": cuda}


class _Question:
    """One question to the solver, to be asked in several ways."""

    def __init__(
        self, tool: MicromambaTool, request: BuildRequest, target: str, feature: str, virtual: Mapping[str, str]
    ) -> None:
        self.tool, self.request, self.virtual = tool, request, virtual
        self.executable, _ = tool.find(request.progress, request.cancel)
        self.channels: Sequence[str] = channel_urls(request.specification, tool.settings)
        self.message = f"Asking {' and '.join(map(without_secrets, self.channels))} which packages are needed."
        self.arguments = ["create", "--yes", "--dry-run", "--prefix", str(request.prefix), "--override-channels"]
        if target != current_platform():
            self.arguments += ["--platform", target]
        for channel in self.channels:
            self.arguments += ["--channel", channel]
        self.arguments += request.specification.conda_specs(target, feature)

    def ask(self, *more: str) -> Answer:
        """Return its report, and what went wrong."""
        return self._ask("--json", *more)

    def explained(self, error: SamjError | None) -> SamjError | None:
        """Return `error`, or a better one for one that says little."""
        if error is None or error.code not in _VAGUE:
            return error
        return self._ask()[1] or error

    def _ask(self, *more: str) -> Answer:
        request, tool = self.request, self.tool
        request.tell("resolve", self.message)

        def tick() -> object:
            sizes = index_sizes(tool.packages_dir, tool.root / "tmp")
            request.tell("resolve", self.message, sum(size for _, size in sizes), unit="bytes")
            return sizes

        finished = tool.call(
            self.executable,
            [*self.arguments, *more],
            step=lambda: "solve",
            tick=tick,
            where=self.channels,
            cancel=request.cancel,
            variables=self.virtual,
        )
        report = read_report(finished.stdout)
        if finished.returncode == 0:
            return report, None
        if report.get("solver_problems"):
            return report, unsolvable(finished)
        return report, explain(finished, tool.settings, shutil.disk_usage(tool.root).free)


def _blames_the_index(error: SamjError, tool: MicromambaTool) -> bool:
    return error.code in _ODD or (error.code == "no-solution" and index_is_damaged(tool.packages_dir))
