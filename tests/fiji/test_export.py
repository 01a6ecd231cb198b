"""Exports of what the ROI Manager holds now, whoever made it, read back by others than ImageJ."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import roifile
import tifffile
from desktop import Desktop, choose_item, component, on_event_thread, wait_for
from workbench import keep_manager_away, managed, shown

from samj_bridge.fiji import java_class, open_image, pixels_of, roi_mask
from samj_bridge.geometry.rasterise import rasterise
from samj_bridge.segmenting.own_files import is_own

SHAPE = (254, 256)
BOXES = ((20, 103, 55, 142), (10, 95, 80, 150), (140, 40, 180, 80))


def macro(text: str) -> None:
    java_class("ij.IJ").runMacro(text)


def export(fmt: str, path: Path) -> None:
    macro(f'run("SAMJ Export", "format={fmt} path=[{path}]");')
    assert path.is_file(), str(java_class("ij.IJ").getLog())


@pytest.fixture
def filled(blobs: Any) -> Any:
    """Blobs with three objects of ours of which two overlap, one renamed, one deleted, one drawn by hand, a line, a
    text, and an oval that is half outside."""
    for x0, y0, x1, y1 in BOXES:
        macro(f'run("SAMJ Segment", "model=starter box={x0},{y0},{x1},{y1}");')
    manager = java_class("ij.plugin.frame.RoiManager").getInstance2()
    roi = java_class("ij.gui.Roi")
    manager.rename(0, 'mine "é" \\ 漢')
    manager.addRoi(roi(200, 10, 30, 20))
    manager.addRoi(java_class("ij.gui.Line")(5, 5, 50, 50))
    manager.addRoi(java_class("ij.gui.TextRoi")(150, 150, "not an area"))
    manager.addRoi(java_class("ij.gui.OvalRoi")(240, 240, 40, 40))
    manager.select(2)
    manager.runCommand("Delete")
    assert len(managed()) == 6
    return blobs


def areas() -> dict[int, np.ndarray]:
    """Return the masks of the manager's areas by their number."""
    kinds = ("Line", "Text", "Straight Line")
    rois = enumerate(managed(), 1)
    masks = {n: roi for n, roi in rois if bool(roi.isArea()) and str(roi.getTypeAsString()) not in kinds}
    return {n: roi_mask(roi, SHAPE) for n, roi in masks.items() if "TextRoi" not in str(roi.getClass())}


def labelled() -> np.ndarray:
    """Return the label image that is to come out: the earlier entry has what two of them claim."""
    labels = np.zeros(SHAPE, np.uint16)
    for number, mask in sorted(areas().items(), reverse=True):
        labels[mask] = number
    return labels


def test_a_label_image_by_mouse_has_the_managers_numbers(desk: Desktop, filled: Any) -> None:
    calibration = filled.getCalibration()
    calibration.pixelWidth = calibration.pixelHeight = 0.25
    calibration.setUnit("um")
    on_event_thread(filled.getWindow().toFront)
    choose_item(desk, component("JButton", "Export..."), "Label image")
    labels = wait_for(lambda: java_class("ij.WindowManager").getImage("blobs-labels"), "the label image")
    assert int(labels.getBitDepth()) == 16
    masks = areas()
    assert (masks[1] & masks[2]).any()
    assert (masks[2] & ~masks[1]).any()
    assert np.array_equal(pixels_of(labels, raw=True), labelled())
    assert float(labels.getCalibration().pixelWidth) == 0.25
    assert not bool(labels.getProcessor().isInvertedLut())
    table = np.asarray(labels.getProcessor().getLut().getBytes()).reshape(3, 256).T
    assert table[0].tolist() == [0, 0, 0]
    assert len({tuple(colour) for colour in table[1:20].tolist()}) == 19
    on_event_thread(labels.close)


def test_labels_in_a_file_and_of_many_rois(desk: Desktop, filled: Any, tmp_path: Path) -> None:
    path = tmp_path / "labels é.tif"
    export("labels", path)
    written = tifffile.imread(path)
    assert written.dtype == np.uint16
    assert np.array_equal(written, labelled())
    assert is_own(path), "a folder's results are not segmented"
    again = java_class("ij.IJ").openImage(str(path))
    java_class("ij.io.FileSaver")(again).saveAsTiff(str(tmp_path / "again.tif"))
    assert np.array_equal(tifffile.imread(tmp_path / "again.tif"), written)
    assert not is_own(tmp_path / "again.tif"), "saved by ImageJ it is the user's"
    manager = java_class("ij.plugin.frame.RoiManager").getInstance2()
    manager.reset()
    overlay = java_class("ij.gui.Overlay")()
    roi = java_class("ij.gui.Roi")
    dot, last = roi(0, 0, 1, 1), roi(10, 20, 2, 3)
    for _ in range(70_000):
        overlay.add(dot)
    overlay.add(last)
    filled.setOverlay(overlay)
    export("labels", tmp_path / "many.tif")
    many = tifffile.imread(tmp_path / "many.tif")
    assert many.dtype == np.float32
    assert (many[20:23, 10:12] == 70_001).all()
    assert many[0, 0] == 1


