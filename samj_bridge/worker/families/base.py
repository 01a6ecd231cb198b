"""What the engine and a model family pass to each other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "BuildSpec",
    "Candidate",
    "Model",
    "PromptArrays",
    "Proposals",
    "ProposingModel",
    "SeedingModel",
    "SoftMask",
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

    def seeds(self, encoding: Any) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """Return points (N, 2), one or a few for each object that it sees, and scores (N,), best first."""
