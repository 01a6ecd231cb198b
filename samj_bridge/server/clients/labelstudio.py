"""Label Studio's protocol for a machine learning backend: key points and rectangles in, masks or polygons out.

An image is fetched and encoded once, when its task is opened (or at the first click), not at every click.
Facts: HumanSignal/label-studio-ml-backend, label_studio_ml/api.py and its examples.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree as ET

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from samj_bridge.errors import InputError, PromptError
from samj_bridge.geometry.region import Region
from samj_bridge.models import ModelEntry
from samj_bridge.server.answering import client_of, json_body, waiting_for
from samj_bridge.server.clients.brush import encode_rle
from samj_bridge.server.clients.polygons import exteriors
from samj_bridge.server.fields import listed, number, text
from samj_bridge.server.pictures import Sent, picture_from_bytes
from samj_bridge.server.services import Services, services_of
from samj_bridge.server.turns import Job
from samj_bridge.session import Prompt
from samj_bridge.version import __version__

__all__ = ["Config", "read_config", "routes"]

_CLIENT = "Label Studio"
_OUTPUTS = ("BrushLabels", "PolygonLabels", "Brush", "Polygon", "RectangleLabels", "Rectangle")
_MOST_CONFIG = 1 << 20


@dataclass(frozen=True)
class Config:
    """What a labelling configuration says of the answer."""

    kind: str
    """Type of the answer: ``brushlabels``, ``polygonlabels``, ``rectanglelabels``, or one without labels."""
    from_name: str
    """Name of the tag that the answer is of."""
    to_name: str
    """Name of the image."""
    value: str
    """Which field of a task's data has the image's address."""
    labels: tuple[str, ...] = ()
    """Labels of that tag."""


def routes() -> list[BaseRoute]:
    """Return the routes, at the root and below ``/label-studio``."""
    table = [("setup", setup, "POST"), ("predict", predict, "POST"), ("webhook", webhook, "POST")]
    found: list[BaseRoute] = [Route("/label-studio/health", health), Route("/label-studio", health)]
    for name, handler, method in table:
        found += [Route(f"{start}/{name}", handler, methods=[method]) for start in ("", "/label-studio")]
    return found


async def health(_request: Request) -> Response:
    """Say that the backend is there."""
    return JSONResponse({"status": "UP", "model_class": "samj-bridge"})


async def setup(request: Request) -> Response:
    """Look at a project's configuration; Label Studio asks this when a backend is added."""
    body = await json_body(request)
    schema = body.get("schema")
    if isinstance(schema, str) and schema.strip():
        read_config(schema)
    return JSONResponse({"model_version": _version(services_of(request))})


async def webhook(_request: Request) -> Response:
    """Take note of an event: nothing is learned here."""
    return JSONResponse({"status": "ok"}, 201)


async def predict(request: Request) -> Response:
    """Answer the prompts in a task's context; without any, encode the image for the prompts to come."""
    services = services_of(request)
    body = await json_body(request)
    tasks, params = body.get("tasks"), body.get("params")
    if not isinstance(tasks, list) or not all(isinstance(task, dict) for task in tasks):
        raise InputError("The field 'tasks' is no list of objects.", code="bad-field", hint="Correct it.")
    context = params.get("context") if isinstance(params, dict) else None
    context = context if isinstance(context, dict) else {}
    given = [item for item in listed(context, "result") if isinstance(item, dict)]
    if not tasks:
        return JSONResponse({"results": [], "model_version": _version(services)})
    config = read_config(text(body, "label_config", ""))
    entry = services.models.entry(services.models.usual)
    prewarm = context.get("event") == "prewarm"
    if not given and not prewarm and len(tasks) > 1:
        # A whole list is to be predicted without anybody who points at objects.
        return JSONResponse({"results": [], "model_version": _version(services)})
    sent = await _image(services, entry, config, tasks[0])
    if not given:
        services.hub.ask(
            client_of(request, _CLIENT), f"encode, {entry.id}", lambda job: services.hub.scene(entry.id, sent, job)
        )
        value = {"result": [], "value": {"status": "ok", "cached": [], "pending": [0], "frame_count": 1}}
        return JSONResponse({"results": [value] if prewarm else [], "model_version": _version(services)})
    prompt, label = _prompt(given, sent.shape)

    def work(job: Job) -> list[Region]:
        return services.hub.scene(entry.id, sent, job).segment(prompt, cancel=job.cancel)

    def render(regions: list[Region]) -> dict[str, Any]:
        found = [item for region in regions for item in _items(region, config, label, sent.shape)]
        scores = [float(region.score) for region in regions if region.score is not None]
        result = {"result": found, "score": max(scores, default=0.0), "model_version": _version(services)}
        return {"results": [result], "model_version": _version(services)}

    return waiting_for(services.hub, request, _CLIENT, f"prompt, {entry.id}", work, render)


