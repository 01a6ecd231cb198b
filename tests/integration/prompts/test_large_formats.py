"""Regions of images in files that are read in place: those of the same pixels in memory, in every format."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from fakes import large_files
from numpy.typing import NDArray
from PIL import Image

from samj_bridge import Prompt, Session, open_pyramid, read_rois
from samj_bridge.settings import Settings

pytest.importorskip("zarr", minversion="3", reason="the extras of large files are not installed")
pytest.importorskip("pylibCZIrw")
pytest.importorskip("openslide")
pytest.importorskip("liffile")
pytestmark = pytest.mark.worker

PLACES = [(211, 305), (900, 1300), (1420, 60), (750, 1024)]


def discs(height: int, width: int, places: list[tuple[int, int]]) -> NDArray[np.uint16]:
    """Return nuclei of 20 px in radius on a background with noise."""
    pixels = np.random.default_rng(0).normal(400, 20, (height, width))
    for y, x in places:
        yy, xx = np.mgrid[max(y - 30, 0) : y + 30, max(x - 30, 0) : x + 30]
        part = pixels[max(y - 30, 0) : y + 30, max(x - 30, 0) : x + 30]
        inside = 2_000 / (1 + np.exp(np.hypot(yy - y, xx - x) - 20))
        part += inside[: part.shape[0], : part.shape[1]]
    return pixels.astype(np.uint16)


@pytest.fixture(scope="module")
def session(worker_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    settings = Settings(home=tmp_path_factory.mktemp("home"), python=worker_python)
    with Session("starter", settings=settings) as opened:
        yield opened


CELLS = discs(1500, 1700, PLACES)
SLIDE = (255 - np.stack([CELLS // 16, CELLS // 12, CELLS // 24], axis=-1).clip(0, 250)).astype(np.uint8)
FORMATS: dict[str, Callable[[Path], None]] = {
    "a.ome.tif": lambda path: large_files.write_ome_tiff(path, CELLS[None, None], tile=256),
    "old.ome.zarr": lambda path: large_files.write_ome_zarr(path, CELLS[None, None], tile=256),
    "new.ome.zarr": lambda path: large_files.write_ome_zarr(path, CELLS[None, None], tile=256, version="0.5"),
    "shards.ome.zarr": lambda path: large_files.write_ome_zarr(
        path, CELLS[None, None], tile=256, version="0.5", sharded=True
    ),
    "a.czi": lambda path: large_files.write_czi(path, CELLS[None, None]),
    "a.lif": lambda path: large_files.write_lif(path, CELLS[None, None]),
    "a.svs": lambda path: large_files.write_svs(path, SLIDE, compression="zlib", tile=256),
    "a.png": lambda path: Image.fromarray(SLIDE).save(path),
}


def asked(session: Session, image: Any, channels: Any = None) -> list[tuple[int, NDArray[np.bool_], float | None]]:
    prompts = [Prompt(points=[(x, y)]) for y, x in PLACES]
    prompts.append(Prompt(box=(280, 186, 330, 236)))
    with session.encode(image, channels=channels) as scene:
        return [(region.area, region.mask(scene.shape), region.score) for region in scene.segment(prompts)]


@pytest.mark.parametrize("name", FORMATS)
def test_a_file_read_in_place_gives_the_regions_of_its_pixels(name: str, session: Session, tmp_path: Path) -> None:
    FORMATS[name](tmp_path / name)
    with open_pyramid(tmp_path / name) as opened:
        found = asked(session, opened, opened.channels)
        levels = [opened.read(n, 0, 0, *level[:2]) for n, level in enumerate(opened.levels)]
    wanted = asked(session, levels if len(levels) > 1 else levels[0])
    assert np.array_equal(levels[0], SLIDE if levels[0].ndim == 3 else CELLS)
    for (area, mask, score), (wanted_area, wanted_mask, wanted_score) in zip(found, wanted, strict=True):
        assert (area, score) == (wanted_area, wanted_score)
        assert np.array_equal(mask, wanted_mask)
    assert all(500 < area < 2_500 for area, _mask, _score in found)


@pytest.mark.parametrize(("kind", "level"), [("ome.tif", 0), ("ome.zarr", 1)])
def test_the_command_line_reads_a_large_image_in_place(
    ready_home: Path, kind: str, level: int, tmp_path: Path
) -> None:
    y, x = 3_003, 2_222
    height, width = (4_200, 4_100) if level == 0 else (4_200, 4_300)
    large = discs(height, width, [(y, x)])[None, None]
    write = large_files.write_ome_tiff if kind == "ome.tif" else large_files.write_ome_zarr
    write(tmp_path / f"big.{kind}", large, tile=512)
    command = [sys.executable, "-m", "samj_bridge.cli.main", "segment", f"big.{kind}", "--point", f"{x},{y}"]
    command += ["--format", "roi,labels,overlay,geojson", "--output", "out", "--level", f"{level}"]
    environ = {**os.environ, "SAMJ_HOME": str(ready_home), "COLUMNS": "300"}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environ, cwd=tmp_path)
    size = f"{width} x {height}, uint16, pixel 0.5 µm, 3 levels"
    assert (size if level == 0 else f"level 1, 2150 x 2100 of {width} x {height}") in done.stdout
    assert ("The overlay shows the part from (" in done.stdout) == (level == 0)
    (region,) = read_rois(tmp_path / "out" / "big.ome_rois.zip")
    assert 900 < region.area < 2_000
    assert region.centroid_xy == pytest.approx((x, y), abs=4)
    with tifffile.TiffFile(tmp_path / "out" / "big.ome_labels.tif") as file:
        assert np.array_equal(file.asarray() > 0, region.mask((height, width)))
        assert (file.pages.first.tags[282].value, file.imagej_metadata["unit"]) == ((2, 1), "um")
    with Image.open(tmp_path / "out" / "big.ome_overlay.png") as picture:
        assert max(picture.size) < 2_100 or level == 1
    assert '"pixel_size": {"x": 0.5' in (tmp_path / "out" / "big.ome_outlines.geojson").read_text(encoding="utf-8")
