"""The schedule of training: legs, each added because of what the scores after the one before still lacked."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any

from training import data
from training.prompts import Mix

__all__ = ["LEGS", "Leg", "leg_at"]


@dataclass(frozen=True)
class Leg:
    """A part of the run: the learning rate rises, stays, and falls along a cosine to its end."""

    end: int
    """The step after its last."""
    warmup: int
    """Its first steps, in which the rate rises."""
    decay: int
    """Its last steps, in which the rate falls."""
    rate: float
    ambiguous: float
    """Weight of clicks that may mean the part or the whole. They are few; with the weight of the others the
    candidates all settle for a mask between the two."""
    places: float
    """Weight of the boxes read from places, on which every click depends."""
    focus: float = 0
    """How much more a click's mask counts in its own window than in the other's."""
    again: float = 0.5
    """Part of the answers that is corrected in a next round."""
    keep: float = 0.998
    """Part of the moving average that a step leaves."""
    plain: float = 0
    """Part of the crops that is shown as it is."""
    fixed: bool = False
    """It begins from the averaged weights, and the encoder keeps them: two thirds of the time a step."""
    boxes_only: bool = False
    """Nothing but the boxes read from places is learnt, from crops that may hold nothing too."""
    sizes: tuple[int, ...] = ()
    """Sides of the crops of a step, one of these; none: the plan's."""
    empty: float = 0
    """Part of the crops that is an empty picture, where only boxes are learnt."""
    settled: bool = False
    """Normalise by the running statistics, as the product does. A batch of a few crops has others: what the network
    learns there of axons is off by half a pixel later."""
    share: tuple[float, ...] = data.SHARE
    """How often a crop is of each kind."""
    mix: Mix = field(default_factory=Mix)

    def then(self, end: int, warmup: int, decay: int, rate: float, **changes: Any) -> Leg:
        """Return the leg that follows: as this one, but for its steps, its rate and what else is said."""
        return replace(self, end=end, warmup=warmup, decay=decay, rate=rate, **changes)


LOOSER = Mix((0.42, 0.5, 0.08), whole=0.35, tight=0.28, loose=0.42, parts=0.5)
EVEN = replace(LOOSER, tight=0.36, loose=0.36)

_FIRST = Leg(4271, 200, 1400, 2e-3, ambiguous=1, places=1)
_SURER = _FIRST.then(4751, 0, 480, 8e-4, ambiguous=6, keep=0.98)
_PLACES = _SURER.then(6100, 100, 800, 1.2e-3, places=2, keep=0.998)
_FOCUSED = _PLACES.then(
    6227, 50, 0, 1e-3, ambiguous=5, places=3, focus=0.7, share=(0.42, 0.18, 0.07, 0.33), mix=LOOSER
)
_TIGHTER = _FOCUSED.then(6426, 0, 0, 8e-4, again=0.34, keep=0.985, share=(0.35, 0.17, 0.06, 0.42))
_FIXED = _TIGHTER.then(6669, 20, 0, 5.5e-4, keep=0.98, plain=0.4, fixed=True, share=(0.38, 0.18, 0.06, 0.38))
_SETTLED = _FIXED.then(6836, 10, 0, 5e-4, settled=True)
_FALLING = _SETTLED.then(6951, 0, 115, 3.5e-4, ambiguous=4, keep=0.97, share=(0.46, 0.2, 0.06, 0.28), mix=EVEN)
_BOXES = _FALLING.then(7251, 10, 280, 4e-4, ambiguous=1, focus=0, again=0.5, boxes_only=True, empty=0.2, mix=LOOSER)
_SMALL_CROPS = _BOXES.then(7471, 10, 210, 3e-4, sizes=(64, 128, 256), empty=0.3)

LEGS = (_FIRST, _SURER, _PLACES, _FOCUSED, _TIGHTER, _FIXED, _SETTLED, _FALLING, _BOXES, _SMALL_CROPS)
"""The schedule as it was. Those to 6669 and 6836 were cut short while their rates fell from 6e-4: the means."""


def leg_at(step: int) -> tuple[Leg, float]:
    """Return the leg of a step, and the step's learning rate."""
    begin, leg = 0, LEGS[-1]
    for candidate in LEGS:
        if step < candidate.end:
            leg = candidate
            break
        begin = candidate.end
    if step - begin < leg.warmup:
        return leg, leg.rate * (step - begin + 1) / leg.warmup
    fallen = max(0.0, (step - (leg.end - leg.decay)) / max(leg.decay, 1))
    return leg, leg.rate * (0.005 + 0.995 * 0.5 * (1 + math.cos(math.pi * min(fallen, 1.0))))
