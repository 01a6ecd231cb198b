"""Images that are larger than a model sees in one piece: of what ImageJ shows, only tiles are read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import jpype
import numpy as np
import pytest
from desktop import Desktop, on_event_thread, wait_for
from workbench import BLOB, OTHER, java_object, managed, proposal, shown

from samj_bridge.fiji import java_class, open_image, pixels_of, roi_mask
from samj_bridge.fiji.segmenter import SessionSegmenter, java_segmenter
from samj_bridge.geometry.region import Region
from samj_bridge.session import Prompt
from samj_bridge.settings import Settings

SIDE = 20_000
PLACE = (17_003, 15_101)
"""Where ImageJ's blobs lie in the large image."""


@pytest.fixture(scope="module")
def tool_settings(ready_home: Path) -> Settings:
    """What is encoded is counted: nothing from an earlier run, and nothing ahead of what is asked."""
    return Settings(home=ready_home, encodings_disk_bytes=0, ahead=False)


@pytest.fixture(scope="module")
def blobs_pixels(imagej: Any, data_dir: Path) -> np.ndarray:
    return pixels_of(open_image(data_dir / "images" / "blobs.gif"), raw=True)


@pytest.fixture(scope="module")
def raw_file(tmp_path_factory: pytest.TempPathFactory, blobs_pixels: np.ndarray) -> Path:
    """Two planes of 20,000 x 20,000 in a file of which the disk holds only what is not black."""
    path = tmp_path_factory.mktemp("large") / "two planes.raw"
    with path.open("wb") as file:
        file.truncate(2 * SIDE * SIDE)
    pixels = np.memmap(path, np.uint8, "r+", shape=(2, SIDE, SIDE))
    x, y = PLACE
    pixels[0, y : y + 254, x : x + 256] = blobs_pixels
    pixels[1, y : y + 254, x : x + 256] = blobs_pixels[:, ::-1]
    del pixels
    return path


def virtual(path: Path) -> Any:
    """Open the file as File > Import > Raw does, with its box "Use virtual stack" ticked."""
    info = java_class("ij.io.FileInfo")()
    info.fileFormat, info.fileType = info.RAW, info.GRAY8
    info.directory, info.fileName = f"{path.parent}/", path.name
    info.width = info.height = SIDE
    info.nImages = 2
    stack = java_class("ij.plugin.FileInfoVirtualStack")(info, False)
    imp = java_class("ij.ImagePlus")(path.name, stack)
    imp.setFileInfo(info)
    return imp


@contextmanager
def seen_at(imp: Any, x: int, y: int) -> Iterator[Any]:
    """Show an image, magnified so that a click means a pixel."""
    with shown(imp) as image:
        look_at(image, x, y)
        yield image


def look_at(imp: Any, x: int, y: int) -> None:
    canvas = imp.getCanvas()

    def zoom() -> None:
        size = canvas.getSize()
        canvas.setSourceRect(java_class("java.awt.Rectangle")(x, y, size.width, size.height))
        canvas.setMagnification(1.0)
        canvas.repaint()

    on_event_thread(zoom)


def same(roi: Any, region: Region) -> bool:
    """Whether a ROI is a region to the pixel; a mask of the whole image would take 400 MB."""
    x0, y0, x1, y1 = region.bbox_xyxy
    bounds = roi.getBounds()
    assert (bounds.x, bounds.y, bounds.x + bounds.width, bounds.y + bounds.height) == (x0, y0, x1, y1)
    moved = roi.clone()
    moved.setLocation(jpype.JInt(0), jpype.JInt(0))
    return np.array_equal(roi_mask(moved, (y1 - y0, x1 - x0)), region.crop()[0])


class Listening:
    """A progress of Java's that notes what it is told."""

    def __init__(self, *, stop: bool = False) -> None:
        self.stop = stop
        self.words: list[str] = []
        self.areas: list[tuple[int, ...] | None] = []

    def __call__(self, method: str, arguments: list[Any]) -> Any:
        if method == "tell":
            self.words.append(str(arguments[0]))
        elif method == "at":
            self.areas.append(None if arguments[0] is None else tuple(int(edge) for edge in arguments[0]))
        else:
            return java_class("java.lang.Boolean")(self.stop)
        return None


def in_java(segmenter: SessionSegmenter, imp: Any) -> Any:
    """Return a scene as the tool makes it of what an image shows."""
    bridged = jpype.JObject(java_segmenter(segmenter.settings, segmenter), java_class("org.samj.bridge.Segmenter"))
    pixels = java_class("org.samj.bridge.ij.images.Plane").shown(imp).pixels()
    scene = bridged.encode("starter", pixels, java_object("Segmenter$Progress", Listening()))
    return jpype.JObject(scene, java_class("org.samj.bridge.Segmenter$Scene"))


