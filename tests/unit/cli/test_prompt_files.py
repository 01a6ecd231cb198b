"""Prompts in JSON, GeoJSON and ROI files of others; which of them are an image's, and a plane's."""

from __future__ import annotations

import json
import math
import unicodedata
import zipfile
from pathlib import Path

import numpy as np
import pytest
import roifile

from samj_bridge.cli.read_prompts import FoundPrompts, read_prompts
from samj_bridge.errors import FileError, PromptError
from samj_bridge.session import Prompt
from samj_bridge.session.places import Place
from samj_bridge.session.prompts import message_of

KIND = roifile.ROI_TYPE
BOX = {"box": [1, 2, 30, 40]}


def read(tmp_path: Path, content: object, name: str = "p.json") -> FoundPrompts:
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    (tmp_path / name).write_bytes(data)
    return read_prompts(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "expected"),
    [(None, ""), ("", ""), (5, "5"), (5.0, "5"), (2.5, "2.5"), ("é 漢", "é 漢")],
)
def test_a_name_may_be_null_or_a_number(tmp_path: Path, name: object, expected: str) -> None:
    assert read(tmp_path, [{**BOX, "name": name}])[None][0].name == expected


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_json_of_any_unicode_is_read(tmp_path: Path, encoding: str) -> None:
    text = json.dumps([{**BOX, "name": "é", "points": None, "negative": None}], ensure_ascii=False)
    assert read(tmp_path, text.encode(encoding))[None][0].name == "é"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b'[{"box": [NaN, 2, 3, 4]}]', "prompt 1: .*not finite"),
        (b'// mine\n[{"box": [1, 2, 3, 4]}]', "line 1"),
        (b'{"images": {"a.tif": [], "a.tif": []}}', "'a.tif' stands there twice"),
        (b'{"images": []}', "images is"),
        (b'{"boxes": [[1, 2, 3, 4]]}', "neither prompts nor images, but boxes"),
        (b'{"prompts": [], "more": [1]}', "neither prompts nor images, but more"),
        (b"[" * 100_000, "nested too deeply|not valid JSON"),
        (b'[{"box": [1, 2, 3, 4], "name": ["a"]}]', "prompt 1: its name is"),
        (b'[{"box": [1, 2, 3, 4], "name": true}]', "prompt 1: its name is True"),
        (b'[{"box": [1, 2, 3, 4], "position": [1]}]', "prompt 1: position is"),
        (b"", "not valid JSON"),
        (b'[{"box": [' + b"9" * 5000 + b", 2, 3, 4]}]", "can't be read"),
        (b'[{"box": [' + b"9" * 400 + b", 2, 3, 4]}]", "prompt 1: box is"),
        (b'{"type": "Point", "coordinates": [1, 2], "plane": {"z": Infinity}}', "feature 1"),
    ],
)
def test_what_json_can_not_mean_is_told(tmp_path: Path, content: bytes, words: str) -> None:
    with pytest.raises(PromptError, match=words):
        read(tmp_path, content)


def test_prompts_for_every_image_stand_beside_those_of_one(tmp_path: Path) -> None:
    found = read(tmp_path, {"prompts": [BOX], "images": {"a.tif": [{"points": [[3, 4]]}]}})
    assert [len(found.of(name)) for name in ("a.tif", "b.tif")] == [2, 1]


def test_names_count_as_the_same_however_their_accents_are_put_together(tmp_path: Path) -> None:
    composed, apart = (unicodedata.normalize(form, "Zellkörper.tif") for form in ("NFC", "NFD"))
    assert composed != apart
    for ours, theirs in ((composed, apart), (apart, composed)):
        found = read(tmp_path, {"images": {ours: [BOX], "other.tif": [BOX]}})
        assert len(found.of(theirs)) == 1
        assert found.strangers([theirs]) == ["other.tif"]


