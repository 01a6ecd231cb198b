"""The Java interface ``Segmenter``, implemented by a `Session`: what the tool, the panel and the macros call.

Java calls it on its one worker thread, never on the event thread; installations have a thread of their own. Every
error reaches Java as a ``SegmenterException`` with words for people. Pixels come as Java arrays and are copied once
more, into numpy.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from samj_bridge.errors import FijiError, ModelError, SamjError
from samj_bridge.fiji.jvm import java_class
from samj_bridge.fiji.models import install, model_infos
from samj_bridge.fiji.watching import watched
from samj_bridge.geometry.region import Region
from samj_bridge.install import find_environment
from samj_bridge.install.care import repair_environment
from samj_bridge.models import find_model
from samj_bridge.progress import ProgressEvent
from samj_bridge.session import Prompt, Scene, Session, Wanted
from samj_bridge.settings import Settings

__all__ = ["SessionSegmenter", "java_segmenter"]

_log = logging.getLogger(__name__)

_PACKAGE = "org.samj.bridge"


class SessionSegmenter:
    """One session, opened when first needed and again when another model is wanted.

    Parameters
    ----------
    settings : Settings
        Where environments and models live.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._session: Session | None = None
        self._model = ""
        self._device = settings.device
        self._lock = threading.Lock()

    def session(self, model: str, progress: Any = None, *, may_install: bool = False) -> Session:
        """Return the session of a model; the worker is started where it is missing.

        Parameters
        ----------
        model : str
            Its id.
        progress : Java progress, optional
            Told what happens, asked whether to stop.
        may_install : bool
            Whether a missing environment is made: gigabytes are fetched for whoever asked for it, not for a click.

        Raises
        ------
        SamjError
            It can't be made, or the user stopped it.
        """
        with self._lock:
            if self._session is None or self._model != model:
                if not may_install:
                    self._check_set_up()
                opened = self._open(model, progress)
                if self._session is not None:
                    self._session.close()
                self._session, self._model = opened, model
            return self._session

    def device(self) -> str:
        """Return a line on what the worker runs on; empty before it runs."""
        session = self._session
        if session is None:
            return ""
        name = str(session.loaded.get("device", "?"))
        kind = name.partition(":")[0]
        words = {"cpu": f"the processor, {session.hello.get('threads', '?')} threads", "cuda": "the GPU"}
        return f"{name} ({words[kind]})" if kind in words else name

    def devices(self) -> list[str]:
        """Return the devices to choose among; none where there is only one, or before a worker has said so."""
        session = self._session
        best = "cpu" if session is None else str(session.hello.get("device", "cpu"))
        return [] if best == "cpu" else ["auto", best, "cpu"]

    def use_device(self, device: str) -> None:
        """Run on another device from the next call on."""
        with self._lock:
            if device != self._device and self._session is not None:
                self._session.close()
                self._session = None
            self._device = device

    def close(self) -> None:
        """End the worker; the next call starts another."""
        with self._lock:
            if self._session is not None:
                self._session.close()
            self._session = None

    def _check_set_up(self) -> None:
        if find_environment(self.settings) is None:
            message = "SAMJ is not set up: the environment that the networks run in is not on this machine."
            hint = "Press Set up in the SAMJ panel, or run: samj-bridge setup"
            raise FijiError(message, code="not-set-up", hint=hint, folder=str(self.settings.envs_dir))

    def _open(self, model: str, progress: Any) -> Session:
        try:
            if progress is None:
                return Session(model, settings=self.settings, device=self._device)
            with watched(progress) as (tell, cancel):
                return Session(model, settings=self.settings, device=self._device, progress=tell, cancel=cancel)
        except ModelError as error:
            if error.code == "model-not-installed":
                command = f"samj-bridge models install {model}"
                error.hint = f"Press Install in the SAMJ panel, or type in a terminal: {command}"
            raise


def java_segmenter(settings: Settings, kept: SessionSegmenter | None = None) -> Any:
    """Return a ``Segmenter`` for Java that opens sessions with `settings`.

    Parameters
    ----------
    settings : Settings
        Where environments and models live.
    kept : SessionSegmenter, optional
        Keeps the session, for callers that want to use it as well.

    Raises
    ------
    FijiError
        No JVM runs, or it does not have the tool's classes.
    """
    import jpype

    # Without the tool's classes it is told here, in words.
    java_class(f"{_PACKAGE}.Segmenter")
    kept = SessionSegmenter(settings) if kept is None else kept

    def encode(model: Any, pixels: Any, progress: Any) -> Any:
        scene = _encode(kept, str(model), pixels, progress)
        return _java_scene(scene, find_model(str(model), settings).prompts, progress)

    return _proxy(
        "Segmenter",
        models=lambda: model_infos(settings),
        install=lambda model, accepted, progress: install(settings, str(model), bool(accepted), progress),
        isSetUp=lambda: find_environment(settings) is not None,
        setUpWords=lambda: (
            "Fetches once what the networks run on (about 1.2 GB; up to 6 GB where only PyPI can be reached), "
            f"into {settings.envs_dir}."
        ),
        setUp=lambda progress: _set_up(kept, progress),
        home=lambda: str(settings.home),
        repair=lambda progress: _repair(kept, progress),
        prepare=lambda model, progress: _prepare(kept, str(model), progress),
        device=kept.device,
        devices=lambda: jpype.JArray(jpype.JString)(kept.devices()),
        useDevice=lambda device: kept.use_device(str(device)),
        encode=encode,
        close=kept.close,
    )


