"""What micromamba reports and complains of, read and put into words."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from samj_bridge.errors import FileError, InputError, InstallError, NetworkError, NoSpaceError, SamjError
from samj_bridge.install.builders.micromamba.channels import CONDA_FORGE, as_published, channel_urls, from_mirror
from samj_bridge.install.builders.micromamba.errors import explain
from samj_bridge.install.builders.micromamba.plan import read_plan, read_report, sort_packages
from samj_bridge.install.builders.micromamba.progress import CondaProgress
from samj_bridge.install.locks.explicit import ExplicitLock, parse_package
from samj_bridge.install.specification import load_specification
from samj_bridge.process.run import Finished
from samj_bridge.progress import ProgressEvent
from samj_bridge.settings import Settings

HASH = "a" * 64
PLENTY = 10**12


def entry(name: str, *depends: str, channel: str = CONDA_FORGE) -> dict[str, Any]:
    url = f"{channel}/noarch/{name}-1.0-0.conda"
    return {"name": name, "url": url, "sha256": HASH, "size": 10, "depends": list(depends)}


def report(*entries: dict[str, Any]) -> dict[str, Any]:
    return {"success": True, "actions": {"LINK": list(entries)}}


def test_a_plan_is_sorted_so_that_each_package_comes_after_what_it_needs() -> None:
    given = report(
        entry("torch", "numpy >=1", "python"),
        entry("numpy", "python >=3.10"),
        entry("python", "pip"),
        entry("pip", "python"),
    )
    plan = read_plan(given, "linux-64", [CONDA_FORGE])
    assert [package.name for package in plan.lock.packages] == ["pip", "python", "numpy", "torch"]
    assert plan.sizes["torch-1.0-0.conda"] == 10
    assert plan.lock.packages[0].sha256 == HASH


def test_a_chain_as_long_as_conda_forge_is_no_trouble() -> None:
    packages = [parse_package(f"{CONDA_FORGE}/noarch/p{number}-1-0.conda#{HASH}") for number in range(5000)]
    needs = {f"p{number}": [f"p{number + 1}"] for number in range(5000)}
    assert [package.name for package in sort_packages(packages, needs)][:2] == ["p4999", "p4998"]


def test_passwords_and_tokens_that_the_report_hides_are_put_back() -> None:
    secret = "https://me:pass@company.org/t/tk-12/forge"
    shown = "https://company.org/t/*****/forge"
    plan = read_plan(report(entry("six", channel=shown)), "linux-64", [secret])
    assert plan.lock.packages[0].url == f"{secret}/noarch/six-1.0-0.conda"


@pytest.mark.parametrize(
    "damage",
    [
        {},
        {"success": False, "actions": {"LINK": [entry("six")]}},
        {"success": True},
        {"success": True, "actions": {"LINK": []}},
        {"success": True, "actions": {"LINK": ["six"]}},
        {"success": True, "actions": {"LINK": [{"name": "six"}]}},
        {"success": True, "actions": {"LINK": [entry("six") | {"sha256": ""}]}},
        {"success": True, "actions": {"LINK": [entry("six") | {"url": "six"}]}},
        {"success": True, "actions": {"LINK": [entry("six") | {"size": "much"}]}},
    ],
)
def test_a_report_that_is_no_plan_is_refused(damage: dict[str, Any]) -> None:
    with pytest.raises(InstallError) as caught:
        read_plan(damage, "linux-64", [CONDA_FORGE])
    assert caught.value.code == "bad-plan"


def test_what_comes_before_the_report_is_passed_over() -> None:
    assert read_report(["pip says hello", *json.dumps({"success": True}, indent=4).splitlines()]) == {
        "success": True
    }
    assert read_report(["{ it is not", "]"]) == read_report([]) == read_report(["[1]"]) == {}


def test_a_mirror_stands_for_conda_forge_and_for_nothing_else() -> None:
    settings = Settings(home=Path("h"), conda_mirror="https://mirror.org/cf/")
    six = parse_package(f"{CONDA_FORGE}/noarch/six-1-0.conda#{HASH}")
    other = parse_package(f"https://elsewhere.org/c/noarch/six-1-0.conda#{HASH}")
    assert from_mirror(six, settings).url == "https://mirror.org/cf/noarch/six-1-0.conda"
    assert as_published(from_mirror(six, settings), settings) == six
    assert from_mirror(other, settings) == other
    assert channel_urls(load_specification(), settings) == ["https://mirror.org/cf"]


@pytest.mark.parametrize(
    "channel", ["ftp://x.org", "example.org/conda", "file:///a b/c", "file:///caf%C3%A9/c", ""]
)
def test_a_channel_that_can_not_work_is_refused_before_anything_starts(channel: str) -> None:
    with pytest.raises(InputError) as caught:
        channel_urls(load_specification(), Settings(home=Path("h"), channels=(channel,)))
    assert caught.value.code == "bad-channel"


WORDS = [
    ("critical libmamba filesystem error: cannot write: No space left on device", NoSpaceError, "no-space"),
    ("error    libmamba Download error (23) Failed writing received data to disk", NoSpaceError, "no-space"),
    ("error    libmamba Download error (6) Could not resolve hostname [https://c.org/x]", NetworkError, "network"),
    ("error    libmamba Download error (28) Timeout was reached [https://c.org/x]", NetworkError, "network"),
    ("error    libmamba Download error (60) SSL peer certificate [https://c.org/x]", NetworkError, "tls"),
    ("error    libmamba Download error (56) CONNECT tunnel failed, response 407", NetworkError, "proxy"),
    ("error    libmamba Download error: status 404 [https://c.org/x]", NetworkError, "refused"),
    ("critical libmamba failed to open ~/.conda/environments.txt", FileError, "not-writable"),
    ("critical libmamba filesystem error: Permission denied [/h]", FileError, "not-writable"),
    ("critical libmamba ssl_verify does not contain a valid file path", InputError, "bad-ca-bundle"),
    ("critical libmamba Error when extracting package", InstallError, "damaged-package"),
    ("Segmentation fault", InstallError, "micromamba-failed"),
]


@pytest.mark.parametrize(("line", "kind", "code"), WORDS, ids=[f"{code}: {line[-30:]}" for line, _, code in WORDS])
def test_each_complaint_becomes_an_error_of_its_kind(line: str, kind: type[SamjError], code: str) -> None:
    error = explain(Finished(1, (), (line,)), Settings(home=Path("h")), PLENTY)
    assert (type(error), error.code) == (kind, code)
    assert error.hint


def test_a_disk_without_room_is_the_cause_whatever_micromamba_says() -> None:
    finished = Finished(1, (), ("error    libmamba Download error (28) Timeout was reached",))
    assert isinstance(explain(finished, Settings(home=Path("h")), 1000), NoSpaceError)


def test_no_password_gets_into_a_message() -> None:
    line = "error    libmamba Download error (7) Could not connect [https://me:pass@c.org/t/tk-1/x]"
    error = explain(Finished(1, (), (line,)), Settings(home=Path("h")), PLENTY)
    assert not {"pass", "tk-1"} & set(str(error.to_dict()).replace("/", " ").replace("@", " ").split())


@pytest.mark.parametrize("layout", [".", "https/conda.anaconda.org/conda-forge/noarch"])
def test_progress_follows_the_files_of_the_cache_and_the_records_of_the_prefix(layout: str, tmp_path: Path) -> None:
    cache, prefix = tmp_path / "pkgs" / layout, tmp_path / "p"
    cache.mkdir(parents=True)
    lock = ExplicitLock(
        "linux-64", tuple(parse_package(f"{CONDA_FORGE}/noarch/{name}-1-0.conda#{HASH}") for name in ("six", "ten"))
    )
    events: list[ProgressEvent] = []
    watched = CondaProgress(
        events.append, tmp_path / "pkgs", prefix, lock, {"six-1-0.conda": 100, "ten-1-0.conda": 300}
    )
    seen = [watched.tick()]
    assert watched.downloading
    (cache / "six-1-0" / "info").mkdir(parents=True)
    (cache / "ten-1-0.conda.part").write_bytes(b"x" * 50)
    seen.append(watched.tick())
    (cache / "ten-1-0.conda.part").rename(cache / "ten-1-0.conda")
    (cache / "ten-1-0.conda").write_bytes(b"x" * 300)
    seen.append(watched.tick())
    assert not watched.downloading
    (prefix / "conda-meta").mkdir(parents=True)
    (prefix / "conda-meta" / "six-1-0.json").touch()
    seen.append(watched.tick())
    assert [(event.stage, event.done, event.total) for event in events] == [
        ("download", 0, 400),
        ("download", 150, 400),
        ("install", 0, 2),
        ("install", 1, 2),
    ]
    assert len({str(item) for item in seen}) == 4
    assert watched.tick() == seen[-1]
    assert len(events) == 4


def test_without_sizes_packages_are_counted(tmp_path: Path) -> None:
    lock = ExplicitLock("linux-64", (parse_package(f"{CONDA_FORGE}/noarch/six-1-0.conda#{HASH}"),))
    events: list[ProgressEvent] = []
    CondaProgress(events.append, tmp_path, tmp_path / "p", lock, {}).tick()
    assert (events[0].unit, events[0].total, events[0].done) == ("packages", 1, 0)
    assert replace(events[0], message="") == ProgressEvent("download", "", 0, 1, "packages")