def test_a_roi_zip_holds_every_kind_under_its_name(desk: Desktop, filled: Any, tmp_path: Path) -> None:
    path = tmp_path / "rois.zip"
    export("roi", path)
    read = roifile.roiread(path)
    assert [one.name for one in read] == [str(roi.getName()) for roi in managed()]
    assert read[0].name == 'mine "é" \\ 漢'
    names = [one.roitype.name for one in read]
    assert names[2:5] == ["RECT", "LINE", "RECT"]
    assert names[5] == "OVAL"
    assert read[0].properties["model"] == "starter"
    assert json.loads(read[0].properties["prompt"]) == {"box": list(BOXES[0])}


def test_geojson_and_coco_have_exactly_the_areas_pixels(desk: Desktop, filled: Any, tmp_path: Path) -> None:
    export("geojson", tmp_path / "outlines.geojson")
    features = json.loads((tmp_path / "outlines.geojson").read_text(encoding="utf-8"))["features"]
    masks = areas()
    assert [feature["properties"]["label"] for feature in features] == list(masks)
    assert set(features[1]["properties"]) == {"name", "label", "score", "measurements", "metadata"}
    assert features[0]["properties"]["name"] == 'mine "é" \\ 漢'
    for feature, mask in zip(features, masks.values(), strict=True):
        rings = [np.array(ring[:-1]) for part in feature["geometry"]["coordinates"] for ring in part]
        assert np.array_equal(rasterise([ring.astype(np.int32) for ring in rings], SHAPE), mask)
    export("coco", tmp_path / "coco.json")
    coco = json.loads((tmp_path / "coco.json").read_text(encoding="utf-8"))
    assert coco["categories"] == [{"id": 1, "name": "object"}]
    assert coco["images"] == [{"id": 1, "file_name": "blobs.gif", "width": 256, "height": 254}]
    for one, mask in zip(coco["annotations"], masks.values(), strict=True):
        flat = np.repeat(np.arange(len(one["segmentation"]["counts"])) % 2, one["segmentation"]["counts"])
        assert np.array_equal(flat.reshape(SHAPE[::-1]).T.astype(bool), mask)
        assert one["area"] == mask.sum()


@pytest.fixture
def stack(desk: Desktop, data_dir: Path) -> Iterator[Any]:
    """A hyperstack of 2 channels, 2 slices and 2 frames."""
    imp = open_image(data_dir / "images" / "blobs.gif")
    planes = imp.createEmptyStack()
    for _ in range(8):
        planes.addSlice(imp.getProcessor())
    made = java_class("ij.ImagePlus")("hyper", planes)
    made.setDimensions(2, 2, 2)
    made.setOpenAsHyperStack(True)
    with shown(made) as imp:
        yield imp


def test_objects_of_a_stack_stay_on_their_planes(stack: Any, tmp_path: Path) -> None:
    manager = keep_manager_away()
    roi = java_class("ij.gui.Roi")
    for n, place in enumerate(((1, 1, 1), (2, 2, 1), (0, 0, 0))):
        one = roi(10 * n, 20, 8, 6)
        if any(place):
            one.setPosition(*place)
        manager.addRoi(one)
    # The manager gives those without a position that of the current plane.
    managed()[2].setPosition(0)
    export("labels", tmp_path / "labels.tif")
    labels = tifffile.imread(tmp_path / "labels.tif")
    assert labels.shape == (2, 2, 2, *SHAPE)
    # In ImageJ's order: frame, slice, channel.
    assert [set(np.unique(labels[t, z, c])) - {0, 3} for t in (0, 1) for z in (0, 1) for c in (0, 1)] == [
        {1},
        set(),
        set(),
        {2},
        set(),
        set(),
        set(),
        set(),
    ]
    assert (labels[:, :, :, 20:26, 20:28] == 3).all()
    export("geojson", tmp_path / "outlines.geojson")
    features = json.loads((tmp_path / "outlines.geojson").read_text())["features"]
    assert [feature["geometry"].get("plane") for feature in features] == [
        {"c": 0, "z": 0, "t": 0},
        {"c": 1, "z": 1, "t": 0},
        None,
    ]
    export("coco", tmp_path / "coco.json")
    coco = json.loads((tmp_path / "coco.json").read_text())
    assert [one["image_id"] for one in coco["annotations"]] == [1, 4, 1]
    assert [one["plane"] for one in coco["images"]] == [{"c": 0, "z": 0, "t": 0}, {"c": 1, "z": 1, "t": 0}]


