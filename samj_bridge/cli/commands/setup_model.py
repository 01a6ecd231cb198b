"""What ``samj-bridge setup`` says and asks about models: one to start with, never in the way."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from samj_bridge.cli.commands.models_change import accept
from samj_bridge.cli.commands.models_show import megabytes, state_of
from samj_bridge.errors import InputError
from samj_bridge.models import ModelEntry, catalog, find_model
from samj_bridge.models.store import Store
from samj_bridge.settings import Settings

__all__ = ["choose_model", "hint_of_models"]


def choose_model(
    settings: Settings, wanted: str, *, accept_licence: bool, ask: bool
) -> tuple[ModelEntry | None, str]:
    """Return the model to install besides the starter, or none, and how its licence was accepted.

    Parameters
    ----------
    settings : Settings
        Says which models there are.
    wanted : str
        Id of a model; empty: asked for, on a terminal where no model is installed yet.
    accept_licence : bool
        Whether its licence is accepted, whatever it is.
    ask : bool
        Whether somebody may be asked.

    Raises
    ------
    ModelError
        There is no such model.
    InputError
        What was typed is neither a number of the list nor an id.
    """
    entry = find_model(wanted, settings) if wanted else None
    if entry is None and ask and not settings.offline and _is_terminal():
        entry = _ask(settings)
    if entry is None or entry.is_packaged:
        return None, ""
    return entry, accept(entry, given=accept_licence, ask=ask)


def hint_of_models(settings: Settings) -> str:
    """Return the sentence that names the model to start with, its size and licence; empty where one is there."""
    store, start = Store(settings), _to_start_with(settings)
    if not start or _has_any(settings, store):
        return ""
    _, entry = start[0]
    licence = f"{megabytes(entry, store)}, {entry.licence_text}"
    return f"A stronger model, when you like ({licence}): samj-bridge models install {entry.id}. All: models list"


def _ask(settings: Settings) -> ModelEntry | None:
    store, choices = Store(settings), _to_start_with(settings)
    if not choices or _has_any(settings, store):
        return None
    say = sys.stderr.write
    say("\nThe starter model comes with the package. Others can be installed now, or at any time:\n")
    for number, (kind, entry) in enumerate(choices, 1):
        size = megabytes(entry, store).replace("?", "size unknown")
        say(f"  {number}  {kind}: {entry.id} ({size}; licence: {entry.licence_text})\n")
    say("Type a number or an id, or press Enter for none: ")
    sys.stderr.flush()
    typed = sys.stdin.readline().strip()
    if not typed or typed.lower() in ("n", "no", "none"):
        return None
    if not typed.isdigit():
        return find_model(typed, settings)
    if not 1 <= int(typed) <= len(choices):
        message = f"There is no number {typed} in the list."
        raise InputError(message, code="bad-choice", hint="Run samj-bridge setup again; Enter means none.")
    return choices[int(typed) - 1][1]


def _to_start_with(settings: Settings) -> Sequence[tuple[str, ModelEntry]]:
    return [(item.image, entry) for entry in catalog(settings).values() for item in entry.recommended]


def _has_any(settings: Settings, store: Store) -> bool:
    return any(state_of(entry, store) for entry in catalog(settings).values() if not entry.is_packaged)


def _is_terminal() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()
