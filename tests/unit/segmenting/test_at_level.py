"""``--level``: prompts go down to the level, regions come back to the image, and no pixel is lost on the way."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from fakes import large_files
from hypothesis import given
from hypothesis import strategies as st

from samj_bridge.errors import ImageError, PromptError
from samj_bridge.geometry.region import Region
from samj_bridge.reading import Wish
from samj_bridge.segmenting.at_level import AtLevel
from samj_bridge.segmenting.input_image import open_input
from samj_bridge.session import Prompt, Wanted

HALVED = AtLevel((150, 211), (75, 106))
SIDE = st.integers(1, 120)


def test_prompts_are_asked_where_they_mean() -> None:
    level = AtLevel((400, 800), (100, 200))
    # A whole number is a pixel's middle, in full resolution; the place in the level is no whole number then.
    assert level.prompt(Prompt(points=[(400, 200)], negative=[(6.0, 2.5)])).points == ((100.125, 50.125),)
    assert level.prompt(Prompt(points=[(6.0, 2.5)])).points == ((1.5, 0.625),)
    corner = level.prompt(Prompt(points=[(8.0, 4.0000001)])).points[0]
    assert corner == pytest.approx((2, 1))
    assert not (corner[0].is_integer() and corner[1].is_integer())
    mask = Region.from_mask(np.ones((8, 12), bool), origin_xy=(40, 20), shape=(400, 800))
    assert level.prompt(Prompt(mask=mask)).mask.bbox_xyxy == (10, 5, 13, 7)  # type: ignore[union-attr]
    with pytest.raises(PromptError, match="too small to be seen"):
        level.prompt(Prompt(mask=Region.from_mask([[1]], origin_xy=(41, 21))))
    with pytest.raises(PromptError, match="outside the image"):
        level.prompt(Prompt(points=[(801, 3)]))
    assert level.wanted(Wanted(min_area=33)).min_area == 3
    asked = level.everything({"mode": "fast", "within": (0, 40, 80, 80), "object_px": 40.0})
    assert asked == {"mode": "fast", "within": (0, 10, 20, 20), "object_px": 10.0}


@given(full=st.tuples(SIDE, SIDE), part=st.tuples(SIDE, SIDE), seed=st.integers(0, 2**31))
def test_a_region_comes_back_as_it_was(full: tuple[int, int], part: tuple[int, int], seed: int) -> None:
    small = tuple(min(pair) for pair in zip(full, part, strict=True))
    level = AtLevel(full, (small[0], small[1]))
    region = Region.from_mask(np.random.default_rng(seed).random(small) < 0.5)
    large = level.region(region)
    assert large.shape == full
    x0, y0, x1, y1 = large.bbox_xyxy
    assert 0 <= x0 <= x1 <= full[1]
    assert 0 <= y0 <= y1 <= full[0]
    assert [ring.tolist() for ring in level.reduced(large).rings] == [ring.tolist() for ring in region.rings]


def test_what_was_asked_is_told_in_full_resolution() -> None:
    found = Region.from_mask([[1]], origin_xy=(3, 4), shape=(75, 106), prompt_index=1)
    prompts = [Prompt(points=[(1, 1)]), Prompt(box=(6, 8, 9, 11))]
    assert HALVED.region(found, prompts).prompt == prompts[1].to_dict()
    searched = Region.from_mask([[1]], origin_xy=(3, 4), prompt={"points": [[3.0, 4.0]]})
    across, down = HALVED.scale_xy
    assert HALVED.region(searched).prompt["points"] == [[3.5 * across, 4.5 * down]]  # type: ignore[index]


def test_a_file_is_opened_at_the_level_asked_for(tmp_path: Path) -> None:
    stack = np.random.default_rng(0).integers(0, 60_000, (1, 1, 150, 211), dtype=np.uint16)
    large_files.write_ome_tiff(tmp_path / "a.ome.tif", stack)
    with open_input(tmp_path / "a.ome.tif", Wish(level=1)) as taken:
        assert np.array_equal(taken.image, stack[0, 0, ::2, ::2])
        assert taken.at == HALVED
        assert "level 1, 106 x 75 of 211 x 150" in taken.words
        assert str(taken.calibration.width if taken.calibration else None) == "0.5"
        full = taken.at.region(Region.from_mask([[1, 1]], origin_xy=(10, 20)))
        (drawn,) = taken.overview([]).placed([full])
        assert drawn.bbox_xyxy == (10, 20, 12, 21)
    tifffile.imwrite(tmp_path / "flat.tif", stack[0, 0])
    with (
        pytest.raises(ImageError, match="has 1 level; level 2 was asked for"),
        open_input(tmp_path / "flat.tif", Wish(level=2)),
    ):
        pass
