"""Habits of a real micromamba that told people the wrong cause, or stopped them for good.

The stand-in has them as they were seen of a real 2.8.1; what could be asked of that one is asked of it as well.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from asking import channel_of, standin_of
from fakes.beds import Bed
from fakes.conda_making import make, refused
from fakes.conda_package import make_package
from fakes.disks import disk

from samj_bridge.errors import FileError, NetworkError, NoSpaceError
from samj_bridge.install import create_environment
from samj_bridge.install.prefixes.environment import Environment
from samj_bridge.install.specification import Specification
from samj_bridge.progress import ProgressEvent
from samj_bridge.settings import Settings

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the channel's python is a link")


def cache_of(settings: Settings) -> Path:
    return settings.home / "cache" / "micromamba" / "pkgs"


def again(settings: Settings, tiny: Specification, **options: object) -> Environment:
    return create_environment(settings, name="tiny", specification=tiny, **options)  # type: ignore[arg-type]


# Disks


def test_a_disk_that_fills_up_while_unpacking_is_named_although_its_room_is_there_again(
    bed: Bed, tmp_path: Path
) -> None:
    with disk(tmp_path / "small disk", "size=60m") as folder:
        # The archive is small: nothing beforehand says that it unpacks to more than there is.
        package = make_package("large", "1.0", {"share/large": bytes(90_000_000)}, suffix=".tar.bz2")
        channel_of(bed).add(*package)
        channel_of(bed).add_module("torch", "1.1", depends=("python", "large"))
        error = refused(bed.settings(folder / "home"), bed.specification("envs"), bed)
        assert (error.code, type(error)) == ("no-space", NoSpaceError)
        assert "full" in error.message
        assert shutil.disk_usage(folder).free > 40_000_000


def test_room_is_asked_for_what_archives_unpack_to_before_any_of_it_is_fetched(bed: Bed, tmp_path: Path) -> None:
    with disk(tmp_path / "small disk", "size=100m") as folder:
        # 40 MB as an archive: fits; unpacked beside it, and linked: does not.
        channel_of(bed).add_files("large", "1.0", {"share/large": os.urandom(40_000_000)})
        channel_of(bed).add_module("torch", "1.1", depends=("python", "large"))
        error = refused(bed.settings(folder / "home"), bed.specification("envs"), bed)
        assert (error.code, type(error)) == ("no-space", NoSpaceError)
        assert "40 MB to be fetched" in error.message
        assert not [path for path in channel_of(bed).requests if "large-1.0" in path]


def test_a_failed_write_with_plenty_of_room_is_not_called_a_full_disk(standin_bed: Bed, home: Path) -> None:
    standin_of(standin_bed).set(write_fails=True)
    error = refused(standin_bed.settings(home), standin_bed.specification("envs"), standin_bed)
    assert (error.code, type(error)) == ("write-failed", FileError)
    assert "quota" in error.hint


# Servers


def test_a_missing_package_is_not_called_a_changed_one_whatever_its_hash_was_compared_with(
    standin_bed: Bed, home: Path
) -> None:
    standin_of(standin_bed).set(garbled_hash=True)
    channel_of(standin_bed).missing = {"tiny"}
    error = refused(standin_bed.settings(home), standin_bed.specification("envs"), standin_bed)
    assert (error.code, type(error)) == ("refused", NetworkError)
    assert "answered 404" in error.message
    shown = f"{error.message}{error.hint}{error.details}"
    assert "\ufffd" not in shown
    assert shown.isprintable()


@pytest.mark.parametrize("where", ["setting", "variable"])
def test_a_proxy_that_does_not_answer_is_named(
    where: str, bed: Bed, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    settings = replace(bed.settings(home), channels=("https://conda.invalid/channel",))
    if where == "setting":
        settings = replace(settings, proxy="http://me:secret@127.0.0.1:9")
    else:
        monkeypatch.setenv("HTTPS_PROXY", "http://me:secret@127.0.0.1:9")
    error = refused(settings, bed.specification("envs"), bed)
    assert type(error) is NetworkError
    assert error.message.startswith("The proxy 127.0.0.1:9 can't be reached")
    assert "SAMJ_PROXY" in error.hint
    assert "secret" not in f"{error}{error.details}"


# Sudden ends


@pytest.mark.parametrize(
    ("step", "number", "code", "says"),
    [
        ("link tiny", signal.SIGKILL, "killed", "ended by a signal from outside (SIGKILL)"),
        ("fetch tiny", signal.SIGTERM, "killed", "ended by a signal from outside (SIGTERM)"),
        ("link tiny", signal.SIGSEGV, "crashed", "micromamba crashed (SIGSEGV)"),
        ("solve", signal.SIGABRT, "crashed", "micromamba crashed (SIGABRT)"),
    ],
)
def test_a_micromamba_that_a_signal_ended_is_said_to_be_so(
    step: str, number: signal.Signals, code: str, says: str, standin_bed: Bed, home: Path
) -> None:
    standin_of(standin_bed).set(dies_at=[step, int(number)])
    settings, tiny = standin_bed.settings(home), standin_bed.specification("envs")
    error = refused(settings, tiny, standin_bed)
    assert error.code == code
    assert says in error.message
    assert "scripts" not in f"{error}"
    standin_of(standin_bed).set()
    assert make(settings, tiny).packages["tiny"] == "1.0"


# The stored index


def test_a_package_that_was_added_a_moment_ago_is_found(bed: Bed, home: Path) -> None:
    settings = bed.settings(home)
    make(settings, bed.specification("envs"))
    events: list[ProgressEvent] = []
    new = bed.specification("newer", "4.0")
    assert make(settings, new, progress=events.append).packages["tiny"] == "4.0"
    assert any("asking them anew" in event.message for event in events)


def test_a_wrong_hash_in_the_index_that_was_mended_since_stops_nobody(bed: Bed, home: Path) -> None:
    settings, tiny, channel = bed.settings(home), bed.specification("envs"), channel_of(bed)
    channel.lie("tiny")
    assert refused(settings, tiny, bed).code == "hash-mismatch"
    channel.index()
    assert make(settings, tiny).packages["tiny"] == "1.0"


@pytest.mark.parametrize("damage", ["empty state", "garbage state", "zeros", "cut"])
def test_a_stored_index_that_is_damaged_is_fetched_anew(damage: str, bed: Bed, home: Path) -> None:
    settings, tiny = bed.settings(home), bed.specification("envs")
    make(settings, tiny)
    states = sorted((cache_of(settings) / "cache").glob("*.state.json"))
    assert states
    for state in states:
        index = state.with_name(state.name.replace(".state", ""))
        status = index.stat()
        if damage == "empty state":
            state.write_bytes(b"")
        elif damage == "garbage state":
            state.write_bytes(b"\0" * 40)
        elif damage == "zeros":
            index.write_bytes(bytes(status.st_size))
            index.with_suffix(".solv").unlink(missing_ok=True)
        else:
            index.write_bytes(
                index.read_bytes()[: status.st_size // 2] + b"\n" * (status.st_size - status.st_size // 2)
            )
            index.with_suffix(".solv").unlink(missing_ok=True)
        os.utime(index, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert again(settings, tiny).packages["tiny"] == "1.0"
    assert again(settings, tiny).packages["tiny"] == "1.0"


def test_what_nobody_has_is_refused_with_the_way_to_clear_what_is_stored(bed: Bed, home: Path) -> None:
    settings = bed.settings(home)
    first = make(settings, bed.specification("envs"))
    new = bed.specification("newer", "4.0")
    for path in channel_of(bed).folder.rglob("tiny-4.0*"):
        path.unlink()
    channel_of(bed).index()
    with pytest.raises(Exception, match=r"tiny ==4\.0") as caught:
        again(settings, new)
    assert "env prune --caches" in caught.value.hint  # type: ignore[attr-defined]
    assert "Backtrace" not in str(caught.value)
    assert first.python.exists()


# The package cache


def test_a_cache_that_was_copied_without_links_mends_itself(bed: Bed, home: Path, tmp_path: Path) -> None:
    settings, tiny = bed.settings(home), bed.specification("envs")
    make(settings, tiny)
    elsewhere = replace(settings, home=tmp_path / "elsewhere")
    shutil.copytree(settings.home / "cache", elsewhere.home / "cache")
    asked = [path for path in channel_of(bed).requests if path.endswith((".conda", ".tar.bz2"))]
    assert make(replace(elsewhere, offline=True), tiny).packages["tiny"] == "1.0"
    assert asked == [path for path in channel_of(bed).requests if path.endswith((".conda", ".tar.bz2"))]
