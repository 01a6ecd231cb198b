"""A session: one environment, one worker, one model, any number of images."""

from __future__ import annotations

import functools
import weakref
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from samj_bridge.errors import InputError, InstallError, ModelError
from samj_bridge.models import ModelEntry, find_model, weights_file
from samj_bridge.progress import CancelToken, Progress, ignore_progress
from samj_bridge.protocol.messages import PRECISIONS
from samj_bridge.session.card import refresh_card
from samj_bridge.session.connection.launcher import Launcher, options_for
from samj_bridge.session.connection.supervisor import Supervisor
from samj_bridge.session.conversion import convert_waiting
from samj_bridge.session.images import Channels
from samj_bridge.session.scene import Scene
from samj_bridge.session.stack.memory import memory_of
from samj_bridge.session.stack.source import StackSource
from samj_bridge.session.stack.stack import Stack
from samj_bridge.session.tiles.source import pixels_or_tiles
from samj_bridge.settings import Settings

if TYPE_CHECKING:
    from samj_bridge.install import Environment

__all__ = ["Session", "close_sessions"]


class Session:
    """Opens a model in a worker of its own; use it in a ``with`` block, or call `close`.

    Making one may install the environment (minutes, once per machine) and starts the worker (seconds). It may
    be used from several threads at once: their calls queue at the worker, none is lost.

    Parameters
    ----------
    model : str or ModelEntry
        A model of the catalog.
    settings : Settings, optional
        Read from ``SAMJ_*`` variables by default.
    device : str, optional
        ``auto``, ``cpu``, ``cuda`` or ``mps``; that of the settings by default.
    precision : str, optional
        Number format of the network: ``auto``, ``float32``, ``bfloat16`` or ``float16``; that of the settings by
        default. `loaded` says which one it is.
    progress : callable
        Called while the environment is made and the worker starts.
    cancel : CancelToken, optional
        Stops that.
    environment : Environment, optional
        Use this environment instead of the default one.
    python : Path, optional
        Use this interpreter instead, which must have numpy, torch and safetensors; nothing is installed.
    launcher : Launcher, optional
        Start workers in a way of your own.

    Raises
    ------
    ModelError
        An unknown model, or weights that are missing or damaged.
    InstallError
        The environment could not be made, or its Python not be started.
    SamjError
        The worker failed, or `cancel` was set.

    Examples
    --------
    >>> with Session("starter") as session:  # doctest: +SKIP
    ...     scene = session.encode(pixels)
    ...     nucleus, = scene.segment(Prompt(box=(40, 30, 92, 85)))
    """

    def __init__(
        self,
        model: str | ModelEntry = "starter",
        *,
        settings: Settings | None = None,
        device: str | None = None,
        precision: str | None = None,
        progress: Progress = ignore_progress,
        cancel: CancelToken | None = None,
        environment: Environment | None = None,
        python: Path | None = None,
        launcher: Launcher | None = None,
    ) -> None:
        settings = Settings.from_environment() if settings is None else settings
        if precision is not None:
            settings = replace(settings, precision=precision)
        _check_precision(settings.precision)
        entry = find_model(model, settings) if isinstance(model, str) else model
        _check_installed(entry, settings)
        with ExitStack() as opening:
            if launcher is None:
                if environment is None and python is not None:
                    environment = _given(Path(python))
                elif environment is None:
                    environment = _held(opening, settings, progress, cancel)
                else:
                    environment = _held_or_its_successor(opening, environment, settings)
                launcher = _launcher(environment, settings)
            convert_waiting(entry, launcher, progress=progress, cancel=cancel)
            self._supervisor = Supervisor(launcher, entry, device or settings.device, settings, opening.pop_all())
        # Also at the end of the program, where nobody closed the session.
        self._finalizer = weakref.finalize(self, self._supervisor.close)
        _open.add(self)
        try:
            self._supervisor.running(progress, cancel)
        except BaseException:
            self.close()
            raise
        refresh_card(settings)

    @property
    def hello(self) -> dict[str, Any]:
        """What the worker says of itself: versions, device, precision, threads, operations."""
        return dict(self._supervisor.running().client.hello)

    @property
    def loaded(self) -> dict[str, Any]:
        """What the worker says of the model: device, parameters, seconds, precision and why that one."""
        return dict(self._supervisor.running().loaded)

    def encode(
        self,
        pixels: Any,
        *,
        ranges: Any = None,
        channels: Channels = None,
        name: str = "",
        progress: Progress = ignore_progress,
        cancel: CancelToken | None = None,
        timeout_s: float | None = None,
    ) -> Scene:
        """Encode an image once, for any number of prompts.

        An image larger than the model sees in full detail is not sent: each prompt is asked on a tile of it, at a
        level that suits its size, and only that is read, sent and encoded (docs/explanation/large-images.md).

        Parameters
        ----------
        pixels : (Y, X) or (Y, X, C) array, or an image with levels
            Bool, integers or floats; NaN and infinities may be in it. uint8 with 3 channels is RGB and shown
            as it is; with 4, the alpha channel is dropped. Any other number of channels but 1 and 3 is merged
            (each channel stretched to its own range, then the mean), unless `channels` says otherwise.
            Memory maps and zarr arrays are read where they are. An image with levels is a list of such arrays,
            finest first, or a `samj_bridge.reading.pyramid.Pyramid`. A large image must stay as it is as long as
            its scene is used: it is read when prompts need it.
        ranges : (low, high) or one such pair per channel, optional
            Values shown as black and white; by default the 0.1 and 99.9 percentiles of the image. The high one
            first inverts, as ImageJ's inverting look-up tables do.
        channels : int, sequence of 1 to 3 ints, or "merge", optional
            One channel as grey, or up to three as red, green and blue, each stretched to its own range.
        name : str
            Anything, for your own use.
        progress : callable
            Called with the fraction that is done.
        cancel : CancelToken, optional
            Stops it.
        timeout_s : float, optional
            Seconds for the whole call. By default it is given up only after ``settings.timeout_s`` seconds
            without a sign of life.

        Raises
        ------
        ImageError
            The pixels can't be used, or are too many for the memory there is.
        WorkerCrashed
            The worker died twice during this call.
        SamjError
            Any other failure of the worker, `OutOfMemory`, `WorkerTimeout`, `Cancelled`.
        """
        loaded = self._supervisor.running(progress, cancel).loaded
        tile_px, whole_px = int(loaded.get("tile_px", 0)), int(loaded.get("whole_px", 0))
        image = pixels_or_tiles(pixels, ranges, channels, tile_px=tile_px, whole_px=whole_px)
        scene = Scene(self, self._supervisor, image, name)
        scene.encode(progress, cancel, timeout_s)
        return scene

    def encode_stack(self, pixels: Any, axis: str = "z", *, ranges: Any = None, channels: Channels = None) -> Stack:
        """Open a stack, in which objects can be followed from plane to plane (docs/how-to/stacks.md).

        Nothing is encoded yet: planes are read and encoded when they are needed, and given up after that.

        Parameters
        ----------
        pixels : (N, Y, X) or (N, Y, X, C) array, or a sequence of planes
            Memory maps, zarr arrays and anything with a length whose items are planes are read plane by plane.
            They must stay as they are as long as the stack is used.
        axis : {"z", "t"}
            What the planes are along: slices of a volume, or moments in time. In time, objects are expected to go
            on moving as they did.
        ranges, channels
            As in `encode`, for all planes alike. By default five planes, spread over the stack, say what is black
            and white.

        Raises
        ------
        ImageError
            It is no stack, or one with more than one axis to go along.
        InputError
            There is no such axis.
        """
        source = StackSource(pixels, ranges, channels)
        running, model = self._supervisor.running(), self._supervisor.model
        memory = functools.partial(memory_of, self, self._supervisor, source)
        remembers = bool(running.loaded.get("remembers"))
        return Stack(self, model.id, model.prompts, source, axis, memory if remembers else None)

    def stats(self) -> dict[str, Any]:
        """Return the worker's figures (encodings kept, their bytes, images and prompts so far) and its restarts."""
        outputs = self._supervisor.attempt(lambda running: running.client.start("stats").result())
        return {**outputs, "restarts": self._supervisor.starts - 1}

    def close(self) -> None:
        """End the worker and free its memory. Scenes of this session can't be used any more."""
        self._finalizer()
        _open.discard(self)

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def close_sessions() -> None:
    """Close every session of this process: for who ends it in a way that Python does not get to know."""
    for session in list(_open):
        session.close()


