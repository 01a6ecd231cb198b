"""Families of SAM's kind: transforms to the pixel, prompts that a network can't take, refinement, precisions."""

from __future__ import annotations

import functools
import tempfile
from pathlib import Path
from typing import Any

from in_torch import Checks

checks = Checks(__name__, __file__)
SHAPE_HW = (90, 140)
HALVED = ("mobile-sam", "efficient-sam-ti", "sam2.1-tiny", "efficientvit-sam-l0")
"""The smallest network of each family that computes in bfloat16."""
ENCODED_IN_HALF = HALVED[:2]


@functools.cache
def weights_of(architecture: str) -> Path:
    from random_weights import random_weights
    from safetensors.torch import save_file

    path = Path(tempfile.mkdtemp()) / f"{architecture}.safetensors"
    save_file(random_weights(architecture), path)
    return path


@functools.cache
def model(architecture: str, transform: str = "", precision: str = "float32") -> Any:
    import importlib

    from samj_bridge.worker.families import ARCHITECTURES, FAMILIES
    from samj_bridge.worker.families.base import BuildSpec

    module = importlib.import_module(FAMILIES[ARCHITECTURES[architecture]])
    return module.build(BuildSpec(weights_of(architecture), architecture, transform, "cpu", precision))


def picture() -> Any:
    import numpy as np

    return np.random.default_rng(0).integers(0, 256, (*SHAPE_HW, 3)).astype(np.uint8)


@functools.cache
def encoding(architecture: str, transform: str = "", precision: str = "float32") -> Any:
    import numpy as np

    unit = picture().astype(np.float32) * np.float32(1 / 255)
    return model(architecture, transform, precision).encode(unit, lambda _: None)


def prompt(box: Any = None, points: Any = (), negative: Any = (), mask: Any = None, origin: Any = (0, 0)) -> Any:
    import numpy as np

    from samj_bridge.worker.families.base import PromptArrays

    points, negative = (np.asarray(p, np.float32).reshape(-1, 2) for p in (points, negative))
    return PromptArrays(box, points, negative, mask, origin)


def pasted(candidate: Any) -> Any:
    import numpy as np

    whole = np.zeros(SHAPE_HW, bool)
    x, y = candidate.origin_xy
    whole[y : y + candidate.mask.shape[0], x : x + candidate.mask.shape[1]] = candidate.mask
    return whole


@checks.add
def eight_bits_come_back_as_they_were_from_any_display_scaling() -> None:
    import numpy as np

    from samj_bridge.worker.intensity import to_unit
    from samj_bridge.worker.transforms.pixels import bytes_of

    every = np.arange(256, dtype=np.uint8).reshape(16, 16)
    assert (bytes_of(to_unit(every, [(0.0, 255.0)]))[..., 0] == every).all()


@checks.add
def sams_pixels_are_pillows_resize_normalised_and_then_padded() -> None:
    import numpy as np
    from PIL import Image

    from samj_bridge.worker.transforms import transform

    found = transform("sam").pixels(picture().astype(np.float32) / np.float32(255))
    height = int(90 * (1024 / 140) + 0.5)
    wanted = np.asarray(Image.fromarray(picture()).resize((1024, height), Image.Resampling.BILINEAR))
    wanted = (wanted.astype(np.float32) - [123.675, 116.28, 103.53]) / [58.395, 57.12, 57.375]
    assert np.abs(found[0, :, :height].numpy() - wanted.transpose(2, 0, 1)).max() < 1e-6
    assert (found[0, :, height:] == 0).all()


@checks.add
def one_channel_is_shown_as_all_three() -> None:
    import numpy as np
    import torch

    from samj_bridge.worker.transforms import transform

    grey = picture()[..., :1].astype(np.float32) / np.float32(255)
    for name in ("sam", "medsam", "micro-sam"):
        how = transform(name)
        assert torch.equal(how.pixels(grey), how.pixels(np.repeat(grey, 3, 2))), name


@checks.add
def micro_sams_bytes_are_cut_off_in_float32_and_a_constant_channel_is_black() -> None:
    import numpy as np

    from samj_bridge.worker.transforms.micro_sam import stretched

    image = np.array([[[10, 7, 0], [60, 7, 200], [110, 7, 50]]], np.uint16)
    assert stretched(image).tolist() == [[[0, 0, 0], [127, 0, 255], [255, 0, 63]]]


