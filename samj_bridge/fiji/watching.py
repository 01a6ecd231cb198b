"""Progress of something long, told to Java; its cancel button, followed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from samj_bridge.download.meter import sentence_of
from samj_bridge.fiji.jvm import java_thread
from samj_bridge.progress import CancelToken, Progress, ProgressEvent, looking

__all__ = ["java_ints", "watched"]


@contextmanager
def watched(progress: Any) -> Iterator[tuple[Progress, CancelToken]]:
    """Give Java's progress two faces of ours: whom to tell, and a token that follows its cancel button."""
    cancel = CancelToken()
    ended = threading.Event()

    where: tuple[int, int, int, int] | None = None

    def tell(event: ProgressEvent) -> None:
        nonlocal where
        if event.area != where:
            where = event.area
            progress.at(None if where is None else java_ints(where))
        fraction = event.done / event.total if event.total else -1.0
        progress.tell(sentence_of(event), float(fraction))

    def follow() -> None:
        with java_thread():
            while True:
                stop = False
                # A button that can't be asked was not pressed; the next look may tell.
                with looking():
                    stop = bool(progress.isCancelled())
                if stop:
                    cancel.cancel()
                if stop or ended.wait(0.1):
                    return

    watcher = threading.Thread(target=follow, name="samj-cancel", daemon=True)
    watcher.start()
    try:
        yield tell, cancel
    finally:
        ended.set()
        watcher.join()
        if where is not None:
            with looking():
                progress.at(None)


def java_ints(values: Any) -> Any:
    """Return whole numbers as Java's ``int[]``."""
    import jpype

    return jpype.JArray(jpype.JInt)(values)
