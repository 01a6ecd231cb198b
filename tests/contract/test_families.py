"""What every model family promises, asked of one cheap network of each with random weights."""

from __future__ import annotations

import dataclasses
import functools
import importlib
import tempfile
from pathlib import Path
from typing import Any

from in_torch import Checks
from networks import BOXES_ONLY, CHEAP, build, masks_of, model_of, possible, prompts, weights_of

from samj_bridge.worker.families import ARCHITECTURES, FAMILIES

LOOKS_TWICE = {"starter-1"}
"""Those that ask themselves again about what a point of everything mode finds."""
SHAPE_HW = (90, 140)

checks = Checks(__name__, __file__)


def image_of(shape_hw: tuple[int, int], channels: int) -> Any:
    import numpy as np

    y, x = np.indices(shape_hw) + 0.5
    disc = (x - 80) ** 2 + (y - 40) ** 2 < 20**2
    noise = np.random.default_rng(1).normal(0, 0.05, (*shape_hw, channels))
    return (0.2 + 0.5 * disc[..., None] + noise).clip(0, 1).astype(np.float32)


@functools.cache
def encoded(architecture: str) -> tuple[Any, list[float]]:
    """Return an encoding, and the fractions that were told on the way."""
    said: list[float] = []
    return model_of(architecture).encode(image_of(SHAPE_HW, 1), said.append), said


class Stopped(Exception):
    pass


def its_weights_have_the_names_and_shapes_that_it_says(architecture: str) -> None:
    from safetensors.torch import load_file

    module = importlib.import_module(FAMILIES[ARCHITECTURES[architecture]])
    found = {name: tuple(value.shape) for name, value in load_file(weights_of(architecture)).items()}
    assert module.shapes(architecture) == found


def it_tells_how_far_an_encode_is(architecture: str) -> None:
    _, said = encoded(architecture)
    assert len(said) >= 2
    assert said == sorted(said)
    assert 0 <= said[0] <= said[-1] <= 1


def an_encode_stops_when_it_is_told_to_and_the_next_one_works(architecture: str) -> None:
    heard: list[float] = []

    def stop(fraction: float) -> None:
        heard.append(fraction)
        if len(heard) == 2:
            raise Stopped

    try:
        model_of(architecture).encode(image_of(SHAPE_HW, 1), stop)
    except Stopped:
        assert len(heard) == 2
    else:
        raise AssertionError("the encode went on")
    assert encoded(architecture)[0] is not None


def checked(candidates: list[Any], count: int, shape_hw: tuple[int, int]) -> None:
    import numpy as np

    assert len(candidates) == count
    scores = [candidate.score for candidate in candidates]
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= score <= 1 for score in scores), scores
    for candidate in candidates:
        assert candidate.mask.dtype == np.bool_
        (x, y), (height, width) = candidate.origin_xy, candidate.mask.shape
        assert height >= 1
        assert width >= 1
        assert 0 <= x <= shape_hw[1] - width
        assert 0 <= y <= shape_hw[0] - height


def it_answers_every_prompt_with_one_or_three_masks_inside_the_image(architecture: str) -> None:
    encoding, _ = encoded(architecture)
    for name, prompt in possible(architecture).items():
        for count in (1, 3):
            try:
                found = model_of(architecture).decode(encoding, prompt, count)
                checked(found, masks_of(architecture, count), SHAPE_HW)
            except Exception as error:
                raise AssertionError(f"{name}, {count}") from error


def the_same_prompt_has_the_same_answer_whatever_came_between(architecture: str) -> None:
    encoding, _ = encoded(architecture)
    model, asked = model_of(architecture), prompts()
    first = model.decode(encoding, asked["a box"], 3)
    for name in {"a mask and a point", "many points", "a mask"} & set(possible(architecture)):
        model.decode(encoding, asked[name], 1)
    for before, now in zip(first, model.decode(encoding, asked["a box"], 3), strict=True):
        assert (before.origin_xy, before.score) == (now.origin_xy, now.score)
        assert (before.mask == now.mask).all()


def every_kind_of_prompt_has_a_say(architecture: str) -> None:
    encoding, _ = encoded(architecture)
    model, asked = model_of(architecture), prompts()

    def answer(name: str) -> Any:
        return [
            (c.origin_xy, c.mask.shape, c.mask.tobytes(), c.score) for c in model.decode(encoding, asked[name], 3)
        ]

    assert answer("a box") != answer("a box and a negative")
    if architecture in BOXES_ONLY:
        assert answer("a box") != answer("a mask")
        return
    assert answer("a box") != answer("a box and points")
    assert answer("a point") != answer("points and a negative")
    assert answer("a point") != answer("a mask and a point")
    assert answer("a box") != answer("a mask and a box")