def test_qupaths_geojson_gives_boxes_points_and_planes(tmp_path: Path) -> None:
    ring = [[10.5, 20], [60, 20], [60, 80.25], [10.5, 80.25], [10.5, 20]]
    square = [[0, 0], [5, 0], [5, 5], [0, 0]]
    geometries = [
        {"type": "Polygon", "coordinates": [ring], "plane": {"c": -1, "z": 1, "t": 2}},
        {"type": "MultiPolygon", "coordinates": [[ring], [square]]},
        {"type": "Point", "coordinates": [5, 6]},
        {"type": "MultiPoint", "coordinates": [[5.5, 6], [7, 8.5]]},
        {"type": "LineString", "coordinates": [[0, 0], [9, 9]]},
    ]
    features = [
        {"type": "Feature", "geometry": geometry, "properties": {"objectType": "annotation", "name": f"n{n}"}}
        for n, geometry in enumerate(geometries)
    ]
    for content in ({"type": "FeatureCollection", "features": features}, features):
        found = read(tmp_path, content, "p.geojson")
        polygon, several, point, first, second = found[None]
        assert (polygon.box, polygon.position, polygon.name) == ((10.5, 20, 60, 80.25), (0, 2, 3), "n0")
        assert several.box == (0, 0, 60, 80.25)
        # Continuous coordinates: (5, 6) is the corner of a pixel, not its middle.
        (place,) = message_of(point, (100, 100)).points
        assert place == (pytest.approx(5), pytest.approx(6))
        assert (first.points, second.points) == (((5.5, 6),), ((7, 8.5),))
        assert found.notes == ["p.geojson: left out 'n4': a line has no area."]
    assert read(tmp_path, geometries[0])[None][0].box == (10.5, 20, 60, 80.25)


@pytest.mark.parametrize(
    "geometry",
    [
        None,
        {"type": "Circle", "coordinates": [1, 2]},
        {"type": "Point"},
        {"type": "Polygon", "coordinates": [[["a", 1]]]},
    ],
)
def test_features_that_are_no_shapes_are_told_with_their_number(tmp_path: Path, geometry: object) -> None:
    with pytest.raises(PromptError, match="feature 1"):
        read(tmp_path, {"type": "FeatureCollection", "features": [{"type": "Feature", "geometry": geometry}]})


def roi(kind: int, name: str = "r", **fields: object) -> bytes:
    sides = {"left": 10, "top": 20, "right": 60, "bottom": 80} | fields
    return roifile.ImagejRoi(roitype=kind, version=228, name=name, **sides).tobytes()


def points(places: list[list[float]], **fields: object) -> bytes:
    made = roifile.ImagejRoi.frompoints(np.array(places), name="p")
    made.roitype, made.version = KIND.POINT, 228
    for name, value in fields.items():
        setattr(made, name, value)
    return made.tobytes()


