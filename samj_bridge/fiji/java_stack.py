"""A stack of ImageJ as Java hands it over, and objects followed through it: ``Segmenter.propagate``."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from samj_bridge.fiji.java_scene import java_outline, prompt_of
from samj_bridge.fiji.jvm import java_class
from samj_bridge.fiji.parts import as_numpy
from samj_bridge.fiji.watching import watched
from samj_bridge.geometry.region import Region
from samj_bridge.session import Prompt, Session
from samj_bridge.session.stack.step import Step

__all__ = ["propagate"]


class _PlanesOfJava:
    """What `Session.encode_stack` reads: a plane is copied out of Java when it is needed.

    Parameters
    ----------
    planes : org.samj.bridge.Planes
        The stack.
    """

    def __init__(self, planes: Any) -> None:
        self._planes = planes
        self.ranges: tuple[float, float] | None = None
        """Values shown as black and white; known as soon as a plane was read. None: colours."""

    def __len__(self) -> int:
        return int(self._planes.count())

    def __getitem__(self, plane: int) -> NDArray[Any]:
        pixels = self._planes.read(plane)
        width, height = int(pixels.width), int(pixels.height)
        elements = pixels.array if pixels.parts is None else pixels.parts.read(0, 0, width, height)
        array: NDArray[Any] = as_numpy(elements, (height, width))
        if pixels.range is not None and array.ndim == 2:
            self.ranges = float(pixels.range[0]), float(pixels.range[1])
        return array


def propagate(
    session: Session,
    taken: tuple[str, ...],
    planes: Any,
    given: Any,
    start: int,
    stop: int,
    found: Any,
    progress: Any,
) -> bool:
    """Follow objects; each is handed to Java as soon as it is known.

    Parameters
    ----------
    session : Session
        Of the model.
    taken : tuple of str
        Kinds of prompts that the model takes.
    planes, given, found, progress
        Java's ``Planes``, ``Given[]``, ``Segmenter.Steps`` and ``Segmenter.Progress``.
    start, stop : int
        First and last plane, from 0.
    """
    source = _PlanesOfJava(planes)
    shape = int(planes.height()), int(planes.width())
    prompts = [(int(one.plane), _what(one, shape, taken), int(one.object)) for one in given]
    # Java has shown all planes with one range; which one, the first of them says.
    first = min(plane for plane, what, _ in prompts if what is not None)
    source[first]
    axis = "t" if bool(planes.areFrames()) else "z"
    with (
        watched(progress) as (tell, cancel),
        session.encode_stack(source, axis, ranges=source.ranges) as stack,
    ):
        for step in stack.propagate(prompts, start, stop, progress=tell, cancel=cancel):
            found.add(_step(step))
    return True


def _what(given: Any, shape: tuple[int, int], taken: tuple[str, ...]) -> Prompt | Region | None:
    if given.prompt is None:
        return None
    if bool(given.isOutline()):
        rings = tuple(np.asarray(ring, np.int32).reshape(-1, 2) for ring in given.prompt.mask.rings)
        # Traced anew: ImageJ's rings run in either direction.
        crop, origin = Region(rings, shape=shape).crop()
        return Region.from_mask(crop, origin_xy=origin, shape=shape)
    return prompt_of(given.prompt, shape, taken)


def _step(step: Step) -> Any:
    made = java_class("org.samj.bridge.Step")
    iou = float("nan") if step.iou is None else float(step.iou)
    return made(step.plane, step.object, java_outline(step.region), step.state, iou, step.note)
