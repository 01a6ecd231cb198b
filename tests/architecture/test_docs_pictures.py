"""The pictures of ImageJ in the docs: each window whole, no file too large, each shown on a page."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]
PICTURES = sorted((ROOT / "docs" / "images").glob("fiji-*.png"))
MARGIN = 12
LARGEST = 150_000


def edges(picture: np.ndarray) -> np.ndarray:
    """Return the pixels of a picture's outermost lines."""
    m = MARGIN // 2
    sides = picture[:m], picture[-m:], picture[:, :m], picture[:, -m:]
    return np.concatenate([side.reshape(-1, 3) for side in sides])


def whole(picture: np.ndarray, windows: list[tuple[str, int, int, int, int]]) -> list[str]:
    """Say what of a picture is cut off: windows that reach its edge, and anything but backdrop there."""
    height, width = picture.shape[:2]
    told = [
        f"{title} at {left}, {top}, {w} x {h}"
        for title, left, top, w, h in windows
        if left < MARGIN or top < MARGIN or left + w > width - MARGIN or top + h > height - MARGIN
    ]
    if len(np.unique(edges(picture), axis=0)) > 1:
        told.append("something reaches the edge")
    return told


@pytest.mark.parametrize("path", PICTURES, ids=lambda path: path.stem)
def test_every_window_in_a_picture_is_whole(path: Path) -> None:
    with Image.open(path) as image:
        windows = json.loads(image.text["windows"])  # type: ignore[attr-defined]  # PNGs have it
        picture = np.asarray(image.convert("RGB"))
    assert windows
    assert whole(picture, windows) == []
    assert path.stat().st_size < LARGEST
    pages = [page.read_text(encoding="utf-8") for page in (ROOT / "docs").rglob("*.md")]
    assert any(path.name in page for page in pages), "no page shows it"


def test_a_picture_with_a_window_cut_off_is_found() -> None:
    picture = np.full((100, 200, 3), 244, np.uint8)
    picture[20:80, 20:180] = 60
    assert whole(picture, [("panel", 20, 20, 160, 60)]) == []
    assert whole(picture[:, 30:], [("panel", -10, 20, 160, 60)]) == [
        "panel at -10, 20, 160 x 60",
        "something reaches the edge",
    ]
    assert whole(picture[:70], []) == ["something reaches the edge"]


def test_the_pictures_are_those_that_make_pictures_makes() -> None:
    source = (ROOT / "tests" / "fiji" / "test_pictures.py").read_text(encoding="utf-8")
    assert PICTURES
    assert {path.stem for path in PICTURES} == {
        line.split('"')[1] for line in source.splitlines() if "take(desk, " in line and '"fiji-' in line
    }
