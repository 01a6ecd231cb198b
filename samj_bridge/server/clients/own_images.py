"""Our own API's images: sent or opened by path, encoded, prompted, searched for everything."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

import numpy as np
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from samj_bridge.errors import Cancelled, InputError, PromptError, SamjError
from samj_bridge.export.geojson import as_geojson
from samj_bridge.geometry.region import Region
from samj_bridge.progress import ProgressEvent
from samj_bridge.reading import SUFFIXES
from samj_bridge.server.answering import (
    QUIET_S,
    client_of,
    disconnected,
    failure,
    in_words,
    json_body,
    status_of,
    waiting_for,
)
from samj_bridge.server.fields import box_of, flag, pairs, text, whole
from samj_bridge.server.paths import below, listed
from samj_bridge.server.pictures import Picture, Sent, picture_from_bytes, picture_from_file
from samj_bridge.server.services import Services, services_of
from samj_bridge.server.turns import Job
from samj_bridge.session import Prompt

__all__ = ["routes"]

_CLIENT = "api"
_MOST_PROMPTS = 10_000
_OPTIONS = {"candidates": 1, "min_area": 0}


def routes() -> list[BaseRoute]:
    """Return the routes below ``/api/images`` and ``/api/files``."""
    return [
        Route("/api/files", files),
        Route("/api/images", send_image, methods=["POST"]),
        Route("/api/images/{image}", one_image),
        Route("/api/images/{image}", drop_image, methods=["DELETE"]),
        Route("/api/images/{image}/encode", encode, methods=["POST"]),
        Route("/api/images/{image}/segment", segment, methods=["POST"]),
        Route("/api/images/{image}/everything", everything, methods=["POST"]),
    ]


async def files(request: Request) -> Response:
    """List a folder below ``--root``: folders, and files that may be images."""
    services = services_of(request)
    path = request.query_params.get("path", "")
    return JSONResponse(await run_in_threadpool(listed, services.roots, path, SUFFIXES))


async def send_image(request: Request) -> Response:
    """Take an image: a file as the body, or in JSON the path of one below ``--root``."""
    services = services_of(request)
    if request.headers.get("content-type", "").startswith("application/json"):
        name = text(await json_body(request), "path")
        path = below(services.roots, name)
        picture = await services.views.decoded(lambda: picture_from_file(path))
    else:
        data = await request.body()
        if not data:
            raise InputError("The body is empty.", code="missing-field", hint="Send an image file as the body.")
        picture = await services.views.decoded(lambda: picture_from_bytes(data))
    services.pictures.put(picture)
    return JSONResponse(_described(picture), 201)


async def one_image(request: Request) -> Response:
    """Describe an image that is kept."""
    return JSONResponse(_described(_picture(request)))


async def drop_image(request: Request) -> Response:
    """Forget an image."""
    services_of(request).pictures.drop(request.path_params["image"])
    return JSONResponse({"dropped": request.path_params["image"]})


async def encode(request: Request) -> Response:
    """Encode an image now, so that the first prompt is quick."""
    services, picture = services_of(request), _picture(request)
    model = _model(services, await json_body(request))

    def work(job: Job) -> dict[str, Any]:
        scene = services.hub.scene(model, _sent(picture), job)
        return {"image": picture.digest, "model": model, "seconds": round(scene.encode_seconds, 4)}

    return waiting_for(services.hub, request, _CLIENT, f"encode, {model}", work, lambda done: done)


async def segment(request: Request) -> Response:
    """Answer prompts."""
    services, picture = services_of(request), _picture(request)
    body = await json_body(request)
    model = _model(services, body)
    asked = _prompts(body, picture.shape)
    options: dict[str, Any] = {name: whole(body, name, usual) for name, usual in _OPTIONS.items()}
    options |= {name: flag(body, name) for name in ("fill_holes", "largest_only")}

    def work(job: Job) -> list[Region]:
        scene = services.hub.scene(model, _sent(picture), job)
        return scene.segment(asked, progress=job.note, cancel=job.cancel, **options)

    what = f"{len(asked)} prompts, {model}"
    return waiting_for(services.hub, request, _CLIENT, what, work, lambda done: _collection(done, model))


async def everything(request: Request) -> Response:
    """Find every object; each is a line of JSON as soon as it is found."""
    services, picture = services_of(request), _picture(request)
    body = await json_body(request)
    model = _model(services, body)
    options = {name: value for name, value in body.items() if name not in {"model", "mode"}}
    # A record is a file that would be written wherever the request says.
    if wrong := sorted(options.keys() & {"record", "progress", "cancel"}):
        message = f"The field {wrong[0]!r} is not taken over HTTP."
        raise InputError(message, code="bad-field", hint="Leave it out.")
    mode = text(body, "mode", "auto")
    loop = asyncio.get_running_loop()
    lines: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()

    def say(line: dict[str, Any] | None) -> None:
        loop.call_soon_threadsafe(lines.put_nowait, line)

    def told(event: ProgressEvent) -> None:
        fraction = round(event.done / event.total, 4) if event.total else None
        say({"progress": {"message": event.message, "fraction": fraction}})

    def work(job: Job) -> None:
        last = ""

        def progress(event: ProgressEvent) -> None:
            nonlocal last
            job.note(event)
            last = event.message
            told(event)

        # A worker that dies is replaced, and the search begins anew: those that were told are told once.
        scene = services.hub.scene(model, _sent(picture), job)
        for region in scene.stream_everything(mode, progress=progress, cancel=job.cancel, **options):
            if region.prompt_index >= counted[0]:
                counted[0] = region.prompt_index + 1
                say({"region": _feature(region)})
        say({"done": {"objects": counted[0], "message": last}})

    counted = [0]
    job = services.hub.ask(client_of(request, _CLIENT), f"everything, {model}", work)
    job.future.add_done_callback(lambda _: say(None))
    # What can't be asked is said with its own status: the answer begins with the first line.
    first, gone = asyncio.ensure_future(lines.get()), asyncio.ensure_future(disconnected(request.receive))
    await asyncio.wait({first, gone}, timeout=QUIET_S, return_when=asyncio.FIRST_COMPLETED)
    if gone.done():
        services.hub.stop(job)
    gone.cancel()
    if first.done() and first.result() is None:
        error = job.future.exception()
        assert error is not None
        return failure(in_words(error, services.settings.logs_dir))
    return _Lines(services, job, first, lines)


class _Lines(StreamingResponse):
    """Lines of JSON as they come; a client that goes away stops the search."""

    def __init__(
        self,
        services: Services,
        job: Job,
        first: asyncio.Future[dict[str, Any] | None],
        lines: asyncio.Queue[dict[str, Any] | None],
    ) -> None:
        self._services, self._job, self._first, self._lines = services, job, first, lines
        super().__init__(self._body(), media_type="application/x-ndjson", headers={"Cache-Control": "no-store"})

    async def _body(self) -> AsyncIterator[bytes]:
        try:
            line = await self._first
            while line is not None:
                yield json.dumps(line).encode() + b"\n"
                line = await self._lines.get()
            error = self._job.future.exception()
            if error is not None and not isinstance(error, Cancelled):
                known = in_words(error, self._services.settings.logs_dir)
                yield json.dumps({"error": {**known.to_dict(), "status": status_of(known)}}, default=str).encode()
        finally:
            if not self._job.future.done():
                self._services.hub.stop(self._job)


def _picture(request: Request) -> Picture:
    return services_of(request).pictures.get(request.path_params["image"])


def _model(services: Services, body: Mapping[str, Any]) -> str:
    return services.models.entry(text(body, "model", services.models.usual)).id


def _sent(picture: Picture) -> Sent:
    return Sent(picture.digest, picture.shape, lambda: picture)


def _described(picture: Picture) -> dict[str, Any]:
    height, width = picture.shape
    channels = picture.pixels.shape[2] if picture.pixels.ndim == 3 else 1
    return {
        "image": picture.digest,
        "width": width,
        "height": height,
        "channels": channels,
        "dtype": str(picture.pixels.dtype),
    }


def _prompts(body: Mapping[str, Any], shape: tuple[int, int]) -> list[Prompt]:
    found = body.get("prompts")
    if not isinstance(found, list) or not found or not all(isinstance(item, dict) for item in found):
        message = "The field 'prompts' is no list of at least one object."
        raise InputError(message, code="missing-field", hint='Send {"prompts": [{"points": [[x, y]]}]}.')
    if len(found) > _MOST_PROMPTS:
        message = f"There are {len(found)} prompts; at most {_MOST_PROMPTS} are taken at once."
        raise InputError(message, code="too-much", hint="Send them in several requests.")
    known = {"box", "points", "negative", "mask", "name"}
    prompts = []
    for index, item in enumerate(found):
        if unknown := sorted(set(item) - known):
            message = f"Prompt {index} has {', '.join(unknown)}, which is unknown."
            raise PromptError(message, hint=f"A prompt has {', '.join(sorted(known))}.")
        prompts.append(
            Prompt(
                box=box_of(item.get("box"), f"prompts[{index}].box", shape),
                points=pairs(item.get("points"), f"prompts[{index}].points"),
                negative=pairs(item.get("negative"), f"prompts[{index}].negative"),
                mask=_mask(item.get("mask"), index, shape),
                name=text(item, "name", ""),
            )
        )
    return prompts


def _mask(found: Any, index: int, shape: tuple[int, int]) -> Region | None:
    if found is None:
        return None
    try:
        return Region(tuple(np.array(ring, np.int32) for ring in found["rings"]), shape=shape)
    except (KeyError, TypeError, ValueError, OverflowError, SamjError) as error:
        message = f"The mask of prompt {index} can't be used: {str(error)[:80]}."
        hint = 'Send {"rings": [[[x, y], ...], ...]}, as a region has them: whole numbers, on pixel corners.'
        raise PromptError(message, hint=hint) from error


def _feature(region: Region) -> dict[str, Any]:
    return dict(_collection([region], region.model)["features"][0])


def _collection(regions: list[Region], model: str) -> dict[str, Any]:
    """Return regions as GeoJSON; an empty one has no geometry, so that every prompt has its answer."""
    features = []
    for region in regions:
        made = as_geojson(region)["features"]
        geometry = made[0]["geometry"] if made else None
        properties = {
            "prompt": region.prompt_index,
            "candidate": region.candidate,
            "score": None if region.score is None else round(float(region.score), 6),
            "area": region.area,
            "rings": [ring.tolist() for ring in region.rings],
            **({"name": region.name} if region.name else {}),
        }
        features.append({"type": "Feature", "geometry": geometry, "properties": properties})
    return {"type": "FeatureCollection", "model": model, "features": features}
