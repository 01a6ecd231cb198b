"""Work on an image, on disk: nothing that was answered for is lost, nothing that is wrong gets in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from samj_bridge.errors import FileError, InputError, SamjError
from samj_bridge.server.page.objects import regions_of
from samj_bridge.server.page.tiles import TILE_PX, Tiles, levels_of
from samj_bridge.server.page.works import Work, Works

IMAGE = "0123456789abcdef" * 2
HEAD = {"name": "cells é漢.png", "width": 40, "height": 30, "path": None}
SQUARE = [[1, 1], [5, 1], [5, 4], [1, 4]]


def item(name: str = "object-a", **fields: Any) -> dict[str, Any]:
    return {"id": name, "rings": [SQUARE], "score": 0.5, **fields}


@pytest.fixture
def works(tmp_path: Path) -> Works:
    return Works(tmp_path / "works")


@pytest.fixture
def work(works: Works) -> Work:
    return works.begin(IMAGE, HEAD, b"source")


def again(work: Work) -> Work:
    """Return the work as a server finds it that is started anew."""
    return Works(work.folder.parent).get(IMAGE)


def test_changes_are_there_for_the_next_server(work: Work) -> None:
    work.change(
        [{"classes": ["nucleus", "debris"]}, {"put": item()}, {"put": item("object-b", **{"class": "debris"})}]
    )
    work.change([{"drop": "object-a"}])
    objects, classes = again(work).listed()
    assert [(found["id"], found["number"], found["area"]) for found in objects] == [("object-b", 2, 12)]
    assert classes == ["nucleus", "debris"]
    (region,) = regions_of(objects, classes, work.shape)
    assert (region.class_name, region.group, region.area, region.score) == ("debris", 2, 12, 0.5)


def test_the_same_change_twice_is_one(work: Work) -> None:
    for _ in range(2):
        work.change([{"put": item()}])
    work.change([{"drop": "object-a"}, {"drop": "object-a"}])
    work.change([{"put": item("object-b")}])
    work.change([{"put": item(number=1)}])
    assert [(found["id"], found["number"]) for found in again(work).listed()[0]] == [
        ("object-a", 1),
        ("object-b", 2),
    ]


def test_a_line_that_a_kill_cut_off_is_left_out_and_not_joined_to_the_next(work: Work) -> None:
    work.change([{"put": item()}])
    path = work.folder / "changes.jsonl"
    whole = path.read_bytes()
    for cut in (1, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole + whole[:cut])
        found = again(work)
        found.change([{"put": item("object-b")}])
        assert sorted(again(work).objects) == ["object-a", "object-b"]
        path.write_bytes(whole)


def test_who_knows_a_revision_gets_what_has_changed_since(work: Work) -> None:
    first = work.since("", -1)
    assert first["whole"]
    work.change([{"put": item()}, {"put": item("object-b")}])
    second = work.since(first["epoch"], first["revision"])
    assert not second["whole"]
    assert [found["id"] for found in second["objects"]] == ["object-a", "object-b"]
    work.change([{"drop": "object-a"}])
    third = work.since(second["epoch"], second["revision"])
    assert (third["objects"], third["gone"]) == ([], ["object-a"])
    assert again(work).since(third["epoch"], third["revision"])["whole"]


def test_two_servers_of_a_home_see_and_keep_each_others_changes(work: Work) -> None:
    other = again(work)
    known = work.since("", -1)
    other.change([{"put": item()}])
    said = work.since(known["epoch"], known["revision"])
    assert said["whole"]
    assert [found["id"] for found in said["objects"]] == ["object-a"]
    work.change([{"put": item("object-b")}])
    other.change([{"put": item("object-c")}])
    numbers = {found["id"]: found["number"] for found in again(work).listed()[0]}
    assert numbers == {"object-a": 1, "object-b": 2, "object-c": 3}


def test_a_long_history_is_made_short_when_it_is_read(work: Work) -> None:
    for _ in range(150):
        work.change([{"put": item()}, {"drop": "object-a"}])
    work.change([{"classes": ["x"]}, {"put": item("object-b")}])
    found = again(work)
    assert len((work.folder / "changes.jsonl").read_bytes().splitlines()) == 2
    assert (list(found.objects), found.classes) == (["object-b"], ["x"])
    # The server that has it open as it was goes on.
    work.change([{"put": item("object-c")}])
    assert list(again(work).objects) == ["object-b", "object-c"]


BAD: list[Any] = [
    3, {}, {"put": 3}, {"put": {}}, {"drop": 3}, {"drop": "x"}, {"drop": "../../../../../x"}, {"classes": "a"},
    {"classes": [3]}, {"classes": ["a"] * 201}, {"put": item(rings=[])}, {"put": item(rings=[[[0, 0], [1, 1]]])},
    {"put": item(rings=[[[0, 0], [9, 0], [9, 99]]])}, {"put": item(rings="all")}, {"put": item("short")},
    {"put": item(rings=[[[-1, 0], [9, 0], [9, 9], [-1, 9]]])}, {"put": item(score="good")}, {"put": item(prompt=3)},
    {"put": item(prompt={"x": "y" * 20_000})}, {"put": item(**{"class": 3})}, {"put": item(number="1")},
]  # fmt: skip


@pytest.mark.parametrize("change", BAD)
def test_what_is_no_change_changes_nothing(work: Work, change: Any) -> None:
    work.change([{"put": item()}])
    before = (work.folder / "changes.jsonl").read_bytes()
    with pytest.raises(InputError):
        work.change([{"put": item("object-b")}, change])
    assert list(work.objects) == ["object-a"]
    assert (work.folder / "changes.jsonl").read_bytes() == before


def test_a_folder_that_can_not_be_written_keeps_what_there_was(work: Work) -> None:
    work.change([{"put": item()}])
    path = work.folder / "changes.jsonl"
    before = path.read_bytes()
    path.unlink()
    path.mkdir()
    with pytest.raises((FileError, OSError)):
        work.change([{"put": item("object-b")}])
    path.rmdir()
    path.write_bytes(before)
    assert list(again(work).objects) == ["object-a"]


@pytest.mark.parametrize("name", ["", ".", "..", "../works", "x" * 32, IMAGE.upper(), IMAGE + "/", "f" * 32])
def test_a_work_has_the_name_of_an_image_or_is_none(works: Works, work: Work, name: str) -> None:
    assert work.image == IMAGE
    for ask in (works.get, works.drop):
        with pytest.raises(SamjError) as caught:
            ask(name)
        assert caught.value.code == "unknown-image"


def test_images_that_nothing_was_done_on_make_room_for_later_ones(works: Works, work: Work) -> None:
    work.change([{"put": item()}])
    for number in range(25):
        works.begin(f"{number:032x}", HEAD, b"source")
    # A tab may still show them.
    assert len(works.all()) == 26
    for number in range(25):
        path = work.folder.parent / f"{number:032x}" / "image.json"
        path.write_text(json.dumps({**HEAD, "opened": number}))
    works.begin("f" * 32, HEAD, b"source")
    names = {head["image"] for head in works.all()}
    assert IMAGE in names
    assert len(names) == 21
    assert {path.name for path in works.get(IMAGE).folder.iterdir()} >= {"source", "image.json", "changes.jsonl"}
    works.drop(IMAGE)
    assert IMAGE not in {head["image"] for head in works.all()}


def test_a_work_whose_file_is_damaged_is_not_listed(works: Works, work: Work) -> None:
    (work.folder / "image.json").write_text(json.dumps(HEAD)[:5])
    assert works.all() == []
    with pytest.raises(SamjError, match="no work"):
        again(work)


def test_tiles_are_the_pixels_themselves() -> None:
    import io

    import numpy as np
    from PIL import Image

    from samj_bridge.server.pictures import Picture

    pixels = np.random.default_rng(1).integers(0, 255, (TILE_PX + 9, TILE_PX * 2 + 1, 3), np.uint8)
    picture, tiles = Picture("x", pixels), Tiles()
    count = levels_of(picture.shape)
    assert count == 3

    def shown(level: int, x: int, y: int) -> np.ndarray:
        return np.asarray(Image.open(io.BytesIO(tiles.get(picture, level, x, y))))

    assert np.array_equal(shown(0, 1, 0), pixels[:TILE_PX, TILE_PX : 2 * TILE_PX])
    assert np.array_equal(shown(0, 2, 1), pixels[TILE_PX:, 2 * TILE_PX :])
    assert shown(2, 0, 0).shape[:2] == (131, 257)
    for wrong in ((3, 0, 0), (0, 3, 0), (0, 0, 2), (2, 1, 0)):
        with pytest.raises(InputError):
            tiles.get(picture, *wrong)
    grey = Picture("y", np.linspace(0, 60_000, 10_000).reshape(100, 100).astype(np.uint16))
    seen = np.asarray(Image.open(io.BytesIO(tiles.get(grey, 0, 0, 0))))
    assert (seen.shape, seen.min(), seen.max()) == ((100, 100), 0, 255)
