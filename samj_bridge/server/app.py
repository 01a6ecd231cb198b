"""The application: every route behind the guard and the bounds."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from samj_bridge.errors import SamjError
from samj_bridge.server.access import Access, Guard
from samj_bridge.server.answering import failure, in_words
from samj_bridge.server.bounds import Bodies, Refused
from samj_bridge.server.clients import labelstudio, own, own_images, qupath, qupath_video, xanylabeling
from samj_bridge.server.page import files as page_files
from samj_bridge.server.page import routes as page_routes
from samj_bridge.server.services import Services
from samj_bridge.version import __version__

__all__ = ["InWords", "described", "make_app", "routes"]


def routes() -> list[BaseRoute]:
    """Return every route."""
    own_ones = [Route("/health", health), Route("/openapi.json", description)]
    clients = (qupath, qupath_video, labelstudio, xanylabeling, own, own_images, page_files, page_routes)
    return [*own_ones, *(route for client in clients for route in client.routes())]


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
        routes=routes(),
        middleware=[Middleware(Guard, access), Middleware(Bodies), Middleware(InWords, services)],
        exception_handlers={SamjError: _failed, HTTPException: _http},
    )
    # Both spellings are routes: a redirect would cost a client its body.
    app.router.redirect_slashes = False
    app.state.services = services
    return app


@functools.cache
def described() -> dict[str, Any]:
    """Return the OpenAPI description, as it is served."""
    import yaml

    value: dict[str, Any] = yaml.safe_load(Path(__file__).with_name("openapi.yaml").read_text(encoding="utf-8"))
    value["info"]["version"] = __version__
    return value


async def description(_request: Request) -> Response:
    """Describe every route for programs."""
    return JSONResponse(described())


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
