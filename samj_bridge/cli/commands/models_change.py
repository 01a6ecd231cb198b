"""``samj-bridge models install|import|remove|verify``: what changes the store, or reads all of it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from samj_bridge.cli.result import Line, Result, styled
from samj_bridge.download.reply import shown
from samj_bridge.errors import Cancelled, ModelError, SamjError
from samj_bridge.models import ModelEntry, catalog, find_model
from samj_bridge.models.obtain import downloads_of, known_record, source_of
from samj_bridge.models.store import Store
from samj_bridge.models.verifying import Verdict, verify
from samj_bridge.models.wheels import wheels_of
from samj_bridge.progress import CancelToken, Progress
from samj_bridge.session.installing import Installed, import_model, install_model
from samj_bridge.settings import Settings, package_index

__all__ = ["InstallRequest", "accept", "run_import", "run_install", "run_remove", "run_verify"]


@dataclass(frozen=True)
class InstallRequest:
    """What to install, and what is allowed."""

    models: Sequence[str]
    """Ids."""
    accept_licence: bool = False
    """Whether licences that must be accepted are."""
    folder: Path | None = None
    """Take the files from there."""
    allow_unverified: bool = False
    """Whether a file without a known hash may be taken."""
    ask: bool = True
    """Whether somebody may be asked on the terminal."""


def run_install(request: InstallRequest, settings: Settings, *, progress: Progress, cancel: CancelToken) -> Result:
    """Install models; one that fails is reported, and the others are installed all the same."""
    # All ids first: a slip in the last one is told before the first gigabyte.
    entries = [find_model(name, settings) for name in dict.fromkeys(request.models)]
    # All questions before the first download, too: nobody has to sit and wait for the next one.
    accepted = {
        entry.id: accept(
            entry, given=request.accept_licence, ask=request.ask and not _is_installed(entry, settings)
        )
        for entry in entries
    }
    done: list[Installed] = []
    failures: list[SamjError] = []
    lines: list[Line] = []
    for entry in entries:
        cancel.check()
        if entry.is_packaged:
            lines.append(f"{entry.id} is part of the package: nothing to install.")
            continue
        if not _is_installed(entry, settings):
            _announce(entry, request.folder, settings)
        try:
            installed = install_model(
                entry,
                settings,
                accepted=accepted[entry.id],
                folder=request.folder,
                allow_unverified=request.allow_unverified,
                progress=progress,
                cancel=cancel,
            )
        except Cancelled:
            raise
        except SamjError as error:
            failures.append(error)
            continue
        done.append(installed)
        lines += _said(installed)
    data = {"installed": [_data(item) for item in done]}
    return Result("models install", data=data, lines=lines, failures=failures)


def run_import(
    settings: Settings, file: Path, *, name: str, transform: str, progress: Progress, cancel: CancelToken
) -> Result:
    """Add a checkpoint of the user's own."""
    installed = import_model(file, settings, name=name, transform=transform, progress=progress, cancel=cancel)
    entry = installed.entry
    if entry.origin != "user":
        first: Line = styled(f"{file.name} is the file of ", (entry.id, "green"), ", and installed as that.")
    elif installed.new:
        first = styled((entry.id, "green"), f" is a {entry.architecture}; transform {entry.transform}.")
    else:
        first = f"{entry.id} is imported already."
    lines = [
        first,
        *_notes(installed),
        f"Use it: samj-bridge segment IMAGE --model {entry.id}",
    ]
    return Result("models import", data=_data(installed), lines=lines)


def run_remove(settings: Settings, models: Sequence[str]) -> Result:
    """Remove models, and what was fetched of them."""
    store, known = Store(settings), catalog(settings)
    removed, lines = [], []
    for name in dict.fromkeys(models):
        entry = known.get(name)
        if entry is None and not store.has_record(name):
            entry = find_model(name, settings)
        if entry is not None and entry.is_packaged:
            message = f"The model {name!r} is part of the package: it can't be removed."
            raise ModelError(message, code="packaged", hint="It takes 2 MB.", model=name)
        freed = store.remove(name, downloads_of(entry, store) if entry is not None else None)
        removed.append({"id": name, "freed_bytes": freed})
        shared = "" if freed else " (its file is still used by another model)"
        lines.append(f"Removed {name}: {freed / 1e6:,.0f} MB freed{shared}.")
    return Result("models remove", data={"removed": removed}, lines=lines)


