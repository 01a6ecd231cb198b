"""The description for programs: valid, complete, and true of real answers; the examples of the docs run."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from openapi_spec_validator import validate
from serving import Answer, Served
from starlette.routing import Route

from samj_bridge.protocol.everything import MODES, OF_DECODER, EverythingRequest
from samj_bridge.protocol.failures import OperationFailed
from samj_bridge.server.app import described, routes

pytestmark = pytest.mark.worker

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "how-to" / "http.md"


def test_the_description_is_openapi(served: Served) -> None:
    answer = served.ask("GET", "/openapi.json")
    assert answer.json == described()
    validate(answer.json)


def test_every_route_is_described_and_nothing_else() -> None:
    served = set()
    for route in routes():
        assert isinstance(route, Route)
        path = re.sub(r":\w+}", "}", route.path)
        # Label Studio's are there twice; the page's own change with the page.
        if path == "/" or path.startswith(("/label-studio", "/page/", "/api/page/")):
            continue
        if path.startswith("/sam"):
            path = path.rstrip("/") + "/"
        served |= {(path, method.lower()) for method in route.methods or () if method != "HEAD"}
    told = {
        (path, method)
        for path, item in described()["paths"].items()
        for method in item
        if method in {"get", "post", "delete"}
    }
    assert served == told


def test_everything_mode_is_described_with_its_modes_and_options() -> None:
    body = described()["paths"]["/api/images/{image}/everything"]["post"]["requestBody"]
    told = body["content"]["application/json"]["schema"]["properties"]
    assert set(told["mode"]["enum"]) == set(MODES)
    assert told["mode"]["default"] == EverythingRequest("-").mode
    assert set(OF_DECODER) <= set(told) <= {"model", *EverythingRequest.__dataclass_fields__}
    for name, schema in told.items():
        if name not in ("model", "mode"):
            at_most = schema.get("maximum", 1 << 20)
            EverythingRequest.from_wire({"encoding": "-", name: at_most})
            if "maximum" in schema:
                with pytest.raises(OperationFailed):
                    EverythingRequest.from_wire({"encoding": "-", name: at_most + 1})


def test_answers_are_as_described(served: Served, data_dir: Path) -> None:
    image = (data_dir / "images" / "fluorescence_2.png").read_bytes()
    sent = served.own("POST", "images", image)
    name = sent.json["image"]
    prompt = {"prompts": [{"box": [40, 30, 92, 85]}, {"points": [[0, 0]]}]}
    recorded = json.loads((data_dir / "qupath" / "01-live-rectangle-multimask.request.json").read_text())
    checks: list[tuple[str, str, Answer]] = [
        ("/api/images", "post", sent),
        ("/api/images/{image}", "get", served.own("GET", f"images/{name}")),
        ("/api/images/{image}/encode", "post", served.own("POST", f"images/{name}/encode", {})),
        ("/api/images/{image}/segment", "post", served.own("POST", f"images/{name}/segment", prompt)),
        ("/api/images/{image}/segment", "post", served.own("POST", f"images/{name}/segment", {})),
        ("/api/state", "get", served.own("GET", "state")),
        ("/api/state", "get", served.ask("GET", "/api/state")),
        ("/api/jobs/{number}", "delete", served.own("DELETE", "jobs/1")),
        ("/api/models", "get", served.own("GET", "models")),
        ("/api/models/{model}/install", "post", served.own("POST", "models/cellsam/install", {})),
        ("/api/installs", "get", served.own("GET", "installs")),
        ("/api/files", "get", served.own("GET", "files")),
        ("/health", "get", served.ask("GET", "/health")),
        ("/sam/", "post", served.post("/sam/", recorded)),
        ("/sam/", "post", served.post("/sam/", {})),
        ("/sam/weights/", "get", served.ask("GET", "/sam/weights/")),
        ("/sam/progress/", "get", served.ask("GET", "/sam/progress/")),
        ("/sam/video/", "post", served.post("/sam/video/", {})),
        ("/sam/sam3/", "post", served.post("/sam/sam3/", {"b64img": recorded["b64img"], "text_prompt": "nuclei"})),
        ("/v1/models", "get", served.ask("GET", "/v1/models")),
        ("/v1/predict", "post", served.post("/v1/predict", {"model": "nothing"})),
        ("/predict", "post", served.post("/predict", {"tasks": []})),
        ("/setup", "post", served.post("/setup", {})),
    ]
    statuses = set()
    for path, method, answer in checks:
        _check(described()["paths"][path][method], answer)
        statuses.add(answer.status)
    assert {200, 201, 401, 403, 404, 422, 501} <= statuses


def _check(operation: dict[str, Any], answer: Answer) -> None:
    response = _resolved(operation["responses"][str(answer.status)])
    kind = answer.headers["content-type"].partition(";")[0]
    schema = response["content"][kind]["schema"]
    jsonschema.validate(answer.json, {**schema, "components": described()["components"]})


def _resolved(value: dict[str, Any]) -> dict[str, Any]:
    for part in value.get("$ref", "").removeprefix("#/").split("/") if "$ref" in value else ():
        value = described()[part] if part == "components" else value[part]
    return value


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


def test_the_client_of_ten_lines_finds_a_nucleus(served: Served, data_dir: Path, tmp_path: Path) -> None:
    (code,) = blocks("python")
    assert len([line for line in code.splitlines() if line.strip()]) <= 10
    (tmp_path / "cells.png").write_bytes((data_dir / "images" / "fluorescence_2.png").read_bytes())
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "SAMJ_TOKEN": served.token, "SAMJ_URL": f"http://127.0.0.1:{served.port}"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert re.search(r"^\d{3,} 0\.\d+", done.stdout)


def test_the_example_of_curl_gives_geojson(served: Served, data_dir: Path, tmp_path: Path) -> None:
    (code,) = blocks("bash")
    (tmp_path / "cells.png").write_bytes((data_dir / "images" / "fluorescence_2.png").read_bytes())
    done = subprocess.run(
        ["bash", "-euc", code],
        cwd=tmp_path,
        env={**os.environ, "SAMJ_TOKEN": served.token, "SAMJ_URL": f"http://127.0.0.1:{served.port}"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "cells.geojson").read_text())
    assert found["type"] == "FeatureCollection"
    assert found["features"][0]["geometry"]["type"] == "Polygon"