_open: weakref.WeakSet[Session] = weakref.WeakSet()
"""Those that nobody has closed yet."""


def _check_installed(entry: ModelEntry, settings: Settings) -> None:
    try:
        weights_file(entry, settings)
    except ModelError as error:
        # Downloaded before there was an environment: it is converted now, as soon as there is one.
        if error.code != "model-not-converted":
            raise


def _check_precision(precision: str) -> None:
    if precision not in PRECISIONS:
        message = f"The precision is {precision!r}."
        raise InputError(message, hint=f"Use one of {', '.join(PRECISIONS)} (precision=, SAMJ_PRECISION).")


def _given(python: Path) -> Environment:
    from samj_bridge.install import Environment

    if not python.is_file():
        message = f"There is no Python at {python}."
        raise InstallError(message, hint="Name an interpreter that has torch, or none.", python=str(python))
    # Not resolved: a virtual environment's python is a link to one that knows nothing of its packages.
    python = python.absolute()
    return Environment("given", python.parent.parent, python, "given", "", "")


def _held(opening: ExitStack, settings: Settings, progress: Progress, cancel: CancelToken | None) -> Environment:
    from samj_bridge.install import ensure_environment

    environment = ensure_environment(settings, progress=progress, cancel=cancel)
    try:
        opening.enter_context(environment.hold())
    except InstallError as error:
        if error.code != "environment-gone":
            raise
        # Another process has just put a new one in its place.
        environment = ensure_environment(settings, progress=progress, cancel=cancel)
        opening.enter_context(environment.hold())
    return environment


def _held_or_its_successor(opening: ExitStack, environment: Environment, settings: Settings) -> Environment:
    """Hold `environment`, or what another process has put in its place since it was found."""
    from samj_bridge.install import find_environment

    try:
        opening.enter_context(environment.hold())
        return environment
    except InstallError as error:
        found = find_environment(settings, environment.name) if error.code == "environment-gone" else None
        if found is None or found.prefix == environment.prefix:
            raise
    opening.enter_context(found.hold())
    return found


def _launcher(environment: Environment, settings: Settings) -> Launcher:
    from samj_bridge.install import environment_variables

    options = options_for(environment, settings)
    return Launcher(environment.python, settings, environment_variables(environment), options=options)
