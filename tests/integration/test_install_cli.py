"""The commands around environments, with real builders on local servers; and what they say to bad input."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from fakes.beds import Bed, make_bed
from typer.testing import CliRunner

from samj_bridge.cli.main import app
from samj_bridge.install.specification import Specification, current_platform

HERE = current_platform()


@dataclass
class Done:
    code: int
    out: str
    err: str

    @property
    def data(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads(self.out)
        return content["data"]  # type: ignore[no-any-return]


class Shell:
    """Runs samj-bridge in this process, with a home of its own."""

    def __init__(self, home: Path, spec: Path) -> None:
        self.home = home
        self.spec = spec

    def __call__(self, *arguments: object, home: Path | None = None) -> Done:
        command = [*map(str, arguments), "--home", str(home or self.home)]
        result = CliRunner().invoke(app, command)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        assert "Traceback" not in result.output
        return Done(result.exit_code, result.stdout, result.stderr)


@pytest.fixture(autouse=True)
def _surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("SAMJ_") and not name.startswith("SAMJ_TEST_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "bed" / "uv cache"))


@pytest.fixture
def bed(tmp_path: Path) -> Iterator[Bed]:
    with make_bed("micromamba", tmp_path / "bed") as made:
        yield made


@pytest.fixture
def tiny(bed: Bed) -> Specification:
    return bed.specification("envs")


@pytest.fixture
def shell(tiny: Specification, bed: Bed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    assert tiny.path is not None
    monkeypatch.setenv("SAMJ_PYPI_INDEX", bed.pypi.url)
    monkeypatch.setenv("SAMJ_TORCH_INDEX", "")
    monkeypatch.setenv("SAMJ_DEVICE", "cpu")
    return Shell(tmp_path / "a home é 漢", tiny.path)


@pytest.fixture
def conda(bed: Bed) -> list[str]:
    """Options that let the stand-in make an environment from the local channel."""
    assert bed.channel is not None
    return ["--builder", "micromamba", "--micromamba", bed.micromamba, "--channel", bed.channel.url]


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")} if folder.is_dir() else set()


# making, exporting, making elsewhere


def test_micromamba_makes_a_working_prefix_from_a_channel_by_one_command(
    shell: Shell, conda: list[str], tiny: Specification
) -> None:
    command = [sys.executable, "-m", "samj_bridge.cli.main", "env", "create", *conda, "--spec", str(tiny.path)]
    done = subprocess.run(
        [*command, "--home", str(shell.home), "--verbose"], capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert "Ready. tiny (micromamba, cpu)" in done.stdout
    for stage in ("resolve: ", "download: ", "install: ", "probe: ", "commit: ", "done: "):
        assert stage in done.stderr
    checked = shell("env", "check", "tiny", "--json")
    assert checked.code == 0, checked.err
    assert checked.data["report"]["modules"]["tiny"] == "1.0"


@pytest.mark.parametrize("builder", ["micromamba", "uv"])
def test_what_one_home_exports_another_makes_again_package_for_package(
    builder: str, shell: Shell, conda: list[str], tiny: Specification, bed: Bed, tmp_path: Path
) -> None:
    options = conda if builder == "micromamba" else ["--builder", "uv"]
    made = shell("env", "create", *options, "--spec", tiny.path, "--json")
    assert made.code == 0, made.err
    lock = tmp_path / "environment.lock"
    exported = shell("env", "export", "tiny", "--output", lock)
    assert exported.code == 0, exported.err
    printed = shell("env", "export", "tiny")
    assert printed.out.strip() == lock.read_text(encoding="utf-8").strip()
    assert f"# platform: {HERE}" in printed.out
    # A newer version is out meanwhile: the lock is what counts.
    bed.specification("newer", version="2.0")
    elsewhere = tmp_path / "elsewhere"
    tool = ["--micromamba", bed.micromamba] if builder == "micromamba" else []
    again = shell("env", "create", *tool, "--spec", tiny.path, "--from", lock, "--json", home=elsewhere)
    assert again.code == 0, again.err
    first, second = made.data["environment"], again.data["environment"]
    assert second["packages"] == first["packages"]
    assert second["builder"] == builder
    assert second["packages"]["tiny"] == "1.0"
    assert shell("env", "export", "tiny", home=elsewhere).out == printed.out


def test_a_pixi_lock_makes_an_environment(
    shell: Shell, conda: list[str], tiny: Specification, bed: Bed, tmp_path: Path
) -> None:
    made = shell("env", "create", *conda, "--spec", tiny.path)
    assert made.code == 0, made.err
    lines = [line for line in shell("env", "export", "tiny").out.splitlines() if "://" in line]
    text = f"version: 6\nenvironments:\n  cpu:\n    channels:\n    - url: {bed.channel and bed.channel.url}\n"
    text += f"    packages:\n      {HERE}:\n"
    text += "".join(f"      - conda: {line.partition('#')[0]}\n" for line in reversed(lines)) + "packages:\n"
    for line in lines:
        url, _, digest = line.partition("#sha256:")
        needs = "" if "/python-" in url else "  depends:\n  - python\n"
        text += f"- conda: {url}\n  sha256: {digest}\n{needs}"
    (tmp_path / "pixi.lock").write_text(text, encoding="utf-8")
    options = ["--micromamba", bed.micromamba, "--spec", tiny.path, "--from", tmp_path / "pixi.lock"]
    again = shell("env", "create", *options, "--json", home=tmp_path / "elsewhere")
    assert again.code == 0, again.out + again.err
    assert again.data["environment"]["packages"]["tiny"] == "1.0"
    other = shell("env", "create", *options, "--environment", "gpu", home=tmp_path / "third")
    assert (other.code, "no environment gpu" in other.err) == (1, True)
    assert files(tmp_path / "third") == set()


def test_env_lock_writes_explicit_lists_for_other_platforms_and_a_hashed_one(
    shell: Shell, conda: list[str], tiny: Specification, bed: Bed, tmp_path: Path
) -> None:
    assert tiny.path is not None
    out = tmp_path / "locks"
    done = shell(
        "env", "lock", *conda[2:], "--spec", tiny.path, "--only", "conda", "--platform", HERE, "--output", out
    )
    assert done.code == 0, done.err
    lock = (out / f"conda-cpu-{HERE}.lock").read_text(encoding="utf-8")
    assert lock.startswith(f"# platform: {HERE}\n@EXPLICIT\n")
    order = [line.rsplit("/", 1)[-1].split("-")[0] for line in lock.splitlines() if "://" in line]
    assert order.index("python") < order.index("tiny") < order.index("torch")
    assert all("#sha256:" in line for line in lock.splitlines() if "://" in line)
    # The channel has no Python for a Mac: nothing is written, not even the part that could be.
    mac = shell("env", "lock", *conda[2:], "--spec", tiny.path, "--only", "conda", "--output", tmp_path / "none")
    assert mac.code == 1
    assert not (tmp_path / "none").exists()
    # Beside the specification the list is used instead of a solve.
    shutil.copy(out / f"conda-cpu-{HERE}.lock", tiny.path.parent)
    bed.specification("newer", version="2.0")
    made = shell("env", "create", *conda, "--spec", tiny.path, "--json")
    assert made.code == 0, made.err
    assert made.data["environment"]["packages"]["tiny"] == "1.0"
    assert any("from its lock" in note for note in made.data["environment"]["notes"])


def test_env_lock_pins_pypi_by_hash(shell: Shell, tiny: Specification, tmp_path: Path) -> None:
    done = shell("env", "lock", "--spec", tiny.path, "--only", "pypi", "--output", tmp_path / "locks")
    assert done.code == 0, done.err
    text = (tmp_path / "locks" / "pypi.lock").read_text(encoding="utf-8")
    assert "tiny==1.0" in text
    assert text.count("--hash=sha256:") >= 3


def test_one_by_another_builder_or_for_another_device_is_made_only_when_an_option_asks_for_it(
    shell: Shell, conda: list[str], tiny: Specification, monkeypatch: pytest.MonkeyPatch
) -> None:
    def prefix(*options: object) -> str:
        done = shell("env", "create", *options, "--spec", tiny.path, "--json")
        assert done.code == 0, done.out + done.err
        return str(done.data["environment"]["prefix"])

    first = prefix("--builder", "uv")
    assert prefix("--builder", "uv") == prefix("--builder", "auto") == prefix() == first
    monkeypatch.setenv("SAMJ_BUILDER", "micromamba")
    assert prefix() == first
    second = prefix(*conda)
    assert second != first
    assert prefix(*conda) == prefix(*conda, "--device", "cpu") == second
    assert prefix(*conda, "--again") != second


# care


def test_list_check_repair_prune_and_remove_tell_what_they_see(
    shell: Shell, tiny: Specification, conda: list[str]
) -> None:
    made = shell("env", "create", "--builder", "uv", "--spec", tiny.path, "--json")
    assert made.code == 0, made.err
    prefix = Path(made.data["environment"]["prefix"])
    (listed,) = shell("env", "list", "--json").data["environments"]
    assert (listed["healthy"], listed["state"], listed["builder"], listed["name"]) == (True, "in use", "uv", "tiny")
    assert listed["size_bytes"] > 0
    assert "yes" in shell("env", "list").out
    healthy = shell("env", "repair", "tiny", "--spec", tiny.path, "--json")
    assert (healthy.code, healthy.data["repaired"]) == (0, False)

    next(prefix.rglob("tiny.py")).unlink()
    shutil.rmtree(next(prefix.rglob("__pycache__")), ignore_errors=True)
    checked = shell("env", "check", "tiny")
    assert checked.code == 1
    assert "No module named 'tiny'" in checked.err
    (sick,) = shell("env", "list", "--json").data["environments"]
    assert sick["healthy"] is False
    assert "env repair" in shell("env", "list").out
    (untried,) = shell("env", "list", "--no-probe", "--json").data["environments"]
    assert untried["healthy"] is None

    repaired = shell("env", "repair", "tiny", "--spec", tiny.path, "--json")
    assert repaired.code == 0, repaired.err
    assert repaired.data["repaired"]
    assert shell("env", "check", "tiny").code == 0

    half = shell.home / "envs" / "tiny" / "0123456789ab-9"
    (half / "lib").mkdir(parents=True)
    (half / "lib" / "big").write_bytes(b"x" * 3_000_000)
    planned = shell("env", "prune", "--dry-run", "--json")
    assert [item["path"] for item in planned.data["found"]] == [str(half)]
    assert half.exists()
    pruned = shell("env", "prune")
    assert "Freed 3.0 MB" in pruned.out
    assert not half.exists()
    assert "Nothing to remove" in shell("env", "prune").out
    assert shell("env", "check", "tiny").code == 0

    (shell.home / "cache" / "old").mkdir(parents=True)
    assert "cache" in shell("env", "prune", "--caches").out
    assert not (shell.home / "cache" / "old").exists()
    assert shell("env", "remove", "tiny").code == 0
    assert shell("env", "list", "--json").data["environments"] == []


def test_another_environment_is_used_and_let_go_by_command(
    shell: Shell, tiny: Specification, tmp_path: Path, worker_python: Path
) -> None:
    """With the suite's real environment: what samj-bridge needs itself is what is looked for."""
    foreign = worker_python.parent.parent
    used = shell("env", "use", foreign)
    assert used.code == 0, used.err
    assert "env use --none" in used.out
    (listed,) = shell("env", "list", "--json").data["environments"]
    assert (listed["state"], listed["healthy"], listed["prefix"]) == ("adopted", True, str(foreign))
    assert shell("env", "export").code == (0 if (foreign / "samj-environment.lock").exists() else 1)
    removed = shell("env", "remove")
    assert str(foreign) in removed.out
    assert worker_python.exists()
    assert shell("env", "use", foreign).code == 0
    let_go = shell("env", "use", "--none")
    assert str(foreign) in let_go.out
    assert worker_python.exists()
    assert "None was adopted" in shell("env", "use", "--none").out