@checks.add
def medsams_spline_goes_through_the_pixels_and_stays_in_their_range() -> None:
    import numpy as np

    from samj_bridge.worker.transforms.medsam import _filtered, _sampled, splined

    values = np.random.default_rng(1).random((9, 3, 1))
    assert np.abs(_sampled(_filtered(values, 0), 0, 9) - values).max() < 1e-12
    image = picture()[:40, :30].clip(50, 200)
    enlarged, shrunk = splined(image, 64), splined(image, 16)
    assert enlarged.shape == (64, 64, 3)
    assert enlarged.min() >= 50
    assert enlarged.max() <= 200
    assert abs(float(shrunk.mean()) - float(image.mean())) < 5
    assert (splined(np.full((30, 50, 3), 77, np.uint8), 64) >= 76).all()


@checks.add
def a_click_on_a_pixel_gives_the_authors_numbers_and_a_box_keeps_its_edges() -> None:
    import numpy as np

    from samj_bridge.worker.transforms import transform

    frame = transform("sam").frame((300, 421))
    new_h, new_w = int(300 * (1024 / 421) + 0.5), 1024
    wanted = np.float32([[119 * (new_w / 421), 80 * (new_h / 300)]])
    assert (frame.points(np.array([[119.5, 80.5]])) == wanted).all()
    corners = np.float32([[60 * (new_w / 421), 39 * (new_h / 300)], [199 * (new_w / 421), 180 * (new_h / 300)]])
    assert (frame.box((60, 39, 199, 180)) == corners).all()


@checks.add
def a_mask_prompt_says_how_much_of_each_cell_it_covers() -> None:
    import numpy as np

    from samj_bridge.worker.transforms import transform

    frame = transform("sam").frame((512, 1024))  # four pixels to a cell
    logits = frame.mask_logits(np.ones((8, 6), bool), (4, 8))
    assert logits.shape == (256, 256)
    inside = 1 / (1 + np.exp(-logits))
    assert np.allclose(inside[2:4, 1], 0.999)
    assert np.allclose(inside[2:4, 2], 0.5)
    assert np.allclose(inside.sum(), 2 + 1, atol=0.001 * 65536)
    assert (logits[:2] < -6.9).all()


@checks.add
def an_image_thinner_than_a_pixel_of_the_frame_is_still_answered() -> None:
    import numpy as np

    asked = model("mobile-sam")
    for shape in ((1, 3000, 1), (3000, 1, 3), (1, 1, 1)):
        found = asked.decode(
            asked.encode(np.full(shape, 0.5, np.float32), lambda _: None), prompt((0, 0, shape[1], shape[0])), 1
        )
        assert len(found) == 1


@checks.add
def many_prompts_side_by_side_are_answered_as_one_by_one() -> None:
    import torch

    for architecture in ("mobile-sam", "efficient-sam-ti"):
        asked, image = model(architecture), encoding(architecture)
        prompts = [prompt((10.0 + 3 * i, 20.0, 60.0 + 3 * i, 70.0)) for i in range(7)]
        threads, heard = torch.get_num_threads(), []
        side_by_side = list(asked.decode_many(image, prompts, 3, heard.append))
        assert torch.get_num_threads() == threads
        assert heard == sorted(heard)
        for one, found in zip(prompts, side_by_side, strict=True):
            for alone, beside in zip(asked.decode(image, one, 3), found, strict=True):
                assert abs(alone.score - beside.score) < 1e-4
                assert (pasted(alone) ^ pasted(beside)).mean() < 1e-3


@checks.add
def many_prompts_stop_when_they_are_told_to() -> None:
    def stop(fraction: float) -> None:
        if fraction > 0.2:
            raise InterruptedError

    asked = model("mobile-sam")
    try:
        list(asked.decode_many(encoding("mobile-sam"), [prompt((5.0, 5.0, 50.0, 50.0))] * 20, 1, stop))
    except InterruptedError:
        return
    raise AssertionError


@checks.add
def a_region_to_be_refined_brings_its_own_logits_along() -> None:
    import torch

    asked, image = model("mobile-sam"), encoding("mobile-sam")
    first = asked.decode(image, prompt((20.0, 20.0, 100.0, 70.0)), 1)[0]
    ready = asked.ready(image)
    known = ready.mask_prompt(first.mask, first.origin_xy)
    made = ready.mask_prompt(~first.mask, first.origin_xy)
    assert not torch.equal(known, made)
    assert float(known.abs().max()) != float(made.abs().max())
    # The same pixels in a larger crop are the same region.
    import numpy as np

    padded = np.pad(first.mask, ((2, 1), (3, 4)))
    x, y = first.origin_xy
    assert torch.equal(ready.mask_prompt(padded, (x - 3, y - 2)), known)
    assert len(ready.answers) <= 32


