"""Models that are not installed: size, licence, an installation with progress and cancel, beside the clicks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fakes.file_server import FileServer, serve
from fakes.model_files import FileContent, offer, table, write_catalog
from person import Person

from samj_bridge import Session, Settings
from samj_bridge.download import digest_file
from samj_bridge.models import find_model
from samj_bridge.napari.asking import Asker
from samj_bridge.napari.model_row import NameList


@pytest.fixture
def files(monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with serve(FileServer()) as served:
        yield served


@pytest.fixture
def opened() -> list[str]:
    """Return the models that were opened, in that order."""
    return []


@pytest.fixture
def asker(session: Session, files: FileServer, opened: list[str], tmp_path: Path) -> Asker:
    """A home whose laboratory offers the starter under two other names, one with a licence of its own."""
    ready = Settings.from_environment()
    home = tmp_path / "home"
    home.mkdir()
    (home / "envs").symlink_to(ready.home / "envs", target_is_directory=True)
    weights = find_model("starter", ready).file
    assert weights is not None
    digests = digest_file(weights)
    known = {"size": digests.size, "hashes": list(digests.as_hashes()), "good_for": "nuclei of the laboratory"}
    url = offer(files, "/lab/weights.safetensors", FileContent(weights))
    models = {
        "lab_model": {**table(url), **known, "title": "The laboratory's model"},
        "strict_model": {**table(url), **known, "title": "The strict one", "licence": "Ours, for looking only"},
    }
    catalog = str(write_catalog(tmp_path / "lab.toml", **models))

    def open_session(model: str, **_options: Any) -> Session:
        opened.append(model)
        return session

    asker = Asker(Settings(home=home, catalog=catalog), open_session)
    asker.close = asker.forget_images  # type: ignore[method-assign]
    return asker


def choose(person: Person, model: str) -> None:
    """Choose from the list by keyboard, as somebody does."""
    box = person.widget.form._models
    names = [box.itemData(row) for row in range(box.count())]
    box.setCurrentIndex(names.index(model))
    person.settle()


def check_a_model_is_installed_beside_the_clicks_and_then_asked(
    person: Person, files: FileServer, opened: list[str], pixels: Any
) -> None:
    image = person.viewer.add_image(pixels, name="blobs")
    widget = person.open()
    row = widget.form.row
    assert not row.isVisible()
    box = widget.form._models
    assert box.itemText(0).startswith("Starter")
    assert "The laboratory's model (not installed)" in [box.itemText(number) for number in range(box.count())]
    choose(person, "lab-model")
    assert row.isVisible()
    assert "MB, licence: MIT. Good for nuclei of the laboratory." in row.words.text()
    assert not row.accepts.isVisible()
    # A click with it says what is missing, and nothing is fetched.
    widget.start()
    person.click((42, 106), image)
    person.wait()
    assert "is not installed yet: press Install" in widget.form.line.text()
    assert widget.candidates == []
    assert files.requests == []
    files.bytes_per_s = 2e5
    row.button.click()
    person.qtbot.waitUntil(lambda: " MB of " in row.words.text(), timeout=120_000)
    assert row.bar.isVisible()
    assert row.button.text() == "Cancel the installation"
    # Meanwhile the starter answers.
    choose(person, "starter")
    person.wait()
    assert widget.candidates
    assert opened == ["starter"]
    assert widget.models.work.busy
    # Cancelled; what was fetched is kept for the next time.
    row.button.click()
    person.qtbot.waitUntil(lambda: not widget.models.work.busy, timeout=120_000)
    choose(person, "lab-model")
    assert row.button.text() == "Install"
    files.bytes_per_s = 0
    row.button.click()
    person.qtbot.waitUntil(lambda: not row.isVisible(), timeout=120_000)
    assert files.requests[-1].range.startswith("bytes=")
    # The prompts that are there are asked with it now.
    person.wait()
    assert opened == ["starter", "lab-model"]
    assert widget.candidates
    assert "The laboratory's model" in [box.itemText(number) for number in range(box.count())]


def check_nothing_is_fetched_before_a_licence_is_accepted(person: Person, files: FileServer, pixels: Any) -> None:
    person.viewer.add_image(pixels, name="blobs")
    widget = person.open()
    row = widget.form.row
    choose(person, "strict-model")
    assert "licence: Ours, for looking only" in row.words.text()
    assert row.accepts.isVisible()
    row.button.click()
    person.settle()
    assert "Nothing was fetched" in row.words.text()
    assert "Ours, for looking only" in row.words.text()
    assert files.requests == []
    # What goes wrong is said, and can be tried again.
    files.files.clear()
    row.accepts.setChecked(True)
    row.button.click()
    person.qtbot.waitUntil(lambda: not widget.models.work.busy and row.button.text() == "Install", timeout=120_000)
    assert "404" in row.words.text()
    weights = find_model("starter", person.asker.settings).file
    assert weights is not None
    offer(files, "/lab/weights.safetensors", FileContent(weights))
    row.accepts.setChecked(True)
    row.button.click()
    person.qtbot.waitUntil(lambda: not row.isVisible(), timeout=120_000)
    assert "The strict one is installed." in widget.form.line.text()


def check_an_installation_ends_with_the_widget(person: Person, files: FileServer, pixels: Any) -> None:
    person.viewer.add_image(pixels, name="blobs")
    widget = person.open()
    choose(person, "lab-model")
    files.bytes_per_s = 1e5
    widget.form.row.button.click()
    person.qtbot.waitUntil(lambda: " MB of " in widget.form.row.words.text(), timeout=120_000)
    widget.end()
    thread = widget.models.work._thread
    assert thread is not None
    thread.join(60)
    assert not thread.is_alive()


def check_a_name_that_is_cut_off_ends_in_dots_and_is_whole_in_the_open_list(qtbot: Any) -> None:
    box = NameList()
    qtbot.addWidget(box)
    name = "micro-sam electron microscopy organelles, MobileSAM (not installed)"
    box.addItem(name, "id")
    box.resize(160, 30)
    box.show()
    qtbot.waitExposed(box)
    assert box.shown().endswith("…")
    assert name.startswith(box.shown()[:-1])
    assert box.about() == name
    box.showPopup()
    assert box.view().width() >= box.fontMetrics().horizontalAdvance(name)
    box.hidePopup()
    box.resize(900, 30)
    assert box.shown() == name
