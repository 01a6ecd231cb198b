"""The operations of docs/reference/protocol.md: inputs checked, engine called, outputs made plain."""

from __future__ import annotations

import functools
import gc
import logging
import math
import os
import platform
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from samj_bridge.geometry.trace import trace
from samj_bridge.protocol import PROTOCOL_VERSION
from samj_bridge.protocol.conversion import ConvertRequest
from samj_bridge.protocol.delivering import DELIVER
from samj_bridge.protocol.failures import FailureCode, OperationFailed
from samj_bridge.protocol.follow import FollowItem, FollowReply, FollowRequest, FoundMessage
from samj_bridge.protocol.messages import (
    OPERATIONS,
    EmptyRequest,
    EncodeRequest,
    FitsRequest,
    HelloReply,
    LoadRequest,
    ReleaseRequest,
)
from samj_bridge.protocol.segment import PromptMessage, SegmentRequest
from samj_bridge.version import __version__
from samj_bridge.worker import devices, machine, precision
from samj_bridge.worker.answering import answers, arrays_of
from samj_bridge.worker.blank import Blank
from samj_bridge.worker.cache import Entry
from samj_bridge.worker.engine import Engine
from samj_bridge.worker.everything.operation import everything
from samj_bridge.worker.families import ARCHITECTURES
from samj_bridge.worker.families.base import Followed
from samj_bridge.worker.loop import Context, Operation
from samj_bridge.worker.memory.answering import find

__all__ = ["operations_of"]

_log = logging.getLogger(__name__)


def operations_of(engine: Engine, threads: int) -> dict[str, Operation]:
    """Return every operation by name: a function here, or imported, and a name in OPERATIONS."""
    functions: dict[str, Callable[..., Mapping[str, Any]]] = {
        "hello": functools.partial(_hello, threads),
        "load": _load,
        "fits": _fits,
        "encode": _encode,
        "segment": _segment,
        "everything": everything,
        "follow": _follow,
        "release": _release,
        "stats": _stats,
        "convert": _convert,
    }
    # What is delivered is taken while another operation runs: by the loop.
    return {name: functools.partial(_guarded, functions[name], engine) for name in OPERATIONS if name != DELIVER}


def _guarded(
    function: Callable[..., Mapping[str, Any]], engine: Engine, inputs: Mapping[str, Any], context: Context
) -> Mapping[str, Any]:
    engine.ask, engine.tell = context.ask, context.update
    try:
        return function(engine, inputs, context)
    except (MemoryError, RuntimeError) as error:
        if not devices.is_out_of_memory(error):
            raise
        _log.exception("%s ran out of memory", context.request.script)
        message = f"Memory ran out during {context.request.script}: {error}".rstrip(": ")
    # Outside the handler, where the frames that held the big arrays are gone.
    gc.collect()
    devices.release_unused()
    hint = "Use a smaller image or model, close other programs, or choose the CPU if a GPU was used."
    raise OperationFailed(FailureCode.OUT_OF_MEMORY, message, hint=hint)


def _hello(threads: int, engine: Engine, inputs: Mapping[str, Any], _context: Context) -> dict[str, Any]:
    EmptyRequest.from_wire(inputs)
    versions = {
        "samj_bridge": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "torch": devices.TORCH_VERSION,
    }
    device = devices.best()
    # Not measured for a greeting: only networks that can compute in another format need to know.
    found = precision.known(device, engine.cache_dir)
    digits = "float32" if found is None else found.precision
    reply = HelloReply(PROTOCOL_VERSION, versions, device, digits, threads, OPERATIONS, os.getpid())
    return reply.to_wire()


def _load(engine: Engine, inputs: Mapping[str, Any], _context: Context) -> dict[str, Any]:
    return engine.load(LoadRequest.from_wire(inputs)).to_wire()


def _fits(engine: Engine, inputs: Mapping[str, Any], _context: Context) -> dict[str, Any]:
    request = FitsRequest.from_wire(inputs)
    return engine.fits(request.model, request.shape)


def _encode(engine: Engine, inputs: Mapping[str, Any], context: Context) -> dict[str, Any]:
    return engine.encode(EncodeRequest.from_wire(inputs), context.check).to_wire()


def _release(engine: Engine, inputs: Mapping[str, Any], _context: Context) -> dict[str, Any]:
    request = ReleaseRequest.from_wire(inputs)
    encodings = sum(engine.release(name) for name in request.encodings)
    return {"released": encodings + engine.memories.remove(request.memories)}


