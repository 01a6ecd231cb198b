"""A large image in a session: its tiles are read, sent and encoded as prompts need them."""

from __future__ import annotations

import hashlib
import threading
import uuid
import weakref
from collections.abc import Callable, Iterator

from samj_bridge.errors import Cancelled, WorkerError
from samj_bridge.geometry.tiling import Tile
from samj_bridge.progress import CancelToken, Progress, ProgressEvent, ignore_progress, notify
from samj_bridge.protocol.messages import EncodeRequest, TileMessage
from samj_bridge.session.connection.supervisor import Running, Supervisor
from samj_bridge.session.sending import encode_call
from samj_bridge.session.tiles.ranges import ranges_of
from samj_bridge.session.tiles.source import TileSource

__all__ = ["TileImage", "TiledImage"]


class TiledImage:
    """Where the encodings of an image's tiles are; may be used from several threads.

    Parameters
    ----------
    session : object
        Kept alive by the image, as by `EncodedImage`.
    supervisor : Supervisor
        Who keeps a worker running.
    source : TileSource
        The pixels. They are read when a tile is needed, so that an array must not change meanwhile; of an image
        that says when it changes (`Pyramid`), a changed tile is encoded anew.
    """

    def __init__(self, session: object, supervisor: Supervisor, source: TileSource) -> None:
        self.source = source
        """The pixels."""
        self.tiling = source.tiling
        """Where tiles are."""
        self.ranges: tuple[tuple[float, float], ...] = ()
        """Values shown as black and white, the same for every tile; found by `look`."""
        self.seconds = 0.0
        """Time that encoding took, of the tile that was encoded last."""
        self.encoded = 0
        """Tiles that were encoded or found encoded so far."""
        self._session = session
        self._supervisor = supervisor
        self._id = uuid.uuid4().hex
        self._lock = threading.Lock()
        self._names: dict[Tile, tuple[Running, str]] = {}
        self._stamps: dict[Tile, int] = {}
        self._closed = False
        self._finalizer = weakref.finalize(self, _release, supervisor, self._names)
        self._finalizer.atexit = False

    def look(self, progress: Progress, cancel: CancelToken | None) -> None:
        """Find the display range, once.

        Raises
        ------
        SamjError
            The image can't be read, or `cancel` was set.
        """
        if not self.ranges:
            self.ranges = ranges_of(self.source, _teller(progress, cancel, "Finding the display range"))

    def encoding(
        self,
        running: Running,
        tile: Tile,
        progress: Progress,
        cancel: CancelToken | None,
        timeout_s: float | None,
    ) -> str:
        """Return the name of a tile's encoding in a running worker, which gets the tile if it doesn't have it.

        Raises
        ------
        WorkerError
            ``scene-closed``, or what the worker says.
        SamjError
            The tile can't be read, or `cancel` was set.
        """
        with self._lock:
            if self._closed:
                raise WorkerError("The scene is closed.", code="scene-closed", hint="Encode the image again.")
            home, name = self._names.get(tile, (None, ""))
            # Before it is read: whatever changes from now on is seen the next time.
            stamp = self.source.stamp(tile)
            changed = stamp != self._stamps.get(tile, stamp)
            if home is not running or changed:
                if home is not None and changed:
                    self._supervisor.released.append(self._names.pop(tile))
                name = self._send(running, tile, stamp, progress, cancel, timeout_s)
                self._names[tile], self._stamps[tile] = (running, name), stamp
            return name

    def has(self, running: Running, tile: Tile) -> bool:
        """Return whether a running worker was given a tile, and has not said that it is gone."""
        return self._names.get(tile, (None, ""))[0] is running

    def forget(self, running: Running, tile: Tile) -> None:
        """Take note that this worker has lost a tile's encoding."""
        with self._lock:
            if self._names.get(tile, (None, ""))[0] is running:
                del self._names[tile]

    def look_ahead(self, tile: Tile) -> None:
        """Encode the tiles around one while the worker has nothing else to do."""
        if self._supervisor.ahead:
            self._supervisor.idle.offer(_around(weakref.ref(self), self._supervisor, tile))

    def close(self) -> None:
        """Let the worker forget the tiles."""
        with self._lock:
            self._closed = True
            self._finalizer()

    def _send(
        self,
        running: Running,
        tile: Tile,
        stamp: int,
        progress: Progress,
        cancel: CancelToken | None,
        timeout_s: float | None,
    ) -> str:
        self.look(progress, cancel)
        rows, columns = self.tiling.grid(tile.level)
        place = f"tile {tile.row * columns + tile.column + 1} of {rows * columns}"
        reduced = f", reduced {1 << tile.level} times" if tile.level else ""
        area = self.tiling.extent(tile)
        reading = _teller(progress, cancel, f"Reading {place}{reduced}", area)
        reading(0.0)
        plane = self.source.plane(tile, reading)
        tell = _teller(progress, cancel, f"Encoding {place}{reduced}", area)
        tell(0.0)
        halvings, step = self.tiling.drawn(tile)
        x0, y0, x1, y1 = area
        extent = (-(-(y1 - y0) // step), -(-(x1 - x0) // step))
        message = TileMessage(halvings, extent, self._group())
        image_id = f"{self._id}/{tile.level}.{tile.row}.{tile.column}.{stamp:x}"
        sent = encode_call(
            self._supervisor.pool,
            running,
            plane,
            lambda image: EncodeRequest(running.model, image, self.ranges, plane.channels, image_id, message),
            cancel=cancel,
            timeout_s=timeout_s,
        )
        with sent as (call, _loan):
            outputs = call.result(lambda event: tell((event.current or 0) / 100))
        self.seconds = float(outputs["seconds"])
        self.encoded += 1
        return str(outputs["encoding"])

    def _group(self) -> str:
        """Name the image, the same way in another session if it can be known again."""
        known = self.source.image.identity or self._id
        return hashlib.sha256(known.encode("utf-8", "surrogatepass")).hexdigest()[:12]


class TileImage:
    """One tile of an image, to be asked like an image of its own."""

    def __init__(self, image: TiledImage, tile: Tile) -> None:
        self._image = image
        self._tile = tile

    def encoding(
        self, running: Running, progress: Progress, cancel: CancelToken | None, timeout_s: float | None
    ) -> str:
        """See `TiledImage.encoding`."""
        return self._image.encoding(running, self._tile, progress, cancel, timeout_s)

    def forget(self, running: Running) -> None:
        """See `TiledImage.forget`."""
        self._image.forget(running, self._tile)


def _teller(
    progress: Progress, cancel: CancelToken | None, words: str, area: tuple[int, int, int, int] | None = None
) -> Callable[[float], None]:
    def tell(fraction: float) -> None:
        if cancel is not None and cancel.cancelled:
            raise Cancelled("Stopped on request.")
        notify(progress, ProgressEvent("encode", words, fraction, 1.0, area=area))

    return tell


def _around(
    image: weakref.ref[TiledImage], supervisor: Supervisor, tile: Tile
) -> Iterator[Callable[[CancelToken], None]]:
    """Yield what encodes each tile around one; it does not keep the image alive."""
    there = image()
    neighbours = list(there.tiling.neighbours(tile)) if there is not None else []
    del there
    for neighbour in neighbours:

        def encode(cancel: CancelToken, neighbour: Tile = neighbour) -> None:
            there = image()
            if there is not None:
                there.encoding(supervisor.running(), neighbour, ignore_progress, cancel, None)

        yield encode


def _release(supervisor: Supervisor, names: dict[Tile, tuple[Running, str]]) -> None:
    for running, name in list(names.values()):
        supervisor.released.append((running, name))
    names.clear()
