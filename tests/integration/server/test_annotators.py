"""Label Studio's backend protocol and X-AnyLabeling's remote server, with the shapes that these programs send."""

from __future__ import annotations

import base64
import http.server
import io
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from serving import Answer, Served

from samj_bridge import Prompt
from samj_bridge.geometry.region import Region
from samj_bridge.server.clients.brush import decode_rle, encode_rle
from samj_bridge.server.fetching import Fetcher, NotFetched, origin_of
from samj_bridge.session import Session

pytestmark = pytest.mark.worker

CONFIG = """
<View>
  <!-- as Label Studio's template has it -->
  <Image name="image" value="$picture"/>
  <{output} name="tag" toName="image"><Label value="cell"/><Label value="nucleus"/></{output}>
  <KeyPointLabels name="points" toName="image" smart="true"><Label value="nucleus"/></KeyPointLabels>
  <RectangleLabels name="boxes" toName="image" smart="true"><Label value="nucleus"/></RectangleLabels>
</View>
"""


@pytest.fixture(scope="module")
def nuclei(data_dir: Path) -> np.ndarray:
    return np.asarray(Image.open(data_dir / "images" / "fluorescence_2.png").convert("RGB"))


@pytest.fixture(scope="module")
def address(nuclei: np.ndarray) -> str:
    file = io.BytesIO()
    Image.fromarray(nuclei).save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def predict(
    served: Served, address: str, result: Any, *, output: str = "BrushLabels", path: str = "/predict"
) -> Answer:
    context = {"result": result} if isinstance(result, list) else result
    body = {
        "tasks": [{"id": 7, "data": {"picture": address}}],
        "project": "1.1700000000",
        "label_config": CONFIG.format(output=output),
        "params": {"login": None, "password": None, "context": context},
    }
    return served.post(path, body)


def key_point(x: float, y: float, shape: tuple[int, ...], **extra: Any) -> dict[str, Any]:
    height, width = shape[:2]
    value = {"x": 100 * x / width, "y": 100 * y / height, "width": 0.3, "keypointlabels": ["nucleus"]}
    return {
        "type": "keypointlabels", "value": value, "from_name": "points", "to_name": "image",
        "original_width": width, "original_height": height, **extra,
    }  # fmt: skip


def rectangle(box: tuple[float, float, float, float], shape: tuple[int, ...]) -> dict[str, Any]:
    height, width = shape[:2]
    x0, y0, x1, y1 = box
    value = {
        "x": 100 * x0 / width, "y": 100 * y0 / height, "width": 100 * (x1 - x0) / width,
        "height": 100 * (y1 - y0) / height, "rotation": 0, "rectanglelabels": ["nucleus"],
    }  # fmt: skip
    return {"type": "rectanglelabels", "value": value, "original_width": width, "original_height": height}


@pytest.mark.parametrize("start", ["", "/label-studio"])
def test_label_studio_connects(served: Served, start: str) -> None:
    assert served.ask("GET", f"{start}/health").json["status"] == "UP"
    answer = served.post(f"{start}/setup", {"project": "1.17", "schema": CONFIG.format(output="BrushLabels")})
    assert answer.json["model_version"].startswith("samj-bridge")
    assert served.post(f"{start}/webhook", {"action": "PROJECT_UPDATED"}).status == 201
    assert served.post(f"{start}/setup", {"project": "1.17", "schema": ""}).status == 200


def test_clicks_become_a_brush_mask_exactly(
    served: Served, session: Session, nuclei: np.ndarray, address: str
) -> None:
    given = [
        key_point(66.2, 57.7, nuclei.shape, is_positive=1),
        key_point(120.4, 57.9, nuclei.shape, is_positive=0),
    ]
    answer = predict(served, address, given)
    assert answer.status == 200, answer.body
    (prediction,) = answer.json["results"]
    (item,) = prediction["result"]
    assert (item["type"], item["from_name"], item["to_name"]) == ("brushlabels", "tag", "image")
    assert item["value"]["brushlabels"] == ["nucleus"]
    assert (item["original_height"], item["original_width"]) == nuclei.shape[:2]
    with session.encode(nuclei) as scene:
        (region,) = scene.segment(Prompt(points=[(66.2, 57.7)], negative=[(120.4, 57.9)]))
    assert np.array_equal(decode_rle(item["value"]["rle"], nuclei.shape[:2]), region.mask())
    newer = [{**item, "value": {**item["value"], "positive": bool(item.pop("is_positive"))}} for item in given]
    assert predict(served, address, newer).json["results"][0]["result"][0]["value"] == item["value"]


