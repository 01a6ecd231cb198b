"""The scale of an image is read as ImageJ reads it, and written into the label image."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from samj_bridge.export import write_labels
from samj_bridge.export.calibration import Calibration, read_calibration
from samj_bridge.geometry.region import Region

PIXELS = np.zeros((3, 4), np.uint8)
INCH = {"resolutionunit": "INCH"}


def written(path: Path, **options: Any) -> Path:
    tifffile.imwrite(path, PIXELS, **options)
    return path


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, None),
        ({"resolution": (1 / 0.25, 1 / 0.5), **INCH}, (0.25, 0.5, "inch")),
        ({"resolution": (72, 72), **INCH}, None),
        ({"resolution": (20, 20), "resolutionunit": "CENTIMETER"}, (0.05, 0.05, "cm")),
        ({"resolution": (50_000, 50_000), "resolutionunit": "CENTIMETER"}, (0.2, 0.2, "um")),
        ({"imagej": True}, None),
        ({"imagej": True, "resolution": (4, 2), "metadata": {"unit": "um"}}, (0.25, 0.5, "um")),
        ({"imagej": True, "resolution": (4, 2), "metadata": {"unit": "micron"}}, (0.25, 0.5, "micron")),
        ({"imagej": True, "resolution": (4, 2), "metadata": {"unit": "\\u00B5m"}}, (0.25, 0.5, "µm")),
        ({"imagej": True, "resolution": (4, 4), "metadata": {}}, (0.25, 0.25, "")),
    ],
)
def test_the_scale_of_a_tiff_is_what_imagej_shows(
    tmp_path: Path, options: dict[str, Any], expected: tuple[float, float, str] | None
) -> None:
    found = read_calibration(written(tmp_path / "a.tif", **options))
    if expected is None:
        assert found is None
        return
    assert found is not None
    assert (found.width, found.height) == pytest.approx(expected[:2], rel=1e-6)
    assert found.unit == expected[2]


@pytest.mark.parametrize(("unit", "factor"), [("µm", 1), ("nm", 1e-3), ("mm", 1e3), ("\u03bcm", 1)])
def test_the_physical_size_of_ome_tiff_is_taken_in_micrometres(tmp_path: Path, unit: str, factor: float) -> None:
    sizes = {f"PhysicalSize{axis}": size for axis, size in {"X": 0.5, "Y": 0.25, "Z": 2.0}.items()}
    units = {f"PhysicalSize{axis}Unit": unit for axis in "XYZ"}
    path = tmp_path / "a.ome.tif"
    tifffile.imwrite(
        path, np.zeros((2, 8, 9), np.uint8), photometric="minisblack", metadata={"axes": "ZYX", **sizes, **units}
    )
    found = read_calibration(path)
    assert found is not None
    assert (found.width, found.height) == pytest.approx((0.5 * factor, 0.25 * factor))
    assert (found.unit, float(found.more["spacing"])) == ("um", pytest.approx(2.0 * factor))


@pytest.mark.parametrize("name", ["nothing.tif", "text.tif", "bomb.tif"])
def test_what_has_no_scale_has_none_and_is_no_error(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name == "text.tif":
        path.write_text("no picture")
    if name == "bomb.tif":
        tifffile.imwrite(path, PIXELS, description='<!DOCTYPE x [<!ENTITY a "aa">]><OME>&a;</OME>', metadata=None)
    assert read_calibration(path) is None


@pytest.mark.parametrize(
    "calibration",
    [
        Calibration(0.1625, 0.1625, "um"),
        Calibration(0.25, 0.5, "micron", {"spacing": "2.5", "xorigin": "12", "yorigin": "-3", "finterval": "0.5"}),
        Calibration(1e-3, 1e-3, "odd é unit"),
        Calibration(1 / 3, 1 / 7, "inch"),
    ],
)
def test_a_label_image_has_the_scale_of_its_image(tmp_path: Path, calibration: Calibration) -> None:
    path = write_labels(tmp_path / "l.tif", Region.from_mask(np.eye(5)), calibration=calibration)
    found = read_calibration(path)
    assert found is not None
    assert (found.width, found.height) == pytest.approx((calibration.width, calibration.height), rel=1e-6)
    assert (found.unit, found.more) == (calibration.unit, calibration.more)
    assert np.array_equal(tifffile.imread(path), np.eye(5))


@pytest.mark.parametrize("size", [0.0, -1.0, 1e-12, 1e30, float("nan"), float("inf")])
def test_a_scale_that_a_tiff_cannot_hold_is_left_out(tmp_path: Path, size: float) -> None:
    calibration = Calibration(size, size, "m")
    path = write_labels(tmp_path / "l.tif", Region.from_mask(np.eye(5)), calibration=calibration)
    assert read_calibration(path) is None
