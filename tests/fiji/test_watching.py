"""A Java progress that throws changes nothing; one that asks to stop is heard all the same."""

from __future__ import annotations

from typing import Any

import jpype
import numpy as np
from workbench import java_object

from samj_bridge.fiji import java_class
from samj_bridge.fiji.segmenter import SessionSegmenter, java_segmenter
from samj_bridge.fiji.watching import watched
from samj_bridge.progress import ProgressEvent, notify


class Throwing:
    """Answers as Java's progress: throws Java's exceptions, until its button says stop."""

    def __init__(self, stop_after: int) -> None:
        self.told, self.asked, self.stop_after = 0, 0, stop_after

    def __call__(self, method: str, arguments: list[Any]) -> Any:
        if method == "tell":
            self.told += 1
            raise java_class("java.lang.IllegalStateException")("the window is gone")
        self.asked += 1
        if self.asked < self.stop_after:
            raise java_class("java.lang.NullPointerException")("no button any more")
        return java_class("java.lang.Boolean").TRUE


def test_a_button_that_could_not_be_asked_is_asked_again_and_heard() -> None:
    throwing = Throwing(stop_after=3)
    with watched(java_object("Segmenter$Progress", throwing)) as (tell, cancel):
        notify(tell, ProgressEvent("encode", "Encoding", 0.5, 1.0))
        assert cancel.wait(20)
    assert throwing.told == 1
    assert throwing.asked == 3


def test_an_image_is_encoded_and_searched_though_the_panel_throws_at_every_step(
    segmenter: SessionSegmenter,
) -> None:
    bridged = jpype.JObject(java_segmenter(segmenter.settings, segmenter), java_class("org.samj.bridge.Segmenter"))
    image = np.zeros((100, 120), np.uint8)
    image[20:50, 30:60] = 200
    octets = jpype.JArray(jpype.JByte)(image.view(np.int8).ravel())
    pixels = java_class("org.samj.bridge.Pixels")(octets, 120, 100, None)
    throwing, found = Throwing(stop_after=1_000_000), []
    progress = java_object("Segmenter$Progress", throwing)
    taker = java_object("Segmenter$Found", lambda _, arguments: found.append(arguments[0]))
    scene = jpype.JObject(
        bridged.encode("starter", pixels, progress), java_class("org.samj.bridge.Segmenter$Scene")
    )
    scene.everything(java_class("org.samj.bridge.Options").plain(), taker, progress)
    scene.close()
    assert found
    assert throwing.told > 0
    assert throwing.asked > 0