def test_a_conda_environment_that_somebody_made_is_used_from_another_home(
    shell: Shell, conda: list[str], tiny: Specification, tmp_path: Path
) -> None:
    made = shell("env", "create", *conda, "--spec", tiny.path, "--json")
    assert made.code == 0, made.err
    prefix, elsewhere = made.data["environment"]["prefix"], tmp_path / "elsewhere"
    used = shell("env", "use", prefix, "--name", "tiny", "--spec", tiny.path, "--json", home=elsewhere)
    assert used.code == 0, used.err
    assert used.data["environment"]["notes"][0].startswith("conda: ")
    assert shell("env", "check", "tiny", home=elsewhere).code == 0
    refused(shell("env", "create", "--spec", tiny.path, "--again", home=elsewhere), 1, "made outside", "--none")


# bad input: a sentence, an exit code, nothing changed


def refused(done: Done, code: int, *words: str) -> None:
    assert done.code == code, done.out + done.err
    for word in words:
        assert word in done.err
    assert done.err.count("\n") >= 2, "what happened, and what to do"


@pytest.mark.parametrize("command", ["check", "export", "remove", "repair"])
def test_an_unknown_environment_is_told_with_those_there_are(command: str, shell: Shell) -> None:
    refused(shell("env", command, "nosuch"), 1 if command == "repair" else 2, "'nosuch'")
    assert files(shell.home) == set()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[workspace", "not TOML"),
        ('[workspace]\nname = "x"\n[colour]\n', "colour is unknown"),
        ("", "workspace is missing"),
    ],
)
def test_a_specification_that_cannot_be_used_is_told(text: str, words: str, shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "pixi.toml").write_text(text)
    refused(shell("env", "create", "--spec", tmp_path / "pixi.toml"), 1, "pixi.toml can't be used", words)
    refused(shell("env", "create", "--spec", tmp_path / "none.toml"), 1, "can't be read")
    refused(shell("env", "create", "nosuch"), 1, "'nosuch'")
    assert files(shell.home) == set()


