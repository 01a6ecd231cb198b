"""The hand-over card: what a program without Python needs to start the worker, in one file of the home folder.

``worker.json``; docs/reference/protocol.md says what each field means. The Java segmenter (java_glue) lives on it.
"""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from samj_bridge.errors import SamjError
from samj_bridge.install.prefixes.environment import activation, find_environment, lease_of, write_text_atomically
from samj_bridge.models import ModelEntry, catalog, weights_file
from samj_bridge.protocol import PROTOCOL_VERSION
from samj_bridge.session.connection.bundle import write_bundle
from samj_bridge.session.connection.launcher import options_for, worker_command
from samj_bridge.settings import Settings
from samj_bridge.version import __version__

__all__ = ["CARD_NAME", "Card", "CardModel", "card_of", "refresh_card"]

CARD_NAME = "worker.json"
"""Name of the file, in ``SAMJ_HOME``."""
_FORMAT = 1

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class CardModel:
    """An installed model, as ``load`` takes it and as people are shown it."""

    id: str
    """Name for programs, and ``model`` of the request."""
    title: str
    """What it is, in a line."""
    family: str
    """Name in the worker's table of families."""
    architecture: str
    """Which network of the family."""
    transform: str
    """How an image becomes the network's input."""
    checkpoint: str
    """Absolute path of the weights."""
    prompts: tuple[str, ...]
    """Prompts that it takes."""
    size_bytes: int
    """Size of its download; 0 where it needs none or nobody knows."""
    licence: str
    """Licence of the weights, in words."""
    good_for: str
    """What it is good for."""


@dataclass(frozen=True)
class Card:
    """Everything on the card."""

    format: int
    """Number of this form; it rises when a reader of an older one would go wrong."""
    version: str
    """Version of samj-bridge that wrote it."""
    protocol: str
    """Version of the protocol that the worker speaks."""
    command: tuple[str, ...]
    """Complete command that starts a worker, but for ``--host PID``."""
    python: str
    """The interpreter in it."""
    bundle: str
    """The worker's code in it; its folder is the working directory."""
    path: tuple[str, ...]
    """Folders to put in front of ``PATH``."""
    variables: Mapping[str, str]
    """Variables to set besides."""
    logs: str
    """Folder for the worker's stderr."""
    device: str
    """``device`` for ``load``."""
    precision: str
    """``precision`` for ``load``."""
    timeout_s: float
    """Seconds without a sign of life after which a call is given up."""
    models: tuple[CardModel, ...]
    """The installed models, the recommended one first."""


def card_of(settings: Settings) -> Card | None:
    """Return the card for the environment that is in use; None: there is none.

    Raises
    ------
    SamjError
        The bundle can't be written, or a catalog or the file of settings is wrong.
    """
    environment = find_environment(settings)
    if environment is None:
        return None
    # What lasts: a variable or an option of one call must not decide how Java starts workers from then on.
    lasting = _lasting(settings)
    bundle = write_bundle(lasting)
    folders, variables = activation(environment)
    command = worker_command(environment.python, bundle, lasting, options_for(environment, lasting))
    if not environment.adopted:
        # Who has no Python can't hold the environment as a session does, so the worker does it.
        command += ["--hold", str(lease_of(environment))]
    entries = ((entry, _weights(entry, lasting)) for entry in catalog(lasting).values())
    return Card(
        format=_FORMAT,
        version=__version__,
        protocol=PROTOCOL_VERSION,
        command=tuple(command),
        python=str(environment.python),
        bundle=str(bundle),
        path=tuple(map(str, folders)),
        variables=variables,
        logs=str(lasting.logs_dir),
        device=lasting.device,
        precision=lasting.precision,
        timeout_s=lasting.timeout_s,
        models=tuple(_model(entry, weights) for entry, weights in entries if weights is not None),
    )


def refresh_card(settings: Settings) -> None:
    """Write the card anew if it says something else now; remove it where there is no environment any more.

    Called whenever an environment, the bundle or a model may have changed. It never fails: nothing here depends on
    the card, and a home that others look after is often read-only.
    """
    path = settings.home / CARD_NAME
    try:
        card = card_of(settings)
        if card is None:
            with contextlib.suppress(FileNotFoundError):
                path.unlink()
            return
        text = _text(card)
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            write_text_atomically(path, text)
    except (OSError, ValueError, SamjError) as error:
        _log.info("%s could not be brought up to date: %s", path, error)


def _lasting(settings: Settings) -> Settings:
    if settings.home == Settings().home:
        return Settings.from_environment({})
    return Settings.from_environment({}, home=settings.home)


def _weights(entry: ModelEntry, settings: Settings) -> Path | None:
    try:
        return weights_file(entry, settings)
    except SamjError:
        return None


def _model(entry: ModelEntry, weights: Path) -> CardModel:
    return CardModel(
        id=entry.id,
        title=entry.title,
        family=entry.family,
        architecture=entry.architecture,
        transform=entry.transform,
        checkpoint=str(weights.absolute()),
        prompts=entry.prompts,
        size_bytes=entry.size or 0,
        licence=entry.licence_text,
        good_for=entry.good_for,
    )


def _text(card: Card) -> str:
    values: dict[str, Any] = {**vars(card), "models": [vars(model) for model in card.models]}
    return json.dumps(values, indent=1, ensure_ascii=False) + "\n"
