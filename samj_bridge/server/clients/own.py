"""Our own small API, for programs and the page: state, models and installations, images, prompts."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from samj_bridge.errors import InputError, ModelError, SamjError
from samj_bridge.models import ModelEntry
from samj_bridge.server.answering import json_body
from samj_bridge.server.fields import flag
from samj_bridge.server.installs import Install
from samj_bridge.server.services import Services, services_of
from samj_bridge.version import __version__

__all__ = ["routes"]


def routes() -> list[BaseRoute]:
    """Return the routes below ``/api/``."""
    return [
        Route("/api/state", state),
        Route("/api/jobs/{number:int}", stop_job, methods=["DELETE"]),
        Route("/api/models", models),
        Route("/api/models/{model}/install", install, methods=["POST"]),
        Route("/api/installs", installs),
        Route("/api/installs/{number:int}", one_install),
        Route("/api/installs/{number:int}", stop_install, methods=["DELETE"]),
    ]


async def state(request: Request) -> Response:
    """Say what runs now, for whom, and what waits."""
    services = services_of(request)
    return JSONResponse(
        {
            "version": __version__,
            "model": services.models.usual,
            **services.hub.describe(),
            "installs": [item.describe() for item in services.installs.running()],
        }
    )


async def stop_job(request: Request) -> Response:
    """Stop a job that waits or runs; who asked for it hears of it."""
    hub, number = services_of(request).hub, request.path_params["number"]
    now = hub.now
    for job in [*hub.turns.waiting(), *([now] if now is not None else [])]:
        if job.number == number:
            hub.stop(job)
            return JSONResponse(job.describe(), 202)
    message = f"There is no job {number}, or it has ended."
    raise SamjError(message, code="unknown-job", hint="See /api/state.")


async def models(request: Request) -> Response:
    """List every model of the catalogs."""
    services = services_of(request)
    here = services.models.installed()
    listed = [_described(entry, installed=entry in here) for entry in services.models.everything()]
    return JSONResponse({"models": listed, "usual": services.models.usual})


async def install(request: Request) -> Response:
    """Begin to install a model."""
    services = services_of(request)
    name = request.path_params["model"]
    body = await json_body(request) if int(request.headers.get("content-length") or 0) else {}
    entry = next((item for item in services.models.everything() if item.id == name), None)
    if entry is None:
        message = f"There is no model {name!r:.80}."
        raise ModelError(message, code="unknown-model", hint="See /api/models.")
    if entry in services.models.installed():
        message = f"The model {entry.id!r} is installed already."
        raise InputError(message, code="installed", hint="Use it.")
    accepted = flag(body, "accept_licence")
    if entry.asks_licence and not accepted:
        message = f"The licence of the model {entry.id!r} is {entry.licence_text}: it was not accepted."
        hint = "If you may use it so, send accept_licence: true."
        raise ModelError(message, code="licence-not-accepted", hint=hint)
    begun = services.installs.start(entry, accepted="asked" if accepted else "")
    begun.future.add_done_callback(lambda _: services.models.stale())
    return JSONResponse(begun.describe(), 202)


async def installs(request: Request) -> Response:
    """List installations."""
    return JSONResponse({"installs": [item.describe() for item in services_of(request).installs.all()]})


async def one_install(request: Request) -> Response:
    """Say how far an installation is."""
    return JSONResponse(_install_of(services_of(request), request).describe())


async def stop_install(request: Request) -> Response:
    """Stop an installation; what was fetched is kept."""
    found = _install_of(services_of(request), request)
    found.cancel.cancel()
    return JSONResponse(found.describe(), 202)


def _install_of(services: Services, request: Request) -> Install:
    number = request.path_params["number"]
    found = services.installs.get(number)
    if found is None:
        message = f"There is no installation {number}."
        raise SamjError(message, code="unknown-install", hint="See /api/installs.")
    return found


def _described(entry: ModelEntry, *, installed: bool) -> dict[str, Any]:
    return {
        "id": entry.id,
        "title": entry.title,
        "installed": installed,
        "size_bytes": entry.size,
        "packaged": entry.is_packaged,
        "prompts": list(entry.prompts),
        "licence": entry.licence_text,
        "must_accept": entry.asks_licence,
        "good_for": entry.good_for,
        "homepage": entry.homepage,
        "architecture": entry.architecture,
    }
