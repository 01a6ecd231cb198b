"""Any sequence of faults ends in the right file or a clear error, never in a wrong file at the final name."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes.file_server import Content, Fault, FileServer, serve
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from samj_bridge.download import Digests, Policy, Source, fetch
from samj_bridge.errors import DownloadError
from samj_bridge.settings import Settings

CONTENT = Content(400_000, seed=5)
HASHES = Digests.of(CONTENT.bytes()).as_hashes()
HURRIED = Policy(attempts=3, backoff_s=0.001, longest_backoff_s=0.002, connect_s=5.0, stall_s=0.3)

# Some of the file, most of the time.
_AFTER = st.sampled_from([100_000, 200_000, 300_000, CONTENT.size - 1, 0, 1]) | st.integers(0, CONTENT.size - 1)
_STATUSES = st.sampled_from([401, 403, 404, 410, 416, 418, 429, 500, 502, 503])
ETAGS = ["", '"{seed}"', 'W/"{seed}"']
CUTS = st.builds(Fault, st.sampled_from(["cut", "reset"]), _AFTER)
HONEST = st.one_of(
    CUTS,
    st.builds(lambda status: Fault("status", status=status, text="0"), _STATUSES),
    st.just(Fault("changed")),
    st.sampled_from([Fault("whole"), Fault("redirect"), Fault("garbage")]),
)
LIES = st.one_of(
    st.sampled_from([Fault("wrong_content"), Fault("page"), Fault("packed"), Fault("wrong_part")]),
    st.builds(lambda more: Fault("wrong_length", text=str(more)), st.sampled_from([-9, -1, 1, 9])),
    st.builds(Fault, st.just("stall"), _AFTER),
)
SERVERS = st.fixed_dictionaries(
    {
        "ranges": st.booleans(),
        "lengths": st.booleans(),
        "etag": st.sampled_from(ETAGS),
        "last_modified": st.sampled_from(["", "Tue, 24 Nov 2020 00:00:00 GMT"]),
    }
)


@pytest.fixture(scope="module")
def server() -> Iterator[FileServer]:
    with serve(FileServer()) as running:
        yield running


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")


def set_up(server: FileServer, faults: list[Fault], ways: dict[str, object]) -> None:
    server.files = {"/a.bin": CONTENT, "/b.bin": CONTENT}
    server.faults, server.always = list(faults), Fault("fine")
    server.requests.clear()
    for name, value in ways.items():
        setattr(server, name, value)


def attempt(source: Source, target: Path, *, allow_unverified: bool = False) -> Digests | DownloadError:
    """Fetch once; any other error than a `DownloadError` fails the test."""
    home = Settings(home=target.parent)
    try:
        return fetch(source, target, settings=home, allow_unverified=allow_unverified, policy=HURRIED)
    except DownloadError as error:
        return error


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.one_of(HONEST, LIES), min_size=1, max_size=7),
    SERVERS,
    st.booleans(),
    st.sampled_from(HASHES),
    st.booleans(),
)
def test_any_sequence_of_faults_ends_in_the_right_file_or_a_clear_error(
    server: FileServer, faults: list[Fault], ways: dict[str, object], mirror: bool, known: str, sized: bool
) -> None:
    set_up(server, faults, ways)
    urls = (f"{server.url}/a.bin", *([f"{server.url}/b.bin"] if mirror else []))
    source = Source(urls, "a.bin", CONTENT.size if sized else None, (known,), allow_http=True)
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "a.bin"
        # Whoever sees an error tries again: what one call leaves is what the next one begins with.
        for _ in range(3):
            outcome = attempt(source, target)
            if isinstance(outcome, Digests):
                assert {HASHES[0], known} <= set(outcome.as_hashes())
                assert target.read_bytes() == CONTENT.bytes()
                break
            assert outcome.hint
            assert outcome.details["attempts"]
            assert not target.exists()
        # And when the server has come to its senses, so has the download.
        set_up(server, [], ways)
        fetch(source, target, settings=Settings(home=Path(folder)), policy=HURRIED)
        assert target.read_bytes() == CONTENT.bytes()


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.one_of(CUTS, st.just(Fault("changed")), HONEST), min_size=2, max_size=7),
    st.sampled_from([{"ranges": True, "lengths": True, "etag": etag, "last_modified": ""} for etag in ETAGS]),
)
def test_a_file_of_unknown_hash_is_one_version_of_it_never_parts_of_two(
    server: FileServer, faults: list[Fault], ways: dict[str, object]
) -> None:
    set_up(server, faults, ways)
    source = Source((f"{server.url}/a.bin",), "a.bin", allow_http=True)
    versions = [Content(CONTENT.size, CONTENT.seed + 1000 * number) for number in range(len(faults) + 1)]
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "a.bin"
        for _ in range(4):
            if isinstance(attempt(source, target, allow_unverified=True), Digests):
                break
            assert not target.exists()
        if target.exists():
            assert target.read_bytes() in [version.bytes() for version in versions]
