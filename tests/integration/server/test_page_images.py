"""The page and its images: planes, large ones, outlines where they belong, files saved; what can't be opened."""

from __future__ import annotations

import base64
import io
import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from browsing import Visit
from PIL import Image
from serving import Served

from samj_bridge import Prompt, open_pyramid, read_image
from samj_bridge.export import EXPORTERS, read_rois
from samj_bridge.geometry.rasterise import rasterise
from samj_bridge.session import Session

pytestmark = pytest.mark.worker

Opens = Callable[..., Visit]


def test_objects_are_saved_in_every_format(visit: Opens, nuclei: Path, tmp_path: Path) -> None:
    tab = visit()
    tab.open(nuclei)
    for x, y in ((66, 57), (250, 200)):
        tab.click(x, y)
        tab.proposed()
        tab.page.keyboard.press("Enter")
    tab.find("#count").filter(has_text=re.compile("^[2-9]")).wait_for()
    saved: dict[str, bytes] = {}
    kinds = tab.find("#format option").evaluate_all("options => options.map((option) => option.value)")
    assert set(kinds) == set(EXPORTERS)
    for kind in kinds:
        tab.find("#format").select_option(kind)
        with tab.page.expect_download() as download:
            tab.find("#save").click()
        assert download.value.suggested_filename.startswith("fluorescence_2_")
        saved[kind] = Path(download.value.path()).read_bytes()
    masks = tab.masks()
    labels = tifffile.imread(io.BytesIO(saved["labels"]))
    assert labels.max() == len(masks)
    assert np.array_equal(labels == 1, masks[0])
    (tmp_path / "x.zip").write_bytes(saved["roi"])
    for region, mask in zip(read_rois(tmp_path / "x.zip"), masks, strict=True):
        assert np.array_equal(region.mask(mask.shape), mask)
    features = json.loads(saved["geojson"])["features"]
    annotations = json.loads(saved["coco"])
    assert annotations["images"][0]["file_name"] == nuclei.name
    for feature, one, mask in zip(features, annotations["annotations"], masks, strict=True):
        parts = feature["geometry"]["coordinates"]
        rings = [ring for part in ([parts] if feature["geometry"]["type"] == "Polygon" else parts) for ring in part]
        assert np.array_equal(rasterise([np.array(ring[:-1]) for ring in rings], mask.shape), mask)
        counts = one["segmentation"]["counts"]
        flat = np.repeat(np.arange(len(counts)) % 2, counts)
        assert np.array_equal(flat.reshape(mask.shape[::-1]).T.astype(bool), mask)
    assert Image.open(io.BytesIO(saved["overlay"])).size[0] >= 360


def test_a_file_that_is_too_large_to_be_sent_is_refused_with_what_to_do(visit: Opens, tmp_path: Path) -> None:
    tab = visit()
    many, heavy = tmp_path / "many pixels.png", tmp_path / "many bytes.tif"
    Image.new("1", (9000, 8000)).save(many)
    with heavy.open("wb") as file:
        file.truncate(250_000_000)
    for path, words in (
        (many, "9000 x 8000 pixels; at most 64 megapixels"),
        (heavy, "has 250 MB; what is sent may"),
    ):
        tab.find("#file").set_input_files(path)
        said = tab.find("#error").filter(has_text=words)
        said.wait_for()
        assert "samj-bridge serve --root FOLDER" in said.inner_text()
        assert tab.find("#image-name").inner_text() == ""


def test_outlines_have_their_holes_and_lie_on_pixel_corners(
    visit: Opens, served: Served, fresh: Callable[[int], Path]
) -> None:
    tab = visit()
    tab.open(fresh(6))
    outer, hole = [[20, 20], [60, 20], [60, 60], [20, 60]], [[30, 30], [30, 50], [50, 50], [50, 30]]
    change = {"put": {"id": "with-a-hole", "rings": [outer, hole], "score": None}}
    assert served.own("POST", f"page/images/{tab.image}/changes", {"changes": [change]}).status == 200
    tab.page.evaluate("window.dispatchEvent(new Event('focus'))")
    tab.kept(1)
    board = tab.find("#board").bounding_box()
    assert board is not None

    def alpha(x: float, y: float, zoom: float = 1.0) -> int:
        px, py = tab.place(x, y)
        middle = board["width"] / 2, board["height"] / 2
        place = [middle[0] + zoom * (px - board["x"] - middle[0]), middle[1] + zoom * (py - board["y"] - middle[1])]
        script = "([x, y]) => document.getElementById('board').getContext('2d').getImageData(x, y, 1, 1).data[3]"
        found: int = tab.page.evaluate(script, [int(value + 0.5) for value in place])
        return found

    assert alpha(40, 40) == alpha(10, 40) == alpha(70, 40) == 0
    assert 0 < alpha(25, 40) < 128
    for corner in (20, 30, 50, 60):
        assert alpha(corner, 40) > 128
    # The same at another zoom, which leaves the middle where it is; the pieces around the corners are still seen.
    tab.find("#zoom-in").click()
    tab.page.wait_for_timeout(600)
    assert alpha(40, 60, 1.5) > 128
    assert alpha(40, 45, 1.5) == 0
    assert 0 < alpha(40, 55, 1.5) < 128
    for corner in (50, 60):
        assert alpha(corner, 45, 1.5) > 128
    tab.find("#fit").click()
    tab.page.wait_for_timeout(600)
    tab.click(25, 40, keys=["Control"])
    tab.find("#objects li[aria-selected=true]").wait_for()
    tab.click(40, 40, keys=["Control"])
    tab.find("#delete:disabled").wait_for()


