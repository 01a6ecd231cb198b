"""Label images and masks as prompts: every type of number that people save them in, in files and open in ImageJ."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from samj_bridge.fiji import java_class, open_image

SHAPE = (30, 40)
SQUARES = {3: (slice(2, 8), slice(3, 12)), 7: (slice(12, 20), slice(20, 38)), 90: (slice(22, 29), slice(1, 9))}


def labelled(dtype: Any = np.uint8, **others: int) -> np.ndarray:
    labels = np.zeros(SHAPE, dtype)
    for value, square in SQUARES.items():
        labels[square] = others.get(f"v{value}", value)
    return labels


@pytest.fixture
def imp(tmp_path: Path) -> Any:
    tifffile.imwrite(tmp_path / "cells.tif", np.arange(1200, dtype=np.uint16).reshape(SHAPE))
    return open_image(tmp_path / "cells.tif")


def found(imp: Any, labels: Any) -> tuple[dict[int, list[int]], str]:
    """Return the box of each label (of 0: all parts of a mask), and what was said."""
    plane = java_class("org.samj.bridge.ij.images.Plane").shown(imp)
    kind = java_class("org.samj.bridge.ij.batch.Labels")
    of = kind.named(plane, str(labels)) if isinstance(labels, Path) else kind.of(plane, labels)
    boxes: dict[int, list[int]] = {}
    for job in of.jobs:
        boxes.setdefault(int(job.label), []).extend(int(number) for number in job.prompt.box)
    return boxes, str(of.said)


def refusal(imp: Any, labels: Any) -> str:
    with pytest.raises(java_class("org.samj.bridge.SegmenterException")) as caught:
        found(imp, labels)
    return str(caught.value.sentence())


def expected(**others: int) -> dict[int, list[int]]:
    return {others.get(f"v{value}", value): [x.start, y.start, x.stop, y.stop] for value, (y, x) in SQUARES.items()}


KINDS = ("i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8")


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("kind", KINDS)
def test_labels_are_whole_numbers_in_every_type(imp: Any, tmp_path: Path, kind: str, order: str) -> None:
    tifffile.imwrite(tmp_path / "l.tif", labelled(kind), byteorder=order)
    assert found(imp, tmp_path / "l.tif") == (expected(), "")


@pytest.mark.parametrize(
    "options", [{"compression": "zlib"}, {"compression": "zlib", "rowsperstrip": 7}, {"rowsperstrip": 4}]
)
def test_labels_of_64_bits_are_read_packed_and_in_pieces(imp: Any, tmp_path: Path, options: Any) -> None:
    tifffile.imwrite(tmp_path / "l.tif", labelled(np.int64), **options)
    assert found(imp, tmp_path / "l.tif") == (expected(), "")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "options",
    [
        {"bigtiff": True, "byteorder": ">"},
        {"tile": (16, 32)},
        {"bigtiff": True, "tile": (16, 16), "compression": "zlib", "predictor": True},
    ],
)
def test_labels_in_a_bigtiff_or_in_tiles_are_read(imp: Any, tmp_path: Path, kind: str, options: Any) -> None:
    if kind in {"f4", "f8", "i8", "u8"}:
        options = {**options, "predictor": None}
    tifffile.imwrite(tmp_path / "l.tif", np.stack([labelled(kind)] * 2), metadata=None, **options)
    with tifffile.TiffFile(tmp_path / "l.tif") as file:
        assert file.is_bigtiff == options.get("bigtiff", False)
    # Two planes do not fit an image of one: said by the pages that were counted.
    assert "has 2 slices, cells.tif has one plane" in refusal(imp, tmp_path / "l.tif")
    tifffile.imwrite(tmp_path / "l.tif", labelled(kind), **options)
    assert found(imp, tmp_path / "l.tif") == (expected(), "")


def test_a_mask_in_a_bigtiff_is_its_parts(imp: Any, tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "l.tif", (labelled() > 0).astype(np.uint8) * 255, bigtiff=True)
    boxes, said = found(imp, tmp_path / "l.tif")
    assert sorted(boxes) == [0]
    assert len(boxes[0]) == 4 * len(SQUARES)
    assert "taken as a mask of 3 objects" in said


@pytest.mark.parametrize(("dtype", "value"), [(np.int32, 2**31 - 1), (np.uint32, 2**32 - 1), (np.int64, 2**62 + 1)])
def test_large_labels_in_files_are_exact(imp: Any, tmp_path: Path, dtype: Any, value: int) -> None:
    tifffile.imwrite(tmp_path / "l.tif", labelled(dtype, v3=value, v7=value - 1))
    assert found(imp, tmp_path / "l.tif")[0] == expected(v3=value, v7=value - 1)


@pytest.mark.parametrize("kind", ["i1", "i2", "i4", "i8", "f4", "f8"])
def test_minus_one_is_no_object_and_that_is_said(imp: Any, tmp_path: Path, kind: str) -> None:
    labels = labelled(kind)
    labels[labels == 0] = -1
    tifffile.imwrite(tmp_path / "l.tif", labels)
    assert found(imp, tmp_path / "l.tif") == (expected(), "Pixels of -1 were taken as no object.")


@pytest.mark.parametrize(
    ("labels", "value"),
    [
        (labelled(np.int16, v3=-5), "-5"),
        (labelled(np.int64, v3=-(2**40)), "-1099511627776"),
        (labelled(np.float32) / np.float32(2), "1.5"),
        (labelled(np.float64) + 0.25, "0.25"),
        (np.where(labelled() > 0, np.inf, 0).astype(np.float32), "Infinity"),
    ],
)
def test_what_is_no_label_is_named_with_its_place(imp: Any, tmp_path: Path, labels: Any, value: str) -> None:
    tifffile.imwrite(tmp_path / "l.tif", labels)
    said = refusal(imp, tmp_path / "l.tif")
    assert f"the value {value} at (" in said
    assert "whole numbers" in said


def test_numbers_that_are_none_are_no_object(imp: Any, tmp_path: Path) -> None:
    labels = labelled(np.float32)
    labels[labels == 0] = np.nan
    tifffile.imwrite(tmp_path / "l.tif", labels)
    assert found(imp, tmp_path / "l.tif") == (expected(), "Pixels without a number (NaN) were taken as no object.")


def test_float_labels_that_imagej_cannot_tell_apart_are_refused_when_open(imp: Any, tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "l.tif", labelled(np.int32, v3=2**24 + 1))
    assert "can't tell labels apart" in refusal(imp, open_image(tmp_path / "l.tif"))
    assert found(imp, tmp_path / "l.tif")[0] == expected(v3=2**24 + 1)


@pytest.mark.parametrize("bits", [1, 8])
def test_a_mask_is_its_parts_and_that_is_said(imp: Any, tmp_path: Path, bits: int) -> None:
    mask = labelled() > 0
    tifffile.imwrite(tmp_path / "l.tif", mask if bits == 1 else mask.astype(np.uint8) * 255)
    boxes, said = found(imp, tmp_path / "l.tif")
    assert list(boxes) == [0]
    assert len(boxes[0]) == 12
    assert said == "l.tif has 0 and 255 only: taken as a mask of 3 objects, its connected parts."


@pytest.mark.parametrize("kind", ["u1", "i2", "i8", "f4"])
def test_one_label_is_one_object_and_its_parts_are_counted(imp: Any, tmp_path: Path, kind: str) -> None:
    tifffile.imwrite(tmp_path / "l.tif", (labelled() > 0).astype(kind))
    boxes, said = found(imp, tmp_path / "l.tif")
    assert boxes == {1: [1, 2, 38, 29]}
    assert said.startswith("l.tif has the one label 1: taken as one object of 3 parts. If each part is an object")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("colour", "is a colour image: labels are numbers"),
        ("small", "l.tif is 39 x 30 pixels, cells.tif is 40 x 30"),
        ("stack", "l.tif has 5 slices, cells.tif has one plane"),
        ("empty", "has no label: all of its pixels are 0"),
        ("text", "ImageJ can't open l.tif"),
        ("cut", "damaged or cut short"),
        ("packed", "packed or arranged"),
    ],
)
def test_what_cannot_be_labels_of_this_image_is_refused_in_words(
    imp: Any, tmp_path: Path, name: str, words: str
) -> None:
    path, long = tmp_path / "l.tif", labelled(np.int64)
    if name == "text":
        path.write_text("no labels")
    elif name == "packed":
        tifffile.imwrite(path, long, compression="lzw")
    else:
        content = {
            "colour": np.dstack([labelled()] * 3),
            "small": long[:, :39],
            "stack": np.stack([long] * 5),
            "empty": long * 0,
        }
        tifffile.imwrite(path, content.get(name, long))
        if name == "cut":
            path.write_bytes(path.read_bytes()[:-800])
    assert words in refusal(imp, path)


@pytest.mark.parametrize(
    ("axes", "shape"),
    [
        ("ZYX", (3,)),
        ("TYX", (3,)),
        ("CYX", (2,)),
        ("ZCYX", (3, 2)),
        ("TCYX", (2, 2)),
        ("TZYX", (2, 3)),
        ("TZCYX", (2, 3, 2)),
    ],
)
@pytest.mark.parametrize("mode", ["composite", "grayscale"])
@pytest.mark.parametrize("through", ["file", "window"])
def test_our_own_export_of_every_kind_of_stack_is_taken_back(
    tmp_path: Path, axes: str, shape: tuple[int, ...], mode: str, through: str
) -> None:
    stack = np.zeros((*shape, *SHAPE), np.uint8)
    stack[..., ::3] = 9
    tifffile.imwrite(tmp_path / "s.tif", stack, imagej=True, metadata={"axes": axes, "mode": mode})
    imp = open_image(tmp_path / "s.tif")
    imp.setPosition(int(imp.getNChannels()), int(imp.getNSlices()), int(imp.getNFrames()))
    roi = java_class("ij.gui.Roi")(4, 5, 6, 7)
    java_class("org.samj.bridge.ij.images.Plane").shown(imp).place(roi)
    file = java_class("java.io.File")(str(tmp_path / "own.tif"))
    rois = java_class("ij.gui.Roi")[1]
    rois[0] = roi
    labels = _export(file, imp, rois)
    assert found(imp, labels if through == "window" else tmp_path / "own.tif")[0] == {1: [4, 5, 10, 12]}


def _export(file: Any, imp: Any, rois: Any) -> Any:
    # "as" is a word of Python's: JPype calls the method as_.
    return java_class("org.samj.bridge.ij.export.Export").as_("labels", file, imp, rois)


def test_many_labels_are_taken_in_one_go(tmp_path: Path) -> None:
    side = 600
    labels = np.zeros((side, side), np.int32)
    labels[::3, ::3] = np.arange(1, (side // 3) ** 2 + 1).reshape(side // 3, side // 3)
    tifffile.imwrite(tmp_path / "cells.tif", np.eye(side, dtype=np.uint8))
    tifffile.imwrite(tmp_path / "l.tif", labels)
    boxes, _ = found(open_image(tmp_path / "cells.tif"), tmp_path / "l.tif")
    assert list(boxes) == list(range(1, 40_001))
    assert boxes[40_000] == [597, 597, 598, 598]


def test_qupath_gets_numbers_as_measurements_and_texts_as_metadata(imp: Any, tmp_path: Path) -> None:
    rois = java_class("ij.gui.Roi")[1]
    rois[0] = java_class("ij.gui.Roi")(4, 5, 6, 7)
    for key, value in {"score": "0.75", "model": 'star "ter"', "prompt": '{"box": [1, 2, 3, 4]}'}.items():
        rois[0].setProperty(key, value)
    file = java_class("java.io.File")(str(tmp_path / "o.geojson"))
    java_class("org.samj.bridge.ij.export.Export").as_("geojson", file, imp, rois)
    properties = json.loads((tmp_path / "o.geojson").read_text())["features"][0]["properties"]
    assert properties["measurements"] == {"SAMJ label": 1, "SAMJ score": 0.75}
    assert properties["metadata"] == {"SAMJ model": 'star "ter"', "SAMJ prompt": '{"box": [1, 2, 3, 4]}'}
