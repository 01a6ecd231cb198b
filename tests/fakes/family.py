"""A model family for tests, loaded by the worker's flag ``--family``: a real threshold and flood fill, with knobs.

The checkpoint is a JSON file:

- ``blocks``, ``block_s``: encode looks at the cancel flag between that many pauses;
- ``hang``: encode ignores the flag for that many seconds;
- ``kill_marker``: a file; while it does not exist, the named operation (``kill_in``) makes it and dies by SIGKILL;
- ``always_kill``: dies every time in ``kill_in``; ``kill_after``: not before that many prompts of everything mode;
- ``boxes_only``: a network that can't be asked by points;
- ``memory``: encode raises MemoryError (``numpy``), torch's error (``torch``) or asks for too much (``real``);
- ``stdout``: what encode prints (text); ``raw_stdout``: what it writes to descriptor 1; ``raw_stderr``: in hex;
  ``stderr_bytes``: how much it writes to descriptor 2 without a line break;
- ``remembers``: a network that follows objects: what is bright and overlaps most with what it saw last;
- ``maps``: a network with a decoder: what is bright, and how far from the middle of its part each pixel is;
  ``maps_s``: how long it takes, unless it is cancelled;
- ``tile_px``: side of its tiles; images with a longer side are cut;
- ``nan_score``, ``prompt_s``, ``bytes_per_pixel``, ``fail``: what they say.
"""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from samj_bridge.geometry.components import label_components
from samj_bridge.worker.families.base import Candidate, Followed, SoftMask


@dataclass
class Encoding:
    grey: np.ndarray
    features: torch.Tensor


class Proposals:
    def __init__(self, encoding, labels, found):
        self.grey, self.labels, self.found = encoding.grey, labels, found
        # A point on the ground has nothing to offer.
        self.scores = np.stack([np.where(found > 0, 0.95, 0.1), np.full(len(found), 0.1)], 1).astype(np.float32)

    def soft(self, n, k, low):
        rows, columns = np.nonzero(self.labels == self.found[n]) if self.found[n] else ((), ())
        if not len(rows):
            return SoftMask(np.zeros((0, 0), np.float32), (0, 0))
        where = slice(rows.min(), rows.max() + 1), slice(columns.min(), columns.max() + 1)
        logits = np.where(self.labels[where] == self.found[n], 8.0, -8.0).astype(np.float32)
        return SoftMask(logits if k == 0 else -logits, (columns.min(), rows.min()))


class Model:
    parameters = 7

    def __init__(self, knobs):
        self.knobs = knobs
        self.asked = 0
        self.bytes_per_pixel = knobs.get("bytes_per_pixel", 16)
        self.tile_px = self.whole_px = knobs.get("tile_px", 0)

    def encode(self, image, check):
        assert (image.dtype, image.ndim) == (np.float32, 3)
        assert image.shape[2] in (1, 3)
        assert np.isfinite(image).all()
        assert 0 <= image.min() <= image.max() <= 1
        self._noise()
        self._die("encode")
        if self.knobs.get("fail"):
            raise ValueError(self.knobs["fail"])
        if self.knobs.get("exit"):
            sys.exit(3)
        if self.knobs.get("memory") == "numpy":
            raise MemoryError
        if self.knobs.get("memory") == "torch":
            raise RuntimeError("[enforce fail] DefaultCPUAllocator: not enough memory: you tried 9 bytes.")
        if self.knobs.get("memory") == "real":
            np.ones(1 << 60, np.uint8)
        time.sleep(self.knobs.get("hang", 0))
        blocks = self.knobs.get("blocks", 1)
        for block in range(blocks):
            check(block / blocks)
            time.sleep(self.knobs.get("block_s", 0))
        return Encoding(image.mean(axis=2), torch.from_numpy(image[..., 0].copy()))

    def tile_of(self, encoding, halvings):
        finer = np.kron(encoding.grey, np.ones((2**halvings, 2**halvings), np.float32))
        return Encoding(finer, encoding.features)

    def decode(self, encoding, prompt, candidates):
        self._die("segment")
        time.sleep(self.knobs.get("prompt_s", 0))
        bright = encoding.grey > 0.5
        inside = np.ones_like(bright)
        if prompt.box_xyxy is not None:
            x0, y0, x1, y1 = prompt.box_xyxy
            inside[:] = False
            inside[int(y0) : int(np.ceil(y1)), int(x0) : int(np.ceil(x1))] = True
        if prompt.mask is not None:
            x, y = prompt.mask_origin_xy
            height, width = prompt.mask.shape
            kept = np.zeros_like(bright)
            kept[y : y + height, x : x + width] = prompt.mask
            inside &= kept
        found = bright & inside
        clicked = len(prompt.points_xy) or len(prompt.negative_xy)
        labels = label_components(found)[0] if clicked else None
        for points, keep in ((prompt.points_xy, True), (prompt.negative_xy, False)):
            if len(points):
                height, width = found.shape
                hit = {int(labels[min(int(y), height - 1), min(int(x), width - 1)]) for x, y in points} - {0}
                chosen = np.isin(labels, list(hit))
                found = found & (chosen if keep else ~chosen)
        score = float("nan") if self.knobs.get("nan_score") else 0.9
        masks = [found, bright & inside, inside][:candidates]
        return [Candidate(mask, (0, 0), score - 0.1 * number) for number, mask in enumerate(masks)]

    def propose(self, encoding, points_xy, check):
        """Two proposals per point: the bright part under it, and with a poor score what is not it."""
        labels = label_components(encoding.grey > 0.5)[0]
        height, width = labels.shape
        found = []
        for number, (x, y) in enumerate(points_xy):
            check(number / len(points_xy))
            self.asked += 1
            if self.asked > self.knobs.get("kill_after", 0):
                self._die("everything")
            time.sleep(self.knobs.get("prompt_s", 0))
            found.append(labels[min(int(y), height - 1), min(int(x), width - 1)])
        return Proposals(encoding, labels, np.array(found))

    def _noise(self):
        if "stdout" in self.knobs:
            print(self.knobs["stdout"], end="")
        if "raw_stdout" in self.knobs:
            os.write(1, self.knobs["raw_stdout"].encode())
        if "raw_stderr" in self.knobs:
            os.write(2, bytes.fromhex(self.knobs["raw_stderr"]))
        if "stderr_bytes" in self.knobs:
            os.write(2, b"x" * self.knobs["stderr_bytes"])
        if self.knobs.get("read_stdin"):
            assert sys.stdin.read() == ""
        if self.knobs.get("child"):
            subprocess.run([sys.executable, "-c", "print('a child speaks')"], check=True)

    def _die(self, operation):
        if self.knobs.get("kill_in") != operation:
            return
        marker = self.knobs.get("kill_marker")
        if marker and Path(marker).exists():
            return
        if marker:
            Path(marker).write_text("dead")
        print("these are my last words", file=sys.stderr)
        os.kill(os.getpid(), signal.SIGKILL)


