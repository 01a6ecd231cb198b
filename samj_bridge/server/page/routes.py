"""What the page asks: images opened and kept, their tiles, changes of objects, files to save."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Route

from samj_bridge.errors import FileError, InputError, SamjError
from samj_bridge.export import EXPORTERS, export
from samj_bridge.export.calibration import Calibration
from samj_bridge.server.answering import json_body
from samj_bridge.server.bounds import MOST_BODY
from samj_bridge.server.fields import listed, text, whole
from samj_bridge.server.page.objects import regions_of
from samj_bridge.server.page.opening import InPlace, Opened, open_file, open_sent
from samj_bridge.server.page.tiles import TILE_PX, levels_of
from samj_bridge.server.page.works import Work
from samj_bridge.server.paths import below
from samj_bridge.server.pictures import Picture
from samj_bridge.server.services import Services, services_of

__all__ = ["routes"]

_TYPES = {
    ".zip": "application/zip",
    ".tif": "image/tiff",
    ".png": "image/png",
    ".geojson": "application/geo+json",
    ".json": "application/json",
}
_START = "/api/page/images"


def routes() -> list[BaseRoute]:
    """Return the routes below ``/api/page/``."""
    one = f"{_START}/{{image}}"
    return [
        Route(_START, works),
        Route(_START, open_image, methods=["POST"]),
        Route(one, one_work),
        Route(one, drop_work, methods=["DELETE"]),
        Route(f"{one}/plane", another_plane, methods=["POST"]),
        Route(f"{one}/changes", change, methods=["POST"]),
        Route(f"{one}/tiles/{{level:int}}/{{x:int}}_{{y:int}}", tile),
        Route(f"{one}/export/{{kind}}", save),
    ]


async def works(request: Request) -> Response:
    """List the images that there is work on, the latest first, and say how large a file may be that is sent."""
    listed = await run_in_threadpool(services_of(request).works.all)
    return JSONResponse({"images": listed, "most_bytes": MOST_BODY})


async def open_image(request: Request) -> Response:
    """Open an image: a file as the body with its name in a header, or in JSON the path of one below ``--root``."""
    services = services_of(request)
    if request.headers.get("content-type", "").startswith("application/json"):
        body = await json_body(request)
        path = below(services.roots, text(body, "path"))
        head = {"name": path.name, "path": str(path)}
        return await _opened(services, head, whole(body, "plane", 0), None)
    data = await request.body()
    if not data:
        raise InputError("The file is empty.", code="missing-field", hint="Choose an image file.")
    # What a browser calls it: a name to show, never a path to write to.
    said = unquote(request.headers.get("x-samj-name", "")).replace("\\", "/")
    name = "".join(letter for letter in Path(said).name[:200] if letter.isprintable()) or "image"
    return await _opened(services, {"name": name, "path": None}, 0, data)


async def another_plane(request: Request) -> Response:
    """Open another plane of the file that an image is of."""
    services, work = services_of(request), await _work(request)
    plane = whole(await json_body(request), "plane", 0)
    data = None if work.head["path"] else await run_in_threadpool(work.source)
    return await _opened(services, {name: work.head[name] for name in ("name", "path")}, plane, data)


async def one_work(request: Request) -> Response:
    """Open an image that there is work on, as it was left."""
    services = services_of(request)
    work = await _work(request)
    await _picture(services, work)
    return JSONResponse(_described(work))


async def drop_work(request: Request) -> Response:
    """Forget an image: its objects, and its file where that was sent."""
    services, image = services_of(request), request.path_params["image"]
    await run_in_threadpool(services.works.drop, image)
    services.pictures.drop(image)
    return JSONResponse({"dropped": image})


async def change(request: Request) -> Response:
    """Do changes to the objects, and return what others have changed meanwhile."""
    work = await _work(request)
    body = await json_body(request)
    changes = listed(body, "changes")
    epoch, revision = text(body, "epoch", ""), whole(body, "revision", -1)
    if changes:
        await run_in_threadpool(work.change, changes)
    return JSONResponse(await run_in_threadpool(work.since, epoch, revision))


async def tile(request: Request) -> Response:
    """Return a tile of the image."""
    services = services_of(request)
    picture = await _picture(services, await _work(request))
    level, x, y = (request.path_params[name] for name in ("level", "x", "y"))
    data = await run_in_threadpool(services.tiles.get, picture, level, x, y)
    # The same name is the same pixels for ever.
    return Response(data, media_type="image/png", headers={"Cache-Control": "private, max-age=604800, immutable"})


async def save(request: Request) -> Response:
    """Return the objects as a file of one of the formats."""
    services, kind = services_of(request), request.path_params["kind"]
    if kind not in EXPORTERS:
        message = f"There is no format {kind!r:.40}."
        raise InputError(message, code="unknown-format", hint=f"Formats: {', '.join(EXPORTERS)}.")
    work = await _work(request)
    picture = await _picture(services, work) if "pixels" in EXPORTERS[kind].takes else None
    if picture is not None and isinstance(picture.pixels, InPlace):
        message = "The image is too large for a picture of all of it."
        raise InputError(message, code="image-too-large", hint="Save ROIs, GeoJSON or a label image.")
    folder = Path(await run_in_threadpool(tempfile.mkdtemp, prefix="samj-serve-"))
    forget = BackgroundTask(shutil.rmtree, folder, ignore_errors=True)
    try:
        path = await run_in_threadpool(_written, work, kind, picture, folder)
    except BaseException:
        await forget()
        raise
    name = f"{Path(work.head['name']).stem}{EXPORTERS[kind].suffix}"
    disposition = f"attachment; filename*=UTF-8''{quote(name, safe='')}"
    headers = {"Content-Disposition": disposition, "Cache-Control": "no-store"}
    return FileResponse(path, headers=headers, media_type=_TYPES[path.suffix], background=forget)


def _written(work: Work, kind: str, picture: Picture | None, folder: Path) -> Path:
    objects, classes = work.listed()
    if not objects:
        raise InputError("There are no objects yet.", code="no-objects", hint="Keep one first.")
    path = folder / f"objects{EXPORTERS[kind].suffix}"
    pixels = None if picture is None else picture.pixels
    regions, scale = regions_of(objects, classes, work.shape), work.head["calibration"]
    calibration = None if scale is None else Calibration(**scale)
    name = work.head["name"]
    return export(kind, path, regions, shape=work.shape, pixels=pixels, calibration=calibration, image_name=name)


async def _work(request: Request) -> Work:
    return await run_in_threadpool(services_of(request).works.get, request.path_params["image"])


async def _picture(services: Services, work: Work) -> Picture:
    """Return the pixels of a work, read again if they had to make room, or the server was started again."""
    try:
        return services.pictures.get(work.image)
    except SamjError:
        pass

    def load() -> Picture:
        return _read(services, work.head, work.source() if work.head["path"] is None else None).picture

    try:
        picture = await services.views.decoded(load)
    except OSError as error:
        message = f"The file of {work.head['name']!r} is not there any more: {error.strerror or error}."
        raise FileError(message, code="file-gone", hint="Its objects are kept. Open the image again.") from error
    if picture.digest != work.image:
        message = f"{work.head['name']!r} has changed since it was opened."
        hint = (
            "The objects of the image as it was are kept, and can be saved. Open the file anew for what it is now."
        )
        raise FileError(message, code="file-changed", hint=hint)
    services.pictures.put(picture)
    return picture


def _read(services: Services, head: Mapping[str, Any], data: bytes | None) -> Opened:
    if data is not None:
        return open_sent(data, head["plane"])
    # Roots may be others than when it was opened.
    return open_file(below(services.roots, head["path"]), head["plane"], head["name"])


async def _opened(services: Services, head: dict[str, Any], plane: int, data: bytes | None) -> Response:
    head = {**head, "plane": plane}
    opened = await services.views.decoded(lambda: _read(services, head, data))
    picture, scale = opened.picture, opened.calibration
    height, width = picture.shape
    head |= {"planes": opened.planes, "calibration": None if scale is None else asdict(scale)}
    head |= {"width": width, "height": height, "dtype": str(picture.pixels.dtype)}
    services.pictures.put(picture)
    work = await run_in_threadpool(services.works.begin, picture.digest, head, data)
    return JSONResponse(_described(work), 201)


def _described(work: Work) -> dict[str, Any]:
    height, width = work.shape
    return {
        "image": work.image,
        "name": work.head["name"],
        "width": width,
        "height": height,
        "dtype": work.head["dtype"],
        "plane": work.head["plane"],
        "planes": work.head["planes"],
        "tile": TILE_PX,
        "levels": levels_of(work.shape),
        **work.since("", -1),
    }
