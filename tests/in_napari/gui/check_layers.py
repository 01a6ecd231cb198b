"""Layers of every kind: what is asked of a session, and where its answer lies, without a window."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest
import zarr
from napari.components import ViewerModel

from samj_bridge import CancelToken, Prompt, Session
from samj_bridge.errors import ImageError
from samj_bridge.geometry.region import Region
from samj_bridge.napari.asking import Asker
from samj_bridge.napari.objects import Objects, Proposal
from samj_bridge.napari.places import box_of, in_plane, outlines, transform_of
from samj_bridge.napari.planes import SHOWN, channel_choices, plane_of
from samj_bridge.progress import ignore_progress

BOX = (90, 40, 130, 80)
TRANSFORMS = {
    "plain": {},
    "scaled and moved": {"scale": (0.325, 0.65), "translate": (-13.7, 1000.3)},
    "turned and sheared": {"scale": (2, 3), "rotate": 30, "shear": [0.2], "translate": (5, -7)},
    "with an affine": {"affine": [[0.5, 0.1, 3], [-0.2, 2, 4], [0, 0, 1]], "scale": (3, 1), "translate": (9, 9)},
}


def ask(asker: Asker, viewer: Any, image: Any, box: Any = BOX, choice: Any = SHOWN) -> Region:
    plane = plane_of(image, viewer.dims, choice)
    return asker.segment("starter", plane, Prompt(box=box), 1, ignore_progress, CancelToken())[0]


def same(one: Region, other: Region) -> bool:
    return len(one.rings) == len(other.rings) and all(map(np.array_equal, one.rings, other.rings))


@pytest.mark.parametrize("transform", TRANSFORMS.values(), ids=TRANSFORMS)
def check_corners_come_from_centres_through_any_transform(transform: dict[str, Any]) -> None:
    viewer = ViewerModel()
    image = viewer.add_image(np.zeros((50, 80)), **transform)
    plane = plane_of(image, viewer.dims)
    # The prompt layer has been moved by its user: what counts is where it is seen.
    layer = viewer.add_points(ndim=2, scale=(7, 7), translate=(1, 2))
    for centre, corner in (((0, 0), (0.5, 0.5)), ((10, 20), (20.5, 10.5)), ((9.5, 19.5), (20.0, 10.0))):
        seen = layer.world_to_data(image.data_to_world(centre))
        xy, here = in_plane(layer, [seen], plane)
        assert xy.tolist() == [list(corner)]
        assert here.all()


@pytest.mark.parametrize("transform", TRANSFORMS.values(), ids=TRANSFORMS)
def check_what_comes_back_lies_on_its_pixels(transform: dict[str, Any]) -> None:
    viewer = ViewerModel()
    image = viewer.add_image(np.zeros((50, 80)), **transform)
    plane = plane_of(image, viewer.dims)
    mask = np.zeros((50, 80), bool)
    mask[12:20, 30:47] = True
    mask[15, 33] = False
    region = Region.from_mask(mask)
    proposal = Proposal(viewer)
    proposal.show(region, plane)
    layer = proposal.layer
    first = image.world_to_data(layer.data_to_world((0, 0)))
    np.testing.assert_allclose(first, (12, 30), atol=1e-6)
    last = image.world_to_data(layer.data_to_world((7, 16)))
    np.testing.assert_allclose(last, (19, 46), atol=1e-6)
    assert layer.data.sum() == region.area
    objects = Objects(viewer, image)
    objects.add([region], plane, objects.step(), as_shapes=True)
    np.testing.assert_array_equal(objects.labels.data, mask)
    np.testing.assert_allclose(objects.labels.data_to_world((3, 4)), image.data_to_world((3, 4)))
    np.testing.assert_allclose(objects.shapes.data_to_world((3, 4)), image.data_to_world((3, 4)))


def check_shapes_fill_the_same_pixels_with_holes_and_parts() -> None:
    rng = np.random.default_rng(3)
    viewer = ViewerModel()
    image = viewer.add_image(np.zeros((40, 40)))
    plane = plane_of(image, viewer.dims)
    for _ in range(10):
        mask = rng.random((10, 10)).repeat(4, 0).repeat(4, 1) < 0.6
        region = Region.from_mask(mask)
        shapes = viewer.add_shapes(outlines(region, plane), shape_type="polygon")
        np.testing.assert_array_equal(shapes.to_labels((40, 40)) > 0, mask)


def check_lazy_layers_are_read_where_they_are(asker: Asker, session: Session, pixels: Any, tmp_path: Path) -> None:
    truth = session.encode(pixels).segment(Prompt(box=BOX))[0]
    mapped = np.memmap(tmp_path / "stack.bin", pixels.dtype, "w+", shape=(2, *pixels.shape))
    mapped[1] = pixels
    stored = zarr.create_array(store=str(tmp_path / "stack.zarr"), shape=mapped.shape, dtype=mapped.dtype)
    stored[:] = mapped
    read: list[int] = []

    def chunk(block_id: Any = None) -> Any:
        read.append(block_id[0])
        return np.asarray(mapped[block_id[0]])[None]

    chunks = ((1, 1), (pixels.shape[0],), (pixels.shape[1],))
    computed = da.map_blocks(chunk, chunks=chunks, dtype=pixels.dtype, meta=np.zeros((0, 0, 0), pixels.dtype))
    for lazy in (mapped, stored, computed):
        viewer = ViewerModel()
        image = viewer.add_image(lazy, contrast_limits=(0, 255))
        viewer.dims.set_point(0, 1)
        read.clear()
        assert same(ask(asker, viewer, image), truth)
        assert set(read) <= {1}
    assert read == [1]


def check_a_pyramid_is_asked_as_session_asks_it(asker: Asker, session: Session, pixels: Any) -> None:
    # Large enough to be asked tile by tile; the object is far from the origin.
    fine = np.zeros((3000, 3200), np.uint8)
    fine[2500 : 2500 + pixels.shape[0], 2600 : 2600 + pixels.shape[1]] = pixels
    levels = [fine, fine[::2, ::2], fine[::4, ::4]]
    box = tuple(edge + far for edge, far in zip(BOX, (2600, 2500, 2600, 2500), strict=True))
    with session.encode(levels) as scene:
        truth = scene.segment(Prompt(box=box))[0]
    assert truth.bbox_xyxy[0] > 2600
    viewer = ViewerModel()
    image = viewer.add_image([da.from_array(level) for level in levels], multiscale=True, scale=(0.5, 0.5))
    found = ask(asker, viewer, image, box)
    assert same(found, truth)
    objects = Objects(viewer, image)
    objects.add([found], plane_of(image, viewer.dims), objects.step(), as_shapes=False)
    np.testing.assert_array_equal(objects.labels.data, truth.mask())


def check_colours_are_asked_as_colours(asker: Asker, session: Session, pixels: Any) -> None:
    rgb = np.stack([pixels, pixels[::-1], pixels[:, ::-1]], axis=-1)
    viewer = ViewerModel()
    image = viewer.add_image(rgb, rgb=True)
    assert channel_choices(image, viewer.dims.displayed) == [SHOWN]
    assert same(ask(asker, viewer, image), session.encode(rgb).segment(Prompt(box=BOX))[0])


def check_channels_along_an_axis_are_chosen(asker: Asker, session: Session, pixels: Any) -> None:
    stack = np.stack([pixels, pixels[::-1], pixels[:, ::-1]]).astype(np.uint16)
    viewer = ViewerModel()
    image = viewer.add_image(stack)
    viewer.dims.set_point(0, 2)
    shown, mean, colours = channel_choices(image, viewer.dims.displayed)
    last = np.moveaxis(stack, 0, -1)
    assert same(ask(asker, viewer, image, choice=shown), session.encode(stack[2]).segment(Prompt(box=BOX))[0])
    for choice, channels in ((mean, "merge"), (colours, (0, 1, 2))):
        truth = session.encode(last, channels=channels).segment(Prompt(box=BOX))[0]
        assert same(ask(asker, viewer, image, choice=choice), truth)
    # An object of all channels is seen at each of them.
    objects = Objects(viewer, image)
    objects.add([truth], plane_of(image, viewer.dims, colours), objects.step(), as_shapes=False)
    for plane in objects.labels.data:
        np.testing.assert_array_equal(plane, truth.mask())


def check_axes_on_the_screen_may_be_others_and_turned(asker: Asker, session: Session, pixels: Any) -> None:
    volume = np.stack([pixels.T] * 2, axis=1)  # (x, z, y)
    viewer = ViewerModel()
    image = viewer.add_image(volume, scale=(2, 5, 3))
    viewer.dims.order = (1, 2, 0)
    viewer.dims.set_point(1, 5)
    truth = session.encode(pixels).segment(Prompt(box=BOX))[0]
    found = ask(asker, viewer, image)
    assert same(found, truth)
    plane = plane_of(image, viewer.dims)
    assert plane.index == (0, 1, 0)
    objects = Objects(viewer, image)
    objects.add([found], plane, objects.step(), as_shapes=True)
    np.testing.assert_array_equal(objects.labels.data[:, 1], truth.mask().T)
    assert not objects.labels.data[:, 0].any()
    proposal = Proposal(viewer)
    proposal.show(found, plane)
    where = image.world_to_data(proposal.layer.data_to_world((0, 0, 0)))
    np.testing.assert_allclose(where, (truth.bbox_xyxy[0], 1, truth.bbox_xyxy[1]), atol=1e-6)


def check_prompts_of_other_planes_are_not_of_this_one() -> None:
    viewer = ViewerModel()
    image = viewer.add_image(np.zeros((4, 30, 30)), scale=(3, 1, 1))
    viewer.dims.set_point(0, 6)
    plane = plane_of(image, viewer.dims)
    assert plane.index == (2, 0, 0)
    layer = viewer.add_points(ndim=3, **transform_of(image))
    _, here = in_plane(layer, [(2, 1, 1), (1, 1, 1), (2.4, 3, 3)], plane)
    assert here.tolist() == [True, False, True]


def check_what_is_no_plane_is_said() -> None:
    viewer = ViewerModel()
    image = viewer.add_image(np.zeros((4, 30, 30)))
    viewer.add_image(np.zeros((9, 30, 30)))
    viewer.dims.set_point(0, 7)
    with pytest.raises(ImageError, match="no plane where the sliders are"):
        plane_of(image, viewer.dims)
    viewer.dims.ndisplay = 3
    with pytest.raises(ImageError, match="volume"):
        plane_of(image, viewer.dims)


def check_boxes_are_cut_to_the_image() -> None:
    corners = np.array([[-5.0, 2.0], [7.5, 99.0]])
    assert box_of(corners, (20, 30)) == (0.0, 2.0, 7.5, 20.0)
    assert box_of(corners - 50, (20, 30)) is None


def check_objects_are_taken_back_and_do_not_take_from_earlier_ones() -> None:
    viewer = ViewerModel()
    image = viewer.add_image(np.zeros((2, 10, 10)))
    viewer.dims.set_point(0, 1)
    plane = plane_of(image, viewer.dims)
    objects = Objects(viewer, image)
    one, two = np.zeros((2, 10, 10), bool)
    one[2:6, 2:6] = True
    two[4:9, 4:9] = True
    objects.add([Region.from_mask(one)], plane, objects.step("prompts of one"), as_shapes=False)
    two_and_one = [Region.from_mask(two), Region.from_mask(one)]
    objects.step("a search that found nothing")
    objects.add(two_and_one, plane, objects.step("prompts of two"), as_shapes=True)
    expected = np.where(one, 1, np.where(two, 2, 0))
    np.testing.assert_array_equal(objects.labels.data[1], expected)
    assert len(objects.shapes.data) == 2
    assert objects.take_back() == (True, "prompts of two")
    np.testing.assert_array_equal(objects.labels.data[1], one)
    assert len(objects.shapes.data) == 0
    objects.add([Region.from_mask(two)], plane, objects.step(), as_shapes=False)
    np.testing.assert_array_equal(objects.labels.data[1], expected)
    assert objects.take_back()[0]
    assert objects.take_back() == (True, "prompts of one")
    assert not objects.labels.data.any()
    assert objects.take_back() == (False, None)


def check_an_image_too_large_for_labels_gets_shapes() -> None:
    viewer = ViewerModel()
    huge = da.zeros((40_000, 40_000), dtype=np.uint8, chunks=4000)
    image = viewer.add_image([huge, huge[::64, ::64]], multiscale=True, contrast_limits=(0, 1))
    plane = plane_of(image, viewer.dims)
    objects = Objects(viewer, image)
    region = Region.from_mask(np.ones((3, 3), bool), origin_xy=(39_000, 38_000), shape=(40_000, 40_000))
    with pytest.raises(Exception, match="too many pixels for a label layer"):
        objects.add([region], plane, objects.step(), as_shapes=False)
    objects.add([region], plane, objects.step(), as_shapes=True)
    assert objects.labels is None
    assert objects.shapes.data[0].max() == 39_002.5
    proposal = Proposal(viewer)
    proposal.show(region, plane)
    assert proposal.layer.data.shape == (3, 3)
