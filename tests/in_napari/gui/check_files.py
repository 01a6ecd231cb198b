"""Files and sample data, by napari's own way to the plugin: its manifest and entry point."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from npe2 import PluginManager

from samj_bridge import Region, write_labels, write_rois
from samj_bridge.export.calibration import Calibration


@pytest.fixture
def viewer() -> Any:
    PluginManager.instance().discover()
    return ViewerModel()


@pytest.fixture(scope="module")
def mask() -> np.ndarray[Any, Any]:
    found = np.zeros((40, 50), bool)
    found[5:20, 10:30] = True
    found[8:12, 14:20] = False
    found[30:35, 40:45] = True
    return found


def check_rois_come_back_with_holes_names_and_planes(viewer: Any, mask: Any, tmp_path: Path) -> None:
    one = Region.from_mask(mask, name="ring", score=0.75, position=(0, 3, 0))
    two = Region.from_mask(~mask, name="rest", class_name="ground", position=(0, 1, 0))
    path = write_rois(tmp_path / "cells é_rois.zip", [one, two])
    (shapes,) = viewer.open(str(path), plugin="samj-bridge")
    assert shapes.ndim == 3
    assert list(shapes.features["name"]) == ["ring", "ring", "rest", "rest"]
    assert shapes.features["score"][0] == 0.75
    assert list(shapes.features["class"]) == ["", "", "ground", "ground"]
    filled = shapes.to_labels((3, 40, 50))
    np.testing.assert_array_equal(filled[2] > 0, mask)
    np.testing.assert_array_equal(filled[0] > 0, ~mask)
    assert not filled[1].any()


def check_labels_come_back_with_their_scale(viewer: Any, mask: Any, tmp_path: Path) -> None:
    calibration = Calibration(width=0.5, height=0.25, unit="micron")
    path = write_labels(tmp_path / "cells_labels.tif", [Region.from_mask(mask)], calibration=calibration)
    (labels,) = viewer.open(str(path), plugin="samj-bridge")
    assert type(labels).__name__ == "Labels"
    np.testing.assert_array_equal(labels.data, mask)
    np.testing.assert_allclose(labels.scale, (0.25, 0.5))


def check_other_files_are_left_to_others(tmp_path: Path) -> None:
    import zipfile

    from samj_bridge.napari.files import reader_of_labels, reader_of_rois

    other = tmp_path / "other.zip"
    with zipfile.ZipFile(other, "w") as archive:
        archive.writestr("a.txt", "a")
    (tmp_path / "broken.zip").write_bytes(b"PK no")
    assert reader_of_rois(str(other)) is None
    assert reader_of_rois(str(tmp_path / "broken.zip")) is None
    assert reader_of_rois(str(tmp_path / "missing.zip")) is None
    assert reader_of_rois([str(other), str(other)]) is None
    assert reader_of_labels(str(tmp_path / "missing_labels.tif")) is None


@pytest.mark.parametrize("key", ["blobs", "nuclei", "nerve"])
def check_samples_open(viewer: Any, key: str) -> None:
    (image,) = viewer.open_sample("samj-bridge", key)
    assert image.name == key
    assert min(image.data.shape) > 100


def check_the_widget_is_in_the_menu_for_segmentation() -> None:
    manifest = PluginManager.instance().get_manifest("samj-bridge")
    entries = manifest.contributions.menus["napari/layers/segment"]
    assert [entry.command for entry in entries] == ["samj-bridge.segment"]
    widget = manifest.contributions.commands[0].exec
    assert callable(widget)
