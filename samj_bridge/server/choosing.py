"""Which of our models serves what a client calls its model."""

from __future__ import annotations

import time
from collections.abc import Sequence

from samj_bridge.errors import InputError, ModelError
from samj_bridge.models import ModelEntry, catalog, is_installed
from samj_bridge.settings import Settings

__all__ = ["TYPES", "Models"]

TYPES = {
    "vit_h": "sam-vit-h",
    "vit_l": "sam-vit-l",
    "vit_b": "sam-vit-b",
    "vit_t": "mobile-sam",
    "sam2_l": "sam2.1-large",
    "sam2_bp": "sam2.1-base-plus",
    "sam2_s": "sam2.1-small",
    "sam2_t": "sam2.1-tiny",
    "sam3": "",
}
"""What samapi calls a model, and the architecture that it is; empty: there is none here."""

_FRESH_S = 2.0
"""Seconds for which the list of models is believed: another process may install one."""
_OURS = "samj:"


class Models:
    """The models that are installed, and which one is meant.

    Parameters
    ----------
    settings : Settings
        Where they are.
    usual : str
        The model for whoever names none.
    """

    def __init__(self, settings: Settings, usual: str = "starter") -> None:
        self._settings = settings
        self.usual = usual
        self._entries: dict[str, ModelEntry] = {}
        self._installed: list[ModelEntry] = []
        self._read_at = -_FRESH_S

    def installed(self) -> list[ModelEntry]:
        """Return the models that can be asked, the usual one last."""
        self._read()
        return self._installed

    def everything(self) -> list[ModelEntry]:
        """Return every model of the catalogs."""
        self._read()
        return list(self._entries.values())

    def stale(self) -> None:
        """Look anew at the next question."""
        self._read_at = -_FRESH_S

    def entry(self, name: str) -> ModelEntry:
        """Return a model by its id, ours before it or not.

        Raises
        ------
        ModelError
            ``unknown-model``, or ``model-not-installed``.
        """
        self._read()
        name = name.removeprefix(_OURS)
        entry = self._entries.get(name)
        if entry is None:
            known = ", ".join(item.id for item in self._installed)
            message = f"There is no model {name!r:.80}."
            raise ModelError(message, code="unknown-model", hint=f"Installed: {known}.")
        if entry not in self._installed:
            message = f"The model {name!r} is not installed."
            hint = f"Install it: samj-bridge models install {name}"
            raise ModelError(message, code="model-not-installed", hint=hint)
        return entry

    def of_type(self, kind: str) -> Sequence[ModelEntry]:
        """Return what serves a type of samapi: models of that architecture, those without a type, the usual one.

        Raises
        ------
        InputError
            ``unknown-type``.
        """
        if kind not in TYPES:
            message = f"There is no type {kind!r:.40}."
            raise InputError(message, code="unknown-type", hint=f"Types: {', '.join(TYPES)}.")
        architectures = set(TYPES.values())
        own = [entry for entry in self.installed() if entry.architecture == TYPES[kind] and entry.id != self.usual]
        others = [entry for entry in self._installed if entry.architecture not in architectures]
        rest = [entry for entry in others if entry.id != self.usual]
        return [*own, *rest, *(entry for entry in self._installed if entry.id == self.usual)]

    def for_type(self, kind: str, address: str | None) -> ModelEntry:
        """Return the model that a request of samapi means: its type, and the address of a file or one of ours.

        Raises
        ------
        InputError, ModelError
            As `of_type` and `entry`.
        """
        serving = self.of_type(kind)
        if address is not None and address.startswith(_OURS) and address.removeprefix(_OURS) not in TYPES:
            return self.entry(address)
        own = [entry for entry in serving if address and address in (entry.url, *entry.mirrors)]
        architecture = [entry for entry in serving if entry.architecture == TYPES[kind]]
        return (own or architecture or [entry for entry in serving if entry.id == self.usual] or list(serving))[0]

    def named(self, name: str, address: str) -> ModelEntry | None:
        """Return the model of the catalogs that a name or an address stands for; None: neither does."""
        self._read()
        for word in (address.strip(), name.strip()):
            entry = self._entries.get(word.removeprefix(_OURS))
            if entry is not None:
                return entry
            for other in self._entries.values():
                if word and word in (other.url, *other.mirrors):
                    return other
        return None

    @staticmethod
    def address(entry: ModelEntry) -> str:
        """Return what a client is to send as the model's address."""
        return _OURS + entry.id

    def _read(self) -> None:
        now = time.monotonic()
        if now - self._read_at < _FRESH_S:
            return
        self._entries = dict(catalog(self._settings))
        found = [entry for entry in self._entries.values() if is_installed(entry, self._settings)]
        self._installed = sorted(found, key=lambda entry: entry.id == self.usual)
        self._read_at = now
