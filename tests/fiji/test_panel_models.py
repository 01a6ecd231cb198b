"""Models in the panel: installed with the mouse from a real server, their licences, what they run on."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from desktop import Desktop, component, named, on_event_thread, rest, wait_for
from fakes.file_server import Fault, FileServer, serve
from fakes.model_files import FileContent, offer, other_weights, table, write_catalog
from workbench import (
    BLOB,
    OTHER,
    bring_forward,
    choose_tool,
    keep_manager_away,
    managed,
    opened,
    panel_says,
    prompt_of,
    proposal,
)

from samj_bridge.errors import WorkerError
from samj_bridge.fiji import attach, detach, java_class
from samj_bridge.fiji.segmenter import SessionSegmenter
from samj_bridge.install import adopt_environment
from samj_bridge.models import find_model, weights_file
from samj_bridge.models.store import Store
from samj_bridge.settings import Settings

pytestmark = pytest.mark.worker

Dying = tuple[FileServer, Callable[[], None]]
SIZE = f"{weights_file(find_model('starter')).stat().st_size / 1e6:.1f} MB"
SHARED = "Modified MIT, academic and non-commercial use only"


@pytest.fixture(scope="module")
def server() -> Iterator[FileServer]:
    """Serve the models of a laboratory."""
    with serve(FileServer()) as running:
        yield running


@pytest.fixture(scope="module")
def dying() -> Iterator[Dying]:
    """Serve a file, and hand over what ends the server."""
    with ExitStack() as stack:
        yield stack.enter_context(serve(FileServer())), stack.close


@pytest.fixture(scope="module")
def tool_settings(
    worker_python: Path, server: FileServer, dying: Dying, tmp_path_factory: pytest.TempPathFactory
) -> Settings:
    """Return the settings of a user whose laboratory has a catalog of its own."""
    folder = tmp_path_factory.mktemp("laboratory")
    settings = Settings(home=folder / "home é", catalog=str(folder / "lab.toml"))
    adopt_environment(settings, worker_python.parent.parent)
    models = {}
    for number, (name, fields) in enumerate(
        {
            "lab_shared": {"title": "Shared cells", "licence": SHARED, "homepage": "https://example.org/licence"},
            "lab_lost": {"title": "Lost cells"},
            "lab_wrong": {"title": "Wrong cells", "hashes": ["sha256:" + "0" * 64]},
            "lab_asked": {"title": "Asked cells"},
        }.items()
    ):
        file = other_weights(folder / f"{name}.safetensors", number)
        url = offer(dying[0] if name == "lab_lost" else server, f"/{file.name}", FileContent(file))
        if name == "lab_asked":
            url, fields["file_name"] = "", file.name
        models[name] = table(url, file.read_bytes(), **fields)
    write_catalog(folder / "lab.toml", **models)
    return settings


@pytest.fixture(scope="module", autouse=True)
def _as_before(desk: Desktop) -> Iterator[None]:
    """Leave the panel's choice, which lasts as long as ImageJ, as it was found."""
    yield
    box = opened()
    on_event_thread(lambda: box.setSelectedIndex(0))


def button() -> str:
    return str(named("samj ready").getText())


def asked() -> str:
    """Return what the window of a licence says, its lines joined."""
    return unescape(" ".join(str(wait_for(lambda: named("samj licence"), "the licence").getText()).split()))


def state() -> str:
    return str(named("samj state").getText())


def next_step() -> str:
    """Return what stands below the large button."""
    return str(named("samj next").getText())


