"""What the commands around environments say to bad input: a sentence, an exit code, and nothing is changed."""

from __future__ import annotations

from pathlib import Path

import pytest
from fakes.beds import Bed
from shells import Shell, files, refused

from samj_bridge.install.specification import Specification, current_platform

HERE = current_platform()

pytestmark = pytest.mark.usefixtures("surroundings")


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
