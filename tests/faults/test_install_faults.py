"""Servers that lie, stall and vanish, full disks, locked doors, garbage, and two at once."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from fakes.disks import disk
from fakes.package_index import PackageIndex, offer_cpu_build, serve, tiny_specification

from samj_bridge.errors import FileError, InstallError, NetworkError, NoSpaceError, SamjError
from samj_bridge.install import create_environment, ensure_environment, find_environment
from samj_bridge.install.builders.uv.builder import LOCK_NAME, UvBuilder
from samj_bridge.install.prefixes.environment import Environment
from samj_bridge.install.specification import Specification
from samj_bridge.progress import ProgressEvent
from samj_bridge.settings import Settings

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="torch's CPU index matters on Linux only")
posix_only = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals and shell scripts")


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def pypi() -> Iterator[PackageIndex]:
    with serve(PackageIndex()) as index:
        yield index


@pytest.fixture
def cpu_index() -> Iterator[PackageIndex]:
    with serve(PackageIndex()) as index:
        yield index


@pytest.fixture
def tiny(tmp_path: Path, pypi: PackageIndex) -> Specification:
    return tiny_specification(tmp_path / "envs", pypi)


@pytest.fixture
def settings(tmp_path: Path, pypi: PackageIndex, cpu_index: PackageIndex) -> Settings:
    # The device says that no GPU is to be looked for: these tests mean the same on a machine with one.
    return Settings(
        builder="uv", home=tmp_path / "home", pypi_index=pypi.url, torch_index=cpu_index.url, device="cpu"
    )


def make(settings: Settings, tiny: Specification, **options: object) -> Environment:
    return ensure_environment(settings, name="tiny", specification=tiny, **options)  # type: ignore[arg-type]


def left_in(settings: Settings) -> list[Path]:
    folder = settings.envs_dir / "tiny"
    return [path for path in folder.iterdir() if path.is_dir() and path.name != "leases"] if folder.is_dir() else []


# torch's CPU index


@linux_only
def test_the_cpu_build_comes_without_cuda_and_its_real_hash_is_recorded(
    settings: Settings, tiny: Specification, cpu_index: PackageIndex
) -> None:
    pin = offer_cpu_build(cpu_index)
    made = make(settings, tiny)
    assert made.feature == "cpu", made.notes
    assert made.packages["torch"] == "1.0+cpu"
    assert "nvidia-fake" not in made.packages
    lock = (made.prefix / LOCK_NAME).read_text().splitlines()
    assert pin in lock
    assert any(line.startswith("tiny==1.0 ") for line in lock)
    assert any("small CPU build of torch" in note for note in made.notes)


@linux_only
@pytest.mark.parametrize("trouble", ["missing", "status", "stalls", "closed", "unhashed", "other version"])
def test_an_index_that_has_no_cpu_build_to_give_is_passed_over_and_said_so(
    trouble: str, settings: Settings, tiny: Specification, cpu_index: PackageIndex, tmp_path: Path
) -> None:
    if trouble == "other version":
        cpu_index.add("torch", "0.9+cpu")
    elif trouble != "missing":
        offer_cpu_build(cpu_index)
    cpu_index.page_status = 503 if trouble == "status" else 200
    cpu_index.stall_pages = trouble == "stalls"
    cpu_index.silent = trouble == "unhashed"
    if trouble == "closed":
        settings = Settings(
            builder="uv",
            home=settings.home,
            pypi_index=settings.pypi_index,
            torch_index="http://127.0.0.1:9/simple",
        )
    events: list[ProgressEvent] = []
    made = make(settings, tiny, builder=UvBuilder(settings, index_timeout_s=1.0), progress=events.append)
    assert made.feature == "cuda"
    assert made.packages["torch"] == "1.0"
    assert "nvidia-fake" in made.packages
    note = next(note for note in made.notes if "CPU index" in note)
    assert note.endswith("took the default index")
    assert any(event.message.startswith(note) for event in events)


@linux_only
@pytest.mark.slow
@pytest.mark.parametrize("trouble", ["lies", "breaks off"])
def test_a_cpu_index_that_fails_half_way_is_replaced_by_the_default_index(
    trouble: str, settings: Settings, tiny: Specification, cpu_index: PackageIndex
) -> None:
    offer_cpu_build(cpu_index)
    cpu_index.lie = trouble == "lies"
    cpu_index.cut_wheels = trouble == "breaks off"
    made = make(settings, tiny)
    assert (made.feature, made.packages["torch"]) == ("cuda", "1.0")
    assert any("CPU index failed" in note for note in made.notes)


@linux_only
@pytest.mark.parametrize("changed", [{"torch_index": ""}, {"device": "cuda"}])
def test_the_cpu_index_is_left_alone_when_the_settings_say_so(
    changed: dict[str, str], settings: Settings, tiny: Specification, cpu_index: PackageIndex
) -> None:
    offer_cpu_build(cpu_index)
    values = {
        "home": settings.home,
        "pypi_index": settings.pypi_index,
        "torch_index": settings.torch_index,
        "device": "cpu",
    }
    made = make(Settings(builder="uv", **{**values, **changed}), tiny)  # type: ignore[arg-type]
    assert made.packages["torch"] == "1.0"
    assert cpu_index.requests == []


# The default index


def test_a_package_that_is_not_the_pinned_one_is_refused(
    settings: Settings, tiny: Specification, pypi: PackageIndex
) -> None:
    pypi.add("tiny", "1.0", "print('someone else’s')")
    pypi.lie = False
    with pytest.raises(InstallError) as caught:
        make(settings, tiny)
    assert caught.value.code == "hash-mismatch"
    assert left_in(settings) == []


@pytest.mark.slow
def test_no_network_names_the_cause_first_and_leaves_nothing(settings: Settings, tiny: Specification) -> None:
    gone = Settings(builder="uv", home=settings.home, pypi_index="http://127.0.0.1:9/simple", torch_index="")
    with pytest.raises(NetworkError, match=r"(?i)^connection refused.*could not be fetched from") as caught:
        make(gone, tiny)
    assert "HTTPS_PROXY" in caught.value.hint
    assert left_in(settings) == []


def test_offline_without_a_cache_says_that_it_was_told_so_and_asks_nobody(
    settings: Settings, tiny: Specification, pypi: PackageIndex, cpu_index: PackageIndex
) -> None:
    offline = Settings(
        builder="uv", home=settings.home, pypi_index=pypi.url, torch_index=cpu_index.url, offline=True
    )
    with pytest.raises(NetworkError) as caught:
        make(offline, tiny)
    assert caught.value.code == "offline"
    assert (pypi.requests, cpu_index.requests) == ([], [])


def test_offline_with_a_full_cache_works(settings: Settings, tiny: Specification, pypi: PackageIndex) -> None:
    first = Settings(builder="uv", home=settings.home, pypi_index=pypi.url, torch_index="")
    make(first, tiny)
    pypi.requests.clear()
    offline = Settings(builder="uv", home=settings.home.with_name("second"), pypi_index=pypi.url, offline=True)
    assert make(offline, tiny).packages["torch"] == "1.0"
    assert pypi.requests == []


# Disks and folders


def test_too_little_space_is_said_before_anything_is_fetched(
    settings: Settings, tmp_path: Path, pypi: PackageIndex
) -> None:
    disk = f"[tool.samj-bridge.disk]\ncpu = {10**18}\ncuda = {10**18}\n"
    huge = tiny_specification(tmp_path / "huge", pypi, pixi=disk)
    with pytest.raises(NoSpaceError, match=r"needs about 1000000000\.0 GB") as caught:
        make(settings, huge)
    assert "SAMJ_HOME" in caught.value.hint
    assert not any(path.endswith(".whl") for path in pypi.requests)
    assert left_in(settings) == []


@posix_only
@pytest.mark.parametrize(
    ("says", "kind"),
    [
        ("error: failed to write: No space left on device (os error 28)", NoSpaceError),
        ("error: failed to create directory: Permission denied (os error 13)", FileError),
        ("error: failed to create directory: Read-only file system (os error 30)", FileError),
        ("error: dns error: failed to lookup address information", NetworkError),
        ("thread 'main' panicked", InstallError),
    ],
)
def test_what_uv_complains_of_becomes_an_error_of_its_kind(
    says: str, kind: type[SamjError], settings: Settings, tiny: Specification, tmp_path: Path
) -> None:
    complaining = tmp_path / "uv that complains"
    complaining.write_text(f'#!/bin/sh\necho "{says}" >&2\nprintf "\\377\\376" >&2\nexit 2\n')
    complaining.chmod(0o755)
    with pytest.raises(kind) as caught:
        make(settings, tiny, builder=UvBuilder(settings, complaining))
    assert type(caught.value) is kind
    assert caught.value.hint
    assert left_in(settings) == []


def test_a_disk_that_fills_up_in_the_middle_leaves_an_error_and_no_prefix(
    settings: Settings, pypi: PackageIndex, tmp_path: Path
) -> None:
    with disk(tmp_path / "small disk", "size=60m") as folder:
        tiny = tiny_specification(tmp_path / "large", pypi, code="data = '" + "x" * 80_000_000 + "'")
        small = Settings(builder="uv", home=folder / "home", pypi_index=pypi.url, torch_index="")
        with pytest.raises(NoSpaceError):
            make(small, tiny)
        assert left_in(small) == []


def test_a_cache_on_another_disk_does_no_harm(
    settings: Settings, tiny: Specification, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Path("/dev/shm")
    if not other.is_dir() or other.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("no second disk on this machine")
    import shutil
    import tempfile

    cache = tempfile.mkdtemp(dir=other)
    monkeypatch.setenv("UV_CACHE_DIR", cache)
    try:
        assert make(settings, tiny).packages["tiny"] == "1.0"
    finally:
        shutil.rmtree(cache)


def test_a_home_inside_a_file_is_refused_with_its_path(
    settings: Settings, tiny: Specification, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FileError, match="file") as caught:
        make(Settings(builder="uv", home=tmp_path / "file" / "home"), tiny)
    assert "SAMJ_HOME" in caught.value.hint


@pytest.mark.skipif(sys.platform != "linux", reason="/sys is on Linux only")
def test_a_read_only_home_is_refused(tiny: Specification) -> None:
    with pytest.raises(FileError) as caught:
        make(Settings(builder="uv", home=Path("/sys/samj home")), tiny)
    assert "SAMJ_HOME" in caught.value.hint


@pytest.mark.parametrize("garbage", [b"", b"\xff\xfe", b"../../elsewhere\n", b"vanished-1\n", b"a\nb\nc"])
def test_a_pointer_to_nothing_is_no_environment(garbage: bytes, settings: Settings) -> None:
    folder = settings.envs_dir / "tiny"
    folder.mkdir(parents=True)
    (folder / "current").write_bytes(garbage)
    assert find_environment(settings, "tiny") is None


@pytest.mark.parametrize("garbage", ["", "{", "[]", "null", '{"format": 1}', '{"format": 99}', "\x00" * 100])
def test_a_damaged_marker_is_no_environment_and_the_next_call_makes_one(
    garbage: str, settings: Settings, tiny: Specification
) -> None:
    folder = settings.envs_dir / "tiny"
    (folder / "damaged-1").mkdir(parents=True)
    (folder / "damaged-1" / "samj-environment.json").write_text(garbage)
    (folder / "current").write_text("damaged-1\n")
    assert find_environment(settings, "tiny") is None


def test_rubbish_of_earlier_builds_is_swept(settings: Settings, tiny: Specification) -> None:
    folder = settings.envs_dir / "tiny"
    (folder / "0123456789ab-1" / "lib").mkdir(parents=True)
    (folder / "damaged-1").mkdir()
    (folder / "damaged-1" / "samj-environment.json").write_text("{")
    (folder / "current").write_text("damaged-1\n")
    made = make(settings, tiny)
    assert left_in(settings) == [made.prefix]


@posix_only
def test_an_environment_whose_python_was_uninstalled_is_made_again(settings: Settings, tiny: Specification) -> None:
    made = make(settings, tiny)
    made.python.unlink()
    made.python.symlink_to("/nowhere/python")
    assert find_environment(settings, "tiny") is None
    assert make(settings, tiny).python.exists()


# Tools


def test_a_missing_uv_is_named_with_the_command_that_brings_it(
    settings: Settings, tiny: Specification, tmp_path: Path
) -> None:
    with pytest.raises(InstallError, match=r"can't be started.*No such file") as caught:
        make(settings, tiny, builder=UvBuilder(settings, tmp_path / "no uv here"))
    assert "pip install uv" in caught.value.hint


@posix_only
@pytest.mark.parametrize("python", ["/nowhere/python", "/bin/sh", "/"])
def test_a_python_that_is_none_is_refused(python: str, settings: Settings, tiny: Specification) -> None:
    with pytest.raises(InstallError, match="does not run") as caught:
        make(Settings(builder="uv", home=settings.home, python=python, torch_index=""), tiny)
    assert caught.value.code == "bad-python"


# Several at once, and sudden ends

_ENSURE = """
import sys
from pathlib import Path
from samj_bridge.install import ensure_environment
from samj_bridge.install.specification import read_specification
from samj_bridge.settings import Settings

