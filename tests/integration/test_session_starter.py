"""The starter model end to end: a real image, boxes around its labels, regions that fit them."""

import time

import numpy as np
import pytest
from PIL import Image

from samj_bridge.session import Prompt, Session
from samj_bridge.settings import Settings

pytestmark = pytest.mark.worker


@pytest.fixture(scope="module")
def session(worker_python, tmp_path_factory):
    settings = Settings(home=tmp_path_factory.mktemp("home"))
    with Session("starter", settings=settings, python=worker_python, device="cpu") as opened:
        yield opened


def test_boxes_around_nuclei_give_the_nuclei(session, data_dir):
    image = np.asarray(Image.open(data_dir / "images" / "fluorescence_2.png"))
    labels = np.asarray(Image.open(data_dir / "images" / "fluorescence_2_labels.png"))
    masks = [labels == label for label in np.unique(labels)[1:21]]
    boxes = [_box(mask) for mask in masks]
    with session.encode(image) as scene:
        regions = scene.segment([Prompt(box=box) for box in boxes], largest_only=True, fill_holes=True)
    scores = [_iou(region.mask(), mask) for region, mask in zip(regions, masks, strict=True)]
    assert np.mean(scores) > 0.75
    assert all(0 <= region.score <= 1 for region in regions)


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (30_000, 20), (333, 517, 3), (50, 60, 5)])
def test_images_of_odd_shapes_are_answered(session, shape):
    image = np.random.default_rng(0).integers(0, 255, shape, dtype=np.uint8)
    height, width = shape[:2]
    with session.encode(image) as scene:
        for prompt in (Prompt(box=(0, 0, width, height)), Prompt(points=[(width // 2, height // 2)])):
            regions = scene.segment(prompt, candidates=3)
            # A single pixel is an image of one colour, of which no network is asked: one answer, and it is empty.
            assert [region.mask().shape for region in regions] == [(height, width)] * (
                1 if height * width == 1 else 3
            )


def test_an_encode_of_a_large_image_stops_when_cancelled(session):
    from samj_bridge.errors import Cancelled
    from samj_bridge.progress import CancelToken

    token = CancelToken()
    begun = time.monotonic()
    with pytest.raises(Cancelled):
        # An image of one colour would never reach the network.
        session.encode(np.eye(8000, dtype=np.uint8), cancel=token, progress=lambda event: token.cancel())
    assert time.monotonic() - begun < 300
    assert session.stats()["restarts"] == 0


def _box(mask):
    y, x = np.nonzero(mask)
    return x.min(), y.min(), x.max() + 1, y.max() + 1


def _iou(one, other):
    return (one & other).sum() / (one | other).sum()
