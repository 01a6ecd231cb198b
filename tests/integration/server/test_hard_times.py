"""Hard times: workers that are killed, many clients, bombs, bodies of half a gigabyte, a thousand connections."""

from __future__ import annotations

import base64
import contextlib
import io
import json
import random
import socket
import struct
import threading
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from PIL import Image
from serving import Served

from samj_bridge import Prompt
from samj_bridge.session import Session

pytestmark = pytest.mark.worker

KILLS = 20
MARK = {"type": "point", "data": [1, 1]}


@pytest.fixture(scope="module")
def nuclei(data_dir: Path) -> Path:
    return data_dir / "images" / "fluorescence_2.png"


@pytest.fixture(scope="module")
def boxes() -> list[list[int]]:
    rng = random.Random(3)
    return [[x, y, x + 40, y + 40] for x, y in ((rng.randrange(180), rng.randrange(180)) for _ in range(25))]


@pytest.fixture(scope="module")
def areas(session: Session, nuclei: Path, boxes: list[list[int]]) -> list[int]:
    with session.encode(np.asarray(Image.open(nuclei))) as scene:
        return [region.area for region in scene.segment([Prompt(box=box) for box in boxes])]


def worker_of(served: Served) -> psutil.Process | None:
    for child in psutil.Process(served.process.pid).children():
        with contextlib.suppress(psutil.Error):
            if "samj-worker-" in " ".join(child.cmdline()):
                return child
    return None


def ask(served: Served, image: str, box: list[int], client: str) -> int:
    body = {"prompts": [{"box": box}]}
    answer = served.own("POST", f"images/{image}/segment", body, **{"X-Samj-Client": client})
    assert answer.status == 200, answer.body
    return int(answer.json["features"][0]["properties"]["area"])


def test_a_worker_that_is_killed_again_and_again_is_replaced_unseen(
    served: Served, nuclei: Path, boxes: list[list[int]], areas: list[int]
) -> None:
    image = served.own("POST", "images", nuclei.read_bytes()).json["image"]
    stop = threading.Event()
    counts = [0] * 4
    chance = random.Random(16)

    def client(number: int) -> None:
        rng = random.Random(number)
        while not stop.is_set():
            which = rng.randrange(len(boxes))
            assert ask(served, image, boxes[which], f"client {number}") == areas[which]
            counts[number] += 1

    with ThreadPoolExecutor(4) as pool:
        futures = [pool.submit(client, number) for number in range(4)]
        try:
            killed: set[int] = set()
            end = time.monotonic() + 500
            while len(killed) < KILLS and time.monotonic() < end and not any(future.done() for future in futures):
                worker = worker_of(served)
                if worker is None or worker.pid in killed:
                    time.sleep(0.01)
                    continue
                before = sum(counts)
                if len(killed) < KILLS // 2:
                    # As soon as it is there, one after the other: none of these answers anything.
                    pass
                elif len(killed) % 2:
                    # While it starts, loads or encodes.
                    time.sleep(chance.uniform(0, 4))
                else:
                    while sum(counts) == before and worker.is_running() and not any(f.done() for f in futures):
                        time.sleep(0.005)
                with contextlib.suppress(psutil.NoSuchProcess):
                    worker.kill()
                killed.add(worker.pid)
        finally:
            stop.set()
        for future in futures:
            future.result(180)
    assert len(killed) == KILLS
    assert min(counts) > 0
    assert ask(served, image, boxes[0], "afterwards") == areas[0]


def test_many_clients_at_once_each_get_their_own_right_answer(
    served: Served, nuclei: Path, boxes: list[list[int]], areas: list[int]
) -> None:
    image = served.own("POST", "images", nuclei.read_bytes()).json["image"]
    view = base64.b64encode(nuclei.read_bytes()).decode()

    def client(number: int) -> int:
        rng = random.Random(number)
        for _ in range(40):
            which = rng.randrange(len(boxes))
            if number % 2:
                assert ask(served, image, boxes[which], "same for all") == areas[which]
            else:
                answer = served.post("/sam/", {"type": "vit_t", "b64img": view, "bbox": boxes[which]})
                assert answer.status == 200, answer.body
        return number

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(client, range(8))) == list(range(8))
    assert served.state()["waiting"] == []