def progress(event):
    print(event.stage, event.message, flush=True)

settings = Settings(builder="uv", home=Path(sys.argv[1]), pypi_index=sys.argv[2], torch_index="")
spec = read_specification(Path(sys.argv[3]))
print("prefix", ensure_environment(settings, name="tiny", specification=spec, progress=progress).prefix, flush=True)
"""


def start(settings: Settings, tiny: Specification) -> subprocess.Popen[str]:
    arguments = [settings.home, settings.pypi_index, tiny.path]
    command = [sys.executable, "-c", _ENSURE, *map(str, arguments)]
    return subprocess.Popen(command, cwd=Path.cwd(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def test_two_processes_that_want_one_environment_make_it_once(
    settings: Settings, tiny: Specification, pypi: PackageIndex
) -> None:
    processes = [start(settings, tiny) for _ in range(2)]
    outputs = [process.communicate(timeout=120)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], outputs
    made = [line for output in outputs for line in output.splitlines() if line.startswith("prefix")]
    assert len(made) == 2
    assert len(set(made)) == 1
    assert len(left_in(settings)) == 1
    builds = [output for output in outputs if "\nprobe " in output]
    assert len(builds) == 1


def test_who_waits_says_for_whom(settings: Settings, tiny: Specification, pypi: PackageIndex) -> None:
    pypi.stall_wheels = True
    first = start(settings, tiny)
    assert pypi.stalled.wait(120)
    second = start(settings, tiny)
    assert second.stdout is not None
    line = second.stdout.readline()
    assert line.startswith("wait ")
    assert str(first.pid) in line
    # And how far that one is, in its own words.
    line = second.stdout.readline()
    assert line.startswith(f"wait Process {first.pid}: ")
    pypi.stall_wheels = False
    first.kill()
    first.communicate(timeout=120)
    # The lock went with its holder: the second goes on by itself.
    rest = second.communicate(timeout=120)[0]
    assert second.returncode == 0, rest
    assert len(left_in(settings)) == 1


@posix_only
def test_a_host_killed_during_a_download_takes_uv_with_it(
    settings: Settings, tiny: Specification, pypi: PackageIndex
) -> None:
    pypi.stall_wheels = True
    host = start(settings, tiny)
    assert pypi.stalled.wait(120)
    children = psutil.Process(host.pid).children(recursive=True)
    assert any("uv" in child.name() for child in children)
    host.send_signal(signal.SIGKILL)
    host.communicate(timeout=120)
    _, alive = psutil.wait_procs(children, timeout=120)
    assert alive == []
    assert find_environment(settings, "tiny") is None
    pypi.stall_wheels = False
    made = create_environment(
        Settings(builder="uv", home=settings.home, pypi_index=pypi.url, torch_index=""),
        name="tiny",
        specification=tiny,
    )
    assert left_in(settings) == [made.prefix]


def test_threads_that_hold_and_replace_an_environment_never_lose_it_in_use(
    settings: Settings, tiny: Specification
) -> None:
    make(settings, tiny)
    done = threading.Event()
    lost: list[str] = []

    def use() -> None:
        while not done.is_set():
            found = find_environment(settings, "tiny")
            if found is None:
                lost.append("no environment")
                return
            try:
                with found.hold():
                    if not found.python.exists():
                        lost.append(f"{found.prefix.name} was removed while held")
                    time.sleep(0.01)
            except InstallError as error:
                if error.code != "environment-gone":
                    lost.append(str(error))

    users = [threading.Thread(target=use) for _ in range(3)]
    for user in users:
        user.start()
    for _ in range(3):
        create_environment(settings, name="tiny", specification=tiny)
    done.set()
    for user in users:
        user.join(120)
    assert lost == []