@checks.add
def medsam_takes_boxes_says_no_to_points_and_is_cut_by_negative_ones() -> None:
    from samj_bridge.protocol.failures import OperationFailed

    asked, image = model("mobile-sam", "medsam"), encoding("mobile-sam", "medsam")
    assert not hasattr(asked, "propose")
    said = None
    try:
        asked.decode(image, prompt(points=[(50.5, 50.5)]), 1)
    except OperationFailed as error:
        said = error
    assert said is not None
    assert said.code.value == "bad-prompt"
    assert "boxes only" in said.message
    whole = pasted(asked.decode(image, prompt((10.0, 10.0, 120.0, 80.0)), 1)[0])
    y, x = (int(axis[len(axis) // 3]) for axis in whole.nonzero())
    cut = pasted(asked.decode(image, prompt((10.0, 10.0, 120.0, 80.0), negative=[(x + 0.5, y + 0.5)]), 1)[0])
    assert whole[y, x]
    assert not cut[y, x]
    assert (cut <= whole).all()


@checks.add
def a_negative_point_without_an_embedding_never_stays_inside() -> None:
    asked, image = model("efficient-sam-ti"), encoding("efficient-sam-ti")
    for place in ((30.5, 30.5), (90.5, 40.5), (70.5, 60.5)):
        for candidate in asked.decode(image, prompt((20.0, 15.0, 110.0, 80.0), negative=[place]), 3):
            assert not pasted(candidate)[int(place[1]), int(place[0])]


@checks.add
def a_cut_keeps_the_part_with_the_positive_point() -> None:
    import numpy as np

    from samj_bridge.worker.families.base import Candidate
    from samj_bridge.worker.families.cutting import honour

    blob = Candidate(np.ones((10, 40), bool), (5, 5), 0.9)
    small = Candidate(np.ones((10, 12), bool), (5, 5), 0.8)
    asked = prompt(points=[(8.5, 10.5)], negative=[(38.5, 10.5)])
    best, other = honour([blob, small], asked, positive=False, region=False)
    assert best.mask.shape == (10, 12)
    assert best.score >= other.score
    kept = other.mask.any(0).nonzero()[0] + 5
    assert kept.min() == 5
    assert kept.max() in (22, 23)


@checks.add
def every_family_whose_masks_stay_computes_in_bfloat16_where_asked_and_says_when_it_does_not() -> None:
    from samj_bridge.protocol.messages import LoadRequest
    from samj_bridge.worker.cache import Encodings
    from samj_bridge.worker.engine import Engine
    from samj_bridge.worker.families import ARCHITECTURES, FAMILIES

    engine = Engine(Encodings(1 << 20))
    starter = Path(__file__).resolve().parents[3] / "samj_bridge" / "models" / "weights" / "starter.safetensors"
    files = {"starter-1": starter, **{name: weights_of(name) for name in (*HALVED, "lite-medsam")}}
    assert {ARCHITECTURES[name] for name in files} == set(FAMILIES)
    for architecture, path in files.items():
        family = ARCHITECTURES[architecture]
        halved, halved_float16 = (
            engine.load(
                LoadRequest(family, family, str(path), device="cpu", precision=kind, architecture=architecture)
            )
            for kind in ("bfloat16", "float16")
        )
        assert (halved.precision == "bfloat16") == (architecture in HALVED)
        if halved_float16.precision != "float16":
            assert halved_float16.precision == "float32"
            assert "only" in halved_float16.reason


@checks.add
def half_the_bits_give_nearly_the_same_mask() -> None:
    from dataclasses import replace

    import numpy as np
    import torch

    for architecture in HALVED:
        box = prompt((20.0, 20.0, 100.0, 70.0))
        exact, halved = model(architecture), model(architecture, "", "bfloat16")
        if architecture in ENCODED_IN_HALF:
            coarse = encoding(architecture, "", "bfloat16")
        else:
            # Seconds without an instruction for it; test_sam2_nets has small encoders of their kind.
            whole = encoding(architecture)
            detail = tuple(part.to(torch.bfloat16) for part in whole.detail)
            coarse = replace(whole, embedding=whole.embedding.to(torch.bfloat16), detail=detail)
        assert coarse.embedding.dtype == torch.bfloat16
        found = [one.decode(at, box, 1)[0] for one, at in ((exact, encoding(architecture)), (halved, coarse))]
        same = np.mean(pasted(found[0]) == pasted(found[1]))
        assert same > 0.9, (architecture, same)


test_sam_families, said = checks.finish()
