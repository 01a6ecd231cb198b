"""Images on which there is nothing to see: no network is asked, which would find shapes in its own noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from samj_bridge.worker.families.base import Candidate

__all__ = ["WORDS", "Blank", "is_blank"]

WORDS = "Nothing was found: the image is the same everywhere."


@dataclass(frozen=True)
class Blank:
    """The encoding of an image that is shown in one colour."""

    def answer(self) -> list[Candidate]:
        """Answer any prompt: there is nothing."""
        return [Candidate(np.zeros((1, 1), bool), (0, 0), 0.0)]


def is_blank(unit: NDArray[np.float32]) -> bool:
    """Return whether a (Y, X, C) image, as it is shown, has the same value everywhere in each channel."""
    # Nearly every image differs in its first row already: the rest is then not looked at.
    return bool((unit[:1] == unit[:1, :1]).all() and (unit == unit[:1, :1]).all())
