"""One prompt on a large image, four ways to ask: the session, ImageJ's macros, Java without Python, the command.

The answers are the same to the pixel, in whatever order prompts come, alone or together, and whatever is kept.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import jpype
import numpy as np
import pytest
import tifffile
from desktop import Desktop
from workbench import BLOB, OTHER, java_object, managed, shown

from samj_bridge.export import read_rois
from samj_bridge.fiji import java_class, open_image, pixels_of, roi_mask
from samj_bridge.fiji.segmenter import SessionSegmenter
from samj_bridge.geometry.region import Region
from samj_bridge.session import Prompt, Scene, Session
from samj_bridge.settings import Settings

pytestmark = pytest.mark.worker

PLACES = ((30, 40), (20, 2300), (1000, 1200), (2010, 2320))
"""Top and left of ImageJ's blobs in an image that is a little larger than the starter sees in one piece."""
RANGE = (40.0, 248.0)

Answer = tuple[tuple[int, int, int, int], bytes]
"""Bounding box, and the pixels in it."""


@pytest.fixture(scope="module")
def tool_settings(ready_home: Path) -> Settings:
    """Nothing comes from an earlier run, and nothing is encoded that was not asked for."""
    return Settings(home=ready_home, encodings_disk_bytes=0, ahead=False)


@pytest.fixture(scope="module")
def image(imagej: Any, data_dir: Path) -> np.ndarray:
    blobs = pixels_of(open_image(data_dir / "images" / "blobs.gif"), raw=True)
    pixels = np.full((2300, 2600), 40, np.uint8)
    for y, x in PLACES:
        pixels[y : y + 254, x : x + 256] = blobs
    return pixels


def prompts() -> list[Prompt]:
    """Return prompts of every kind that all four can be asked, at places drawn by lot."""
    random, found = np.random.default_rng(15), []
    for y, x in PLACES:
        (px, py), (ox, oy) = BLOB, OTHER
        found += [
            Prompt(points=[(x + px, y + py)]),
            Prompt(box=(x + px - 14, y + py - 7, x + px + 21, y + py + 32)),
        ]
        found.append(Prompt(points=[(x + ox, y + oy), (x + ox + 2, y + oy + 1)], negative=[(x + px, y + py)]))
        for _ in range(2):
            dx, dy = random.integers(10, 240, 2).tolist()
            found.append(Prompt(points=[(x + dx, y + dy)]))
            found.append(Prompt(box=(x + dx - 9.5, y + dy - 9, x + dx + 12, y + dy + 10.25)))
    # Asked at coarser levels: what is longer than a quarter of a tile, and what a click on the ground is taken for.
    return [
        *found,
        Prompt(box=(1100, 900, 1500, 1300)),
        Prompt(box=(20, 10, 2590, 2290)),
        Prompt(points=[(700, 1700)]),
    ]


PROMPTS = prompts()


def of_region(region: Region) -> Answer:
    return region.bbox_xyxy, region.crop()[0].tobytes() if not region.is_empty else b""


def of_rings(rings: Sequence[Any]) -> Answer:
    return of_region(Region(tuple(np.array(list(ring), np.int32).reshape(-1, 2) for ring in rings)))


def of_roi(roi: Any) -> Answer:
    bounds = roi.getBounds()
    box = bounds.x, bounds.y, bounds.x + bounds.width, bounds.y + bounds.height
    moved = roi.clone()
    moved.setLocation(jpype.JInt(0), jpype.JInt(0))
    return box, roi_mask(moved, (bounds.height, bounds.width)).tobytes()


def orders() -> Iterator[list[int]]:
    """Yield orders in which the prompts are asked, another one each time."""
    random = np.random.default_rng(4)
    while True:
        yield random.permutation(len(PROMPTS)).tolist()


ORDERS = orders()


