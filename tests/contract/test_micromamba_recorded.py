"""What was recorded of a real micromamba and our builder rests on, asked of the stand-in, and of a real one if set.

``MAMBA_EXE=/path/to/micromamba pytest tests/contract/test_micromamba_recorded.py`` asks the real one the same.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes.conda_channel import CondaChannel, serve_channel
from fakes.standin import StandIn

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the channel's python is a link")

Done = subprocess.CompletedProcess[str]
REAL = pytest.param("real", marks=pytest.mark.real_micromamba)


@pytest.fixture(params=["stand-in", *([REAL] if os.environ.get("MAMBA_EXE") else [])])
def micromamba(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return Path(os.environ["MAMBA_EXE"]) if request.param == "real" else StandIn(tmp_path / "bin").path


@pytest.fixture
def channel(tmp_path: Path) -> Iterator[CondaChannel]:
    channel = CondaChannel(tmp_path / "channel")
    channel.lines = [channel.add_python(), channel.add_module("tiny"), channel.add_module("far", suffix=".tar.bz2")]
    channel.index()
    with serve_channel(channel) as served:
        yield served


class Caller:
    def __init__(self, micromamba: Path, folder: Path, channel: CondaChannel) -> None:
        self.micromamba, self.folder, self.channel = micromamba, folder, channel
        self.prefix, self.root, self.home = folder / "p é", folder / "r", folder / "home"
        self.home.mkdir()

    def create(
        self, *arguments: str | Path, rc: str = "--no-rc", **variables: str
    ) -> subprocess.CompletedProcess[str]:
        command = [self.micromamba, "create", "-y", *rc.split(), "-r", self.root, "-p", self.prefix]
        return subprocess.run(
            [*command, "-c", self.channel.url, "--override-channels", *arguments],
            env={"PATH": os.environ["PATH"], "HOME": str(self.home), **variables},
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )

    def explicit(self, *lines: str, extra: tuple[str, ...] = ()) -> Done:
        path = self.folder / "explicit.txt"
        path.write_text(self.channel.lock(*lines))
        return self.create("--file", path, *extra)

    def records(self) -> set[str]:
        return {path.name.rsplit("-", 2)[0] for path in (self.prefix / "conda-meta").glob("*.json")}


@pytest.fixture
def call(micromamba: Path, tmp_path: Path, channel: CondaChannel) -> Caller:
    return Caller(micromamba, tmp_path, channel)


def test_its_version_is_all_that_it_prints(micromamba: Path) -> None:
    said = subprocess.run([micromamba, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    assert all(part.isdigit() for part in said.split("."))


def test_a_plan_has_address_and_hash_of_every_package_and_changes_nothing(call: Caller) -> None:
    done = call.create("far", "tiny", "--dry-run", "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["success"] is True
    linked = {item["name"]: item for item in report["actions"]["LINK"]}
    assert {"python", "tiny", "far"} <= set(linked)
    for item in linked.values():
        assert item["url"].startswith(call.channel.url)
        assert len(item["sha256"]) == 64
        assert item["size"] > 0
    assert not (call.prefix / "conda-meta").exists()


def test_a_lock_is_installed_in_its_order_and_works(call: Caller, channel: CondaChannel) -> None:
    done = call.explicit(*channel.lines)
    assert done.returncode == 0, done.stderr
    assert call.records() == {"python", "tiny", "far"}
    code = "import far, tiny, sys; print(far.__file__)"
    place = subprocess.run(
        [call.prefix / "bin/python", "-I", "-c", code], capture_output=True, text=True, check=True
    )
    assert str(call.prefix) in place.stdout


def test_a_wrong_hash_stops_it_with_both_hashes_and_an_empty_prefix(call: Caller, channel: CondaChannel) -> None:
    wrong = channel.lines[1].split("#")[0] + "#sha256:" + "0" * 64
    done = call.explicit(channel.lines[0], wrong)
    assert done.returncode == 1
    assert "File not valid" in done.stderr
    assert "Expected: " + "0" * 64 in done.stderr
    assert "Found incorrect downloads" in done.stderr
    assert call.records() == set()


def test_a_package_that_does_not_exist_is_named_in_text_and_not_in_json(call: Caller) -> None:
    done = call.create("tiny", "nowhere", "--dry-run", "--json")
    assert done.returncode == 1
    report = json.loads(done.stdout)
    assert report["success"] is False
    assert report["solver_problems"]
    assert "nowhere" in call.create("tiny", "nowhere", "--dry-run").stderr


def test_an_unreachable_channel_gives_no_plan(call: Caller, channel: CondaChannel) -> None:
    channel.url = "http://127.0.0.1:9"
    done = call.create("tiny", "--dry-run", "--json")
    assert done.returncode == 1
    # One build printed nothing, another one its log, as an object.
    report = json.loads(done.stdout) if "{" in done.stdout else {}
    assert not {"actions", "solver_problems", "success"} & set(report)
    assert "Download error (7)" in call.create("tiny", "--dry-run").stderr


def test_a_package_that_is_gone_fails_and_links_nothing(call: Caller, channel: CondaChannel) -> None:
    channel.missing = {"tiny"}
    done = call.explicit(*channel.lines)
    assert done.returncode == 1
    assert call.records() == set()


def test_no_rc_and_a_configuration_file_exclude_each_other(call: Caller, tmp_path: Path) -> None:
    (tmp_path / "rc").write_text("{}")
    assert call.create("tiny", rc="--no-rc --rc-file rc").returncode == 1
    assert call.create("tiny", CONDARC=str(tmp_path / "rc")).returncode == 1


def test_a_configuration_file_of_ours_keeps_the_users_out(call: Caller, tmp_path: Path) -> None:
    (call.home / ".condarc").write_text(f"pkgs_dirs:\n  - {tmp_path / 'leaked'}\n")
    (tmp_path / "rc").write_text("{}")
    assert call.create("tiny", rc=f"--rc-file {tmp_path / 'rc'}").returncode == 0
    assert not (tmp_path / "leaked").exists()


def test_an_option_that_there_is_not_has_an_exit_status_of_its_own(call: Caller) -> None:
    assert call.create("tiny", "--no-such-option").returncode == 109


def test_a_prefix_with_conda_packages_is_wiped_with_all_that_is_in_it(call: Caller) -> None:
    (call.prefix / "conda-meta").mkdir(parents=True)
    (call.prefix / "thesis.txt").write_text("years of work")
    call.create("nowhere")
    assert not (call.prefix / "thesis.txt").exists()


def test_a_folder_of_something_else_is_left_alone(call: Caller) -> None:
    call.prefix.mkdir()
    (call.prefix / "thesis.txt").write_text("years of work")
    assert call.create("tiny").returncode == 1
    assert (call.prefix / "thesis.txt").exists()