def bomb(width: int, height: int) -> bytes:
    """Return a PNG of one bit a pixel, all black: a few kilobytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    packer = zlib.compressobj(9)
    row = bytes(1 + (width + 7) // 8)
    data = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def test_an_image_of_200_megapixels_in_a_few_kilobytes_is_refused_unpacked(served: Served) -> None:
    data = bomb(20_000, 10_000)
    assert len(data) < 100_000
    process = psutil.Process(served.process.pid)
    before = process.memory_info().rss
    view = {"type": "vit_t", "b64img": base64.b64encode(data).decode(), "bbox": [1, 1, 9, 9]}
    for answer in (
        served.post("/sam/", view),
        served.own("POST", "images", data),
        served.post("/v1/predict", {"image": view["b64img"], "params": {"marks": [MARK]}}),
    ):
        assert answer.status == 413, answer.body
        assert b"megapixels" in answer.body
    assert process.memory_info().rss - before < 100_000_000


def test_bodies_of_half_a_gigabyte_are_refused_while_others_are_answered(served: Served) -> None:
    process = psutil.Process(served.process.pid)
    before = process.memory_info().rss
    with socket.create_connection(("127.0.0.1", served.port)) as connection:
        head = f"POST /sam/ HTTP/1.1\r\nHost: 127.0.0.1:{served.port}\r\nContent-Length: 500000000\r\n\r\n"
        connection.sendall(head.encode())
        connection.settimeout(30)
        assert connection.recv(12).endswith(b"413")
    with socket.create_connection(("127.0.0.1", served.port)) as connection:
        head = f"POST /sam/ HTTP/1.1\r\nHost: 127.0.0.1:{served.port}\r\nTransfer-Encoding: chunked\r\n\r\n"
        connection.sendall(head.encode())
        piece = b"100000\r\n" + bytes(1 << 20) + b"\r\n"
        connection.settimeout(30)
        with contextlib.suppress(OSError):
            for _ in range(500):
                connection.sendall(piece)
        assert served.ask("GET", "/health").status == 200
    assert process.memory_info().rss - before < 500_000_000


def test_a_thousand_idle_connections_leave_room(served: Served) -> None:
    idle = []
    try:
        for _ in range(1000):
            idle.append(socket.create_connection(("127.0.0.1", served.port), 10))
        assert served.ask("GET", "/health").status == 200
        assert len(psutil.Process(served.process.pid).net_connections("tcp")) < 400
    finally:
        for connection in idle:
            connection.close()


def test_what_a_bad_request_says_is_no_secret_of_this_machine(served: Served) -> None:
    for answer in (
        served.post("/sam/", {"b64img": base64.b64encode(b"II*\0nonsense").decode()}),
        served.own("POST", "images", b"II*\0nonsense"),
        served.own("POST", "images", b"no image at all"),
    ):
        assert answer.status in {413, 422}, answer.body
        assert b"/tmp" not in answer.body
        json.loads(answer.body)


def test_requests_of_random_fields_never_give_a_fault(served: Served) -> None:
    rng = random.Random(11)
    values: list[Any] = [
        None,
        0,
        -1,
        1e30,
        "",
        "x",
        [],
        [[]],
        [1, 2],
        [[1, 2]],
        {},
        {"a": 1},
        True,
        [None],
        "samj:",
    ]
    paths = {
        "/sam/": ["type", "bbox", "point_coords", "point_labels", "b64img", "multimask_output", "checkpoint_url"],
        "/sam/automask/": ["type", "points_per_side", "b64img", "output_type", "box_nms_thresh", "crop_n_layers"],
        "/sam/sam3/": ["text_prompt", "positive_bboxes", "negative_bboxes", "b64img"],
        "/sam/weights/": ["type", "name", "url"],
        "/sam/video/": ["dirname", "objs"],
        "/v1/predict": ["model", "image", "params"],
        "/predict": ["tasks", "label_config", "params"],
        "/setup": ["schema"],
    }
    image = io.BytesIO()
    Image.new("RGB", (16, 16)).save(image, "PNG")
    view = base64.b64encode(image.getvalue()).decode()
    for _ in range(400):
        path = rng.choice(list(paths))
        body = {name: rng.choice(values) for name in paths[path] if rng.random() < 0.8}
        if rng.random() < 0.7:
            body |= {"b64img": view, "image": view}
        answer = served.post(path, body)
        assert answer.status in {200, 404, 413, 422, 501, 502}, (path, body, answer.body)
