"""The commands around environments, with real builders on local servers."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from fakes.beds import Bed
from shells import Shell, files, refused

from samj_bridge.install.specification import Specification, current_platform

HERE = current_platform()

pytestmark = pytest.mark.usefixtures("surroundings")


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
    # The channel has packages for this platform alone: the others are named, and keep nothing from it.
    every = shell("env", "lock", *conda[2:], "--spec", tiny.path, "--only", "conda", "--output", tmp_path / "every")
    assert every.code == 1
    assert [path.name for path in (tmp_path / "every").iterdir()] == [f"conda-cpu-{HERE}.lock"]
    for target in {"linux-64", "linux-aarch64", "osx-64", "osx-arm64", "win-64"} - {HERE}:
        assert f"cpu for {target}: " in every.err
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
