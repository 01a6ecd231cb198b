"""ROI files that others made; tests/fiji compares all kinds with ImageJ's own masks."""

from __future__ import annotations

import struct
import unicodedata
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
import roifile
import tifffile

from samj_bridge.errors import FileError
from samj_bridge.export import read_rois, write_rois
from samj_bridge.export.roi_file import RoiFile, parse_roi
from samj_bridge.export.roi_kinds import rings_of
from samj_bridge.export.skipped import SkippedRois
from samj_bridge.geometry.region import Region

KIND = roifile.ROI_TYPE


def rectangle(name: str = "cell 1", **fields: object) -> bytes:
    sides = {"left": 118, "top": 28, "right": 162, "bottom": 72, **fields}
    return roifile.ImagejRoi(roitype=KIND.RECT, version=228, name=name, **sides).tobytes()


def pack(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


@pytest.mark.parametrize(
    "beside",
    [
        {"__MACOSX/RoiSet/._cell 1.roi": b"\0\5\x16\7\0\2\0\0Mac OS X        " + bytes(80)},
        {"._cell 1.roi": b"\0\5\x16\7" + bytes(80)},
        {"RoiSet/.DS_Store": b"\0\0\0\1Bud1" + bytes(100)},
        {"RoiSet/": b""},
        {"Results.csv": b"Area\n1\n", "notes.txt": b"by hand"},
    ],
)
def test_what_lies_beside_the_rois_of_a_zip_is_passed_over(tmp_path: Path, beside: dict[str, bytes]) -> None:
    path = pack(tmp_path / "a.zip", {**beside, "RoiSet/deep/cell 1.roi": rectangle()})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        (region,) = read_rois(path)
    assert (region.name, region.bbox_xyxy) == ("cell 1", (118, 28, 162, 72))


def test_a_member_without_a_name_of_its_own_has_the_members() -> None:
    assert parse_roi(rectangle(name=""), "RoiSet/0001-0050.roi").name == "RoiSet/0001-0050"
    assert parse_roi(rectangle(), "RoiSet/0001-0050.roi").name == "cell 1"


def test_members_of_the_same_name_are_all_read(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.roi", rectangle(left=100))
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr("a.roi", rectangle(left=110))
    assert [region.bbox_xyxy[0] for region in read_rois(tmp_path / "a.zip")] == [100, 110]


def test_names_of_members_are_utf8_even_where_the_zip_does_not_say_so(tmp_path: Path) -> None:
    name = unicodedata.normalize("NFD", "Zellkörper")
    pack(tmp_path / "a.zip", {f"{name}.roi": rectangle(name="")})
    data = bytearray((tmp_path / "a.zip").read_bytes())
    for at, mark in ((6, b"PK\3\4"), (8, b"PK\1\2")):
        data[data.index(mark) + at + 1] &= ~8 & 255
    (tmp_path / "a.zip").write_bytes(data)
    assert read_rois(tmp_path / "a.zip")[0].name == name


def test_one_outline_without_pixels_is_told_and_the_others_are_read(tmp_path: Path) -> None:
    nothing = roifile.ImagejRoi(roitype=KIND.POLYGON, version=228, name="dead").tobytes()
    flat = roifile.ImagejRoi.frompoints(np.array([[3, 3], [9, 3], [5, 3]]), name="flat").tobytes()
    path = pack(tmp_path / "a.zip", {"a.roi": nothing, "b.roi": rectangle(), "c.roi": flat})
    with pytest.warns(SkippedRois, match="left out 'dead' encloses no pixel; 'flat' encloses no pixel"):
        found = read_rois(path)
    assert [region.name for region in found] == ["cell 1"]
    assert [skipped.name for skipped in found.skipped] == ["dead", "flat"]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"roitype": KIND.LINE}, "is a line"),
        ({"roitype": KIND.LINE, "subtype": roifile.ROI_SUBTYPE.ARROW}, "is an arrow"),
        ({"roitype": KIND.RECT, "subtype": roifile.ROI_SUBTYPE.TEXT, "right": 50, "bottom": 50}, "is a text"),
    ],
)
def test_what_is_no_area_is_told(tmp_path: Path, fields: dict[str, object], words: str) -> None:
    other = roifile.ImagejRoi(version=228, name="mark", **fields).tobytes()
    with pytest.warns(SkippedRois, match=f"'mark' {words}, which has no area"):
        found = read_rois(pack(tmp_path / "a.zip", {"a.roi": other, "b.roi": rectangle()}))
    assert len(found) == len(found.skipped) == 1
    (tmp_path / "one.roi").write_bytes(other)
    with pytest.raises(FileError, match=rf"one\.roi holds no area: 'mark' {words}"):
        read_rois(tmp_path / "one.roi")


def test_vertices_of_lines_angles_and_points_are_no_area(tmp_path: Path) -> None:
    members = {"a.roi": rectangle()}
    for kind in (KIND.POLYLINE, KIND.FREELINE, KIND.ANGLE, KIND.POINT):
        roi = roifile.ImagejRoi.frompoints(np.array([[1, 1], [9, 2], [4, 7]]), name=kind.name)
        roi.roitype = kind
        members[f"{kind.name}.roi"] = roi.tobytes()
    with pytest.warns(SkippedRois):
        found = read_rois(pack(tmp_path / "a.zip", members))
    reasons = [str(skipped) for skipped in found.skipped]
    assert reasons == [
        f"{name!r} is {what}, which has no area"
        for name, what in {
            "POLYLINE": "a segmented line", "FREELINE": "a freehand line", "ANGLE": "an angle", "POINT": "a point",
        }.items()
    ]  # fmt: skip


