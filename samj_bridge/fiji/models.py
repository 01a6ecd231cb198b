"""Models as the panel sees them: which there are, their state, and their installation."""

from __future__ import annotations

from typing import Any

from samj_bridge.download.meter import amount
from samj_bridge.errors import Cancelled
from samj_bridge.fiji.jvm import java_class
from samj_bridge.fiji.watching import watched
from samj_bridge.models import ModelEntry, catalog, find_model, is_installed
from samj_bridge.models.offer import by_hand_words, fetched_bytes
from samj_bridge.models.store import Store
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
            message, kept = f"The installation of {model!r} was stopped.", fetched_bytes(entry, Store(settings))
            if kept:
                message += f" The {amount(kept)} that came are kept: the next try goes on from there."
            raise Cancelled(message, kept=kept) from error


def _info(info: Any, entry: ModelEntry, settings: Settings) -> Any:
    store = Store(settings)
    installed = is_installed(entry, settings)
    return info(
        entry.id,
        entry.title,
        installed,
        entry.size or 0,
        entry.licence_text,
        entry.good_for,
        entry.asks_licence,
        entry.homepage,
        "" if installed else by_hand_words(entry, store),
        0 if installed else fetched_bytes(entry, store),
    )