def test_a_model_is_installed_with_the_mouse_while_another_one_draws(
    desk: Desktop, blobs: Any, server: FileServer, tool_settings: Settings, tmp_path: Path
) -> None:
    desk.choose(named("samj model"), "Shared cells")
    wait_for(lambda: button() == f"Install ({SIZE}, non-commercial)", f"size and licence: {button()!r}")
    desk.push(named("samj ready"))
    words = asked()
    assert SHARED in words
    assert 'href="https://example.org/licence"' in words
    desk.shot("panel-licence", tmp_path)
    desk.push(component("JButton", "Not now"))
    assert not server.requests
    # So slow that its end can't come while the rest is done, however long that takes here.
    with server.slow(1_000):
        desk.push(named("samj ready"))
        desk.push(component("JButton", "Accept and install"))
        wait_for(lambda: "kB/s" in state() and "left" in state(), "bytes, speed and time left")
        desk.shot("panel-installing", tmp_path)
        assert f" of {SIZE}" in state()

        desk.choose(named("samj model"), "Starter")
        # The panel may lie over the image.
        bring_forward(blobs.getWindow(), "the image in front")
        desk.click(blobs, *BLOB)
        proposal(blobs)
        desk.press("ENTER")
        (drawn,) = wait_for(managed, "an object drawn meanwhile")

        desk.push(named("samj cancel installation"))
        wait_for(lambda: "was stopped" in panel_says(), "the end of the installation")
        assert re.search(r"[1-9]\d*\.\d [kM]B that came are kept: the next try goes on from there", panel_says())
    desk.choose(named("samj model"), "Shared cells")
    wait_for(lambda: button().startswith("Go on installing"), "the way to go on")
    assert "are here already" in next_step()

    # Agreed to once: not asked again.
    desk.push(named("samj ready"))
    wait_for(lambda: "Shared cells is installed" in panel_says(), f"the installation: {panel_says()!r}")
    assert server.requests[-1].range.startswith("bytes=")
    wait_for(lambda: button() == "Click on an object", "a model that is ready")
    choose_tool()
    bring_forward(blobs.getWindow(), "the image in front")
    desk.click(blobs, *OTHER)
    wait_for(lambda: prompt_of(blobs) == {"points": [list(OTHER)]}, "the answer of the new model")
    desk.press("ENTER")
    wait_for(lambda: len(managed()) == 2, "two objects")
    assert [str(roi.getProperty("model")) for roi in managed()] == ["starter", "lab-shared"]
    assert managed()[0].equals(drawn)
    record = Store(tool_settings).record("lab-shared")
    assert record is not None
    assert (record.licence.licence, record.licence.how) == (SHARED, "panel")


def test_a_connection_that_is_lost_in_the_middle_is_told_in_words(
    desk: Desktop, blobs: Any, dying: Dying, tmp_path: Path
) -> None:
    manager = keep_manager_away()
    manager.addRoi(java_class("ij.gui.Roi")(5, 5, 20, 20))
    server, end_server = dying
    server.faults = [Fault("cut", after=700_000)]
    desk.choose(named("samj model"), "Lost cells")
    wait_for(lambda: button() == f"Install ({SIZE}, MIT)", "another model")
    desk.push(named("samj ready"))
    wait_for(lambda: "trying again" in state(), "another try")
    end_server()
    wait_for(lambda: "could not be fetched" in panel_says(), "the end of the installation")
    desk.shot("panel-lost", tmp_path)
    assert "The 700.0 kB that came are kept: the next try goes on from there." in panel_says()
    wait_for(lambda: button() == f"Go on installing ({SIZE}, MIT)", "the way to go on")
    assert len(managed()) == 1


def test_a_wrong_file_is_refused_in_words(desk: Desktop, blobs: Any, tool_settings: Settings) -> None:
    desk.choose(named("samj model"), "Wrong cells")
    wait_for(lambda: button() == f"Install ({SIZE}, MIT)", "another model")
    desk.push(named("samj ready"))
    wait_for(lambda: "its hash should be" in panel_says(), "the end of the installation")
    assert "Nothing of it was kept" in panel_says()
    assert Store(tool_settings).record("lab-wrong") is None


def test_an_installation_ends_with_the_panel(
    desk: Desktop, blobs: Any, server: FileServer, tool_settings: Settings
) -> None:
    desk.choose(named("samj model"), "Wrong cells")
    try:
        with server.slow(1_000):
            desk.push(named("samj ready"))
            wait_for(lambda: "left" in state(), "the middle of the installation")
            detach()
        running = [str(one.getName()) for one in java_class("java.lang.Thread").getAllStackTraces().keySet()]
        assert "SAMJ installation" not in running
        assert Store(tool_settings).record("lab-wrong") is None
    finally:
        attach(settings=tool_settings)
        opened()


