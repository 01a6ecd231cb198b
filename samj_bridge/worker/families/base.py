"""What the engine and a model family pass to each other, and the contract of each kind of network.

A class of a family derives from every contract that it keeps: mypy then compares them, and
``tests/contract/test_families.py`` asks one network of each family. No family keeps `DetectingModel` yet:
it says what a detector of boxes will be asked for (docs/decisions/0024).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "BatchingModel",
    "BuildSpec",
    "Candidate",
    "DetectingModel",
    "Family",
    "Followed",
    "MappingModel",
    "Model",
    "PromptArrays",
    "Proposals",
    "ProposingModel",
    "RememberingModel",
    "SeedingModel",
    "SketchingModel",
    "SoftMask",
    "TiledModel",
    "bytes_of",
    "part_of",
]


@dataclass(frozen=True)
class BuildSpec:
    """What a family's ``build(spec)`` makes a `Model` of."""

    weights: Path
    """Checkpoint: a safetensors file."""
    architecture: str = ""
    """Which network of the family; empty: its only one."""
    transform: str = ""
    """How an image becomes the network's input; empty: as the family does it."""
    device: str = "cpu"
    """``cpu``, ``cuda``, ``cuda:N`` or ``mps``; it exists."""
    precision: str = "float32"
    """``float32``, or ``bfloat16`` or ``float16`` where the family's module lists it in ``PRECISIONS``."""


@dataclass(frozen=True)
class PromptArrays:
    """A prompt in continuous coordinates: pixel (x, y) covers [x, x+1) x [y, y+1), its centre is (x+.5, y+.5)."""

    box_xyxy: tuple[float, float, float, float] | None
    """Edges of the box, half open; None: no box."""
    points_xy: NDArray[np.float32]
    """(n, 2) positive points."""
    negative_xy: NDArray[np.float32]
    """(m, 2) negative points."""
    mask: NDArray[np.bool_] | None
    """(h, w) crop of an earlier region that this prompt refines; None: no mask."""
    mask_origin_xy: tuple[int, int]
    """Image pixel of ``mask[0, 0]``."""


@dataclass(frozen=True)
class Candidate:
    """One proposed mask."""

    mask: NDArray[np.bool_]
    """(h, w) crop that lies inside the image; may be all False."""
    origin_xy: tuple[int, int]
    """Image pixel of ``mask[0, 0]``."""
    score: float
    """Predicted IoU with what the user meant, 0 to 1."""


@dataclass(frozen=True)
class SoftMask:
    """The logits of one proposed mask where they matter, in pixels of the image."""

    logits: NDArray[np.float32]
    """(h, w) logits at the image's resolution, the very ones that `Model.decode` compares with 0 (a family with
    another threshold subtracts it first); of shape (0, 0) where no pixel matters."""
    origin_xy: tuple[int, int]
    """Image pixel of ``logits[0, 0]``."""


class Proposals(Protocol):
    """What a network makes of single positive points: K masks each, enlarged only when asked for.

    Nothing is enlarged before `soft` is called: a proposal with a low score costs no more than its decoding.
    """

    scores: NDArray[np.float32]
    """(N, K) predicted IoU, as the network gives it: neither sorted nor clipped."""

    def soft(self, n: int, k: int, low: float) -> SoftMask:
        """Return mask `k` of point `n`: a crop inside the image that covers every pixel whose logit is > `low`.

        The crop may hold pixels at or below `low` too, with their right logits.
        """


class Family(Protocol):
    """A module of the table ``FAMILIES``.

    Where its networks compute in fewer digits too, it has ``PRECISIONS``, the values of `BuildSpec.precision`.
    """

    def build(self, spec: BuildSpec) -> Model:
        """Load the weights of a network; every key must fit."""

    def shapes(self, architecture: str) -> dict[str, tuple[int, ...]]:
        """Return the names and shapes of a published state dict, without making room for the numbers."""


class Model(Protocol):
    """A loaded network of any family."""

    parameters: int
    """Number of parameters."""

    def encode(self, image: NDArray[np.float32], check: Callable[[float], None]) -> Any:
        """Encode a (Y, X, C) image, C 1 or 3, finite, 0 to 1 after the display range.

        `check` is called with the fraction done between blocks or tiles and raises when the call is cancelled.
        """

    def decode(self, encoding: Any, prompt: PromptArrays, candidates: int) -> list[Candidate]:
        """Return `candidates` (1 or 3) masks, best score first."""


_BYTES_PER_PIXEL = 128
"""Memory that encoding takes per pixel, where a model does not say it itself (``bytes_per_pixel``)."""


def bytes_of(model: Model, channels: int) -> tuple[int, int]:
    """Return the memory that encoding takes for each pixel of an image with so many channels, and besides.

    A model says it by ``bytes_per_pixel``, of one and of three channels, and ``bytes_besides``.
    """
    each: Any = getattr(model, "bytes_per_pixel", _BYTES_PER_PIXEL)
    if isinstance(each, Mapping):
        # Two channels are shown as three; more are merged to one.
        return int(each[3 if channels in (2, 3) else 1]), int(getattr(model, "bytes_besides", 0))
    # A model that knows of itself only: the pixels exist as float32 twice while they are scaled.
    return int(each) + 24, 0


class BatchingModel(Model, Protocol):
    """A network that answers many prompts on an image faster than one after the other."""

    def decode_many(
        self, encoding: Any, prompts: Sequence[PromptArrays], candidates: int, check: Callable[[float], None]
    ) -> Iterator[list[Candidate]]:
        """Yield what `decode` returns for each prompt, in their order; `check` as in `encode`."""


