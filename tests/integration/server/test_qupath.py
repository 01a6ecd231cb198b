"""Every request that was recorded from QuPath's extension, sent again as it was sent, gets its right answer."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
import pytest
from PIL import Image
from serving import Answer, Recorded, Served

from samj_bridge import Prompt
from samj_bridge.geometry.region import Region
from samj_bridge.session import Session

pytestmark = pytest.mark.worker

TYPES = ("vit_h", "vit_l", "vit_b", "vit_t", "sam2_l", "sam2_bp", "sam2_s", "sam2_t", "sam3")


def masks(answer: Answer, shape: tuple[int, ...]) -> list[np.ndarray]:
    """Fill what came back as QuPath does, in pixel corners: rings by the even-odd rule."""
    assert answer.status == 200, answer.body
    found = []
    for feature in answer.json:
        assert feature["type"] == "Feature"
        assert "object_idx" not in feature["properties"]
        assert feature["properties"]["sam_model"] == "starter"
        geometry = feature["geometry"]
        parts = geometry["coordinates"] if geometry["type"] == "MultiPolygon" else [geometry["coordinates"]]
        for ring in (ring for part in parts for ring in part):
            assert ring[0] == ring[-1]
            assert len(ring) >= 5
        rings = tuple(np.array(ring[:-1], np.int32) for part in parts for ring in part)
        found.append(Region(rings, shape=(shape[0], shape[1])).mask())
    return found


def same(answer: Answer, regions: list[Region], shape: tuple[int, ...]) -> None:
    came = masks(answer, shape)
    expected = [region for region in regions if not region.is_empty]
    assert len(came) == len(expected) > 0
    for mask, region, feature in zip(came, expected, answer.json, strict=True):
        assert np.array_equal(mask, region.mask())
        assert feature["properties"]["quality"] == pytest.approx(region.score, abs=1e-5)


@pytest.mark.parametrize(
    ("name", "candidates"),
    [
        ("01-live-rectangle-multimask", 3),
        ("02-rectangle-single-mask", 1),
        ("07-rectangle-downsample-3.3", 3),
        ("08-rectangle-downsample-0.25", 3),
        ("09-rectangle-rgba-small-image", 1),
    ],
)
def test_a_rectangle_gives_what_a_session_gives(
    recorded: Recorded, session: Session, name: str, candidates: int
) -> None:
    pixels = recorded.pixels(name)
    with session.encode(pixels) as scene:
        regions = scene.segment(Prompt(box=recorded.body(name)["bbox"]), candidates=candidates)
    same(recorded.send(name), regions, pixels.shape)


def test_points_give_what_a_session_gives(recorded: Recorded, session: Session) -> None:
    pixels = recorded.pixels("03-live-point")
    with session.encode(pixels) as scene:
        one = scene.segment(Prompt(points=[(333, 81)]), candidates=3)
        both = scene.segment(Prompt(points=[(333, 81), (341, 78)], negative=[(312, 60), (386, 100)]), candidates=3)
    same(recorded.send("03-live-point"), one, pixels.shape)
    same(recorded.send("04-foreground-background-points"), both, pixels.shape)


def test_everything_finds_objects_with_the_windows_defaults(recorded: Recorded, session: Session) -> None:
    pixels = recorded.pixels("05-automask-16")
    with session.encode(pixels) as scene:
        expected = scene.everything("fast")
    assert len(expected) > 15
    answer = recorded.send("05-automask-16")
    same(answer, expected, pixels.shape)
    # samapi's own spelling, which samapi answers with 500.
    assert recorded.send("05-automask-16", output_type="Single Mask").json == answer.json


def test_everything_with_numbers_of_ones_own_is_sams_generator(recorded: Recorded, session: Session) -> None:
    pixels = recorded.pixels("06-automask-4")
    options = {"points_per_side": 4, "pred_iou_thresh": 0.0, "stability_score_thresh": 0.0, "box_nms_thresh": 0.2}
    with session.encode(pixels) as scene:
        expected = scene.everything("exact", **options)
    by_point: dict[str, list[Region]] = {}
    for region in expected:
        by_point.setdefault(str(region.prompt["points"]), []).append(region)
    same(recorded.send("06-automask-4", output_type="multi-mask (ALL)"), list(expected), pixels.shape)
    smallest = [min(group, key=lambda region: region.area) for group in by_point.values()]
    same(recorded.send("06-automask-4"), smallest, pixels.shape)


def test_the_boxes_of_sam3_are_objects_and_words_alone_are_refused(recorded: Recorded, session: Session) -> None:
    pixels = recorded.pixels("13-sam3-text-boxes")
    with session.encode(pixels) as scene:
        expected = scene.segment(Prompt(box=(388, 95, 449, 171)))
    same(recorded.send("13-sam3-text-boxes"), expected, pixels.shape)
    assert recorded.send("13-sam3-text-boxes", negative_bboxes=[[388, 95, 61, 76]]).json == []
    refused = recorded.send("13-sam3-text-boxes", positive_bboxes=[])
    assert refused.status == 501
    assert "words" in refused.json["detail"]


def test_weights_are_registered_from_the_catalog_only_and_the_user_is_told(recorded: Recorded) -> None:
    unknown = recorded.send("14-register-weights")
    assert unknown.status == 200
    assert unknown.headers["content-type"].startswith("text/plain")
    assert b"sam-vit-b" in unknown.body
    assert b"nothing is fetched" in unknown.body
    licence = recorded.send("14-register-weights", name="cellsam", url="x")
    assert b"--accept-licence" in licence.body
    assert b"non-commercial" in licence.body
    assert b"installed already" in recorded.send("14-register-weights", name="x", url="samj:starter").body
    assert recorded.send("16-progress").json == {"message": None, "percent": -1}
    assert recorded.send("17-cancel").body == b"Cancel signal sent"


def test_every_type_has_at_least_one_entry_of_weights(recorded: Recorded, served: Served) -> None:
    assert recorded.send("15-fetch-weights").json == [{"type": "vit_t", "name": "starter", "url": "samj:starter"}]
    everything = served.ask("GET", "/sam/weights/").json
    assert [item["type"] for item in everything] == list(TYPES)
    assert served.ask("GET", "/sam/weights/?type=foo").status == 422


@pytest.mark.parametrize(
    "path", ["/sam/version", "/sam/version/", "/sam/weights", "/sam/progress", "/sam/weights/cancel"]
)
def test_routes_are_there_with_a_slash_at_the_end_and_without(served: Served, path: str) -> None:
    assert served.ask("GET", path).status == 200


def test_the_url_without_its_slash_is_answered_too(recorded: Recorded, served: Served) -> None:
    assert served.post("/sam", recorded.body("02-rectangle-single-mask")).status == 200


BAD: list[tuple[str, dict[str, Any], int]] = [
    ("a box that sticks out", {"bbox": [-24, 30, 326, 170]}, 200),
    ("a box with its corners swapped", {"bbox": [365, 131, 304, 55]}, 200),
    ("a box of fractions", {"bbox": [304.4, 55.2, 365.0, 131.9]}, 200),
    ("a box outside", {"bbox": [-90, -90, -5, -5]}, 422),
    ("a box without extent", {"bbox": [10, 10, 10, 40]}, 422),
    ("a box of three", {"bbox": [1, 2, 3]}, 422),
    ("a box of text", {"bbox": "all"}, 422),
    ("no prompt", {"bbox": None}, 422),
    ("no point", {"bbox": None, "point_coords": [], "point_labels": []}, 422),
    ("points without labels", {"bbox": None, "point_coords": [[300, 80]], "point_labels": None}, 422),
    ("too few labels", {"bbox": None, "point_coords": [[300, 80], [9, 9]], "point_labels": [1]}, 422),
    ("background alone", {"bbox": None, "point_coords": [[300, 80]], "point_labels": [0]}, 422),
    ("points outside", {"bbox": None, "point_coords": [[-5, 80]], "point_labels": [1]}, 422),
    ("an unknown type", {"type": "vit_x"}, 422),
    ("a type that is not installed", {"type": "vit_h"}, 200),
    ("no type", {"type": None}, 200),
    ("an unknown model of ours", {"checkpoint_url": "samj:nothing"}, 404),
    ("a model that is not installed", {"checkpoint_url": "samj:sam-vit-h"}, 404),
    ("a strange address", {"checkpoint_url": "https://example.org/x.pt"}, 200),
    ("no image", {"b64img": None}, 422),
    ("an empty image", {"b64img": ""}, 422),
    ("no base64", {"b64img": "***"}, 422),
    ("no image file", {"b64img": base64.b64encode(b"hello there, this is text").decode()}, 422),
    ("half a PNG", {"b64img": "iVBORw0KGgoAAAANSUhEUgAAAssAAALdCAIAAABV5bkK"}, 422),
    ("fields nobody knows", {"colour": "blue"}, 200),
]


@pytest.mark.parametrize(("what", "changes", "status"), BAD, ids=[what for what, _, _ in BAD])
def test_requests_out_of_the_ordinary_are_answered(
    recorded: Recorded, what: str, changes: dict[str, Any], status: int
) -> None:
    answer = recorded.send("02-rectangle-single-mask", **changes)
    assert answer.status == status, answer.body
    if status == 200:
        assert len(answer.json) == 1
    else:
        assert set(answer.json) == {"detail", "code"}
        assert "\n" not in answer.json["detail"]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff\xfe", b'"text"', b"[" * 100_000])
def test_what_is_no_object_of_json_is_refused(served: Served, body: bytes) -> None:
    assert served.post("/sam/", body).status == 422


@pytest.mark.parametrize(
    ("mode", "kind"),
    [("L", "PNG"), ("LA", "PNG"), ("RGB", "JPEG"), ("RGBA", "PNG"), ("P", "PNG"), ("I;16", "PNG"), ("1", "PNG"),
     ("CMYK", "JPEG"), ("RGB", "WEBP"), ("RGB", "BMP"), ("L", "TIFF"), ("I;16", "TIFF")],
)  # fmt: skip
def test_every_kind_of_image_is_read(recorded: Recorded, mode: str, kind: str) -> None:
    grey = Image.fromarray(recorded.pixels("09-rectangle-rgba-small-image")[..., 0])
    if mode == "I;16":
        image = Image.fromarray(np.asarray(grey).astype(np.uint16) * 200)
    else:
        image = grey.convert("RGB").convert(mode) if mode in {"P", "CMYK", "RGB", "RGBA"} else grey.convert(mode)
    file = io.BytesIO()
    image.save(file, kind)
    answer = recorded.send("09-rectangle-rgba-small-image", b64img=base64.b64encode(file.getvalue()).decode())
    (mask,) = masks(answer, (480, 640))
    assert mask.any()
