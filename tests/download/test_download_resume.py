"""Killed, cancelled, two at once, a full disk, a locked door: what came stays, nothing half-made gets its name."""

from __future__ import annotations

import json
import os
import signal
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from fakes.file_server import Content, Fault, FileServer, serve
from resuming import CONTENT, ENDLESS, QUICK, Start, kill, size_of, source, wait_for

from samj_bridge.download import fetch
from samj_bridge.errors import Cancelled, DownloadError
from samj_bridge.progress import CancelToken, ProgressEvent
from samj_bridge.settings import Settings

BEGUN = CONTENT.bytes()[:2_000_000]


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
    server.faults = [Fault("stall", int(at * CONTENT.size))]
    process = start(server, target)
    # The very last of what came may not be on the disk yet.
    wait_for(lambda: size_of(tmp_path / "a.bin.part") > at * CONTENT.size - 100_000, process)
    kill(process)
    assert not target.exists()
    fetch(source(server), target, settings=settings, policy=QUICK)
    assert target.read_bytes() == CONTENT.bytes()
    assert server.requests[-1].range


def test_a_download_killed_between_the_last_byte_and_the_name_needs_no_network(
    server: FileServer, settings: Settings, tmp_path: Path
) -> None:
    target = tmp_path / "a.bin"
    leave(target, CONTENT.bytes(), server, CONTENT)
    fetch(source(server), target, settings=settings, policy=QUICK)
    assert server.requests == []
    assert target.read_bytes() == CONTENT.bytes()


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
        pytest.param(BEGUN, {}, True, id="as it should be"),
        pytest.param(bytes(2_000_000), {}, True, id="zeros after a power cut"),
        pytest.param(BEGUN, {"validator": '"old"'}, True, id="of an older version"),
        pytest.param(BEGUN, {"validator": ""}, True, id="of an unnamed version"),
        pytest.param(BEGUN, {"url": "https://another.example/a"}, True, id="of another mirror"),
        pytest.param(BEGUN, {"total": 17}, False, id="of a file of another size"),
        pytest.param(CONTENT.bytes() + b"more", {}, False, id="longer than the file"),
        pytest.param(bytes(CONTENT.size), {}, False, id="as long as the file, and wrong"),
        pytest.param(b"", {}, False, id="nothing"),
        pytest.param(BEGUN, {"total": "many"}, False, id="with a note of the wrong kind"),
        pytest.param(BEGUN, {"more": 1}, False, id="with a note of another version"),
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
    leave(tmp_path / "a.bin", left, server, CONTENT, **changed)
    fetch(source(server), tmp_path / "a.bin", settings=settings, policy=QUICK)
    assert (tmp_path / "a.bin").read_bytes() == CONTENT.bytes()
    assert bool(server.requests[0].range) == asks_for_the_rest


@pytest.mark.parametrize("note", ["", "{", "[]", "\0"])
def test_bytes_without_a_readable_note_are_not_used(
    note: str, server: FileServer, settings: Settings, tmp_path: Path
) -> None:
    leave(tmp_path / "a.bin", CONTENT.bytes()[:1_000_000], server, CONTENT)
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
            if event.stage == "download" and event.done >= share * CONTENT.size:
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
        assert size_of(tmp_path / "a.bin.part") >= share * CONTENT.size
    server.bytes_per_s = 0.0
    fetch(source(server), tmp_path / "a.bin", settings=settings, policy=QUICK)
    assert (tmp_path / "a.bin").read_bytes() == CONTENT.bytes()
    assert [bool(request.range) for request in server.requests] == [False, True, True]


def test_a_token_that_is_set_already_asks_no_server(server: FileServer, settings: Settings, tmp_path: Path) -> None:
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        fetch(source(server), tmp_path / "a.bin", settings=settings, cancel=token)
    assert list(tmp_path.glob("a.bin")) == []


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
