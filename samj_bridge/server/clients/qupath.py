"""What QuPath's SAM extension asks: samapi's ten routes, answered with exact outlines.

The extension (ksugar/qupath-extension-sam 0.9.1) is unchanged; what it sends and takes is measured in
docs/how-to/qupath.md. Outlines are in pixel corners, as QuPath's own are.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from samj_bridge.errors import Cancelled, PromptError, SamjError
from samj_bridge.export.geojson import as_geojson
from samj_bridge.geometry.region import Region
from samj_bridge.server.answering import Waiting, client_of, json_body, waiting_for
from samj_bridge.server.choosing import TYPES, Models
from samj_bridge.server.fields import box_of, flag, listed, number, pairs, text, whole
from samj_bridge.server.pictures import Sent
from samj_bridge.server.services import Services, services_of
from samj_bridge.server.turns import Job
from samj_bridge.session import Prompt
from samj_bridge.version import __version__

__all__ = ["both_spellings", "features", "prompt_of", "routes"]

_CLIENT = "QuPath"
_WINDOW: dict[str, set[float]] = {
    "points_per_side": {16, 32},
    "pred_iou_thresh": {0.88},
    "stability_score_thresh": {0.95},
    "stability_score_offset": {1.0},
    "box_nms_thresh": {0.2, 0.7},
    "crop_n_layers": {0},
    "min_mask_region_area": {0},
}
"""What the extension's window and samapi send when nobody chose: these stand for the model's own."""


def routes() -> list[BaseRoute]:
    """Return the ten routes, with a slash at the end and without."""
    table = [
        ("version", version, "GET"),
        ("weights", weights, "GET"),
        ("weights", register, "POST"),
        ("weights/cancel", cancel, "GET"),
        ("progress", progress, "GET"),
        ("", prompts, "POST"),
        ("automask", automask, "POST"),
        ("sam3", sam3, "POST"),
    ]
    return both_spellings(table)


def both_spellings(table: Iterable[tuple[str, Callable[[Request], Awaitable[Response]], str]]) -> list[BaseRoute]:
    """Return the routes of a table of names, handlers and methods: with the slash at the end and without it."""
    found: list[BaseRoute] = []
    for name, handler, method in table:
        path = f"/sam/{name}".rstrip("/")
        found += [Route(path, handler, methods=[method]), Route(f"{path}/", handler, methods=[method])]
    return found


async def version(_request: Request) -> Response:
    """Answer with our version: nobody asks in 0.9.1."""
    return PlainTextResponse(__version__)


async def weights(request: Request) -> Response:
    """List what serves a type, or every type: never nothing, which the extension could not bear."""
    models = services_of(request).models
    asked = request.query_params.get("type")
    kinds = TYPES if asked is None else [asked]
    return JSONResponse(
        [
            {"type": kind, "name": entry.id, "url": models.address(entry)}
            for kind in kinds
            for entry in models.of_type(kind)
        ]
    )


async def register(request: Request) -> Response:
    """Install a model of our catalog; the user is shown the sentence that comes back, whatever happened."""
    services = services_of(request)
    body = await json_body(request)
    kind, name, address = text(body, "type"), text(body, "name"), text(body, "url")
    services.models.of_type(kind)
    entry = services.models.named(name, address)
    if entry is None:
        return PlainTextResponse(_no_such(services.models, kind, name))
    where = next((key for key, value in TYPES.items() if value == entry.architecture), "every type")
    if entry in services.models.installed():
        return PlainTextResponse(f"{entry.id} is installed already. Choose it under {where}.")
    install = services.installs.start(entry)
    job = Job(client_of(request, _CLIENT), f"install {entry.id}", lambda _job: None)
    job.future = install.future
    job.cancel = install.cancel

    def said(_done: Any) -> str:
        services.models.stale()
        return f"{entry.id} is installed ({entry.licence_text}). Choose it under {where}."

    return _Registering(services.hub, job, said, plain=True)


async def cancel(request: Request) -> Response:
    """Stop the installation."""
    for install in services_of(request).installs.running():
        install.cancel.cancel()
    return PlainTextResponse("Cancel signal sent")


async def progress(request: Request) -> Response:
    """Say how far the installation is; asked ten times a second."""
    running = services_of(request).installs.running()
    if not running:
        return JSONResponse({"message": None, "percent": -1})
    return JSONResponse({"message": running[0].message, "percent": running[0].percent})


async def prompts(request: Request) -> Response:
    """Answer a box, or points."""
    services = services_of(request)
    body = await json_body(request)
    entry = services.models.for_type(text(body, "type", "vit_h"), text(body, "checkpoint_url", "") or None)
    sent = await services.view(entry, text(body, "b64img"))
    prompt = prompt_of(body, sent.shape)
    candidates = 3 if flag(body, "multimask_output") else 1

    def work(job: Job) -> list[Region]:
        return services.hub.scene(entry.id, sent, job).segment(prompt, candidates=candidates, cancel=job.cancel)

    return _waiting(request, services, f"prompt, {entry.id}", work)


async def automask(request: Request) -> Response:
    """Find every object."""
    services = services_of(request)
    body = await json_body(request)
    entry = services.models.for_type(text(body, "type", "vit_h"), text(body, "checkpoint_url", "") or None)
    sent = await services.view(entry, text(body, "b64img"))
    options = _options(body)
    kind = text(body, "output_type", "Single mask").lower()

    def work(job: Job) -> list[Region]:
        scene = services.hub.scene(entry.id, sent, job)
        return chosen(scene.everything(**options, progress=job.note, cancel=job.cancel), kind)

    return _waiting(request, services, f"everything, {entry.id}", work)


async def sam3(request: Request) -> Response:
    """Answer boxes, each an object; words are understood by SAM 3 alone, which is not here."""
    services = services_of(request)
    body = await json_body(request)
    entry = services.models.for_type("sam3", text(body, "checkpoint_url", "") or None)
    sent = await services.view(entry, text(body, "b64img"))
    boxes = [_from_xywh(box, "positive_bboxes", sent) for box in listed(body, "positive_bboxes")]
    not_wanted = [_from_xywh(box, "negative_bboxes", sent) for box in listed(body, "negative_bboxes")]
    asked = [Prompt(box=box) for box in boxes if box is not None]
    if not asked:
        message = "No model here understands words: draw boxes around objects."
        raise SamjError(message, code="not-here", hint="SAM 3 is not in samj-bridge's catalog.")

    def work(job: Job) -> list[Region]:
        found = services.hub.scene(entry.id, sent, job).segment(asked, cancel=job.cancel)
        return [region for region in found if not any(_mostly_in(region, box) for box in not_wanted)]

    return _waiting(request, services, f"{len(asked)} boxes, {entry.id}", work)


def chosen(regions: Iterable[Region], kind: str) -> list[Region]:
    """Return which of the masks of each point samapi's output type keeps, without regard to case."""
    found = list(regions)
    if "all" in kind:
        return found
    by_point: dict[str, list[Region]] = {}
    for region in found:
        by_point.setdefault(str((region.prompt or {}).get("points", region.prompt_index)), []).append(region)
    if "smallest" in kind:
        return [min(group, key=lambda region: region.area) for group in by_point.values()]
    if "largest" in kind:
        return [max(group, key=lambda region: region.area) for group in by_point.values()]
    return [max(group, key=lambda region: region.score or 0.0) for group in by_point.values()]


