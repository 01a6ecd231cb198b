"""What X-AnyLabeling asks a remote server: its models, and shapes for points and rectangles.

Requests and answers as in CVHub520/X-AnyLabeling 4.2, services/auto_labeling/remote_server.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from samj_bridge.errors import InputError, PromptError, SamjError
from samj_bridge.geometry.region import Region
from samj_bridge.models import ModelEntry
from samj_bridge.server.answering import failure, json_body, waiting_for
from samj_bridge.server.clients.polygons import TOLERANCE, exteriors
from samj_bridge.server.fields import box_of, listed, number, pairs, text
from samj_bridge.server.services import services_of
from samj_bridge.server.turns import Job
from samj_bridge.session import Prompt

__all__ = ["routes"]

_CLIENT = "X-AnyLabeling"
_LABEL = "AUTOLABEL_OBJECT"
"""What the program replaces by the label that the user chooses."""
_WIDGETS = (
    ("output_label", None),
    ("button_add_point", None),
    ("button_remove_point", None),
    ("button_add_rect", None),
    ("add_pos_rect", None),
    ("add_neg_rect", None),
    ("button_run_rect", None),
    ("button_clear", None),
    ("button_finish_object", None),
    ("mask_fineness_slider", 10),
    ("mask_fineness_value_label", None),
    ("toggle_preserve_existing_annotations", True),
)


def routes() -> list[BaseRoute]:
    """Return the routes below ``/v1/``."""
    return [
        Route("/v1/health", health),
        Route("/v1/models", models),
        Route("/v1/predict", predict, methods=["POST"]),
    ]


async def health(request: Request) -> Response:
    """Say that the server is there."""
    here = services_of(request).models.installed()
    return JSONResponse({"success": True, "data": {"status": "healthy", "models_loaded": len(here)}})


async def models(request: Request) -> Response:
    """List the installed models, the usual one first."""
    here = services_of(request).models.installed()
    return JSONResponse({"success": True, "data": {entry.id: _described(entry) for entry in reversed(here)}})


async def predict(request: Request) -> Response:
    """Answer marks: points and one rectangle are one object; several rectangles are as many."""
    services = services_of(request)
    try:
        body = await json_body(request)
        entry = services.models.entry(text(body, "model", services.models.usual))
        params = body.get("params") or {}
        if not isinstance(params, dict):
            raise InputError("The field 'params' is no object.", code="bad-field", hint="Correct it.")
        marks = listed(params, "marks")
        if not all(isinstance(mark, dict) for mark in marks):
            raise InputError("The field 'marks' is no list of objects.", code="bad-field", hint="Correct it.")
        fineness = number(params, "epsilon_factor", 0.001)
        if not marks:
            # Asked when an image is opened: there is nothing to answer yet, and words are not understood.
            description = "samj-bridge takes points and rectangles." if params.get("text_prompt") else ""
            return JSONResponse({"success": True, "data": {"shapes": [], "description": description}})
        sent = await services.view(entry, text(body, "image"))
        asked, unwanted = _prompts(marks, sent.shape)
    except SamjError as error:
        return failure(error, _told)

    def work(job: Job) -> list[Region]:
        found = services.hub.scene(entry.id, sent, job).segment(asked, cancel=job.cancel)
        return [region for region in found if not any(_middle_in(region, box) for box in unwanted)]

    def render(regions: list[Region]) -> dict[str, Any]:
        shapes = [shape for region in regions for shape in _shapes(region, fineness)]
        return {"success": True, "data": {"shapes": shapes, "description": ""}}

    what = f"{len(asked)} prompts, {entry.id}"
    return waiting_for(services.hub, request, _CLIENT, what, work, render, tell=_told)


def _described(entry: ModelEntry) -> dict[str, Any]:
    return {
        "display_name": f"{entry.id} (samj-bridge)",
        "widgets": [{"name": name, "value": value} for name, value in _WIDGETS],
        "params": {},
        # No batch without somebody who points at objects.
        "batch_processing_mode": None,
    }


def _prompts(
    marks: list[Mapping[str, Any]], shape: tuple[int, int]
) -> tuple[list[Prompt], list[tuple[float, float, float, float]]]:
    points: list[tuple[float, float]] = []
    negative: list[tuple[float, float]] = []
    boxes: list[tuple[float, float, float, float]] = []
    unwanted: list[tuple[float, float, float, float]] = []
    for mark in marks:
        kind, wanted = mark.get("type"), mark.get("label", 1) == 1
        if kind == "point":
            (point,) = pairs([mark.get("data")], "data")
            (points if wanted else negative).append(_inside(point, shape))
        elif kind == "rectangle":
            box = box_of(mark.get("data"), "data", shape)
            if box is None:
                raise PromptError("A rectangle has no data.", hint="Send [x0, y0, x1, y1].")
            (boxes if wanted else unwanted).append(box)
        else:
            message = f"A mark is of the type {kind!r:.40}."
            raise PromptError(message, hint="Send points and rectangles.")
    if len(boxes) > 1:
        return [Prompt(box=box, negative=negative) for box in boxes], unwanted
    return [Prompt(box=boxes[0] if boxes else None, points=points, negative=negative)], unwanted


def _inside(point: tuple[float, float], shape: tuple[int, int]) -> tuple[float, float]:
    height, width = shape
    x, y = point
    if not (0 <= x <= width and 0 <= y <= height):
        message = f"The point {point} is not in the image, which is {width} x {height} pixels."
        raise PromptError(message, code="prompt-outside-image", hint="Set it over the image.")
    # The right and lower edges belong to the last pixels.
    return (min(x, width - 1e-3), min(y, height - 1e-3))


def _middle_in(region: Region, box: tuple[float, float, float, float]) -> bool:
    if region.is_empty:
        return False
    x, y = region.centroid_xy
    return box[0] <= x <= box[2] and box[1] <= y <= box[3]


def _shapes(region: Region, fineness: float) -> list[dict[str, Any]]:
    shapes: list[dict[str, Any]] = []
    for ring in exteriors(region, 0.0):
        around = float(np.hypot(*(ring - np.roll(ring, 1, axis=0)).T).sum())
        coarse = max(fineness * around, TOLERANCE) if fineness > 0 else 0.0
        points = next(iter(exteriors(Region((ring,)), coarse))).tolist()
        shapes.append(
            {
                "label": _LABEL,
                "shape_type": "polygon",
                "points": [*points, points[0]],
                "score": None if region.score is None else round(float(region.score), 6),
                "attributes": {},
                "description": None,
                "difficult": False,
                "direction": 0,
                "flags": None,
                "group_id": None,
                "kie_linking": [],
            }
        )
    return shapes


def _told(error: SamjError) -> dict[str, Any]:
    return {"success": False, "error": {"code": error.code, "message": " ".join(str(error).split())}}
