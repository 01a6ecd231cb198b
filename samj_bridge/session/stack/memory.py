"""Following by what a network remembers: SAM 2.1's memory, in the worker."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np

from samj_bridge.errors import WorkerCrashed, WorkerError
from samj_bridge.geometry.region import Region
from samj_bridge.progress import ignore_progress
from samj_bridge.protocol.failures import FailureCode
from samj_bridge.protocol.follow import FollowItem, FollowRequest
from samj_bridge.protocol.segment import PromptMessage
from samj_bridge.session.connection.supervisor import Running, Supervisor
from samj_bridge.session.encoded import EncodedImage
from samj_bridge.session.images import plane_of
from samj_bridge.session.prompts import Prompt, message_of
from samj_bridge.session.stack.plan import Walk
from samj_bridge.session.stack.source import StackSource
from samj_bridge.session.stack.track import Track

__all__ = ["MemoryEngine", "memory_of"]

_Result = TypeVar("_Result")

_OPEN = 2
"""Planes whose encodings are kept: the last ones."""


@dataclass
class _Noted:
    """What a walk's memory was made of: enough to make it again when a worker was lost."""

    name: str = field(default_factory=lambda: uuid.uuid4().hex)
    given: dict[int, PromptMessage] = field(default_factory=dict)
    followed: list[int] = field(default_factory=list)
    home: Running | None = None
    """The worker that has it."""
    sent: set[int] = field(default_factory=set)
    """Planes whose prompts it has."""


