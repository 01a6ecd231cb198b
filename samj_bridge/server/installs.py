"""Models being installed: one after the other, beside the prompts, with progress and cancel."""

from __future__ import annotations

import itertools
import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from samj_bridge.errors import Cancelled, SamjError
from samj_bridge.models import ModelEntry
from samj_bridge.progress import CancelToken, ProgressEvent
from samj_bridge.session.installing import Installed, install_model
from samj_bridge.settings import Settings

__all__ = ["Install", "Installs"]

_KEPT = 50
_numbers = itertools.count(1)


class Install:
    """One installation: how far it is, and what came of it."""

    def __init__(self, entry: ModelEntry) -> None:
        self.number = next(_numbers)
        self.entry = entry
        self.cancel = CancelToken()
        self.event: ProgressEvent | None = None
        self.future: Future[Installed] = Future()
        self.future.set_running_or_notify_cancel()
        self.begun = time.time()

    def note(self, event: ProgressEvent) -> None:
        """Note how far it is."""
        self.event = event

    @property
    def percent(self) -> int:
        """How much is done; -1: nobody knows."""
        event = self.event
        return -1 if event is None or not event.total else min(100, int(100 * event.done / event.total))

    @property
    def message(self) -> str:
        """What it does now, in words, with the megabytes."""
        event = self.event
        if event is None:
            return f"{self.entry.id} waits for its turn"
        if event.unit == "bytes" and event.total:
            return f"{event.message}: {event.done / 1e6:.0f} of {event.total / 1e6:.0f} MB"
        return event.message

    def describe(self) -> dict[str, Any]:
        """Return it as plain data."""
        state, error = "running", None
        if self.future.done():
            failed = self.future.exception()
            state = "done" if failed is None else "cancelled" if isinstance(failed, Cancelled) else "failed"
            if failed is not None:
                error = failed.to_dict() if isinstance(failed, SamjError) else {"message": type(failed).__name__}
        return {
            "install": self.number,
            "model": self.entry.id,
            "state": state,
            "message": self.message,
            "percent": self.percent,
            "error": error,
        }


class Installs:
    """The installations of a server.

    Parameters
    ----------
    settings : Settings
        Where the store is, and what may be done.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._pool = ThreadPoolExecutor(1, "samj-serve-install")
        self._all: dict[int, Install] = {}

    def start(self, entry: ModelEntry, *, accepted: str = "") -> Install:
        """Install a model, or return the installation of it that is under way.

        Parameters
        ----------
        entry : ModelEntry
            The model.
        accepted : str
            How its licence was accepted; empty: it was not.
        """
        for install in self.running():
            if install.entry.id == entry.id:
                return install
        install = Install(entry)
        self._all[install.number] = install
        for number in list(self._all)[:-_KEPT]:
            del self._all[number]
        self._pool.submit(self._do, install, accepted)
        return install

    def running(self) -> list[Install]:
        """Return those that are not at their end, the one that is worked on first."""
        return [install for install in list(self._all.values()) if not install.future.done()]

    def all(self) -> list[Install]:
        """Return the latest ones, those at their end too."""
        return list(self._all.values())

    def get(self, number: int) -> Install | None:
        """Return one by its number."""
        return self._all.get(number)

    def close(self) -> None:
        """Stop them all; what was fetched is kept for the next time."""
        for install in self.running():
            install.cancel.cancel()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _do(self, install: Install, accepted: str) -> None:
        try:
            install.cancel.check()
            done = install_model(
                install.entry,
                self._settings,
                accepted=accepted,
                progress=install.note,
                cancel=install.cancel,
            )
        except BaseException as error:  # noqa: BLE001 - whoever asked hears of it
            install.future.set_exception(error)
        else:
            install.future.set_result(done)
