"""Our own API: images, prompts, everything, files, models, installations."""

from __future__ import annotations

import http.client
import io
import json
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from serving import Served

from samj_bridge import Prompt, read_image
from samj_bridge.geometry.region import Region
from samj_bridge.session import Session

pytestmark = pytest.mark.worker


@pytest.fixture(scope="module")
def nuclei(data_dir: Path) -> Path:
    return data_dir / "images" / "fluorescence_2.png"


@pytest.fixture
def image(served: Served, nuclei: Path) -> str:
    answer = served.own("POST", "images", nuclei.read_bytes())
    assert answer.status == 201
    return str(answer.json["image"])


def masks(collection: dict[str, Any], shape: tuple[int, int]) -> list[np.ndarray]:
    found = []
    for feature in collection["features"]:
        rings = tuple(np.array(ring, np.int32) for ring in feature["properties"]["rings"])
        found.append(Region(rings, shape=shape).mask())
    return found


def test_prompts_give_what_a_session_gives(served: Served, session: Session, nuclei: Path, image: str) -> None:
    pixels = np.asarray(Image.open(nuclei))
    prompts = [
        {"box": [40, 30, 92, 85], "name": "one"},
        {"points": [[100, 100], [104, 103]], "negative": [[130, 100]]},
    ]
    answer = served.own("POST", f"images/{image}/segment", {"prompts": prompts, "candidates": 2})
    assert answer.status == 200, answer.body
    with session.encode(pixels) as scene:
        asked = [
            Prompt(box=(40, 30, 92, 85), name="one"),
            Prompt(points=[(100, 100), (104, 103)], negative=[(130, 100)]),
        ]
        expected = scene.segment(asked, candidates=2)
    for mask, region, feature in zip(
        masks(answer.json, pixels.shape[:2]), expected, answer.json["features"], strict=True
    ):
        assert np.array_equal(mask, region.mask())
        assert feature["properties"]["area"] == region.area
        assert (feature["properties"]["prompt"], feature["properties"]["candidate"]) == (
            region.prompt_index,
            region.candidate,
        )
    refined = {
        "prompts": [{"points": [[60, 50]], "mask": {"rings": answer.json["features"][0]["properties"]["rings"]}}]
    }
    assert served.own("POST", f"images/{image}/segment", refined).status == 200


def test_everything_comes_line_by_line(served: Served, session: Session, nuclei: Path, image: str) -> None:
    answer = served.own("POST", f"images/{image}/everything", {"min_area": 30})
    lines = [json.loads(line) for line in answer.body.splitlines()]
    found = [line["region"] for line in lines if "region" in line]
    with session.encode(np.asarray(Image.open(nuclei))) as scene:
        expected = scene.everything(min_area=30)
    assert [item["properties"]["area"] for item in found] == [region.area for region in expected]
    assert any("progress" in line for line in lines)
    assert lines[-1]["done"] == {"objects": len(expected), "message": expected.message}
    assert served.own("POST", f"images/{image}/everything", {"mode": "slow"}).status == 422
    assert served.own("POST", f"images/{image}/everything", {"colour": 3}).status == 422


def test_a_request_names_no_file_to_write(served: Served, image: str, tmp_path: Path) -> None:
    for name in ("record", "progress", "cancel"):
        body = {name: str(tmp_path / "written.part")}
        assert served.own("POST", f"images/{image}/everything", body).status == 422
    assert list(tmp_path.iterdir()) == []


def test_an_image_is_encoded_once_whoever_sends_it(served: Served, nuclei: Path) -> None:
    pixels = np.asarray(Image.open(nuclei))
    other = io.BytesIO()
    Image.fromarray(pixels).save(other, "BMP")
    first = served.own("POST", "images", nuclei.read_bytes()).json["image"]
    assert served.own("POST", "images", other.getvalue()).json["image"] == first
    served.own("POST", f"images/{first}/encode", {})
    before = served.state()["images"]
    served.own("POST", f"images/{first}/encode", {}, **{"X-Samj-Client": "another"})
    assert served.state()["images"] == before


def test_an_image_that_is_not_kept_is_asked_for_again(served: Served, image: str) -> None:
    assert served.own("GET", f"images/{image}").json["width"] > 0
    assert served.own("DELETE", f"images/{image}").status == 200
    for answer in (
        served.own("GET", f"images/{image}"),
        served.own("POST", f"images/{image}/segment", {"prompts": [{"points": [[1, 1]]}]}),
    ):
        assert answer.status == 404
        assert answer.json["code"] == "unknown-image"