class MemoryEngine:
    """Has a network follow objects by its memory.

    Parameters
    ----------
    supervisor : Supervisor
        Who keeps a worker running.
    image_of : callable
        Returns a plane, to be encoded for following.
    planes : int
        How many there are.
    shape : (int, int)
        (Y, X) of each.
    """

    together = 32
    """Each takes up to 10 MB in the worker, both directions together."""
    stops = False
    """The network says itself where an object is not; the rules say what is doubtful."""

    def __init__(
        self,
        supervisor: Supervisor,
        image_of: Callable[[int], EncodedImage],
        planes: int,
        shape: tuple[int, int],
    ) -> None:
        self._supervisor, self._image_of = supervisor, image_of
        self._planes, self._shape = planes, shape
        self._noted: dict[Walk, _Noted] = {}
        self._images: dict[int, EncodedImage] = {}

    def answer(self, plane: int, prompts: Sequence[Prompt]) -> list[Region]:
        """Answer what the user drew on a plane."""
        items = [FollowItem(uuid.uuid4().hex, 1, message_of(prompt, self._shape)) for prompt in prompts]

        def ask(running: Running) -> list[Mapping[str, Any]]:
            try:
                return self._ask(running, plane, items)
            finally:
                self._release(running, [item.memory for item in items])

        found = self._attempt(ask)
        return [self._region(item, prompt) for item, prompt in zip(found, prompts, strict=True)]

    def given(self, plane: int, walks: Sequence[tuple[Walk, Prompt | Region]]) -> None:
        """Take note of what was given on a plane, for the walks that begin there or come to it."""
        for walk, what in walks:
            noted = self._noted.setdefault(walk, _Noted())
            noted.given[plane] = message_of(what if isinstance(what, Prompt) else Prompt(mask=what), self._shape)
        # Now, while the plane is encoded.
        self._attempt(lambda running: self._remind(running, [walk for walk, _ in walks]))

    def follow(self, plane: int, tracks: Sequence[Track]) -> list[Region]:
        """Find objects on a plane."""
        walks = [track.walk for track in tracks]

        def ask(running: Running) -> list[Mapping[str, Any]]:
            self._remind(running, walks)
            items = [FollowItem(self._noted[walk].name, walk.step) for walk in walks]
            return self._ask(running, plane, items)

        found = self._attempt(ask)
        for walk in walks:
            self._noted[walk].followed.append(plane)
        return [self._region(item, None) for item in found]

    def finish(self, walks: Sequence[Walk]) -> None:
        """Forget what was noted for walks that are over."""
        for walk in walks:
            noted = self._noted.pop(walk, None)
            if noted is not None and noted.home is not None:
                self._release(noted.home, [noted.name])

    def close(self) -> None:
        """Forget everything."""
        self.finish(list(self._noted))
        while self._images:
            self._images.popitem()[1].close()

    def _attempt(self, ask: Callable[[Running], _Result]) -> _Result:
        """Ask, and once more where the worker was lost, or has forgotten what it should remember."""
        try:
            return ask(self._supervisor.running())
        except WorkerCrashed:
            pass
        except WorkerError as error:
            if error.code != FailureCode.UNKNOWN_ENCODING.value:
                raise
            for image in self._images.values():
                image.forget(self._supervisor.running())
        for noted in self._noted.values():
            # What it followed it may have done halfway.
            noted.home, noted.name = None, uuid.uuid4().hex
        return ask(self._supervisor.running())

    def _remind(self, running: Running, walks: Sequence[Walk]) -> None:
        """Make sure that a worker remembers what walks need: their prompts, and the planes that were followed."""
        new = [walk for walk in walks if self._noted[walk].home is not running]
        for walk in new:
            self._noted[walk].home, self._noted[walk].sent = running, set()
        missing = {walk: sorted(set(self._noted[walk].given) - self._noted[walk].sent) for walk in walks}
        for plane in sorted({plane for planes in missing.values() for plane in planes}):
            here = [(walk, self._noted[walk]) for walk, planes in missing.items() if plane in planes]
            self._ask(running, plane, [FollowItem(item.name, walk.step, item.given[plane]) for walk, item in here])
            for _, item in here:
                item.sent.add(plane)
        for plane, passing in _again(new, self._noted):
            self._ask(running, plane, [FollowItem(self._noted[walk].name, walk.step) for walk in passing])

    def _ask(self, running: Running, plane: int, items: Sequence[FollowItem]) -> list[Mapping[str, Any]]:
        encoding = self._image(plane).encoding(running, ignore_progress, None, None)
        request = FollowRequest(encoding, plane, self._planes, tuple(items))
        outputs = running.client.start("follow", request.to_wire()).result()
        found: list[Mapping[str, Any]] = outputs["objects"]
        return found

    def _image(self, plane: int) -> EncodedImage:
        image = self._images.pop(plane, None)
        if image is None:
            image = self._image_of(plane)
        self._images[plane] = image
        while len(self._images) > _OPEN:
            self._images.pop(next(iter(self._images))).close()
        return image

    def _release(self, running: Running, names: Sequence[str]) -> None:
        if not running.client.service.ended:
            # Nobody waits for the answer.
            running.client.start("release", {"encodings": [], "memories": list(names)})

    def _region(self, found: Mapping[str, Any], prompt: Prompt | None) -> Region:
        rings = tuple(np.array(ring, np.int32).reshape(-1, 2) for ring in found["rings"])
        told = None if prompt is None else prompt.to_dict()
        return Region(rings, shape=self._shape, score=found["score"], prompt=told, model=self._supervisor.model.id)


def memory_of(session: object, supervisor: Supervisor, source: StackSource) -> MemoryEngine:
    """Return what follows objects in a stack by the network's memory."""

    def image_of(plane: int) -> EncodedImage:
        shown = plane_of(source.read(plane), source.ranges(), source.channels)
        return EncodedImage(session, supervisor, shown, follows=True)

    return MemoryEngine(supervisor, image_of, source.planes, source.shape)


def _again(walks: Sequence[Walk], noted: Mapping[Walk, _Noted]) -> Iterator[tuple[int, list[Walk]]]:
    """Yield planes that were followed and the walks that passed them, in the order of the walks."""
    for step in (1, -1):
        these = [walk for walk in walks if walk.step == step]
        for plane in sorted({plane for walk in these for plane in noted[walk].followed}, reverse=step < 0):
            yield plane, [walk for walk in these if plane in noted[walk].followed]
