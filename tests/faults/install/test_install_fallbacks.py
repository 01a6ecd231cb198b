"""What can't be had is made up for, and said: a GPU that does not do, an update that can't be fetched."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from fakes.package_index import PackageIndex, offer_cpu_build, serve, tiny_specification

from samj_bridge.errors import NetworkError, ProbeError
from samj_bridge.install import create_environment, ensure_environment, find_environment
from samj_bridge.install.gpu import find_nvidia_gpu
from samj_bridge.install.specification import Specification, read_specification
from samj_bridge.progress import ProgressEvent
from samj_bridge.settings import Settings

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="torch's CPU index matters on Linux only")

# A torch that imports as soon as it is the build for the CPU: what an old driver does to the other one.
_OLD_DRIVER = "raise ImportError('the driver is too old for this build')"


@pytest.fixture
def pypi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PackageIndex]:
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with serve(PackageIndex()) as index:
        yield index


@pytest.fixture
def cpu_index() -> Iterator[PackageIndex]:
    with serve(PackageIndex()) as index:
        offer_cpu_build(index)
        yield index


@pytest.fixture
def settings(tmp_path: Path, pypi: PackageIndex, cpu_index: PackageIndex) -> Settings:
    home = tmp_path / "home"
    return Settings(home=home, pypi_index=pypi.url, torch_index=cpu_index.url, builder="uv")


@pytest.fixture
def gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A driver's program, first on the path, that lists a GPU."""
    folder = tmp_path / "driver"
    folder.mkdir()
    program = folder / "nvidia-smi"
    program.write_text("#!/bin/sh\necho 'GPU 0: Test GPU 9000 (UUID: GPU-1)'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return "GPU 0: Test GPU 9000"


def broken_on_gpu(folder: Path, pypi: PackageIndex) -> Specification:
    """A specification whose build with CUDA does not import."""
    tiny = tiny_specification(folder, pypi)
    pin = pypi.add("torch", "1.0", _OLD_DRIVER, requires=("nvidia-fake", "tiny"))
    assert tiny.path is not None
    lock = tiny.path.with_name("pypi.lock")
    lines = [line for line in lock.read_text(encoding="utf-8").splitlines() if not line.startswith("torch")]
    lock.write_text("\n".join([*lines, pin]) + "\n", encoding="utf-8")
    return read_specification(tiny.path)


@linux_only
def test_a_cuda_build_that_fails_its_trial_gives_way_to_the_cpu_build_and_the_reason_is_kept(
    settings: Settings, pypi: PackageIndex, tmp_path: Path, gpu: str
) -> None:
    assert find_nvidia_gpu() == gpu
    tiny = broken_on_gpu(tmp_path / "envs", pypi)
    events: list[ProgressEvent] = []
    made = ensure_environment(settings, name="tiny", specification=tiny, progress=events.append)
    assert (made.feature, made.packages["torch"]) == ("cpu", "1.0+cpu")
    (reason,) = [note for note in made.notes if "failed its trial" in note]
    assert gpu in reason
    assert "the driver is too old" in reason
    assert any("took the one for the CPU" in event.message for event in events)
    folder = settings.envs_dir / "tiny"
    assert [path.name for path in folder.iterdir() if path.is_dir() and path.name != "leases"] == [made.prefix.name]
    assert find_environment(settings, "tiny") == made


@linux_only
def test_a_cuda_build_that_was_asked_for_is_not_replaced(
    settings: Settings, pypi: PackageIndex, tmp_path: Path, gpu: str
) -> None:
    tiny = broken_on_gpu(tmp_path / "envs", pypi)
    with pytest.raises(ProbeError, match="the driver is too old"):
        ensure_environment(replace(settings, device="cuda"), name="tiny", specification=tiny)
    made = ensure_environment(replace(settings, device="cpu"), name="tiny", specification=tiny)
    assert made.feature == "cpu"
    assert not any("failed its trial" in note for note in made.notes)


def test_an_update_that_cannot_be_had_leaves_the_old_environment_in_service(
    settings: Settings, pypi: PackageIndex, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    old = ensure_environment(
        replace(settings, torch_index=""), name="tiny", specification=tiny_specification(tmp_path / "old", pypi)
    )
    changed = tiny_specification(tmp_path / "new", pypi, version="2.0")
    gone = replace(settings, torch_index="", pypi_index="http://127.0.0.1:9/simple")
    events: list[ProgressEvent] = []
    assert ensure_environment(gone, name="tiny", specification=changed, progress=events.append) == old
    assert "could not be brought up to date" in events[-1].message
    assert "could not be brought up to date" in caplog.text
    with pytest.raises(NetworkError):
        create_environment(gone, name="tiny", specification=changed)
    # With the network back, the next start makes it.
    new = ensure_environment(replace(settings, torch_index=""), name="tiny", specification=changed)
    assert new.packages["tiny"] == "2.0"


def test_an_old_environment_that_lacks_what_the_update_needs_does_not_serve(
    settings: Settings, pypi: PackageIndex, tmp_path: Path
) -> None:
    settings = replace(settings, torch_index="")
    ensure_environment(settings, name="tiny", specification=tiny_specification(tmp_path / "old", pypi))
    changed = tiny_specification(tmp_path / "new", pypi, version="2.0")
    assert changed.path is not None
    text = changed.path.read_text(encoding="utf-8").replace('probe = ["tiny",', 'probe = ["tiny", "brand_new",')
    changed.path.write_text(text, encoding="utf-8")
    gone = replace(settings, pypi_index="http://127.0.0.1:9/simple")
    with pytest.raises(NetworkError):
        ensure_environment(gone, name="tiny", specification=read_specification(changed.path))
