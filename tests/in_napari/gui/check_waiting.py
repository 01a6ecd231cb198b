"""Slow work, work that fails, work that is stopped: the window stays alive through all of it.

No time is measured: the work waits for something that only a living window can do.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from person import Person
from qtpy.QtCore import QTimer

from samj_bridge import CancelToken, ProgressEvent, Session, Settings
from samj_bridge.errors import InstallError, SamjError
from samj_bridge.napari.asking import Asker
from samj_bridge.napari.working import Job, Work
from samj_bridge.progress import Progress


class Slow:
    """Opens the session as slowly as somebody says: a set-up that takes minutes."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.may_go_on = threading.Event()
        self.cancels: list[CancelToken] = []
        self.fails: SamjError | None = None

    def __call__(self, model: str, *, settings: Settings, progress: Progress, cancel: CancelToken) -> Session:
        self.cancels.append(cancel)
        progress(ProgressEvent("install", "Unpacking torch", 1, 4))
        while not self.may_go_on.wait(0.02):
            cancel.check()
        if self.fails is not None:
            raise self.fails
        return self.session


@pytest.fixture
def slow(session: Session) -> Slow:
    return Slow(session)


@pytest.fixture
def asker(slow: Slow) -> Asker:
    asker = Asker(Settings.from_environment(), slow)
    asker.close = asker.forget_images  # type: ignore[method-assign]
    return asker


def ticking(times: int, then: Callable[[], None]) -> QTimer:
    """Do something after the window's own loop has gone round so often: never, if it stands still."""
    timer = QTimer()
    ticks = iter(range(times))

    def tick() -> None:
        if next(ticks, None) is None:
            timer.stop()
            then()

    timer.timeout.connect(tick)
    timer.start(5)
    return timer


def check_the_window_lives_while_the_worker_is_slow(person: Person, slow: Slow, pixels: Any) -> None:
    image = person.viewer.add_image(pixels, name="blobs")
    widget = person.open()
    widget.start()
    person.click((42, 106), image)
    person.qtbot.waitUntil(lambda: bool(slow.cancels))
    # Meanwhile: the view is moved, another point is set, progress is seen.
    person.viewer.camera.zoom *= 1.1
    person.click((60, 130), image)
    person.qtbot.waitUntil(lambda: widget.form.line.text() == "Unpacking torch")
    assert widget.form.bar.isVisible()
    assert widget.form.bar.value() == 250
    assert widget.form.buttons["stop"].isEnabled()
    assert widget.candidates == []
    timer = ticking(50, slow.may_go_on.set)
    person.wait()
    assert not timer.isActive()
    # One set-up, and the answer to what was pointed at last.
    assert len(slow.cancels) == 1
    assert len(widget.prompting.points.data) == 2
    assert widget.candidates
    assert not widget.form.bar.isVisible()


def check_what_is_stopped_says_so_and_can_begin_again(person: Person, slow: Slow, pixels: Any) -> None:
    image = person.viewer.add_image(pixels, name="blobs")
    widget = person.open()
    widget.start()
    person.click((42, 106), image)
    person.qtbot.waitUntil(lambda: bool(slow.cancels))
    widget.form.buttons["stop"].click()
    person.wait()
    assert slow.cancels[0].cancelled
    assert widget.form.line.text() == "Stopped on request."
    assert not widget.form.buttons["stop"].isEnabled()
    # What goes wrong is said with its hint, and nothing is lost.
    slow.fails = InstallError("There is no space.", hint="Free 6 GB.")
    slow.may_go_on.set()
    widget._soon.start()
    person.wait()
    assert "There is no space." in widget.form.line.text()
    assert "Free 6 GB." in widget.form.line.text()
    assert len(widget.prompting.points.data) == 1
    slow.fails = None
    widget._soon.start()
    person.wait()
    assert widget.candidates


def check_a_dock_that_is_closed_ends_the_work_and_takes_its_layers_along(
    person: Person, slow: Slow, pixels: Any
) -> None:
    image = person.viewer.add_image(pixels, name="blobs")
    widget = person.open()
    widget.start()
    person.click((42, 106), image)
    person.qtbot.waitUntil(lambda: bool(slow.cancels))
    ended = threading.Event()
    widget.asker.close = ended.set  # type: ignore[method-assign]
    # As the cross of the dock does.
    widget.parentWidget().destroyOnClose()
    person.qtbot.waitUntil(ended.is_set)
    assert slow.cancels[0].cancelled
    assert [layer.name for layer in person.viewer.layers] == ["blobs"]
    # It listens to the viewer no more.
    person.viewer.add_image(np.zeros((3, 3)))


def check_prompts_give_way_to_later_ones_and_other_work_does_not(qtbot: Any) -> None:
    work, begun, go_on, done = Work(), threading.Event(), threading.Event(), []

    def job(name: str, *, gives_way: bool) -> Job:
        return Job(name, lambda _progress, _cancel: go_on.wait(30) and name, done.append, gives_way)

    work.submit(Job("first", lambda _progress, _cancel: begun.set() or go_on.wait(30), lambda _result: None, True))
    begun.wait(30)
    for name in ("a", "b", "c"):
        work.submit(job(f"prompt {name}", gives_way=True))
        work.submit(job(f"search {name}", gives_way=False))
    timer = ticking(3, go_on.set)
    qtbot.waitUntil(lambda: not work.busy)
    qtbot.wait(20)
    assert not timer.isActive()
    assert done == ["search a", "search b", "prompt c", "search c"]
    work.close(lambda: None)


def check_what_nobody_foresaw_is_said(qtbot: Any) -> None:
    work, told = Work(), []
    work.failed.connect(told.append)

    def fail(_progress: Progress, _cancel: CancelToken) -> None:
        raise ZeroDivisionError("by nought")

    work.submit(Job("The prompt", fail, lambda _result: None))
    qtbot.waitUntil(lambda: bool(told))
    assert "The prompt failed: ZeroDivisionError: by nought" in str(told[0])
    work.close(lambda: None)
