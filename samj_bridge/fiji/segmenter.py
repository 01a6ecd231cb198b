"""The Java interface ``Segmenter``, implemented by a `Session`: what the tool, the panel and the macros call.

Java calls it on its one worker thread, never on the event thread; installations have a thread of their own. Every
error reaches Java as a ``SegmenterException`` with words for people. Pixels come as Java arrays and are copied once
more, into numpy.
"""

from __future__ import annotations

import logging
import threading
from typing import Any

from samj_bridge.errors import FijiError, ModelError
from samj_bridge.fiji.java_scene import PACKAGE, java_scene, proxy
from samj_bridge.fiji.java_stack import propagate
from samj_bridge.fiji.jvm import java_class
from samj_bridge.fiji.models import install, model_infos
from samj_bridge.fiji.parts import PartsOfPlane, as_numpy
from samj_bridge.fiji.watching import watched
from samj_bridge.install import find_environment
from samj_bridge.install.care import repair_environment
from samj_bridge.models import find_model
from samj_bridge.session import Scene, Session
from samj_bridge.settings import Settings

__all__ = ["SessionSegmenter", "java_segmenter"]

_log = logging.getLogger(__name__)


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
    java_class(f"{PACKAGE}.Segmenter")
    kept = SessionSegmenter(settings) if kept is None else kept

    def encode(model: Any, pixels: Any, progress: Any) -> Any:
        scene = _encode(kept, str(model), pixels, progress)
        return java_scene(scene, find_model(str(model), settings).prompts, progress)

    def follow(model: Any, planes: Any, given: Any, start: Any, stop: Any, found: Any, progress: Any) -> bool:
        session = kept.session(str(model), progress)
        taken = find_model(str(model), settings).prompts
        return propagate(session, taken, planes, given, int(start), int(stop), found, progress)

    return proxy(
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
        propagate=follow,
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
    image, ranges = _image(pixels)
    session = kept.session(model, progress)
    with watched(progress) as (tell, cancel):
        return session.encode(image, ranges=ranges, progress=tell, cancel=cancel)


def _image(pixels: Any) -> tuple[Any, tuple[float, float] | None]:
    """Return what is encoded, and the display range: a plane as an array, a large one as what reads its parts."""
    ranges = None if pixels.range is None else (float(pixels.range[0]), float(pixels.range[1]))
    if pixels.parts is not None:
        return PartsOfPlane(pixels), ranges
    array = as_numpy(pixels.array, (int(pixels.height), int(pixels.width)))
    return array, None if array.ndim == 3 else ranges
