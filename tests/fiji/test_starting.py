"""Every way to an ImageJ, each in a process of its own: a JVM starts once per process."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import samj_bridge
from samj_bridge.fiji import find_java

ROOT = Path(samj_bridge.__file__).parent.parent
TRY = """
from samj_bridge.errors import FijiError
from samj_bridge.fiji import java_class, start_imagej
try:
    imagej = start_imagej({arguments})
    print(imagej.version, imagej.source)
except FijiError as error:
    print(error.code, error)
"""


def run(code: str, **variables: str) -> str:
    java = find_java()
    assert java is not None
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "JAVA_HOME": str(java.home), **variables}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture
def jar(imagej_jar: Path) -> Path:
    """The jar of ImageJ 1.x, whatever runs here: ImageJ2's patched classes don't say where they come from."""
    return imagej_jar


def test_a_folder_laid_out_like_fiji_is_started(jar: Path, tmp_path: Path) -> None:
    fiji = tmp_path / "Fiji é 漢.app"
    (fiji / "jars" / "bio").mkdir(parents=True)
    (fiji / "plugins").mkdir()
    shutil.copy(jar, fiji / "jars" / "ij-1.54p.jar")
    code = TRY.format(arguments=f"fiji={str(fiji)!r}, memory='300m'") + (
        "lang = java_class('java.lang.System')\n"
        "print(lang.getProperty('plugins.dir'), java_class('java.lang.Runtime').getRuntime().maxMemory() >> 20)\n"
        "print(lang.getProperty('java.awt.headless'))\n"
    )
    first, second, third = run(code).splitlines()
    assert first == f"1.54p {fiji}"
    assert second.startswith(str(fiji))
    assert 250 <= int(second.split()[-1]) <= 300
    assert third == "true"


def test_a_plain_imagej_folder_is_started(jar: Path, tmp_path: Path) -> None:
    shutil.copy(jar, tmp_path / "ij.jar")
    assert run(TRY.format(arguments=f"fiji={str(tmp_path)!r}")).startswith("1.54p")


def test_a_jvm_that_others_started_with_imagej_is_used(jar: Path) -> None:
    code = f"import jpype; jpype.startJVM('-Djava.awt.headless=true', classpath=[{str(jar)!r}])"
    assert run(code + TRY.format(arguments="")) == "1.54p running"


def test_a_jvm_that_others_started_without_imagej_is_refused() -> None:
    said = run("import jpype; jpype.startJVM('-Djava.awt.headless=true')" + TRY.format(arguments=""))
    assert said.startswith("jvm-without-imagej")


def test_without_network_the_first_start_says_so_and_the_next_may_succeed(tmp_path: Path, jar: Path) -> None:
    nowhere = {"HOME": str(tmp_path), "USERPROFILE": str(tmp_path), "M2_REPO": str(tmp_path / "m2")}
    nowhere |= dict.fromkeys(("https_proxy", "http_proxy", "HTTPS_PROXY", "HTTP_PROXY"), "http://127.0.0.1:9")
    fiji = tmp_path / "fiji"
    fiji.mkdir()
    shutil.copy(jar, fiji / "ij.jar")
    said = run(TRY.format(arguments="") + TRY.format(arguments=f"fiji={str(fiji)!r}"), **nowhere).splitlines()
    assert said[0].startswith("fetch-failed ImageJ 1.54p could not be fetched from Maven Central")
    assert said[-1].startswith("1.54p")


def test_a_damaged_jar_is_named(tmp_path: Path) -> None:
    broken = tmp_path / "net" / "imagej" / "ij" / "1.54p" / "ij-1.54p.jar"
    broken.parent.mkdir(parents=True)
    broken.write_bytes(b"PK half a jar")
    said = run(TRY.format(arguments=""), M2_REPO=str(tmp_path))
    assert said.startswith("damaged-jar")
    assert str(broken) in said


@pytest.mark.parametrize("stays", [False, True])
def test_python_ends_although_threads_are_left_behind(stays: bool) -> None:
    code = TRY.format(arguments="") + (
        "pixels = java_class('ij.process.FloatProcessor')(600, 600)\n"
        "java_class('ij.plugin.filter.GaussianBlur')().blurGaussian(pixels, 20.0, 20.0, 0.01)\n"
        "threads = java_class('java.lang.Thread').getAllStackTraces().keySet()\n"
        "names = [str(thread.getName()) for thread in threads]\n"
        "print(any('pool' in name for name in names))\n"
    )
    if stays:
        code += "java_class('java.util.Timer')('stays', False)\n"
    assert run(code).endswith("True")


@pytest.mark.skipif(os.name == "nt", reason="there is no signal to send on Windows")
def test_an_interrupt_is_pythons_and_java_lives_on() -> None:
    code = TRY.format(arguments="") + (
        "import os, signal, time\n"
        "try:\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "    time.sleep(10)\n"
        "except KeyboardInterrupt:\n"
        "    print('interrupted', java_class('ij.IJ').getVersion())\n"
    )
    assert "interrupted 1.54p" in run(code)