def test_a_virtual_stack_of_20000_pixels_answers_a_click_as_the_session_does(
    desk: Desktop, raw_file: Path, segmenter: SessionSegmenter
) -> None:
    x, y = PLACE
    planes = np.memmap(raw_file, np.uint8, "r", shape=(2, SIDE, SIDE))
    session = segmenter.session("starter")
    with seen_at(virtual(raw_file), x - 20, y - 20) as imp:
        ranges = float(imp.getDisplayRangeMin()), float(imp.getDisplayRangeMax())
        for number, click in ((1, (x + BLOB[0], y + BLOB[1])), (2, (x + 255 - BLOB[0], y + BLOB[1]))):
            on_event_thread(partial(imp.setSlice, number))
            before = session.stats()["encoded"]
            desk.click(imp, *click)
            roi = proposal(imp)
            # The tile under the click, and nothing else.
            assert session.stats()["encoded"] == before + 1
            with session.encode(planes[number - 1], ranges=ranges) as scene:
                (expected,) = scene.segment(Prompt(points=[click]), candidates=1, largest_only=True)
            assert expected.area > 300
            assert same(roi, expected)
            desk.press("ENTER")
            wait_for(lambda number=number: len(managed()) == number, "an entry in the ROI Manager")
        assert [int(roi.getPosition()) for roi in managed()] == [1, 2]


def test_a_plane_whose_file_goes_away_costs_a_sentence_and_the_session_lives_on(
    raw_file: Path, segmenter: SessionSegmenter, imagej: Any
) -> None:
    x, y = PLACE
    imp = virtual(raw_file)
    prompt = java_class("org.samj.bridge.Prompt").ofPoint(x + BLOB[0], y + BLOB[1])
    options = java_class("org.samj.bridge.Options").plain()
    scene = in_java(segmenter, imp)
    (first,) = scene.segment(prompt, options)
    imp.setSlice(2)
    aside = raw_file.with_suffix(".aside")
    raw_file.rename(aside)
    try:
        with pytest.raises(
            jpype.JException, match=r"Plane 1 of two planes\.raw can't be read from .*two planes\.raw"
        ):
            scene.segment(prompt, options)
    finally:
        aside.rename(raw_file)
    (again,) = scene.segment(prompt, options)
    assert list(again.rings[0]) == list(first.rings[0])
    # As when its window is closed.
    imp.flush()
    with pytest.raises(jpype.JException, match=r"two planes\.raw was closed"):
        scene.segment(prompt, options)
    assert segmenter.session("starter").stats()["restarts"] == 0


def mosaic(blobs_pixels: np.ndarray, height: int = 2300, width: int = 2600) -> np.ndarray:
    """Return an image of several tiles with blobs in four places."""
    image = np.full((height, width), 40, np.uint8)
    for y, x in CORNERS:
        image[y : y + 254, x : x + 256] = blobs_pixels
    return image


CORNERS = ((30, 40), (20, 2300), (1000, 1200), (2010, 2320))


def imp_of(image: np.ndarray) -> Any:
    octets = jpype.JArray(jpype.JByte)(image.view(np.int8).ravel())
    processor = java_class("ij.process.ByteProcessor")(image.shape[1], image.shape[0], octets)
    return java_class("ij.ImagePlus")("mosaic", processor)


def test_a_large_open_image_is_read_in_tiles_told_of_one_by_one_and_read_again_where_it_changed(
    segmenter: SessionSegmenter, blobs_pixels: np.ndarray, imagej: Any
) -> None:
    image = mosaic(blobs_pixels)
    imp, session = imp_of(image), segmenter.session("starter")
    imp.setDisplayRange(0, 255)
    scene, options = in_java(segmenter, imp), java_class("org.samj.bridge.Options").plain()
    assert bool(scene.readsParts())
    prompts = [(x + px, y + py) for px, py in (BLOB, OTHER) for y, x in CORNERS]
    asked = jpype.JArray(java_class("org.samj.bridge.Prompt"))(
        [java_class("org.samj.bridge.Prompt").ofPoint(*place) for place in prompts]
    )
    # A batch asks those of one tile together.
    order = [int(index) for index in scene.order(asked)]
    with session.encode(image, ranges=(0, 255)) as own:
        tiles = [own.tiling.at(0, px + 0.5, py + 0.5) for px, py in prompts]
        assert [tiles[index] for index in order] == sorted(tiles)
        expected = [own.segment(Prompt(points=[place]))[0] for place in prompts]
        extent = own.tiling.extent(tiles[0])
    before = session.stats()["encoded"]
    found: dict[int, Any] = {}
    taker = java_object("Segmenter$Answers", lambda _, got: found.setdefault(int(got[0]), got[1]))
    listening = Listening()
    scene.segmentAll(asked, options, taker, java_object("Segmenter$Progress", listening))
    for index, region in enumerate(expected):
        assert [list(ring) for ring in found[index][0].rings] == [ring.ravel().tolist() for ring in region.rings]
    # Each tile is encoded once, and framed on the image meanwhile.
    framed = [area for area in listening.areas if area is not None]
    assert session.stats()["encoded"] == before + len(framed) == before + len(set(framed))
    assert extent in listening.areas
    assert listening.areas[-1] is None
    assert any(words.startswith("Encoding tile 1 of ") for words in listening.words)
    # The user inverts a part of the image: only what lies there is encoded anew.
    y, x = CORNERS[2]
    image[y : y + 254, x : x + 256] = 255 - image[y : y + 254, x : x + 256]
    imp.setRoi(x, y, 256, 254)
    imp.getProcessor().invert()
    with session.encode(image, ranges=(0, 255)) as own:
        changed = [own.segment(Prompt(points=[place]))[0] for place in prompts]
    assert any(one.bbox_xyxy != other.bbox_xyxy for one, other in zip(changed, expected, strict=True))
    found.clear()
    scene.segmentAll(asked, options, taker, java_object("Segmenter$Progress", listening))
    for index, region in enumerate(changed):
        assert [list(ring) for ring in found[index][0].rings] == [ring.ravel().tolist() for ring in region.rings]
    imp.getProcessor().add(3)
    with pytest.raises(jpype.JException, match="Stopped on request"):
        scene.segmentAll(asked, options, taker, java_object("Segmenter$Progress", Listening(stop=True)))
    imp.setProcessor(imp.getProcessor().convertToShort(False))
    with pytest.raises(jpype.JException, match="mosaic has another size or type than before"):
        scene.segment(asked[0], options)
    scene.close()


