"""What every builder owes, run over the whole table with real tools, a local index and tiny packages."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from fakes.package_index import PackageIndex, serve, tiny_specification

from samj_bridge.errors import Cancelled, InputError, InstallError, ProbeError
from samj_bridge.install import (
    check_environment,
    create_environment,
    ensure_environment,
    environment_variables,
    find_environment,
    list_environments,
    remove_environment,
)
from samj_bridge.install.builders import BUILDERS
from samj_bridge.install.specification import Specification
from samj_bridge.progress import CancelToken, ProgressEvent
from samj_bridge.settings import Settings

pytestmark = pytest.mark.parametrize("builder", BUILDERS)


@pytest.fixture
def pypi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PackageIndex]:
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with serve(PackageIndex()) as index:
        yield index


@pytest.fixture
def settings(tmp_path: Path, pypi: PackageIndex) -> Settings:
    return Settings(home=tmp_path / "a home é 漢", pypi_index=pypi.url, torch_index="")


@pytest.fixture
def tiny(tmp_path: Path, pypi: PackageIndex) -> Specification:
    return tiny_specification(tmp_path / "envs", pypi)


def prefixes(settings: Settings) -> list[str]:
    folder = settings.envs_dir / "tiny"
    return sorted(path.name for path in folder.iterdir() if path.is_dir() and path.name != "leases")


def started_from(folder: Path) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter(["cmdline"]):
        if any(str(folder) in part for part in process.info["cmdline"] or []):
            found.append(process)
    return found


def test_an_environment_is_made_tried_out_and_found_again(
    builder: str, settings: Settings, tiny: Specification
) -> None:
    assert find_environment(settings, "tiny") is None
    events: list[ProgressEvent] = []
    made = ensure_environment(settings, name="tiny", specification=tiny, builder=builder, progress=events.append)
    assert find_environment(settings, "tiny") == made
    assert list_environments(settings) == [made]
    assert made.packages["tiny"] == "1.0"
    assert (made.builder, made.specification) == (builder, tiny.hash_for(builder))
    assert made.prefix.name == f"{tiny.hash_for(builder)[:12]}-1"
    assert made.prefix in made.python.parents
    assert any(note.startswith(f"{builder}: ") for note in made.notes)
    stages = [event.stage for event in events]
    assert stages[-1] == "done"
    assert {"resolve", "install", "probe"} <= set(stages)
    assert check_environment(made)["packages"]["torch"].startswith("1.0")


def test_a_second_call_finds_what_the_first_made(
    builder: str, settings: Settings, tiny: Specification, pypi: PackageIndex
) -> None:
    first = ensure_environment(settings, name="tiny", specification=tiny, builder=builder)
    pypi.requests.clear()
    events: list[ProgressEvent] = []
    assert ensure_environment(settings, name="tiny", specification=tiny, progress=events.append) == first
    assert (events, pypi.requests) == ([], [])


def test_a_changed_specification_gets_a_new_prefix_and_the_old_one_goes(
    builder: str, settings: Settings, tiny: Specification, pypi: PackageIndex, tmp_path: Path
) -> None:
    old = ensure_environment(settings, name="tiny", specification=tiny, builder=builder)
    changed = tiny_specification(tmp_path / "new", pypi, version="2.0")
    new = ensure_environment(settings, name="tiny", specification=changed, builder=builder)
    assert new.packages["tiny"] == "2.0"
    assert prefixes(settings) == [new.prefix.name]
    assert not old.prefix.exists()
    with pytest.raises(InstallError, match="replaced or removed"), old.hold():
        pass


def test_a_held_environment_outlives_its_successor(builder: str, settings: Settings, tiny: Specification) -> None:
    old = ensure_environment(settings, name="tiny", specification=tiny, builder=builder)
    with old.hold(), old.hold():
        new = create_environment(settings, name="tiny", specification=tiny, builder=builder)
        assert new.prefix != old.prefix
        assert old.python.exists()
        assert find_environment(settings, "tiny") == new
    create_environment(settings, name="tiny", specification=tiny, builder=builder)
    assert len(prefixes(settings)) == 1


def test_an_environment_in_use_is_not_removed(builder: str, settings: Settings, tiny: Specification) -> None:
    made = ensure_environment(settings, name="tiny", specification=tiny, builder=builder)
    with made.hold(), pytest.raises(InstallError) as caught:
        remove_environment(settings, "tiny")
    assert caught.value.code == "in-use"
    assert find_environment(settings, "tiny") == made
    assert remove_environment(settings, "tiny") > 0
    assert find_environment(settings, "tiny") is None
    assert prefixes(settings) == []
    assert remove_environment(settings, "tiny") == 0


def test_the_users_own_configuration_does_not_reach_in(
    builder: str, settings: Settings, tiny: Specification, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "tiny.py").write_text("raise RuntimeError('the user’s own')")
    (tmp_path / "config" / "uv").mkdir(parents=True)
    (tmp_path / "config" / "uv" / "uv.toml").write_text('index-url = "http://127.0.0.1:9/simple"')
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "bad"))
    monkeypatch.setenv("PYTHONHOME", str(tmp_path / "bad"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    for name in ("PIP_INDEX_URL", "UV_INDEX_URL", "UV_DEFAULT_INDEX", "UV_EXTRA_INDEX_URL"):
        monkeypatch.setenv(name, "http://127.0.0.1:9/simple")
    monkeypatch.setenv("VIRTUAL_ENV", str(tmp_path / "bad"))
    monkeypatch.setenv("CONDA_PREFIX", str(tmp_path / "bad"))
    made = ensure_environment(settings, name="tiny", specification=tiny, builder=builder)
    variables = environment_variables(made)
    assert not {"PYTHONPATH", "PYTHONHOME", "CONDA_PREFIX", "VIRTUAL_ENV", "PIP_INDEX_URL"} & set(variables)
    code = "import tiny, sys; print(tiny.__file__)"
    place = subprocess.run([made.python, "-c", code], env=variables, capture_output=True, text=True, check=True)
    assert str(made.prefix) in place.stdout


def test_a_cancelled_build_leaves_neither_prefix_nor_process_nor_half_a_download(
    builder: str, settings: Settings, tiny: Specification, pypi: PackageIndex, tmp_path: Path
) -> None:
    pypi.stall_wheels = True
    token = CancelToken()
    canceller = threading.Thread(target=lambda: pypi.stalled.wait(60) and token.cancel())
    canceller.start()
    with pytest.raises(Cancelled):
        ensure_environment(settings, name="tiny", specification=tiny, builder=builder, cancel=token)
    canceller.join()
    assert prefixes(settings) == []
    assert started_from(settings.home) == []
    assert list((tmp_path / "uv cache").glob(".tmp*")) == []
    with pytest.raises(Cancelled):
        ensure_environment(settings, name="tiny", specification=tiny, builder=builder, cancel=token)
    pypi.stall_wheels = False
    assert ensure_environment(settings, name="tiny", specification=tiny, builder=builder).packages["tiny"] == "1.0"


def test_an_environment_that_fails_its_trial_is_never_pointed_to(
    builder: str, settings: Settings, tiny: Specification, pypi: PackageIndex, tmp_path: Path
) -> None:
    good = ensure_environment(settings, name="tiny", specification=tiny, builder=builder)
    code = "raise ImportError('this wheel is for another machine')"
    bad = tiny_specification(tmp_path / "bad", pypi, version="3.0", code=code)
    with pytest.raises(ProbeError, match="for another machine"):
        ensure_environment(settings, name="tiny", specification=bad, builder=builder)
    assert find_environment(settings, "tiny") == good
    assert prefixes(settings) == [good.prefix.name]


def test_an_unknown_builder_is_named_with_those_there_are(
    builder: str, settings: Settings, tiny: Specification
) -> None:
    with pytest.raises(InputError, match="no builder 'bazel'.*" + builder):
        ensure_environment(settings, name="tiny", specification=tiny, builder="bazel")


_KILLED = """
import os, signal, sys
from pathlib import Path
from samj_bridge.install import create_environment
from samj_bridge.install.specification import read_specification
from samj_bridge.settings import Settings