def run_verify(settings: Settings, models: Sequence[str], *, progress: Progress, cancel: CancelToken) -> Result:
    """Hash what is installed again."""
    store = Store(settings)
    for name in models:
        find_model(name, settings)
    verdicts = verify(store, models, progress=progress, cancel=cancel)
    lines = list(map(_verdict_line, verdicts))
    if not verdicts:
        lines = ["No model is installed: the starter is part of the package."]
    good = all(item.ok for item in verdicts)
    return Result("models verify", data={"models": [asdict(item) for item in verdicts]}, lines=lines, ok=good)


def accept(entry: ModelEntry, *, given: bool, ask: bool) -> str:
    """Show a licence that must be accepted, and ask for it; returns how it was accepted, or nothing.

    Nobody is asked without a terminal: then only the option counts.
    """
    if not entry.asks_licence:
        return ""
    if given:
        return "--accept-licence"
    if not ask or not sys.stdin.isatty() or not sys.stderr.isatty():
        return ""
    sys.stderr.write(f"\n{entry.title}\nLicence: {entry.licence_text}\n")
    if entry.homepage:
        sys.stderr.write(f"Page: {entry.homepage}\n")
    sys.stderr.write("samj-bridge can't tell whether you may use it as you want to. Accept its licence? [y/N] ")
    sys.stderr.flush()
    return "asked" if sys.stdin.readline().strip().lower() in ("y", "yes") else ""


def _announce(entry: ModelEntry, folder: Path | None, settings: Settings) -> None:
    """Say under which licence and from where, before the first byte is fetched."""
    size = f", {entry.size / 1e6:,.0f} MB" if entry.size else ""
    urls = source_of(entry, Store(settings)).urls
    wheels = [] if settings.model_mirror else wheels_of(entry)
    index = f" ({shown(package_index(settings))})" if wheels else ""
    places = [*map(shown, urls[:1]), *(f"the wheel of {wheel.title}{index}" for wheel in wheels)]
    where = folder or (" or ".join(places) if places and not settings.offline else settings.incoming_dir)
    sys.stderr.write(f"{entry.id}{size}. Licence: {entry.licence_text}. From: {where}\n")
    sys.stderr.flush()


def _is_installed(entry: ModelEntry, settings: Settings) -> bool:
    return known_record(entry, Store(settings)) is not None


def _verdict_line(verdict: Verdict) -> Line:
    colour = "green" if verdict.ok else "red"
    return styled((verdict.status, colour), f" {verdict.id}: {verdict.message}")


def _said(installed: Installed) -> list[Line]:
    entry, record = installed.entry, installed.record
    if not installed.new and installed.converted:
        return [f"{entry.id} is installed already.", *_notes(installed)]
    size, licence = f"{record.size / 1e6:,.0f} MB", entry.licence_text
    lines: list[Line] = [styled((entry.id, "green"), f" is installed: {size}. Licence: {licence}.")]
    if not record.verified:
        lines.append(f"No hash of it was known: its own has to be met from now on (sha256:{record.source}).")

    lines += _notes(installed)
    if not installed.converted:
        lines.append("There is no environment yet (samj-bridge setup): it is converted when it is first used.")

    lines.append(f"Use it: samj-bridge segment IMAGE --model {entry.id}")
    if entry.citation:
        lines.append(f"Please cite: {entry.citation}")
    return lines


def _notes(installed: Installed) -> list[Line]:
    weights = installed.record.weights
    return [f"Note: {note}." for note in (weights.notes if weights is not None else ())]


def _data(installed: Installed) -> dict[str, object]:
    return {
        "id": installed.entry.id,
        "new": installed.new,
        "converted": installed.converted,
        "transform": installed.entry.transform,
        "record": asdict(installed.record),
    }