@pytest.fixture(scope="module")
def expected(segmenter: SessionSegmenter, image: np.ndarray) -> list[Answer]:
    """What a session answers to each prompt alone, the very first of a scene: nothing was asked before it."""
    session, found = segmenter.session("starter"), []
    for prompt in PROMPTS:
        with session.encode(image, ranges=RANGE) as scene:
            found.append(of_region(scene.segment(prompt)[0]))
    assert sum(bool(pixels) for _, pixels in found) > 20
    assert len({box for box, _ in found}) > 15
    return found


def test_the_session_answers_alike_in_any_order_alone_or_together(
    segmenter: SessionSegmenter, tool_settings: Settings, image: np.ndarray, expected: list[Answer]
) -> None:
    def in_some_order(scene: Scene) -> None:
        order = next(ORDERS)
        found = scene.segment([PROMPTS[index] for index in order])
        assert [of_region(region) for region in found] == [expected[index] for index in order]
        for index in next(ORDERS)[:8]:
            assert of_region(scene.segment(PROMPTS[index])[0]) == expected[index]

    session = segmenter.session("starter")
    with session.encode(image, ranges=RANGE) as scene:
        in_some_order(scene)
        # What was searched, and what another image has left in the cache, changes nothing.
        scene.everything(within=(30, 30, 300, 290))
        with session.encode(image[::-1, ::-1], ranges=RANGE) as other:
            other.segment(PROMPTS[:4])
        in_some_order(scene)
    # A worker that has just been started has nothing in its cache.
    with Session("starter", settings=tool_settings) as fresh, fresh.encode(image, ranges=RANGE) as scene:
        in_some_order(scene)


def test_java_without_python_answers_as_the_session_does(
    segmenter: SessionSegmenter, ready_home: Path, image: np.ndarray, expected: list[Answer]
) -> None:
    home = java_class("java.nio.file.Paths").get(str(ready_home))
    alone = java_class("org.samj.bridge.appose.ApposeSegmenter")(home)
    options = java_class("org.samj.bridge.Options").plain()
    try:
        scene = alone.encode("starter", pixels_in_java(image), None)
        # The cache of its worker is empty, and full the second time.
        for _ in range(2):
            order = next(ORDERS)
            found: dict[int, Any] = {}
            asked = jpype.JArray(java_class("org.samj.bridge.Prompt"))([in_java(PROMPTS[index]) for index in order])
            taker = java_object("Segmenter$Answers", partial(took, found))
            scene.segmentAll(asked, options, taker, None)
            assert [of_rings(found[n].rings) for n in range(len(order))] == [expected[index] for index in order]
            for index in next(ORDERS)[:8]:
                assert of_rings(scene.segment(in_java(PROMPTS[index]), options)[0].rings) == expected[index]
        with segmenter.session("starter").encode(image, ranges=RANGE) as asked_in_python:
            found_there = [
                asked_in_python.everything(**some) for some in ({}, {"within": (1210, 1010, 1400, 1200)})
            ]
        box = jpype.JArray(jpype.JDouble)([1210.0, 1010.0, 1400.0, 1200.0])
        for some, objects in zip((None, box), found_there, strict=True):
            # Block by block, as the session does: every object once, in the same order.
            outlines: list[Answer] = []
            keep = java_object("Segmenter$Found", partial(kept, outlines))
            scene.everything(options, keep, None) if some is None else scene.everythingIn(some, options, keep, None)
            assert outlines == [of_region(region) for region in objects]
        assert len(found_there[0]) > 100
        assert 3 < len(found_there[1]) < 40
        # The image as a whole, not in parts.
        octets = jpype.JArray(jpype.JByte)(image.view(np.int8).ravel())
        ends = jpype.JArray(jpype.JDouble)(RANGE)
        whole = alone.encode("starter", java_class("org.samj.bridge.Pixels")(octets, 2600, 2300, ends), None)
        for index in next(ORDERS)[:8]:
            assert of_rings(whole.segment(in_java(PROMPTS[index]), options)[0].rings) == expected[index]
    finally:
        alone.close()


