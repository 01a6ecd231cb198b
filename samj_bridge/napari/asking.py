"""The session behind the widget: opened when first needed, a few images encoded. Never called by the window."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

from numpy.typing import NDArray

from samj_bridge.geometry.region import Region
from samj_bridge.napari.planes import Plane, planes_along
from samj_bridge.progress import CancelToken, Progress, ProgressEvent, notify
from samj_bridge.session import Prompt, Scene, Session
from samj_bridge.settings import Settings

__all__ = ["Asker"]

_KEPT = 3
"""Planes that stay encoded: to go back to one costs nothing."""


class Asker:
    """Answers prompts on planes of napari's layers. Its calls take long, and come one at a time.

    Parameters
    ----------
    settings : Settings
        Where environments and models live.
    open_session : callable
        Opens a session: ``(model, settings=..., progress=..., cancel=...)``.
    """

    def __init__(self, settings: Settings, open_session: Callable[..., Session] = Session) -> None:
        self.settings = settings
        self._open = open_session
        self._session: Session | None = None
        self._model = ""
        self._scenes: OrderedDict[tuple[Any, ...], tuple[Scene, Any]] = OrderedDict()
        self._lock = threading.Lock()

    def segment(
        self, model: str, plane: Plane, prompt: Prompt, candidates: int, progress: Progress, cancel: CancelToken
    ) -> list[Region]:
        """Answer a prompt; what is missing is set up first: the environment, the worker, the image's encoding.

        Raises
        ------
        SamjError
            As `Session` and `Scene.segment`.
        """
        scene = self._scene(model, plane, progress, cancel)
        found = scene.segment(prompt, candidates=candidates, progress=progress, cancel=cancel)
        return [region for region in found if not region.is_empty]

    def everything(
        self,
        model: str,
        planes: Sequence[Plane],
        found: Callable[[Plane, list[Region]], None],
        progress: Progress,
        cancel: CancelToken,
    ) -> int:
        """Find every object, plane by plane; return how many there are.

        Parameters
        ----------
        model : str
        planes : sequence of Plane
        found : callable
            Given the objects of each plane that is done, and of the one that is stopped half way.
        progress, cancel
            As everywhere.

        Raises
        ------
        SamjError
            As `Session` and `Scene.everything`.
        """
        count = 0
        for number, plane in enumerate(planes):
            regions: list[Region] = []
            try:
                tell = _of_all(progress, number, len(planes))
                scene = self._scene(model, plane, tell, cancel)
                # One by one: what has come before a stop is kept.
                for region in scene.stream_everything(progress=tell, cancel=cancel):
                    regions += [] if region.is_empty else [region]
            finally:
                if regions:
                    found(plane, regions)
            count += len(regions)
        return count

    def follow(
        self,
        model: str,
        given: tuple[Plane, Region],
        along: tuple[int, str],
        found: Callable[[Plane, list[Region]], None],
        progress: Progress,
        cancel: CancelToken,
    ) -> int:
        """Follow an object through a stack; return on how many planes it was found, its own among them.

        Parameters
        ----------
        model : str
        given : (Plane, Region)
            The object and where it is: it stays as it is.
        along : (int, str)
            Axis of the layer, and ``z`` or ``t``.
        found : callable
            Given each plane and the object on it.
        progress, cancel
            As everywhere.

        Raises
        ------
        SamjError
            As `Session` and `Stack.propagate`. What was given to `found` stays right.
        """
        plane, region = given
        axis, kind = along
        planes = planes_along(plane, axis)
        session = self._session_of(model, progress, cancel)
        count = 0
        with session.encode_stack(_Planes(planes), kind, channels=plane.channels) as stack:
            for step in stack.propagate((plane.index[axis], region), progress=progress, cancel=cancel):
                if not step.region.is_empty:
                    count += 1
                    found(planes[step.plane], [step.region])
        return count

    def forget_images(self) -> None:
        """Encode anew from now on: pixels have changed."""
        with self._lock:
            scenes = [scene for scene, _ in self._scenes.values()]
            self._scenes.clear()
        for scene in scenes:
            scene.close()

    def close(self) -> None:
        """End the worker."""
        self.forget_images()
        session, self._session = self._session, None
        if session is not None:
            session.close()

    def _scene(self, model: str, plane: Plane, progress: Progress, cancel: CancelToken) -> Scene:
        session = self._session_of(model, progress, cancel)
        with self._lock:
            kept = self._scenes.get(plane.key)
            if kept is not None:
                self._scenes.move_to_end(plane.key)
                return kept[0]
        scene = session.encode(
            plane.pixels(), channels=plane.channels, name=plane.layer.name, progress=progress, cancel=cancel
        )
        with self._lock:
            # With what it was made of: as long as that lives, nothing else has its id.
            self._scenes[plane.key] = scene, plane.layer.data
            outgrown = [self._scenes.popitem(last=False)[1][0] for _ in range(len(self._scenes) - _KEPT)]
        for old in outgrown:
            old.close()
        return scene

    def _session_of(self, model: str, progress: Progress, cancel: CancelToken) -> Session:
        if self._session is None or self._model != model:
            opened = self._open(model, settings=self.settings, progress=progress, cancel=cancel)
            self.close()
            self._session, self._model = opened, model
        return self._session


class _Planes:
    """Planes that are read when they are needed: what `Session.encode_stack` takes."""

    def __init__(self, planes: Sequence[Plane]) -> None:
        self._planes = planes

    def __len__(self) -> int:
        return len(self._planes)

    def __getitem__(self, number: int) -> NDArray[Any]:
        return self._planes[number].whole()


def _of_all(progress: Progress, number: int, count: int) -> Progress:
    if count == 1:
        return progress

    def tell(event: ProgressEvent) -> None:
        message = f"Plane {number + 1} of {count}: {event.message}"
        notify(progress, ProgressEvent(event.stage, message, number, count))

    return tell
