"""Records: what they notice, and whose files are whose."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile

from samj_bridge.segmenting.record import (
    Record,
    content_of,
    digest_of,
    is_up_to_date,
    only_own,
    read_record,
    record_path,
    write_record,
)

MADE = {"model": "starter", "version": "1"}


@pytest.fixture
def kept(tmp_path: Path) -> Record:
    result = tmp_path / "a_rois.zip"
    result.write_bytes(b"regions")
    record = Record("a.tif", "xxh3-128:1", dict(MADE), {result.name: (7, digest_of(result))}, {"objects": 1}, None)
    write_record(record_path(tmp_path, "a"), record)
    return record


def test_what_is_written_is_read_again(tmp_path: Path, kept: Record) -> None:
    assert read_record(record_path(tmp_path, "a")) == kept


def test_only_a_record_of_the_same_image_and_options_with_all_files_holds(tmp_path: Path, kept: Record) -> None:
    assert is_up_to_date(kept, kept.content, MADE, tmp_path, rows=False)
    assert not is_up_to_date(kept, "xxh3-128:2", MADE, tmp_path, rows=False)
    assert not is_up_to_date(kept, kept.content, {**MADE, "model": "other"}, tmp_path, rows=False)
    assert not is_up_to_date(kept, kept.content, MADE, tmp_path, rows=True)
    result = tmp_path / "a_rois.zip"
    result.write_bytes(b"changed")
    assert is_up_to_date(kept, kept.content, MADE, tmp_path, rows=False)
    assert not is_up_to_date(kept, kept.content, MADE, tmp_path, rows=False, closely=True)
    result.write_bytes(b"longer than before")
    assert not is_up_to_date(kept, kept.content, MADE, tmp_path, rows=False)
    result.unlink()
    assert not is_up_to_date(kept, kept.content, MADE, tmp_path, rows=False)


def test_a_record_that_a_run_only_began_is_never_up_to_date(tmp_path: Path) -> None:
    assert not is_up_to_date(Record("a.tif", "x", dict(MADE), {}), "x", MADE, tmp_path, rows=False)


def test_what_was_changed_or_is_not_known_is_somebodys(tmp_path: Path, kept: Record) -> None:
    result, other = tmp_path / "a_rois.zip", tmp_path / "a_labels.tif"
    assert only_own(kept, [result, other])
    assert not only_own(None, [result])
    other.write_bytes(b"by hand")
    assert not only_own(kept, [result, other])
    result.write_bytes(b"changed")
    assert not only_own(kept, [result])


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"form": 1}', '{"form": 99}', '{"form": 1, "files": 3}'])
def test_nothing_is_made_of_a_damaged_record(tmp_path: Path, text: str) -> None:
    path = record_path(tmp_path, "a")
    path.write_text(text, encoding="utf-8")
    assert read_record(path) is None
    path.write_bytes(b"\xff\xfe\x00")
    assert read_record(path) is None


def test_equal_records_are_equal_files(tmp_path: Path, kept: Record) -> None:
    again = tmp_path / "again"
    again.mkdir()
    write_record(record_path(again, "a"), kept)
    first, second = (record_path(folder, "a").read_bytes() for folder in (tmp_path, again))
    assert first == second
    assert "time" not in json.loads(first)


def test_the_content_is_that_of_all_files_of_an_image(tmp_path: Path) -> None:
    first, second = tmp_path / "one.ome.tif", tmp_path / "two.ome.tif"
    plane = np.zeros((4, 4), np.uint8)
    xml = (
        '<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">'
        '<Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint8" SizeX="4" SizeY="4" '
        'SizeZ="2" SizeC="1" SizeT="1"><TiffData FirstZ="0" IFD="0"><UUID FileName="one.ome.tif">urn:uuid:1</UUID>'
        '</TiffData><TiffData FirstZ="1" IFD="0"><UUID FileName="two.ome.tif">urn:uuid:2</UUID></TiffData>'
        "</Pixels></Image></OME>"
    )
    for path in (first, second):
        tifffile.imwrite(path, plane, description=xml, metadata=None)
    before = content_of(first)
    tifffile.imwrite(second, plane + 1, description=xml, metadata=None)
    assert content_of(first) != before


def test_labels_in_an_ome_zarr_do_not_change_its_content(tmp_path: Path) -> None:
    image = tmp_path / "image.zarr"
    (image / "0").mkdir(parents=True)
    (image / ".zgroup").write_text('{"zarr_format": 2}')
    (image / "0" / "0.0").write_bytes(b"pixels")
    before = content_of(image)
    (image / "labels" / "cells").mkdir(parents=True)
    (image / "labels" / "cells" / "0.0").write_bytes(b"labels")
    assert content_of(image) == before
    (image / "0" / "0.0").write_bytes(b"other pixels")
    assert content_of(image) != before


def test_bytes_do_not_move_from_one_file_to_the_next_unnoticed(tmp_path: Path) -> None:
    one, two = tmp_path / "1", tmp_path / "2"
    one.write_bytes(b"ab")
    two.write_bytes(b"c")
    before = digest_of(one, two)
    one.write_bytes(b"a")
    two.write_bytes(b"bc")
    assert digest_of(one, two) != before
