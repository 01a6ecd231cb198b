"""Full disks, locked doors, garbage, tools that are missing, several at once and sudden ends."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest
from fakes.disks import disk
from fakes.package_index import PackageIndex, tiny_specification
from tiny import left_in, make

from samj_bridge.errors import FileError, InstallError, NetworkError, NoSpaceError, SamjError
from samj_bridge.install import create_environment, find_environment
from samj_bridge.install.builders.uv.builder import UvBuilder
from samj_bridge.install.specification import Specification
from samj_bridge.settings import Settings

pytestmark = pytest.mark.usefixtures("own_cache")
posix_only = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals and shell scripts")


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
