"""Everything, in one plane and in all: what is found lies in its plane, and who watches changes nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from person import Person

from samj_bridge import CancelToken, Session
from samj_bridge.errors import Cancelled, ImageError
from samj_bridge.napari.asking import Asker
from samj_bridge.napari.planes import axis_to_follow, plane_of, planes_along
from samj_bridge.progress import ignore_progress


@pytest.fixture(scope="module")
def small(session: Session) -> np.ndarray[Any, Any]:
    """Two planes, different from one another."""
    from samj_bridge.napari.samples import blobs

    whole = blobs()[0][0]
    return np.stack([whole[:96, :96], whole[96:192, 96:192]])


def check_everything_in_all_planes_is_what_session_finds_in_each(
    person: Person, session: Session, small: Any
) -> None:
    person.viewer.add_image(small, name="stack")
    widget = person.open()
    person.viewer.dims.set_point(0, 1)
    widget.everything(every_plane=True)
    person.wait()
    found = [session.encode(plane).everything() for plane in small]
    labels = person.viewer.layers["stack objects"].data
    assert len(found[0]) > 3
    assert len(found[1]) > 3
    assert labels.max() == sum(map(len, found))
    number = 0
    for plane, objects in zip(labels, found, strict=True):
        for region in objects:
            number += 1
            assert (region.mask() == (plane == number)).all()
    assert f"{number} objects" in widget.form.line.text()
    widget.undo()
    assert not labels.any()


def check_a_search_that_is_stopped_keeps_what_it_has_found(session: Session, asker: Asker, small: Any) -> None:
    from napari.components import ViewerModel

    viewer = ViewerModel()
    image = viewer.add_image(small)
    planes = planes_along(plane_of(image, viewer.dims))
    assert [plane.index[0] for plane in planes] == [0, 1]
    cancel, found = CancelToken(), []

    def watch(event: Any) -> None:
        found.append(event.message)
        if event.message.startswith("Plane 2"):
            cancel.cancel()

    kept: list[Any] = []
    with pytest.raises(Cancelled):
        asker.everything("starter", planes, lambda plane, regions: kept.append((plane, regions)), watch, cancel)
    assert len(kept[0][1]) == len(session.encode(small[0]).everything())
    assert all(message.startswith("Plane ") for message in found)


def check_a_watcher_that_raises_changes_nothing(asker: Asker, small: Any) -> None:
    from napari.components import ViewerModel

    viewer = ViewerModel()
    planes = planes_along(plane_of(viewer.add_image(small), viewer.dims))

    def raises(event: Any) -> None:
        raise RuntimeError(event.message)

    def search(progress: Any) -> list[Any]:
        kept: list[Any] = []
        asker.everything("starter", planes, lambda _plane, regions: kept.append(regions), progress, CancelToken())
        return [[region.area for region in regions] for regions in kept]

    assert search(raises) == search(ignore_progress)


def check_an_object_is_followed_with_one_label(person: Person, session: Session) -> None:
    y, x = np.mgrid[:64, :64]
    # A disc that goes through five planes and is gone on the last.
    movie = np.stack([np.where((y - 30) ** 2 + (x - 20 - 3 * t) ** 2 < 81, 200, 30) for t in range(6)]).astype(
        np.uint8
    )
    movie[5] = 30
    image = person.viewer.add_image(movie, name="movie")
    widget = person.open()
    person.viewer.dims.set_point(0, 2)
    widget.start()
    person.click((30, 26), image)
    person.wait()
    region = widget.candidates[0]
    widget.form.buttons["follow"].click()
    person.wait()
    labels = person.viewer.layers["movie objects"].data
    with session.encode_stack(movie) as stack:
        truth = {step.plane: step.region for step in stack.propagate((2, region)) if not step.region.is_empty}
    assert {2, 3} < set(truth)
    for plane in range(6):
        mask = truth[plane].mask() if plane in truth else np.zeros((64, 64), bool)
        np.testing.assert_array_equal(labels[plane], mask)
    assert f"{len(truth)} planes" in widget.form.line.text()
    # Once back, and the prompts are there again.
    widget.undo()
    person.wait()
    assert not labels.any()
    assert len(widget.prompting.points.data) == 1
    assert widget.candidates[0].area == region.area


def check_the_axis_that_is_followed_is_the_one_moved_last() -> None:
    from napari.components import ViewerModel

    viewer = ViewerModel()
    image = viewer.add_image(np.zeros((3, 1, 4, 20, 20)))
    plane = plane_of(image, viewer.dims)
    viewer.dims.last_used = 2
    assert axis_to_follow(plane, viewer.dims) == (2, "z")
    viewer.dims.last_used = 0
    assert axis_to_follow(plane, viewer.dims)[0] == 0
    flat = viewer.add_image(np.zeros((20, 20)))
    with pytest.raises(ImageError, match="one plane"):
        axis_to_follow(plane_of(flat, viewer.dims), viewer.dims)
    if hasattr(image, "axis_labels"):
        image.axis_labels = ("t", "c", "z", "y", "x")
        viewer.dims.last_used = 0
        assert axis_to_follow(plane, viewer.dims) == (0, "t")
