"""An image and its encoding: sent to the worker, again when that lost it, and given up when nobody wants it."""

from __future__ import annotations

import threading
import uuid
import weakref
from typing import Any

import numpy as np

from samj_bridge.errors import OutOfMemory, WorkerError
from samj_bridge.progress import CancelToken, Progress, ProgressEvent, notify
from samj_bridge.protocol.messages import EncodeRequest, FitsRequest
from samj_bridge.session.connection.supervisor import Running, Supervisor
from samj_bridge.session.images import Plane, copy_of
from samj_bridge.session.sending import encode_call

__all__ = ["EncodedImage"]

_CHECKED_FROM = 16 << 20
"""Bytes of an image from which the worker is asked first whether there is memory for it."""


class EncodedImage:
    """The pixels, and where their encoding is; may be used from several threads.

    Parameters
    ----------
    session : object
        Kept alive by the image: its worker must not be closed under who only keeps a scene, or its answers.
    supervisor : Supervisor
        Who keeps a worker running.
    plane : Plane
        The pixels.
    keeps_copy : bool
        Whether a copy of them is kept, so that the caller may change them.
    follows : bool
        Whether it is a plane of a stack, in which objects are followed by what a network remembers.
    """

    def __init__(
        self,
        session: object,
        supervisor: Supervisor,
        plane: Plane,
        *,
        keeps_copy: bool = True,
        follows: bool = False,
    ) -> None:
        self.ranges: tuple[tuple[float, float], ...] = ()
        """Values shown as black and white, per channel that was sent."""
        self.seconds = 0.0
        """Time that encoding took, the last time that it was needed."""
        self.plane = plane
        """The pixels: the caller's own until they were sent, then a copy."""
        self._session = session
        self._supervisor = supervisor
        self._copied = False
        self._keeps_copy, self._follows = keeps_copy, follows
        self._image_id = uuid.uuid4().hex
        self._lock = threading.Lock()
        self._home: Running | None = None
        self._encoding = ""
        self._closed = False
        self._finalizer: weakref.finalize[Any, EncodedImage] | None = None

    def encoding(
        self, running: Running, progress: Progress, cancel: CancelToken | None, timeout_s: float | None
    ) -> str:
        """Return the encoding's name in a running worker, which gets the image if it doesn't have it.

        Raises
        ------
        WorkerError
            ``scene-closed``, or what the worker says.
        OutOfMemory
            There is no memory for the copy.
        """
        with self._lock:
            if self._closed:
                raise WorkerError("The scene is closed.", code="scene-closed", hint="Encode the image again.")
            if self._home is not running:
                self._send(running, progress, cancel, timeout_s)
            return self._encoding

    def forget(self, running: Running) -> None:
        """Take note that this worker has lost the encoding."""
        with self._lock:
            if self._home is running:
                self._home = None

    def close(self) -> None:
        """Let the worker forget the encoding, and let the pixels go."""
        with self._lock:
            self._closed = True
            self.plane = Plane(np.zeros((1, 1), np.uint8), "uint8", "auto", None)
            if self._finalizer is not None:
                self._finalizer()

    def _send(
        self, running: Running, progress: Progress, cancel: CancelToken | None, timeout_s: float | None
    ) -> None:
        plane = self.plane
        if plane.nbytes > _CHECKED_FROM:
            # Before anything is copied: shape and type say all that has to be known.
            asked = FitsRequest(running.model, tuple(int(extent) for extent in plane.pixels.shape))
            running.client.start("fits", asked.to_wire(), timeout_s=timeout_s, cancel=cancel).result()
        sent = encode_call(
            self._supervisor.pool,
            running,
            plane,
            lambda image: EncodeRequest(
                running.model,
                image,
                self.ranges or plane.ranges,
                plane.channels,
                self._image_id,
                plane=self._follows,
            ),
            cancel=cancel,
            timeout_s=timeout_s,
        )
        try:
            with sent as (call, loan):
                if self._keeps_copy and not self._copied:
                    # While the worker is busy: the copy costs no time that anybody waits for.
                    self.plane = copy_of(loan, plane)
                    self._copied = True
                outputs = call.result(lambda event: notify(progress, _encode_event(event.current)))
        except MemoryError as error:
            message = f"There is no memory for a copy of the image ({plane.nbytes / 1e6:.0f} MB)."
            raise OutOfMemory(message, hint="Close other programs, or crop the image.") from error
        self.ranges = tuple((float(low), float(high)) for low, high in outputs["ranges"])
        self.seconds = float(outputs["seconds"])
        self._encoding, self._home = str(outputs["encoding"]), running
        if self._finalizer is not None:
            self._finalizer.detach()
        note = self._supervisor.released.append
        self._finalizer = weakref.finalize(self, note, (running, self._encoding))
        self._finalizer.atexit = False


def _encode_event(percent: int | None) -> ProgressEvent:
    return ProgressEvent("encode", "Encoding the image", (percent or 0) / 100, 1.0)