def test_everything_on_a_selection_reads_only_the_tiles_under_it(
    desk: Desktop, segmenter: SessionSegmenter, blobs_pixels: np.ndarray
) -> None:
    image = mosaic(blobs_pixels, 2300, 4400)
    imp = imp_of(image)
    y, x = CORNERS[0]
    with shown(imp) as seen:
        seen.setDisplayRange(0, 255)
        seen.setRoi(x, y, 256, 254)
        before = segmenter.session("starter").stats()["encoded"]
        java_class("ij.IJ").run(seen, "SAMJ Everything", "model=starter")
        assert segmenter.session("starter").stats()["encoded"] == before + 1
        found = managed()
        with segmenter.session("starter").encode(image, ranges=(0, 255)) as scene:
            expected = list(scene.stream_everything(within=(x, y, x + 256, y + 254)))
        assert len(expected) > 30
        assert len(found) == len(expected)
        assert all(same(roi, region) for roi, region in zip(found, expected, strict=True))
        assert seen.getRoi().getBounds() == java_class("java.awt.Rectangle")(x, y, 256, 254)


@pytest.mark.parametrize("kind", ["bytes", "shorts", "floats", "colours", "table", "composite"])
def test_parts_of_a_plane_are_what_the_whole_plane_is(imagej: Any, kind: str) -> None:
    width, height = 2100, 9
    values = np.random.default_rng(5).integers(0, 256, (3, height, width), np.uint8)
    imp = imp_of(values[0])
    converter = java_class("ij.process.ImageConverter")(imp)
    if kind == "shorts":
        converter.convertToGray16()
    elif kind == "floats":
        converter.convertToGray32()
    elif kind == "colours":
        converter.convertToRGB()
    elif kind == "table":
        numbers = np.arange(256)
        columns = [
            jpype.JArray(jpype.JByte)((numbers * by % 256).astype(np.uint8).view(np.int8)) for by in (7, 11, 77)
        ]
        imp.getProcessor().setColorModel(java_class("java.awt.image.IndexColorModel")(8, 256, *columns))
        imp.updateImage()
    elif kind == "composite":
        stack = java_class("ij.ImageStack")(width, height)
        for channel in values:
            stack.addSlice(imp_of(channel).getProcessor())
        plain = java_class("ij.ImagePlus")("channels", stack)
        plain.setDimensions(3, 1, 1)
        imp = java_class("ij.CompositeImage")(plain, 1)
        for channel, low in ((1, 10), (2, 60), (3, 0)):
            imp.setC(channel)
            imp.setDisplayRange(low, 200)
        imp.getActiveChannels()[2] = False
        imp.updateImage()
        assert [float(table.min) for table in imp.getLuts()] == [10, 60, 0]
    pixels = java_class("org.samj.bridge.ij.images.Plane").shown(imp).pixels()
    coloured = kind in ("colours", "composite", "table")
    whole = java_class("ij.process.ColorProcessor")(imp.getImage()) if coloured else imp.getProcessor()
    expected = np.array(whole.getPixels()).reshape(height, width)
    found = np.array(pixels.parts.read(1033, 2, 700, 6)).reshape(6, 700)
    np.testing.assert_array_equal(found, expected[2:8, 1033:1733])
    first = int(pixels.parts.sum(1033, 2, 700, 6))
    assert int(pixels.parts.sum(1032, 2, 700, 6)) != first == int(pixels.parts.sum(1033, 2, 700, 6))
