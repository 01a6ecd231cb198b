"""Encodings on disk and the measured precision: round trips, damage, budget; run with the worker's Python."""

from __future__ import annotations

import functools
import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from in_torch import Checks

checks = Checks(__name__, __file__)


def check(function: Callable[[Path], None]) -> Callable[[], None]:
    """Add a check that is given a folder of its own."""

    @functools.wraps(function)
    def in_folder() -> None:
        with tempfile.TemporaryDirectory() as folder:
            function(Path(folder))

    return checks.add(in_folder)


def encoding(size: int = 10) -> Any:
    import torch

    from samj_bridge.worker.families.starter import Level, StarterEncoding

    level = Level(torch.arange(size).half().view(1, 1, 1, -1), torch.randn(1, 4, 2, 2).half())
    return StarterEncoding((1, size), [level])


@check
def an_encoding_comes_back_bit_for_bit(folder: Path) -> None:
    from samj_bridge.worker.disk import DiskCache
    from samj_bridge.worker.families.starter import StarterEncoding

    cache, kept = DiskCache(folder / "é", 10**6), encoding()
    assert cache.load("a", "cpu") is None
    assert cache.save("a", kept, {"shape": [1, 10]})
    again, notes = cache.load("a", "cpu")
    assert isinstance(again, StarterEncoding)
    assert (again.image_hw, notes) == ((1, 10), {"shape": [1, 10]})
    assert (again.levels[0].image == kept.levels[0].image).all()
    assert (again.levels[0].features == kept.levels[0].features).all()
    assert [path.name for path in (folder / "é").iterdir()] == ["a.encoding"]


@check
def every_kind_of_plain_data_comes_back_and_nothing_else_goes_in(folder: Path) -> None:
    import numpy as np
    import torch

    from samj_bridge.worker.disk import DiskCache, pack, unpack

    tensors: dict[str, Any] = {}
    value = {"a": [1, 2.5, None, True, "x"], "b": (np.arange(3), {"c": torch.ones(2, dtype=torch.bfloat16)})}
    again = unpack(json.loads(json.dumps(pack(value, tensors))), tensors, "cpu")
    assert again["a"] == value["a"]
    assert isinstance(again["b"], tuple)
    assert again["b"][0].tolist() == [0, 1, 2]
    assert again["b"][1]["c"].dtype == torch.bfloat16
    for odd in (object(), Path(), {1: 2}, lambda: None):
        try:
            pack(odd, {})
        except TypeError:
            continue
        raise AssertionError(odd)
    assert not DiskCache(folder, 10**6).save("x", object(), {})
    assert not list(folder.iterdir())


@check
def a_file_that_names_other_classes_is_thrown_away_and_runs_nothing(folder: Path) -> None:
    import torch
    from safetensors.torch import save_file

    from samj_bridge.worker.disk import DiskCache

    for module, name in (
        ("os", "system"),
        ("samj_bridge.worker.engine", "Engine"),
        ("samj_bridge.worker.families.starter", "build"),
        ("samj_bridge.worker.families.starter", "StarterModel"),
        ("samj_bridge.worker.families.starter_levels", "Tensor"),
        ("samj_bridge.worker.families_evil", "X"),
    ):
        tree = json.dumps({"class": [module, name], "fields": {}})
        path = folder / "bad.encoding"
        save_file({"t0": torch.ones(1)}, path, metadata={"tree": tree, "notes": "{}"})
        assert DiskCache(folder, 10**6).load("bad", "cpu") is None
        assert not path.exists()


@check
def damaged_files_are_made_again(folder: Path) -> None:
    from samj_bridge.worker.disk import DiskCache

    cache = DiskCache(folder, 10**6)
    cache.save("a", encoding(), {})
    whole = (folder / "a.encoding").read_bytes()
    for damaged in (b"", whole[:20], whole[:-7], b"\xff" * 200, whole.replace(b"tensor", b"tenXor")):
        (folder / "a.encoding").write_bytes(damaged)
        assert cache.load("a", "cpu") is None
        assert cache.save("a", encoding(), {})
    assert cache.load("a", "cpu") is not None


@check
def the_least_recently_used_go_first_and_what_dead_workers_left_goes_too(folder: Path) -> None:
    from samj_bridge.worker.disk import DiskCache

    DiskCache(folder, 10**6).save("a", encoding(1000), {})
    budget = int(3.5 * (folder / "a.encoding").stat().st_size)
    cache = DiskCache(folder, budget)
    left = folder / "b.999999999.part"
    mine = folder / f"z.{os.getpid()}.part"
    for path in (left, mine):
        path.write_bytes(b"x")
    for number, name in enumerate("abc"):
        assert cache.save(name, encoding(1000), {})
        os.utime(folder / f"{name}.encoding", (number + 1, number + 1))
    cache.load("a", "cpu")
    cache.save("d", encoding(1000), {})
    kept = {path.name for path in folder.glob("*.encoding")}
    assert "a.encoding" in kept
    assert "d.encoding" in kept
    assert "b.encoding" not in kept
    assert sum(path.stat().st_size for path in folder.glob("*.encoding")) <= budget
    assert not left.exists()
    assert mine.exists()
    assert not cache.save("e", encoding(20_000), {})


@check
def the_tiles_of_one_image_go_first_and_are_found_by_their_content(folder: Path) -> None:
    from samj_bridge.worker.disk import DiskCache

    size = (folder / "x.encoding").stat().st_size if DiskCache(folder, 10**6).save("x", encoding(), {}) else 0
    cache = DiskCache(folder, 6 * size)
    for number in range(9):
        assert cache.save(f"t{number}", encoding(), {}, "slide")
        os.utime(folder / f"t{number}.slide.encoding", (1000 + number, 1000 + number))
    assert (folder / "x.encoding").is_file()
    assert cache.load("t8", "cpu") is not None
    assert cache.load("t1", "cpu") is None
    # One that would take more than half of the room is not kept.
    assert not cache.save("huge", encoding(2 * size), {})


@check
def a_budget_of_zero_and_a_folder_that_cannot_be_made_keep_nothing(folder: Path) -> None:
    from samj_bridge.worker.disk import DiskCache

    assert not DiskCache(folder / "x", 0).save("a", encoding(), {})
    assert not (folder / "x").exists()
    (folder / "file").write_text("in the way")
    assert not DiskCache(folder / "file" / "x", 10**6).save("a", encoding(), {})
    assert DiskCache(folder / "file" / "x", 10**6).load("a", "cpu") is None


@check
def precision_is_measured_once_and_a_damaged_note_is_measured_again(folder: Path) -> None:
    from samj_bridge.worker import precision

    assert precision.known("cpu", folder) is None
    first = precision.probe("cpu", folder)
    assert first.precision in ("float32", "bfloat16")
    assert (first.precision == "bfloat16") == (first.bfloat16_gflops >= 1.25 * first.float32_gflops)
    assert "GFLOP/s" in first.reason
    assert precision.known("cpu", folder) == first == precision.probe("cpu", folder)
    for damaged in ("{", "[]", '{"x": 1}'):
        (folder / "precision.json").write_text(damaged)
        assert precision.known("cpu", folder) is None
        assert precision.probe("cpu", folder) == precision.known("cpu", folder)
    (folder / "file").write_text("in the way")
    assert precision.probe("cpu", folder / "file" / "x").precision
    assert precision.probe("cpu", None).precision


test_engine_on_disk, said = checks.finish()