BAD: list[tuple[dict[str, Any], int]] = [
    ({}, 422),
    ({"prompts": []}, 422),
    ({"prompts": [3]}, 422),
    ({"prompts": [{}]}, 422),
    ({"prompts": [{"point": [1, 1]}]}, 422),
    ({"prompts": [{"points": [[1, 1, 1]]}]}, 422),
    ({"prompts": [{"points": [["1", 1]]}]}, 422),
    ({"prompts": [{"points": [[1e9, 1]]}]}, 422),
    ({"prompts": [{"mask": {"rings": [[[0, 0], [1, 1]]]}}]}, 422),
    ({"prompts": [{"mask": "all"}]}, 422),
    ({"prompts": [{"points": [[1, 1]]}], "candidates": 9}, 422),
    ({"prompts": [{"points": [[1, 1]]}], "fill_holes": "yes"}, 422),
    ({"prompts": [{"points": [[1, 1]]}], "model": "nothing"}, 404),
    ({"prompts": [{"points": [[1, 1]]}], "model": "sam-vit-b"}, 404),
    ({"prompts": [{"points": [[1, 1]]}] * 10_001}, 422),
]


@pytest.mark.parametrize(("body", "status"), BAD)
def test_prompts_that_can_not_be_used_are_refused(
    served: Served, image: str, body: dict[str, Any], status: int
) -> None:
    answer = served.own("POST", f"images/{image}/segment", body)
    assert answer.status == status, answer.body
    assert answer.json["detail"]


def test_files_below_the_root_are_listed_and_opened(served: Served, data_dir: Path) -> None:
    source = data_dir / "images" / "stardist_16bit_2d.tif"
    folder = served.root / "sub é"
    folder.mkdir()
    (folder / "cells 漢.tif").write_bytes(source.read_bytes())
    (folder / "notes.txt").write_text("no image")
    assert served.own("GET", "files").json["folders"] == [str(served.root)]
    listed = served.own("GET", "files?path=sub%20%C3%A9").json
    assert (listed["folders"], listed["files"]) == ([], ["cells 漢.tif"])
    opened = served.own("POST", "images", {"path": "sub é/cells 漢.tif"}, **{"Content-Type": "application/json"})
    assert opened.status == 201, opened.body
    assert opened.json["dtype"] == "uint16"
    assert (opened.json["height"], opened.json["width"]) == read_image(source).pixels.shape


def test_nothing_outside_the_root_is_ever_opened(served: Served, tmp_path: Path, nuclei: Path) -> None:
    outside = tmp_path / "outside.png"
    outside.write_bytes(nuclei.read_bytes())
    (served.root / "link.png").symlink_to(outside)
    (served.root / "linked").symlink_to(tmp_path, target_is_directory=True)
    names = [
        str(outside), "../outside.png", f"{served.root}/../{tmp_path.name}/outside.png", "link.png",
        "linked/outside.png", "linked", "~", "..", "\0", "a\0b", "x" * 5000, "no such file.png",
    ]  # fmt: skip
    for name in names:
        answer = served.own("POST", "images", {"path": name}, **{"Content-Type": "application/json"})
        assert answer.status == 404, (name, answer.body)
        assert answer.json["code"] == "not-served"
    for name in ("..", "linked", str(tmp_path)):
        assert served.own("GET", f"files?path={name}").status == 404


def test_models_say_their_licence_and_what_must_be_accepted_is_not_skipped(served: Served) -> None:
    models = {item["id"]: item for item in served.own("GET", "models").json["models"]}
    assert models["starter"]["installed"]
    assert models["cellsam"]["must_accept"]
    refused = served.own("POST", "models/cellsam/install", {})
    assert refused.status == 403
    assert refused.json["code"] == "licence-not-accepted"
    assert served.own("POST", "models/nothing/install").status == 404
    assert served.own("POST", "models/starter/install").status == 422
    assert served.own("GET", "installs/999").status == 404


def test_a_client_that_goes_away_stops_its_work(served: Served, image: str) -> None:
    body = json.dumps({"mode": "exact", "points_per_side": 200, "pred_iou_thresh": 0.0}).encode()
    headers = {"X-Samj-Token": served.token, "X-Samj-Client": "hasty"}
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=60)
    connection.request("POST", f"/api/images/{image}/everything", body, headers)
    _wait(lambda: (served.state()["now"] or {}).get("client") == "api hasty")
    connection.close()
    _wait(lambda: served.state()["now"] is None)
    # It would have taken minutes.
    assert served.own("POST", f"images/{image}/segment", {"prompts": [{"points": [[60, 50]]}]}).status == 200


def test_state_is_answered_at_once_and_others_are_asked_in_turn_while_a_network_runs(
    served: Served, image: str
) -> None:
    token = {"X-Samj-Token": served.token}
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=60)
    body = json.dumps({"mode": "exact", "points_per_side": 100, "pred_iou_thresh": 0.0}).encode()
    connection.request("POST", f"/api/images/{image}/everything", body, token)
    _wait(lambda: (served.state()["now"] or {}).get("what", "").startswith("everything"))
    done: list[int] = []

    def prompt() -> None:
        done.append(served.own("POST", f"images/{image}/segment", {"prompts": [{"points": [[60, 50]]}]}).status)

    thread = threading.Thread(target=prompt)
    thread.start()
    _wait(lambda: any(job["what"].startswith("1 prompts") for job in served.state()["waiting"]))
    state = served.state()
    assert state["now"]["what"].startswith("everything")
    assert served.ask("GET", "/sam/progress/").status == 200
    connection.close()
    thread.join(60)
    assert done == [200]


def _wait(condition: Any) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)