def features(regions: Iterable[Region]) -> list[dict[str, Any]]:
    """Return regions as the extension takes them: no empty ones, no ``object_idx``, which would be a class."""
    listed = [region for region in regions if not region.is_empty]
    made: list[dict[str, Any]] = as_geojson(listed)["features"]
    for feature, region in zip(made, listed, strict=True):
        feature["properties"] = {"label": "object", "sam_model": region.model}
        if region.score is not None:
            feature["properties"]["quality"] = round(float(region.score), 6)
    return made


class _Registering(Waiting):
    """An installation goes on when its window is closed: the extension has a button to stop it."""

    async def _response(self, done: asyncio.Future[Any], *, late: bool) -> Response:
        try:
            done.result()
        except Cancelled:
            return PlainTextResponse("The installation was stopped. What was fetched is kept for the next time.")
        except SamjError as error:
            return PlainTextResponse(" ".join(str(error).split()))
        except Exception:  # noqa: BLE001 - in words, by the one for all
            return await super()._response(done, late=late)
        return await super()._response(done, late=late)

    def _give_up(self) -> None:
        pass


def _no_such(models: Models, kind: str, name: str) -> str:
    fitting = [entry.id for entry in models.everything() if entry.architecture == TYPES[kind] and entry.id]
    known = f" For {kind}: {', '.join(fitting)}." if fitting else ""
    return (
        f"{name!r:.60} is no model of samj-bridge's catalog, and from other addresses nothing is fetched.{known}"
        " A file of your own: samj-bridge models import FILE"
    )


