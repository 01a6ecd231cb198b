"""The jar in the plugins folder of a Fiji: put there, replaced, removed."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import pytest

from samj_bridge.cli.commands.fiji import in_plugins
from samj_bridge.errors import FijiError, InputError
from samj_bridge.fiji import find_jar, install_jar, remove_jar
from samj_bridge.fiji.jar import jar_version
from samj_bridge.version import __version__


def needs_jar() -> bool:
    try:
        return not find_jar().is_file()
    except FijiError:
        return True


pytestmark = pytest.mark.skipif(needs_jar(), reason="the tool's jar was not built: mvn -f java_glue package")


@pytest.fixture(params=["Fiji é 漢.app", "plain ImageJ"])
def fiji(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Two layouts: Fiji's, and that of ImageJ 1.x without plugins."""
    folder = tmp_path / request.param
    folder.mkdir()
    if "Fiji" in request.param:
        (folder / "jars").mkdir()
        (folder / "plugins").mkdir()
        (folder / "jars" / "ij-1.54p.jar").touch()
    else:
        (folder / "ij.jar").touch()
    return folder


def test_the_jar_replaces_older_ones_and_leaves_others_alone(fiji: Path) -> None:
    plugins = fiji / "plugins"
    plugins.mkdir(exist_ok=True)
    others = ["SAMJ_Bridge_Extra.jar", "SAMJ_IJ-0.0.4.jar", "mySAMJ_Bridge-1.0.jar", "SAMJ_Bridge-notes.txt"]
    for name in ("SAMJ_Bridge.jar", "SAMJ_Bridge-0.0.1.jar", *others):
        (plugins / name).write_bytes(b"old")
    jar = install_jar(fiji)
    assert jar == plugins / f"SAMJ_Bridge-{__version__}.jar"
    assert jar.read_bytes() == find_jar().read_bytes()
    assert {entry.name for entry in plugins.iterdir()} == {jar.name, *others}
    # Once more: the same.
    assert install_jar(fiji) == jar
    assert remove_jar(fiji) == [jar]
    assert {entry.name for entry in plugins.iterdir()} == set(others)
    assert remove_jar(fiji) == []


def test_the_command_says_where_it_is(fiji: Path) -> None:
    told = in_plugins(str(fiji), install=True, remove=False)
    assert Path(told.data["installed"]).is_file()
    assert "Plugins > SAMJ" in str(told.lines[1])
    assert in_plugins(str(fiji), install=False, remove=True).data["removed"] == [told.data["installed"]]
    with pytest.raises(InputError, match="--fiji FOLDER is missing"):
        in_plugins(None, install=True, remove=False)
    with pytest.raises(InputError, match="exclude each other"):
        in_plugins(str(fiji), install=True, remove=True)


def test_a_folder_without_imagej_is_refused(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(FijiError) as told:
            install_jar(folder)
        assert told.value.code == "no-fiji"
    assert not list(tmp_path.iterdir())


def test_what_can_not_be_written_leaves_the_folder_as_it_was(fiji: Path) -> None:
    plugins = fiji / "plugins"
    plugins.mkdir(exist_ok=True)
    old = plugins / "SAMJ_Bridge-0.0.1.jar"
    old.write_bytes(b"old")
    # In the way of the new one: a folder of its name, which nothing replaces.
    (plugins / f"SAMJ_Bridge-{__version__}.jar" / "inside").mkdir(parents=True)
    blocked = plugins / f"SAMJ_Bridge-{__version__}.jar.{os.getpid()}.old"
    (blocked / "inside").mkdir(parents=True)
    with pytest.raises(FijiError) as told:
        install_jar(fiji)
    assert told.value.code == "jar-in-use"
    assert old.read_bytes() == b"old"
    assert not list(plugins.glob("*.part"))


def test_a_jar_without_a_version_is_unknown(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.jar", "w") as archive:
        archive.writestr("x", "y")
    assert jar_version(tmp_path / "a.jar") == "unknown"