def test_a_channel_that_is_no_url_is_told(shell: Shell, conda: list[str], tiny: Specification) -> None:
    done = shell("env", "create", *conda[:-1], "conda.example/x", "--spec", tiny.path)
    refused(done, 2, "channel 'conda.example/x' is neither a name nor a URL")
    assert not list(shell.home.glob("envs/*/*-1"))


@pytest.mark.parametrize("kind", ["prints garbage", "is pixi", "fails", "is old", "is missing", "is no program"])
def test_a_wrong_micromamba_is_told(
    kind: str, shell: Shell, conda: list[str], tiny: Specification, tmp_path: Path
) -> None:
    program = tmp_path / "micro mamba"
    body = {
        "prints garbage": r"printf '\377\376 garbage \n\n{'",
        "is pixi": "echo 'pixi 1.0.1 - download from pixiv'",
        "fails": "exit 3",
        "is old": "echo 1.5.8",
    }.get(kind)
    if body:
        program.write_text(f"#!/bin/sh\n{body}\n")
        program.chmod(0o755)
    elif kind == "is no program":
        program.write_bytes(b"\x00\x01")
    conda[3] = str(program)
    words = {
        "is old": "it is 1.5.8, and 2.1 is the oldest",
        "is missing": "no such file",
        "is no program": "can't be started",
    }
    done = shell("env", "create", *conda, "--spec", tiny.path)
    refused(done, 1, words.get(kind, "it is not micromamba"))
    assert files(shell.home) == set()