def it_refuses_points_in_words(architecture: str) -> None:
    from samj_bridge.protocol.failures import FailureCode, OperationFailed

    try:
        model_of(architecture).decode(encoded(architecture)[0], prompts()["a point"], 1)
    except OperationFailed as error:
        refused = error
    else:
        raise AssertionError("it took one")
    assert refused.code is FailureCode.BAD_PROMPT
    assert "boxes only" in str(refused)


def it_proposes_what_it_decodes(architecture: str) -> None:
    import numpy as np

    encoding, _ = encoded(architecture)
    model, none = model_of(architecture), np.zeros((0, 2), np.float32)
    points, said = np.array([[80.5, 40.5], [12.5, 70.5], [0.5, 89.5]]), []
    proposals = model.propose(encoding, points, said.append)
    scores = np.asarray(proposals.scores)
    assert scores.shape[0] == 3
    assert scores.dtype == np.float32
    assert said == sorted(said)
    assert said
    from samj_bridge.worker.families.base import PromptArrays

    for n, point in enumerate(points):
        prompt = PromptArrays(None, point[None].astype(np.float32), none, None, (0, 0))
        # What comes of a second look is not what a prompt gets: the family's own tests compare it.
        decoded = [] if architecture in LOOKS_TWICE else model.decode(encoding, prompt, 3)
        for candidate, k in zip(decoded, scores[n].argsort()[::-1], strict=False):
            assert abs(candidate.score - min(max(float(scores[n, k]), 0), 1)) < 1e-4
            soft = proposals.soft(n, int(k), 0.0)
            found, wanted = np.zeros(SHAPE_HW, bool), np.zeros(SHAPE_HW, bool)
            for (x, y), mask, canvas in (
                (soft.origin_xy, soft.logits > 0, found),
                (candidate.origin_xy, candidate.mask, wanted),
            ):
                canvas[y : y + mask.shape[0], x : x + mask.shape[1]] = mask
            assert (found ^ wanted).sum() <= 0.001 * wanted.sum() + 1
        for k in range(scores.shape[1]):
            above, wide = (proposals.soft(n, k, low).logits > 0 for low in (0.0, -1.0))
            assert above.sum() == wide.sum()
        assert proposals.soft(n, 0, 1e9).logits.size == 0


def a_proposal_stops_when_it_is_told_to(architecture: str) -> None:
    import numpy as np

    def stop(_: float) -> None:
        raise Stopped

    try:
        model_of(architecture).propose(encoded(architecture)[0], np.full((200, 2), 40.5), stop)
    except Stopped:
        return
    raise AssertionError("it went on")


def it_takes_an_odd_image_in_colour(architecture: str) -> None:
    import numpy as np

    model = model_of(architecture)
    encoding = model.encode(np.full((3, 700, 3), 0.5, np.float32), lambda _: None)
    for name in ("a mask", "a box partly outside", "a point"):
        if name not in possible(architecture):
            continue
        prompt = prompts()[name]
        if name == "a mask":
            prompt = dataclasses.replace(prompt, mask=prompt.mask[:2], mask_origin_xy=(60, 1))
        if name == "a point":
            prompt = dataclasses.replace(prompt, points_xy=prompt.points_xy * np.float32(0.03))
        checked(model.decode(encoding, prompt, 3), masks_of(architecture, 3), (3, 700))


def its_encoding_answers_the_same_when_it_comes_back_from_disk(architecture: str) -> None:
    from samj_bridge.worker.disk import DiskCache

    model, (encoding, _) = model_of(architecture), encoded(architecture)
    cache = DiskCache(Path(tempfile.mkdtemp()), 10**9)
    assert cache.save("a", encoding, {"tiles": 1})
    again, notes = cache.load("a", "cpu")
    assert notes == {"tiles": 1}
    for name in [name for name in ("a box", "a point") if name in possible(architecture)]:
        pairs = zip(
            model.decode(encoding, prompts()[name], 3), model.decode(again, prompts()[name], 3), strict=True
        )
        for before, now in pairs:
            assert (before.origin_xy, before.score) == (now.origin_xy, now.score)
            assert (before.mask == now.mask).all()


