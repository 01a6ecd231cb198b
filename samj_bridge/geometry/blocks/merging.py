"""Objects of neighbouring blocks become the objects of the image: each once, those that cross borders whole.

Each block says what it found, in any order of blocks; what comes out is a function of that alone. An object is kept
by the block whose core has its centroid (the *owner*), which sees it whole. Neighbours may see the borders of
objects a little differently, so that both own the same object, or none does: of what overlaps the better one keeps
its pixels, and owned objects come before others; who would lose too much is dropped.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from samj_bridge.geometry.blocks.grid import Blocks
from samj_bridge.geometry.region import Region
from samj_bridge.geometry.trace import trace

__all__ = ["Candidate", "Merging", "Rule", "candidates_of", "rest_of"]

_NEAR = 0.25
"""What lies beyond a core by less than this part of its length may stand in for an owned object that is missing."""


@dataclass(frozen=True)
class Rule:
    """When two objects of different blocks are the same one."""

    cuts: bool
    """Fast mode: objects never overlap, and what a better one has is cut off; else they may, as in exact mode."""
    most: float
    """Fast: the part of an object that better ones may take; exact: the IoU of boxes up to which both are kept."""
    min_area: int = 1
    """What has fewer pixels when it was cut goes."""


@dataclass(frozen=True)
class Candidate:
    """An object as a block has found it."""

    region: Region
    """Its pixels, in the image."""
    block: int
    """Who found it."""
    number: int
    """Its place among what the block has found."""
    owned: bool
    """Whether the block's core has its centroid."""

    @property
    def rank(self) -> tuple[bool, float, int, int]:
        """Place in the order in which objects get their pixels: owned ones first, then by score."""
        score = self.region.score
        return not self.owned, -1.0 if score is None else -score, self.block, self.number


def candidates_of(blocks: Blocks, block: int, found: Sequence[Region]) -> tuple[list[Candidate], list[Region]]:
    """Sort what a block has found.

    Returns
    -------
    list of Candidate, list of Region
        What it owns or could stand in for; and what is too long for it: cut by its border, and reaching from there
        into its core.
    """
    kept, cut = [], []
    x0, y0, x1, y1 = blocks.core(block)
    for number, region in enumerate(found):
        if region.is_empty:
            continue
        left, top, right, bottom = region.bbox_xyxy
        if blocks.is_cut(block, region.bbox_xyxy):
            if left < x1 and right > x0 and top < y1 and bottom > y0:
                cut.append(region)
            continue
        x, y = region.centroid_xy
        beyond = max(x0 - x, x - x1, y0 - y, y - y1, 0.0)
        owned = blocks.owner(x, y) == block
        if owned or beyond < _NEAR * max(right - left, bottom - top):
            kept.append(Candidate(region, block, number, owned))
    return kept, cut


class Merging:
    """Takes blocks as they are done, gives objects as soon as no block can change them any more.

    Parameters
    ----------
    blocks : Blocks
        Where they are.
    wanted : iterable of int
        The blocks that will be done.
    rule : Rule
        When objects are the same.
    """

    def __init__(self, blocks: Blocks, wanted: Iterable[int], rule: Rule) -> None:
        self._blocks = blocks
        self._rule = rule
        self._missing = set(wanted)
        self._waiting: list[Candidate] = []

    def done(self, block: int, found: Sequence[Candidate]) -> Iterator[Region]:
        """Take what a block has found; yield the objects that are settled by it."""
        self._missing.discard(block)
        self._waiting += found
        self._waiting.sort(key=lambda item: (item.block, item.number))
        still: list[Candidate] = []
        settled: list[Region] = []
        for group in _groups(self._waiting):
            if any(self._is_open(item) for item in group):
                still += group
            else:
                settled += self._settle(group)
        self._waiting = still
        yield from settled

    def _is_open(self, item: Candidate) -> bool:
        return any(block in self._missing for block in self._blocks.touching(item.region.bbox_xyxy))

    def _settle(self, group: list[Candidate]) -> list[Region]:
        kept: dict[int, Candidate] = {}
        order = sorted(range(len(group)), key=lambda index: group[index].rank)
        for index in order:
            item = group[index]
            others = [other.region for other in kept.values() if other.block != item.block]
            rest = rest_of(item.region, others, self._rule)
            if rest is not None:
                kept[index] = replace(item, region=rest)
        return [kept[index].region for index in sorted(kept)]


def rest_of(region: Region, better: Sequence[Region], rule: Rule) -> Region | None:
    """Return what better objects leave of one; None where it is dropped."""
    near = [other for other in better if _shared(region.bbox_xyxy, other.bbox_xyxy)]
    if not near:
        return region
    if not rule.cuts:
        same = any(_box_iou(region.bbox_xyxy, other.bbox_xyxy) > rule.most for other in near)
        return None if same else region
    mask, (x, y) = region.crop()
    free = mask.copy()
    for other in near:
        _erase(free, (x, y), other)
    left = int(np.count_nonzero(free))
    if left == region.area:
        return region
    if left < max(1, rule.min_area, (1 - rule.most) * region.area):
        return None
    return replace(region, rings=trace(free, (x, y)))


def _erase(mask: NDArray[np.bool_], origin_xy: tuple[int, int], other: Region) -> None:
    """Clear another region's pixels in a mask."""
    taken, (left, top) = other.crop()
    x, y = left - origin_xy[0], top - origin_xy[1]
    rows = slice(max(y, 0), min(y + taken.shape[0], mask.shape[0]))
    columns = slice(max(x, 0), min(x + taken.shape[1], mask.shape[1]))
    mask[rows, columns] &= ~taken[rows.start - y : rows.stop - y, columns.start - x : columns.stop - x]


def _groups(items: Sequence[Candidate]) -> Iterator[list[Candidate]]:
    """Yield what hangs together by boxes that overlap, of different blocks, each group in the order given."""
    leader = list(range(len(items)))

    def find(index: int) -> int:
        while leader[index] != index:
            leader[index] = leader[leader[index]]
            index = leader[index]
        return index

    boxes = np.array([item.region.bbox_xyxy for item in items], np.int64).reshape(-1, 4)
    blocks = np.array([item.block for item in items], np.int64)
    for index in range(len(items)):
        x0, y0, x1, y1 = boxes[index]
        later = boxes[index + 1 :]
        near = (later[:, 0] < x1) & (later[:, 2] > x0) & (later[:, 1] < y1) & (later[:, 3] > y0)
        near &= blocks[index + 1 :] != blocks[index]
        for other in np.flatnonzero(near) + index + 1:
            first, second = sorted((find(index), find(int(other))))
            leader[second] = first
    groups: dict[int, list[Candidate]] = {}
    for index, item in enumerate(items):
        groups.setdefault(find(index), []).append(item)
    yield from groups.values()


def _shared(a: Sequence[int], b: Sequence[int]) -> bool:
    return a[0] < b[2] and a[2] > b[0] and a[1] < b[3] and a[3] > b[1]


def _box_iou(a: Sequence[int], b: Sequence[int]) -> float:
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    shared = max(width, 0) * max(height, 0)
    return shared / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared)
