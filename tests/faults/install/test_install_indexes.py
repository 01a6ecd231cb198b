"""Indexes that lie, fail half-way or can't be reached: torch's CPU builds, the default index, none at all."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from fakes.package_index import PackageIndex, offer_cpu_build
from tiny import left_in, make

from samj_bridge.errors import InstallError, NetworkError
from samj_bridge.install.builders.uv.builder import LOCK_NAME, UvBuilder
from samj_bridge.install.specification import Specification
from samj_bridge.progress import ProgressEvent
from samj_bridge.settings import Settings

pytestmark = pytest.mark.usefixtures("own_cache")
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="torch's CPU index matters on Linux only")


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
    assert "told to stay offline" in caught.value.message
    assert re.search(r"\((tiny|torch) is not in uv's cache\)", caught.value.message)
    assert "No solution" not in caught.value.message
    assert "SAMJ_OFFLINE" in caught.value.hint


def test_offline_with_a_full_cache_works(settings: Settings, tiny: Specification, pypi: PackageIndex) -> None:
    first = Settings(builder="uv", home=settings.home, pypi_index=pypi.url, torch_index="")
    make(first, tiny)
    pypi.requests.clear()
    offline = Settings(builder="uv", home=settings.home.with_name("second"), pypi_index=pypi.url, offline=True)
    assert make(offline, tiny).packages["torch"] == "1.0"
    assert pypi.requests == []
