"""The usual reasons why an environment can't be made: each is provoked for real where this machine can."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from fakes.disks import disk

from samj_bridge.doctor.home import check_home
from samj_bridge.doctor.machine import check_machine
from samj_bridge.install.causes import (
    find_locked_file,
    find_long_path,
    find_musl,
    find_no_locks,
    find_no_permission,
    find_no_space,
    find_noexec,
    find_wrong_architecture,
)
from samj_bridge.process.patience import patiently
from samj_bridge.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home")


def test_a_disk_from_which_nothing_may_run_is_named_with_its_place(tmp_path: Path) -> None:
    with disk(tmp_path / "no é exec", "noexec,size=1m") as folder:
        cause = find_noexec(folder / "home" / "deeper")
        assert cause is not None
        assert cause.fatal
        assert str(folder) in cause.message
        findings = list(check_home(Settings(home=folder / "home")))
        assert {"noexec", "GB"} <= {
            word for finding in findings for word in ("noexec", "GB") if word in finding.message
        }
    assert find_noexec(tmp_path) is None


@pytest.mark.skipif(os.name != "posix", reason="flock is POSIX's")
def test_a_disk_without_locks_is_named_and_what_is_installed_there_is_not_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fcntl

    assert find_no_locks(tmp_path) is None

    def refuse(_handle: int, _operation: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)
    (finding,) = (item for item in check_home(Settings(home=tmp_path)) if "locks" in item.message)
    assert finding.status != "broken"
    assert "without file locks" in finding.message
    assert "can be used" in finding.mend
    assert list(tmp_path.iterdir()) == []


def test_a_small_disk_is_told_what_is_needed_and_what_is_there(tmp_path: Path) -> None:
    with disk(tmp_path / "tiny", "size=1m") as folder:
        cause = find_no_space(folder / "home", 1_200_000_000)
    assert cause is not None
    assert "needs 1.2 GB, and its disk has 0.0 GB free" in cause.message
    assert find_no_space(tmp_path, 1) is None


def test_a_disk_that_is_mounted_read_only_is_told_so(tmp_path: Path) -> None:
    with disk(tmp_path / "ro", "ro,size=1m") as folder:
        cause = find_no_permission(folder / "home")
        assert cause is not None
        assert "read-only" in cause.message
        (finding,) = check_home(Settings(home=folder / "home"))
    assert (finding.status, finding.check) == ("broken", "home")
    assert "SAMJ_HOME" in finding.mend


@pytest.mark.skipif(
    sys.platform != "linux" or not hasattr(os, "geteuid") or os.geteuid() != 0,
    reason="to give a folder to somebody else needs Linux and root",
)
def test_somebody_elses_folder_is_told_with_both_names(tmp_path: Path) -> None:
    for folder in [tmp_path, *tmp_path.parents][:-2]:
        folder.chmod(folder.stat().st_mode | stat.S_IXOTH | stat.S_IROTH)
    (tmp_path / "roots").mkdir(mode=0o755)
    program = (
        "import os, sys; from pathlib import Path; from samj_bridge.install.causes import find_no_permission\n"
        "os.setgroups([]); os.setgid(65534); os.setuid(65534); print(find_no_permission(Path(sys.argv[1])).message)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, tmp_path / "roots" / "home"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "it belongs to root, and this is nobody" in done.stdout


def test_a_file_where_the_home_should_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    cause = find_no_permission(tmp_path / "file" / "home")
    assert cause is not None
    assert "is a file" in cause.message
    assert find_no_permission(tmp_path / "to" / "be" / "made") is None


def test_paths_that_are_too_long_are_told_before_they_are_made() -> None:
    assert find_long_path(Path("/home/me/.local/share/samj-bridge/envs"), "linux") is None
    long = find_long_path(Path("/home/" + "x" * 100), "linux")
    assert long is not None
    assert not long.fatal
    longest = find_long_path(Path("/home/" + "x" * 260), "darwin")
    assert longest is not None
    assert longest.fatal
    windows = Path("C:/Users/somebody with a name/AppData/Local/samj-bridge/envs/and/some/more/folders")
    refused = find_long_path(windows, "win32", long_paths=False)
    assert refused is not None
    assert "Windows" in refused.message
    assert find_long_path(windows, "win32", long_paths=True) is None
    assert find_long_path(Path("C:/samj/envs"), "win32", long_paths=False) is None


def test_machines_without_builds_of_torch_are_told(settings: Settings) -> None:
    musl = find_musl("cpython-312-x86_64-linux-musl")
    assert musl is not None
    assert "glibc" in musl.mend
    assert find_musl("cpython-312-x86_64-linux-gnu") is None
    bits = find_wrong_architecture(bits_64=False)
    assert bits is not None
    assert bits.fatal
    rosetta = find_wrong_architecture(native="Apple silicon (arm64)")
    assert rosetta is not None
    assert not rosetta.fatal
    assert "arm64" in rosetta.mend
    # The suite itself runs on a machine that torch has builds for.
    assert list(check_machine(settings)) == []


def test_a_home_that_is_well_is_one_finding_and_left_as_it_was(tmp_path: Path) -> None:
    home = tmp_path / "a home é 漢"
    home.mkdir()
    (finding,) = [item for item in check_home(Settings(home=home)) if item.status == "ok"]
    assert str(home) in finding.message
    assert find_locked_file(home) is None
    assert list(home.iterdir()) == []


def failing(times: int, code: int) -> Callable[[], int]:
    left = [times]

    def action() -> int:
        if left[0] == 0:
            return 42
        left[0] -= 1
        error = PermissionError("held")
        error.winerror = code  # type: ignore[attr-defined,unused-ignore]
        raise error

    return action


def test_a_file_that_a_scanner_holds_is_tried_again_with_longer_and_longer_pauses() -> None:
    pauses: list[float] = []
    assert patiently(failing(3, 32), sleep=pauses.append) == 42
    assert pauses == [0.02, 0.04, 0.08]
    pauses.clear()
    with pytest.raises(PermissionError):
        patiently(failing(100, 32), attempts=4, sleep=pauses.append)
    assert len(pauses) == 3
    pauses.clear()
    with pytest.raises(PermissionError):
        patiently(failing(1, 999), sleep=pauses.append)
    assert pauses == []
