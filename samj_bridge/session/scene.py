"""An encoded image: prompts in, regions out."""

from __future__ import annotations

import threading
import time
import uuid
import weakref
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from samj_bridge.errors import InputError, OutOfMemory, PromptError, WorkerCrashed, WorkerError
from samj_bridge.geometry.region import Region
from samj_bridge.progress import CancelToken, Progress, ProgressEvent, ignore_progress
from samj_bridge.protocol.failures import FailureCode
from samj_bridge.protocol.messages import EncodeRequest, RegionMessage, SegmentRequest
from samj_bridge.session.everything import Objects, Search, request_of
from samj_bridge.session.images import Plane, copy_of, fill
from samj_bridge.session.prompts import Prompt, check_taken, message_of, prompts_of
from samj_bridge.session.supervisor import Running, Supervisor

if TYPE_CHECKING:
    from samj_bridge.session.session import Session

__all__ = ["Scene"]

_BATCH = 256
"""Prompts per request: between two of them other threads get their turn at the worker."""


class Scene:
    """An image that the worker has encoded; made by `Session.encode`. May be used from several threads.

    It keeps a copy of the pixels in this process, in the type in which they were sent, because the worker can
    be lost, or forget an encoding when many are open: the image is then encoded again, unnoticed but for the
    time. Close scenes that are done with, or let them go.
    """

    def __init__(self, session: Session, supervisor: Supervisor, plane: Plane, name: str) -> None:
        self.name = name
        """Name given to `Session.encode`."""
        self.shape: tuple[int, int] = (plane.pixels.shape[0], plane.pixels.shape[1])
        """(Y, X)."""
        self.ranges: tuple[tuple[float, float], ...] = ()
        """Values shown as black and white, per channel that was sent."""
        self.encode_seconds = 0.0
        """Time that encoding took, the last time that it was needed."""
        # A scene needs its session's worker: it must not be closed under it when only the scene is kept.
        self._session = session
        self._supervisor = supervisor
        self._plane = plane
        self._copied = False
        self._image_id = uuid.uuid4().hex
        self._lock = threading.Lock()
        self._home: Running | None = None
        self._encoding = ""
        self._closed = False
        self._finalizer: weakref.finalize[Any, Scene] | None = None

    def segment(
        self,
        prompts: Prompt | Iterable[Prompt],
        *,
        candidates: int = 1,
        min_area: int = 0,
        fill_holes: bool = False,
        largest_only: bool = False,
        progress: Progress = ignore_progress,
        cancel: CancelToken | None = None,
        timeout_s: float | None = None,
    ) -> list[Region]:
        """Answer prompts.

        Parameters
        ----------
        prompts : Prompt or iterable of Prompt
            Any number of them.
        candidates : int
            Regions per prompt, 1 to 3, best score first.
        min_area : int
            Parts with fewer pixels are dropped.
        fill_holes, largest_only : bool
            Fill holes; drop all parts but the largest.
        progress : callable
            Called with each prompt that is done.
        cancel : CancelToken, optional
            Stops the call between two prompts.
        timeout_s : float, optional
            Seconds for the whole call. By default it is given up only after ``settings.timeout_s`` seconds in
            which no prompt was done.

        Returns
        -------
        list of Region
            In the order of the prompts, then of the scores. A region may be empty.

        Raises
        ------
        PromptError
            A prompt can't be used, or is of a kind that the model does not take; nothing was done.
        WorkerCrashed
            The worker died twice during this call.
        SamjError
            Any other failure of the worker, `WorkerTimeout`, `Cancelled`.
        """
        found = self.stream(
            prompts,
            candidates=candidates,
            min_area=min_area,
            fill_holes=fill_holes,
            largest_only=largest_only,
            progress=progress,
            cancel=cancel,
            timeout_s=timeout_s,
        )
        return [region for _, regions in found for region in regions]

    def stream(
        self,
        prompts: Prompt | Iterable[Prompt],
        *,
        candidates: int = 1,
        min_area: int = 0,
        fill_holes: bool = False,
        largest_only: bool = False,
        progress: Progress = ignore_progress,
        cancel: CancelToken | None = None,
        timeout_s: float | None = None,
    ) -> Iterator[tuple[int, list[Region]]]:
        """Answer prompts one by one: yields each prompt's index and regions as soon as they are there.

        Parameters, errors: as `segment`. Leaving the loop early stops the rest.
        """
        wanted = prompts_of(prompts)
        check_taken(wanted, self._supervisor.model.id, self._supervisor.model.prompts)
        messages = [message_of(prompt, self.shape, index) for index, prompt in enumerate(wanted)]
        whole = all(isinstance(number, (int, np.integer)) for number in (candidates, min_area))
        if not whole or candidates not in (1, 2, 3) or min_area < 0:
            message = f"candidates is {candidates!r} and min_area {min_area!r}."
            raise InputError(message, hint="Ask for 1 to 3 candidates, and an area of 0 or more pixels.")
        request = SegmentRequest(
            "",
            tuple(messages),
            int(candidates),
            int(min_area),
            bool(fill_holes),
            bool(largest_only),
            len(wanted) > 1,
        )
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        return self._answers(request, wanted, progress, cancel, deadline)

    def everything(
        self,
        mode: str = "fast",
        *,
        progress: Progress = ignore_progress,
        cancel: CancelToken | None = None,
        timeout_s: float | None = None,
        **options: Any,
    ) -> Objects:
        """Find every object of the image, without a prompt.

        Parameters
        ----------
        mode : {"fast", "exact"}
            ``fast`` goes object by object, skips points inside those found before, and its objects never overlap;
            ``exact`` asks a whole grid and filters as SAM's automatic mask generator does.
        progress : callable
            Called as objects are found, at the end with the sentence that is the result's ``message`` too.
        cancel : CancelToken, optional
            Stops it between two points.
        timeout_s : float, optional
            Seconds for the whole call.
        **options : Any
            In the words of SAM's generator, None meaning the model's own default: ``points_per_side``,
            ``pred_iou_thresh``, ``stability_score_thresh``, ``stability_score_offset``, ``box_nms_thresh`` (in fast
            mode the part of a mask that may be taken by others), ``min_mask_region_area``; for ``exact`` also
            ``crop_n_layers``, ``crop_nms_thresh``, ``crop_overlap_ratio``, ``crop_n_points_downscale_factor``.
            Besides: ``min_area``, objects with fewer pixels are left out.

        Returns
        -------
        Objects
            A list of `Region` in the order of being found (``exact``: of falling score), with ``message`` and
            ``counts``. It may be empty; ``message`` then says why.

        Raises
        ------
        InputError
            An option is unknown or out of its range.
        PromptError
            The model can't be asked by points.
        SamjError
            Any other failure of the worker, `WorkerTimeout`, `Cancelled`.
        """
        request = request_of({"mode": mode, **options})
        search = self._search(progress, cancel)
        found = Objects(search.regions(request, progress, cancel, timeout_s))
        found.message, found.counts = str(search.outputs["message"]), dict(search.outputs["counts"])
        return found

    def stream_everything(
        self,
        mode: str = "fast",
        *,
        progress: Progress = ignore_progress,
        cancel: CancelToken | None = None,
        timeout_s: float | None = None,
        **options: Any,
    ) -> Iterator[Region]:
        """Find every object, and yield each as soon as it is found (``exact``: at the end of the search).

        Parameters, errors: as `everything`. Leaving the loop early stops the search.
        """
        request = request_of({"mode": mode, **options})
        return self._search(progress, cancel).regions(request, progress, cancel, timeout_s)

    def close(self) -> None:
        """Forget the encoding and the copy of the pixels."""
        with self._lock:
            self._closed = True
            self._plane = Plane(np.zeros((1, 1), np.uint8), "uint8", "auto", None)
            if self._finalizer is not None:
                self._finalizer()
        self._supervisor.let_go()

    def __enter__(self) -> Scene:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def encode(
        self,
        progress: Progress = ignore_progress,
        cancel: CancelToken | None = None,
        timeout_s: float | None = None,
    ) -> None:
        """Make sure that a running worker has the encoding; `Session.encode` and `segment` do this themselves."""
        self._supervisor.attempt(
            lambda running: self._encoded(running, progress, cancel, timeout_s), progress, cancel
        )

    def _search(self, progress: Progress, cancel: CancelToken | None) -> Search:
        model = self._supervisor.model
        if "points" not in model.prompts:
            message = f"The model {model.id!r} can't find objects by itself: it can't be asked by points."
            hint = "Use another model for everything mode, for example starter, or give boxes."
            raise PromptError(message, code="prompt-not-taken", hint=hint, taken=list(model.prompts))
        return Search(
            self._supervisor,
            self._plane,
            self.shape,
            lambda running, left: self._encoded(running, progress, cancel, left),
            self._forget,
        )

    def _answers(
        self,
        request: SegmentRequest,
        prompts: list[Prompt],
        progress: Progress,
        cancel: CancelToken | None,
        deadline: float | None,
    ) -> Iterator[tuple[int, list[Region]]]:
        done, total = 0, len(prompts)
        crashed = forgotten = False
        while done < total:
            left = None if deadline is None else max(0.001, deadline - time.monotonic())
            try:
                running = self._supervisor.running(progress, cancel)
                encoding = self._encoded(running, progress, cancel, left)
                for regions in self._batch(running, encoding, request, done, cancel, left):
                    yield done, [self._region(region, prompts[done], done) for region in regions]
                    done += 1
                    forgotten = False
                    progress(ProgressEvent("segment", f"{done} of {total} prompts", done, total, "prompts"))
            except WorkerCrashed:
                # Prompts that were answered stay so; only the rest is asked again.
                if crashed:
                    raise
                crashed = True
            except WorkerError as error:
                if error.code != FailureCode.UNKNOWN_ENCODING.value or forgotten:
                    raise
                forgotten = True
                self._forget(running)

    def _batch(
        self,
        running: Running,
        encoding: str,
        request: SegmentRequest,
        done: int,
        cancel: CancelToken | None,
        timeout_s: float | None,
    ) -> Iterator[list[Mapping[str, Any]]]:
        inputs = {
            **vars(request),
            "encoding": encoding,
            "prompts": [prompt.to_wire() for prompt in request.prompts[done : done + _BATCH]],
        }
        call = running.client.start("segment", inputs, timeout_s=timeout_s, cancel=cancel)
        if not request.stream:
            yield call.result()["regions"]
            return
        for event in call:
            if event.info is not None:
                yield event.info["regions"]

    def _region(self, value: Mapping[str, Any], prompt: Prompt, index: int) -> Region:
        found = RegionMessage.from_wire(value)
        return Region(
            tuple(np.array(ring, np.int32).reshape(-1, 2) for ring in found.rings),
            shape=self.shape,
            score=found.score,
            prompt=prompt.to_dict(),
            prompt_index=index,
            candidate=found.candidate,
            name=prompt.name,
            model=self._supervisor.model.id,
        )

    def _encoded(
        self, running: Running, progress: Progress, cancel: CancelToken | None, timeout_s: float | None
    ) -> str:
        with self._lock:
            if self._closed:
                raise WorkerError("The scene is closed.", code="scene-closed", hint="Encode the image again.")
            if self._home is not running:
                self._send(running, progress, cancel, timeout_s)
            return self._encoding

    def _send(
        self, running: Running, progress: Progress, cancel: CancelToken | None, timeout_s: float | None
    ) -> None:
        plane = self._plane
        with self._supervisor.pool.lend(plane.nbytes) as loan:
            fill(loan, plane)
            image = loan.describe(plane)
            request = EncodeRequest(
                running.model, image, self.ranges or plane.ranges, plane.channels, self._image_id
            )
            call = running.client.start("encode", request.to_wire(), timeout_s=timeout_s, cancel=cancel)
            try:
                if not self._copied:
                    # While the worker is busy: the copy costs no time that anybody waits for.
                    self._plane = copy_of(loan, plane)
                    self._copied = True
                outputs = call.result(lambda event: progress(_encode_event(event.current)))
            except MemoryError as error:
                message = f"There is no memory for a copy of the image ({plane.nbytes / 1e6:.0f} MB)."
                raise OutOfMemory(message, hint="Close other programs, or crop the image.") from error
            finally:
                call.abandon()
                loan.reusable = call.settled
        self.ranges = tuple((float(low), float(high)) for low, high in outputs["ranges"])
        self.encode_seconds = float(outputs["seconds"])
        self._encoding, self._home = str(outputs["encoding"]), running
        if self._finalizer is not None:
            self._finalizer.detach()
        note = self._supervisor.released.append
        self._finalizer = weakref.finalize(self, note, (running, self._encoding))
        self._finalizer.atexit = False

    def _forget(self, running: Running) -> None:
        with self._lock:
            if self._home is running:
                self._home = None


def _encode_event(percent: int | None) -> ProgressEvent:
    return ProgressEvent("encode", "Encoding the image", (percent or 0) / 100, 1.0)
