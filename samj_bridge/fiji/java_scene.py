"""An encoded image as Java asks about it: its ``Segmenter.Scene``, with every error in words for people."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from samj_bridge.errors import SamjError
from samj_bridge.fiji.jvm import java_class
from samj_bridge.fiji.watching import java_ints, watched
from samj_bridge.geometry.region import Region
from samj_bridge.progress import CancelToken, Progress, ProgressEvent
from samj_bridge.session import Prompt, Scene, Wanted

__all__ = ["PACKAGE", "java_outline", "java_scene", "prompt_of", "proxy"]

_log = logging.getLogger(__name__)

PACKAGE = "org.samj.bridge"
"""Of the Java interfaces."""


def java_scene(scene: Scene, taken: Sequence[str], progress: Any) -> Any:
    """Return a ``Segmenter.Scene`` for Java.

    Parameters
    ----------
    scene : Scene
        Who is asked.
    taken : sequence of str
        Kinds of prompts that the model takes.
    progress : Java progress
        Told of a worker that has to be started again, where the call itself brings none.
    """
    asked = _Asked(scene, taken, progress)
    return proxy(
        "Segmenter$Scene",
        segment=asked.segment,
        segmentAll=asked.segment_all,
        order=asked.order,
        everything=lambda options, found, progress: _everything(scene, None, options, found, progress),
        everythingIn=lambda box, options, found, progress: _everything(scene, box, options, found, progress),
        readsParts=lambda: scene.tiling is not None,
        takes=lambda kind: str(kind) in taken,
        close=scene.close,
    )


class _Asked:
    """A scene that Java asks by prompts; its parameters are those of `java_scene`."""

    def __init__(self, scene: Scene, taken: Sequence[str], progress: Any) -> None:
        self._scene = scene
        self._taken = taken
        self._progress = progress

    def segment(self, prompt: Any, options: Any, progress: Any = None) -> Any:
        asked = self._prompt(prompt)
        with self._followed(progress) as (tell, cancel):
            return _outlines(self._scene.segment(asked, _wanted(options), progress=tell, cancel=cancel))

    def segment_all(self, prompts: Any, options: Any, answers: Any, progress: Any = None) -> None:
        asked = [self._prompt(prompt) for prompt in prompts]
        early: dict[int, Any] = {}
        following = 0
        with self._followed(progress) as (tell, cancel):
            for index, regions in self._scene.stream(asked, _wanted(options), progress=tell, cancel=cancel):
                early[index] = regions
                # On a large image they come tile by tile; Java is promised the prompts' order.
                while following in early:
                    answers.add(following, _outlines(early.pop(following)))
                    following += 1

    def order(self, prompts: Any) -> Any:
        return java_ints(self._scene.order([self._prompt(prompt) for prompt in prompts]))

    def _prompt(self, prompt: Any) -> Prompt:
        return prompt_of(prompt, self._scene.shape, self._taken)

    @contextmanager
    def _followed(self, progress: Any) -> Iterator[tuple[Progress, CancelToken | None]]:
        """Whom to tell of a prompt, and whether it is still wanted; where Java brings no progress, nobody waits."""

        def again(event: ProgressEvent) -> None:
            if event.stage == "start":
                told.tell("The worker ended unexpectedly. Another one is started; nothing is lost.", -1.0)

        told = self._progress if progress is None else progress
        if progress is None:
            yield again, None
            return
        with watched(progress) as (tell, cancel):

            def news(event: ProgressEvent) -> None:
                again(event)
                # Whoever asks gets each answer itself; what is read and encoded for it takes time.
                if event.stage not in ("start", "segment"):
                    tell(event)

            yield news, cancel


def _wanted(options: Any) -> Wanted:
    """Return what Java's ``Options`` say: the same fields, a number or a truth value each, in Java's spelling."""
    values = {
        name: type(getattr(Wanted, name))(getattr(options, _in_java(name))) for name in Wanted.__dataclass_fields__
    }
    return Wanted(**values)


def _in_java(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)


def proxy(interface: str, **methods: Callable[..., Any]) -> Any:
    """Return a Java object of an interface whose methods are `methods`, their errors told in Java's way."""
    import jpype

    def told(method: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *arguments: _for_java(lambda: method(*arguments))

    return jpype.JProxy(f"{PACKAGE}.{interface}", dict={name: told(one) for name, one in methods.items()})


def _everything(scene: Scene, box: Any, options: Any, found: Any, progress: Any) -> None:
    # A small image is searched as a whole, and Java itself leaves out what it does not want.
    within = None if box is None or scene.tiling is None else tuple(float(edge) for edge in box)
    with watched(progress) as (tell, cancel):
        smallest = _wanted(options).min_area or None
        for region in scene.stream_everything(within=within, progress=tell, cancel=cancel, min_area=smallest):
            if not region.is_empty:
                found.add(java_outline(region))


def _for_java(work: Callable[[], Any]) -> Any:
    """Do some work, and let Java have every error in words."""
    try:
        return work()
    except SamjError as error:
        _log.info("told ImageJ: %s", error)
        told = (error.code, error.message, error.hint)
    except Exception as error:  # noqa: BLE001  # Java must have words for it
        _log.exception("a call from ImageJ failed")
        message = f"Something unexpected happened in Python: {type(error).__name__}: {error}"
        hint = "Try again; if it happens again, run samj-bridge doctor and send us what it says."
        told = ("unexpected", message, hint)
    # Raised here, with the error above forgotten: its traceback may hold views of Java's arrays, see as_numpy.
    raise java_class(f"{PACKAGE}.SegmenterException")(*told)


def prompt_of(prompt: Any, shape: tuple[int, int], taken: Sequence[str]) -> Prompt:
    """Return Java's prompt for an image of a shape (Y, X), as a model that takes these kinds can be asked."""
    box = None if prompt.box is None else tuple(map(float, prompt.box))
    mask = None
    if prompt.mask is not None and len(prompt.mask.rings):
        mask = Region(tuple(np.asarray(ring, np.int32).reshape(-1, 2) for ring in prompt.mask.rings), shape=shape)
    if mask is not None and "mask" not in taken:
        # A network without mask prompts goes by what else was said, or by where the outline lies.
        box = tuple(map(float, mask.bbox_xyxy)) if box is None and not len(prompt.positive) else box
        mask = None
    return Prompt(
        box=box,
        points=np.asarray(prompt.positive, float).reshape(-1, 2).tolist(),
        negative=np.asarray(prompt.negative, float).reshape(-1, 2).tolist(),
        mask=mask,
    )


def _outlines(regions: Sequence[Region]) -> Any:
    import jpype

    return jpype.JArray(java_class(f"{PACKAGE}.Outline"))([java_outline(region) for region in regions])


def java_outline(region: Region) -> Any:
    """Return a region as Java's ``Outline``."""
    import jpype

    rings = jpype.JArray(jpype.JArray(jpype.JInt))([java_ints(ring.ravel()) for ring in region.rings])
    score = float("nan") if region.score is None else float(region.score)
    return java_class(f"{PACKAGE}.Outline")(rings, score)
