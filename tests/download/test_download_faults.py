"""Point by point: what a server can do to a download, and what comes of it. Print the table with ``pytest -rA``."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from fakes.file_server import FINE, Content, Fault, FileServer, serve
from faulty import CONTENT, HALF, HASHES, QUICK, SIZE, left_beside, source

from samj_bridge.download import Source, fetch
from samj_bridge.errors import DownloadError, FileError, HashMismatch, SamjError, SizeMismatch
from samj_bridge.progress import ProgressEvent
from samj_bridge.settings import Settings

# One fault at a time


@dataclass(frozen=True)
class Case:
    name: str
    faults: tuple[Fault, ...] = ()
    always: Fault = FINE
    size: int | None = SIZE
    ranges: bool = True
    etag: str = '"{seed}-{size}"'
    lengths: bool = True
    error: tuple[type[SamjError], str, str] | None = None
    """Class, code and words of the error; None: the right file comes."""
    sent: float | None = None
    """Files' worth of bytes that the server sends in all."""
    kept: bool = False
    """Whether an error leaves bytes to go on from."""


OTHER = (HashMismatch, "wrong-hash", "the file is another one")
CASES = [
    Case("nothing_wrong", sent=1.0),
    Case("cut_halfway_goes_on_from_there", (Fault("cut", HALF),), sent=1.0),
    Case("cut_five_times_but_further_each_time", (Fault("cut", 600_000),) * 5, sent=1.0),
    Case("cut_before_the_first_byte", (Fault("cut", 0),), sent=1.0),
    Case("cut_always_at_once", always=Fault("cut", 0), error=(DownloadError, "cut", "broke off")),
    Case("cut_without_ranges_starts_again", (Fault("cut", HALF),), ranges=False, sent=1.5),
    Case(
        "cut_always_without_ranges",
        always=Fault("cut", HALF),
        ranges=False,
        error=(DownloadError, "cut", "broke off"),
        kept=True,
    ),
    Case("reset_halfway", (Fault("reset", HALF),)),
    Case("cut_without_a_length", (Fault("cut", HALF),), lengths=False),
    Case("stalls_before_the_answer", (Fault("mute"),), sent=1.0),
    Case("stalls_halfway", (Fault("stall", HALF),), sent=1.0),
    Case("stalls_always", always=Fault("stall", 0), error=(DownloadError, "stalled", "came")),
    Case("drips", (Fault("drip"),)),
    Case("drips_always", always=Fault("drip"), error=(DownloadError, "stalled", "bytes came in"), kept=True),
    Case(
        "404",
        always=Fault("status", status=404),
        error=(DownloadError, "refused", "404 (it does not have the file)"),
    ),
    Case("403", always=Fault("status", status=403), error=(DownloadError, "refused", "403 (it refuses")),
    Case("401", always=Fault("status", status=401), error=(DownloadError, "refused", "a name and a password")),
    Case("410", always=Fault("status", status=410), error=(DownloadError, "refused", "any more")),
    Case("429_with_retry_after", (Fault("status", status=429, text="1"),), sent=1.0),
    Case("429_with_a_date", (Fault("status", status=429, text="Tue, 24 Nov 2020 00:00:00 GMT"),), sent=1.0),
    Case(
        "429_for_an_hour",
        always=Fault("status", status=429, text="3600"),
        error=(DownloadError, "busy", "429 (it is asked too often)"),
    ),
    Case("503_with_retry_after", (Fault("status", status=503, text="0"),), sent=1.0),
    Case("500_twice_then_fine", (Fault("status", status=500),) * 2, sent=1.0),
    Case("500_always", always=Fault("status", status=500), error=(DownloadError, "busy", "the answer was 500")),
    Case(
        "wrong_length_shorter",
        always=Fault("wrong_length", text="-1"),
        error=(SizeMismatch, "wrong-size", "offers"),
    ),
    Case(
        "wrong_length_longer", always=Fault("wrong_length", text="9"), error=(SizeMismatch, "wrong-size", "offers")
    ),
    Case("wrong_length_and_no_size_known", always=Fault("wrong_length", text="-1"), size=None, error=OTHER),
    Case("wrong_content", always=Fault("wrong_content"), error=OTHER, sent=1.0),
    Case("wrong_content_and_no_size_known", always=Fault("wrong_content"), size=None, error=OTHER),
    Case("wrong_content_after_a_cut_is_fetched_whole", (Fault("cut", HALF), Fault("wrong_content")), etag=""),
    Case("no_length", lengths=False, sent=1.0),
    Case("no_length_and_no_size_known", lengths=False, size=None, sent=1.0),
    Case("no_ranges_no_versions", (Fault("cut", HALF),), ranges=False, etag="", sent=1.5),
    Case("weak_version", (Fault("cut", HALF),), etag='W/"{seed}"', sent=1.0),
    Case("changed_between_resumes", (Fault("cut", HALF), Fault("changed")), error=OTHER),
    Case("changed_between_resumes_without_a_version", (Fault("cut", HALF), Fault("changed")), etag="", error=OTHER),
    Case("whole_file_when_a_part_was_asked", (Fault("cut", HALF), Fault("whole")), sent=1.5),
    Case("another_part_than_was_asked", (Fault("cut", HALF), Fault("wrong_part"))),
    Case("redirect_loop", always=Fault("redirect"), error=(DownloadError, "redirect", "in a circle")),
    Case(
        "redirect_to_nowhere",
        always=Fault("redirect", text="gopher://x/"),
        error=(DownloadError, "redirect", "no ad"),
    ),
    Case("page_to_sign_in", always=Fault("page"), error=(SizeMismatch, "wrong-size", "want you to sign in")),
    Case("page_and_no_size_known", always=Fault("page"), size=None, error=OTHER),
    Case("packed_without_being_asked", always=Fault("packed"), error=(DownloadError, "refused", "packed as gzip")),
    Case("no_web_server_at_all", always=Fault("garbage"), error=(DownloadError, "cut", "broke off")),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_download_faults(case: Case, server: FileServer, settings: Settings, tmp_path: Path) -> None:
    server.faults, server.always = list(case.faults), case.always
    server.ranges, server.etag, server.lengths = case.ranges, case.etag, case.lengths
    target = tmp_path / "store" / "a.bin"
    if case.error is None:
        digests = fetch(source(server, size=case.size), target, settings=settings, policy=QUICK)
        assert digests.as_hashes() == HASHES
        assert target.read_bytes() == CONTENT.bytes()
        assert left_beside(target) == set()
    else:
        cls, code, words = case.error
        with pytest.raises(cls) as caught:
            fetch(source(server, size=case.size), target, settings=settings, policy=QUICK)
        error = caught.value
        assert type(error) is cls
        assert error.code == code
        assert words in error.message
        assert error.hint
        assert error.details["attempts"][0]["url"] == f"{server.url}/a.bin"
        assert not target.exists()
        assert left_beside(target) == ({"a.bin.part", "a.bin.part.json"} if case.kept else set())
        assert ("are kept" in error.message) == case.kept
    if case.sent is not None:
        # What was on its way when the connection broke may have been sent for nothing.
        assert case.sent * SIZE <= server.sent <= case.sent * SIZE + 700_000


def test_download_faults_of_one_mirror_are_made_good_by_the_next(
    server: FileServer, settings: Settings, tmp_path: Path
) -> None:
    with (
        serve(FileServer(always=Fault("status", status=404))) as gone,
        serve(FileServer({"/a.bin": Content(SIZE - 1)})) as shorter,
        serve(FileServer({"/a.bin": Content(SIZE, seed=9)})) as other,
    ):
        fetch(source(gone, shorter, other, server), tmp_path / "a.bin", settings=settings, policy=QUICK)
        assert [len(one.requests) for one in (gone, shorter, other, server)] == [1, 1, 1, 1]
    assert (tmp_path / "a.bin").read_bytes() == CONTENT.bytes()


def test_download_faults_leave_the_next_mirror_only_the_rest(
    server: FileServer, settings: Settings, tmp_path: Path
) -> None:
    dead = FileServer({"/a.bin": CONTENT}, faults=[Fault("cut", HALF)], always=Fault("status", status=403))
    with serve(dead):
        fetch(source(dead, server), tmp_path / "a.bin", settings=settings, policy=QUICK)
    assert server.requests[0].range == f"bytes={HALF}-"
    assert server.requests[0].if_range == ""
    assert (tmp_path / "a.bin").read_bytes() == CONTENT.bytes()


def test_download_faults_of_every_mirror_are_all_named(
    server: FileServer, settings: Settings, tmp_path: Path
) -> None:
    server.always = Fault("status", status=404)
    with serve(FileServer({"/a.bin": Content(SIZE, seed=9)})) as other, pytest.raises(HashMismatch) as caught:
        fetch(source(other, server), tmp_path / "a.bin", settings=settings, policy=QUICK)
    assert [item["kind"] for item in caught.value.details["attempts"]] == ["wrong-hash", "refused"]
    assert other.url in caught.value.message
    assert "404" in caught.value.message
    assert "Nothing of it was kept" in caught.value.message


@pytest.mark.parametrize("known", HASHES, ids=lambda text: text.partition(":")[0])
def test_download_faults_of_content_are_found_by_any_kind_of_hash(
    known: str, server: FileServer, settings: Settings, tmp_path: Path
) -> None:
    server.faults = [Fault("wrong_content")]
    with pytest.raises(HashMismatch) as caught:
        fetch(source(server, hashes=(known,)), tmp_path / "a.bin", settings=settings, policy=QUICK)
    assert known in caught.value.message
    assert not (tmp_path / "a.bin").exists()
    fetch(source(server, hashes=(known,), size=None), tmp_path / "a.bin", settings=settings, policy=QUICK)
    assert (tmp_path / "a.bin").exists()


def test_download_faults_one_wrong_hash_among_right_ones_is_enough_to_refuse(
    server: FileServer, settings: Settings, tmp_path: Path
) -> None:
    hashes = (*HASHES[:3], "git-blob:" + "0" * 40)
    with pytest.raises(HashMismatch, match="git-blob:0000"):
        fetch(source(server, hashes=hashes), tmp_path / "a.bin", settings=settings, policy=QUICK)


def test_download_faults_server_that_is_not_there(server: FileServer, settings: Settings, tmp_path: Path) -> None:
    nobody = replace(source(server), urls=("http://127.0.0.1:9/a.bin",))
    with pytest.raises(DownloadError, match=r"can't be reached .*refused") as caught:
        fetch(nobody, tmp_path / "a.bin", settings=settings, policy=QUICK)
    assert caught.value.code == "unreachable"
    assert "connection" in caught.value.hint


def test_download_faults_name_that_nobody_knows(settings: Settings, tmp_path: Path) -> None:
    nobody = Source(("https://no-such-host.invalid/a.bin",), "a.bin", SIZE, HASHES)
    with pytest.raises(DownloadError, match="can't be reached") as caught:
        fetch(nobody, tmp_path / "a.bin", settings=settings, policy=QUICK)
    assert caught.value.code == "unreachable"


# Nobody knows the hash


def test_download_faults_unknown_hash_is_refused_unless_allowed_and_then_told(
    server: FileServer, settings: Settings, tmp_path: Path
) -> None:
    unknown = source(server, size=None, hashes=())
    with pytest.raises(DownloadError, match=r"No hash of a\.bin is known") as caught:
        fetch(unknown, tmp_path / "a.bin", settings=settings, policy=QUICK)
    assert caught.value.code == "unverified"
    assert "--allow-unverified" in caught.value.hint
    assert server.requests == []
    server.faults = [Fault("cut", HALF)]
    digests = fetch(unknown, tmp_path / "a.bin", settings=settings, allow_unverified=True, policy=QUICK)
    assert digests.as_hashes() == HASHES


@pytest.mark.parametrize("etag", ["", '"{seed}"'])
def test_download_faults_unknown_hash_never_joins_parts_of_two_versions(
    etag: str, server: FileServer, settings: Settings, tmp_path: Path
) -> None:
    server.etag = etag
    server.faults = [Fault("cut", HALF), Fault("changed")]
    unknown = source(server, size=None, hashes=())
    fetch(unknown, tmp_path / "a.bin", settings=settings, allow_unverified=True, policy=QUICK)
    assert (tmp_path / "a.bin").read_bytes() == Content(SIZE, seed=1000).bytes()


def test_download_faults_unknown_hash_and_unknown_length_is_nobodys_file(
    server: FileServer, settings: Settings, tmp_path: Path
) -> None:
    server.lengths = False
    unknown = source(server, size=None, hashes=())
    with pytest.raises(DownloadError, match="does not say how long"):
        fetch(unknown, tmp_path / "a.bin", settings=settings, allow_unverified=True, policy=QUICK)
    assert left_beside(tmp_path / "a.bin") == set()


# Offline, and what is there already


def test_download_faults_offline_names_file_size_hash_and_address(
    server: FileServer, settings: Settings, tmp_path: Path
) -> None:
    with pytest.raises(DownloadError) as caught:
        fetch(source(server), tmp_path / "a.bin", settings=replace(settings, offline=True), policy=QUICK)
    assert caught.value.code == "offline"
    text = str(caught.value)
    assert all(part in text for part in ("a.bin", "3.5 MB", HASHES[0], server.url))
    assert server.requests == []


def test_download_faults_a_right_file_is_left_alone_and_a_damaged_one_replaced(
    server: FileServer, settings: Settings, tmp_path: Path
) -> None:
    target = tmp_path / "a.bin"
    target.write_bytes(CONTENT.bytes())
    before = target.stat().st_mtime_ns
    fetch(source(server), target, settings=replace(settings, offline=True), policy=QUICK)
    assert (target.stat().st_mtime_ns, server.requests) == (before, [])
    for damaged in (CONTENT.bytes()[:-1], b"\0" + CONTENT.bytes()[1:]):
        target.write_bytes(damaged)
        fetch(source(server), target, settings=settings, policy=QUICK)
        assert target.read_bytes() == CONTENT.bytes()


def test_download_faults_a_damaged_file_stays_until_the_right_one_is_there(
    server: FileServer, settings: Settings, tmp_path: Path
) -> None:
    target = tmp_path / "a.bin"
    target.write_bytes(b"mine")
    server.always = Fault("wrong_content")
    with pytest.raises(HashMismatch):
        fetch(source(server), target, settings=settings, policy=QUICK)
    assert target.read_bytes() == b"mine"


# What the person at the screen sees


def test_download_faults_progress_says_speed_and_time_left_and_counts_to_the_end(
    server: FileServer, settings: Settings, tmp_path: Path
) -> None:
    server.files["/a.bin"] = big = Content(8_000_000)
    server.bytes_per_s = 8e6
    server.faults = [Fault("cut", 5_000_000)]
    events: list[ProgressEvent] = []
    wanted = replace(source(server), size=big.size, hashes=(big.hash(),))
    fetch(wanted, tmp_path / "a.bin", settings=settings, policy=QUICK, progress=events.append)
    messages = [event.message for event in events]
    assert any(re.fullmatch(r"Fetching a\.bin: [\d.]+ MB/s, \d+ s left", text) for text in messages), messages
    assert any("broke off" in text and "trying again" in text for text in messages), messages
    assert {event.stage for event in events} == {"download"}
    assert (events[-1].done, events[-1].total, events[-1].unit) == (big.size, big.size, "bytes")
    assert [event.done for event in events] == sorted(event.done for event in events)


def test_download_faults_no_secret_of_an_address_is_shown(
    server: FileServer, settings: Settings, tmp_path: Path
) -> None:
    server.always = Fault("status", status=403)
    secret = server.url.replace("http://", "http://me:hunter2@") + "/a.bin?token=hunter3"
    with pytest.raises(DownloadError) as caught:
        fetch(replace(source(server), urls=(secret,)), tmp_path / "a.bin", settings=settings, policy=QUICK)
    assert "hunter" not in str(caught.value.to_dict())


# The disk


def test_download_faults_folder_that_is_a_file(server: FileServer, settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "store").write_text("not a folder")
    with pytest.raises(FileError, match="can't be written"):
        fetch(source(server), tmp_path / "store" / "a.bin", settings=settings, policy=QUICK)
    assert server.requests == []
