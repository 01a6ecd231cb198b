"""ROI zips, written and read without ImageJ; tests/fiji has ImageJ's own word on them."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest
import roifile
from hard_masks import HARD_MASKS, masks
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from samj_bridge.errors import FileError, InputError
from samj_bridge.export.imagej_zip import read_rois, write_rois
from samj_bridge.export.properties import read_properties, write_properties
from samj_bridge.geometry.region import Region


@given(st.lists(masks(), max_size=6))
@settings(max_examples=60)
def test_reading_what_was_written_gives_the_same_regions(
    tmp_path_factory: pytest.TempPathFactory, drawn: list[NDArray[np.bool_]]
) -> None:
    regions = [Region.from_mask(mask, score=0.25, candidate=1, prompt_index=i) for i, mask in enumerate(drawn)]
    path = write_rois(tmp_path_factory.getbasetemp() / "laws.zip", regions)
    written = [region for region in regions if not region.is_empty]
    for before, after in zip(written, read_rois(path), strict=True):
        assert [ring.tolist() for ring in after.rings] == [ring.tolist() for ring in before.rings]
        assert (after.shape, after.score, after.candidate) == (before.shape, before.score, before.candidate)
        assert after.prompt_index == before.prompt_index


def test_every_field_comes_back(tmp_path: Path) -> None:
    prompt = {"box": [1.5, 2, 3, 4], "points": [[1, 2]], "name": "é 漢 \\ 🔬\n"}
    region = Region.from_mask(
        HARD_MASKS["ring"], score=1 / 3, prompt=prompt, prompt_index=3, candidate=2, name="n", model="m: é",
        position=(1, 20, 300),
    )  # fmt: skip
    (back,) = read_rois(write_rois(tmp_path / "a.zip", region))
    for name in ("score", "prompt", "prompt_index", "candidate", "name", "model", "position", "shape"):
        assert getattr(back, name) == getattr(region, name), name


def test_one_ring_is_a_polygon_and_more_are_a_composite(tmp_path: Path) -> None:
    masks_by_kind = {
        "disc": roifile.ROI_TYPE.TRACED,
        "ring": roifile.ROI_TYPE.RECT,
        "diagonal": roifile.ROI_TYPE.RECT,
    }
    for name, kind in masks_by_kind.items():
        path = write_rois(tmp_path / "a.zip", Region.from_mask(HARD_MASKS[name]), colour=(255, 128, 0))
        (roi,) = roifile.roiread(path)
        assert roi.roitype == kind
        assert not roi.subpixelresolution
        assert roi.stroke_color == b"\xff\xff\x80\x00"


def test_members_can_be_unpacked_anywhere(tmp_path: Path) -> None:
    names = ["../../etc/passwd", "a/b", "a\\b", "CON:", "", " ", "...", "x" * 400, "A_B", "line\nbreak", "\ud800"]
    path = write_rois(tmp_path / "a.zip", [Region.from_mask([[1]], name=name) for name in names])
    with zipfile.ZipFile(path) as archive:
        members = archive.namelist()
    assert len({member.casefold() for member in members}) == len(names)
    assert all(member.endswith(".roi") and len(member) < 140 for member in members)
    assert not any(set(member) & set('/\\:*?"<>|\n') or member.startswith(".") for member in members)
    assert len(read_rois(path)) == len(names)


def test_coordinates_are_exact_as_far_as_imagej_reaches(tmp_path: Path) -> None:
    for x, y in [(-4999, 10), (-40_000, 0), (32_766, 40_000), (60_530, 0), (70_000, 70_000), (2**24 - 3, 5)]:
        region = Region.from_mask(np.ones((3, 2)), origin_xy=(x, y))
        (back,) = read_rois(write_rois(tmp_path / "a.zip", region))
        assert back.bbox_xyxy == region.bbox_xyxy
    with pytest.raises(InputError, match="ImageJ's ROIs end"):
        write_rois(tmp_path / "b.zip", Region.from_mask(np.ones((3, 2)), origin_xy=(2**24, 0)))
    assert not (tmp_path / "b.zip").exists()


def test_a_region_with_more_vertices_than_16_bits_count_is_exact(tmp_path: Path) -> None:
    comb = np.zeros((40_000, 3), bool)
    comb[:, 0] = True
    comb[::2] = True
    region = Region.from_mask(comb)
    assert len(region.rings[0]) > 2**16
    (back,) = read_rois(write_rois(tmp_path / "a.zip", region))
    assert np.array_equal(back.mask(), comb)


def test_equal_regions_make_equal_files(tmp_path: Path) -> None:
    regions = [Region.from_mask(mask) for mask in HARD_MASKS.values()]
    assert (
        write_rois(tmp_path / "a.zip", regions).read_bytes() == write_rois(tmp_path / "b.zip", regions).read_bytes()
    )


def test_others_polygons_and_rectangles_are_read(tmp_path: Path) -> None:
    freehand = roifile.ImagejRoi.frompoints(np.array([[4, 2], [4, 6], [4, 8], [9, 8], [9, 2]]))
    freehand.roitype = roifile.ROI_TYPE.FREEHAND
    rectangle = roifile.ImagejRoi(roitype=roifile.ROI_TYPE.RECT, left=1, top=2, right=4, bottom=4, position=7)
    roifile.roiwrite(tmp_path / "a.zip", [freehand, rectangle], name=["f", "r"])
    polygon, box = read_rois(tmp_path / "a.zip")
    assert polygon.rings[0].tolist() == [[4, 2], [9, 2], [9, 8], [4, 8]]
    assert (box.bbox_xyxy, box.area, box.position) == ((1, 2, 4, 4), 6, (0, 7, 0))
    freehand.tofile(tmp_path / "one.roi")
    assert read_rois(tmp_path / "one.roi")[0].area == 30


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "no ROI file"),
        (b"hello", "no ROI file"),
        (b"Iout", "one.zip can't be read: it ends within its first header"),
        (b"Iout" + bytes(70), "encloses no pixel"),
        (None, "No such file"),
    ],
)
def test_files_that_are_no_roi_files_are_refused(tmp_path: Path, content: bytes | None, words: str) -> None:
    if content is not None:
        (tmp_path / "one.zip").write_bytes(content)
    with pytest.raises(FileError, match=words):
        read_rois(tmp_path / "one.zip")


def test_a_truncated_or_bent_zip_is_refused_in_words(tmp_path: Path) -> None:
    regions = [Region.from_mask(HARD_MASKS["disc with holes"], name=f"{n}") for n in range(5)]
    whole = write_rois(tmp_path / "a.zip", regions).read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(200):
        data = bytearray(whole[: rng.integers(1, len(whole) + 1)])
        data[rng.integers(len(data))] ^= int(rng.integers(1, 256))
        (tmp_path / "bent.zip").write_bytes(data)
        try:
            read_rois(tmp_path / "bent.zip")
        except FileError:
            continue


def test_bent_roi_members_never_raise_anything_but_a_file_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("samj_bridge.export.roi_kinds.LARGEST_BOX", 2**20)
    rng = np.random.default_rng(1)
    for name in ("disc", "ring"):
        path = write_rois(tmp_path / "a.zip", Region.from_mask(HARD_MASKS[name], score=0.5))
        with zipfile.ZipFile(path) as archive:
            whole = archive.read(archive.namelist()[0])
        for _ in range(300):
            data = bytearray(whole)
            for _ in range(3):
                data[rng.integers(4, len(data))] = int(rng.integers(256))
            (tmp_path / "bent.roi").write_bytes(data)
            try:
                read_rois(tmp_path / "bent.roi")
            except FileError:
                continue


@given(st.text(), st.text())
def test_properties_of_any_text_come_back_and_are_ascii(model: str, note: str) -> None:
    region = Region((), model=model, prompt={"name": note})
    text = write_properties(region)
    assert text.isascii()
    back = read_properties(text)
    expected = model.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    assert back.get("model", "") == expected or model.strip() != model
