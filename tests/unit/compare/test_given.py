"""Files of other programs: their objects as they are, and none of somebody's code run."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

from samj_bridge.compare.given import read_objects
from samj_bridge.compare.picture import file_for
from samj_bridge.errors import FileError, InputError, SamjError
from samj_bridge.evaluate import as_objects, match, regions_of
from samj_bridge.export import write_geojson, write_rois

SHAPE = (40, 50)


@pytest.fixture
def labels() -> NDArray[np.int32]:
    image = np.zeros(SHAPE, np.int32)
    image[3:9, 4:12] = 7
    image[20:30, 30:45] = 2
    image[22:25, 33:36] = 0
    image[35:, 40:] = 90_000
    return image


def same(path: Path, labels: NDArray[np.int32]) -> bool:
    found = read_objects(path, SHAPE)
    return match(labels, found, [1.0])[0].tp == len(found) == 3


def test_label_images_arrays_rois_and_geojson_say_the_same(tmp_path: Path, labels: NDArray[np.int32]) -> None:
    regions = regions_of(as_objects(labels))
    tifffile.imwrite(tmp_path / "a.tif", labels.astype(np.float32))
    small = np.searchsorted(np.unique(labels), labels).astype(np.uint8)
    Image.fromarray(small).save(tmp_path / "a.png")
    np.save(tmp_path / "a.npy", labels)
    write_rois(tmp_path / "a.zip", regions)
    write_geojson(tmp_path / "a.geojson", regions)
    for name in ("a.tif", "a.png", "a.npy", "a.zip", "a.geojson"):
        assert same(tmp_path / name, labels), name


@pytest.mark.parametrize(
    "more", [{}, {"flows": [np.zeros((2, 2))], "est_diam": np.float32(30), "filename": "a.tif"}]
)
def test_cellposes_own_file_is_read(tmp_path: Path, labels: NDArray[np.int32], more: dict[str, Any]) -> None:
    for number, masks in enumerate((labels, labels[None])):
        path = tmp_path / f"{number}_seg.npy"
        np.save(path, {"outlines": labels, "masks": masks, **more}, allow_pickle=True)  # type: ignore[arg-type]
        assert same(path, labels)


def test_code_in_a_numpy_file_is_not_run(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> Any:
            return (Path.touch, (tmp_path / "was here",))

    path = tmp_path / "a_seg.npy"
    np.save(path, {"masks": Evil()}, allow_pickle=True)  # type: ignore[arg-type]
    with pytest.raises(FileError, match="neither an array nor a plain value"):
        read_objects(path, SHAPE)
    assert not (tmp_path / "was here").exists()


@pytest.mark.parametrize(
    "content",
    [b"", b"\x93NUMPY", b"\x93NUMPY\x01\0\x10\0{'descr': '|O'", b"no array", pickle.dumps({"masks": 1})],
)
def test_a_damaged_numpy_file_is_told_of(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.npy").write_bytes(content)
    with pytest.raises(FileError, match=r"a\.npy"):
        read_objects(tmp_path / "a.npy", SHAPE)


def test_a_file_without_masks_is_told_of(tmp_path: Path) -> None:
    for number, content in enumerate(({"flows": 1}, [1, 2], {"masks": [1]})):
        path = tmp_path / f"{number}.npy"
        np.save(path, np.array(content, object), allow_pickle=True)
        with pytest.raises(SamjError):
            read_objects(path, SHAPE)


def test_corners_between_pixels_count_by_pixel_centres(tmp_path: Path) -> None:
    ring = [[2.4, 3.6], [10.6, 3.6], [10.6, 8.4], [2.4, 8.4], [2.4, 3.6]]
    feature = {"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [ring]}, "properties": {}}
    line = {"type": "Feature", "geometry": {"type": "LineString", "coordinates": [[0, 0], [9, 9]]}}
    (tmp_path / "a.json").write_text(json.dumps([feature, line]), encoding="utf-8")
    (region,) = regions_of(read_objects(tmp_path / "a.json", SHAPE))
    assert region.bbox_xyxy == (2, 4, 11, 8)
    assert region.area == 36


@pytest.mark.parametrize(
    "text", ["{", '{"type": "Polygon"}', '[{"geometry": {"type": "Polygon", "coordinates": 3}}]']
)
def test_damaged_geojson_is_told_of(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.geojson").write_text(text, encoding="utf-8")
    with pytest.raises(FileError, match=r"a\.geojson"):
        read_objects(tmp_path / "a.geojson", SHAPE)


def test_objects_of_another_image_are_refused(tmp_path: Path, labels: NDArray[np.int32]) -> None:
    tifffile.imwrite(tmp_path / "a.tif", labels)
    write_rois(tmp_path / "a.zip", regions_of(as_objects(labels)))
    for name in ("a.tif", "a.zip"):
        with pytest.raises(InputError) as refused:
            read_objects(tmp_path / name, (20, 20))
        assert refused.value.code == "shapes-differ"
        assert name in refused.value.message


def test_labels_in_colours_are_refused(tmp_path: Path) -> None:
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (*SHAPE, 3), np.uint8)).save(tmp_path / "a.png")
    with pytest.raises(InputError, match="two axes"):
        read_objects(tmp_path / "a.png", SHAPE)


def test_an_images_objects_are_found_in_a_folder_by_its_name(tmp_path: Path) -> None:
    image = tmp_path / "cells.tif"
    for name in ("cells.tif", "cells_labels.tif", "other.tif"):
        (tmp_path / name).touch()
    assert file_for(image, tmp_path, 3).name == "cells_labels.tif"
    (tmp_path / "cells_cp_masks.png").touch()
    with pytest.raises(FileError, match="several"):
        file_for(image, tmp_path, 3)
    with pytest.raises(FileError, match="none"):
        file_for(tmp_path / "more.tif", tmp_path, 3)
    with pytest.raises(InputError, match="one file"):
        file_for(image, tmp_path / "other.tif", 2)
    assert file_for(image, tmp_path / "other.tif", 1).name == "other.tif"
