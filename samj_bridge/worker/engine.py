"""Networks and encodings: what the operations work on."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from samj_bridge.geometry.blocks.walk import Drawn
from samj_bridge.geometry.tiling import Tile
from samj_bridge.protocol.arrays import ArrayDescription, attached
from samj_bridge.protocol.failures import FailureCode, OperationFailed
from samj_bridge.protocol.messages import EncodeReply, EncodeRequest, LoadReply, LoadRequest, TileMessage
from samj_bridge.worker import devices, intensity, precision
from samj_bridge.worker.blank import Blank, is_blank
from samj_bridge.worker.cache import Encodings, Entry, size_of
from samj_bridge.worker.cut.asking import Ask, AskedPixels
from samj_bridge.worker.cut.uncut import Uncut, uncut, uncut_of
from samj_bridge.worker.disk import DiskCache, content_key, content_of, digest, encoding_name, group_of
from samj_bridge.worker.families import FAMILIES
from samj_bridge.worker.families.base import (
    BuildSpec,
    Candidate,
    Model,
    PromptArrays,
    RememberingModel,
    TiledModel,
    bytes_of,
)
from samj_bridge.worker.families.finding import check_architecture, find_family, short
from samj_bridge.worker.fitting import check_fits
from samj_bridge.worker.memory.store import Memories

__all__ = ["Engine"]

_log = logging.getLogger(__name__)


def _nobody(*_what: Any, **_more: Any) -> Any:
    message = "No operation runs that could be asked for pixels."
    raise OperationFailed(FailureCode.INTERNAL, message)


@dataclass
class Engine:
    """Everything that outlives one operation."""

    encodings: Encodings
    """Encoded images."""
    families: Mapping[str, str] = field(default_factory=lambda: dict(FAMILIES))
    """Module, or path of a Python file, of each family."""
    cache_dir: Path | None = None
    """Folder for what was measured of the machine; None: nowhere."""
    memory_bytes: int | None = None
    """Memory that encoding may take; None: what the device has left."""
    models: dict[str, tuple[Model, LoadReply]] = field(default_factory=dict)
    """Loaded networks by handle."""
    contents: dict[str, str] = field(default_factory=dict)
    """What each loaded network is made of, by handle."""
    memories: Memories = field(default_factory=Memories)
    """What is remembered of objects in stacks."""
    disk: DiskCache = field(default_factory=lambda: DiskCache(Path(), 0))
    """Encodings kept for the next worker."""
    disk_least_s: float = 1.0
    """Encodings that took less time are not worth a file."""
    ask: Ask = _nobody
    """Asks the client whose operation runs for parts of an image that it keeps."""
    tell: Callable[..., None] = _nobody
    """Tells that client, in an UPDATE."""
    encoded: int = 0
    """Images encoded so far."""
    segmented: int = 0
    """Prompts answered so far."""
    network_seconds: float = 0.0
    """Time that networks took to decode prompts so far: what is not overhead."""

    def load(self, request: LoadRequest) -> LoadReply:
        """Load a network, or find it loaded.

        Raises
        ------
        OperationFailed
            ``unknown-model``, ``bad-checkpoint``, ``device-unavailable``.
        """
        device = devices.choose(request.device)
        family = find_family(self.families, request.family)
        check_architecture(request.family, request.architecture)
        digits, reason = precision.choose(family, request.precision, device, self.cache_dir)
        # The file is part of the name: another checkpoint of the same model is another network.
        parts = (request.family, request.checkpoint, request.architecture, request.transform, digits)
        handle = f"{request.model}@{device}:{digest(*parts)}"
        if handle in self.models:
            return replace(self.models[handle][1], seconds=0.0)
        path = Path(request.checkpoint)
        if not path.is_file():
            message = f"There are no weights at {path}."
            raise OperationFailed(FailureCode.BAD_CHECKPOINT, message, hint="Install the model again.")
        begun = time.perf_counter()
        try:
            model: Model = family.build(BuildSpec(path, request.architecture, request.transform, device, digits))
        except (OperationFailed, MemoryError):
            raise
        except Exception as error:
            _log.exception("loading %s failed", path)
            name = request.architecture or request.family
            message = f"The weights at {path} can't be used as a {name} model: {short(error)}"
            hint = "The file is damaged or another architecture's: install the model again."
            raise OperationFailed(FailureCode.BAD_CHECKPOINT, message, hint=hint) from error
        seconds = time.perf_counter() - begun
        sizes = int(getattr(model, "tile_px", 0)), int(getattr(model, "whole_px", 0))
        remembers = hasattr(model, "encode_plane")
        reply = LoadReply(handle, device, int(model.parameters), seconds, digits, reason, *sizes, remembers)
        self.models[handle] = model, reply
        self.contents[handle] = content_of(path, request, digits)
        return reply

    def encode(self, request: EncodeRequest, check: Callable[[float], None]) -> EncodeReply:
        """Encode an image, or find it encoded.

        Raises
        ------
        OperationFailed
            ``unknown-model``, ``bad-image``, ``image-too-large``.
        """
        begun = time.perf_counter()
        name = encoding_name(request) if request.image_id else f"#{self.encoded}"
        known = self.encodings.find(name)
        if known is not None:
            return replace(known.reply, cached=True, seconds=time.perf_counter() - begun)
        model, loaded = self._model(request.model)
        side = int(getattr(model, "tile_px", 0))
        cut = request.cut and side > 0 and max(request.image.shape[:2]) > int(getattr(model, "whole_px", 0))
        if not cut:
            self.fits(request.model, request.image.shape)
        # Before the first block, so that an operation cancelled while it waited costs no more than this.
        check(0.0)
        asked = AskedPixels(request.image, lambda: self.ask) if request.image.is_asked else None
        if cut and asked is not None:
            image = uncut(asked, request.channels, request.ranges, side)
            return self._keep(image, model, loaded, name, begun)
        with attached(request.image) if asked is None else nullcontext(asked.octets()) as view:
            if cut:
                return self._keep(uncut_of(view, request, side), model, loaded, name, begun)
            found = self._look(view, request, name, begun)
        return found if isinstance(found, EncodeReply) else self._make(found, request, name, begun, check)

    def _keep(self, image: Uncut, model: Model, loaded: LoadReply, name: str, begun: float) -> EncodeReply:
        reply = EncodeReply(name, image.tiling.image_hw, image.ranges, 0, 0.0, cached=False)
        self.encodings.add(Entry(reply, model, image, image.nbytes, "", loaded.device, name))
        return replace(reply, seconds=time.perf_counter() - begun)

    def encode_tile(self, image: Entry, uncut: Uncut, tile: Tile, check: Callable[[float | None], None]) -> Entry:
        """Return a tile of a large image that was sent whole, encoded now if it was not."""
        handle = self._handle_of(image)
        (halvings, step), (x0, y0, x1, y1) = uncut.tiling.drawn(tile), uncut.tiling.extent(tile)
        name = f"{image.reply.encoding}/{tile.level}.{tile.row}.{tile.column}{uncut.stamp((x0, y0, x1, y1))}"
        message = TileMessage(halvings, (-(-(y1 - y0) // step), -(-(x1 - x0) // step)), image.reply.encoding)
        if self.encodings.find(name) is None:
            self.tell(info={"tile": uncut.about(tile)})
        return self._part(uncut, lambda: uncut.tile(tile), handle, name, message, check)

    def encode_block(
        self, image: Entry, uncut: Uncut, drawn: Drawn, check: Callable[[float | None], None]
    ) -> Entry:
        """Return a block of a large image of which everything is wanted, encoded now if it was not."""
        level, pixels = drawn.blocks.level, drawn.blocks.pixels(drawn.number)
        stamp = uncut.stamp(drawn.blocks.extent(drawn.number))
        name = f"{image.reply.encoding}/block{level}.{drawn.number}{stamp}"
        message = TileMessage(drawn.halvings, drawn.shape, image.reply.encoding)
        return self._part(uncut, lambda: uncut.region(level, *pixels), self._handle_of(image), name, message, check)

    def _handle_of(self, entry: Entry) -> str:
        return next(handle for handle, (model, _) in self.models.items() if model is entry.model)

    def release(self, name: str) -> bool:
        """Forget an encoding, with its tiles; returns whether it was there."""
        there = self.encodings.remove(name)
        self.encodings.remove_group(name)
        return there

    def _part(
        self,
        uncut: Uncut,
        read: Callable[[], NDArray[Any]],
        handle: str,
        name: str,
        tile: TileMessage,
        check: Callable[[float | None], None],
    ) -> Entry:
        entry = self.encodings.find(name)
        if entry is None:
            begun, pixels = time.perf_counter(), read()
            image = ArrayDescription(pixels.dtype.name, tuple(map(int, pixels.shape)), "", pixels.nbytes)
            request = EncodeRequest(handle, image, uncut.ranges, uncut.channels, name, tile)
            found = self._look(pixels.data.cast("B"), request, name, begun)
            if not isinstance(found, EncodeReply):
                self._make(found, request, name, begun, check)
            entry = self.encoding(name)
        return entry

    def _look(
        self, view: memoryview, request: EncodeRequest, name: str, begun: float
    ) -> EncodeReply | tuple[str, tuple[tuple[float, float], ...], NDArray[np.float32]]:
        """Find pixels encoded, or return their key, the ranges, and the image as the network is to see it."""
        model, loaded = self._model(request.model)
        key = content_key(view, request, self.contents[request.model])
        kept = self._kept(key, name, model, loaded.device, begun, request)
        return kept if kept is not None else (key, *_unit(view, request))

    def _make(
        self,
        found: tuple[str, tuple[tuple[float, float], ...], NDArray[np.float32]],
        request: EncodeRequest,
        name: str,
        begun: float,
        check: Callable[[float], None],
    ) -> EncodeReply:
        (key, ranges, unit), group = found, group_of(request)
        model, loaded = self._model(request.model)
        encoding = Blank() if is_blank(unit) else _encoded(model, unit, request, check)
        self.encoded += 1
        shape = (unit.shape[0], unit.shape[1])
        if request.tile is not None:
            shape = request.tile.extent
            if not isinstance(encoding, Blank):
                encoding = _tiled(model).tile_of(encoding, request.tile.halvings)
        tiles = int(getattr(encoding, "tiles", 1))
        reply = EncodeReply(name, shape, ranges, tiles, time.perf_counter() - begun, cached=False)
        entry = Entry(reply, model, encoding, size_of(encoding), key, loaded.device, group, request.plane)
        self.encodings.add(entry)
        if reply.seconds >= self.disk_least_s:
            notes = {**reply.to_wire(), "encoding": "", "model": loaded.model}
            self.disk.save(key, encoding, notes, digest(group) if group else "")
        return reply

    def fits(self, handle: str, shape: tuple[int, ...]) -> dict[str, Any]:
        """Return the bytes that encoding an image of a shape takes, and those there are; None: nobody knows.

        Raises
        ------
        OperationFailed
            ``image-too-large``, ``unknown-model``.
        """
        model, loaded = self._model(handle)
        available = self.memory_bytes if self.memory_bytes is not None else devices.available_bytes(loaded.device)
        height, width = shape[:2]
        return check_fits((height, width), *bytes_of(model, 1 if len(shape) == 2 else shape[2]), available)

    def _kept(
        self, key: str, name: str, model: Model, device: str, begun: float, request: EncodeRequest
    ) -> EncodeReply | None:
        """Find the same pixels, shown the same way to the same network: in memory, then on disk."""
        group = group_of(request)
        known = self.encodings.find_content(key)
        if known is not None:
            reply = replace(known.reply, encoding=name, cached=True, seconds=time.perf_counter() - begun)
            self.encodings.add(Entry(reply, model, known.encoding, known.size, key, device, group, request.plane))
            return reply
        found = self.disk.load(key, device)
        if found is None:
            return None
        encoding, notes = found
        ranges = tuple((float(low), float(high)) for low, high in notes["ranges"])
        shape = (int(notes["shape"][0]), int(notes["shape"][1]))
        seconds = time.perf_counter() - begun
        reply = EncodeReply(name, shape, ranges, int(notes["tiles"]), seconds, cached=True)
        self.encodings.add(Entry(reply, model, encoding, size_of(encoding), key, device, group, request.plane))
        return reply

    def encoding(self, name: str, *, plane: bool = False) -> Entry:
        """Return an encoding: of an image, or of a `plane` of a stack.

        Raises
        ------
        OperationFailed
            ``unknown-encoding``: it was released, or went when the cache was full. ``bad-request``: another kind.
        """
        entry = self.encodings.find(name)
        if entry is None:
            message = f"There is no encoding {name!r} (any more)."
            raise OperationFailed(FailureCode.UNKNOWN_ENCODING, message, hint="Encode the image again.")
        if entry.plane != plane:
            message = f"{name!r} was encoded for {'prompts' if plane else 'objects that are followed'}."
            hint = f"Encode it with{'' if plane else 'out'} plane: true."
            raise OperationFailed(FailureCode.BAD_REQUEST, message, hint=hint)
        return entry

    def decode(
        self, entry: Entry, prompts: Sequence[PromptArrays], candidates: int, check: Callable[[float | None], None]
    ) -> Iterator[list[Candidate]]:
        """Let the encoding's network answer prompts, each best score first; `check` may raise between them.

        It hears how far a single prompt is, where that takes time.
        """
        if isinstance(entry.encoding, Blank):
            yield from (entry.encoding.answer() for _ in prompts)
            return
        many = getattr(entry.model, "decode_many", None)
        if many is not None:
            # Side by side on the cores where the family can, and told of what takes time within a prompt.
            alone = len(prompts) == 1
            found = many(entry.encoding, prompts, candidates, lambda part: check(part if alone else None))
        else:
            found = (entry.model.decode(entry.encoding, prompt, candidates) for prompt in prompts)
        for _ in prompts:
            check(None)
            begun = time.perf_counter()
            answer = next(found)
            self.network_seconds += time.perf_counter() - begun
            yield answer

    def _model(self, handle: str) -> tuple[Model, LoadReply]:
        if handle not in self.models:
            message = f"No model {handle!r} is loaded."
            raise OperationFailed(FailureCode.UNKNOWN_MODEL, message, hint="Load it first.")
        return self.models[handle]


def _encoded(
    model: Model, unit: NDArray[np.float32], request: EncodeRequest, check: Callable[[float], None]
) -> Any:
    if not request.plane:
        return model.encode(unit, check)
    if not hasattr(model, "encode_plane"):
        message = "This model remembers nothing of objects; it can't follow them by itself."
        raise OperationFailed(
            FailureCode.BAD_REQUEST, message, hint="Use a SAM 2.1 model, or prompts plane by plane."
        )
    return cast("RememberingModel", model).encode_plane(unit, check)


def _tiled(model: Model) -> TiledModel:
    if not hasattr(model, "tile_of"):
        message = "This model sees images whole; it can't be asked on tiles of them."
        raise OperationFailed(FailureCode.BAD_IMAGE, message, hint="Send the whole image, without tile.")
    return cast("TiledModel", model)


def _unit(view: memoryview, request: EncodeRequest) -> tuple[tuple[tuple[float, float], ...], NDArray[np.float32]]:
    # In a function of its own: no name for the shared pixels outlives it, so the block can be unmapped.
    pixels = np.frombuffer(view, dtype=request.image.dtype).reshape(request.image.shape)
    ranges = request.ranges or intensity.find_ranges(pixels, request.channels)
    return tuple(ranges), intensity.to_unit(pixels, ranges, request.channels)
