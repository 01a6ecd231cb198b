import numpy as np
import pytest

from samj_bridge.errors import PromptError
from samj_bridge.geometry.region import Region
from samj_bridge.session.prompts import Prompt, check_taken, message_of, prompts_of

SHAPE = (100, 120)


def test_boxes_and_points_become_plain_numbers():
    prompt = Prompt(box=np.array([1, 2, 3, 4], np.int16), points=np.array([[5, 6]]), negative=[(7.5, 8)], name="n")
    assert prompt.box == (1.0, 2.0, 3.0, 4.0)
    assert prompt.points == ((5.0, 6.0),)
    assert prompt.to_dict() == {
        "box": [1.0, 2.0, 3.0, 4.0],
        "points": [[5.0, 6.0]],
        "negative": [[7.5, 8.0]],
        "mask": None,
        "name": "n",
    }


def test_a_single_point_needs_no_list():
    assert Prompt(points=(5, 6)).points == ((5.0, 6.0),)


def test_a_mask_may_be_a_region_or_an_array():
    mask = np.zeros(SHAPE, bool)
    mask[10:20, 30:50] = True
    for given in (mask, Region.from_mask(mask)):
        message = message_of(Prompt(mask=given), SHAPE)
        assert message.mask_rings == ((30, 10, 50, 10, 50, 20, 30, 20),)
    assert Prompt(mask=mask).to_dict()["mask"] == {"rings": [[[30, 10], [50, 10], [50, 20], [30, 20]]]}


def test_whole_numbers_mean_the_pixel_and_are_sent_as_its_centre():
    message = message_of(Prompt(points=[(3, 4), (3.25, 4), (119, 99)], negative=[(0, 0)]), SHAPE)
    assert message.points == ((3.5, 4.5), (3.25, 4.0), (119.5, 99.5))
    assert message.negative == ((0.5, 0.5),)


def test_a_box_that_sticks_out_is_cut_to_the_image():
    assert message_of(Prompt(box=(-5, -5, 500, 50.5)), SHAPE).box == (0.0, 0.0, 120.0, 50.5)


@pytest.mark.parametrize(
    ("fields", "text", "hint"),
    [
        ({}, "empty", "Add a box"),
        ({"negative": [(1, 1)]}, "negative points only", "point inside"),
        ({"points": []}, "empty", "Add a box"),
        ({"box": (5, 5, 5, 9)}, "no extent: 0 x 4", "Drag"),
        ({"box": (5, 5, 9, 5)}, "no extent: 4 x 0", "Drag"),
        ({"box": (9, 2, 5, 8)}, "swapped", "(5, 2, 9, 8)"),
        ({"box": (5, 8, 9, 2)}, "swapped", "(5, 2, 9, 8)"),
        ({"box": (5, 8, 9)}, "not four numbers", "x0, y0, x1, y1"),
        ({"box": "abcd"}, "not numbers", "x0, y0, x1, y1"),
        ({"box": (1, 2, 3, None)}, "not finite", "pixel coordinates"),
        ({"box": (1, 2, 3, float("nan"))}, "not finite", "pixel coordinates"),
        ({"box": (1, 2, 3, float("inf"))}, "not finite", "pixel coordinates"),
        ({"points": [(1, float("nan"))]}, "not finite", "pixel coordinates"),
        ({"points": [(1, 2, 3)]}, "not pairs", "(x, y)"),
        ({"points": 5}, "not pairs", "(x, y)"),
        ({"points": [(1, 2), (3,)]}, "not numbers", "(x, y)"),
        ({"points": [(1, 2)], "negative": "x"}, "not numbers", "(x, y)"),
        ({"mask": np.zeros((3, 3), bool)}, "empty", "at least one pixel"),
        ({"mask": "mask.tif"}, "neither a region nor a mask", "Region"),
        ({"mask": np.zeros((3, 3, 3), bool)}, "neither a region nor a mask", "Region"),
    ],
)
def test_a_prompt_that_can_not_work_is_refused_when_it_is_made(fields, text, hint):
    with pytest.raises(PromptError) as caught:
        Prompt(**fields)
    assert text in caught.value.message
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("prompt", "text"),
    [
        (Prompt(box=(120, 0, 130, 10)), "box (120, 0, 130, 10)"),
        (Prompt(box=(-10, 0, 0, 10)), "box (-10, 0, 0, 10)"),
        (Prompt(box=(0, 100, 10, 110)), "box"),
        (Prompt(points=[(5, 5), (120, 5)]), "point (120, 5)"),
        (Prompt(points=[(5, -1)]), "point (5, -1)"),
        (Prompt(points=[(5, 100.25)]), "point (5, 100.25)"),
        (Prompt(points=[(5, 5)], negative=[(500, 5)]), "negative point (500, 5)"),
        (Prompt(mask=np.ones((5, 5), bool)), "mask"),
        (Prompt(mask=Region.from_mask(np.ones((5, 5), bool), origin_xy=(118, 0))), "mask"),
    ],
)
def test_a_prompt_outside_the_image_is_refused_when_it_is_used(prompt, text):
    with pytest.raises(PromptError) as caught:
        message_of(prompt, SHAPE, 7)
    assert caught.value.code == "prompt-outside-image"
    assert "Prompt 7" in caught.value.message
    assert text in caught.value.message
    assert "120 x 100" in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize("prompts", [[], None, 5, [None], [(1, 2, 3, 4)], "ab"])
def test_what_are_no_prompts_is_refused(prompts):
    with pytest.raises(PromptError) as caught:
        prompts_of(prompts)
    assert caught.value.hint


def test_one_prompt_is_a_list_of_one_and_a_generator_is_taken():
    prompt = Prompt(points=[(1, 1)])
    assert prompts_of(prompt) == [prompt]
    assert prompts_of(prompt for _ in range(3)) == [prompt] * 3


def test_a_prompt_that_the_model_does_not_take_is_refused_before_anything_is_sent():
    box, click = Prompt(box=(1, 2, 3, 4)), Prompt(points=[(5, 6)], negative=[(7, 8)])
    refined = Prompt(mask=np.ones(SHAPE, bool))
    check_taken([box, click, refined], "starter", ("box", "points", "negative", "mask"))
    # Without an embedding for negative points and regions the engine chooses and cuts the masks by them.
    check_taken([box, click, refined], "efficient-sam-ti", ("box", "points"))
    check_taken([refined, Prompt(box=(1, 2, 3, 4), negative=[(1, 1)])], "medsam", ("box",))
    with pytest.raises(PromptError, match=r"can't take prompt 1, which has points\.") as caught:
        check_taken([box, click], "medsam", ("box",))
    assert caught.value.hint.startswith("It takes: box.")
    assert (caught.value.code, caught.value.details["prompt"]) == ("prompt-not-taken", 1)
    with pytest.raises(PromptError, match="which has points and a box"):
        check_taken([Prompt(box=(1, 2, 3, 4), points=[(1, 1)])], "nothing", ())
