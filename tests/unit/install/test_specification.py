"""The specification is read strictly, and its hash is over its meaning."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from samj_bridge.errors import InputError, InstallError
from samj_bridge.install.prefixes.environment import environment_folder
from samj_bridge.install.specification import (
    current_platform,
    load_specification,
    read_specification,
    requirements,
    specification_path,
)
from samj_bridge.settings import Settings

PLATFORMS = {"linux-64", "linux-aarch64", "osx-64", "osx-arm64", "win-64"}


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    folder = specification_path().parent
    shutil.copytree(folder, tmp_path / "samj")
    return tmp_path / "samj" / "pixi.toml"


def test_ours_names_what_the_worker_needs_on_every_platform() -> None:
    specification = load_specification()
    assert specification.name == "samj"
    assert set(specification.pypi) == set(specification.python) == PLATFORMS
    for packages in specification.pypi.values():
        assert {"numpy", "pillow", "safetensors", "torch"} <= set(packages)
    assert {"python", "numpy", "pytorch", "safetensors"} <= set(specification.conda)
    assert specification.python["linux-64"] == ">=3.10,<3.15"
    assert specification.python["osx-64"] == ">=3.10,<3.15,<3.13"
    assert current_platform() in PLATFORMS


def test_our_lock_pins_everything_by_hash_and_says_nothing_of_the_machine_that_made_it() -> None:
    specification = load_specification()
    pins = requirements(specification.lock)
    names = {pin.split("==")[0] for pin in pins}
    assert {"numpy", "pillow", "safetensors", "torch"} <= names
    for pin in pins:
        assert re.match(r"[a-z0-9-]+==[\w.]+ ", pin), pin
        assert re.search(r"--hash=sha256:[0-9a-f]{64}\b", pin), pin
    assert "://" not in specification.lock
    assert "--index" not in specification.lock
    intel = next(pin for pin in pins if pin.startswith("torch==2.2.2"))
    assert "platform_machine == 'x86_64' and sys_platform == 'darwin'" in intel


def test_comments_order_and_place_do_not_change_the_hash(copy: Path) -> None:
    before = load_specification().hash
    copy.write_text("# a comment\n" + copy.read_text(encoding="utf-8"), encoding="utf-8")
    lock = copy.with_name("pypi.lock")
    lines = requirements(lock.read_text(encoding="utf-8"))
    lock.write_text("# another\n" + "\n".join(reversed(lines)), encoding="utf-8")
    assert read_specification(copy).hash == before


@pytest.mark.parametrize(("old", "new"), [('pillow = ">=10.3"', 'pillow = ">=10.4"'), ('"PIL", ', "")])
def test_another_version_or_probe_is_another_hash(old: str, new: str, copy: Path) -> None:
    text = copy.read_text(encoding="utf-8")
    assert old in text
    copy.write_text(text.replace(old, new), encoding="utf-8")
    assert read_specification(copy).hash != load_specification().hash


def test_another_pin_is_another_hash(copy: Path) -> None:
    lock = copy.with_name("pypi.lock")
    lock.write_text(lock.read_text(encoding="utf-8") + "more==1.0 --hash=sha256:00\n", encoding="utf-8")
    assert read_specification(copy).hash != load_specification().hash


def test_all_problems_are_named_at_once(copy: Path) -> None:
    text = copy.read_text(encoding="utf-8")
    text = text.replace('name = "samj"', "name = 3").replace('"win-64"', '"beos-64"')
    text = text.replace("[environments]", '[tasks]\nstart = "x"\n[environments]').replace('lock = "pypi.lock"', "")
    text = text.replace("cpu = 1_200_000_000", 'cpu = "much"').replace('numpy = ">=2.2"', "numpy = 2")
    copy.write_text(text, encoding="utf-8")
    with pytest.raises(InstallError) as caught:
        read_specification(copy)
    assert caught.value.code == "bad-specification"
    assert caught.value.details["problems"] == [
        "tasks is unknown",
        "workspace.name is not a text",
        "platform 'beos-64' is unknown",
        "feature.pypi.pypi-dependencies.numpy is not a text of versions",
        "tool.samj-bridge.disk.cpu is not a number of bytes",
        "tool.samj-bridge.lock is missing",
    ]
    assert all(problem in caught.value.message for problem in caught.value.details["problems"])


@pytest.mark.parametrize("content", [b"", b"[workspace", b"\xff\xfe", b"x = 1"])
def test_what_is_no_specification_is_refused_with_its_path(content: bytes, copy: Path) -> None:
    copy.write_bytes(content)
    with pytest.raises(InstallError, match=r"pixi\.toml can't be used") as caught:
        read_specification(copy)
    assert caught.value.hint


def test_a_missing_file_folder_or_lock_is_said(copy: Path) -> None:
    with pytest.raises(InstallError, match="can't be read"):
        read_specification(copy.with_name("other.toml"))
    with pytest.raises(InstallError, match="can't be read"):
        read_specification(copy.parent)
    copy.with_name("pypi.lock").unlink()
    with pytest.raises(InstallError, match=r"pypi\.lock can't be read"):
        read_specification(copy)


def test_an_unknown_environment_is_no_environment() -> None:
    with pytest.raises(InstallError, match="'other'"):
        load_specification("other")


@pytest.mark.parametrize("name", ["", "..", ".hidden", "a/b", "a\\b", "c:"])
def test_a_name_that_would_leave_the_folder_is_refused(name: str, settings: Settings) -> None:
    with pytest.raises(InputError, match="can't be the name"):
        environment_folder(settings, name)


def test_conda_packages_come_by_feature_and_platform() -> None:
    specification = load_specification()
    assert specification.channels == ("conda-forge",)
    assert specification.conda_features("linux-64") == ("cpu", "cuda")
    assert specification.conda_features("osx-arm64") == ("cpu",)
    assert "pytorch >=2.2 cpu*" in specification.conda_specs("win-64", "cpu")
    assert "pytorch >=2.2 cuda*" in specification.conda_specs("win-64", "cuda")
    assert specification.cuda == "12.0"
    assert specification.conda_lock("linux-64", "cpu") == ""


_CONDA = """
[dependencies]
python = ">=3.10"
numpy = "*"
[target.linux-64.dependencies]
numpy = ">=2"
[feature.cpu.dependencies]
numpy = { version = "<3", build = "py*" }
[feature.cpu.target.win-64.dependencies]
extra = "1.0"
"""


def conda_copy(copy: Path, text: str) -> Path:
    before, _, rest = copy.read_text(encoding="utf-8").partition("[dependencies]")
    rest = rest[rest.index("[feature.pypi.dependencies]") :]
    copy.write_text(before + text + rest.replace('cuda = { features = ["cuda"] }\n', ""), encoding="utf-8")
    return copy


def test_a_platforms_word_replaces_and_a_features_word_adds(copy: Path) -> None:
    specification = read_specification(conda_copy(copy, _CONDA))
    assert specification.conda_specs("linux-64", "cpu") == ["numpy >=2,<3 py*", "python >=3.10"]
    assert specification.conda_specs("win-64", "cpu") == ["extra 1.0", "numpy <3 py*", "python >=3.10"]


def test_what_is_wrong_with_conda_packages_and_channels_is_named(copy: Path) -> None:
    text = (
        _CONDA + '"two words" = "1"\nother = "1.0 py_0"\nthird = { verson = "1" }\n[target.beos-64.dependencies]\n'
    )
    text = text.replace("[dependencies]", '[pypi-dependencies]\nsix = "*"\n[dependencies]', 1)
    conda_copy(copy, text)
    copy.write_text(
        copy.read_text(encoding="utf-8").replace('"conda-forge"', '"conda.example/x"'), encoding="utf-8"
    )
    with pytest.raises(InstallError) as caught:
        read_specification(copy)
    problems = caught.value.details["problems"]
    assert problems[0].startswith("channel 'conda.example/x' is neither a name nor a URL")
    assert "target.beos-64 is unknown" in problems
    assert "pypi-dependencies.six is not pinned in pypi.lock" in problems
    where = "feature.cpu.target.win-64.dependencies."
    assert {f"{where}third.verson is unknown", f"{where}two words: that is no name of a conda package"} <= {
        *problems
    }
    assert any(problem.startswith(f"{where}other has a space") for problem in problems)


def test_conda_locks_beside_the_specification_are_read_and_count_for_conda_alone(copy: Path) -> None:
    before = read_specification(copy)
    assert before.hash_for("uv") == before.hash != before.hash_for("micromamba")
    copy.with_name("conda-cpu-linux-64.lock").write_text("@EXPLICIT\nhttps://x/y-1-0.conda#sha256:00\n")
    after = read_specification(copy)
    assert after.conda_lock("linux-64", "cpu").startswith("@EXPLICIT")
    assert after.hash_for("uv") == before.hash_for("uv")
    assert after.hash_for("micromamba") != before.hash_for("micromamba")
