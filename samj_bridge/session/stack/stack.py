"""A stack whose planes are encoded when they are needed: `Session.encode_stack`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple, Protocol

from samj_bridge.errors import InputError
from samj_bridge.progress import CancelToken, Progress, ignore_progress
from samj_bridge.session.prompts import Prompt, check_taken
from samj_bridge.session.scene import Scene
from samj_bridge.session.stack.given import Given, StackPrompt, given_of
from samj_bridge.session.stack.plan import Walk, walks_of
from samj_bridge.session.stack.projection import BY_AXIS, Projection, ProjectionEngine
from samj_bridge.session.stack.rules import StopRules
from samj_bridge.session.stack.source import StackSource
from samj_bridge.session.stack.tracks import Propagation, Tracks, check_range
from samj_bridge.session.stack.walking import Engine, Walking

__all__ = ["AXES", "Stack"]

AXES = ("z", "t")
_ENGINES = ("auto", "projection", "memory")
_OPEN = 2
"""Planes whose encodings are kept: the last ones."""


class Way(NamedTuple):
    """How objects are followed, as the user has said it: see `Stack.propagate`."""

    engine: str
    rules: StopRules | None
    projection: Projection | None
    moves: bool | None


class Encoder(Protocol):
    """What a session does for a stack."""

    def encode(self, pixels: Any, *, ranges: Any, channels: Any, name: str) -> Scene:
        """Encode a plane."""


class Stack:
    """Planes in which objects are followed; made by `Session.encode_stack`.

    Planes are read and encoded when they are needed, and given up after that: memory doesn't grow with their
    number.

    Parameters
    ----------
    session : Session
        Encodes planes.
    model : str
        Its model's name, for error texts.
    taken : sequence of str
        Prompts that the model takes.
    source : StackSource
        What planes are read from.
    axis : {"z", "t"}
        What the planes are along.
    memory : callable, optional
        Returns what follows objects by the network's memory; None: it has none.
    """

    def __init__(
        self,
        session: Encoder,
        model: str,
        taken: Sequence[str],
        source: StackSource,
        axis: str,
        memory: Callable[[], Engine] | None = None,
    ) -> None:
        if axis not in AXES:
            message = f"The axis is {axis!r:.40}."
            raise InputError(message, hint="Say axis='z' for slices, or axis='t' for moments in time.")
        self.axis = axis
        """``z`` or ``t``."""
        self.planes = source.planes
        """How many there are."""
        self.shape = source.shape
        """(Y, X) of each plane."""
        self._session, self._model, self._taken, self._source = session, model, taken, source
        self._memory = memory
        self._scenes: dict[int, Scene] = {}

    @property
    def ranges(self) -> tuple[tuple[float, float], ...]:
        """Values shown as black and white on every plane, per channel; a few planes are read for it."""
        return self._source.ranges()

    def scene(self, plane: int) -> Scene:
        """Return a plane as a scene, encoded now if it was not: for prompts on this plane alone.

        The stack closes it when two other planes were needed.

        Raises
        ------
        ImageError
            The plane does not exist, has another size than the first one, or can't be used.
        SamjError
            It can't be read, or any failure of the worker.
        """
        if not 0 <= plane < self.planes:
            message = f"There is no plane {plane}; the stack has the planes 0 to {self.planes - 1}."
            raise InputError(message, code="plane-outside-stack", hint="Count planes from 0.")
        scene = self._scenes.pop(plane, None)
        if scene is None:
            pixels = self._source.read(plane)
            scene = self._session.encode(
                pixels, ranges=self.ranges, channels=self._source.channels, name=f"{self.axis}{plane}"
            )
        self._scenes[plane] = scene
        while len(self._scenes) > _OPEN:
            self._scenes.pop(next(iter(self._scenes))).close()
        return scene

    def propagate(
        self,
        prompts: StackPrompt | Iterable[StackPrompt],
        start: int | None = None,
        stop: int | None = None,
        *,
        engine: str = "auto",
        rules: StopRules | None = None,
        projection: Projection | None = None,
        moves: bool | None = None,
        progress: Progress = ignore_progress,
        cancel: CancelToken | None = None,
    ) -> Propagation:
        """Follow objects from the planes where they were given through the others.

        What is found is a function of the planes, the prompts and the options: not of what was asked before.
        Between two planes where an object was given it is followed from both to the middle. What was given is never
        changed.

        Parameters
        ----------
        prompts : sequence
            ``(plane, what)`` or ``(plane, what, number)`` for each: a `Prompt`, a `Region` or a (Y, X) mask that is
            taken as it is, or None on a plane where the object is not (it begins, ends or has divided there);
            `number` says which object it is, from 1. Without it, what has the same name is one object.
        start, stop : int, optional
            First and last plane, both among them; by default all.
        engine : {"auto", "projection", "memory"}
            ``projection``: where an object was on the plane before becomes the prompt; for every model. ``memory``:
            the network remembers it; SAM 2.1. ``auto``: memory where the model has one.
        rules : StopRules, optional
            When an object is lost. With ``memory`` the network says it itself, and the rules say what is doubtful.
        projection : Projection, optional
            What of a region becomes the prompt; by default the region and its innermost point along ``z``, its box
            along ``t``.
        moves : bool, optional
            Whether objects are expected to go on moving as they did; by default along ``t``.
        progress : callable
            Called with each plane that is done.
        cancel : CancelToken, optional
            Stops it between planes; what was yielded stays right.

        Returns
        -------
        Propagation
            Iterate over it for every `Step`, ``plane, region, object, state, ...``, as soon as it is known: what
            was given first, then plane by plane forwards, then backwards. An object that is lost gives an empty
            region and says why. Its ``tracks`` have what came so far.

        Raises
        ------
        PromptError, InputError
            Something can't be used; nothing was done.
        ImageError
            A plane can't be read or has another size. What was yielded before stays right.
        SamjError
            Any failure of the worker, `Cancelled`.
        """
        given = given_of(prompts, self.planes, self.shape)
        self._check_prompts(given)
        tracks = Tracks(self.axis, self.planes, self.shape, *self._range(start, stop))
        check_range([plane for item in given for plane in item.planes], tracks.start, tracks.stop)
        tracks.given = {item.number: item for item in given}
        walks = [walk for item in given for walk in walks_of(item, tracks.start, tracks.stop)]
        walking = self._walking(Way(engine, rules, projection, moves), given, walks)
        return Propagation(walking.steps(progress, cancel), tracks, frozenset())

    def correct(
        self,
        tracks: Tracks,
        corrections: StackPrompt | Iterable[StackPrompt],
        *,
        engine: str = "auto",
        rules: StopRules | None = None,
        projection: Projection | None = None,
        moves: bool | None = None,
        progress: Progress = ignore_progress,
        cancel: CancelToken | None = None,
    ) -> Propagation:
        """Take corrections into account, and follow anew what depends on them: up to the next given plane.

        What had been given before stays as it is, and so does everything on the far side of it.

        Parameters
        ----------
        tracks : Tracks
            What was found so far: ``propagation.tracks``. Every new step is put into it.
        corrections : sequence
            As in `propagate`, with the number of the object: ``(plane, what, number)``.
        engine, rules, projection, moves, progress, cancel
            As in `propagate`.

        Returns
        -------
        Propagation
            The steps that are new. Its ``tracks`` are those given.
        """
        names = {number: item.name for number, item in tracks.given.items()}
        new = given_of(corrections, self.planes, self.shape, names)
        self._check_prompts(new)
        before = {(number, plane) for number, plane in tracks.steps}
        affected = tracks.affected(new)
        walking = replace(
            self._walking(Way(engine, rules, projection, moves), affected.given, affected.walks),
            corrected=frozenset(affected.new & before),
            only=affected.new,
        )
        return Propagation(walking.steps(progress, cancel), tracks, affected.span)

    def close(self) -> None:
        """Give up the planes that are encoded."""
        while self._scenes:
            self._scenes.popitem()[1].close()

    def __enter__(self) -> Stack:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _range(self, start: int | None, stop: int | None) -> tuple[int, int]:
        first, last = 0 if start is None else start, self.planes - 1 if stop is None else stop
        if not 0 <= first <= last < self.planes:
            message = (
                f"The planes {first} to {last} were asked for; the stack has the planes 0 to {self.planes - 1}."
            )
            raise InputError(message, code="plane-outside-stack", hint="Count planes from 0, the first one first.")
        return first, last

    def _check_prompts(self, given: Sequence[Given]) -> None:
        prompts = [what for item in given for what in item.planes.values() if isinstance(what, Prompt)]
        check_taken(prompts, self._model, self._taken)

    def _walking(self, way: Way, given: Sequence[Given], walks: Sequence[Walk]) -> Walking:
        moves = self.axis == "t" if way.moves is None else way.moves
        engine = self._engine(way.engine, way.projection)
        return Walking(engine, given, walks, self.shape, way.rules or StopRules(), moves, self.axis)

    def _engine(self, engine: str, projection: Projection | None) -> Engine:
        if engine not in _ENGINES:
            message = f"There is no engine {engine!r:.40}."
            raise InputError(message, hint=f"Use one of {', '.join(_ENGINES)}.")
        if engine == "memory" and self._memory is None:
            message = f"The model {self._model!r} has no memory of objects."
            raise InputError(message, hint="Use engine='projection', or a SAM 2.1 model.")
        if engine != "projection" and self._memory is not None:
            return self._memory()
        how = (projection or Projection(BY_AXIS[self.axis])).for_model(self._taken)
        return ProjectionEngine(self.scene, self.shape, how)