def read_config(schema: str) -> Config:
    """Read a labelling configuration.

    Raises
    ------
    InputError
        ``bad-config``: it is no XML, has no image, or nothing that a mask could go into.
    """
    hint = "A labelling configuration needs an Image, and BrushLabels, PolygonLabels or RectangleLabels for it."
    # Entities can make a small text endless; none of Label Studio's configurations has any.
    if len(schema) > _MOST_CONFIG or "<!" in schema.replace("<!--", ""):
        raise InputError(
            "The labelling configuration is too large, or has a DOCTYPE.", code="bad-config", hint=hint
        )
    try:
        root = ET.fromstring(schema)  # noqa: S314 - without a DOCTYPE there are no entities
    except ET.ParseError as error:
        message = f"The labelling configuration is no XML: {error}."
        raise InputError(message, code="bad-config", hint=hint) from error
    images = {tag.get("name", ""): tag.get("value", "").removeprefix("$") for tag in root.iter("Image")}
    for kind in _OUTPUTS:
        for tag in root.iter(kind):
            if tag.get("toName") in images:
                labels = tuple(label.get("value", "") for label in tag.iter("Label"))
                to_name = tag.get("toName", "")
                return Config(kind.lower(), tag.get("name", ""), to_name, images[to_name], labels)
    message = f"The labelling configuration has {len(images)} images, and nothing that an outline could go into."
    raise InputError(message, code="bad-config", hint=hint)


async def _image(services: Services, entry: ModelEntry, config: Config, task: Mapping[str, Any]) -> Sent:
    data = task.get("data")
    address = data.get(config.value) if isinstance(data, dict) else None
    if not isinstance(address, str) or not address:
        message = f"The task has no image: its data has no text {config.value!r:.60}."
        raise InputError(message, code="missing-field", hint="Compare the task with the labelling configuration.")
    if address.startswith("data:"):
        return await services.view(entry, address)
    address = services.fetcher.absolute(address)
    return await services.views.of_key(
        address,
        lambda digest: services.hub.has(entry.id, digest),
        lambda: picture_from_bytes(services.fetcher.fetch(address)),
    )


def _prompt(given: Sequence[Mapping[str, Any]], shape: tuple[int, int]) -> tuple[Prompt, str]:
    height, width = shape
    points: list[tuple[float, float]] = []
    negative: list[tuple[float, float]] = []
    box: tuple[float, float, float, float] | None = None
    label = ""
    for item in given:
        kind, value = str(item.get("type", "")), item.get("value")
        if not isinstance(value, dict):
            raise PromptError("A prompt has no value.", hint="Send Label Studio's own results.")
        labels = value.get(kind)
        label = str(labels[0]) if isinstance(labels, list) and labels else label
        x, y = number(value, "x", 0.0) * width / 100, number(value, "y", 0.0) * height / 100
        if kind.startswith("keypoint"):
            # Continuous coordinates: a whole number would mean a pixel's middle.
            place = (_within(x, width), _within(y, height))
            positive = value.get("positive", item.get("is_positive", item.get("positive", True)))
            (points if positive else negative).append(place)
        elif kind.startswith("rectangle"):
            far_x = x + number(value, "width", 0.0) * width / 100
            far_y = y + number(value, "height", 0.0) * height / 100
            box = (x, y, far_x, far_y)
        else:
            message = f"A prompt is of the type {kind!r:.40}."
            raise PromptError(message, hint="Use key points and rectangles.")
    return Prompt(box=box, points=points, negative=negative), label


def _within(value: float, size: int) -> float:
    value = min(max(value, 0.0), size - 1e-3)
    return value + 1e-6 if value == int(value) else value


def _items(region: Region, config: Config, label: str, shape: tuple[int, int]) -> list[dict[str, Any]]:
    if region.is_empty:
        return []
    height, width = shape
    labels = [label] if label else list(config.labels[:1])
    tagged = {config.kind: labels} if config.kind.endswith("labels") else {}
    if config.kind.startswith("brush"):
        values: list[dict[str, Any]] = [{"format": "rle", "rle": encode_rle(region.mask()), **tagged}]
    elif config.kind.startswith("polygon"):
        rings = [ring * (100.0 / width, 100.0 / height) for ring in exteriors(region)]
        values = [{"points": ring.round(4).tolist(), "closed": True, **tagged} for ring in rings]
    else:
        x0, y0, x1, y1 = region.bbox_xyxy
        place = {"x": 100 * x0 / width, "y": 100 * y0 / height}
        values = [
            {**place, "width": 100 * (x1 - x0) / width, "height": 100 * (y1 - y0) / height, "rotation": 0, **tagged}
        ]
    return [
        {
            "id": uuid.uuid4().hex[:10],
            "from_name": config.from_name,
            "to_name": config.to_name,
            "original_width": width,
            "original_height": height,
            "image_rotation": 0,
            "type": config.kind,
            "value": value,
            "score": None if region.score is None else round(float(region.score), 6),
            "origin": "prediction",
            "readonly": False,
        }
        for value in values
    ]


def _version(services: Services) -> str:
    return f"samj-bridge {__version__} {services.models.usual}"