def test_a_macro_leaves_what_the_session_answers(desk: Desktop, image: np.ndarray, expected: list[Answer]) -> None:
    with shown(plus(image)) as imp:
        imp.setDisplayRange(*RANGE)
        order = [index for index in next(ORDERS) if expected[index][1]]
        for index in order:
            imp.deleteRoi()
            java_class("ij.IJ").run(imp, "SAMJ Segment", f"model=starter {in_macro(PROMPTS[index])}")
        assert [of_roi(roi) for roi in managed()] == [expected[index] for index in order]


def test_the_command_writes_what_the_session_answers(
    ready_home: Path, image: np.ndarray, expected: list[Answer], tmp_path: Path
) -> None:
    tifffile.imwrite(tmp_path / "large.tif", image, tile=(256, 256), compression="zlib")
    tifffile.imwrite(tmp_path / "one.tif", image)
    order = next(ORDERS)
    together = [
        {"name": str(index), **{key: value for key, value in PROMPTS[index].to_dict().items() if value}}
        for index in order
    ]
    (tmp_path / "prompts.json").write_text(json.dumps({"prompts": together}), encoding="utf-8")
    found = asked_by_command(ready_home, tmp_path / "large.tif", ["--prompts", "prompts.json"])
    assert {index: found[str(index)] for index in order if expected[index][1]} == {
        index: expected[index] for index in order if expected[index][1]
    }
    assert len(found) == sum(bool(pixels) for _, pixels in expected)
    (x, y), box = PROMPTS[0].points[0], PROMPTS[1].box
    typed = ["--point", f"{x},{y}", "--box", ",".join(map(str, box or ()))]
    answers = list(asked_by_command(ready_home, tmp_path / "one.tif", typed).values())
    assert sorted(answers) == sorted(expected[:2])


def asked_by_command(home: Path, path: Path, options: list[str]) -> dict[str, Answer]:
    command = [sys.executable, "-m", "samj_bridge.cli.main", "segment", path.name, "--format", "roi"]
    command += ["--range", ",".join(map(str, RANGE)), "--output", path.stem, *options]
    environ = {**os.environ, "SAMJ_HOME": str(home), "SAMJ_ENCODINGS_DISK_BYTES": "0"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environ, cwd=path.parent)
    assert done.returncode == 0, done.stderr
    regions = read_rois(path.parent / path.stem / f"{path.stem}_rois.zip")
    return {region.name: of_region(region) for region in regions}


def took(found: dict[int, Any], _method: str, given: list[Any]) -> None:
    found[int(given[0])] = given[1][0]


def kept(outlines: list[Answer], _method: str, given: list[Any]) -> None:
    outlines.append(of_rings(given[0].rings))


def in_java(prompt: Prompt) -> Any:
    def numbers(points: Sequence[tuple[float, float]]) -> Any:
        return jpype.JArray(jpype.JDouble)([float(value) for point in points for value in point])

    box = None if prompt.box is None else jpype.JArray(jpype.JDouble)([float(edge) for edge in prompt.box])
    return java_class("org.samj.bridge.Prompt")(box, numbers(prompt.points), numbers(prompt.negative), None)


def in_macro(prompt: Prompt) -> str:
    words = [] if prompt.box is None else [f"box={','.join(map(str, prompt.box))}"]
    for name, points in (("points", prompt.points), ("negative", prompt.negative)):
        if points:
            words.append(f"{name}={','.join(str(value) for point in points for value in point)}")
    return " ".join(words)


def plus(image: np.ndarray) -> Any:
    octets = jpype.JArray(jpype.JByte)(image.view(np.int8).ravel())
    return java_class("ij.ImagePlus")(
        "large", java_class("ij.process.ByteProcessor")(image.shape[1], image.shape[0], octets)
    )


def pixels_in_java(image: np.ndarray) -> Any:
    """Return what the tool hands over of an open image of this size: its parts."""
    imp = plus(image)
    imp.setDisplayRange(*RANGE)
    pixels = java_class("org.samj.bridge.ij.images.Plane").shown(imp).pixels()
    assert pixels.parts is not None
    return pixels
