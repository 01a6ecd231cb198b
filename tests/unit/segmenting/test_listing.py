"""Which images a run is about: every one once, in some part, its results called the same in all of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from samj_bridge.errors import InputError
from samj_bridge.export import write_labels
from samj_bridge.geometry.region import Region
from samj_bridge.segmenting import listing as room
from samj_bridge.segmenting.listing import list_images, parse_part


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "images"
    folder.mkdir()
    for number in range(11):
        Image.fromarray(np.full((4, 4), number, np.uint8)).save(folder / f"{number:02}.png")
    return folder


def test_parts_share_all_images_out_evenly_whatever_is_written_meanwhile(images: Path) -> None:
    whole = [item.path for item in list_images([images]).items]
    parts = []
    for number in range(1, 5):
        parts.append([item.path for item in list_images([images], (number, 4)).items])
        # Results of a part that has begun lie among the images.
        write_labels(images / f"0{number}_labels.tif", [Region.from_mask([[1, 0]])])
    assert sorted(path for part in parts for path in part) == whole
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_more_parts_than_images_leave_some_without_any(images: Path) -> None:
    assert list_images([images], (12, 12)).items == []


@pytest.mark.parametrize("text", ["0/3", "4/3", "1", "a/b", "1/0", "-1/2", "1/2/3", "", "1.5/2"])
def test_what_is_no_part_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="no part"):
        parse_part(text)


def test_images_of_one_name_get_results_of_their_own_in_every_part(tmp_path: Path) -> None:
    for folder in ("a", "b", "c"):
        (tmp_path / folder).mkdir()
        tifffile.imwrite(tmp_path / folder / "cells.tif", np.zeros((4, 4), np.uint8))
    Image.fromarray(np.zeros((4, 4), np.uint8)).save(tmp_path / "a" / "CELLS.png")
    folders = [tmp_path / name for name in "abc"]
    stems = {item.path: item.stem for item in list_images(folders).items}
    assert len({stem.lower() for stem in stems.values()}) == 4
    for part in range(1, 4):
        for item in list_images(folders, (part, 3)).items:
            assert stems[item.path] == item.stem


def test_a_hundred_thousand_names_of_one_stem_are_told_apart() -> None:
    # Each name is looked for once: trying every number for every image would take hours.
    paths = [Path(f"{number}/cells.tif") for number in range(100_000)]
    assert len(set(room._stems(paths))) == 100_000
