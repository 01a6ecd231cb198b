"""Objects on a plane: what was drawn is noted, what was not is followed."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from samj_bridge.protocol.failures import FailureCode, OperationFailed
from samj_bridge.protocol.follow import FollowItem, FollowRequest
from samj_bridge.worker.families.base import Candidate, Followed, PromptArrays, RememberingModel
from samj_bridge.worker.memory.store import Memories, Remembered

__all__ = ["find"]


def find(
    memories: Memories,
    model: RememberingModel,
    encoding: Any,
    request: FollowRequest,
    prompts: Sequence[PromptArrays | None],
    check: Callable[[], None],
) -> Iterator[Followed]:
    """Yield what the network says of each object; `check` may raise between them.

    Raises
    ------
    OperationFailed
        ``unknown-encoding``: a memory is not there (any more), so that nothing can be followed.
    """
    # All of them first: a plane is done for all objects, or for none.
    held = [_held(memories, model, request, item) for item in request.objects]
    for item, prompt in zip(held, prompts, strict=True):
        check()
        if prompt is None:
            yield model.follow(item.memory, request.plane, encoding) if item.begun else _nothing()
        else:
            item.begun = True
            yield model.given(item.memory, request.plane, encoding, prompt)
    memories.fit(item.memory for item in request.objects)


def _held(memories: Memories, model: RememberingModel, request: FollowRequest, item: FollowItem) -> Remembered:
    found = memories.find(item.memory)
    known = found is not None and found.model is model and (found.planes, found.step) == (request.planes, item.step)
    if found is not None and not known:
        message = f"The memory {item.memory!r} is of another model, stack or direction."
        raise OperationFailed(
            FailureCode.BAD_REQUEST, message, hint="Give each object and direction a name of its own."
        )
    if item.prompt is not None:
        return found or memories.begin(item.memory, model, request.planes, item.step)
    if found is None:
        message = f"Nothing is remembered as {item.memory!r} (any more)."
        hint = "Give what was drawn again, and follow from there."
        raise OperationFailed(FailureCode.UNKNOWN_ENCODING, message, hint=hint)
    return found


def _nothing() -> Followed:
    """Answer where all that was given so far was on a blank plane."""
    return Followed(Candidate(np.zeros((1, 1), bool), (0, 0), 0.0), -math.inf)
