"""What a builder is: it fills an empty prefix. Everything around that is the manager's business."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Protocol

from samj_bridge.errors import InputError, InstallError
from samj_bridge.install.builders import BUILDERS
from samj_bridge.install.locks.explicit import ExplicitLock
from samj_bridge.install.locks.pypi import PypiLock
from samj_bridge.install.specification import Specification
from samj_bridge.progress import CancelToken, Progress, ProgressEvent, notify
from samj_bridge.settings import Settings

__all__ = ["BuildRequest", "Builder", "Built", "addresses_of", "choose_builder"]


@dataclass(frozen=True)
class BuildRequest:
    """One order to a builder."""

    specification: Specification
    """What to install."""
    prefix: Path
    """Where to: a folder that doesn't exist yet. Nothing outside of it but caches may be written."""
    progress: Progress
    """Told of the stages ``resolve``, ``download`` and ``install``."""
    cancel: CancelToken | None
    """When set, `Cancelled` is to be raised within two seconds, and nothing left running."""
    lock: ExplicitLock | None = None
    """The very packages to install, for a builder of conda's, instead of what would be solved."""
    pypi_lock: PypiLock | None = None
    """The very packages to install, for a builder of PyPI's, instead of the specification's own lock."""

    def tell(self, stage: str, message: str, done: float = 0.0, total: float | None = None, unit: str = "") -> None:
        """Report one step."""
        notify(self.progress, ProgressEvent(stage, message, done, total, unit))


@dataclass(frozen=True)
class Built:
    """What a builder made."""

    python: Path
    """The interpreter, inside the prefix."""
    feature: str
    """``cpu`` or ``cuda``: which build of the networks' library it holds."""
    notes: tuple[str, ...] = ()
    """What the user may want to know later: choices made and why."""


class Builder(Protocol):
    """Makes environments in one way.

    The manager has the lock, has chosen the prefix, tries the result out, and removes the prefix when
    anything is raised. A builder raises `SamjError` only.
    """

    name: str
    """The name in the table."""

    def obstacle(self, specification: Specification) -> str:
        """Say in a clause why it can't work here; empty: it can, as far as a quick look tells."""
        ...

    def addresses(self, specification: Specification) -> tuple[str, ...]:
        """Return what has to answer for it to work here: one address on each server or channel; empty: nothing."""
        ...

    def build(self, request: BuildRequest) -> Built:
        """Fill ``request.prefix``."""
        ...


def choose_builder(
    wanted: str | Builder | None, specification: Specification, settings: Settings
) -> tuple[Builder, str]:
    """Return the builder to use, and a sentence that says why.

    Parameters
    ----------
    wanted : str, Builder or None
        A name of the table, ``auto``, a builder itself, or None for what the settings say.

    Raises
    ------
    InputError
        There is no builder of this name.
    InstallError
        The builder, or with ``auto`` each of them, can't work here.
    """
    wanted = settings.builder if wanted is None else wanted
    if not isinstance(wanted, str):
        return wanted, f"{wanted.name}: given by the caller"
    if wanted != "auto" and wanted not in BUILDERS:
        message = f"There is no builder {wanted!r}."
        raise InputError(message, code="no-builder", hint=f"Choose one of: auto, {', '.join(BUILDERS)}.")
    names = list(BUILDERS) if wanted == "auto" else [wanted]
    builders = [_make(name, settings) for name in names]
    obstacles = {builder.name: builder.obstacle(specification) for builder in builders}
    able = [builder for builder in builders if not obstacles[builder.name]]
    if not able:
        listed = "; ".join(f"{name}: {obstacle}" for name, obstacle in obstacles.items())
        message = f"No environment can be made here ({listed})."
        raise InstallError(message, code="no-builder", hint="Run samj-bridge doctor to see what is missing.")
    if wanted != "auto":
        return able[0], f"{wanted}: asked for"
    passed_over = [f"{name} can't: {obstacle}" for name, obstacle in obstacles.items() if obstacle]
    return _reaching(able, passed_over, specification, settings)


def addresses_of(settings: Settings, specification: Specification) -> dict[str, tuple[str, ...]]:
    """Return what each builder that could work here has to reach, by name of the builder."""
    builders = (_make(name, settings) for name in BUILDERS)
    return {
        builder.name: builder.addresses(specification)
        for builder in builders
        if not builder.obstacle(specification)
    }


def _reaching(
    able: Sequence[Builder], passed_over: list[str], specification: Specification, settings: Settings
) -> tuple[Builder, str]:
    """Return the first builder whose servers answer, or else the last, which may have all it needs in its cache."""
    if len(able) == 1 or settings.offline:
        why = "offline, and the first that can work here" if settings.offline else "the first that can work here"
        return able[0], f"{able[0].name}: {'; '.join([why, *passed_over])}"
    # Imported here: http and TLS are nothing to those who only look for their environment.
    from samj_bridge.install.reach import ask_all

    addresses = {builder.name: builder.addresses(specification) for builder in able}
    answers = ask_all((url for urls in addresses.values() for url in urls), settings)
    for builder in able:
        silent = [answers[url] for url in addresses[builder.name] if not answers[url].ok]
        if not silent:
            why = "its servers answer" if addresses[builder.name] else "it needs no server"
            return builder, f"{builder.name}: {'; '.join([why, *passed_over])}"
        unreached = ", ".join(f"{answer.host} ({answer.reason})" for answer in silent)
        passed_over.append(f"{builder.name} can't reach {unreached}")
    return able[-1], f"{able[-1].name}: no server can be reached, trying its cache; {'; '.join(passed_over)}"


def _make(name: str, settings: Settings) -> Builder:
    make_builder: Callable[[Settings], Builder] = import_module(BUILDERS[name]).make_builder
    return make_builder(settings)
