"""What a request may cost before it is understood: bytes, seconds, connections."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

__all__ = ["MOST_BODY", "MOST_CONNECTIONS", "Bodies", "BoundedProtocol", "Refused"]

MOST_BODY = 192 << 20
"""Bytes of a body: base64 of a picture of `MOST_PIXELS` that can't be packed, and some room."""
MOST_BODIES = 768 << 20
"""Bytes of all bodies that are being read."""
MOST_CONNECTIONS = 256
"""Connections that may be open; of more, those that ask nothing are closed, the longest open first."""
HEADER_S = 15.0
"""Seconds for the head of a request."""
PIECE_S = 20.0
"""Seconds for the next piece of a body."""
SLOWEST = 20_000
"""Bytes a second that a body has to make on the whole, after `SLOW_AFTER_S`."""
SLOW_AFTER_S = 60.0
"""Seconds in which a body may be slower."""


class Refused(Exception):
    """A body that is too large or too slow."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.response = JSONResponse(
            {"detail": message, "code": code},
            status,
            {"Connection": "close", **({"Retry-After": "2"} if status == 503 else {})},
        )


class Bodies:
    """Counts and times bodies; what is too large or too slow is refused before it is held in memory."""

    def __init__(self, app: ASGIApp, most: int = MOST_BODY, most_together: int = MOST_BODIES) -> None:
        self._app = app
        self._most = most
        self._most_together = most_together
        self._together = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand on with a `receive` that counts."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body = _Body(self, receive, Headers(scope=scope).get("content-length", "0"))
        begun = False

        async def sending(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            body.check()
            await self._app(scope, body.receive, sending)
        except Refused as refused:
            if not begun:
                await refused.response(scope, receive, send)
        finally:
            self._together -= body.size

    def take(self, size: int, total: int) -> None:
        """Count bytes of a body."""
        if total > self._most:
            message = f"The body is larger than {self._most / 1e6:.0f} MB."
            raise Refused(413, "too-large", message)
        if self._together + size > self._most_together:
            raise Refused(503, "busy", "Too much is being sent at once: send it again in a moment.")
        self._together += size


class _Body:
    def __init__(self, bodies: Bodies, receive: Receive, declared: str) -> None:
        self.size = 0
        self._bodies = bodies
        self._receive = receive
        self._declared = int(declared) if declared.isdigit() else 0
        self._ended = False
        self._begun = time.monotonic()

    def check(self) -> None:
        """Refuse at once what says that it is too large."""
        self._bodies.take(0, self._declared)

    async def receive(self) -> Message:
        """Return the next piece, in time."""
        if self._ended:
            # From here on it is the end of the connection that is waited for.
            return await self._receive()
        try:
            message = await asyncio.wait_for(self._receive(), PIECE_S)
        except asyncio.TimeoutError:
            raise Refused(408, "too-slow", f"Nothing came for {PIECE_S:.0f} s.") from None
        if message["type"] == "http.request":
            size = len(message.get("body", b""))
            self._bodies.take(size, self.size + size)
            self.size += size
            self._ended = not message.get("more_body", False)
            seconds = time.monotonic() - self._begun
            if not self._ended and seconds > SLOW_AFTER_S and self.size < SLOWEST * seconds:
                raise Refused(408, "too-slow", f"The body came with {self.size / seconds:.0f} bytes a second.")
        return message


class BoundedProtocol(H11Protocol):
    """uvicorn's protocol with a bound on open connections, and on the time for a request's head."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a connection; make room by closing the one that was idle longest, or close this one."""
        super().connection_made(transport)
        self._timer: asyncio.TimerHandle | None = None
        self._opened = time.monotonic()
        self._watch()
        # One that is being closed is still listed until the loop comes round.
        listed = [other for other in self.connections if isinstance(other, BoundedProtocol)]
        there = [other for other in listed if not other.transport.is_closing()]
        if len(there) > MOST_CONNECTIONS:
            idle = [other for other in there if not other.is_busy]
            min(idle, key=lambda other: other._opened, default=self).transport.close()  # noqa: SLF001

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._calm()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take bytes; a head that is not whole soon ends the connection."""
        super().data_received(data)
        if self.is_busy:
            self._calm()
        else:
            self._watch()

    @property
    def is_busy(self) -> bool:
        """Whether a request is being answered."""
        cycle: Any = self.cycle
        return cycle is not None and not cycle.response_complete

    def _watch(self) -> None:
        if self._timer is None:
            self._timer = self.loop.call_later(HEADER_S, self._too_slow)

    def _calm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _too_slow(self) -> None:
        self._timer = None
        if not self.is_busy and not self.transport.is_closing():
            self.transport.close()