class ProposingModel(Model, Protocol):
    """A network that can be asked by single points, many at a time: what everything mode lives on.

    A family whose network does not take points (MedSAM) leaves this out.
    """

    def propose(self, encoding: Any, points_xy: NDArray[np.float64], check: Callable[[float], None]) -> Proposals:
        """Return K mask proposals for each of N positive points, each point a prompt of its own.

        A family may look again at what a point finds, where that makes better objects of it.

        Parameters
        ----------
        encoding : Any
            From `encode`.
        points_xy : (N, 2) array
            Continuous image coordinates, as in `PromptArrays`: the centre of pixel (3, 4) is (3.5, 4.5).
        check : callable
            Called with the fraction done between prompts; raises when the call is cancelled.
        """


class SeedingModel(Protocol):
    """A network that can say by itself where objects are, so that everything mode needs no grid."""

    def seeds(
        self, encoding: Any, check: Callable[[float], None]
    ) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """Return points (N, 2), one or a few for each object that it sees, and scores (N,), best first.

        `check` as in `Model.encode`.
        """


class SketchingModel(Protocol):
    """A network whose seeds have boxes: parts of large images are asked with these, in one look each."""

    def sketches(self, encoding: Any, check: Callable[[float], None]) -> NDArray[np.float64]:
        """Return (N, 7), best first: a seed's point x, y, its box x0, y0, x1, y1, and how sure the box is, 0 to 1.

        `check` as in `Model.encode`.
        """

    def propose_sketched(
        self, encoding: Any, drawn: NDArray[np.float64], check: Callable[[float], None]
    ) -> Proposals:
        """Return K mask proposals for each of N sketches; like `ProposingModel.propose`."""


class TiledModel(Model, Protocol):
    """A network that large images are cut for; one that does not say how gets them whole.

    Which level and which tile a prompt is asked in is decided by the prompt and the image alone, outside the
    worker (``geometry/tiling.py``): a tile is encoded like any image, with the whole image's display range.
    """

    tile_px: int
    """Side of a tile in pixels of its level: what the network takes without shrinking it. Origins of tiles are
    multiples of half of it: then an object's answer hardly depends on the tile around it."""
    whole_px: int
    """Images with no side longer than this are not cut: the network sees them whole, in full detail."""

    def tile_of(self, encoding: Any, halvings: int) -> Any:
        """Make an encoding one of a tile that was halved so often: prompts and answers count in pixels before that.

        What is answered on it depends on the pixels and the prompt alone, not on what was asked before.
        """


class MappingModel(Model, Protocol):
    """A network with a decoder that says of each pixel what it is, from the encoding that prompts use too."""

    def maps(self, encoding: Any, check: Callable[[float], None]) -> NDArray[np.float32]:
        """Return (3, Y, X) maps at the image's size: foreground, distance to centre, distance to boundary.

        All in 0..1; both distances are 0 in the middle of an object, 1 at its rim and outside. They depend on the
        encoding alone: on no image before it, no state of a normalisation, no number of threads. Smoothing, seeds
        and watershed are not the network's business.
        """

    def propose_one(
        self, encoding: Any, points_xy: NDArray[np.float64], check: Callable[[float], None]
    ) -> Proposals:
        """Return one mask for each of N points that the maps gave; else like `ProposingModel.propose`.

        A point in the middle of one object, as the maps have it, leaves nothing open: it is not asked for several.
        """


class DetectingModel(Model, Protocol):
    """A network that proposes a box for each object, to be decoded like a user's."""

    def boxes(
        self, encoding: Any, check: Callable[[float], None]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return every box that it considers, and how sure it is of each; choosing is not its business.

        What a detector computes from the image by itself is part of the encoding: the pixels are gone by now.

        Returns
        -------
        boxes_xyxy : (N, 4) array
            Edges x0, y0, x1, y1 in continuous image coordinates, cut to the image.
        scores : (N,) array
            0 to 1, falling.
        """


@dataclass(frozen=True)
class Followed:
    """An object on one plane of a stack."""

    candidate: Candidate
    """Its mask, which is empty where the object is not there."""
    presence: float
    """Logit that the object is on this plane: it is where this is above 0."""


class RememberingModel(Model, Protocol):
    """A network that knows an object again on the next plane of a stack, by what it remembers of it.

    A memory is of one object in one direction. It holds the planes that were given and those that the next plane
    attends to, so that its ``nbytes`` do not grow with the stack. What follows is a function of what was given, the
    planes and the direction: a memory is never shared, and a new run begins with a new one.
    """

    def encode_plane(self, image: NDArray[np.float32], check: Callable[[float], None]) -> Any:
        """Encode as `encode`, but as the network was trained on videos; for `given` and `follow` only."""

    def remember(self, planes: int, step: int) -> Any:
        """Return an empty memory for a stack of so many planes that is walked by `step`, 1 or -1."""

    def given(self, memory: Any, plane: int, encoding: Any, prompt: PromptArrays) -> Followed:
        """Answer what the user drew on a plane, and remember it for good: following never replaces it.

        Planes ahead may be given before they are reached. A mask in the prompt is the answer, as it is.
        """

    def follow(self, memory: Any, plane: int, encoding: Any) -> Followed:
        """Find the object on a plane that was not given, the next one in the memory's direction; remember it."""


def part_of(check: Callable[[float], None], before: float, part: float) -> Callable[[float], None]:
    """Return what tells `check` of a part of the work, before which so much of all was done."""
    return lambda fraction: check(before + part * fraction)
