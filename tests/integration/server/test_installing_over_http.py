"""Models are installed over HTTP as QuPath's extension does it: a sentence, progress meanwhile, cancel."""

from __future__ import annotations

import asyncio
import base64
import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from fakes.file_server import FileServer, serve
from fakes.model_files import FileContent, offer, table, write_catalog

from samj_bridge.download import digest_file
from samj_bridge.models import find_model
from samj_bridge.server.access import Access
from samj_bridge.server.app import make_app
from samj_bridge.server.bounds import BoundedProtocol
from samj_bridge.server.services import Services
from samj_bridge.server.serving import _Server
from samj_bridge.settings import Settings

pytestmark = pytest.mark.worker


class Laboratory:
    """A server whose laboratory offers the starter under two other names, one with a licence of its own."""

    def __init__(self, services: Services, files: FileServer) -> None:
        self.services, self.files, self.port = services, files, 0

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=300)
        try:
            data = None if body is None else json.dumps(body)
            connection.request(method, path, data, {"X-Samj-Token": "token"})
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def register(self, name: str, url: str = "-") -> str:
        status, said = self.ask("POST", "/sam/weights/", {"type": "vit_t", "name": name, "url": url})
        assert status == 200
        return said.decode().strip()

    def progress(self) -> dict[str, Any]:
        return dict(json.loads(self.ask("GET", "/sam/progress/")[1]))


@pytest.fixture
def laboratory(ready_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Laboratory]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    home = tmp_path / "home"
    home.mkdir()
    (home / "envs").symlink_to(ready_home / "envs", target_is_directory=True)
    weights = find_model("starter", Settings(home=home)).file
    assert weights is not None
    digests = digest_file(weights)
    known = {"size": digests.size, "hashes": list(digests.as_hashes())}
    with serve(FileServer()) as files:
        url = offer(files, "/lab/weights.safetensors", FileContent(weights))
        models = {
            "lab_model": {**table(url), **known},
            "strict_model": {**table(url), **known, "licence": "Ours, for looking only"},
        }
        settings = Settings(home=home, catalog=str(write_catalog(tmp_path / "lab.toml", **models)))
        services = Services.of(settings)
        made = Laboratory(services, files)
        listener = socket.create_server(("127.0.0.1", 0))
        made.port = listener.getsockname()[1]
        app = make_app(services, Access.of("token", "127.0.0.1"))
        server = _Server(uvicorn.Config(app, http=BoundedProtocol, ws="none", lifespan="off", log_config=None))
        thread = threading.Thread(target=lambda: asyncio.run(server.serve([listener])))
        thread.start()
        while not server.started:
            time.sleep(0.01)
        try:
            yield made
        finally:
            services.close()
            server.should_exit = True
            thread.join(30)


def test_a_model_is_registered_with_progress_and_can_then_be_chosen(laboratory: Laboratory, data_dir: Path) -> None:
    laboratory.files.bytes_per_s = 1e6
    with ThreadPoolExecutor(1) as pool:
        said = pool.submit(laboratory.register, "lab-model")
        seen = []
        while not said.done():
            seen.append(laboratory.progress())
            time.sleep(0.05)
    assert said.result() == "lab-model is installed (MIT). Choose it under every type."
    percents = [item["percent"] for item in seen if " MB" in (item["message"] or "")]
    assert len(set(percents)) >= 3
    assert percents[0] < 60
    assert laboratory.progress() == {"message": None, "percent": -1}
    listed = json.loads(laboratory.ask("GET", "/sam/weights/?type=vit_t")[1])
    assert [item["name"] for item in listed] == ["lab-model", "starter"]
    assert "installed already" in laboratory.register("another name", "samj:lab-model")
    image = base64.b64encode((data_dir / "images" / "fluorescence_2.png").read_bytes()).decode()
    body = {"type": "vit_h", "b64img": image, "bbox": [40, 30, 92, 85], "checkpoint_url": "samj:lab-model"}
    status, answer = laboratory.ask("POST", "/sam/", body)
    (feature,) = json.loads(answer)
    assert (status, feature["properties"]["sam_model"]) == (200, "lab-model")


def test_an_installation_is_stopped_and_goes_on_where_it_was(laboratory: Laboratory) -> None:
    laboratory.files.bytes_per_s = 2e5
    with ThreadPoolExecutor(1) as pool:
        said = pool.submit(laboratory.register, "lab-model")
        while laboratory.progress()["percent"] < 5:
            assert not said.done()
            time.sleep(0.02)
        assert laboratory.ask("GET", "/sam/weights/cancel/") == (200, b"Cancel signal sent")
        assert "was stopped" in said.result(60)
    laboratory.files.bytes_per_s = 0.0
    # By its publisher's address, and by our own API this time.
    assert "lab-model is installed" in laboratory.register("x", f"{laboratory.files.url}/lab/weights.safetensors")
    assert laboratory.files.requests[-1].range.startswith("bytes=")


def test_a_licence_is_said_and_not_skipped(laboratory: Laboratory) -> None:
    said = laboratory.register("strict-model")
    assert "Ours, for looking only" in said
    assert "--accept-licence" in said
    assert laboratory.files.requests == []
    assert laboratory.ask("POST", "/api/models/strict-model/install", {})[0] == 403
    status, body = laboratory.ask("POST", "/api/models/strict-model/install", {"accept_licence": True})
    assert status == 202
    number = json.loads(body)["install"]
    while (state := json.loads(laboratory.ask("GET", f"/api/installs/{number}")[1]))["state"] == "running":
        time.sleep(0.05)
    assert state["state"] == "done", state


def test_what_goes_wrong_is_a_sentence(laboratory: Laboratory) -> None:
    laboratory.files.files.clear()
    said = laboratory.register("lab-model")
    assert "404" in said
    assert "\n" not in said


def test_who_closes_the_window_does_not_stop_the_installation(laboratory: Laboratory) -> None:
    laboratory.files.bytes_per_s = 1e6
    connection = http.client.HTTPConnection("127.0.0.1", laboratory.port, timeout=60)
    connection.request("POST", "/sam/weights/", json.dumps({"type": "vit_t", "name": "lab-model", "url": "-"}))
    while laboratory.progress()["message"] is None:
        time.sleep(0.01)
    connection.close()
    while laboratory.progress()["message"] is not None:
        time.sleep(0.05)
    listed = json.loads(laboratory.ask("GET", "/sam/weights/?type=vit_t")[1])
    assert "lab-model" in [item["name"] for item in listed]
