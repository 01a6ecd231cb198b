"""Where a download goes: drives without locks, full disks, locked doors, folders of any name."""

from __future__ import annotations

import errno
import os
import subprocess
import threading
from pathlib import Path

import pytest
from fakes.disks import disk, fill
from fakes.file_server import Fault, FileServer
from resuming import CONTENT, QUICK, source

from samj_bridge.download import fetch
from samj_bridge.errors import FileError, NoSpaceError, SamjError
from samj_bridge.progress import ProgressEvent
from samj_bridge.settings import Settings


@pytest.mark.skipif(os.name != "posix", reason="flock is POSIX's")
@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS], ids=errno.errorcode.get)
def test_on_a_drive_without_locks_it_works_and_never_mixes_two_machines(
    number: int,
    server: FileServer,
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    import fcntl

    drive = tmp_path / "network drive"
    drive.mkdir()
    real = fcntl.flock

    def refuse(handle: int, operation: int) -> None:
        if os.readlink(f"/proc/self/fd/{handle}").startswith(str(drive)):
            raise OSError(number, os.strerror(number))
        real(handle, operation)

    monkeypatch.setattr(fcntl, "flock", refuse)
    server.faults = [Fault("cut", 2_000_000)]
    other = drive / "a.bin.othermachine.part"
    other.write_bytes(b"of another machine")
    errors: list[BaseException] = []

    def work() -> None:
        try:
            fetch(source(server), drive / "a.bin", settings=settings, policy=QUICK)
        except SamjError as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert (drive / "a.bin").read_bytes() == CONTENT.bytes()
    assert other.read_bytes() == b"of another machine"
    assert len(server.requests) == 2, "on one machine they still take turns"
    assert "has no file locks" in caplog.text


def test_a_disk_that_is_too_small_is_told_before_the_first_byte(
    server: FileServer, settings: Settings, tmp_path: Path
) -> None:
    with disk(tmp_path / "disk", "size=4m") as small:
        with pytest.raises(NoSpaceError, match=r"26 MB more are needed.* has 4 MB free") as caught:
            fetch(source(server), small / "a.bin", settings=settings, policy=QUICK)
        assert {path.name for path in small.iterdir()} <= {"a.bin.part.lock"}
    assert caught.value.details["free"] < caught.value.details["needed"]


def test_a_disk_that_fills_up_meanwhile_keeps_what_came_and_goes_on_when_there_is_room(
    server: FileServer, settings: Settings, tmp_path: Path
) -> None:
    server.bytes_per_s = 10e6
    with disk(tmp_path / "disk", "size=40m") as filling:
        other: list[Path] = []

        def watch(event: ProgressEvent) -> None:
            if event.done > 2_000_000 and not other:
                other.append(fill(filling))

        with pytest.raises(NoSpaceError, match="is full") as caught:
            fetch(source(server), filling / "a.bin", settings=settings, policy=QUICK, progress=watch)
        assert "are kept" in caught.value.hint
        assert not (filling / "a.bin").exists()
        other[0].unlink()
        fetch(source(server), filling / "a.bin", settings=settings, policy=QUICK)
        assert (filling / "a.bin").read_bytes() == CONTENT.bytes()
    assert server.requests[-1].range


def test_a_store_that_is_read_only_gives_what_it_has_and_says_that_it_takes_nothing(
    server: FileServer, settings: Settings, tmp_path: Path
) -> None:
    with disk(tmp_path / "disk", "size=40m") as store:
        (store / "there.bin").write_bytes(CONTENT.bytes())
        subprocess.run(["mount", "-o", "remount,ro", store], check=True)
        fetch(source(server), store / "there.bin", settings=settings, policy=QUICK)
        for target in (store / "a.bin", store / "new folder" / "a.bin"):
            with pytest.raises(FileError, match=r"can't be written: Read-only file system"):
                fetch(source(server), target, settings=settings, policy=QUICK)
        assert server.requests == []


def test_a_name_that_is_a_folder_is_refused_in_words(
    server: FileServer, settings: Settings, tmp_path: Path
) -> None:
    (tmp_path / "a.bin").mkdir()
    with pytest.raises(FileError, match="can't be written: Is a directory"):
        fetch(source(server), tmp_path / "a.bin", settings=settings, policy=QUICK)
    assert server.requests == []


@pytest.mark.parametrize("folder", ["with spaces", "mit Ümläuten", "漢字", 'q\'uote "and" $HOME %20 #'])
def test_folders_may_have_any_letters(folder: str, server: FileServer, settings: Settings, tmp_path: Path) -> None:
    fetch(source(server), tmp_path / folder / "a.bin", settings=settings, policy=QUICK)
    assert (tmp_path / folder / "a.bin").read_bytes() == CONTENT.bytes()