left = int(sys.argv[4])
def progress(event):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)

settings = Settings(home=Path(sys.argv[1]), pypi_index=sys.argv[2], torch_index="", builder=sys.argv[5])
create_environment(settings, name="tiny", specification=read_specification(Path(sys.argv[3])), progress=progress)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_killed_at_any_step_the_next_start_finds_the_old_or_the_new_environment(
    builder: str, settings: Settings, tiny: Specification, pypi: PackageIndex, tmp_path: Path
) -> None:
    create_environment(settings, name="tiny", specification=tiny, builder=builder)
    wanted = tiny_specification(tmp_path / "new", pypi, version="2.0")
    assert wanted.path is not None
    seen = set()
    for step in range(1, 50):
        command = [settings.home, pypi.url, wanted.path, step, builder]
        killed = subprocess.run(
            [sys.executable, "-c", _KILLED, *map(str, command)],
            cwd=Path.cwd(),
            capture_output=True,
            text=True,
            check=False,
        )
        if killed.returncode == 0:
            break  # it had fewer steps than that: every one of them has been a deadly one by now
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        found = find_environment(settings, "tiny")
        assert found is not None, f"nothing left after a kill at step {step}"
        version = json.loads((found.prefix / "samj-environment.json").read_text())["packages"]["tiny"]
        seen.add(version)
        # The next start must clean up: whichever it finds, it makes the old one again for the next round.
        again = create_environment(settings, name="tiny", specification=tiny, builder=builder)
        assert prefixes(settings) == [again.prefix.name]
        assert started_from(settings.home) == []
    assert step > 5
    assert seen == {"1.0", "2.0"}
