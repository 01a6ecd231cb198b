"""An encoded image: prompts in, regions out."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from samj_bridge.errors import PromptError
from samj_bridge.geometry.blocks.walk import is_within
from samj_bridge.geometry.region import Region
from samj_bridge.geometry.tiling import Tiling
from samj_bridge.progress import CancelToken, Progress, ignore_progress
from samj_bridge.protocol.segment import SegmentRequest, Wanted
from samj_bridge.session.answers import answers
from samj_bridge.session.blocks.options import Looked, looked_at
from samj_bridge.session.blocks.search import BlockSearch
from samj_bridge.session.connection.supervisor import Supervisor
from samj_bridge.session.encoded import EncodedImage
from samj_bridge.session.everything import Objects, ObjectStream, Search, request_of
from samj_bridge.session.images import Plane
from samj_bridge.session.prompts import Prompt, check_taken, message_of, prompts_of
from samj_bridge.session.tiles.answers import order_of, tile_answers
from samj_bridge.session.tiles.image import TiledImage
from samj_bridge.session.tiles.source import TileSource
from samj_bridge.session.wanted import wanted_of

__all__ = ["Scene"]


class Scene:
    """An image that the worker has encoded; made by `Session.encode`. May be used from several threads.

    It keeps a copy of the pixels in this process, in the type in which they were sent, because the worker can
    be lost, or forget an encoding when many are open: the image is then encoded again, unnoticed but for the
    time. Of a large image, which is asked tile by tile, nothing is copied: its pixels are read where they are when
    a prompt needs them, and must stay as they are. Close scenes that are done with, or let them go.
    """

    def __init__(self, session: object, supervisor: Supervisor, image: Plane | TileSource, name: str) -> None:
        self.name = name
        """Name given to `Session.encode`."""
        self.shape: tuple[int, int]
        """(Y, X)."""
        self._session = session
        self._supervisor = supervisor
        self._tiled: TiledImage | None = None
        self._whole: EncodedImage | None = None
        if isinstance(image, TileSource):
            self.shape = image.tiling.image_hw
            self._tiled = TiledImage(session, supervisor, image)
        else:
            self.shape = (image.pixels.shape[0], image.pixels.shape[1])
            self._whole = EncodedImage(session, supervisor, image)

    @property
    def ranges(self) -> tuple[tuple[float, float], ...]:
        """Values shown as black and white, per channel that was sent."""
        image = self._tiled or self._image
        return image.ranges

    @property
    def encode_seconds(self) -> float:
        """Time that encoding took, the last time that it was needed; of a large image, of one tile."""
        image = self._tiled or self._image
        return image.seconds

    @property
    def tiling(self) -> Tiling | None:
        """The tiles that prompts are asked in; None where the image is asked as a whole."""
        return None if self._tiled is None else self._tiled.tiling

    def segment(
        self,
        prompts: Prompt | Iterable[Prompt],
        wanted: Wanted | None = None,
        *,
        progress: Progress = ignore_progress,
        cancel: CancelToken | None = None,
        timeout_s: float | None = None,
        **options: Any,
    ) -> list[Region]:
        """Answer prompts.

        Parameters
        ----------
        prompts : Prompt or iterable of Prompt
            Any number of them.
        wanted : Wanted, optional
            How many regions per prompt, and what is kept of each; by default the best one, whole.
        progress : callable
            Called with each prompt that is done.
        cancel : CancelToken, optional
            Stops the call between two prompts.
        timeout_s : float, optional
            Seconds for the whole call. By default it is given up only after ``settings.timeout_s`` seconds in
            which no prompt was done.
        **options : Any
            Fields of `Wanted` by name, instead of it or different from it: ``candidates`` (regions per prompt, 1
            to 3, best score first), ``min_area`` (parts with fewer pixels are dropped), ``fill_holes``,
            ``largest_only`` (all parts but the largest are dropped).

        Returns
        -------
        list of Region
            In the order of the prompts, then of the scores. A region may be empty.

        Raises
        ------
        PromptError
            A prompt can't be used, or is of a kind that the model does not take; nothing was done.
        InputError
            An option is unknown, or out of its range; nothing was done.
        WorkerCrashed
            The worker died twice during this call.
        SamjError
            Any other failure of the worker, `WorkerTimeout`, `Cancelled`.
        """
        found = dict(self.stream(prompts, wanted, progress=progress, cancel=cancel, timeout_s=timeout_s, **options))
        return [region for index in sorted(found) for region in found[index]]

    def stream(
        self,
        prompts: Prompt | Iterable[Prompt],
        wanted: Wanted | None = None,
        *,
        progress: Progress = ignore_progress,
        cancel: CancelToken | None = None,
        timeout_s: float | None = None,
        **options: Any,
    ) -> Iterator[tuple[int, list[Region]]]:
        """Answer prompts one by one: yields each prompt's index and regions as soon as they are there.

        On a large image they come tile by tile, so that each is encoded once: not in the prompts' order.

        Parameters, errors: as `segment`. Leaving the loop early stops the rest.
        """
        asked = prompts_of(prompts)
        check_taken(asked, self._supervisor.model.id, self._supervisor.model.prompts)
        messages = tuple(message_of(prompt, self.shape, index) for index, prompt in enumerate(asked))
        request = SegmentRequest("", messages, wanted_of(wanted, options), len(asked) > 1)
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        if self._tiled is not None:
            return tile_answers(self._supervisor, self._tiled, request, asked, progress, cancel, deadline)
        return answers(self._supervisor, self._image, self.shape, request, asked, progress, cancel, deadline)

    def order(self, prompts: Sequence[Prompt]) -> list[int]:
        """Return the prompts' indices in the order in which `stream` begins them: those of one tile together.

        Whoever asks many prompts a few at a time has each tile encoded once by asking them in this order.
        """
        if self._tiled is None:
            return list(range(len(prompts)))
        messages = [message_of(prompt, self.shape, index) for index, prompt in enumerate(prompts)]
        return order_of(self._tiled.tiling, messages)

    def everything(
        self,
        mode: str = "auto",
        *,
        within: Sequence[float] | None = None,
        object_px: float | None = None,
        record: str | Path | None = None,
        progress: Progress = ignore_progress,
        cancel: CancelToken | None = None,
        timeout_s: float | None = None,
        **options: Any,
    ) -> Objects:
        """Find every object of the image, without a prompt.

        A large image is searched tile by tile; an object that lies in several tiles is found once, and whole
        (docs/explanation/large-images.md). What is found depends on the image and the options alone.

        Parameters
        ----------
        mode : {"auto", "decoder", "apg", "fast", "exact"}
            ``auto`` takes ``decoder`` where the model has one and no option is only for points, else ``fast``.
            ``decoder`` takes what the network says of each pixel (micro-sam's models), ``apg`` asks the points that
            its decoder gives (micro-sam's automatic prompt generation). ``fast`` goes object by object, and skips
            points inside those found before. Objects of these never overlap. ``exact`` asks a whole grid and
            filters as SAM's automatic mask generator does.
        within : (x0, y0, x1, y1), optional
            Edges of a box in pixels of the image: only objects whose centroid is in it are given, and of a large
            image only what lies under it is read.
        object_px : float, optional
            Length in pixels of the objects that are looked for in a large image: it is reduced as a prompt of that
            extent would be. By default it is searched in full resolution, which is best for objects of up to a
            quarter of a tile (256 pixels, EfficientViT-SAM L0 to L2: 128).
        record : path, optional
            File that keeps what was found in the tiles of a large image that are done: called again with the same
            image, model and options, the search goes on from there, with the same result. Yours to remove.
        progress : callable
            Called as objects are found, at the end with the sentence that is the result's ``message`` too.
        cancel : CancelToken, optional
            Stops it between two points.
        timeout_s : float, optional
            Seconds for the whole call.
        **options : Any
            In the words of SAM's generator, None meaning the model's own default: ``points_per_side``,
            ``pred_iou_thresh``, ``stability_score_thresh``, ``stability_score_offset``, ``box_nms_thresh`` (in fast
            mode the part of a mask that may be taken by others), ``min_mask_region_area``; for ``exact`` also
            ``crop_n_layers``, ``crop_nms_thresh``, ``crop_overlap_ratio``, ``crop_n_points_downscale_factor``.
            In the words of micro-sam for ``decoder`` and ``apg``: ``center_distance_threshold``,
            ``boundary_distance_threshold``, ``foreground_threshold`` (0.5 each); for ``decoder`` also
            ``foreground_smoothing`` (1.0), ``distance_smoothing`` (1.6). ``apg`` takes the thresholds of masks too:
            its ``box_nms_thresh`` is the IoU of masks (0.9), its ``min_area`` 25 where none is given.
            Besides: ``min_area``, objects with fewer pixels are left out.

        Returns
        -------
        Objects
            A list of `Region` in the order of being found (``exact``: of falling score), with ``message`` and
            ``counts``. It may be empty; ``message`` then says why. Of a large image they come tile by tile, and at
            the end those that are longer than a tile sees.

        Raises
        ------
        InputError
            An option is unknown or out of its range, or the box is not in the image.
        PromptError
            The model can't be asked by points.
        FileError
            The record can't be written, or another process is using it.
        SamjError
            Any other failure of the worker, `WorkerTimeout`, `Cancelled`.
        """
        stream = self.stream_everything(
            mode,
            within=within,
            object_px=object_px,
            record=record,
            progress=progress,
            cancel=cancel,
            timeout_s=timeout_s,
            **options,
        )
        found = Objects(stream)
        found.message, found.counts, found.resumed = stream.message, stream.counts, stream.resumed
        return found

    def stream_everything(
        self,
        mode: str = "auto",
        *,
        within: Sequence[float] | None = None,
        object_px: float | None = None,
        record: str | Path | None = None,
        progress: Progress = ignore_progress,
        cancel: CancelToken | None = None,
        timeout_s: float | None = None,
        **options: Any,
    ) -> ObjectStream:
        """Find every object, and yield each as soon as it is found (``exact``: at the end of the search).

        Parameters, errors: as `everything`. Leaving the loop early stops the search. At the end, what is returned
        has ``message`` and ``counts``, as the list of `everything` has.
        """
        request = request_of({"mode": mode, **options})
        looked = looked_at(self.shape, within, object_px, record)
        search = self._search(looked, progress, cancel)
        regions = search.regions(request, progress, cancel, timeout_s)
        return ObjectStream(
            (region for region in regions if is_within(region, looked.within)), lambda: search.outputs
        )

    def close(self) -> None:
        """Forget the encoding and the copy of the pixels."""
        if self._tiled is not None:
            self._tiled.close()
        if self._whole is not None:
            self._whole.close()
        self._supervisor.let_go()

    def __enter__(self) -> Scene:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def encode(
        self,
        progress: Progress = ignore_progress,
        cancel: CancelToken | None = None,
        timeout_s: float | None = None,
    ) -> None:
        """Make sure that a running worker has the encoding; `Session.encode` and `segment` do this themselves.

        Of a large image only the display range is found: what is encoded is for prompts to say.
        """
        if self._tiled is not None:
            self._tiled.look(progress, cancel)
            return
        self._supervisor.attempt(
            lambda running: self._image.encoding(running, progress, cancel, timeout_s), progress, cancel
        )

    @property
    def _image(self) -> EncodedImage:
        """The image as a whole; a large one has none."""
        if self._whole is None:
            raise AssertionError
        return self._whole

    def _search(self, looked: Looked, progress: Progress, cancel: CancelToken | None) -> Search | BlockSearch:
        model = self._supervisor.model
        if "points" not in model.prompts:
            message = f"The model {model.id!r} can't find objects by itself: it can't be asked by points."
            hint = "Use another model for everything mode, for example starter, or give boxes."
            raise PromptError(message, code="prompt-not-taken", hint=hint, taken=list(model.prompts))
        if self._tiled is not None:
            return BlockSearch(self._supervisor, self._tiled, looked.within, looked.object_px, looked.record)
        return Search(
            self._supervisor,
            self._image.plane,
            self.shape,
            lambda running, left: self._image.encoding(running, progress, cancel, left),
            self._image.forget,
        )