def test_a_rectangle_becomes_polygons_in_percent(
    served: Served, session: Session, nuclei: np.ndarray, address: str
) -> None:
    box = (40.0, 30.0, 92.0, 85.0)
    answer = predict(served, address, [rectangle(box, nuclei.shape)], output="PolygonLabels")
    (item,) = answer.json["results"][0]["result"]
    assert item["type"] == "polygonlabels"
    points = np.array(item["value"]["points"]) * nuclei.shape[1::-1] / 100
    with session.encode(nuclei) as scene:
        (region,) = scene.segment(Prompt(box=box))
    found = Region((np.rint(points).astype(np.int32),), shape=nuclei.shape[:2]).mask()
    union = (found | region.mask()).sum()
    assert (found & region.mask()).sum() / union > 0.95
    assert len(points) < len(region.rings[0])


def test_a_rectangle_alone_can_be_the_answer(served: Served, nuclei: np.ndarray, address: str) -> None:
    tags = '<RectangleLabels name="b" toName="image"><Label value="n"/></RectangleLabels>'
    config = f'<View><Image name="image" value="$picture"/>{tags}</View>'
    body = {
        "tasks": [{"id": 7, "data": {"picture": address}}],
        "label_config": config,
        "params": {"context": {"result": [key_point(66, 57, nuclei.shape, is_positive=1)]}},
    }
    (item,) = served.post("/predict", body).json["results"][0]["result"]
    assert item["type"] == "rectanglelabels"
    assert 0 < item["value"]["width"] < 50


def test_a_task_that_is_opened_is_encoded_for_the_clicks_to_come(served: Served, address: str) -> None:
    other = np.random.default_rng(5).integers(0, 255, (90, 110, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(other).save(file, "PNG")
    fresh = "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
    before = served.state()["done"]
    answer = predict(served, fresh, None)
    assert answer.json["results"] == []
    answer = predict(served, fresh, {"event": "prewarm", "frame": 0, "window": 10})
    assert answer.json["results"][0]["value"]["status"] == "ok"
    for _ in range(600):
        if served.state()["done"] >= before + 2:
            break
    assert served.state()["done"] >= before + 2


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"tasks": None}, 422),
        ({"tasks": []}, 200),
        ({"tasks": [{"id": 1, "data": {}}]}, 422),
        ({"tasks": [{"id": 1, "data": {"picture": "/data/upload/1.png"}}]}, 502),
        ({"tasks": [{"id": 1, "data": {"picture": "http://127.0.0.1:9/x.png"}}]}, 502),
        ({"tasks": [{"id": 1, "data": {"picture": "file:///etc/hostname"}}]}, 502),
        ({"label_config": ""}, 422),
        ({"label_config": "<View>"}, 422),
        ({"label_config": "<View><Text name='t' value='$t'/></View>"}, 422),
        ({"label_config": "<!DOCTYPE View [<!ENTITY a 'b'>]><View>&a;</View>"}, 422),
        ({"params": {"context": {"result": [{"type": "brushlabels", "value": {}}]}}}, 422),
        ({"params": {"context": {"result": [{"type": "keypointlabels"}]}}}, 422),
        ({"params": {"context": {"result": [{"type": "keypointlabels", "value": {"x": "a", "y": 1}}]}}}, 422),
    ],
)
def test_what_label_studio_would_not_send_is_refused(
    served: Served, address: str, changes: dict[str, Any], status: int
) -> None:
    body = {
        "tasks": [{"id": 7, "data": {"picture": address}}],
        "label_config": CONFIG.format(output="BrushLabels"),
        "params": {"context": {"result": [{"type": "keypointlabels", "value": {"x": 20, "y": 20}}]}},
    }
    answer = served.post("/predict", {**body, **changes})
    assert answer.status == status, answer.body


@pytest.mark.parametrize("shape", [(1, 1), (3, 7), (260, 300)])
def test_brush_masks_come_back_as_they_went(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(1)
    for mask in (np.zeros(shape, bool), np.ones(shape, bool), rng.random(shape) > 0.5, rng.random(shape) > 0.99):
        assert np.array_equal(decode_rle(encode_rle(mask), shape), mask)


def test_a_stream_of_label_studios_own_encoder_is_read() -> None:
    # brush.mask2rle of label-studio-sdk made it, of np.eye(3): words that differ come there in one run.
    theirs = [0, 0, 0, 36, 57, 27, 252, 127, 246, 192, 35, 255, 182, 1, 31, 248]
    assert np.array_equal(decode_rle(theirs, (3, 3)), np.eye(3, dtype=bool))


class _LabelStudio(http.server.BaseHTTPRequestHandler):
    seen: list[tuple[str, str]]
    picture: bytes

    def do_GET(self) -> None:
        self.seen.append((self.path, self.headers.get("Authorization", "")))
        if self.path == "/elsewhere":
            self.send_response(302)
            self.send_header("Location", "http://127.0.0.2:1/secret")
            self.end_headers()
            return
        if not self.headers.get("Authorization", "").endswith(("key", "short")):
            self.send_error(401)
            return
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.picture)

    def do_POST(self) -> None:
        self.seen.append((self.path, self.rfile.read(int(self.headers["Content-Length"])).decode()))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"access": "short"}')

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def label_studio() -> Iterator[tuple[str, list[tuple[str, str]]]]:
    seen: list[tuple[str, str]] = []
    handler = type("Handler", (_LabelStudio,), {"seen": seen, "picture": b"bytes"})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", seen
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_images_are_fetched_with_label_studios_token(label_studio: tuple[str, list[tuple[str, str]]]) -> None:
    address, seen = label_studio
    assert Fetcher(address, "key").fetch("/data/upload/1/x.png") == b"bytes"
    assert seen == [("/data/upload/1/x.png", "Token key")]
    seen.clear()
    newer = Fetcher(address, "a.b.c")
    assert newer.fetch("/data/x.png") == newer.fetch(f"{address}/data/x.png") == b"bytes"
    assert [path for path, _ in seen] == ["/api/token/refresh", "/data/x.png", "/data/x.png"]
    assert seen[1][1] == "Bearer short"
    with pytest.raises(NotFetched, match="401"):
        Fetcher(address).fetch("/data/x.png")


