"""What the page shows of an image: one display range for all of it, the networks' own."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

from samj_bridge.geometry.display_range import ranges_in_windows
from samj_bridge.reading import Wish, open_plane
from samj_bridge.server.page.opening import InPlace
from samj_bridge.server.page.tiles import Tiles
from samj_bridge.server.pictures import Picture

SIDE = 1500
SPOT = (700, 1203)


def flat_with_a_spot() -> NDArray[np.uint16]:
    """Return an image whose windows (64 x 64 pixels, some way apart) all show the same value."""
    image = np.full((SIDE, SIDE), 100, np.uint16)
    image[SPOT] = 900
    return image


def in_place(image: NDArray[Any], path: Path) -> Picture:
    tifffile.imwrite(path, image)
    return Picture("in place", InPlace(open_plane(path, Wish())))


def shown(picture: Picture, y: int, x: int) -> int:
    tile = np.asarray(Image.open(io.BytesIO(Tiles().get(picture, 0, x // 512, y // 512))))
    return int(tile[y % 512, x % 512])


@pytest.mark.parametrize("kind", ["in memory", "in place"])
def test_a_few_bright_pixels_on_a_flat_ground_are_seen(kind: str, tmp_path: Path) -> None:
    image = flat_with_a_spot()
    picture = Picture("in memory", image) if kind == "in memory" else in_place(image, tmp_path / "flat.tif")
    assert shown(picture, *SPOT) == 255
    assert shown(picture, SPOT[0], SPOT[1] + 1) == 0


def test_a_large_image_is_shown_in_the_range_that_networks_see(tmp_path: Path) -> None:
    image = np.random.default_rng(1).normal(1000, 100, (SIDE, SIDE)).clip(0).astype(np.uint16)
    picture = in_place(image, tmp_path / "noise.tif")
    ((low, high),) = ranges_in_windows(image.shape, lambda y, x, tall, wide: image[y : y + tall, x : x + wide])
    for y, x in ((3, 5), (700, 1203), (1499, 1499)):
        assert shown(picture, y, x) == pytest.approx(255 * np.clip((image[y, x] - low) / (high - low), 0, 1), abs=1)
