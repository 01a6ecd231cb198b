"""Results of an earlier call are told by a mark in the file; nothing of the user's is left out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from samj_bridge.errors import FileError
from samj_bridge.export import write_labels, write_overlay
from samj_bridge.geometry.region import Region
from samj_bridge.segmenting.own_files import is_own, without_own

REGION = Region.from_mask(np.eye(9))


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    """Return results of ours under names of the user's, and the user's under names of ours."""
    found = {name: tmp_path / name for name in ("cells.tif", "cells.png", "a_labels.tif", "a_overlay.png")}
    write_labels(found["cells.tif"], REGION)
    write_overlay(found["cells.png"], np.eye(9), REGION)
    tifffile.imwrite(found["a_labels.tif"], np.eye(9, dtype=np.uint8))
    Image.fromarray(np.eye(9, dtype=np.uint8)).save(found["a_overlay.png"])
    return found


def test_results_are_told_by_their_content_and_not_by_their_names(files: dict[str, Path]) -> None:
    assert {name for name, path in files.items() if is_own(path)} == {"cells.tif", "cells.png"}


def test_a_result_that_another_program_saved_again_is_the_users(files: dict[str, Path], tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "again.tif", tifffile.imread(files["cells.tif"]))
    with Image.open(files["cells.png"]) as image:
        image.save(tmp_path / "again.png")
    assert not is_own(tmp_path / "again.tif")
    assert not is_own(tmp_path / "again.png")


def test_files_that_cannot_be_read_are_left_in_to_be_told_of(tmp_path: Path) -> None:
    (tmp_path / "short.tif").write_bytes(b"II*\0")
    (tmp_path / "short.png").write_bytes(b"\x89PNG\r\n")
    assert not any(map(is_own, [tmp_path / "short.tif", tmp_path / "short.png", tmp_path / "none.tif", tmp_path]))


def test_results_beside_images_are_left_out_and_named(files: dict[str, Path], tmp_path: Path) -> None:
    images, own = without_own(sorted(files.values()), [tmp_path])
    assert [path.name for path in images] == ["a_labels.tif", "a_overlay.png"]
    assert [path.name for path in own] == ["cells.png", "cells.tif"]


def test_a_result_that_is_named_alone_is_meant(files: dict[str, Path], tmp_path: Path) -> None:
    assert without_own([files["cells.tif"]], [files["cells.tif"]]) == ([files["cells.tif"]], [])
    with pytest.raises(FileError, match=r"only what samj-bridge wrote: cells\.tif"):
        without_own([files["cells.tif"]], [tmp_path])


def test_results_that_a_shell_found_are_not_meant(tmp_path: Path) -> None:
    results = [tmp_path / "a_labels.tif", tmp_path / "b_labels.tif"]
    for path in results:
        write_labels(path, REGION)
    with pytest.raises(FileError, match=r"No image, only what samj-bridge wrote: a_labels\.tif, \.\.\."):
        without_own(results, results)
