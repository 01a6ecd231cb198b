"""The plugin in a real napari, in an environment of its own: the host has neither napari nor Qt."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import tomllib
from environment import PACKAGES, ROOT, environment, napari_python, screen

pytestmark = [pytest.mark.worker, pytest.mark.slow]

GUI = Path(__file__).parent / "gui"


@pytest.fixture(scope="module")
def python(kept: Path) -> Path:
    return napari_python(kept)


@pytest.fixture(scope="module")
def variables(linked_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    if shutil.which("Xvfb") is None:
        pytest.skip("there is no Xvfb on this machine")
    with screen() as display:
        yield environment(display, linked_home, tmp_path_factory.mktemp("napari's own"))


def test_the_extra_and_the_tests_mean_the_same_napari() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extra = project["optional-dependencies"]["napari"]
    assert PACKAGES[0] in extra
    named = " ".join(extra + project["dependencies"]).lower()
    assert not re.search(r"pyqt|pyside|torch|napari\[", named)


def test_npe2_finds_the_plugin_by_its_entry_point_and_finds_it_valid(
    python: Path, variables: dict[str, str]
) -> None:
    command = [python, "-m", "npe2", "validate", "samj-bridge", "--imports"]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Manifest for 'SAMJ' valid" in done.stdout


def test_the_manifest_is_read_without_numpy_qt_or_anything_of_ours(python: Path, variables: dict[str, str]) -> None:
    program = (
        "import sys, npe2; npe2.PluginManager.instance().discover();"
        "m = npe2.PluginManager.instance().get_manifest('samj-bridge');"
        "assert [w.command for w in m.contributions.widgets] == ['samj-bridge.segment'];"
        "print([n for n in sys.modules if n.startswith(('samj_bridge.', 'qtpy', 'torch'))])"
    )
    done = subprocess.run([python, "-c", program], env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert set(eval(done.stdout)) <= {"samj_bridge.version", "samj_bridge.napari"}, done.stdout


def test_the_widget_in_napari(python: Path, variables: dict[str, str], tmp_path: Path) -> None:
    """Run what is in ``gui/check_*.py``; what failed there is in the message."""
    command = [python, "-m", "pytest", "-q", "-c", GUI / "pytest.ini", "--rootdir", GUI, "--confcutdir", GUI]
    options = ["-p", "no:cacheprovider", "--basetemp", tmp_path / "checks", "--durations=5"]
    done = subprocess.run([*command, *options, GUI], env=variables, capture_output=True, text=True, check=False)
    print(done.stdout)
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-5_000:]
