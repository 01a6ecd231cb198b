"""Prompts from the truth, classical methods, scores, tables and the page."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from samj_bridge.compare import classical
from samj_bridge.compare.methods import Effort, check_methods
from samj_bridge.compare.page import as_page
from samj_bridge.compare.picture import Picture
from samj_bridge.compare.prompting import boxes, clicks, further_click
from samj_bridge.compare.running import Compared, Comparison
from samj_bridge.compare.scores import MEASURES, averaged, pooled, score
from samj_bridge.compare.tables import as_csv, as_data, as_markdown
from samj_bridge.errors import InputError
from samj_bridge.evaluate import as_objects
from samj_bridge.geometry.region import Region
from samj_bridge.session import Prompt


def discs(*places: tuple[int, int, int], shape: tuple[int, int] = (90, 120)) -> NDArray[np.int32]:
    y, x = np.mgrid[: shape[0], : shape[1]]
    labels = np.zeros(shape, np.int32)
    for number, (cx, cy, r) in enumerate(places, 1):
        labels[(x - cx) ** 2 + (y - cy) ** 2 < r * r] = number
    return labels


TWO = discs((30, 30, 12), (80, 50, 16))
TOUCHING = discs((30, 40, 14), (55, 40, 14))


def picture(labels: NDArray[np.int32], *, dark: bool = False) -> Picture:
    noise = np.random.default_rng(1).normal(0, 8, labels.shape)
    pixels = np.where(labels > 0, 60.0 if dark else 180.0, 180.0 if dark else 60.0) + noise
    return Picture("a [b].tif", Path("a [b].tif"), pixels, as_objects(labels))


def ap50(labels: NDArray[np.int32], found: object) -> float:
    return score("a", as_objects(labels), as_objects(found, labels.shape), tolerance_px=2).measures["ap50"]


def test_boxes_are_tight_and_clicks_repeat_by_their_seed() -> None:
    truth = picture(TWO).regions
    assert boxes(truth)[0].box == (19, 19, 42, 42)
    asked: list[list[Prompt]] = []

    def ask(prompts: list[Prompt]) -> list[Region]:
        asked.append(prompts)
        return list(truth)

    _, count = clicks(truth, "a.tif", 0, 3, ask)
    clicks(truth, "a.tif", 0, 3, ask)
    clicks(truth, "b.tif", 0, 3, ask)
    clicks(truth, "a.tif", 1, 3, ask)
    # What is right is not clicked again.
    assert count == 2
    places = [[prompt.points[0] for prompt in prompts] for prompts in asked]
    assert places[0] == places[1]
    assert places[0] != places[2]
    assert places[0] != places[3]
    for prompts in asked:
        for number, prompt in enumerate(prompts, 1):
            x, y = (int(value) for value in prompt.points[0])
            assert TWO[y, x] == number


def test_a_further_click_goes_where_answer_and_truth_differ_most() -> None:
    chance = np.random.default_rng(0)
    truth = Region.from_mask(discs((40, 40, 15)) > 0)
    half = Region.from_mask((discs((40, 40, 15)) > 0) & (np.arange(120)[None] < 40))
    (x, y), positive = further_click(truth, half, chance) or ((0, 0), False)
    assert positive
    assert truth.mask()[y, x]
    assert not half.mask((90, 120))[y, x]
    (x, y), positive = further_click(half, truth, chance) or ((0, 0), True)
    assert not positive
    assert not half.mask((90, 120))[y, x]
    nothing = further_click(truth, Region((), shape=(90, 120)), chance)
    assert nothing is not None
    assert nothing[1]
    assert further_click(truth, truth, chance) is None


def test_three_clicks_are_asked_with_all_that_came_before() -> None:
    truth = picture(TWO).regions
    asked: list[list[Prompt]] = []

    def ask(prompts: list[Prompt]) -> list[Region]:
        asked.append(prompts)
        return [Region((), shape=(90, 120)) for _ in prompts]

    _, count = clicks(truth, "a.tif", 0, 3, ask)
    assert count == 6
    assert [[len(prompt.points) for prompt in prompts] for prompts in asked] == [[1, 1], [2, 2], [3, 3]]


@pytest.mark.parametrize("dark", [False, True])
def test_a_threshold_finds_what_is_apart_and_a_watershed_cuts_what_touches(dark: bool) -> None:
    assert ap50(TWO, classical.threshold(picture(TWO, dark=dark))) == 1.0
    assert classical.threshold(picture(TOUCHING, dark=dark)).max() == 1
    assert ap50(TOUCHING, classical.watershed(picture(TOUCHING, dark=dark))) == 1.0


def test_the_walker_keeps_to_the_object_in_its_box() -> None:
    there = picture(TWO)
    found = [classical.walker(there, region.bbox_xyxy) for region in there.regions]
    assert ap50(TWO, found) == 1.0


def test_an_image_that_is_the_same_everywhere_or_a_box_of_all_of_it_breaks_nothing() -> None:
    flat = Picture("a", Path("a"), np.full((20, 20), 5, np.uint8), as_objects(np.zeros((20, 20), int)))
    assert not classical.threshold(flat).any()
    assert not classical.watershed(flat).any()
    for box in ((0, 0, 20, 20), (3, 3, 4, 4), (0, 0, 1, 20)):
        region = classical.walker(flat, box)
        assert region.shape == (20, 20)


@pytest.mark.parametrize(
    "name", ["tresh", "starter:", "starter:lasso", "wand=", "wand=x", "threshold=3", ":box", ""]
)
def test_what_is_no_method_is_refused_with_a_list(name: str) -> None:
    with pytest.raises(InputError) as refused:
        check_methods([name])
    assert "walker" in refused.value.hint


def test_pooled_and_averaged_measures_differ_and_both_are_right() -> None:
    full, empty = as_objects(TWO), as_objects(np.zeros_like(TWO))
    one = as_objects(np.where(TWO == 1, 1, 0))
    scores = [
        score("a", full, full, tolerance_px=1),
        score("b", full, one, tolerance_px=1),
        score("c", empty, empty, tolerance_px=1),
        score("d", empty, one, tolerance_px=1),
    ]
    together, means = pooled(scores), averaged(scores)
    # TP 3, FP 1, FN 1 of all; 1, 1/2, 1, 0 by image.
    assert together["ap50"] == pytest.approx(3 / 5)
    assert means["ap50"] == pytest.approx((1 + 0.5 + 1 + 0) / 4)
    assert together["best_iou"] == pytest.approx(3 / 4)
    assert means["best_iou"] == pytest.approx((1 + 0.5) / 2)
    assert (together["count_error"], means["count_error"]) == (0, 0.5)
    assert set(together) == set(means) == set(MEASURES)


@pytest.fixture
def comparison() -> Comparison:
    there = [
        picture(TWO),
        Picture("empty.tif", Path("empty.tif"), np.zeros((9, 9)), as_objects(np.zeros((9, 9), int))),
    ]
    methods = []
    for name, person in (("<b>good</b>|x", 3.0), ("nobody", None)):
        item = Compared(name)
        for shown in there:
            found = shown.truth if person else as_objects(np.zeros(shown.shape, int))
            item.found.append(found)
            item.scores.append(
                score(shown.name, shown.truth, found, tolerance_px=2, machine_s=0.5, person_s=person)
            )
        methods.append(item)
    return Comparison(there, methods, Effort(), 2.0)


def test_all_tables_have_every_method_and_figure(comparison: Comparison) -> None:
    rows = list(csv.DictReader(io.StringIO(as_csv(comparison))))
    assert [(row["method"], row["image"]) for row in rows] == [
        (item.name, shown.name) for item in comparison.methods for shown in comparison.pictures
    ]
    assert rows[1]["best_iou"] == ""
    data = json.loads(json.dumps(as_data(comparison), allow_nan=False))
    assert data["methods"][0]["pooled"]["ap50"] == 1.0
    text = as_markdown(comparison)
    assert {line.count("|") - line.count("\\|") for line in text.splitlines() if line.startswith("|")} == {16}


def test_the_page_needs_nothing_else_and_takes_names_as_they_are(comparison: Comparison) -> None:
    page = as_page(comparison)
    assert not re.search(r"""(src|href)=|url\((?!data:)|https?://""", page)
    assert "&lt;b&gt;good&lt;/b&gt;" in page
    assert "<b>good</b>" not in page
    assert page.count("<figure>") == 4
    assert 'class="right"' in page
    assert 'class="missed"' in page
