"""SAM 2.1's memory as ``shared/golden-sam2-video/check_video.py`` asks for it: the authors' order on our networks.

    WORKER_PYTHON ../shared/golden-sam2-video/check_video.py --adapter benchmarks/golden_video_adapter.py
        --weights ../shared/golden

It has to be run with a Python that has torch: the worker's. The official predictor has one state for both
directions and forgets corrections. Both are done here as they do it, to compare numbers. samj-bridge itself begins
every direction anew, and keeps corrections (docs/how-to/stacks.md).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import torch

from benchmarks.golden_adapter import SAM2_VARIANTS
from samj_bridge.worker.families.base import BuildSpec, PromptArrays
from samj_bridge.worker.families.promptable import Abilities
from samj_bridge.worker.families.sam2 import Sam2Model
from samj_bridge.worker.families.sam2_memory.bank import sight
from samj_bridge.worker.families.sam2_memory.following import Plane, Seen, memory_net
from samj_bridge.worker.nets.memory.network import Kept, video_shapes
from samj_bridge.worker.nets.sam2 import Sam2
from samj_bridge.worker.nets.sam2_hiera import HIERA
from samj_bridge.worker.nets.sam_prompt import PADDING
from samj_bridge.worker.transforms import transform


def load(variant: str, state_dict: dict[str, np.ndarray]) -> Model:
    """Return a network with these weights; every key must fit."""
    tensors = {key: torch.from_numpy(np.array(value)) for key, value in state_dict.items()}
    videos = video_shapes()
    net = Sam2(HIERA[SAM2_VARIANTS[variant]]).eval()
    net.load_state_dict({key: value for key, value in tensors.items() if key not in videos}, strict=True)
    net.prepare()
    model = Sam2Model(net, BuildSpec(Path()), transform("sam2"), Abilities())
    memory = memory_net({key: tensors[key] for key in videos})
    memory.prepare()
    model.__dict__["_memory_net"] = memory
    return Model(model)


class Model:
    """A loaded network."""

    def __init__(self, model: Sam2Model) -> None:
        self.model = model
        self.encoded: dict[bytes, Plane] = {}

    def video(self, frames: np.ndarray) -> State:
        """Return a state of the official kind for (N, H, W, 3) bytes."""
        return State(self, frames)


class Object:
    """What the official state holds of an object: every frame, whichever direction it was tracked in."""

    def __init__(self) -> None:
        self.drawn: dict[int, Seen] = {}
        """Prompts whose memory is not made yet."""
        self.corrected: dict[int, Seen] = {}
        """The same on frames that were tracked before."""
        self.seen: dict[int, Seen] = {}
        self.given: dict[int, Kept] = {}
        self.followed: dict[int, Kept] = {}
        self.reverse: dict[int, bool] = {}


class State:
    """Prompts and propagation through one video."""

    def __init__(self, of: Model, frames: np.ndarray) -> None:
        self.model, self.frames, self.encoded = of.model, frames, of.encoded
        self.objects: dict[Any, Object] = {}

    def plane(self, index: int) -> Plane:
        """Encode a frame, once for all cases that have it."""
        name = self.frames[index].tobytes()
        if name not in self.encoded:
            unit = self.frames[index].astype(np.float32) / np.float32(255)
            self.encoded[name] = self.model.encode_plane(unit, lambda _fraction: None)
        return self.encoded[name]

    @torch.inference_mode()
    def prompt(self, frame: int, obj: Any, points: Any, labels: Any, box: Any, mask: Any) -> dict[str, Any]:
        """Answer a prompt on a frame."""
        item = self.objects.setdefault(obj, Object())
        asked = _prompt(points, labels, box, mask)
        if frame not in item.reverse:
            item.drawn[frame] = item.seen[frame] = self.model.drawn(self.plane(frame), asked)
            return self._result(item.seen[frame])
        seen, fused = self._correct(frame, item, asked)
        item.corrected[frame] = item.seen[frame] = seen
        return self._result(seen, fused=fused)

    @torch.inference_mode()
    def propagate(
        self, start: int | None, reverse: bool, max_frames: int | None
    ) -> Iterator[tuple[int, dict[Any, dict[str, Any]]]]:
        """Track every object from a frame on, that frame among them."""
        step, count = (-1 if reverse else 1), len(self.frames)
        for item in self.objects.values():
            for frame, seen in item.corrected.items():
                item.followed[frame] = self.model.kept(self.plane(frame), seen, given=True)
            for frame, seen in item.drawn.items():
                item.given[frame] = self.model.kept(self.plane(frame), seen, given=True)
            item.drawn, item.corrected = {}, {}
        first = min(frame for item in self.objects.values() for frame in item.given) if start is None else start
        last = (0 if reverse else count - 1) if max_frames is None else first + step * max_frames
        last = min(max(last, 0), count - 1)
        if reverse and first == 0:
            return
        for frame in range(first, last + step, step):
            yield frame, {obj: self._track(frame, item, reverse) for obj, item in self.objects.items()}

    def _track(self, frame: int, item: Object, reverse: bool) -> dict[str, Any]:
        item.reverse[frame] = reverse
        if frame in item.given:
            return self._result(item.seen[frame], kept=item.given[frame])
        fused = self._fused(frame, item, reverse)
        seen = item.seen[frame] = self.model.known(self.plane(frame), fused)
        kept = item.followed[frame] = self.model.kept(self.plane(frame), seen, given=False)
        return self._result(seen, kept=kept, fused=fused)

    def _correct(self, frame: int, item: Object, asked: PromptArrays) -> tuple[Seen, torch.Tensor]:
        """Answer a click on a tracked frame: with what is remembered, and the frame's own logits as mask."""
        fused = self._fused(frame, item, item.reverse[frame])
        plane = self.plane(frame)
        places = self.model.transform.frame(plane.image_hw).points(
            np.concatenate([asked.points_xy, asked.negative_xy])
        )
        kinds = [1] * len(asked.points_xy) + [0] * len(asked.negative_xy)
        padded = np.concatenate([places, np.zeros((1, 2), np.float32)])
        before = item.seen[frame].low[None, None]
        seen = self.model.see(plane, fused, padded, [*kinds, PADDING], several=len(kinds) <= 1, mask=before)
        return seen, fused

    def _fused(self, frame: int, item: Object, reverse: bool) -> torch.Tensor:
        cells = {at: kept.cells for at, kept in item.followed.items()}
        pointers = {at: kept.pointer for at, kept in item.followed.items()}
        step = -1 if reverse else 1
        found = sight(frame, step, len(self.frames), item.given, cells, pointers)
        return self.model.fused(self.plane(frame), found)

    def _result(self, seen: Seen, kept: Kept | None = None, fused: torch.Tensor | None = None) -> dict[str, Any]:
        mask = np.zeros(self.frames.shape[1:3], bool)
        found, (x, y) = self.model.transform.frame(mask.shape).enlargement.mask(seen.low)
        mask[y : y + found.shape[0], x : x + found.shape[1]] = found
        return {
            "low": seen.low,
            "score": seen.presence,
            "ious": seen.scores,
            "obj_ptr": seen.pointer,
            "memory": None if kept is None else kept.cells.float().t().unflatten(1, (64, 64)),
            "fused": None if fused is None else fused[0],
            "mask": mask,
        }


def _prompt(points: Any, labels: Any, box: Any, mask: Any) -> PromptArrays:
    places = np.asarray([] if points is None else points, np.float32).reshape(-1, 2) + np.float32(0.5)
    inside = np.asarray([] if labels is None else labels, bool)
    edges = None if box is None else tuple(float(edge) for edge in box)
    shown = None if mask is None else np.asarray(mask, bool)
    return PromptArrays(edges, places[inside], places[~inside], shown, (0, 0))
