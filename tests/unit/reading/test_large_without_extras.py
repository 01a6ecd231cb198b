"""Large files on a plain installation, and on Python 3.10, which has no zarr 3: tiled TIFFs are read in place."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile

from samj_bridge.errors import FileError, InputError
from samj_bridge.export.label_pyramid import LabelPyramid
from samj_bridge.export.tiled_labels import label_tiles, write_tiled_labels
from samj_bridge.geometry.region import Region
from samj_bridge.reading import describe_image, inspect_image, open_pyramid

PIXELS = np.random.default_rng(0).integers(0, 60_000, (150, 211), dtype=np.uint16)


def test_a_tiled_tiff_with_levels_needs_tifffile_alone(tmp_path: Path) -> None:
    options = {"tile": (32, 32), "compression": "zlib", "photometric": "minisblack"}
    with tifffile.TiffWriter(tmp_path / "a.ome.tif", ome=True) as writer:
        writer.write(PIXELS, subifds=1, metadata={"axes": "YX"}, **options)
        writer.write(PIXELS[::2, ::2], subfiletype=1, **options)
    with open_pyramid(tmp_path / "a.ome.tif") as opened:
        assert list(opened.levels) == [(150, 211), (75, 106)]
        assert np.array_equal(opened.read(0, 40, 90, 70, 50), PIXELS[40:110, 90:140])
        assert np.array_equal(opened.read(1, 0, 0, 75, 106), PIXELS[::2, ::2])
    assert inspect_image(tmp_path / "a.ome.tif")[1][0].levels == [(150, 211), (75, 106)]
    spot = Region.from_mask(np.ones((9, 7), bool), origin_xy=(90, 40), shape=(150, 211))
    write_tiled_labels(tmp_path / "l.btf", iter([spot]), tile=32)
    with open_pyramid(tmp_path / "l.btf") as labels:
        assert np.array_equal(labels.read(0, 40, 90, 9, 7), np.ones((9, 7)))
    assert sum(int((part > 0).sum()) for _, _, part in label_tiles([spot], tile=64)) == 63


def test_a_zarr_says_what_reads_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if sys.version_info >= (3, 11):
        # As on an installation without the extra; Python 3.10 has none, or an older one that is no help.
        monkeypatch.setitem(sys.modules, "zarr", None)
    (tmp_path / "a.zarr").mkdir()
    axes = [{"name": name, "type": "space"} for name in "yx"]
    told = {"multiscales": [{"version": "0.4", "axes": axes, "datasets": [{"path": "0"}]}]}
    (tmp_path / "a.zarr" / ".zgroup").write_text('{"zarr_format": 2}')
    (tmp_path / "a.zarr" / ".zattrs").write_text(json.dumps(told))
    with pytest.raises(FileError) as caught:
        describe_image(tmp_path / "a.zarr")
    assert caught.value.code == "extra-missing"
    assert "pip install 'samj-bridge[large]'" in caught.value.hint
    if sys.version_info < (3, 11):
        assert "is read with Python 3.11 or newer; this is Python 3.10, for which there is no zarr 3" in str(
            caught.value.message
        )
        assert caught.value.hint.startswith("Use a newer Python.")
    with pytest.raises(InputError, match="written to OME-Zarr by zarr 3, which is not installed"):
        LabelPyramid(tmp_path / "a.zarr", "nuclei")
