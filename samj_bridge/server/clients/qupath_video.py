"""What the SAM extension of QuPath asks of stacks and series: frames sent one by one, then a run through them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from samj_bridge.errors import FileError, ImageError, InputError, PromptError, SamjError
from samj_bridge.server.answering import json_body, waiting_for
from samj_bridge.server.clients.qupath import both_spellings, features, prompt_of
from samj_bridge.server.fields import box_of, listed, number, text, whole
from samj_bridge.server.pictures import picture_from_file, picture_from_text
from samj_bridge.server.services import Services, services_of
from samj_bridge.server.turns import Job
from samj_bridge.session import Prompt
from samj_bridge.session.stack.step import Step

__all__ = ["routes"]

_CLIENT = "QuPath"
_AXES = {"XYZ": "z", "XYT": "t"}

_MOST = 1000
"""Objects of a run."""

Given = tuple[int, int, Prompt]
"""Frame, the client's number of an object, and where it is there."""


def routes() -> list[BaseRoute]:
    """Return the routes."""
    return both_spellings([("upload", upload, "POST"), ("video", video, "POST"), ("sam3video", sam3_video, "POST")])


async def upload(request: Request) -> Response:
    """Keep a frame for a run through a stack."""
    services = services_of(request)
    async with request.form(max_files=1, max_fields=4) as form:
        folder, file = form.get("dirname"), form.get("file")
        if not isinstance(folder, str) or file is None or isinstance(file, str):
            message = "An upload has the fields dirname, a text, and file."
            raise InputError(message, code="missing-field", hint="Send both as multipart/form-data.")
        name = await services.uploads.keep(folder, file.filename or "", file)
    return JSONResponse({"filename": name})


async def video(request: Request) -> Response:
    """Follow objects, each given by a box or points on a frame."""
    body = await json_body(request)
    return await _followed(request, body, text(body, "type", "sam2_t"), _given)


async def sam3_video(request: Request) -> Response:
    """Follow objects, each in a box; words are understood by SAM 3 alone, which is not here."""
    body = await json_body(request)
    return await _followed(request, body, "sam3", _given_in_boxes)


class _Frames(Sequence[NDArray[Any]]):
    """Frames that are decoded when they are needed: what `Session.encode_stack` takes."""

    def __init__(self, loads: Sequence[Callable[[], NDArray[Any]]]) -> None:
        self._loads = loads

    def __len__(self) -> int:
        return len(self._loads)

    def __getitem__(self, index: Any) -> Any:
        return self._loads[index]()


async def _followed(
    request: Request,
    body: Mapping[str, Any],
    kind: str,
    given_of: Callable[[Mapping[str, Any], int, tuple[int, int]], list[Given]],
) -> Response:
    services = services_of(request)
    folder = text(body, "dirname", "")

    def forget(_done: object = None) -> None:
        services.uploads.drop(folder)

    try:
        address = text(body, "checkpoint_url", "") or text(body, "checkpointUrl", "")
        entry = services.models.for_type(kind, address or None)
        along = text(body, "axes", "XYT")
        if along not in _AXES:
            message = f"The axes are {along!r:.40}."
            raise InputError(message, code="bad-field", hint=f"Send one of {', '.join(_AXES)}.")
        frames = _frames(services, folder, listed(body, "b64imgs"))
        first = await services.views.decoded(lambda: frames[0])
        given = given_of(body, len(frames), first.shape[:2])
        start, stop = _range(body, given, len(frames))
        fixed = whole(body, "plane_position", 0)

        def work(job: Job) -> list[Step]:
            # The client's numbers begin with 0, and a stack's with 1.
            numbers = {known: place for place, known in enumerate(dict.fromkeys(item[1] for item in given), 1)}
            prompts = [(frame, prompt, numbers[known]) for frame, known, prompt in given]
            clients = {place: known for known, place in numbers.items()}
            session = services.hub.session(entry.id, job)
            with session.encode_stack(frames, _AXES[along]) as stack:
                steps = stack.propagate(prompts, start, stop, progress=job.note, cancel=job.cancel)
                return [step._replace(object=clients[step.object]) for step in steps]

        render = partial(_features, along=along, fixed=fixed)
        what = f"{len(given)} prompts through {len(frames)} frames, {entry.id}"
        response = waiting_for(services.hub, request, _CLIENT, what, work, render, too_late=[])
    except BaseException:
        forget()
        raise
    response.job.future.add_done_callback(forget)
    return response


