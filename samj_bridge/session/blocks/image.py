"""One block of a large image, sent to the worker and encoded there like an image of its own."""

from __future__ import annotations

import hashlib
import threading
import uuid
from collections.abc import Callable

from samj_bridge.geometry.blocks.walk import Drawn
from samj_bridge.progress import CancelToken, Progress, ProgressEvent, notify
from samj_bridge.protocol.messages import EncodeRequest, TileMessage
from samj_bridge.session.connection.supervisor import Running, Supervisor
from samj_bridge.session.images import Plane
from samj_bridge.session.sending import encode_call
from samj_bridge.session.tiles.source import TileSource

__all__ = ["BlockImage"]


class BlockImage:
    """The pixels of a block, and where their encoding is; used by one thread.

    Parameters
    ----------
    supervisor : Supervisor
        Who keeps a worker running.
    source : TileSource
        The image; the block is read from it when it is made.
    ranges : sequence of pairs
        The whole image's display range.
    drawn : Drawn
        Which block it is, and how its objects are drawn.
    check : callable
        Called with the part of the block that is read so far; may raise.

    Raises
    ------
    SamjError
        The block can't be read.
    """

    def __init__(
        self,
        supervisor: Supervisor,
        source: TileSource,
        ranges: tuple[tuple[float, float], ...],
        drawn: Drawn,
        check: Callable[[float], None],
    ) -> None:
        blocks = drawn.blocks
        self.plane: Plane = source.region_in_pieces(blocks.level, blocks.pixels(drawn.number), check)
        """The pixels, as they are sent."""
        self._supervisor = supervisor
        self._ranges = ranges
        self._tile = TileMessage(drawn.halvings, drawn.shape, _group(source))
        self._id = uuid.uuid4().hex
        self._home: Running | None = None
        self._name = ""
        self._lock = threading.Lock()

    def encoding(
        self, running: Running, progress: Progress, cancel: CancelToken | None, timeout_s: float | None
    ) -> str:
        """Return the name of the block's encoding in a running worker, which gets it if it doesn't have it.

        Raises
        ------
        WorkerError
            What the worker says.
        """
        with self._lock:
            if self._home is not running:
                self._send(running, progress, cancel, timeout_s)
            return self._name

    def forget(self, running: Running) -> None:
        """Take note that this worker has lost the encoding."""
        with self._lock:
            if self._home is running:
                self._home = None

    def close(self) -> None:
        """Let the worker forget the encoding when it is asked something next."""
        with self._lock:
            if self._home is not None:
                self._supervisor.released.append((self._home, self._name))
            self._home = None

    def _send(
        self, running: Running, progress: Progress, cancel: CancelToken | None, timeout_s: float | None
    ) -> None:
        plane = self.plane
        sent = encode_call(
            self._supervisor.pool,
            running,
            plane,
            lambda image: EncodeRequest(running.model, image, self._ranges, plane.channels, self._id, self._tile),
            cancel=cancel,
            timeout_s=timeout_s,
        )
        with sent as (call, _loan):
            outputs = call.result(
                lambda event: notify(progress, ProgressEvent("encode", "Encoding", (event.current or 0) / 100, 1.0))
            )
        self._name, self._home = str(outputs["encoding"]), running


def _group(source: TileSource) -> str:
    known = source.image.identity or str(id(source))
    return hashlib.sha256(known.encode("utf-8", "surrogatepass")).hexdigest()[:12]
