"""What of a large image is read before a word is said: never so much that a call is silent, or deaf to a cancel."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from samj_bridge.errors import Cancelled
from samj_bridge.geometry.blocks.grid import Blocks
from samj_bridge.geometry.blocks.walk import Drawn
from samj_bridge.protocol.everything import EverythingRequest
from samj_bridge.session.blocks.identity import about
from samj_bridge.session.blocks.image import BlockImage
from samj_bridge.session.tiles.ranges import ranges_of
from samj_bridge.session.tiles.source import TileSource, pixels_or_tiles

SIDE = 30_000
MOST = 1 << 25
"""Pixels: a slow disk reads as many in 2 s."""


class Endless:
    """An image of 30,000 x 30,000 without levels that takes no memory, and says how much of it was read."""

    shape, dtype = (SIDE, SIDE), np.dtype(np.uint8)
    levels = ((SIDE, SIDE),)

    def __init__(self) -> None:
        self.pixels = self.silent = self.longest = 0

    def read(self, _level: int, y0: int, x0: int, height: int, width: int) -> NDArray[np.uint8]:
        self.pixels += height * width
        self.silent += height * width
        self.longest = max(self.longest, self.silent)
        return np.broadcast_to(np.uint8(y0 % 2), (height, width))

    def say(self, _part: float) -> None:
        self.silent = 0


def of_a_tile(source: TileSource, check: Callable[[float], None]) -> None:
    # As large a prompt as there is: the whole image is one tile then.
    source.plane(source.tiling.of((0.0, 0.0, float(SIDE), float(SIDE))), check)


def of_a_block(source: TileSource, check: Callable[[float], None]) -> None:
    blocks = Blocks((SIDE, SIDE), 2048, 128, 3)
    BlockImage(SimpleNamespace(), source, ((0.0, 1.0),), Drawn(blocks, 0, 2), check)  # type: ignore[arg-type]


def of_the_range(source: TileSource, check: Callable[[float], None]) -> None:
    ranges_of(source, check)


def of_all_of_it(source: TileSource, check: Callable[[float], None]) -> None:
    image: Any = SimpleNamespace(source=source, ranges=())
    running: Any = SimpleNamespace(model="starter")
    about(image, running, EverythingRequest(""), Blocks((SIDE, SIDE), 2048, 128, 0), None, check)


@pytest.mark.parametrize("read", [of_a_tile, of_a_block, of_the_range, of_all_of_it])
def test_what_is_read_at_once_is_little_and_a_cancel_is_heard_then(read: Callable[..., None]) -> None:
    image = Endless()
    source = pixels_or_tiles(image, None, None, tile_px=1024, whole_px=2048)
    assert isinstance(source, TileSource)
    read(source, image.say)
    assert image.longest <= MOST
    whole = image.pixels

    def stop(part: float) -> None:
        if part > 0.3:
            raise Cancelled("Stopped.")

    image = Endless()
    source = pixels_or_tiles(image, None, None, tile_px=1024, whole_px=2048)
    with pytest.raises(Cancelled):
        read(source, stop)
    assert image.pixels <= 0.3 * whole + MOST