def test_a_model_that_is_not_installed_says_where_to_press(desk: Desktop, blobs: Any) -> None:
    desk.choose(named("samj model"), "Wrong cells")
    choose_tool()
    desk.click(blobs, *BLOB)
    wait_for(lambda: "Press Install in the SAMJ panel" in panel_says(), "the way out")


def test_a_file_that_is_got_by_hand_is_asked_for(desk: Desktop, blobs: Any, tool_settings: Settings) -> None:
    desk.choose(named("samj model"), "Asked cells")
    wait_for(lambda: button() == "How to get it...", "another button")
    desk.push(named("samj ready"))
    words = asked()
    assert "Ask for it." in words
    assert str(tool_settings.incoming_dir) in words
    desk.push(component("JButton", "Look for the file"))
    wait_for(lambda: "The file of the model 'lab-asked' is not in" in panel_says(), "the answer")


def test_without_the_network_an_installation_says_what_to_do(
    desk: Desktop, blobs: Any, tool_settings: Settings
) -> None:
    detach()
    attach(settings=replace(tool_settings, offline=True))
    try:
        desk.choose(opened(), "EfficientViT-SAM L0")
        wait_for(lambda: button() == "Install (139 MB, Apache-2.0)", "another model")
        desk.push(named("samj ready"))
        wait_for(lambda: "SAMJ_OFFLINE is set" in panel_says(), "words")
        assert "incoming" in panel_says()
    finally:
        detach()
        attach(settings=tool_settings)


def test_the_panel_says_what_it_runs_on_and_offers_no_choice_where_there_is_none(
    desk: Desktop, blobs: Any, tool_settings: Settings
) -> None:
    desk.choose(opened(), "Starter")
    wait_for(lambda: button() == "Click on an object", "the starter")
    desk.push(named("samj start"))
    wait_for(lambda: "is ready" in panel_says(), "the worker")
    wait_for(lambda: str(named("samj device").getText()).startswith("cpu (the processor, "), "the device")
    assert not named("samj devices").isShowing()


def test_another_device_is_used_from_the_next_call_on_or_refused_in_words(tool_settings: Settings) -> None:
    kept = SessionSegmenter(tool_settings)
    try:
        kept.use_device("abacus")
        with pytest.raises(WorkerError, match="'abacus' is not available; the best here is 'cpu'"):
            kept.session("starter")
        assert kept.device() == ""
        kept.use_device("cpu")
        kept.session("starter")
        assert kept.device().startswith("cpu (")
        assert kept.devices() == []
    finally:
        kept.close()


def test_where_there_is_a_choice_of_devices_it_is_the_users(
    desk: Desktop, blobs: Any, tool_settings: Settings
) -> None:
    import jpype

    used: list[str] = []
    info = java_class("org.samj.bridge.ModelInfo")
    fast = jpype.JProxy(
        "org.samj.bridge.Segmenter",
        dict={
            "models": lambda: jpype.JArray(info)([info("starter", "Starter", True, 0, "MIT", "")]),
            "device": lambda: used[-1] if used else "cuda (the GPU)",
            "devices": lambda: jpype.JArray(jpype.JString)(["auto", "cuda", "cpu"]),
            "useDevice": lambda device: used.append(str(device)),
            "close": lambda: None,
        },
    )
    bridge = java_class("org.samj.bridge.ij.Bridge")
    detach()
    bridge.install(fast)
    try:
        wait_for(lambda: named("samj devices").isShowing(), "the choice")
        rest(named("samj devices"))
        assert str(named("samj device").getText()) == "cuda (the GPU)"
        desk.choose(named("samj devices"), "cpu")
        wait_for(lambda: used == ["cpu"], "the choice to be heard of")
        wait_for(lambda: str(named("samj device").getText()) == "cpu", "the new device")
        desk.choose(named("samj devices"), "auto")
        wait_for(lambda: used == ["cpu", "auto"], "the other choice")
    finally:
        detach()
        attach(settings=tool_settings)
