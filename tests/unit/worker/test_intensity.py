import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from samj_bridge.worker.intensity import find_ranges, robust_range, to_unit


def test_the_range_leaves_out_outliers_and_what_is_not_finite():
    image = np.linspace(10, 20, 10_000).reshape(100, 100)
    image[0, :3] = np.nan, np.inf, -np.inf
    low, high = robust_range(image)
    assert 10 < low < 10.1
    assert 19.9 < high < 20


def test_the_range_of_a_big_image_is_that_of_the_whole_within_a_little():
    image = np.random.default_rng(0).normal(1000, 100, (3000, 2000)).astype(np.float32)
    assert robust_range(image) == robust_range(image)
    np.testing.assert_allclose(robust_range(image), np.percentile(image, (0.1, 99.9)), rtol=0.02)


def test_few_bright_pixels_on_a_flat_background_are_shown():
    image = np.zeros((200, 200), np.uint16)
    image[50, 50:53] = 700
    assert robust_range(image) == (0.0, 700.0)
    assert to_unit(image, find_ranges(image))[50, 51, 0] == 1


@pytest.mark.parametrize("value", [0, 7, np.nan, np.inf])
def test_a_constant_image_is_black_without_a_warning(value):
    image = np.full((5, 4), value, np.float32)
    unit = to_unit(image, find_ranges(image))
    assert unit.shape == (5, 4, 1)
    assert not unit.any()


def test_nan_is_black_and_infinities_are_the_ends():
    image = np.array([[0, 1, 2, np.nan, np.inf, -np.inf]], np.float32)
    np.testing.assert_array_equal(to_unit(image, [(0, 2)])[..., 0], [[0, 0.5, 1, 0, 1, 0]])


def test_8_bit_rgb_is_shown_as_it_is():
    image = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    ranges = find_ranges(image)
    assert ranges == ((0, 255),) * 3
    np.testing.assert_allclose(to_unit(image, ranges), image / 255, rtol=1e-6)


def test_three_16_bit_channels_have_a_range_each():
    image = np.zeros((10, 10, 3), np.uint16)
    image[5:, :, 0], image[5:, :, 1], image[5:, :, 2] = 10, 1000, 60000
    assert find_ranges(image) == ((0, 10), (0, 1000), (0, 60000))
    unit = to_unit(image, find_ranges(image))
    assert (unit[5:] == 1).all()
    assert (unit[:5] == 0).all()


def test_chosen_8_bit_channels_are_stretched_each():
    image = np.zeros((10, 10, 3), np.uint8)
    image[5:] = 10, 20, 30
    assert find_ranges(image, "each") == ((0, 10), (0, 20), (0, 30))


def test_two_channels_become_red_and_green():
    image = np.zeros((4, 4, 2), np.uint16)
    image[2:, :, 1] = 5
    unit = to_unit(image, find_ranges(image, "each"), "each")
    assert unit.shape == (4, 4, 3)
    assert unit[3, 0].tolist() == [0, 1, 0]


def test_many_channels_are_stretched_each_and_averaged():
    image = np.zeros((4, 4, 5), np.uint16)
    image[2:] = 1, 10, 100, 1000, 10000
    unit = to_unit(image, find_ranges(image, "merge"), "merge")
    assert unit.shape == (4, 4, 1)
    np.testing.assert_allclose(unit[2:], 1, rtol=1e-6)


def test_large_whole_numbers_keep_their_contrast():
    image = np.array([[0, 1, 2]], np.int32) + 2_000_000_000
    np.testing.assert_array_equal(to_unit(image, [(2e9, 2e9 + 2)])[..., 0], [[0, 0.5, 1]])


@given(
    hnp.arrays(
        st.sampled_from([np.uint8, np.uint16, np.int16, np.int32, np.float32, np.float64]),
        hnp.array_shapes(min_dims=2, max_dims=3, max_side=8),
    )
)
def test_every_image_becomes_finite_numbers_from_0_to_1(image):
    for channels in ("auto", "merge"):
        unit = to_unit(image, find_ranges(image, channels), channels)
        assert unit.dtype == np.float32
        assert unit.shape[:2] == image.shape[:2]
        assert unit.shape[2] in (1, 3)
        assert np.isfinite(unit).all()
        assert unit.min() >= 0
        assert unit.max() <= 1
