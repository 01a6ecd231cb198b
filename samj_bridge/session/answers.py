"""Prompts to a worker, regions back: in batches, and again for what is left when the worker was lost."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

import numpy as np

from samj_bridge.errors import WorkerCrashed, WorkerError
from samj_bridge.geometry.region import Region
from samj_bridge.progress import CancelToken, Progress, ProgressEvent, notify
from samj_bridge.protocol.failures import FailureCode
from samj_bridge.protocol.segment import RegionMessage, SegmentRequest
from samj_bridge.session.connection.supervisor import Running, Supervisor
from samj_bridge.session.prompts import Prompt

__all__ = ["Asked", "answers"]

_BATCH = 256
"""Prompts per request: between two of them other threads get their turn at the worker."""


class Asked(Protocol):
    """An image, or a tile of one, that a worker encodes."""

    def encoding(
        self, running: Running, progress: Progress, cancel: CancelToken | None, timeout_s: float | None
    ) -> str:
        """Return the encoding's name in a running worker."""

    def forget(self, running: Running) -> None:
        """Take note that this worker has lost the encoding."""


def answers(
    supervisor: Supervisor,
    image: Asked,
    shape: tuple[int, int],
    request: SegmentRequest,
    prompts: Sequence[Prompt],
    progress: Progress,
    cancel: CancelToken | None,
    deadline: float | None,
) -> Iterator[tuple[int, list[Region]]]:
    """Yield each prompt's index and regions as soon as they are there.

    Parameters
    ----------
    supervisor, image
        Who keeps a worker running, and what is asked about.
    shape : (int, int)
        (Y, X) of the image.
    request : SegmentRequest
        The prompts as they are sent; its encoding is filled in here.
    prompts : sequence of Prompt
        The same as the caller gave them, for the regions.
    deadline : float or None
        When `time.monotonic` says so, it is too late; None: no limit for the whole.

    Raises
    ------
    WorkerCrashed
        The worker died twice.
    SamjError
        Any other failure of the worker, `WorkerTimeout`, `Cancelled`.
    """
    done, total = 0, len(prompts)
    crashed = forgotten = False
    while done < total:
        left = None if deadline is None else max(0.001, deadline - time.monotonic())
        try:
            running = supervisor.running(progress, cancel)
            encoding = image.encoding(running, progress, cancel, left)
            for regions in _batch(running, encoding, request, done, cancel, left, progress):
                made = (_region(region, prompts[done], done, shape, supervisor.model.id) for region in regions)
                yield done, list(made)
                done += 1
                forgotten = False
                notify(progress, ProgressEvent("segment", f"{done} of {total} prompts", done, total, "prompts"))
        except WorkerCrashed:
            # Prompts that were answered stay so; only the rest is asked again.
            if crashed:
                raise
            crashed = True
        except WorkerError as error:
            if error.code != FailureCode.UNKNOWN_ENCODING.value or forgotten:
                raise
            forgotten = True
            image.forget(running)


def _batch(
    running: Running,
    encoding: str,
    request: SegmentRequest,
    done: int,
    cancel: CancelToken | None,
    timeout_s: float | None,
    progress: Progress,
) -> Iterator[list[Mapping[str, Any]]]:
    batch = replace(request, encoding=encoding, prompts=request.prompts[done : done + _BATCH])
    call = running.client.start("segment", batch.to_wire(), timeout_s=timeout_s, cancel=cancel)
    if not request.stream:
        yield call.result(lambda event: notify(progress, _look_event(event.current)))["regions"]
        return
    for event in call:
        if event.info is not None:
            yield event.info["regions"]


def _look_event(percent: int | None) -> ProgressEvent:
    # A click that the network is unsure of is looked at in reduced images too, which have to be encoded.
    return ProgressEvent("look", "Looking at the image from farther away", (percent or 0) / 100, 1.0)


def _region(value: Mapping[str, Any], prompt: Prompt, index: int, shape: tuple[int, int], model: str) -> Region:
    found = RegionMessage.from_wire(value)
    return Region(
        tuple(np.array(ring, np.int32).reshape(-1, 2) for ring in found.rings),
        shape=shape,
        score=found.score,
        prompt=prompt.to_dict(),
        prompt_index=index,
        candidate=found.candidate,
        name=prompt.name,
        position=prompt.position,
        model=model,
    )
