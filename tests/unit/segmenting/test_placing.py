"""Prompts of other planes are left out and said; what is found has its plane, whatever the stack's kind."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from samj_bridge.errors import PromptError
from samj_bridge.geometry.region import Region
from samj_bridge.reading import Wish, take
from samj_bridge.segmenting.placing import place_of, placed, prompts_here
from samj_bridge.session import Prompt

SIZES = {"T": 4, "Z": 3, "C": 2}


@pytest.mark.parametrize(
    ("axes", "wish", "at", "position"),
    [
        ("YX", Wish(), (1, 1, 1), (0, 0, 0)),
        ("ZYX", Wish(plane=1), (1, 2, 1), (0, 2, 0)),
        ("TYX", Wish(plane=1), (1, 1, 2), (1, 1, 2)),
        ("CYX", Wish(), (0, 1, 1), (0, 0, 0)),
        ("CYX", Wish(channels=1), (2, 1, 1), (2, 1, 1)),
        ("ZCYX", Wish(z=2, channels=0), (1, 3, 1), (1, 3, 1)),
        ("TZCYX", Wish(z=2, t=1), (0, 3, 2), (0, 3, 2)),
        ("TZYX", Wish(plane=5), (1, 3, 2), (1, 3, 2)),
    ],
)
def test_a_plane_of_imagejs_stacks_has_its_position(
    tmp_path: Path, axes: str, wish: Wish, at: tuple[int, int, int], position: tuple[int, int, int]
) -> None:
    shape = tuple(SIZES.get(axis, 8) for axis in axes)
    tifffile.imwrite(tmp_path / "a.tif", np.zeros(shape, np.uint16), imagej=True, metadata={"axes": axes})
    place = place_of(take(tmp_path / "a.tif", wish))
    assert (place.at, place.position) == (at, position)
    assert placed([Region.from_mask([[1]])], place)[0].position == position


def test_pages_are_slices_and_rgb_is_one_channel(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        for _ in range(3):
            file.write(np.zeros((8, 8, 3), np.uint8), photometric="rgb", contiguous=False)
    place = place_of(take(tmp_path / "a.tif", Wish(plane=2)))
    assert (place.at, place.counts, place.position) == ((1, 3, 1), (1, 3, 1), (0, 3, 0))


def test_prompts_of_other_planes_are_left_out_and_said(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((3, 8, 8), np.uint8), imagej=True, metadata={"axes": "ZYX"})
    place = place_of(take(tmp_path / "a.tif", Wish(plane=1)))
    prompts = [Prompt(points=[(1, 1)], stack_index=index) for index in (0, 1, 2, 3)]
    here, words = prompts_here([*prompts, Prompt(points=[(1, 1)], position=(1, 3, 1))], place)
    assert [prompt.stack_index for prompt in here] == [0, 2]
    assert words.startswith("3 of 5 prompts belong to other planes (plane 1, plane 3, channel 1 z 3 t 1)")
    with pytest.raises(PromptError, match=r"None of the 1 prompts belongs to z 2; they are for plane 3"):
        prompts_here([prompts[3]], place)
