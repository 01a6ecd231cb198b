"""Things done side by side: none stops the others, none is lost, all ends when it has to."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from samj_bridge.errors import Cancelled, FileError, ModelError, NoSpaceError, SamjError
from samj_bridge.progress import CancelToken, Progress, ProgressEvent, ignore_progress
from samj_bridge.segmenting.run import unforeseen_error
from samj_bridge.segmenting.side_by_side import Ends, Outcome, side_by_side


def run(
    count: int, do: Any, *, progress: Progress = ignore_progress, cancel: CancelToken | None = None
) -> Outcome[int]:
    return side_by_side(
        list(range(count)),
        do,
        name=lambda number: f"{number}.tif",
        costs=lambda _: True,
        unforeseen=unforeseen_error,
        progress=progress,
        cancel=cancel or CancelToken(),
    )


def no_threads_left() -> bool:
    return not [thread for thread in threading.enumerate() if thread.name.startswith("samj-image")]


def test_all_are_done_once_and_kept_by_number() -> None:
    seen: list[int] = []

    def do(number: int, progress: Progress, cancel: CancelToken) -> int:
        seen.append(number)
        return number * number

    assert run(100, do).made == {number: number * number for number in range(100)}
    assert sorted(seen) == list(range(100))
    assert no_threads_left()


def test_several_are_under_way_at_a_time() -> None:
    meeting = threading.Barrier(3)

    def do(number: int, progress: Progress, cancel: CancelToken) -> int:
        # Only where three are here at a time does one of them go on.
        meeting.wait(120)
        return number

    assert len(run(3, do).made) == 3


def test_one_that_fails_stops_nothing_and_what_nobody_foresaw_is_said_in_words() -> None:
    def do(number: int, progress: Progress, cancel: CancelToken) -> int:
        if number == 3:
            raise FileError("Damaged.")
        if number == 5:
            raise ZeroDivisionError("division by zero")
        return number

    outcome = run(9, do)
    assert set(outcome.made) == set(range(9)) - {3, 5}
    assert outcome.failures[3].message == "Damaged."
    assert outcome.failures[5].code == "internal"
    assert "division by zero" in outcome.failures[5].message
    assert outcome.ended is None


@pytest.mark.parametrize("error", [Ends(ModelError("No such model.")), NoSpaceError("Full.")])
def test_what_others_would_meet_as_well_ends_the_run(error: Exception) -> None:
    tried: list[int] = []

    def do(number: int, progress: Progress, cancel: CancelToken) -> int:
        tried.append(number)
        if number == 2:
            raise error
        while number > 2 and not cancel.wait(0.05) and len(tried) < 4:
            pass
        return number

    outcome = run(1000, do)
    assert isinstance(outcome.ended, SamjError)
    assert len(tried) < 1000
    assert not outcome.failures


def test_a_cancel_ends_all_and_leaves_no_thread() -> None:
    cancel = CancelToken()

    def do(number: int, progress: Progress, stop: CancelToken) -> int:
        if number == 4:
            cancel.cancel()
        if number >= 4:
            assert stop.wait(120)
            stop.check()
        return number

    with pytest.raises(Cancelled):
        run(50, do, cancel=cancel)
    assert no_threads_left()


def test_progress_is_told_on_the_callers_thread_and_may_raise_without_changing_anything() -> None:
    threads: set[str] = set()
    counts: list[float] = []

    def watch(event: ProgressEvent) -> None:
        threads.add(threading.current_thread().name)
        counts.append(event.done)
        raise ValueError("a watcher's own mistake")

    def do(number: int, progress: Progress, cancel: CancelToken) -> int:
        progress(ProgressEvent("encode", "Encoding the image"))
        return number

    assert len(run(20, do, progress=watch).made) == 20
    assert threads == {threading.current_thread().name}
    assert counts == sorted(counts)
    assert counts[-1] == 20


def test_a_callback_that_wants_the_end_gets_it() -> None:
    def watch(event: ProgressEvent) -> None:
        if event.done >= 2:
            raise Cancelled("Enough.")

    def do(number: int, progress: Progress, cancel: CancelToken) -> int:
        return number

    with pytest.raises(Cancelled, match="Enough"):
        run(500, do, progress=watch)
    assert no_threads_left()


def test_the_time_left_counts_what_took_time_only() -> None:
    words: list[str] = []

    def do(number: int, progress: Progress, cancel: CancelToken) -> int:
        time.sleep(0.02)
        return number

    cancel = CancelToken()

    def watch(event: ProgressEvent) -> None:
        words.append(event.message)
        if event.done >= 12:
            cancel.cancel()

    with pytest.raises(Cancelled):
        side_by_side(
            list(range(5000)),
            do,
            name=str,
            costs=lambda made: made >= 3,
            unforeseen=unforeseen_error,
            progress=watch,
            cancel=cancel,
        )
    assert any("left" in word for word in words)
    assert "left" not in words[0]
