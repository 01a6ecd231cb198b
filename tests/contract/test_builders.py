"""What every builder owes, run over the whole table with real tools, a local index and tiny packages."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from fakes.beds import Bed, bed_names, make_bed
from fakes.killed_install import start_install

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
from samj_bridge.install.specification import Specification
from samj_bridge.progress import CancelToken, ProgressEvent
from samj_bridge.settings import Settings

REAL = pytest.mark.real_micromamba


@pytest.fixture(params=[pytest.param(name, marks=[REAL] if "real" in name else []) for name in bed_names()])
def bed(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bed]:
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with make_bed(request.param, tmp_path) as made:
        yield made


@pytest.fixture
def builder(bed: Bed) -> str:
    return bed.builder


@pytest.fixture
def settings(tmp_path: Path, bed: Bed) -> Settings:
    return bed.settings(tmp_path / "a home é 漢")


@pytest.fixture
def tiny(bed: Bed) -> Specification:
    return bed.specification("envs")


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
    builder: str, settings: Settings, tiny: Specification, bed: Bed
) -> None:
    first = ensure_environment(settings, name="tiny", specification=tiny, builder=builder)
    asked = len(bed.requests)
    events: list[ProgressEvent] = []
    assert ensure_environment(settings, name="tiny", specification=tiny, progress=events.append) == first
    assert (events, len(bed.requests)) == ([], asked)


def test_a_changed_specification_gets_a_new_prefix_and_the_old_one_goes(
    builder: str, settings: Settings, tiny: Specification, bed: Bed, tmp_path: Path
) -> None:
    old = ensure_environment(settings, name="tiny", specification=tiny, builder=builder)
    changed = bed.specification("new", "2.0")
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
    (tmp_path / ".condarc").write_text(f"pkgs_dirs:\n  - {tmp_path / 'bad'}\nchannels:\n  - http://127.0.0.1:9\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("CONDARC", "MAMBARC"):
        monkeypatch.setenv(name, str(tmp_path / ".condarc"))
    for name in ("CONDA_PKGS_DIRS", "MAMBA_ROOT_PREFIX", "CONDA_PREFIX"):
        monkeypatch.setenv(name, str(tmp_path / "bad"))
    monkeypatch.setenv("CONDA_SUBDIR", "win-64")
    for name in ("MAMBA_DRY_RUN", "MAMBA_JSON"):
        monkeypatch.setenv(name, "true")
    monkeypatch.setenv("VIRTUAL_ENV", str(tmp_path / "bad"))
    made = ensure_environment(settings, name="tiny", specification=tiny, builder=builder)
    variables = environment_variables(made)
    assert not {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "PIP_INDEX_URL"} & set(variables)
    assert variables.get("CONDA_PREFIX", str(made.prefix)) == str(made.prefix)
    code = "import tiny, sys; print(tiny.__file__)"
    place = subprocess.run([made.python, "-c", code], env=variables, capture_output=True, text=True, check=True)
    assert str(made.prefix) in place.stdout
    # Nor does anything get out: no list of environments, no cache in the user's home.
    assert sorted(path.name for path in tmp_path.glob(".*")) == [".condarc"]


def test_a_cancelled_build_leaves_neither_prefix_nor_process_nor_half_a_download(
    builder: str, settings: Settings, tiny: Specification, bed: Bed, tmp_path: Path
) -> None:
    bed.stall(stall=True)
    token = CancelToken()
    canceller = threading.Thread(target=lambda: bed.wait_stalled() and token.cancel())
    canceller.start()
    with pytest.raises(Cancelled):
        ensure_environment(settings, name="tiny", specification=tiny, builder=builder, cancel=token)
    canceller.join()
    assert prefixes(settings) == []
    assert started_from(settings.home) == []
    assert bed.halves(settings.home) == []
    with pytest.raises(Cancelled):
        ensure_environment(settings, name="tiny", specification=tiny, builder=builder, cancel=token)
    bed.stall(stall=False)
    assert ensure_environment(settings, name="tiny", specification=tiny, builder=builder).packages["tiny"] == "1.0"


def test_an_environment_that_fails_its_trial_is_never_pointed_to(
    builder: str, settings: Settings, tiny: Specification, bed: Bed, tmp_path: Path
) -> None:
    good = ensure_environment(settings, name="tiny", specification=tiny, builder=builder)
    code = "raise ImportError('this wheel is for another machine')"
    bad = bed.specification("bad", "3.0", code)
    with pytest.raises(ProbeError, match="for another machine"):
        ensure_environment(settings, name="tiny", specification=bad, builder=builder)
    assert find_environment(settings, "tiny") == good
    assert prefixes(settings) == [good.prefix.name]


def test_an_unknown_builder_is_named_with_those_there_are(
    builder: str, settings: Settings, tiny: Specification
) -> None:
    with pytest.raises(InputError, match="no builder 'bazel'.*" + builder):
        ensure_environment(settings, name="tiny", specification=tiny, builder="bazel")


def test_of_two_processes_that_want_one_environment_the_second_follows_the_first(
    settings: Settings, tiny: Specification, bed: Bed
) -> None:
    bed.stall(stall=True)
    first = start_install(settings, tiny)
    assert bed.wait_stalled()
    second = start_install(settings, tiny)
    assert second.stdout is not None
    try:
        assert f"wait Waiting for process {first.pid} " in second.stdout.readline()
        assert f"wait Process {first.pid}: " in second.stdout.readline()
    finally:
        # The lock goes with its holder, and the second goes on by itself.
        bed.stall(stall=False)
        first.kill()
    first.communicate(timeout=120)
    said = second.communicate(timeout=120)[0].splitlines()
    assert second.returncode == 0, said
    made = find_environment(settings, "tiny")
    assert made is not None
    assert said[-1] == f"made {made.prefix}"
    assert prefixes(settings) == [made.prefix.name]
    third = start_install(settings, tiny)
    assert third.communicate(timeout=120)[0].splitlines() == [f"made {made.prefix}"]
