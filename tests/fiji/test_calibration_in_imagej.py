"""A label image of the command line's, opened in ImageJ, has the scale that ImageJ shows for the image itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from samj_bridge.export import write_labels
from samj_bridge.export.calibration import read_calibration
from samj_bridge.fiji import open_image
from samj_bridge.geometry.region import Region

STACK = {"axes": "ZYX", "spacing": 2.5, "xorigin": 3, "yorigin": -4.5, "finterval": 0.25, "unit": "micron"}
KINDS: dict[str, dict[str, Any]] = {
    "no scale": {},
    "inches": {"resolution": (300, 150), "resolutionunit": "INCH"},
    "72 dpi": {"resolution": (72, 72), "resolutionunit": "INCH"},
    "centimetres": {"resolution": (30, 30), "resolutionunit": "CENTIMETER"},
    "small centimetres": {"resolution": (61_538.5, 61_538.5), "resolutionunit": "CENTIMETER"},
    "no unit": {"resolution": (4, 4), "resolutionunit": "NONE"},
    "um": {"imagej": True, "resolution": (6.1538, 6.1538), "metadata": {"unit": "um"}},
    "micron, spacing, origin": {"imagej": True, "resolution": (3, 7), "metadata": STACK},
    "escaped micrometres": {"imagej": True, "resolution": (4, 2), "metadata": {"unit": "\\u00B5m"}},
    "nm": {"imagej": True, "resolution": (0.02, 0.02), "metadata": {"unit": "nm"}},
    "pixels": {"imagej": True, "resolution": (1, 1), "metadata": {"unit": "pixel"}},
    "imagej without unit": {"imagej": True, "resolution": (5, 5)},
    "cm told to be um": {
        "imagej": True,
        "resolution": (50_000, 50_000),
        "resolutionunit": "CENTIMETER",
        "metadata": {"unit": "um"},
    },
}


def scale(imp: Any) -> tuple[list[float], list[str]]:
    calibration = imp.getCalibration()
    sizes = [calibration.pixelWidth, calibration.pixelHeight, calibration.pixelDepth]
    origin = [calibration.xOrigin, calibration.yOrigin, calibration.zOrigin, calibration.frameInterval]
    # A TIFF that says it has no unit has a blank one in ImageJ, and is as good as any other without.
    units = [str(unit).strip() or "pixel" for unit in (calibration.getUnit(), calibration.getUnits())]
    return [float(size) for size in sizes + origin], [unit.removesuffix("s") for unit in units]


@pytest.mark.parametrize("kind", KINDS)
def test_the_label_image_has_the_scale_of_its_image(tmp_path: Path, kind: str) -> None:
    pixels = np.zeros((2, 9, 9) if "spacing" in kind else (9, 9), np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", pixels, **KINDS[kind])
    calibration = read_calibration(tmp_path / "a.tif")
    write_labels(tmp_path / "l.tif", Region.from_mask(np.eye(9)), calibration=calibration)
    wanted, units = scale(open_image(tmp_path / "a.tif"))
    came, came_units = scale(open_image(tmp_path / "l.tif"))
    assert came == pytest.approx(wanted, rel=1e-6)
    assert came_units == units
    assert int(open_image(tmp_path / "l.tif").getBitDepth()) == 16
