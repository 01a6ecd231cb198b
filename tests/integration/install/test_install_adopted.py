"""Environments of pixi, conda and venv are used as they are and never changed: real prefixes and interpreters."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from fakes.package_index import PackageIndex, serve, tiny_specification

from samj_bridge.errors import InputError, InstallError, ProbeError
from samj_bridge.install import (
    adopt_environment,
    create_environment,
    ensure_environment,
    environment_variables,
    find_environment,
    release_environment,
    remove_environment,
)
from samj_bridge.install.specification import Specification, read_specification
from samj_bridge.settings import Settings


@pytest.fixture(scope="module")
def index() -> Iterator[PackageIndex]:
    with serve(PackageIndex()) as served:
        yield served


@pytest.fixture(scope="module")
def foreign(tmp_path_factory: pytest.TempPathFactory, index: PackageIndex) -> Path:
    """A virtual environment with the packages of the tiny specification, made by somebody else."""
    folder = tmp_path_factory.mktemp("somebody's é 漢")
    settings = Settings(home=folder / "home", pypi_index=index.url, torch_index="", builder="uv")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UV_CACHE_DIR", str(folder / "uv cache"))
        made = ensure_environment(settings, name="tiny", specification=tiny_specification(folder / "envs", index))
    (made.prefix / "samj-environment.json").unlink()
    made.prefix.rename(made.prefix.with_name("venv"))
    return made.prefix.with_name("venv")


@pytest.fixture
def tiny(tmp_path: Path, index: PackageIndex) -> Specification:
    return tiny_specification(tmp_path / "envs", index)


@pytest.fixture
def settings(tmp_path: Path, index: PackageIndex, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv cache"))
    return Settings(home=tmp_path / "home", pypi_index=index.url, torch_index="", builder="uv")


def adopt(settings: Settings, prefix: Path, tiny: Specification) -> Path:
    return adopt_environment(settings, prefix, name="tiny", specification=tiny).prefix


def contents(prefix: Path) -> dict[str, tuple[int, int]]:
    return {str(path): (path.lstat().st_mtime_ns, path.lstat().st_size) for path in prefix.rglob("*")}


def test_a_foreign_environment_is_used_and_not_a_byte_of_it_is_written(
    settings: Settings, tiny: Specification, foreign: Path, index: PackageIndex
) -> None:
    before = contents(foreign)
    index.requests.clear()
    adopted = adopt_environment(settings, foreign, name="tiny", specification=tiny)
    assert (adopted.builder, adopted.prefix, adopted.adopted) == ("adopted", foreign, True)
    assert adopted.packages["tiny"] == "1.0"
    assert adopted.python_version == ".".join(map(str, sys.version_info[:3]))
    assert find_environment(settings, "tiny") == adopted
    assert ensure_environment(settings, name="tiny", specification=tiny) == adopted
    with adopted.hold():
        pass
    assert contents(foreign) == before
    assert index.requests == []


def test_our_own_comes_back_when_the_foreign_one_is_let_go(
    settings: Settings, tiny: Specification, foreign: Path
) -> None:
    own = ensure_environment(settings, name="tiny", specification=tiny)
    adopt(settings, foreign, tiny)
    assert own.python.exists()
    assert release_environment(settings, "tiny") == (foreign, own)
    assert ensure_environment(settings, name="tiny", specification=tiny) == own
    assert release_environment(settings, "tiny") == (None, own)


def test_removing_forgets_the_foreign_one_and_leaves_it(
    settings: Settings, tiny: Specification, foreign: Path
) -> None:
    before = contents(foreign)
    adopt(settings, foreign, tiny)
    assert remove_environment(settings, "tiny") == 0
    assert find_environment(settings, "tiny") is None
    assert contents(foreign) == before


def test_making_one_anew_while_another_is_adopted_is_refused(
    settings: Settings, tiny: Specification, foreign: Path
) -> None:
    adopt(settings, foreign, tiny)
    with pytest.raises(InstallError, match="made outside") as caught:
        create_environment(settings, name="tiny", specification=tiny)
    assert "env use --none" in caught.value.hint


def test_a_foreign_one_that_is_gone_is_told_and_nothing_is_installed_in_its_place(
    settings: Settings, tiny: Specification, tmp_path: Path, foreign: Path
) -> None:
    place = tmp_path / "moved"
    subprocess.run([foreign / "bin" / "python", "-m", "venv", "--without-pip", place], check=True)
    with pytest.raises(ProbeError):
        adopt(settings, place, tiny)
    adopt(settings, foreign, tiny)
    record = settings.envs_dir / "tiny" / "adopted.json"
    values = json.loads(record.read_text(encoding="utf-8"))
    record.write_text(json.dumps({**values, "prefix": str(tmp_path / "gone")}), encoding="utf-8")
    assert find_environment(settings, "tiny") is None
    with pytest.raises(InstallError) as caught:
        ensure_environment(settings, name="tiny", specification=tiny)
    assert caught.value.code == "adopted-gone"
    assert str(tmp_path / "gone") in caught.value.message
    assert "env use --none" in caught.value.hint
    record.write_text("garbage", encoding="utf-8")
    with pytest.raises(InstallError, match="can't be read"):
        ensure_environment(settings, name="tiny", specification=tiny)


def test_one_that_lacks_a_package_or_has_an_old_one_is_refused_and_the_old_choice_stays(
    settings: Settings, tiny: Specification, foreign: Path, tmp_path: Path, index: PackageIndex
) -> None:
    adopt(settings, foreign, tiny)
    bare = tmp_path / "bare"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", bare], check=True)
    with pytest.raises(ProbeError, match="can't be used: ModuleNotFoundError: No module named 'tiny'") as caught:
        adopt(settings, bare, tiny)
    assert "python >=3.10" in caught.value.hint
    text = tiny.path.read_text(encoding="utf-8") if tiny.path else ""
    newer = tiny_specification(tmp_path / "newer", index)
    assert newer.path is not None
    newer.path.write_text(text.replace("[dependencies]", '[dependencies]\npytorch = ">=2.2"'), encoding="utf-8")
    with pytest.raises(ProbeError, match=r"its pytorch is 1\.0, and >=2\.2 is needed"):
        adopt(settings, foreign, read_specification(newer.path))
    found = find_environment(settings, "tiny")
    assert found is not None
    assert found.prefix == foreign


def test_a_changed_specification_tries_it_out_again(
    settings: Settings, tiny: Specification, foreign: Path, tmp_path: Path, index: PackageIndex
) -> None:
    adopt(settings, foreign, tiny)
    changed = tiny_specification(tmp_path / "new", index, version="2.0")
    again = ensure_environment(settings, name="tiny", specification=changed)
    assert (again.prefix, again.specification) == (foreign, changed.hash_for("adopted"))
    assert changed.path is not None
    text = changed.path.read_text(encoding="utf-8").replace('probe = ["tiny",', 'probe = ["tiny", "not_there",')
    changed.path.write_text(text, encoding="utf-8")
    with pytest.raises(ProbeError, match="not_there") as caught:
        ensure_environment(settings, name="tiny", specification=read_specification(changed.path))
    assert "env use --none" in caught.value.hint


@pytest.mark.parametrize("what", ["file", "nothing", "folder", "workspace", "no python"])
def test_what_is_no_environment_is_told_with_what_would_be_one(
    what: str, settings: Settings, tiny: Specification, tmp_path: Path
) -> None:
    place = tmp_path / "place"
    words = {"file": "is a file", "nothing": "no folder", "no python": "has no Python"}.get(
        what, "not an environment"
    )
    if what == "file":
        place.write_text("")
    elif what == "workspace":
        (place / ".pixi" / "envs" / "default" / "conda-meta").mkdir(parents=True)
    elif what == "no python":
        (place / "conda-meta").mkdir(parents=True)
    elif what == "folder":
        place.mkdir()
    with pytest.raises(InputError, match=words) as caught:
        adopt(settings, place, tiny)
    assert caught.value.code == "not-an-environment"
    if what == "workspace":
        assert str(place / ".pixi" / "envs" / "default") in caught.value.hint
    assert not settings.home.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="conda's layout is another on Windows")
def test_a_conda_prefix_brings_its_own_variables(
    settings: Settings, tiny: Specification, foreign: Path, tmp_path: Path
) -> None:
    prefix = tmp_path / "conda é"
    shutil.copytree(foreign, prefix, symlinks=True)
    (prefix / "conda-meta").mkdir()
    (prefix / "conda-meta" / "pixi").write_text("{}")
    adopted = adopt_environment(settings, prefix, name="tiny", specification=tiny)
    assert adopted.notes[0].startswith("pixi: ")
    variables = environment_variables(adopted)
    assert variables["CONDA_PREFIX"] == str(prefix)
    assert variables["PATH"].split(os.pathsep)[0] == str(prefix / "bin")
    assert "CONDA_PREFIX" not in environment_variables(replace(adopted, prefix=foreign))