def it_finds_everything_in_both_modes(architecture: str) -> None:
    import numpy as np

    from samj_bridge.worker.everything.exact import find_all
    from samj_bridge.worker.everything.fast import find_fast
    from samj_bridge.worker.everything.parameters import Parameters
    from samj_bridge.worker.everything.tally import Tally

    model, (encoding, _) = model_of(architecture), encoded(architecture)
    parameters = Parameters(3, pred_iou_thresh=0, stability_score_thresh=0, stability_score_offset=0.01)
    for fast in (True, False):
        tally, said = Tally(), []
        if fast:
            found = list(find_fast(model, encoding, SHAPE_HW, parameters, tally, said.append))
        else:
            found = find_all(model, lambda _: encoding, SHAPE_HW, parameters, tally, said.append)
            assert tally.points == 9
        assert len(found) <= tally.masks == 3 * tally.points
        assert said == sorted(said)
        covered = np.zeros(SHAPE_HW, int)
        for item in found:
            covered += item.as_sam(SHAPE_HW)["segmentation"]
        assert covered.max(initial=0) <= 1 or not fast


def its_encoding_says_how_much_memory_it_takes(architecture: str) -> None:
    from samj_bridge.worker.cache import size_of

    model = model_of(architecture)
    assert 1000 < size_of(encoded(architecture)[0]) < 100_000_000
    assert model.parameters > 100_000


def its_encoding_can_be_kept_on_disk(architecture: str) -> None:
    import json

    from samj_bridge.worker.disk import pack, unpack

    tensors: dict[str, Any] = {}
    model, prompt, (encoding, _) = model_of(architecture), prompts()["a box"], encoded(architecture)
    again = unpack(json.loads(json.dumps(pack(encoding, tensors))), tensors, "cpu")
    for kept, made in zip(model.decode(again, prompt, 3), model.decode(encoding, prompt, 3), strict=True):
        assert abs(kept.score - made.score) < 1e-5
        assert abs(int(kept.mask.sum()) - int(made.mask.sum())) <= 1 + 0.001 * made.mask.sum()


def other_weights_are_refused(architecture: str) -> None:
    from safetensors.torch import load_file, save_file

    path = Path(tempfile.mkdtemp()) / "other.safetensors"
    right = load_file(weights_of(architecture))
    name = next(name for name in reversed(right) if right[name].ndim > 1)
    for wrong in (
        {key: value for key, value in right.items() if key != name},
        {**right, "unheard.of": right[name].clone()},
        {**right, name: right[name][1:].contiguous()},
    ):
        save_file(wrong, path)
        try:
            build(architecture, path)
        except Exception:
            continue
        raise AssertionError("they were taken")


PROMISES = [
    its_weights_have_the_names_and_shapes_that_it_says,
    it_tells_how_far_an_encode_is,
    an_encode_stops_when_it_is_told_to_and_the_next_one_works,
    it_answers_every_prompt_with_one_or_three_masks_inside_the_image,
    the_same_prompt_has_the_same_answer_whatever_came_between,
    every_kind_of_prompt_has_a_say,
    it_proposes_what_it_decodes,
    a_proposal_stops_when_it_is_told_to,
    it_takes_an_odd_image_in_colour,
    its_encoding_answers_the_same_when_it_comes_back_from_disk,
    it_finds_everything_in_both_modes,
    its_encoding_says_how_much_memory_it_takes,
    its_encoding_can_be_kept_on_disk,
    other_weights_are_refused,
]

for _architecture in [name for name in CHEAP if name in ARCHITECTURES]:
    _proposing = {
        it_proposes_what_it_decodes,
        a_proposal_stops_when_it_is_told_to,
        it_finds_everything_in_both_modes,
    }
    _boxed = _architecture in BOXES_ONLY
    for _promise in [it for it in PROMISES if not (_boxed and it in _proposing)] + [
        it_refuses_points_in_words
    ] * _boxed:
        checks.functions[f"{_architecture}-{_promise.__name__}"] = functools.partial(_promise, _architecture)


@checks.add
def every_architecture_has_a_family_and_names_for_its_weights() -> None:
    assert set(ARCHITECTURES.values()) == set(FAMILIES)
    for name, family in ARCHITECTURES.items():
        shapes = importlib.import_module(FAMILIES[family]).shapes(name)
        assert len(shapes) > 50
        assert all(isinstance(size, int) for shape in shapes.values() for size in shape)


test_families, said = checks.finish()
