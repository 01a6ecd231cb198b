"""A disk that is full while the panel installs a model: words, nothing half-made, and a button that works again."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from desktop import Desktop, named, on_event_thread, rest, wait_for
from fakes.disks import disk, fill
from fakes.file_server import FileServer, serve
from fakes.model_files import FileContent, offer, table, write_catalog
from workbench import BLOB, choose_tool, managed, panel_says, prompt_of, to_front

from samj_bridge.fiji.segmenter import SessionSegmenter
from samj_bridge.install import adopt_environment
from samj_bridge.models import find_model, weights_file
from samj_bridge.models.store import Store
from samj_bridge.settings import Settings

pytestmark = pytest.mark.worker

WEIGHTS = weights_file(find_model("starter"))
SIZE = WEIGHTS.stat().st_size
LABEL = f"({SIZE / 1e6:.1f} MB, MIT)"


@dataclass(frozen=True)
class Bed:
    """What a test works with."""

    folder: Path
    """Where the small disk is."""
    server: FileServer
    store: Store

    def half_made(self) -> list[str]:
        """Return the files that look as if a model were installed, or half of it."""
        parts = ("records", "sources", "weights")
        return [str(path) for part in parts for path in (self.store.folder / part).glob("*")]


@pytest.fixture
def bed(
    desk: Desktop,
    blobs: Any,
    worker_python: Path,
    tmp_path: Path,
    borrowed: Callable[[SessionSegmenter], None],
) -> Iterator[Bed]:
    """A panel whose models lie on a small disk, and a laboratory's server with one more."""
    with disk(tmp_path / "disk é", "size=200m") as folder, serve(FileServer()) as server:
        settings = Settings(home=folder / "home", catalog=str(tmp_path / "lab.toml"))
        adopt_environment(settings, worker_python.parent.parent)
        url = offer(server, "/cells.safetensors", FileContent(WEIGHTS))
        write_catalog(tmp_path / "lab.toml", lab_cells=table(url, WEIGHTS.read_bytes(), title="Our cells"))
        segmenter = SessionSegmenter(settings)
        borrowed(segmenter)
        models = named("samj model")
        wait_for(models.getItemCount, "the models")
        rest(models)
        desk.choose(models, "Our cells")
        wait_for(lambda: button() == f"Install {LABEL}", "the way to install it")
        yield Bed(folder, server, Store(settings))
        on_event_thread(partial(named("samj model").setSelectedIndex, 0))
        segmenter.close()


def button() -> str:
    ready = named("samj ready")
    return str(ready.getText()) if ready.isEnabled() else ""


def install(desk: Desktop) -> None:
    desk.push(named("samj ready"))


def test_a_disk_that_is_too_small_is_told_before_the_first_byte(desk: Desktop, bed: Bed, tmp_path: Path) -> None:
    other = fill(bed.folder, leave=10_000_000)
    install(desk)
    wait_for(lambda: "Not enough space for cells.safetensors" in panel_says(), "words")
    desk.shot("panel-disk-too-small", tmp_path)
    assert f"{(SIZE + 20_000_000) / 1e6:.0f} MB more are needed" in panel_says()
    assert f"the disk of {bed.store.folder}" in panel_says()
    assert "Free some space, and try again: nothing was fetched." in panel_says()
    wait_for(lambda: button() == f"Install {LABEL}", "the button as before")
    assert bed.half_made() == []
    assert list((bed.store.folder / "downloads").rglob("*.part")) == []
    other.unlink()
    install(desk)
    wait_for(lambda: "Our cells is installed" in panel_says(), "the installation")


def test_a_disk_that_fills_up_meanwhile_is_told_and_the_next_press_goes_on(
    desk: Desktop, blobs: Any, bed: Bed, tmp_path: Path
) -> None:
    with bed.server.slow(400_000):
        install(desk)
        wait_for(lambda: "left" in str(named("samj state").getText()), "the middle of the download")
        other = fill(bed.folder)
        wait_for(lambda: " is full" in panel_says(), "words")
    desk.shot("panel-disk-full", tmp_path)
    assert "Free some space, and try again" in panel_says()
    assert re.search(
        r"the [1-9]\d*\.\d [kM]B that came are kept, and the download goes on from there\.", panel_says()
    )
    wait_for(lambda: button() == f"Go on installing {LABEL}", "the button again")
    assert bed.half_made() == []
    assert not named("samj installing").isShowing()

    other.unlink()
    install(desk)
    wait_for(lambda: "Our cells is installed" in panel_says(), f"the installation: {panel_says()!r}")
    assert bed.server.requests[-1].range.startswith("bytes=")
    to_front(blobs)
    choose_tool()
    desk.click(blobs, *BLOB)
    wait_for(lambda: prompt_of(blobs) == {"points": [list(BLOB)]}, "an answer of the new model")
    desk.press("ENTER")
    wait_for(lambda: len(managed()) == 1, "the object")
    assert str(managed()[0].getProperty("model")) == "lab-cells"


def test_a_disk_that_is_full_when_the_file_is_converted_is_told_and_no_half_file_stays(
    desk: Desktop, bed: Bed, tmp_path: Path
) -> None:
    with bed.server.slow(400_000):
        install(desk)
        wait_for(lambda: "left" in str(named("samj state").getText()), "the middle of the download")
        # Room for the rest of the download, and for less than half of what is made of it.
        (part,) = (bed.store.folder / "downloads").rglob("*.part")
        other = fill(bed.folder, leave=SIZE - part.stat().st_size + SIZE // 3)
        wait_for(lambda: "is full" in panel_says(), f"words: {panel_says()!r}")
    desk.shot("panel-disk-full-converting", tmp_path)
    assert "Free some space" in panel_says()
    assert list((bed.store.folder / "weights").glob("*")) == []
    record = bed.store.record("lab-cells")
    assert record is not None
    assert record.weights is None
    start = named("samj start")
    wait_for(lambda: button() != "" and start.isShowing(), "the button again")
    other.unlink()
    desk.push(start)
    wait_for(lambda: "Our cells is ready." in panel_says(), f"the model: {panel_says()!r}")
    record = bed.store.record("lab-cells")
    assert record is not None
    assert bed.store.has_file(record)
