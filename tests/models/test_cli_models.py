"""``samj-bridge models ...`` as a user runs it: real processes against a real server that misbehaves."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fakes.file_server import Content, Fault, FileServer, serve
from fakes.model_files import FileContent, offer, table, write_catalog

from samj_bridge.cli.commands.setup_model import hint_of_models
from samj_bridge.install import adopt_environment
from samj_bridge.settings import Settings

COMMAND = [sys.executable, "-m", "samj_bridge.cli.main"]
BIG = Content(40_000_000, seed=7)


class User:
    """A home, a catalog, and the command line."""

    def __init__(self, tmp_path: Path) -> None:
        self.home = tmp_path / "home é漢"
        self.catalog = tmp_path / "lab.toml"
        clean = {key: value for key, value in os.environ.items() if not key.startswith("SAMJ_")}
        self.variables = {**clean, "SAMJ_HOME": str(self.home), "SAMJ_THREADS": "1"}

    def start(self, *arguments: object, **options: Any) -> subprocess.Popen[str]:
        command = [*COMMAND, *map(str, arguments)]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL, **options}
        return subprocess.Popen(command, env=self.variables, text=True, **pipes)

    def run(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        process = self.start(*arguments)
        out, err = process.communicate(timeout=300)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def json(self, *arguments: object) -> dict[str, Any]:
        done = self.run(*arguments, "--json")
        assert done.stdout.count("\n") == 1, done.stdout + done.stderr
        content: dict[str, Any] = json.loads(done.stdout)
        assert content["ok"] == (done.returncode == 0)
        return content

    def stored(self) -> list[str]:
        """Everything in the store but locks and downloads under way."""
        folder = self.home / "models"
        found = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
        return sorted(name for name in found if ".lock" not in name and not name.startswith("downloads/"))


@pytest.fixture
def user(tmp_path: Path) -> User:
    return User(tmp_path)


@pytest.fixture
def server() -> Iterator[FileServer]:
    with serve(FileServer()) as running:
        yield running


def test_the_table_is_there_for_people_and_for_machines(user: User) -> None:
    done = user.run("models", "list")
    assert done.returncode == 0
    assert "micro-sam-vit-b-lm *" in done.stdout
    assert "Start with" in done.stdout
    assert "cells, light microscopy: micro-sam-vit-b-lm" in done.stdout
    models = {item["id"]: item for item in user.json("models", "list")["data"]["models"]}
    assert models["starter"]["state"] == "packaged"
    assert models["sam-vit-b"]["state"] == "absent"
    assert models["sam-vit-b"]["size"] == 375_042_383
    assert models["micro-sam-vit-b-lm"]["licence"] is None
    assert models["micro-sam-vit-b-lm"]["must_accept_licence"]
    only = user.json("models", "list", "--installed")["data"]["models"]
    assert [item["id"] for item in only] == ["starter"]


def test_one_model_can_be_shown_and_its_licence(user: User) -> None:
    done = user.run("models", "show", "sam-vit-b")
    assert "sha256:ec2df62732614e57411cdcf32a23ffdf28910380d03139ee0f4fcbe91eb8c912" in done.stdout
    assert "Kirillov" in done.stdout
    licences = {item["id"]: item for item in user.json("models", "licences")["data"]["licences"]}
    assert licences["cellsam"]["must_be_accepted"]
    assert licences["cellsam"]["accepted"] is None


def test_a_slip_of_the_pen_is_answered_with_the_nearest_ids_and_a_bad_catalog_with_all_its_problems(
    user: User,
) -> None:
    failed = user.json("models", "install", "starter", "sam-vit-q")
    assert failed["errors"][0]["code"] == "unknown-model"
    assert "sam-vit-b" in failed["errors"][0]["details"]["nearest"]
    user.catalog.write_text('[a]\ntitle = "x"\n[b]\ncolour = 3\n')
    failed = user.json("models", "list", "--catalog", user.catalog)
    assert failed["errors"][0]["code"] == "bad-catalog"
    assert len(failed["errors"][0]["details"]["problems"]) > 8


def test_offline_the_message_names_file_address_size_hash_and_folder(user: User) -> None:
    user.variables["SAMJ_OFFLINE"] = "1"
    done = user.run("models", "install", "sam-vit-b")
    assert done.returncode == 1
    for part in ("sam_vit_b_01ec64.pth", "https://dl.fbaipublicfiles.com", "375,042,383", "ec2df627", "incoming"):
        assert part in done.stderr


def test_cellsam_explains_how_to_get_a_token_and_takes_the_archive_by_hand(user: User) -> None:
    refused = user.run("models", "install", "cellsam")
    assert refused.returncode == 1
    assert "academic and non-commercial" in refused.stderr
    done = user.run("models", "install", "cellsam", "--accept-licence")
    assert done.returncode == 1
    assert "users.deepcell.org" in done.stderr
    assert "cellsam-models_v1.2.tar.gz" in done.stderr


def test_a_mirror_with_the_right_name_and_a_wrong_file_is_refused(user: User, server: FileServer) -> None:
    right = Content(200_000, seed=2)
    entry = table("https://nowhere.invalid/w.pth", hashes=[right.hash()], size=right.size)
    user.variables["SAMJ_CATALOG"] = str(write_catalog(user.catalog, sam_vit_b=entry))
    offer(server, "/sam-vit-b/w.pth", Content(200_000, seed=1))
    user.variables["SAMJ_MODEL_MIRROR"] = server.url
    failed = user.json("models", "install", "sam-vit-b")
    (error,) = failed["errors"]
    assert error["code"] == "wrong-hash"
    assert "SAMJ_MODEL_MIRROR" in error["hint"]
    assert user.stored() == []
    assert user.json("models", "list", "--installed")["data"]["models"][-1]["id"] == "starter"


def test_a_mirror_with_a_file_of_another_length_is_refused_before_the_first_byte(
    user: User, server: FileServer
) -> None:
    offer(server, "/sam-vit-b/sam_vit_b_01ec64.pth", Content(9_000_000))
    user.variables["SAMJ_MODEL_MIRROR"] = server.url
    (error,) = user.json("models", "install", "sam-vit-b")["errors"]
    assert error["code"] == "wrong-size"
    assert not list((user.home / "models").rglob("*.part"))


def test_killed_at_half_it_goes_on_from_there_and_ends_with_the_right_file(user: User, server: FileServer) -> None:
    url = offer(server, "/w/sam_vit_b_01ec64.pth", BIG)
    entry = table(url, title="t", hashes=[BIG.hash()], size=BIG.size)
    user.variables["SAMJ_CATALOG"] = str(write_catalog(user.catalog, sam_vit_b=entry))
    server.faults.append(Fault("stall", after=BIG.size // 2))
    process = user.start("models", "install", "sam-vit-b", start_new_session=True)
    deadline = time.monotonic() + 60
    downloads = user.home / "models" / "downloads"
    while not any(path.stat().st_size >= BIG.size // 2 for path in downloads.rglob("*.part")):
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert user.stored() == []
    content = user.json("models", "install", "sam-vit-b")
    (installed,) = content["data"]["installed"]
    assert f"sha256:{installed['record']['source']}" == BIG.hash()
    assert not installed["converted"]
    assert server.requests[-1].range == f"bytes={BIG.size // 2}-"
    assert user.stored() == ["records/sam-vit-b.json", f"sources/{installed['record']['source']}"]
    assert not list(downloads.rglob("*.part"))


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_stopped_by_the_user_what_came_is_kept_and_nothing_is_installed(
    name: str, user: User, server: FileServer
) -> None:
    url = offer(server, "/w.pth", BIG)
    user.variables["SAMJ_CATALOG"] = str(
        write_catalog(user.catalog, ours=table(url, hashes=[BIG.hash()], size=BIG.size))
    )
    server.always = Fault("stall", after=BIG.size // 2)
    process = user.start("models", "install", "ours", "--json")
    assert server.stalled.wait(120)
    time.sleep(0.3)
    process.send_signal(getattr(signal, name))
    out, _ = process.communicate(timeout=120)
    assert process.returncode == 130
    assert json.loads(out)["errors"][0]["code"] == "cancelled"
    assert user.stored() == []
    assert list((user.home / "models" / "downloads").rglob("*.part"))
    assert user.run("models", "remove", "ours").returncode == 0
    assert not list((user.home / "models" / "downloads").rglob("*.part"))


def test_a_second_process_waits_for_the_first_and_fetches_nothing(user: User, server: FileServer) -> None:
    url = offer(server, "/w.pth", BIG)
    user.variables["SAMJ_CATALOG"] = str(
        write_catalog(user.catalog, ours=table(url, hashes=[BIG.hash()], size=BIG.size))
    )
    server.bytes_per_s = 10_000_000
    running = [user.start("models", "install", "ours") for _ in range(3)]
    assert [process.wait(120) for process in running] == [0, 0, 0]
    for process in running:
        process.communicate()
    assert len(server.requests) == 1


def test_a_file_without_a_known_hash_is_taken_only_when_allowed_and_then_held_to_its_own(
    user: User, server: FileServer
) -> None:
    url = offer(server, "/w.pth", Content(100_000, seed=3))
    user.variables["SAMJ_CATALOG"] = str(write_catalog(user.catalog, ours=table(url)))
    (error,) = user.json("models", "install", "ours")["errors"]
    assert error["code"] == "unverified"
    assert "--allow-unverified" in error["hint"]
    (installed,) = user.json("models", "install", "ours", "--allow-unverified")["data"]["installed"]
    assert not installed["record"]["verified"]
    (user.home / "models" / "sources" / installed["record"]["source"]).unlink()
    server.files["/w.pth"] = Content(100_000, seed=4)
    (error,) = user.json("models", "install", "ours", "--allow-unverified")["errors"]
    assert error["code"] == "wrong-hash"


def test_one_model_that_fails_does_not_stop_the_others(user: User, server: FileServer) -> None:
    small = Content(50_000)
    good = table(offer(server, "/good.pth", small), hashes=[small.hash()], size=small.size)
    bad = table(f"{server.url}/nothing.pth", hashes=[small.hash()], size=small.size)
    user.variables["SAMJ_CATALOG"] = str(write_catalog(user.catalog, bad=bad, good=good))
    content = user.json("models", "install", "bad", "good")
    assert [item["id"] for item in content["data"]["installed"]] == ["good"]
    assert content["errors"][0]["code"] == "refused"
    assert "by hand" in content["errors"][0]["hint"]


def answer(terminal: int, question: str, typed: str) -> str:
    """Wait for a question on a terminal, answer it, and return everything that was shown until the end."""
    shown = b""
    while question.encode() not in shown:
        shown += os.read(terminal, 4096)
    os.write(terminal, typed.encode())
    # Linux says EIO when the other end is closed, others nothing more.
    with contextlib.suppress(OSError):
        while piece := os.read(terminal, 4096):
            shown += piece
    os.close(terminal)
    return shown.decode()


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals")
@pytest.mark.parametrize(("typed", "code"), [("n\n", 1), ("\n", 1), ("y\n", 0)])
def test_on_a_terminal_a_licence_is_asked_for(user: User, server: FileServer, typed: str, code: int) -> None:
    small = Content(50_000)
    fields = table(offer(server, "/w.pth", small), hashes=[small.hash()], size=small.size, licence="CC-BY-NC-4.0")
    user.variables["SAMJ_CATALOG"] = str(write_catalog(user.catalog, ours=fields))
    ours, theirs = os.openpty()
    process = user.start("models", "install", "ours", stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    shown = answer(ours, "Accept its licence?", typed)
    assert "CC-BY-NC-4.0" in shown
    assert process.wait(120) == code
    assert bool(user.stored()) == (code == 0)
    if code == 0:
        licences = {item["id"]: item for item in user.json("models", "licences")["data"]["licences"]}
        assert licences["ours"]["accepted"]["how"] == "asked"


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals")
def test_on_a_terminal_setup_offers_a_model_before_anything_else(user: User) -> None:
    ours, theirs = os.openpty()
    process = user.start("setup", stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    shown = answer(ours, "press Enter for none:", "77\n")
    assert "cells, light microscopy: micro-sam-vit-b-lm" in shown
    assert "efficientvit-sam-l2 (246 MB; licence: Apache-2.0)" in shown
    assert "no number 77" in shown
    assert process.wait(120) == 2
    assert not user.home.exists()


@pytest.mark.worker
def test_setup_installs_a_model_when_it_is_named_and_asks_nobody_without_a_terminal(
    user: User, server: FileServer, made: Path, worker_python: Path
) -> None:
    adopt_environment(Settings(home=user.home), worker_python.parent.parent)
    content = FileContent(made / "plain.pth")
    fields = table(offer(server, "/w.pth", content), content.bytes())
    user.variables["SAMJ_CATALOG"] = str(write_catalog(user.catalog, ours=fields))
    assert "models install efficientvit-sam-l2" in hint_of_models(Settings(home=user.home))
    assert user.json("setup", "--model", "ours")["data"]["models"] == ["starter", "ours"]
    assert user.json("models", "list", "--installed")["data"]["models"][-1]["state"] == "installed"
    assert not hint_of_models(Settings(home=user.home, catalog=str(user.catalog)))


@pytest.mark.worker
def test_from_a_mirror_to_an_outline_and_away_again(
    user: User, server: FileServer, made: Path, worker_python: Path, tmp_path: Path, data_dir: Path
) -> None:
    adopt_environment(Settings(home=user.home), worker_python.parent.parent)
    content = FileContent(made / "model.pth")
    server.files["/m/sam-vit-b/w.pth"] = content
    entry = table("https://nowhere.invalid/w.pth", content.bytes())
    user.variables["SAMJ_CATALOG"] = str(write_catalog(user.catalog, sam_vit_b=entry))
    user.variables["SAMJ_MODEL_MIRROR"] = f"{server.url}/m"
    done = user.run("models", "install", "sam-vit-b")
    assert done.returncode == 0, done.stderr
    assert "sam-vit-b is installed" in done.stdout
    assert "Licence: MIT" in done.stderr
    path = user.run("models", "path", "sam-vit-b").stdout.strip()
    assert Path(path).read_bytes()[8:9] == b"{"
    assert user.json("models", "verify")["data"]["models"][0]["status"] == "ok"
    image = sorted((data_dir / "images").glob("*.tif*"))[0]
    made_there = user.run("segment", image, "--box", "20,20,60,60", "--model", "sam-vit-b", "-o", tmp_path / "out")
    assert made_there.returncode == 0, made_there.stderr
    imported = user.json("models", "import", made / "cellsam.pt", "--id", "mine")
    assert imported["data"]["record"]["weights"]["architecture"] == "starter-1"
    # The same weights in another wrapping: another source, kept apart.
    assert {item["id"] for item in user.json("models", "list", "--installed")["data"]["models"]} == {
        "starter",
        "sam-vit-b",
        "mine",
    }
    damaged = bytearray(Path(path).read_bytes())
    damaged[-1] ^= 1
    Path(path).write_bytes(damaged)
    broken = user.run("models", "verify")
    assert broken.returncode == 1
    assert "damaged" in broken.stdout
    removed = user.json("models", "remove", "sam-vit-b", "mine")["data"]["removed"]
    assert all(item["freed_bytes"] > 1_000_000 for item in removed)
    assert user.stored() == []
    refused = user.run("segment", image, "--box", "20,20,60,60", "--model", "sam-vit-b", "-o", tmp_path / "out2")
    assert "samj-bridge models install sam-vit-b" in refused.stderr
