"""Draws the pictures of docs/how-to/napari.md: what somebody sees who does as the page says. Needs napari.

``pictures.py`` beside this folder runs it.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from PIL import Image
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from samj_bridge.napari.samples import nuclei
from samj_bridge.napari.widget import SegmentWidget


def main(folder: Path) -> None:
    import napari

    viewer = napari.Viewer()
    window = viewer.window._qt_window
    window.resize(1120, 700)
    pixels, about, _ = nuclei()[0]
    viewer.add_image(pixels, contrast_limits=(0, 110), **about)
    widget = SegmentWidget(viewer)
    viewer.window.add_dock_widget(widget, name="Segment by clicks and boxes (SAMJ)", area="right")
    QTest.qWait(1500)
    viewer.reset_view()

    # A box and a point, and the proposal.
    widget.start(None)
    widget.prompting.box.add_rectangles([[[30.5, 39.5], [84.5, 91.5]]])
    widget.start()
    wait(widget)
    widget.prompting.points.add([[57, 66]])
    wait(widget)
    save(window, folder / "napari-proposal.png")

    # Everything, as labels.
    widget.clear()
    wait(widget)
    widget.everything()
    wait(widget)
    save(window, folder / "napari-everything.png")

    # A model that is not installed.
    box = widget.form._models
    box.setCurrentIndex([box.itemData(row) for row in range(box.count())].index("micro-sam-vit-b-lm"))
    wait(widget)
    save(window, folder / "napari-model.png")
    widget.end()
    viewer.close()


def wait(widget: SegmentWidget) -> None:
    QTest.qWait(200)
    while widget.work.busy:
        QTest.qWait(50)
    QTest.qWait(300)


def save(window: Any, path: Path) -> None:
    QApplication.processEvents()
    window.grab().save(str(path))
    # Few colours: a quarter of the size, and nothing that the eye misses.
    with Image.open(path) as picture:
        picture.convert("RGB").quantize(200, dither=Image.Dither.NONE).save(path, optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