@pytest.mark.parametrize("kind", ["other platform", "format 99", "no hash", "no lock", "wrong builder", "missing"])
def test_a_lock_that_cannot_be_used_is_told(kind: str, shell: Shell, tiny: Specification, tmp_path: Path) -> None:
    lock = tmp_path / "some.lock"
    digest = "a" * 64
    texts = {
        "other platform": f"# platform: plan9-64\n@EXPLICIT\nhttps://x/noarch/a-1-0.conda#{digest}\n",
        "format 99": "version: 99\nenvironments:\n  default: {}\npackages: []\n",
        "no hash": f"# platform: {HERE}\n@EXPLICIT\nhttps://x/noarch/a-1-0.conda\n",
        "no lock": "numpy>=2\n",
        "wrong builder": f"a==1 --hash=sha256:{digest}\n",
    }
    words = {
        "other platform": f"for plan9-64, and this machine is {HERE}",
        "format 99": "format 99",
        "no hash": "has no hash",
        "no lock": "not pinned with a sha256",
        "wrong builder": "micromamba can't install this lock",
        "missing": "can't be read",
    }
    if kind in texts:
        lock.write_text(texts[kind])
    options = ["--builder", "micromamba"] if kind == "wrong builder" else []
    done = shell("env", "create", *options, "--spec", tiny.path, "--from", lock)
    refused(done, 2 if kind == "wrong builder" else 1, words[kind])
    assert files(shell.home) == set()


@pytest.mark.parametrize("builder", ["micromamba", "uv"])
def test_a_wrong_hash_in_a_lock_leaves_the_environment_as_it_was(
    builder: str, shell: Shell, conda: list[str], tiny: Specification, bed: Bed, tmp_path: Path
) -> None:
    options = conda if builder == "micromamba" else ["--builder", "uv"]
    assert shell("env", "create", *options, "--spec", tiny.path).code == 0
    before = shell("env", "list", "--no-probe", "--json").data["environments"]
    lock = tmp_path / "lock"
    text = shell("env", "export", "tiny").out
    name = "tiny" if builder == "uv" else "tiny-1.0"
    line = next(line for line in text.splitlines() if name in line and "sha256:" in line)
    lock.write_text(text.replace(line, line[:-64] + "0" * 64), encoding="utf-8")
    tool = ["--micromamba", bed.micromamba] if builder == "micromamba" else []
    done = shell("env", "create", *tool, "--spec", tiny.path, "--from", lock)
    assert done.code == 1
    assert "hash" in done.err.lower() or "sha256" in done.err.lower(), done.err
    assert shell("env", "list", "--no-probe", "--json").data["environments"] == before
    assert shell("env", "check", "tiny").code == 0


def test_a_prefix_that_is_a_file_and_other_slips_are_told(
    shell: Shell, tmp_path: Path, tiny: Specification
) -> None:
    (tmp_path / "file").write_text("")
    refused(shell("env", "use", tmp_path / "file"), 2, "is a file")
    refused(shell("env", "use"), 2, "Which environment?")
    refused(shell("env", "create", "--builder", "bazel", "--spec", tiny.path), 2, "no builder 'bazel'")
    refused(shell("env", "create", "--environment", "cpu", "--spec", tiny.path), 2, "none was given")
    refused(shell("env", "lock", "--only", "some", "--spec", tiny.path), 2, "all, conda or pypi")
    refused(shell("env", "lock", "--platform", "beos-64", "--only", "conda", "--spec", tiny.path), 2, "beos-64")
    assert files(shell.home) == set()