def test_an_image_is_dropped(visit: Opens, fresh: Callable[[int], Path]) -> None:
    tab = visit()
    script = """(text) => {
      const dropped = new DataTransfer();
      const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
      dropped.items.add(new File([bytes], "dropped é.png"));
      return dropped;
    }"""
    dropped = tab.page.evaluate_handle(script, base64.b64encode(fresh(30).read_bytes()).decode())
    tab.page.dispatch_event("#stage", "drop", {"dataTransfer": dropped})
    tab.find("#image-name").filter(has_text="dropped é.png").wait_for()
    tab.click(90, 70)
    tab.proposed()


def test_what_can_not_be_opened_is_said_and_what_was_open_stays(
    visit: Opens, fresh: Callable[[int], Path], tmp_path: Path
) -> None:
    tab = visit()
    tab.open(fresh(8))
    (tmp_path / "broken.png").write_bytes(b"\x89PNG no more")
    tab.find("#file").set_input_files(tmp_path / "broken.png")
    tab.find("#error").filter(has_text="can't be decoded").wait_for()
    tab.find("#open").click()
    tab.find("#path").fill("../outside.png")
    tab.page.keyboard.press("Enter")
    tab.find("#error").filter(has_text="below the folders that are served").wait_for()
    tab.click(90, 70)
    tab.proposed()
    assert tab.find("#error").is_hidden()
    # Nothing to take away from, and a click beside the image: said, or nothing.
    tab.page.keyboard.press("Escape")
    tab.click(90, 70, keys=["Alt"])
    tab.find("#next").filter(has_text="Click on an object first").wait_for()


def test_each_plane_of_a_stack_has_objects_of_its_own(visit: Opens, session: Session, data_dir: Path) -> None:
    path = data_dir / "images" / "stardist_16bit_3d.tif"
    tab = visit()
    tab.open(path)
    count = int(tab.find("#plane-count").inner_text().removeprefix("of "))
    assert count > 3
    first = tab.image
    tab.find("#plane").fill("3")
    tab.page.keyboard.press("Enter")
    tab.page.wait_for_url(lambda address: not address.endswith(first))
    tab.find("#empty").wait_for(state="hidden")
    work = tab.work()
    assert (work["plane"], work["planes"], work["name"]) == (2, count, path.name)
    pixels = read_image(path, plane=2).pixels
    y, x = np.unravel_index(int(pixels.argmax()), pixels.shape)
    tab.click(int(x), int(y))
    tab.proposed()
    tab.page.keyboard.press("Enter")
    tab.kept(1)
    with session.encode(pixels) as scene:
        (region,) = scene.segment(Prompt(points=[(int(x), int(y))]))
    assert np.array_equal(tab.masks()[0], region.mask())
    tab.find("#plane").fill(f"{count + 5}")
    tab.page.keyboard.press("Enter")
    tab.find("#count").filter(has_text="0").wait_for()
    assert tab.find("#plane").input_value() == str(count)


def test_a_large_image_is_read_in_place_and_asked_tile_by_tile(
    visit: Opens, served: Served, session: Session
) -> None:
    pixels = np.full((8000, 8200), 20, np.uint8)
    y, x = np.mgrid[:400, :400]
    pixels[3800:4200, 4000:4400][(y - 200) ** 2 + (x - 200) ** 2 < 150**2] = 200
    path = served.root / "large.tif"
    tifffile.imwrite(path, pixels, tile=(512, 512), compression="zlib")
    tab = visit()
    tab.find("#open").click()
    tab.find("#path").fill("large.tif")
    tab.page.keyboard.press("Enter")
    tab.find("#image-name").filter(has_text="8200 × 8000").wait_for()
    tab.click(4200, 4000)
    tab.proposed()
    tab.page.keyboard.press("Enter")
    tab.kept(1)
    (item,) = tab.work()["objects"]
    with open_pyramid(path) as opened, session.encode(opened) as scene:
        (region,) = scene.segment(Prompt(**item["prompt"]))
    assert [ring.tolist() for ring in region.rings] == item["rings"]
    assert abs(item["area"] / (np.pi * 150**2) - 1) < 0.05
    tab.find("#format").select_option("overlay")
    tab.find("#save").click()
    tab.find("#error").filter(has_text="too large for a picture").wait_for()
    path.unlink()
