"""Models chosen and installed from the widget, beside the prompts: a download of gigabytes holds up no click."""

from __future__ import annotations

from collections.abc import Callable

from samj_bridge.errors import SamjError
from samj_bridge.models import ModelEntry, catalog, is_installed
from samj_bridge.napari.form import Form
from samj_bridge.napari.working import Job, Work
from samj_bridge.session.installing import Installed, install_model
from samj_bridge.settings import Settings

__all__ = ["Models"]


class Models:
    """What the list of models offers, and the installation of one.

    Parameters
    ----------
    form : Form
        Has the list, and the row below it.
    settings : Settings
        Where models live.
    ready : callable
        Called when a model that is chosen can be used now.
    """

    def __init__(self, form: Form, settings: Settings, ready: Callable[[], None]) -> None:
        self.work = Work()
        self._form = form
        self._settings = settings
        self._ready = ready
        self._missing: dict[str, ModelEntry] = {}
        self._installing = ""
        self.work.told.connect(self._tell)
        self.work.failed.connect(self._failed)
        self.work.idle.connect(self._rest)
        form.on_model(self._show)
        form.row.on_button(self.press)
        self.look()

    def look(self) -> None:
        """Offer what there is now: some may have been installed meanwhile, by other programs too."""
        entries = list(catalog(self._settings).values())
        here = [entry for entry in entries if is_installed(entry, self._settings)]
        missing = [entry for entry in entries if entry not in here]
        self._missing = {entry.id: entry for entry in missing}
        offered = [(entry.id, entry.title, entry.good_for) for entry in here]
        offered += [(entry.id, f"{entry.title} (not installed)", entry.good_for) for entry in missing]
        self._form.list_models(offered)
        self._show()

    def is_ready(self) -> bool:
        """Whether the model that is chosen can be asked; if not, say what to do."""
        entry = self._missing.get(self._form.model())
        if entry is None:
            return True
        self._form.say(f"{entry.title} is not installed yet: press Install, or choose another model.", bad=True)
        return False

    def press(self) -> None:
        """Install the model that is chosen, or stop that."""
        entry = self._missing.get(self._form.model())
        if self._installing:
            self.work.cancel()
        elif entry is not None and entry.asks_licence and not self._form.row.accepts.isChecked():
            self._form.row.say(
                f"Nothing was fetched. Read the licence first, and tick the box: {entry.licence_text}."
            )
        elif entry is not None:
            accepted = "asked" if entry.asks_licence else ""
            self._installing = entry.id
            self._show()
            self.work.submit(
                Job(
                    f"The installation of {entry.id}",
                    lambda progress, cancel: install_model(
                        entry, self._settings, accepted=accepted, progress=progress, cancel=cancel
                    ),
                    self._done,
                )
            )

    def close(self) -> None:
        """Stop an installation; what was fetched is kept for the next time."""
        self.work.close(lambda: None)

    def _show(self) -> None:
        # While one is being installed, its row stays, whatever is chosen: only one comes at a time.
        entry = self._missing.get(self._installing or self._form.model())
        self._form.row.show_model(entry, runs=bool(self._installing))

    def _tell(self, news: tuple[str, float]) -> None:
        self._form.row.tell(news)

    def _done(self, installed: Installed) -> None:
        self._installing = ""
        self.look()
        self._form.say(f"{installed.entry.title} is installed.")
        if self._form.model() == installed.entry.id:
            self._ready()

    def _failed(self, error: SamjError) -> None:
        self._rest()
        self._form.row.say(str(error))

    def _rest(self) -> None:
        if self._installing and not self.work.busy:
            said = self._form.row.words.text()
            self._installing = ""
            self._show()
            self._form.row.say(said)