def test_bounds_beyond_16_bits_come_from_the_floats_beside_them(tmp_path: Path) -> None:
    roi = roifile.ImagejRoi(
        roitype=KIND.RECT, version=228, left=4464, top=10, right=4564 - 65536, bottom=20,
        xd=70_000.0, yd=10.0, widthd=100.0, heightd=10.0, options=roifile.ROI_OPTIONS.SUB_PIXEL_RESOLUTION,
    )  # fmt: skip
    roi.tofile(tmp_path / "a.roi")
    assert read_rois(tmp_path / "a.roi")[0].bbox_xyxy == (70_000, 10, 70_100, 20)


def test_bounds_that_wrapped_without_floats_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.roi").write_bytes(rectangle(left=50_000, right=4464))
    with pytest.raises(FileError, match=r"50000 to 4464 .* wrapped round 16 bits"):
        read_rois(tmp_path / "a.roi")


def test_whole_numbers_that_are_stored_as_floats_are_read(tmp_path: Path) -> None:
    outline = np.array([[70_000, 5], [70_010, 5], [70_010, 9], [70_000, 9]], np.float32)
    roifile.ImagejRoi.frompoints(outline, name="far").tofile(tmp_path / "a.roi")
    (region,) = read_rois(tmp_path / "a.roi")
    assert (region.bbox_xyxy, region.area) == ((70_000, 5, 70_010, 9), 40)


def test_a_triangle_has_the_pixels_of_imagej(tmp_path: Path) -> None:
    roi = roifile.ImagejRoi.frompoints(np.array([[0, 0], [10, 0], [0, 10]]))
    roi.roitype = KIND.POLYGON
    roi.tofile(tmp_path / "a.roi")
    assert read_rois(tmp_path / "a.roi")[0].area == 55
    simplified = Region((np.array([[0, 0], [10, 0], [0, 10]], np.int32),))
    assert simplified.area == simplified.mask((10, 10)).sum() == 55


def test_round_corners_are_the_same_wherever_they_are() -> None:
    places = [(0, 0), (65_585, 0), (65_585, 40_086)]
    files = [RoiFile("rectangle", "", (x, y, x + 14, y + 56), corner=43) for x, y in places]
    moved = [[ring - place for ring in rings_of(file)] for file, place in zip(files, places, strict=True)]
    for rings in moved[1:]:
        assert all(np.array_equal(one, other) for one, other in zip(rings, moved[0], strict=True))


def test_a_fitted_spline_is_refused_with_the_way_out(tmp_path: Path) -> None:
    roi = roifile.ImagejRoi.frompoints(np.array([[0, 0], [10, 0], [0, 10]]), name="curve")
    roi.roitype, roi.options = KIND.POLYGON, roifile.ROI_OPTIONS.SPLINE_FIT
    with pytest.raises(FileError, match=r"a\.zip: c\.roi can't be read: a spline") as caught:
        read_rois(pack(tmp_path / "a.zip", {"c.roi": roi.tobytes()}))
    assert "read_zip_in_imagej" in caught.value.hint


def test_selection_and_overlay_of_a_tiff_are_read(tmp_path: Path) -> None:
    overlay = [rectangle("one"), rectangle("two")]
    metadata = {"Overlays": overlay, "ROI": rectangle("selection")}
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((9, 9), np.uint8), imagej=True, metadata=metadata)
    assert sorted(region.name for region in read_rois(tmp_path / "a.tif")) == ["one", "selection", "two"]
    tifffile.imwrite(tmp_path / "b.tif", np.zeros((9, 9), np.uint8))
    with pytest.raises(FileError, match="without a selection or overlay"):
        read_rois(tmp_path / "b.tif")


def test_group_and_kinds_of_positions_come_back(tmp_path: Path) -> None:
    regions = [
        Region.from_mask([[1]], name=f"{n}", position=position, group=n)
        for n, position in enumerate([(0, 5, 0), (1, 2, 3), (0, 0, 4), (2, 0, 0)], 200)
    ]
    path = write_rois(tmp_path / "a.zip", regions)
    assert [(region.position, region.group) for region in read_rois(path)] == [
        (region.position, region.group) for region in regions
    ]
    # A slice alone is what ImageJ writes for a simple stack.
    assert [roi.position for roi in roifile.roiread(path)] == [5, 0, 0, 0]


def test_a_file_that_is_cut_anywhere_is_refused_or_says_nothing_else() -> None:
    whole = rectangle()
    for length in range(64):
        with pytest.raises(ValueError, match="it"):
            parse_roi(whole[:length])
    outline = roifile.ImagejRoi.frompoints(np.array([[3.5, 3], [9, 3], [5, 8]])).tobytes()
    for length in range(64, 100):
        with pytest.raises(ValueError, match="it ends too early"):
            parse_roi(outline[:length])
    with pytest.raises(ValueError, match="ends too early"):
        parse_roi(whole[:60] + struct.pack(">i", 2**31 - 8) + whole[64:])


def test_a_zip_without_rois_is_refused_and_an_empty_one_is_empty(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"none of its files ends with \.roi"):
        read_rois(pack(tmp_path / "a.zip", {"Results.csv": b"Area\n"}))
    assert read_rois(pack(tmp_path / "b.zip", {})) == []
