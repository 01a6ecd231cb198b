"""Killed, cancelled, two at once, a full disk, a locked door: what came stays, nothing half-made gets its name."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from fakes.disks import disk, fill
from fakes.file_server import Content, Fault, FileServer, serve

from samj_bridge.download import Policy, Source, fetch
from samj_bridge.errors import Cancelled, DownloadError, FileError, NoSpaceError, SamjError
from samj_bridge.progress import CancelToken, ProgressEvent
from samj_bridge.settings import Settings

PROGRAM = Path(__file__).parents[1] / "fakes" / "downloader.py"
SMALL = Content(6_000_000, seed=1)
QUICK = Policy(backoff_s=0.02, longest_backoff_s=0.1, connect_s=5.0, stall_s=20.0)
# A cancel must not wait for the server: with these limits the test would hang if it did.
ENDLESS = Policy(stall_s=3600.0, connect_s=3600.0)


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture
def server() -> Iterator[FileServer]:
    with serve(FileServer({"/a.bin": SMALL})) as running:
        yield running


def source(server: FileServer) -> Source:
    content = server.files["/a.bin"]
    return Source((f"{server.url}/a.bin",), "a.bin", content.size, (content.hash(),), allow_http=True)


Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start() -> Iterator[Start]:
    """Return what starts a download in a process of its own, which ends with the test."""
    started: list[subprocess.Popen[str]] = []

    def begin(server: FileServer, target: Path, wanted: Source | None = None) -> subprocess.Popen[str]:
        wanted = wanted or source(server)
        order = {"url": wanted.urls[0], "target": str(target), "size": wanted.size, "hashes": wanted.hashes}
        command = [sys.executable, PROGRAM, json.dumps(order)]
        started.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        return started[-1]

    yield begin
    for process in started:
        process.kill()
        process.__exit__(None, None, None)


def wait_for(condition: object, process: subprocess.Popen[str] | None = None) -> None:
    deadline = time.monotonic() + 60
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline, "it never came to that"
        assert process is None or process.poll() is None, "it ended before"
        time.sleep(0.01)


def size_of(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def kill(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


# Killed


def test_a_download_of_300_mb_killed_at_half_goes_on_from_there(
    start: Start, settings: Settings, tmp_path: Path
) -> None:
    big = Content(300_000_000, seed=3)
    target = tmp_path / "sam_vit_b.pth"
    part = target.with_name("sam_vit_b.pth.part")
    with serve(FileServer({"/a.bin": big})) as server:
        wanted = replace(source(server), name=target.name)
        process = start(server, target, wanted)
        wait_for(lambda: size_of(part) >= big.size // 2, process)
        kill(process)
        assert not target.exists()
        kept = size_of(part)
        assert big.size // 2 <= kept < big.size
        fetch(wanted, target, settings=settings, policy=QUICK)
    first, second = server.requests
    assert first.range == ""
    assert second.range == f"bytes={kept}-"
    assert second.if_range == f'"3-{big.size}"'
    assert target.stat().st_size == big.size
    with target.open("rb") as file:
        for block in big.blocks():
            assert file.read(len(block)) == block
    assert not part.exists()
    assert not part.with_name(part.name + ".json").exists()


@pytest.mark.parametrize("at", [0.25, 0.5, 0.99])
def test_a_download_killed_at_any_point_ends_in_the_right_file(
    at: float, start: Start, server: FileServer, settings: Settings, tmp_path: Path
) -> None:
    target = tmp_path / "a.bin"
    server.faults = [Fault("stall", int(at * SMALL.size))]
    process = start(server, target)
    # The very last of what came may not be on the disk yet.
    wait_for(lambda: size_of(tmp_path / "a.bin.part") > at * SMALL.size - 100_000, process)
    kill(process)
    assert not target.exists()
    fetch(source(server), target, settings=settings, policy=QUICK)
    assert target.read_bytes() == SMALL.bytes()
    assert server.requests[-1].range


def test_a_download_killed_between_the_last_byte_and_the_name_needs_no_network(
    server: FileServer, settings: Settings, tmp_path: Path
) -> None:
    target = tmp_path / "a.bin"
    leave(target, SMALL.bytes(), server, SMALL)
    fetch(source(server), target, settings=settings, policy=QUICK)
    assert server.requests == []
    assert target.read_bytes() == SMALL.bytes()


def leave(target: Path, data: bytes, server: FileServer, content: Content, **changed: object) -> None:
    """Leave what an earlier download would have left."""
    origin = {
        "url": f"{server.url}/a.bin",
        "validator": f'"{content.seed}-{content.size}"',
        "total": content.size,
        **changed,
    }
    target.with_name("a.bin.part").write_bytes(data)
    target.with_name("a.bin.part.json").write_text(json.dumps(origin))


@pytest.mark.parametrize(
    ("left", "changed", "asks_for_the_rest"),
    [
        pytest.param(SMALL.bytes()[:2_000_000], {}, True, id="as it should be"),
        pytest.param(bytes(2_000_000), {}, True, id="zeros after a power cut"),
        pytest.param(SMALL.bytes()[:2_000_000], {"validator": '"old"'}, True, id="of an older version"),
        pytest.param(SMALL.bytes()[:2_000_000], {"validator": ""}, True, id="of an unnamed version"),
        pytest.param(SMALL.bytes()[:2_000_000], {"url": "https://another.example/a"}, True, id="of another mirror"),
        pytest.param(SMALL.bytes()[:2_000_000], {"total": 17}, False, id="of a file of another size"),
        pytest.param(SMALL.bytes() + b"more", {}, False, id="longer than the file"),
        pytest.param(bytes(SMALL.size), {}, False, id="as long as the file, and wrong"),
        pytest.param(b"", {}, False, id="nothing"),
        pytest.param(SMALL.bytes()[:2_000_000], {"total": "many"}, False, id="with a note of the wrong kind"),
        pytest.param(SMALL.bytes()[:2_000_000], {"more": 1}, False, id="with a note of another version"),
    ],
)
def test_whatever_an_earlier_download_left_the_right_file_comes(
    left: bytes,
    changed: dict[str, object],
    asks_for_the_rest: bool,
    server: FileServer,
    settings: Settings,
    tmp_path: Path,
) -> None:
    leave(tmp_path / "a.bin", left, server, SMALL, **changed)
    fetch(source(server), tmp_path / "a.bin", settings=settings, policy=QUICK)
    assert (tmp_path / "a.bin").read_bytes() == SMALL.bytes()
    assert bool(server.requests[0].range) == asks_for_the_rest


@pytest.mark.parametrize("note", ["", "{", "[]", "\0"])
def test_bytes_without_a_readable_note_are_not_used(
    note: str, server: FileServer, settings: Settings, tmp_path: Path
) -> None:
    leave(tmp_path / "a.bin", SMALL.bytes()[:1_000_000], server, SMALL)
    (tmp_path / "a.bin.part.json").write_text(note)
    fetch(source(server), tmp_path / "a.bin", settings=settings, policy=QUICK)
    assert server.requests[0].range == ""


# Cancelled


@pytest.mark.parametrize("fault", [Fault("mute"), Fault("stall", 2_000_000), Fault("drip")], ids=str)
def test_a_cancel_does_not_wait_for_the_server(
    fault: Fault, server: FileServer, settings: Settings, tmp_path: Path
) -> None:
    server.faults = [fault]
    token = CancelToken()

    def cancel_when_stuck() -> None:
        server.stalled.wait(120)
        token.cancel()

    thread = threading.Thread(target=cancel_when_stuck)
    thread.start()
    with pytest.raises(Cancelled):
        fetch(source(server), tmp_path / "a.bin", settings=settings, cancel=token, policy=ENDLESS)
    thread.join()
    assert not (tmp_path / "a.bin").exists()


def test_a_cancel_ends_the_wait_that_a_server_asked_for(
    server: FileServer, settings: Settings, tmp_path: Path
) -> None:
    server.always = Fault("status", status=503, text="100")
    token = CancelToken()

    def cancel_in_the_pause(event: ProgressEvent) -> None:
        if "trying again in 100 s" in event.message:
            token.cancel()

    with pytest.raises(Cancelled):
        fetch(
            source(server),
            tmp_path / "a.bin",
            settings=settings,
            cancel=token,
            policy=ENDLESS,
            progress=cancel_in_the_pause,
        )


def test_a_download_cancelled_twice_still_goes_on_from_there(
    server: FileServer, settings: Settings, tmp_path: Path
) -> None:
    for share in (0.3, 0.6):
        token = CancelToken()

        def cancel_at(event: ProgressEvent, token: CancelToken = token, share: float = share) -> None:
            if event.stage == "download" and event.done >= share * SMALL.size:
                token.cancel()
                token.cancel()

        server.bytes_per_s = 10e6
        with pytest.raises(Cancelled):
            fetch(
                source(server),
                tmp_path / "a.bin",
                settings=settings,
                cancel=token,
                progress=cancel_at,
                policy=QUICK,
            )
        assert not (tmp_path / "a.bin").exists()
        assert size_of(tmp_path / "a.bin.part") >= share * SMALL.size
    server.bytes_per_s = 0.0
    fetch(source(server), tmp_path / "a.bin", settings=settings, policy=QUICK)
    assert (tmp_path / "a.bin").read_bytes() == SMALL.bytes()
    assert [bool(request.range) for request in server.requests] == [False, True, True]


def test_a_token_that_is_set_already_asks_no_server(server: FileServer, settings: Settings, tmp_path: Path) -> None:
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        fetch(source(server), tmp_path / "a.bin", settings=settings, cancel=token)
    assert list(tmp_path.glob("a.bin")) == []


# Several at once


def events_of(process: subprocess.Popen[str]) -> list[dict[str, object]]:
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 0, output
    return [json.loads(line) for line in output.splitlines()]


def test_of_two_processes_the_second_waits_shows_progress_and_asks_no_server(
    start: Start, server: FileServer, tmp_path: Path
) -> None:
    target = tmp_path / "a.bin"
    server.bytes_per_s = 3e5
    first = start(server, target)
    wait_for(lambda: size_of(tmp_path / "a.bin.part") > 0, first)
    second = start(server, target)
    assert second.stdout is not None
    seen: set[float] = set()
    while len(seen) < 3:
        # The second sees the first get on.
        event = json.loads(second.stdout.readline())
        assert event["stage"] == "wait"
        assert f"process {first.pid}" in event["message"]
        assert event["total"] == SMALL.size
        seen.add(event["done"])
    server.bytes_per_s = 0.0
    firsts, seconds = events_of(first), events_of(second)
    assert len(server.requests) == 1
    assert firsts[-1] == seconds[-1]
    assert target.read_bytes() == SMALL.bytes()


def test_when_the_first_is_killed_the_second_goes_on_from_there(
    start: Start, server: FileServer, tmp_path: Path
) -> None:
    target = tmp_path / "a.bin"
    server.bytes_per_s = 5e5
    first = start(server, target)
    wait_for(lambda: size_of(tmp_path / "a.bin.part") > 500_000, first)
    second = start(server, target)
    assert second.stdout is not None
    waiting = second.stdout.readline()
    assert json.loads(waiting)["stage"] == "wait"
    kill(first)
    server.bytes_per_s = 0.0
    events_of(second)
    assert target.read_bytes() == SMALL.bytes()
    assert server.requests[1].range


def test_many_threads_want_one_file_and_one_fetches_it(
    server: FileServer, settings: Settings, tmp_path: Path
) -> None:
    errors: list[BaseException] = []

    def work() -> None:
        try:
            fetch(source(server), tmp_path / "a.bin", settings=settings, policy=QUICK)
        except SamjError as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert len(server.requests) == 1
    assert (tmp_path / "a.bin").read_bytes() == SMALL.bytes()


def test_a_waiting_download_can_be_cancelled(
    start: Start, server: FileServer, settings: Settings, tmp_path: Path
) -> None:
    server.always = Fault("stall", 3_000_000)
    process = start(server, tmp_path / "a.bin")
    try:
        wait_for(lambda: size_of(tmp_path / "a.bin.part") > 0, process)
        token = CancelToken()
        with pytest.raises(Cancelled):
            fetch(
                source(server),
                tmp_path / "a.bin",
                settings=settings,
                cancel=token,
                progress=lambda event: token.cancel() if event.stage == "wait" else None,
            )
    finally:
        kill(process)


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
    assert (drive / "a.bin").read_bytes() == SMALL.bytes()
    assert other.read_bytes() == b"of another machine"
    assert len(server.requests) == 2, "on one machine they still take turns"
    assert "has no file locks" in caplog.text


# The disk


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
        assert (filling / "a.bin").read_bytes() == SMALL.bytes()
    assert server.requests[-1].range


def test_a_store_that_is_read_only_gives_what_it_has_and_says_that_it_takes_nothing(
    server: FileServer, settings: Settings, tmp_path: Path
) -> None:
    with disk(tmp_path / "disk", "size=40m") as store:
        (store / "there.bin").write_bytes(SMALL.bytes())
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
    assert (tmp_path / folder / "a.bin").read_bytes() == SMALL.bytes()


def test_after_a_failure_the_part_is_named_and_kept(server: FileServer, settings: Settings, tmp_path: Path) -> None:
    server.faults = [Fault("cut", 2_000_000)]
    server.always = Fault("status", status=404)
    with pytest.raises(DownloadError, match=r"The 2\.0 MB that came are kept"):
        fetch(source(server), tmp_path / "a.bin", settings=settings, policy=QUICK)
    server.always = Fault("fine")
    fetch(source(server), tmp_path / "a.bin", settings=settings, policy=QUICK)
    assert server.requests[-1].range == "bytes=2000000-"


@pytest.mark.skipif(os.name != "posix", reason="Ctrl-C of a child can be sent on POSIX only")
def test_ctrl_c_leaves_what_a_kill_would_leave(
    start: Start, server: FileServer, settings: Settings, tmp_path: Path
) -> None:
    server.bytes_per_s = 5e5
    process = start(server, tmp_path / "a.bin")
    wait_for(lambda: size_of(tmp_path / "a.bin.part") > 500_000, process)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=120)
    assert not (tmp_path / "a.bin").exists()
    server.bytes_per_s = 0.0
    fetch(source(server), tmp_path / "a.bin", settings=settings, policy=QUICK)
    assert server.requests[-1].range
