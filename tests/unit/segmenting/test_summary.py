"""The table of all objects: measured right, written as CSV and Parquet, nobody's file replaced."""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet
import pytest

from samj_bridge.errors import FileError, InputError
from samj_bridge.geometry.region import Region
from samj_bridge.segmenting.job import Done
from samj_bridge.segmenting.rows import row_of
from samj_bridge.segmenting.summary import check_summary, write_summary


def done(name: str, rows: list[dict[str, Any]], size: dict[str, Any] | None = None) -> Done:
    return Done(Path(name), len(rows), 0, 0.0, 0.0, [], "", {"pixel_size": size}, "", rows, Path(name).stem)


def test_an_object_is_measured_in_the_pixels_of_every_channel() -> None:
    rng = np.random.default_rng(5)
    image = rng.integers(0, 60_000, (20, 30, 2)).astype(np.uint16)
    mask = np.zeros((20, 30), bool)
    mask[3:9, 25:30] = True
    mask[4, 27] = False
    region = Region.from_mask(mask, score=0.5)
    row = row_of(7, region, region, image)
    assert (row["label"], row["area_px"], row["score"]) == (7, 29, 0.5)
    for channel, (mean, sd) in enumerate(row["intensity"]):
        assert mean == pytest.approx(image[mask][:, channel].mean())
        assert sd == pytest.approx(image[mask][:, channel].std(ddof=1))


def test_one_pixel_has_no_spread_and_what_is_no_number_is_left_out() -> None:
    image = np.full((5, 5), np.nan)
    region = Region.from_mask([[1]], origin_xy=(2, 3), shape=(5, 5))
    assert row_of(1, region, region, image)["intensity"] == [[None, None]]
    image[3, 2] = 4
    assert row_of(1, region, region, image)["intensity"] == [[4.0, None]]


def test_both_kinds_of_file_say_the_same(tmp_path: Path) -> None:
    pixels = np.arange(100, dtype=np.uint8).reshape(10, 10)
    region = Region.from_mask([[1, 1], [1, 1]], origin_xy=(2, 3), shape=(10, 10), score=0.75)
    images = [
        done("a.tif", [row_of(1, region, region, pixels)], {"x": 0.5, "y": 0.5, "unit": "µm"}),
        done("b.tif", [row_of(2, region, region, np.dstack([pixels, pixels]))]),
        done("empty.tif", []),
    ]
    with write_summary(tmp_path / "t.csv", images).open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    table = pyarrow.parquet.read_table(write_summary(tmp_path / "t.parquet", images)).to_pylist()
    assert [line["image"] for line in lines] == ["a.tif", "b.tif"]
    assert lines[0]["area"] == "1.0"
    assert lines[0]["unit"] == "µm"
    assert lines[0]["mean_1"] == "" != lines[1]["mean_1"]
    for line, row in zip(lines, table, strict=True):
        assert line == {name: "" if value is None else str(value) for name, value in row.items()}


def test_a_table_of_an_earlier_run_is_replaced_and_nothing_else(tmp_path: Path) -> None:
    for name in ("t.csv", "t.parquet"):
        path = tmp_path / name
        path.write_bytes(b"my,own,table\n")
        with pytest.raises(FileError, match="would be replaced"):
            check_summary(path, overwrite=False)
        check_summary(path, overwrite=True)
        write_summary(path, [])
        check_summary(path, overwrite=False)


def test_another_kind_of_file_is_refused_before_anything_is_done(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="neither"):
        check_summary(tmp_path / "t.xlsx", overwrite=False)


def test_without_pyarrow_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(InputError, match="pyarrow") as refused:
        check_summary(tmp_path / "t.parquet", overwrite=False)
    assert "samj-bridge[parquet]" in refused.value.hint
