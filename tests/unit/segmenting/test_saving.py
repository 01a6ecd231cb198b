"""What is written of a large image: told as it goes, stopped at once, and a watcher that raises changes nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from samj_bridge.errors import Cancelled
from samj_bridge.geometry.region import Region
from samj_bridge.progress import CancelToken, ProgressEvent
from samj_bridge.reading import Wish
from samj_bridge.segmenting.input_image import open_input
from samj_bridge.segmenting.save import result_files, save_regions

SIDE = 4300
CORNERS = [Region.from_mask(np.ones((4, 4), bool), origin_xy=(at, at)) for at in (10, 2000, SIDE - 10)]


@pytest.fixture
def large(tmp_path: Path) -> Path:
    pixels = np.zeros((SIDE, SIDE), np.uint8)
    pixels[::7] = 90
    tifffile.imwrite(tmp_path / "large.tif", pixels, tile=(256, 256), compression="zlib")
    return tmp_path / "large.tif"


class Watching:
    """Counts what it is told, raises as a broken one does, and may stop it."""

    def __init__(self, stop_at: int = 0) -> None:
        self.told: list[ProgressEvent] = []
        self.token, self.stop_at = CancelToken(), stop_at

    def __call__(self, event: ProgressEvent) -> None:
        self.told.append(event)
        if len(self.told) == self.stop_at:
            self.token.cancel()
        raise RuntimeError(event.message)


def test_the_part_for_an_overlay_is_read_in_pieces_that_are_told(large: Path) -> None:
    with open_input(large, Wish()) as taken:
        assert taken.in_place
        watching = Watching()
        overview = taken.overview(CORNERS, watching, watching.token)
        assert [event.message for event in watching.told] == ["Reading for the overlay"] * len(watching.told)
        # The file has no other levels: each piece is a few million of its pixels.
        assert len(watching.told) >= SIDE**2 / (1 << 23)
        assert overview.times == 2
        expected = taken.image.read(0, 0, 0, SIDE, SIDE)[:4296, :4296].reshape(1074, 4, 1074, 4).mean((1, 3))
        assert np.abs(overview.pixels[:1074, :1074].astype(float) - expected).max() <= 1
        stopping = Watching(stop_at=1)
        with pytest.raises(Cancelled):
            taken.overview(CORNERS, stopping, stopping.token)
        assert len(stopping.told) == 1


def test_every_file_is_told_of_and_none_is_there_by_half(large: Path) -> None:
    files = result_files(large.parent, "large", ["labels", "geojson", "roi"])
    watching = Watching()
    saved = save_regions(
        files, CORNERS, shape=(SIDE, SIDE), overview=None, progress=watching, cancel=watching.token
    )
    words = [event.message for event in watching.told]
    names = "large_labels.tif", "large_outlines.geojson", "large_rois.zip"
    assert sorted(set(words)) == [f"Writing {name}" for name in names]
    assert words.count("Writing large_labels.tif") >= 4
    assert tuple(path.name for path in saved) == names
    for path in saved:
        path.unlink()
    stopping = Watching(stop_at=3)
    with pytest.raises(Cancelled):
        save_regions(files, CORNERS, shape=(SIDE, SIDE), overview=None, progress=stopping, cancel=stopping.token)
    assert len(stopping.told) == 3
    assert [path.name for path in large.parent.iterdir()] == ["large.tif"]
