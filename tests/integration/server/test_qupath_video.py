"""Runs of the SAM extension through stacks and series: recorded requests, frames uploaded as it uploads them."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw
from serving import Answer, Recorded, Served

from samj_bridge import Prompt
from samj_bridge.geometry.rasterise import rasterise
from samj_bridge.session import Session

pytestmark = pytest.mark.worker

FRAMES = 4
BOX = (120, 120, 260, 240)
"""The box of the recorded request, on frame 1."""


def frames(size: tuple[int, int]) -> list[bytes]:
    """Return JPEG files: a disc in the box that goes to the right, and one that stays."""
    made = []
    for number in range(FRAMES):
        picture = Image.new("RGB", size, (20, 22, 24))
        draw = ImageDraw.Draw(picture)
        draw.ellipse((142 + 6 * number, 134, 232 + 6 * number, 224), fill=(190, 180, 200))
        draw.ellipse((300, 40, 360, 100), fill=(170, 180, 160))
        file = io.BytesIO()
        picture.save(file, "JPEG")
        made.append(file.getvalue())
    return made


def upload(served: Served, folder: str, number: int, data: bytes) -> Answer:
    part = "------------------1795902915887"
    body = (
        f'{part}\r\nContent-Disposition: form-data; name="dirname"\r\n'
        f"Content-Type: text/plain; charset=UTF-8\r\n\r\n{folder}\r\n"
        f'{part}\r\nContent-Disposition: form-data; name="file"; filename="{number}.jpg"\r\n'
        f"Content-Type: image/jpeg\r\n\r\n"
    ).encode()
    kind = f"multipart/form-data; boundary={part[2:]}"
    return served.ask("POST", "/sam/upload/", body + data + f"\r\n{part}--\r\n".encode(), {"Content-Type": kind})


def uploaded(served: Served, folder: str, size: tuple[int, int] = (420, 300)) -> list[np.ndarray]:
    """Upload all frames, the last one first; return their pixels."""
    files = frames(size)
    for number in reversed(range(FRAMES)):
        answer = upload(served, folder, number, files[number])
        assert (answer.status, answer.json) == (200, {"filename": f"{number}.jpg"})
    return [np.asarray(Image.open(io.BytesIO(data))) for data in files]


def mask_of(feature: dict[str, Any], shape: tuple[int, ...]) -> np.ndarray:
    coordinates = feature["geometry"]["coordinates"]
    parts = [coordinates] if feature["geometry"]["type"] == "Polygon" else coordinates
    return rasterise([np.array(ring[:-1]) for part in parts for ring in part], shape[:2])


def test_a_time_series_gives_what_a_session_gives_on_every_frame(
    recorded: Recorded, served: Served, session: Session
) -> None:
    body = recorded.body("11-video-xyt")
    pixels = uploaded(served, body["dirname"])
    answer = recorded.send("11-video-xyt")
    assert answer.status == 200, answer.body
    with session.encode_stack(pixels, "t") as stack:
        expected = {step.plane: step.region for step in stack.propagate([(1, Prompt(box=BOX))])}
    assert len(expected) == FRAMES
    assert len(answer.json) == FRAMES
    for feature in answer.json:
        plane, properties = feature["geometry"]["plane"], feature["properties"]
        assert 0 < properties.pop("quality") <= 1
        # The object without a prompt, which the extension has lost, is left out.
        assert properties == {"object_idx": 1, "label": "object", "sam_model": "starter"}
        assert (plane["c"], plane["z"]) == (-1, 0)
        region = expected.pop(plane["t"])
        assert np.array_equal(mask_of(feature, pixels[0].shape), region.mask(pixels[0].shape[:2]))
    # The frames have gone.
    assert recorded.send("11-video-xyt").status == 422


def test_a_stack_keeps_its_time_and_objects_keep_their_numbers(recorded: Recorded, served: Served) -> None:
    folder = "a-stack"
    uploaded(served, folder)
    objects = [{"obj_id": 7, "bbox": list(BOX)}, {"obj_id": 3, "point_coords": [[330, 70]], "point_labels": [1]}]
    changes = {"dirname": folder, "axes": "XYZ", "plane_position": 5, "objs": {"1": objects}}
    answer = recorded.send("11-video-xyt", **changes)
    assert answer.status == 200, answer.body
    assert {feature["properties"]["object_idx"] for feature in answer.json} == {7, 3}
    for number in (7, 3):
        planes = [one["geometry"]["plane"] for one in answer.json if one["properties"]["object_idx"] == number]
        assert sorted(plane["z"] for plane in planes) == list(range(FRAMES))
        assert {plane["t"] for plane in planes} == {5}


def test_the_boxes_of_sam3_are_followed_and_words_alone_are_refused(recorded: Recorded, served: Served) -> None:
    item = {"obj_id": 0, "text": "disc", "boxes_xywh": [[0, 0, 30, 30], [120, 120, 140, 120]], "box_labels": [0, 1]}
    for objects, status in (([item], 200), ([{"obj_id": 0, "text": "disc"}], 501)):
        uploaded(served, "boxes")
        body = {"type": "sam3", "dirname": "boxes", "axes": "XYT", "objs": {"1": objects}}
        answer = served.post("/sam/sam3video/", body)
        assert answer.status == status, answer.body
        if status == 200:
            assert {one["properties"]["object_idx"] for one in answer.json} == {0}
            assert len(answer.json) == FRAMES
    assert "words" in answer.json["detail"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"dirname": "nobody-uploaded-this"}, "no-frames"),
        ({"dirname": "../../etc"}, "no-frames"),
        ({"objs": {}}, "no-prompt"),
        ({"objs": {"0": [{"obj_id": 0}]}}, "no-prompt"),
        ({"objs": {"9": [{"obj_id": 0, "bbox": [1, 1, 9, 9]}]}}, "bad-field"),
        ({"objs": {"-1": []}}, "bad-field"),
        ({"objs": {"0": 5}}, "bad-field"),
        ({"objs": None}, "bad-field"),
        ({"axes": "ZYX"}, "bad-field"),
        ({"objs": {"0": [{"obj_id": n, "bbox": [1, 1, 9, 9]} for n in range(1001)]}}, "too-much"),
        ({"objs": {"0": [{"obj_id": 0, "bbox": [9000, 9000, 9100, 9100]}]}}, "prompt-outside-image"),
    ],
)
def test_runs_that_can_not_be_made_are_refused_in_one_line(
    recorded: Recorded, served: Served, changes: dict[str, Any], code: str
) -> None:
    uploaded(served, "a-run")
    answer = recorded.send("11-video-xyt", **{"dirname": "a-run", **changes})
    assert (answer.status, answer.json["code"]) == (422, code), answer.body
    assert "\n" not in answer.json["detail"]


def test_frames_that_are_empty_or_of_several_sizes_are_said(recorded: Recorded, served: Served) -> None:
    for folder, data, words in (("empty", b"", "frame"), ("sizes", frames((60, 50))[0], "Plane 2")):
        uploaded(served, folder)
        assert upload(served, folder, 2, data).status == 200
        answer = recorded.send("11-video-xyt", dirname=folder)
        assert answer.status == 422, answer.body
        assert words in answer.json["detail"]
        assert "/tmp" not in answer.json["detail"]
