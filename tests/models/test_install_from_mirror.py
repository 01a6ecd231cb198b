"""``samj-bridge models install sam-vit-b`` as a user types it, against a mirror: wrong hash, right hash, a kill."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fakes.file_server import Content, FileServer, serve
from fakes.model_files import FileContent, write_catalog

import samj_bridge
from samj_bridge.download import digest_file
from samj_bridge.models import find_model
from samj_bridge.settings import Settings

pytestmark = [pytest.mark.worker, pytest.mark.slow]

NAME = "sam_vit_b_01ec64.pth"
_MAKE = """
import importlib, sys, torch
from samj_bridge.worker.families import ARCHITECTURES, FAMILIES
shapes = importlib.import_module(FAMILIES[ARCHITECTURES["sam-vit-b"]]).shapes("sam-vit-b")
torch.manual_seed(0)
torch.save({name: torch.rand(shape) for name, shape in shapes.items()}, sys.argv[1])
"""


@pytest.fixture
def home(tmp_path: Path, ready_home: Path) -> Path:
    """A home of the test's own, with the suite's environment."""
    folder = tmp_path / "home"
    folder.mkdir()
    (folder / "envs").symlink_to(ready_home / "envs")
    return folder


@pytest.fixture
def mirror() -> Iterator[FileServer]:
    with serve(FileServer()) as server:
        yield server


@pytest.fixture(scope="module")
def checkpoint(worker_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights under the names and in the shapes of SAM ViT-B's: 375 MB."""
    path = tmp_path_factory.mktemp("made") / NAME
    root = Path(samj_bridge.__file__).parents[1]
    environ = {"PATH": os.defpath, "PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"}
    subprocess.run([worker_python, "-c", _MAKE, path], check=True, env=environ, timeout=300)
    return path


def command(home: Path, mirror: FileServer, *arguments: str, **variables: str) -> subprocess.Popen[str]:
    environ = {key: value for key, value in os.environ.items() if not key.startswith("SAMJ_")}
    environ |= {"SAMJ_MODEL_MIRROR": mirror.url, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1", **variables}
    line = [sys.executable, "-m", "samj_bridge.cli.main", *arguments, "--json", "--home", str(home)]
    return subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environ)


def answer(process: subprocess.Popen[str]) -> dict[str, Any]:
    output, talk = process.communicate(timeout=300)
    assert output, talk
    return dict(json.loads(output))


def files_of(home: Path) -> list[Path]:
    return [path for path in (home / "models").rglob("*") if path.is_file() and path.stat().st_size > 1_000_000]


def test_a_mirror_with_the_right_name_and_size_and_a_wrong_hash_is_refused(home: Path, mirror: FileServer) -> None:
    entry = find_model("sam-vit-b", Settings(home=home))
    assert entry.size is not None
    mirror.files[f"/sam-vit-b/{NAME}"] = Content(entry.size)
    process = command(home, mirror, "models", "install", "sam-vit-b")
    said = answer(process)
    assert process.returncode == 1
    (error,) = said["errors"]
    assert error["code"] == "wrong-hash"
    assert any(text in error["message"] for text in entry.hashes)
    assert mirror.url in error["message"]
    assert files_of(home) == []
    assert [request.path for request in mirror.requests] == [f"/sam-vit-b/{NAME}"]
    listed = answer(command(home, mirror, "models", "path", "sam-vit-b"))
    assert not listed["ok"]


def test_the_right_file_is_fetched_killed_at_half_resumed_verified_converted_and_loaded(
    home: Path, mirror: FileServer, checkpoint: Path, tmp_path: Path
) -> None:
    entry = find_model("sam-vit-b", Settings(home=home))
    digests = digest_file(checkpoint)
    registry = write_catalog(
        tmp_path / "registry.toml",
        sam_vit_b={
            "title": entry.title,
            "family": entry.family,
            "architecture": entry.architecture,
            "transform": entry.transform,
            "prompts": list(entry.prompts),
            "licence": entry.licence,
            "url": entry.url,
            "size": digests.size,
            "hashes": list(digests.as_hashes()),
        },
    )
    mirror.files[f"/sam-vit-b/{NAME}"] = FileContent(checkpoint)
    # Slow enough that the kill comes before the end.
    mirror.bytes_per_s = 60e6
    install = ("models", "install", "sam-vit-b", "--catalog", str(registry))
    process = command(home, mirror, *install)
    while not (files := files_of(home)) or files[0].stat().st_size < digests.size // 2:
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    process.kill()
    process.communicate()
    (part,) = files_of(home)
    kept = part.stat().st_size
    assert digests.size // 2 <= kept < digests.size
    assert part.name == f"{NAME}.part"
    mirror.bytes_per_s = 0.0
    process = command(home, mirror, *install)
    said = answer(process)
    assert process.returncode == 0, said
    assert [request.range for request in mirror.requests] == ["", f"bytes={kept}-"]
    path = Path(
        answer(command(home, mirror, "models", "path", "sam-vit-b", "--catalog", str(registry)))["data"]["path"]
    )
    assert path.suffix == ".safetensors"
    assert files_of(home) == [path], "neither the checkpoint nor a part is left beside the converted one"
    verified = answer(command(home, mirror, "models", "verify", "sam-vit-b", "--catalog", str(registry)))
    assert verified["ok"], verified
