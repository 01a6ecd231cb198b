"""Everything, in one plane and in all: what is found lies in its plane, and who watches changes nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from person import Person

from samj_bridge import CancelToken, Session
from samj_bridge.errors import Cancelled
from samj_bridge.napari.asking import Asker
from samj_bridge.napari.planes import plane_of, planes_along
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
