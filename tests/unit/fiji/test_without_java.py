"""Machines without Java, and everything that can be said before a JVM starts: in processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import samj_bridge
from samj_bridge.errors import FijiError, InputError
from samj_bridge.fiji.java import Java, find_java
from samj_bridge.fiji.jvm import start_imagej
from samj_bridge.settings import Settings

ROOT = Path(samj_bridge.__file__).parent.parent


def run(code: str, tmp_path: Path, **variables: str) -> str:
    """Run Python code with an environment of nothing but these variables; return what it prints."""
    environ = {"PATH": str(tmp_path), "PYTHONPATH": str(ROOT), "HOME": str(tmp_path), **variables}
    if os.name == "nt":
        environ["SYSTEMROOT"] = os.environ["SYSTEMROOT"]
    done = subprocess.run(
        [sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


START = """
from samj_bridge.errors import FijiError
from samj_bridge.fiji import find_java, start_imagej
try:
    print(start_imagej())
except FijiError as error:
    print(error.code, error)
"""


def fake_java(folder: Path, text: str) -> Path:
    """Write a launcher that says `text`, as a real program."""
    launcher = folder / "bin" / "java"
    launcher.parent.mkdir(parents=True)
    launcher.write_text(f"#!/bin/sh\nprintf '%s\\n' '{text}' >&2\n")
    launcher.chmod(0o755)
    return folder


def test_without_java_the_error_says_what_is_missing_and_what_to_do(tmp_path: Path) -> None:
    said = run(START, tmp_path)
    assert said.startswith("no-java ImageJ needs Java")
    assert "Install a JDK" in said


def test_importing_and_looking_for_java_load_no_java(tmp_path: Path) -> None:
    code = """
import sys
import samj_bridge.fiji as fiji
from samj_bridge.fiji import images, rois, jvm
assert fiji.find_java() is None
print([name for name in ("jpype", "scyjava", "imagej") if name in sys.modules])
"""
    assert run(code, tmp_path) == "[]"


def test_using_imagej_before_it_runs_is_told_as_such(tmp_path: Path) -> None:
    code = """
from samj_bridge.errors import FijiError
from samj_bridge.fiji import open_image, to_roi
from samj_bridge.geometry.region import Region
for call in (lambda: open_image("a.tif"), lambda: to_roi(Region.from_mask([[1]]))):
    try:
        call()
    except FijiError as error:
        print(error.code)
"""
    assert run(code, tmp_path).split() == ["fiji-not-running"] * 2


@pytest.mark.skipif(os.name == "nt", reason="the fake Java is a shell script")
@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("    java.home = /x\n    java.version = 1.8.0_402", "old-java"),
        ("The operation could not be completed. Unable to locate a Java Runtime.", "no-java"),
    ],
)
def test_a_java_that_is_too_old_or_none_is_told_as_such(text: str, code: str, tmp_path: Path) -> None:
    home = fake_java(tmp_path / "jdk", text)
    said = run(START, tmp_path, JAVA_HOME=str(home))
    assert said.startswith(code)
    assert ("1.8.0_402" in said) == (code == "old-java")


@pytest.mark.skipif(os.name == "nt", reason="the fake Java is a shell script")
def test_a_broken_java_home_gives_way_to_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = fake_java(tmp_path / "jdk", "    java.home = /opt/jdk 21\n    java.version = 21.0.2")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "missing"))
    monkeypatch.setenv("PATH", f"{home / 'bin'}{os.pathsep}{os.defpath}")
    java = find_java()
    assert java == Java(Path("/opt/jdk 21"), "21.0.2")
    assert java.major == 21


@pytest.mark.parametrize(
    ("version", "major"), [("1.8.0_402", 8), ("11.0.2", 11), ("17", 17), ("21-ea", 21), ("", 0)]
)
def test_the_major_version_is_read_from_any_form(version: str, major: int) -> None:
    assert Java(Path(), version).major == major


def test_an_amount_of_memory_that_is_none_is_refused() -> None:
    for memory in ("lots", "6", "g", "6gb", "-1g"):
        with pytest.raises(InputError, match="no amount of memory"):
            start_imagej(memory=memory, settings=Settings())


@pytest.mark.imagej
def test_a_folder_without_imagej_is_refused_before_java_starts(tmp_path: Path) -> None:
    if find_java() is None:
        pytest.skip("there is no Java on this machine")
    code = f"""
import jpype
from samj_bridge.errors import FijiError
from samj_bridge.fiji import start_imagej
try:
    start_imagej(fiji={str(tmp_path)!r})
except FijiError as error:
    print(error.code, jpype.isJVMStarted())
"""
    assert run(code, tmp_path, **_real_java()) == "no-fiji False"


@pytest.mark.imagej
def test_offline_nothing_is_fetched(tmp_path: Path) -> None:
    if find_java() is None:
        pytest.skip("there is no Java on this machine")
    said = run(START, tmp_path, SAMJ_OFFLINE="1", **_real_java())
    assert said.startswith("offline ImageJ is not on this machine yet")


def _real_java() -> dict[str, str]:
    java = find_java()
    if java is None:
        raise FijiError("no Java")
    return {"JAVA_HOME": str(java.home)}
