"""From a request to its answer: the body read within bounds, errors in one line, blanks while networks run.

A client that has heard nothing for three minutes gives up (QuPath does), and so may a proxy. So an answer that
takes longer than some seconds begins with blanks, which JSON allows; its status is 200 by then, whatever happens.
"""

from __future__ import annotations

import asyncio
import errno
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from samj_bridge.errors import (
    Cancelled,
    DownloadError,
    FileError,
    InputError,
    InstallError,
    ModelError,
    NoSpaceError,
    OutOfMemory,
    SamjError,
)
from samj_bridge.server.hub import Hub
from samj_bridge.server.turns import Job

__all__ = [
    "BLANK_S",
    "QUIET_S",
    "Waiting",
    "client_of",
    "disconnected",
    "failure",
    "in_words",
    "json_body",
    "status_of",
    "told",
    "waiting_for",
]

_log = logging.getLogger(__name__)

QUIET_S = 10.0
"""Seconds after which an answer begins, though there is none yet."""
BLANK_S = 15.0
"""Seconds between two blanks."""

_STATUS = {
    "unknown-image": 404,
    "unknown-install": 404,
    "unknown-job": 404,
    "not-served": 404,
    "not-fetched": 502,
    "unknown-model": 404,
    "model-not-installed": 404,
    "busy": 503,
    "ending": 503,
    "image-too-large": 413,
    "licence-not-accepted": 403,
    "not-here": 501,
    "cancelled": 499,
}
_CLASSES: tuple[tuple[type[SamjError], int], ...] = (
    (InputError, 422),
    (InstallError, 503),
    (OutOfMemory, 507),
    (NoSpaceError, 507),
    (FileError, 422),
    (DownloadError, 502),
    (ModelError, 409),
    (Cancelled, 499),
)

Told = Callable[[SamjError], Any]
"""Makes the JSON of an error."""


def status_of(error: SamjError) -> int:
    """Return the HTTP status that says best what an error is."""
    known = _STATUS.get(error.code)
    return known or next((status for kind, status in _CLASSES if isinstance(error, kind)), 500)


def told(error: SamjError) -> dict[str, Any]:
    """Return an error as FastAPI's clients expect it: ``detail`` is one line."""
    return {"detail": " ".join(str(error).split()), "code": error.code}


def in_words(error: BaseException, logs: Path) -> SamjError:
    """Return any error as one with a sentence; the traceback of one that nobody foresaw goes to the log file."""
    if isinstance(error, SamjError):
        return error
    if isinstance(error, MemoryError):
        return OutOfMemory("There was not enough memory for this.", hint="Send a smaller image.")
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return NoSpaceError("The disk of the server is full.", hint="Make space there, then try again.")
    _log.error("unforeseen", exc_info=error)
    message = f"samj-bridge made a mistake: {type(error).__name__}."
    return SamjError(message, code="internal", hint=f"Please report it with the newest log in {logs.name}.")


def failure(error: SamjError, tell: Told = told) -> Response:
    """Return the response to an error."""
    status = status_of(error)
    headers = {"Retry-After": "1"} if status == 503 else None
    return JSONResponse(tell(error), status if status != 499 else 503, headers)


async def json_body(request: Request) -> dict[str, Any]:
    """Return the JSON object of a request.

    Raises
    ------
    InputError
        It is none.
    """
    body = await request.body()
    try:
        # Large ones would hold up everybody else's answers.
        value = json.loads(body) if len(body) < 1 << 16 else await run_in_threadpool(json.loads, body)
    except (ValueError, RecursionError) as error:
        message = f"The body is no JSON: {str(error)[:80]}."
        raise InputError(message, code="bad-json", hint="Send a JSON object.") from error
    if not isinstance(value, dict):
        raise InputError("The body is no JSON object.", code="bad-json", hint="Send a JSON object.")
    return value


def client_of(request: Request, part: str) -> str:
    """Return a name for who asks: what it calls itself, or else its machine and program."""
    own = request.headers.get("x-samj-client", "")
    if own:
        return f"{part} {own[:40]}"
    host = request.client.host if request.client is not None else "?"
    agent = request.headers.get("user-agent", "?").split(" ")[0][:30]
    return f"{part} {host} {agent}"


class Waiting(Response):
    """The answer to a job: at once if it is done soon, else begun with blanks; a client that goes away stops it.

    Parameters
    ----------
    hub : Hub
        Whose job it is.
    job : Job
        What is waited for.
    render : callable
        Makes the JSON, or a text, of what came of the job.
    tell : callable
        Makes the JSON of an error.
    too_late : object
        Sent instead of an error once the answer has begun; None: what `tell` says.
    plain : bool
        The answer is a text, not JSON.
    """

    def __init__(
        self,
        hub: Hub,
        job: Job,
        render: Callable[[Any], Any],
        *,
        tell: Told = told,
        too_late: Any = None,
        plain: bool = False,
    ) -> None:
        self._hub = hub
        self.job = job
        """What is waited for."""
        self._render = render
        self._tell = tell
        self._too_late = too_late
        self._kind = b"text/plain; charset=utf-8" if plain else b"application/json"
        self.background = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Wait and answer."""
        done = asyncio.wrap_future(self.job.future)
        done.add_done_callback(_looked_at)
        gone = asyncio.ensure_future(disconnected(receive))
        try:
            begun = False
            while not done.done():
                await asyncio.wait(
                    {done, gone}, timeout=BLANK_S if begun else QUIET_S, return_when=asyncio.FIRST_COMPLETED
                )
                if gone.done():
                    return
                if not done.done():
                    if not begun:
                        begun = True
                        await send(self._start())
                    await send({"type": "http.response.body", "body": b" ", "more_body": True})
            response = await self._response(done, late=begun)
            if begun:
                await send({"type": "http.response.body", "body": response.body})
            else:
                await response(scope, receive, send)
        finally:
            gone.cancel()
            if not done.done():
                self._give_up()

    def _give_up(self) -> None:
        """Stop the job: nobody waits for it any more."""
        self._hub.stop(self.job)

    def _start(self) -> dict[str, Any]:
        headers = [(b"content-type", self._kind), (b"cache-control", b"no-store")]
        return {"type": "http.response.start", "status": 200, "headers": headers}

    async def _response(self, done: asyncio.Future[Any], *, late: bool) -> Response:
        try:
            rendered = self._render(done.result())
            headers = {"Server-Timing": self.job.timing()}
            if isinstance(rendered, str):
                return PlainTextResponse(rendered, headers=headers)
            return JSONResponse(rendered, headers=headers)
        except Exception as error:  # noqa: BLE001 - whatever it is, the client gets a line
            known = in_words(error, self._hub.settings.logs_dir)
            _log.warning("%s: %s", self.job.what, known)
            if late and self._too_late is not None:
                return JSONResponse(self._too_late)
            return failure(known, self._tell)


def waiting_for(
    hub: Hub,
    request: Request,
    part: str,
    what: str,
    work: Callable[[Job], Any],
    render: Callable[[Any], Any],
    **options: Any,
) -> Waiting:
    """Let something be done in its turn, and return the response that waits for it."""
    return Waiting(hub, hub.ask(client_of(request, part), what, work), render, **options)


async def disconnected(receive: Receive) -> None:
    """Return when the client has gone."""
    while (await receive())["type"] != "http.disconnect":
        pass


def _looked_at(future: asyncio.Future[Any]) -> None:
    # A client that went away leaves an error that nobody asks for.
    if not future.cancelled():
        future.exception()
