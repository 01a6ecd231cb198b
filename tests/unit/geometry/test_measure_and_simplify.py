"""Measures from vertices, and simplified outlines."""

from __future__ import annotations

import numpy as np
import pytest
from hard_masks import HARD_MASKS, masks
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.spatial.distance import pdist

from samj_bridge.geometry.measure import area, bounds, centroid, feret, perimeter
from samj_bridge.geometry.rasterise import rasterise
from samj_bridge.geometry.region import Region
from samj_bridge.geometry.simplify import simplify
from samj_bridge.geometry.trace import trace


@given(masks())
def test_perimeter_counts_the_cracks_between_foreground_and_background(mask: NDArray[np.bool_]) -> None:
    padded = np.pad(mask, 1).astype(int)
    cracks = np.abs(np.diff(padded, axis=0)).sum() + np.abs(np.diff(padded, axis=1)).sum()
    assert perimeter(trace(mask)) == cracks


@given(masks())
def test_feret_is_the_largest_distance_of_two_vertices(mask: NDArray[np.bool_]) -> None:
    rings = trace(mask)
    expected = max(pdist(np.concatenate(rings)).max() if rings else 0, 0)
    assert feret(rings) == pytest.approx(expected)


def test_an_empty_outline_measures_nothing() -> None:
    assert (area([]), perimeter([]), feret([]), bounds([])) == (0, 0, 0, (0, 0, 0, 0))
    with pytest.raises(ValueError, match="no centroid"):
        centroid([])
    with pytest.raises(ValueError, match="no area"):
        centroid([np.array([[0, 0], [3, 0], [5, 0]])])


@given(masks())
def test_no_tolerance_leaves_every_vertex(mask: NDArray[np.bool_]) -> None:
    rings = trace(mask)
    assert all(np.array_equal(a, b) for a, b in zip(simplify(rings, 0), rings, strict=True))


@given(masks(), st.sampled_from([0.5, 1.0, 2.0]))
def test_left_out_vertices_stand_within_the_tolerance(mask: NDArray[np.bool_], tolerance: float) -> None:
    for ring in trace(mask):
        for slim in simplify([ring], tolerance):
            kept = {tuple(vertex) for vertex in slim.tolist()}
            assert kept <= {tuple(vertex) for vertex in ring.tolist()}
            ends = np.roll(slim, -1, axis=0)
            for vertex in ring:
                along, off = (ends - slim).astype(float), (vertex - slim).astype(float)
                part = np.clip((along * off).sum(1) / np.maximum((along**2).sum(1), 1e-9), 0, 1)
                assert np.hypot(*(off - part[:, None] * along).T).min() <= tolerance + 1e-9


def test_a_simplified_disc_has_fewer_vertices_and_nearly_the_same_pixels() -> None:
    mask = HARD_MASKS["disc"]
    slim = simplify(trace(mask), 1.0)
    assert len(slim[0]) < len(trace(mask)[0]) / 3
    region = Region(slim, shape=mask.shape)
    both = (region.mask() & mask).sum() / (region.mask() | mask).sum()
    assert both > 0.95
    assert region.area == rasterise(slim, mask.shape).sum()


@pytest.mark.parametrize("tolerance", [-1, float("nan"), float("inf")])
def test_a_tolerance_that_is_no_length_is_refused(tolerance: float) -> None:
    with pytest.raises(ValueError, match="tolerance"):
        simplify(trace(HARD_MASKS["disc"]), tolerance)