class MappingModel(Model):
    """One that says of each pixel what it is."""

    def propose_one(self, encoding, points_xy, check):
        proposals = self.propose(encoding, points_xy, check)
        proposals.scores = proposals.scores[:, :1]
        return proposals

    def maps(self, encoding, check):
        self._die("maps")
        end = time.monotonic() + self.knobs.get("maps_s", 0)
        check(0.5)
        while time.monotonic() < end:
            time.sleep(0.02)
            check(0.5)
        labels, count = label_components(encoding.grey > 0.5)
        far = np.ones(labels.shape, np.float32)
        for number in range(1, count + 1):
            places = np.argwhere(labels == number)
            apart = np.abs(places - (places.min(0) + places.max(0)) / 2) / (np.ptp(places, axis=0) / 2 + 1)
            far[labels == number] = apart.max(1)
        return np.stack([(labels > 0).astype(np.float32), far, far])


class BoxModel:
    """A network that knows boxes only, as MedSAM does."""

    parameters = 7

    def __init__(self, knobs):
        model = Model(knobs)
        self.encode, self.decode = model.encode, model.decode


@dataclass
class Memory:
    step: int
    last: np.ndarray | None = None
    seen: int = 0
    nbytes: int = 1000


class RememberingModel(Model):
    """One that knows an object again by where it was."""

    def encode_plane(self, image, check):
        return self.encode(image, check)

    def remember(self, planes, step):
        return Memory(step)

    def given(self, memory, plane, encoding, prompt):
        candidate = self.decode(encoding, prompt, 1)[0]
        if prompt.mask is not None and prompt.box_xyxy is None and not len(prompt.points_xy):
            # What somebody drew is the answer.
            return self._seen(memory, Candidate(prompt.mask, prompt.mask_origin_xy, 1.0), encoding)
        return self._seen(memory, candidate, encoding)

    def follow(self, memory, plane, encoding):
        self._die("follow")
        labels, _ = label_components(encoding.grey > 0.5)
        under = np.bincount(labels[memory.last], minlength=2)
        under[0] = 0
        found = labels == under.argmax() if under.max() else np.zeros_like(memory.last)
        memory.seen += 1
        # How far it came is in the score: whoever begins anew has to come as far.
        return self._seen(memory, Candidate(found, (0, 0), memory.seen / 100), encoding)

    def _seen(self, memory, candidate, encoding):
        there = np.zeros(encoding.grey.shape, bool)
        (x, y), (height, width) = candidate.origin_xy, candidate.mask.shape
        there[y : y + height, x : x + width] = candidate.mask
        if there.any():
            memory.last = there
        return Followed(candidate, 1.0 if there.any() else -1.0)


def build(spec):
    knobs = json.loads(spec.weights.read_text())
    if knobs.get("remembers"):
        return RememberingModel(knobs)
    if knobs.get("maps"):
        return MappingModel(knobs)
    return BoxModel(knobs) if knobs.get("boxes_only") else Model(knobs)
