"""The application: every route behind the guard and the bounds."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from samj_bridge.errors import SamjError
from samj_bridge.server import own, qupath
from samj_bridge.server.access import Access, Guard
from samj_bridge.server.answering import failure, in_words
from samj_bridge.server.bounds import Bodies, Refused
from samj_bridge.server.services import Services
from samj_bridge.version import __version__

__all__ = ["make_app"]


def make_app(services: Services, access: Access) -> Starlette:
    """Return the application.

    Parameters
    ----------
    services : Services
        What the routes share.
    access : Access
        Who may ask.
    """
    app = Starlette(
        routes=[Route("/health", health), *qupath.routes(), *own.routes()],
        middleware=[Middleware(Guard, access), Middleware(Bodies), Middleware(InWords, services)],
        exception_handlers={SamjError: _failed, HTTPException: _http},
    )
    # Both spellings are routes: a redirect would cost a client its body.
    app.router.redirect_slashes = False
    app.state.services = services
    return app


async def health(_request: Request) -> Response:
    """Say that the server is there."""
    return JSONResponse(
        {"status": "UP", "model_class": "samj-bridge", "program": "samj-bridge", "version": __version__}
    )


async def _failed(_request: Request, error: Exception) -> Response:
    assert isinstance(error, SamjError)
    return failure(error)


async def _http(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return JSONResponse({"detail": error.detail, "code": "http"}, error.status_code, error.headers)


class InWords:
    """Answers an error that nobody foresaw with a sentence; the traceback is for the log."""

    def __init__(self, app: ASGIApp, services: Services) -> None:
        self._app = app
        self._logs = services.settings.logs_dir

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand on."""
        begun = False

        async def sending(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, sending)
        except Refused:
            raise
        except Exception as error:
            known = in_words(error, self._logs)
            if begun:
                raise
            await failure(known)(scope, receive, send)