def _waiting(request: Request, services: Services, what: str, work: Any) -> Response:
    return waiting_for(services.hub, request, _CLIENT, what, work, features, too_late=[])


def prompt_of(body: Mapping[str, Any], shape: tuple[int, int]) -> Prompt:
    """Return a box and points as a prompt; points outside the image are left out.

    Raises
    ------
    PromptError
        They can't be used, or all of them are outside.
    """
    box = box_of(body.get("bbox"), "bbox", shape)
    coords, labels = pairs(body.get("point_coords"), "point_coords"), listed(body, "point_labels")
    if len(coords) != len(labels) or not all(label in (0, 1) for label in labels):
        message = f"There are {len(coords)} points and {len(labels)} labels."
        raise PromptError(message, hint="Send a label of 0 or 1 for each point.")
    height, width = shape
    inside = [(x, y) for x, y in coords if 0 <= x < width and 0 <= y < height]
    kept = [label for (x, y), label in zip(coords, labels, strict=True) if 0 <= x < width and 0 <= y < height]
    points = [xy for xy, label in zip(inside, kept, strict=True) if label == 1]
    negative = [xy for xy, label in zip(inside, kept, strict=True) if label == 0]
    if coords and not inside and box is None:
        message = f"None of the {len(coords)} points is in the image, which is {width} x {height} pixels."
        raise PromptError(message, code="prompt-outside-image", hint="Set points over the image.")
    return Prompt(box=box, points=points, negative=negative)


def _options(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return what `Scene.everything` is asked: our own search, unless somebody chose numbers for SAM's."""
    sides = max(1, min(256, whole(body, "points_per_side", 32)))
    asked: dict[str, Any] = {
        "points_per_side": sides,
        "pred_iou_thresh": number(body, "pred_iou_thresh", 0.88),
        "stability_score_thresh": number(body, "stability_score_thresh", 0.95),
        "stability_score_offset": number(body, "stability_score_offset", 1.0),
        "box_nms_thresh": number(body, "box_nms_thresh", 0.7),
        "crop_n_layers": whole(body, "crop_n_layers", 0),
        "min_mask_region_area": whole(body, "min_mask_region_area", 0),
    }
    different = {name: value for name, value in asked.items() if value not in _WINDOW[name]}
    if not different:
        return {"mode": "auto"}
    options = {"mode": "exact", "points_per_side": sides, "box_nms_thresh": asked["box_nms_thresh"], **different}
    if asked["crop_n_layers"]:
        options |= {
            "crop_nms_thresh": number(body, "crop_nms_thresh", 0.7),
            "crop_overlap_ratio": number(body, "crop_overlap_ratio", 512 / 1500),
            "crop_n_points_downscale_factor": whole(body, "crop_n_points_downscale_factor", 1),
        }
    return options


def _from_xywh(found: Any, name: str, sent: Sent) -> tuple[float, float, float, float] | None:
    if isinstance(found, list) and len(found) == 4 and all(isinstance(value, int | float) for value in found):
        x, y, width, height = found
        found = [x, y, x + width, y + height]
    return box_of(found, name, sent.shape)


def _mostly_in(region: Region, box: tuple[float, float, float, float] | None) -> bool:
    if box is None or region.is_empty:
        return False
    x, y = region.centroid_xy
    return box[0] <= x <= box[2] and box[1] <= y <= box[3]
