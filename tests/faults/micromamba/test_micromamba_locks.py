"""Environments from locks, without a network, and with or without CUDA, by micromamba."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from asking import FromLock, channel_of
from fakes.beds import Bed
from fakes.conda_making import left_in, make, refused

from samj_bridge.errors import InstallError, NetworkError
from samj_bridge.install import create_environment, ensure_environment, find_environment
from samj_bridge.install.builders.uv.builder import LOCK_NAME
from samj_bridge.install.locks.explicit import parse_explicit
from samj_bridge.install.specification import conda_lock_path, current_platform, read_specification

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the channel's python is a link")


def test_a_lock_beside_the_specification_is_installed_without_asking_conda(bed: Bed, home: Path) -> None:
    tiny, channel = bed.specification("envs"), channel_of(bed)
    settings = bed.settings(home)
    made = make(settings, tiny)
    assert tiny.path is not None
    text = (made.prefix / LOCK_NAME).read_text()
    conda_lock_path(tiny.path, "cpu", current_platform()).write_text(text)
    locked = read_specification(tiny.path)
    channel.requests.clear()
    new = ensure_environment(settings, name="tiny", specification=locked)
    assert new.prefix != made.prefix
    assert (new.prefix / LOCK_NAME).read_text() == text
    assert channel.requests == []
    assert any("from its lock" in note for note in new.notes)


def test_a_lock_for_another_platform_or_with_a_wrong_hash_changes_nothing(bed: Bed, home: Path) -> None:
    tiny, settings = bed.specification("envs"), bed.settings(home)
    made = make(settings, tiny)
    text = (made.prefix / LOCK_NAME).read_text()
    foreign = parse_explicit(text.replace(current_platform(), "win-64"))
    last = text.splitlines()[-1]
    wrong = parse_explicit(text.replace(last, last.split("#")[0] + "#sha256:" + "0" * 64))
    for lock, code in ((foreign, "wrong-platform"), (wrong, "hash-mismatch")):
        with pytest.raises(InstallError) as caught:
            create_environment(settings, name="tiny", specification=tiny, builder=FromLock(settings, lock))
        assert caught.value.code == code
        assert find_environment(settings, "tiny") == made
        assert left_in(settings) == [made.prefix]


def test_packages_from_pypi_are_put_on_top_by_hash(bed: Bed, home: Path) -> None:
    tiny = bed.specification("envs")
    assert tiny.path is not None
    pin = bed.pypi.add("ontop", "2.0")
    with tiny.path.with_name("pypi.lock").open("a") as file:
        file.write(pin + "\n")
    first, rest = tiny.path.read_text().split("[feature.pypi.dep", 1)
    tiny.path.write_text(f'{first}[pypi-dependencies]\nontop = "*"\n[feature.pypi.dep{rest}')
    made = make(bed.settings(home), read_specification(tiny.path))
    assert made.packages["ontop"] == "2.0"
    assert f"# pypi: {pin}" in (made.prefix / LOCK_NAME).read_text()


def test_offline_with_a_full_cache_works_and_asks_nobody(bed: Bed, home: Path) -> None:
    tiny, settings = bed.specification("envs"), bed.settings(home)
    make(settings, tiny)
    asked = len(bed.requests)
    offline = replace(settings, offline=True)
    assert create_environment(offline, name="tiny", specification=tiny).packages["tiny"] == "1.0"
    assert len(bed.requests) == asked


def test_offline_without_what_it_takes_says_what_is_missing_and_asks_nobody(bed: Bed, home: Path) -> None:
    tiny, settings = bed.specification("envs"), bed.settings(home)
    offline = replace(settings, offline=True)
    with pytest.raises(InstallError, match="offline, and conda never solved this here"):
        make(offline, tiny)
    made = make(settings, tiny)
    cache = settings.home / "cache" / "micromamba" / "pkgs"
    next(cache.rglob("tiny-*.conda")).unlink()
    asked = len(bed.requests)
    # Its content is there, as it was packed: that is as good.
    made = create_environment(offline, name="tiny", specification=tiny)
    module = next(cache.rglob("tiny-*/site-packages/tiny.py"))
    module.unlink()
    module.write_text("# half of")
    with pytest.raises(
        NetworkError, match=r"1 of \d+ packages \(tiny\) are not in the cache, or not whole"
    ) as caught:
        create_environment(offline, name="tiny", specification=tiny)
    assert caught.value.code == "offline"
    assert len(bed.requests) == asked
    assert find_environment(settings, "tiny") == made


@pytest.mark.parametrize("layout", ["flat", "tree"])
def test_the_package_cache_is_understood_as_older_and_newer_versions_have_it(
    layout: str, standin_bed: Bed, home: Path
) -> None:
    assert standin_bed.standin is not None
    settings, tiny = standin_bed.settings(home), standin_bed.specification("envs")
    cache = home / "cache" / "micromamba" / "pkgs"
    standin_bed.standin.set(layout=layout)
    made = make(settings, tiny)
    archives = sorted(cache.rglob("*.conda"))
    assert (archives[0].parent == cache) == (layout == "flat")
    # What a killed one leaves: half an archive, and a package without its record.
    halves = [archives[0].with_name("half-1.0-0.conda"), archives[0].with_name("half-2.0-0.tar.bz2.part")]
    for half in halves:
        half.write_bytes(b"PK")
    unpacked = archives[0].with_name("gone-1.0-0")
    (unpacked / "info").mkdir(parents=True)
    asked = len(standin_bed.requests)
    offline = replace(settings, offline=True)
    assert create_environment(offline, name="tiny", specification=tiny).packages == made.packages
    assert len(standin_bed.requests) == asked
    assert not [path for path in (*halves, unpacked) if path.exists()]
    assert sorted(cache.rglob("*.conda")) == archives


_FEATURES = """
[feature.cpu.dependencies]
torch = { build = "py*" }
[feature.cuda.dependencies]
torch = { build = "cuda*" }
[environments]
cpu = { features = ["cpu"] }
cuda = { features = ["cuda"] }
"""


def test_where_no_cuda_build_fits_the_cpu_build_is_made_and_the_reason_kept(
    bed: Bed, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny = bed.specification("envs")
    assert tiny.path is not None
    tiny.path.write_text(tiny.path.read_text().replace("[environments]\n", _FEATURES))
    specification = read_specification(tiny.path)
    (tmp_path / "driver").mkdir()
    driver = tmp_path / "driver" / "nvidia-smi"
    driver.write_text("#!/bin/sh\necho 'GPU 0: Some GPU (UUID: x)'\n")
    driver.chmod(0o755)
    monkeypatch.setenv("PATH", f"{driver.parent}{os.pathsep}{os.environ['PATH']}")
    asked = replace(bed.settings(home), device="cuda")
    assert refused(asked, specification, bed).code == "no-solution"
    made = make(replace(asked, device="auto"), specification)
    assert made.feature == "cpu"
    assert any("GPU 0: Some GPU found" in note for note in made.notes)
    assert any(note.startswith("no CUDA build fits this machine") for note in made.notes)
