"""Models as the panel sees them: which there are, their state, and their installation."""

from __future__ import annotations

from typing import Any

from samj_bridge.download.meter import amount
from samj_bridge.errors import Cancelled, ModelError, SamjError
from samj_bridge.fiji.jvm import java_class
from samj_bridge.fiji.watching import watched
from samj_bridge.models import ModelEntry, catalog, find_model, weights_file
from samj_bridge.models.by_hand import ask_for_it
from samj_bridge.models.obtain import downloads_of, source_of
from samj_bridge.models.store import Store
from samj_bridge.protocol.folders import list_folder
from samj_bridge.session.installing import install_model
from samj_bridge.settings import Settings

__all__ = ["install", "model_infos"]


def model_infos(settings: Settings) -> Any:
    """Return a Java array with a ``ModelInfo`` for every model of the catalog.

    Raises
    ------
    ModelError
        ``bad-catalog``.
    """
    import jpype

    info = java_class("org.samj.bridge.ModelInfo")
    return jpype.JArray(info)([_info(info, entry, settings) for entry in catalog(settings).values()])


def install(settings: Settings, model: str, licence_accepted: bool, progress: Any) -> None:
    """Install a model, telling a Java progress how far it is.

    Raises
    ------
    SamjError
        As `install_model`.
    """
    entry = find_model(model, settings)
    accepted = "panel" if licence_accepted else ""
    with watched(progress) as (tell, cancel):
        try:
            install_model(entry, settings, accepted=accepted, progress=tell, cancel=cancel)
        except Cancelled as error:
            message, kept = f"The installation of {model!r} was stopped.", _fetched_bytes(entry, Store(settings))
            if kept:
                message += f" The {amount(kept)} that came are kept: the next try goes on from there."
            raise Cancelled(message, kept=kept) from error


def _info(info: Any, entry: ModelEntry, settings: Settings) -> Any:
    store = Store(settings)
    installed = _is_installed(entry, settings)
    return info(
        entry.id,
        entry.title,
        installed,
        entry.size or 0,
        entry.licence_text,
        entry.good_for,
        entry.asks_licence,
        entry.homepage,
        "" if installed else _by_hand(entry, store),
        0 if installed else _fetched_bytes(entry, store),
    )


def _is_installed(entry: ModelEntry, settings: Settings) -> bool:
    try:
        weights_file(entry, settings)
    except ModelError as error:
        # A file that came before there was an environment is converted at its first use.
        return error.code == "model-not-converted"
    except SamjError:
        return False
    return True


def _by_hand(entry: ModelEntry, store: Store) -> str:
    """Say how a person gets the file where no program can or may; nothing where one can."""
    if entry.is_packaged:
        return ""
    source = source_of(entry, store)
    if source.urls and source.hashes:
        return ""
    if source.urls:
        return (
            f"No hash of its file is known, so that nobody can tell whether the right one comes from"
            f" {source.urls[0]}. If you trust that address, type in a terminal:"
            f" samj-bridge models install {entry.id} --allow-unverified"
        )
    asked = ask_for_it(entry, source, store.settings.incoming_dir)
    return f"{entry.obtain} To install it, {asked}; or press the button below."


def _fetched_bytes(entry: ModelEntry, store: Store) -> int:
    """Return how much of a model's file came in an installation that was not finished."""
    if entry.is_packaged:
        return 0
    listed = list_folder(downloads_of(entry, store))
    return max((part.status.st_size for part in listed if part.name.endswith(".part")), default=0)