def pack(tmp_path: Path, members: dict[str, bytes]) -> FoundPrompts:
    with zipfile.ZipFile(tmp_path / "p.zip", "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return read_prompts(tmp_path / "p.zip")


def test_lines_and_texts_are_no_prompts_and_that_is_said(tmp_path: Path) -> None:
    text = roi(KIND.RECT, "t", subtype=roifile.ROI_SUBTYPE.TEXT)
    found = pack(tmp_path, {"a.roi": roi(KIND.LINE, "l"), "b.roi": text, "c.roi": roi(KIND.OVAL), "n.csv": b"1"})
    assert [prompt.box for prompt in found[None]] == [(10, 20, 60, 80)]
    assert found.notes == ["p.zip: left out 'l' is a line, which has no area; 't' is a text, which has no area."]


def test_bounds_come_from_the_floats_beside_those_that_wrapped(tmp_path: Path) -> None:
    far = roi(
        KIND.RECT, left=4464, right=4564, xd=70_000.0, yd=20.0, widthd=100.0, heightd=60.0,
        options=roifile.ROI_OPTIONS.SUB_PIXEL_RESOLUTION,
    )  # fmt: skip
    assert pack(tmp_path, {"a.roi": far})[None][0].box == (70_000, 20, 70_100, 80)
    with pytest.raises(FileError, match="wrapped round 16 bits"):
        pack(tmp_path, {"a.roi": roi(KIND.RECT, left=50_000, right=100)})


def test_points_lie_where_imagej_shows_them(tmp_path: Path) -> None:
    """A point's coordinates count from the middle of pixel (0, 0), of which our continuous ones are (.5, .5)."""
    found = pack(tmp_path, {"a.roi": points([[10.0, 20.0], [10.3, 20.7], [3.5, 4.5]])})[None]
    places = [message_of(prompt, (100, 100)).points[0] for prompt in found]
    assert np.allclose(places, [(10.5, 20.5), (10.8, 21.2), (4, 5)])
    assert [tuple(map(math.floor, place)) for place in places] == [(10, 20), (10, 21), (4, 5)]


def test_every_point_has_the_plane_that_it_was_set_on(tmp_path: Path) -> None:
    counters = np.array([0, 1, 2], np.uint8)
    data = points([[1, 1], [2, 2], [3, 3]], counters=counters, counter_positions=np.array([1, 3, 0], np.uint32))
    assert [prompt.stack_index for prompt in pack(tmp_path, {"a.roi": data})[None]] == [1, 3, 0]


def test_positions_are_kept_and_old_names_say_them_too(tmp_path: Path) -> None:
    members = {
        "a.roi": roi(KIND.RECT, position=4),
        "b.roi": roi(KIND.RECT, c_position=1, z_position=2, t_position=3),
        "0007-0050-0140.roi": roi(KIND.RECT, ""),
        "0050-0140.roi": roi(KIND.RECT, ""),
    }
    found = pack(tmp_path, members)[None]
    assert [(one.stack_index, one.position) for one in found] == [
        (4, (0, 0, 0)), (0, (1, 2, 3)), (7, (0, 0, 0)), (0, (0, 0, 0)),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("at", "counts", "index", "position", "there"),
    [
        ((1, 1, 1), (1, 1, 1), 7, (0, 0, 0), True),
        ((1, 2, 1), (1, 3, 1), 0, (0, 0, 0), True),
        ((1, 2, 1), (1, 3, 1), 2, (0, 0, 0), True),
        ((1, 2, 1), (1, 3, 1), 3, (0, 0, 0), False),
        ((1, 2, 1), (1, 3, 1), 9, (0, 0, 0), False),
        ((1, 2, 1), (1, 3, 1), 0, (0, 2, 0), True),
        ((1, 2, 1), (1, 3, 1), 0, (1, 1, 2), True),
        ((1, 1, 2), (1, 1, 3), 2, (0, 0, 0), True),
        ((1, 1, 2), (1, 1, 3), 0, (1, 2, 1), True),
        ((2, 3, 4), (2, 5, 6), 2 + 2 * 2 + 10 * 3, (0, 0, 0), True),
        ((2, 3, 4), (2, 5, 6), 1 + 2 * 2 + 10 * 3, (0, 0, 0), False),
        ((0, 3, 4), (2, 5, 6), 1 + 2 * 2 + 10 * 3, (0, 0, 0), True),
        ((2, 3, 4), (2, 5, 6), 0, (0, 3, 4), True),
        ((2, 3, 4), (2, 5, 6), 0, (1, 3, 4), False),
        ((2, 3, 4), (2, 5, 6), 0, (0, 3, 0), True),
        ((2, 3, 4), (2, 5, 6), 0, (0, 4, 0), False),
    ],
)
def test_a_prompt_belongs_to_the_planes_where_imagej_shows_it(
    at: tuple[int, int, int], counts: tuple[int, int, int], index: int, position: tuple[int, int, int], there: bool
) -> None:
    prompt = Prompt(points=[(1, 1)], stack_index=index, position=position)
    assert Place(at, counts).has(prompt) is there


def test_what_is_found_on_a_plane_has_its_position() -> None:
    assert Place((1, 1, 1), (1, 1, 1)).position == (0, 0, 0)
    assert Place((0, 1, 1), (3, 1, 1)).position == (0, 0, 0)
    assert Place((2, 1, 1), (3, 1, 1)).position == (2, 1, 1)
    assert Place((1, 4, 1), (1, 9, 1)).position == (0, 4, 0)
    assert Place((1, 1, 4), (1, 1, 9)).position == (1, 1, 4)
    assert Place((0, 2, 4), (3, 5, 9)).position == (0, 2, 4)
    assert Place((0, 2, 4), (3, 5, 9)).words() == "z 2, t 4"