def _stats(engine: Engine, inputs: Mapping[str, Any], _context: Context) -> dict[str, Any]:
    EmptyRequest.from_wire(inputs)
    return {
        "models": sorted(engine.models),
        "encodings": len(engine.encodings),
        "encodings_bytes": engine.encodings.bytes,
        "encodings_budget_bytes": engine.encodings.budget,
        "memories": len(engine.memories),
        "encoded": engine.encoded,
        "segmented": engine.segmented,
        "network_seconds": engine.network_seconds,
        "peak_bytes": machine.peak_bytes(),
        "pid": os.getpid(),
    }


def _convert(engine: Engine, inputs: Mapping[str, Any], context: Context) -> dict[str, Any]:
    # Not for every worker: most never see a checkpoint that is not converted.
    from samj_bridge.worker.checkpoints.converting import convert

    return convert(ConvertRequest.from_wire(inputs), ARCHITECTURES, engine.families, context.check).to_wire()


def _segment(engine: Engine, inputs: Mapping[str, Any], context: Context) -> dict[str, Any]:
    request = SegmentRequest.from_wire(inputs)
    entry = engine.encoding(request.encoding)
    # All of them first: a mistake in the last prompt must not cost the work on the others.
    for index, prompt in enumerate(request.prompts):
        _check_inside(prompt, entry.reply.shape, index)
    begun = time.perf_counter()
    total = len(request.prompts)
    regions: list[dict[str, Any]] = []
    # How far a single prompt is; of many it is told which are done.
    check = context.check if total == 1 else (lambda _fraction: context.check())
    answered = answers(engine, entry, request.prompts, request.wanted, check)
    for done, (index, kept) in enumerate(answered, 1):
        found = [region.to_wire() for region in kept]
        engine.segmented += 1
        if request.stream:
            context.update(current=done, maximum=total, info={"prompt": index, "regions": found})
        else:
            regions.extend(found)
    engine.encodings.weigh(request.encoding)
    # Those of a large image were answered tile by tile.
    regions.sort(key=lambda region: (region["prompt"], region["candidate"]))
    return {"regions": regions, "prompts": total, "seconds": time.perf_counter() - begun}


def _follow(engine: Engine, inputs: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Find objects on an encoded plane, or note what was drawn on it."""
    request = FollowRequest.from_wire(inputs)
    entry = engine.encoding(request.encoding, plane=True)
    begun = time.perf_counter()
    if isinstance(entry.encoding, Blank):
        # There is nothing on it, and nothing to be remembered of it.
        found = [_on_blank(engine, entry, request, item) for item in request.objects]
    else:
        prompts = [None if item.prompt is None else arrays_of(item.prompt) for item in request.objects]
        model: Any = entry.model
        answers = find(engine.memories, model, entry.encoding, request, prompts, context.check)
        found = []
        for item, answer in zip(request.objects, answers, strict=True):
            found.append(_found(item, answer))
            context.update(current=len(found), maximum=len(request.objects))
    engine.encodings.weigh(request.encoding)
    return FollowReply(tuple(found), engine.memories.nbytes, time.perf_counter() - begun).to_wire()


def _found(item: FollowItem, found: Followed) -> FoundMessage:
    score, there = float(found.candidate.score), found.presence > 0
    rings = trace(found.candidate.mask, found.candidate.origin_xy) if there else ()
    return FoundMessage(
        item.memory,
        min(max(score, 0.0), 1.0) if math.isfinite(score) else None,
        found.presence if math.isfinite(found.presence) else None,
        tuple(ring.ravel().tolist() for ring in rings),
    )


def _on_blank(engine: Engine, entry: Entry, request: FollowRequest, item: FollowItem) -> FoundMessage:
    model: Any = entry.model
    if item.prompt is not None and engine.memories.find(item.memory) is None:
        engine.memories.begin(item.memory, model, request.planes, item.step)
    rings = () if item.prompt is None else item.prompt.mask_rings
    return FoundMessage(item.memory, None, None, tuple(np.asarray(ring).tolist() for ring in rings))


def _check_inside(prompt: PromptMessage, shape: tuple[int, int], index: int) -> None:
    height, width = shape
    outside = [
        f"point ({x:g}, {y:g})"
        for x, y in (*prompt.points, *prompt.negative)
        if not (0 <= x <= width and 0 <= y <= height)
    ]
    if prompt.box is not None:
        x0, y0, x1, y1 = prompt.box
        if x0 >= width or y0 >= height or x1 <= 0 or y1 <= 0:
            outside.append(f"box ({x0:g}, {y0:g}, {x1:g}, {y1:g})")
    if any(min(ring) < 0 or max(ring[::2]) > width or max(ring[1::2]) > height for ring in prompt.mask_rings):
        outside.append("mask")
    if outside:
        message = f"Prompt {index} lies outside the image of {width} x {height} pixels: {', '.join(outside)}."
        hint = "Give pixel coordinates of the image that was encoded, x before y."
        raise OperationFailed(FailureCode.PROMPT_OUTSIDE_IMAGE, message, hint=hint, prompt=index)