def _frames(services: Services, folder: str, texts: Sequence[Any]) -> _Frames:
    """Return the frames that were uploaded, or that are in the request itself."""
    paths = services.uploads.frames(folder)
    if paths:
        return _Frames([partial(_rgb, partial(picture_from_file, path, f"frame {path.stem}")) for path in paths])
    if texts and all(isinstance(one, str) for one in texts):
        return _Frames([partial(_rgb, partial(picture_from_text, one)) for one in texts])
    message = f"There are no frames {folder!r:.80}." if folder else "There are no frames."
    raise InputError(message, code="no-frames", hint="Upload them first, to /sam/upload/, under this dirname.")


def _rgb(load: Callable[[], Any]) -> NDArray[Any]:
    try:
        pixels = load().pixels
    except (ImageError, FileError) as error:
        message = f"A frame can't be read: {error.message}"
        hint = "Of an image that fits into one tile the extension uploads empty frames: see docs/how-to/qupath.md."
        raise ImageError(message, code=error.code, hint=hint) from error
    # JPEG frames of one series may be grey or in colours.
    return np.repeat(pixels[..., None], 3, axis=2) if pixels.ndim == 2 else np.asarray(pixels)


def _each(body: Mapping[str, Any], frames: int) -> list[tuple[int, Mapping[str, Any]]]:
    """Return every object of the request with its frame."""
    found = body.get("objs")
    if not isinstance(found, dict):
        raise InputError("The field 'objs' is missing, or no object.", code="bad-field", hint="Send it.")
    listed_ones: list[tuple[int, Mapping[str, Any]]] = []
    for name, objects in found.items():
        if not name.isdecimal() or int(name) >= frames:
            message = f"There is no frame {name!r:.40}: there are {frames}, from 0."
            raise InputError(message, code="bad-field", hint="Correct it.")
        if not isinstance(objects, list) or not all(isinstance(item, dict) for item in objects):
            message = f"The objects of frame {name} are no list of objects."
            raise InputError(message, code="bad-field", hint="Correct it.")
        listed_ones += [(int(name), item) for item in objects]
    if len(listed_ones) > _MOST:
        message = f"There are {len(listed_ones)} objects; at most {_MOST} are followed at once."
        raise InputError(message, code="too-much", hint="Ask for some of them at a time.")
    return listed_ones


def _given(body: Mapping[str, Any], frames: int, shape: tuple[int, int]) -> list[Given]:
    given: list[Given] = []
    outside: PromptError | None = None
    for frame, item in _each(body, frames):
        if item.get("bbox") is None and not item.get("point_coords"):
            # The extension loses the points of a view that is zoomed in.
            continue
        try:
            given.append((frame, whole(item, "obj_id", 0), prompt_of(item, shape)))
        except PromptError as error:
            outside = error
    if not given:
        if outside is not None:
            raise outside
        raise PromptError("No object has a box or a point.", code="no-prompt", hint="Draw boxes around objects.")
    return given


def _given_in_boxes(body: Mapping[str, Any], frames: int, shape: tuple[int, int]) -> list[Given]:
    given: list[Given] = []
    for frame, item in _each(body, frames):
        labels = listed(item, "box_labels")
        for place, found in enumerate(listed(item, "boxes_xywh")):
            if place < len(labels) and labels[place] == 0:
                continue
            sides = found if isinstance(found, list) and len(found) == 4 else [0.0] * 4
            x, y, width, height = (number({"box": side}, "box", 0.0) for side in sides)
            box = box_of([x, y, x + width, y + height], "boxes_xywh", shape)
            given.append((frame, len(given), Prompt(box=box)))
    if not given:
        message = "No model here understands words: draw boxes around objects."
        raise SamjError(message, code="not-here", hint="SAM 3 is not in samj-bridge's catalog.")
    return given


def _range(body: Mapping[str, Any], given: Sequence[Given], frames: int) -> tuple[int, int]:
    """Return the first and last frame: all of them, unless a client bounds how far it goes."""
    planes = [frame for frame, _, _ in given]
    most = whole(body, "max_frame_num_to_track", 0)
    if most <= 0:
        return 0, frames - 1
    start = min([*planes, max(0, whole(body, "start_frame_idx", 0))])
    return start, min(frames - 1, max([*planes, start + most]))


def _features(steps: Sequence[Step], *, along: str, fixed: int) -> list[dict[str, Any]]:
    there = [step for step in steps if not step.region.is_empty]
    made = features([step.region for step in there])
    for feature, step in zip(made, there, strict=True):
        z, t = (step.plane, fixed) if along == "XYZ" else (fixed, step.plane)
        feature["geometry"]["plane"] = {"c": -1, "z": z, "t": t}
        # The extension reads it back as a whole number, and fails without.
        feature["properties"]["object_idx"] = step.object
    return made