@pytest.fixture
def classified(blobs: Any) -> Iterator[Any]:
    """Objects of a class of the panel, of a group of ImageJ's own, of a group without a name, and of none."""
    roi = java_class("ij.gui.Roi")
    names = str(roi.getGroupNames() or "")
    roi.setGroupNames("axon,,myelin é")
    segment = 'run("SAMJ Segment", "model=starter box=%s class=[%s]");'
    macro(segment % ("20,103,55,142", "axon"))
    macro(segment % ("145,45,170,70", ""))
    manager = java_class("ij.plugin.frame.RoiManager").getInstance2()
    for n, group in enumerate((3, 2)):
        manager.addRoi(roi(10 + 40 * n, 10, 20, 20))
        managed()[-1].setGroup(group)
    try:
        yield blobs
    finally:
        roi.setGroupNames(names)


def classes_of(tmp_path: Path) -> tuple[list[Any], list[Any], list[Any]]:
    """Return the classes in the GeoJSON, the categories of COCO, and the category of each of its annotations."""
    export("geojson", tmp_path / "outlines.geojson")
    features = json.loads((tmp_path / "outlines.geojson").read_text("utf-8"))["features"]
    export("coco", tmp_path / "coco.json")
    coco = json.loads((tmp_path / "coco.json").read_text("utf-8"))
    properties = [feature["properties"] for feature in features]
    assert [one.get("objectType") for one in properties] == [
        "annotation" if "classification" in one else None for one in properties
    ]
    classes = [one.get("classification") for one in properties]
    return classes, coco["categories"], [one["category_id"] for one in coco["annotations"]]


@pytest.mark.usefixtures("group_colours")
def test_geojson_and_coco_have_the_classes_as_imagej_has_them(classified: Any, tmp_path: Path) -> None:
    expected = []
    for group, name in ((1, "axon"), (3, "myelin é"), (2, "group 2")):
        one = java_class("ij.gui.Roi")(0, 0, 1, 1)
        one.setGroup(group)
        colour = one.getStrokeColor()
        expected.append({"name": name, "color": [colour.getRed(), colour.getGreen(), colour.getBlue()]})
    classes, categories, ids = classes_of(tmp_path)
    assert classes == [expected[0], None, expected[1], expected[2]]
    assert len({tuple(one["color"]) for one in expected}) == 3
    # The outline itself may have another colour: here it is by label.
    assert managed()[0].getStrokeColor().getRed() != expected[0]["color"][0]
    assert categories == [
        {"id": 1, "name": "object"},
        {"id": 2, "name": "axon"},
        {"id": 3, "name": "group 2"},
        {"id": 4, "name": "myelin é"},
    ]
    assert ids == [2, 1, 4, 3]
    # What the user changes in ImageJ counts, and so does a name that she gives to a group later.
    managed()[0].setGroup(3)
    java_class("ij.gui.Roi").setGroupName(2, "nucleus")
    classes, categories, ids = classes_of(tmp_path)
    assert [one and one["name"] for one in classes] == ["myelin é", None, "myelin é", "nucleus"]
    assert categories == [
        {"id": 1, "name": "object"},
        {"id": 3, "name": "nucleus"},
        {"id": 4, "name": "myelin é"},
    ]
    assert ids == [4, 1, 4, 3]


def test_a_class_that_is_a_property_only_is_exported_too(blobs: Any, tmp_path: Path) -> None:
    manager = keep_manager_away()
    roi = java_class("ij.gui.Roi")
    declared = str(roi.getGroupNames() or "")
    for n, name in enumerate(("of another machine", 'and "another" 漢', "of another machine")):
        manager.addRoi(roi(10 + 40 * n, 10, 20, 20))
        managed()[-1].setProperty("class", name)
    classes, categories, ids = classes_of(tmp_path)
    # No group of this ImageJ has these names, and an export gives them none.
    assert classes == [{"name": name} for name in ("of another machine", 'and "another" 漢', "of another machine")]
    assert categories == [{"id": 257, "name": "of another machine"}, {"id": 258, "name": 'and "another" 漢'}]
    assert ids == [257, 258, 257]
    assert str(roi.getGroupNames() or "") == declared


def test_what_can_not_be_written_is_said_without_a_dialog(blobs: Any, tmp_path: Path) -> None:
    macros = java_class("ij.IJ").runMacro
    manager = keep_manager_away()
    batch = 'setBatchMode(true); selectImage("blobs.gif"); run("SAMJ Export", "format={} path=[{}]");'
    for fmt, path, words in (
        ("labels", tmp_path / "x.tif", "The ROI Manager is empty"),
        ("labels", tmp_path / "no folder" / "x.tif", "could not be written"),
        ("coco", tmp_path / "no folder" / "x.json", "could not be written"),
        ("photoshop", tmp_path / "x", "There is no format photoshop"),
    ):
        macros(batch.format(fmt, path))
        assert words in str(java_class("ij.IJ").getLog()).splitlines()[-1]
        manager.addRoi(java_class("ij.gui.Roi")(1, 2, 30, 40))
    assert not list(tmp_path.iterdir())
