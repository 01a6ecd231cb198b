"""Everything mode of the starter on real nuclei: in small tiles as in the whole image, also where tiles meet."""

from pathlib import Path

import numpy as np
import pytest
from fakes.opening import VARIABLES
from PIL import Image

from samj_bridge.models import ModelEntry, find_model
from samj_bridge.session import Session
from samj_bridge.session.connection.launcher import Launcher
from samj_bridge.settings import Settings

pytestmark = pytest.mark.worker

FAKES = Path(__file__).parents[2] / "fakes"
DATA = Path(__file__).parents[2] / "data" / "images"


@pytest.fixture(scope="module")
def starters(worker_python, tmp_path_factory):
    """Open the starter as it is, and with tiles of 256 pixels."""
    home = tmp_path_factory.mktemp("home")
    settings = Settings(home=home)
    small = ModelEntry(
        "small", "Small", "small", "", "", ("box", "points"), "", find_model("starter", settings).file
    )
    start = Launcher(worker_python, settings, VARIABLES, ("--family", f"small={FAKES / 'small_starter.py'}"))
    with (
        Session("starter", settings=settings, python=worker_python, device="cpu") as whole,
        Session(small, settings=settings, launcher=start, device="cpu") as tiled,
    ):
        yield whole, tiled


def nuclei(rows, columns, seed=0):
    """Return a mosaic of turned and mirrored pieces of a picture of real nuclei."""
    picture = np.asarray(Image.open(DATA / "fluorescence_2.png"))
    picture = picture[..., 0] if picture.ndim == 3 else picture
    piece = picture[:256, :256]
    random = np.random.default_rng(seed)
    turned = [
        np.rot90(piece, int(random.integers(4)))[:, :: int(random.choice([-1, 1]))] for _ in range(rows * columns)
    ]
    return np.block([turned[row * columns : (row + 1) * columns] for row in range(rows)])


def best_iou(region, others):
    mask, (x, y) = region.crop()
    best = 0.0
    for other in others:
        if not np.isnan(other.centroid_xy[0]):
            full = other.mask(region.shape)[y : y + mask.shape[0], x : x + mask.shape[1]]
            shared = int((full & mask).sum())
            best = max(best, shared / (region.area + other.area - shared))
    return best


def test_real_nuclei_are_found_in_tiles_as_in_the_whole_image_also_where_tiles_meet(starters):
    whole, tiled = starters
    image = nuclei(2, 3)
    with whole.encode(image) as scene:
        assert scene.tiling is None
        expected = scene.everything()
    with tiled.encode(image, ranges=scene.ranges) as scene:
        assert scene.tiling.side == 256
        found = scene.everything()
    ious = np.array([best_iou(region, found) for region in expected])
    assert len(expected) > 40
    assert abs(len(found) - len(expected)) <= 0.05 * len(expected)
    assert (ious > 0.5).mean() > 0.95
    # Cores meet at multiples of 192 and 32 more: objects there are as good as elsewhere.
    edges = [32 + 192, 32 + 2 * 192, 32 + 3 * 192]
    seam = np.array(
        [
            any(x0 < edge < x1 for edge in edges) or any(y0 < edge < y1 for edge in edges[:2])
            for x0, y0, x1, y1 in (region.bbox_xyxy for region in expected)
        ]
    )
    assert seam.sum() >= 10
    assert np.median(ious[seam]) > np.median(ious[~seam]) - 0.02
    assert (ious[seam] > 0.5).mean() > 0.9
    claimed = sum(region.mask().astype(int) for region in found)
    assert claimed.max() == 1