def _set_up(kept: SessionSegmenter, progress: Any) -> None:
    # The model that needs no installation: that it runs shows that the set-up is good.
    kept.session("starter", progress, may_install=True)


def _repair(kept: SessionSegmenter, progress: Any) -> None:
    kept.close()
    with watched(progress) as (tell, cancel):
        repair_environment(kept.settings, progress=tell, cancel=cancel)
    _set_up(kept, progress)


def _prepare(kept: SessionSegmenter, model: str, progress: Any) -> None:
    kept.session(model, progress, may_install=True)


def _encode(kept: SessionSegmenter, model: str, pixels: Any, progress: Any) -> Scene:
    array, ranges = _as_numpy(pixels)
    session = kept.session(model, progress)
    with watched(progress) as (tell, cancel):
        return session.encode(array, ranges=ranges, progress=tell, cancel=cancel)


def _java_scene(scene: Scene, taken: Sequence[str], progress: Any) -> Any:
    import jpype

    def tell(event: ProgressEvent) -> None:
        # Of what can happen during a prompt, only this is news: it takes seconds.
        if event.stage == "start":
            progress.tell("The worker ended unexpectedly. Another one is started; nothing is lost.", -1.0)

    outlines = jpype.JArray(java_class(f"{_PACKAGE}.Outline"))

    def segment(prompt: Any, options: Any) -> Any:
        regions = scene.segment(_prompt(prompt, scene.shape, taken), _wanted(options), progress=tell)
        return outlines([_outline(region) for region in regions])

    def segment_all(prompts: Any, options: Any, answers: Any) -> None:
        asked = [_prompt(prompt, scene.shape, taken) for prompt in prompts]
        early: dict[int, Any] = {}
        following = 0
        for index, regions in scene.stream(asked, _wanted(options), progress=tell):
            early[index] = regions
            # On a large image they come tile by tile; Java is promised the prompts' order.
            while following in early:
                answers.add(following, outlines([_outline(region) for region in early.pop(following)]))
                following += 1

    return _proxy(
        "Segmenter$Scene",
        segment=segment,
        segmentAll=segment_all,
        everything=lambda options, found, progress: _everything(scene, options, found, progress),
        close=scene.close,
    )


def _wanted(options: Any) -> Wanted:
    """Return what Java's ``Options`` say: the same fields, a number or a truth value each, in Java's spelling."""
    values = {
        name: type(getattr(Wanted, name))(getattr(options, _in_java(name))) for name in Wanted.__dataclass_fields__
    }
    return Wanted(**values)


def _in_java(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)


def _proxy(interface: str, **methods: Callable[..., Any]) -> Any:
    """Return a Java object of an interface whose methods are `methods`, their errors told in Java's way."""
    import jpype

    def told(method: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *arguments: _for_java(lambda: method(*arguments))

    return jpype.JProxy(f"{_PACKAGE}.{interface}", dict={name: told(one) for name, one in methods.items()})


def _everything(scene: Scene, options: Any, found: Any, progress: Any) -> None:
    with watched(progress) as (tell, cancel):
        smallest = _wanted(options).min_area
        for region in scene.stream_everything(progress=tell, cancel=cancel, min_area=smallest or None):
            if not region.is_empty:
                found.add(_outline(region))


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
    # Raised here, with the error above forgotten: its traceback may hold views of Java's arrays, see _as_numpy.
    raise java_class(f"{_PACKAGE}.SegmenterException")(*told)


def _as_numpy(pixels: Any) -> tuple[NDArray[Any], tuple[float, float] | None]:
    shape = (int(pixels.height), int(pixels.width))
    # A copy, not a view: an error whose traceback holds a view of a Java array never reaches Java. JPype gives the
    # array back after it has thrown; that takes the exception away again, and Java is returned null.
    values = np.array(pixels.array)
    ranges = None if pixels.range is None else (float(pixels.range[0]), float(pixels.range[1]))
    if values.dtype.kind == "f":
        return values.reshape(shape), ranges
    if values.dtype.itemsize == 4:
        # An int holds 0xAARRGGBB: in memory B, G, R, A where the lowest byte comes first.
        octets = values.astype("<u4", copy=False).view(np.uint8).reshape(*shape, 4)
        return np.ascontiguousarray(octets[..., 2::-1]), None
    return values.view(f"u{values.dtype.itemsize}").reshape(shape), ranges


def _prompt(prompt: Any, shape: tuple[int, int], taken: Sequence[str]) -> Prompt:
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


def _outline(region: Region) -> Any:
    import jpype

    rings = jpype.JArray(jpype.JArray(jpype.JInt))(
        [jpype.JArray(jpype.JInt)(ring.ravel()) for ring in region.rings]
    )
    score = float("nan") if region.score is None else float(region.score)
    return java_class(f"{_PACKAGE}.Outline")(rings, score)