def test_images_are_fetched_from_named_servers_only(label_studio: tuple[str, list[tuple[str, str]]]) -> None:
    address, seen = label_studio
    fetcher = Fetcher(address, "key", ["http://127.0.0.1:9"])
    for other in ("http://localhost:1/x", "http://127.0.0.1/x", "https://127.0.0.1:9/x", "ftp://a/b", "file:///x"):
        with pytest.raises(NotFetched, match="not fetched from"):
            fetcher.fetch(other)
    with pytest.raises(NotFetched):
        fetcher.fetch(f"{address}/elsewhere")
    with pytest.raises(NotFetched, match="running"):
        fetcher.fetch("http://127.0.0.1:9/x")
    assert [path for path, _ in seen] == ["/elsewhere"]
    assert origin_of("http://user@Host/x") == "http://host:80"


def marks(served: Served, address: str, given: list[dict[str, Any]], **params: Any) -> Answer:
    body = {"model": "starter", "image": address, "params": {"marks": given, "epsilon_factor": 0.001, **params}}
    return served.post("/v1/predict", body, Token="")


def test_x_anylabeling_gets_its_models(served: Served) -> None:
    data = served.ask("GET", "/v1/models", headers={"Token": ""}).json["data"]
    assert list(data) == ["starter"]
    assert {"display_name", "widgets", "params", "batch_processing_mode"} == set(data["starter"])
    assert "button_add_point" in {widget["name"] for widget in data["starter"]["widgets"]}
    assert served.ask("GET", "/v1/health").json["success"]


def test_marks_become_shapes(served: Served, session: Session, nuclei: np.ndarray, address: str) -> None:
    point = [{"type": "point", "data": [66, 57], "label": 1}, {"type": "point", "data": [120, 57], "label": 0}]
    (shape,) = marks(served, address, point, epsilon_factor=0).json["data"]["shapes"]
    assert (shape["label"], shape["shape_type"]) == ("AUTOLABEL_OBJECT", "polygon")
    assert shape["points"][0] == shape["points"][-1]
    with session.encode(nuclei) as scene:
        (region,) = scene.segment(Prompt(points=[(66, 57)], negative=[(120, 57)]))
    exact = Region((np.array(shape["points"][:-1], np.int32),), shape=nuclei.shape[:2])
    assert np.array_equal(exact.mask(), region.mask())
    (coarse,) = marks(served, address, point).json["data"]["shapes"]
    assert len(coarse["points"]) < len(shape["points"])
    boxes = [
        {"type": "rectangle", "data": [40, 30, 92, 85], "label": 1},
        {"type": "rectangle", "data": [100, 90, 160, 150], "label": 1},
    ]
    assert len(marks(served, address, boxes).json["data"]["shapes"]) >= 2
    assert marks(served, address, []).json == {"success": True, "data": {"shapes": [], "description": ""}}


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ([{"type": "point", "data": [-5, 3], "label": 1}], 422),
        ([{"type": "point", "data": [1], "label": 1}], 422),
        ([{"type": "polygon", "data": [1], "label": 1}], 422),
        ([{"type": "rectangle", "label": 1}], 422),
        ([{"type": "point", "data": [5, 3], "label": 0}], 422),
        ("all", 422),
    ],
)
def test_marks_that_can_not_be_used_are_refused_in_the_programs_words(
    served: Served, address: str, given: Any, status: int
) -> None:
    answer = marks(served, address, given)
    assert answer.status == status
    assert answer.json["success"] is False
    assert answer.json["error"]["message"]
    assert served.post("/v1/predict", {"model": "nothing", "image": address}).status == 404
