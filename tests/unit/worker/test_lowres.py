"""Enlarging masks: a crop is the crop of the whole, nothing is left outside the box, and torch agrees."""

from __future__ import annotations

from typing import Any

from in_torch import Checks

checks = Checks(__name__, __file__)


def plans() -> dict[str, Any]:
    from samj_bridge.worker.lowres import Enlargement, bicubic, bilinear, chained

    def padded(side: int, height: int, width: int) -> Enlargement:
        scale = 4 * side / max(height, width)
        inner = [int(length * scale + 0.5) for length in (height, width)]
        axes = [
            chained(bilinear(side, 4 * side).cut(within), bilinear(within, length))
            for within, length in zip(inner, (height, width), strict=True)
        ]
        return Enlargement(*axes)

    return {
        "linear": Enlargement(bilinear(16, 61), bilinear(16, 40)),
        "shrunk": Enlargement(bilinear(16, 7), bilinear(16, 5)),
        "squashed": Enlargement(bilinear(16, 3), bilinear(16, 200)),
        "cubic": Enlargement(bicubic(16, 61), bicubic(16, 40), inclusive=True),
        "cubic shrunk": Enlargement(bicubic(16, 9), bicubic(16, 11), inclusive=True),
        "two steps": padded(16, 50, 37),
        "two steps down": padded(16, 23, 130),
        "probabilities": Enlargement(bilinear(16, 61), bilinear(16, 40), sigmoid=True),
    }


def logits() -> list[Any]:
    import torch

    found = []
    for seed in range(12):
        generator = torch.Generator().manual_seed(seed)
        noise = torch.randn(16, 16, generator=generator) * (0.5 + seed)
        found += [noise, noise - 2 * noise.std(), torch.round(noise), torch.full((16, 16), -1.0)]
        spot = torch.full((16, 16), -8.0)
        spot[seed % 16, (5 * seed) % 16] = 30.0
        found.append(spot)
    return found


@checks.add
def a_crop_is_bit_for_bit_the_crop_of_the_whole() -> None:
    import random

    import torch

    chance = random.Random(0)
    for plan in plans().values():
        height, width = plan.image_hw
        for low in logits():
            full = plan.full(low)
            x0, y0 = chance.randrange(width), chance.randrange(height)
            x1, y1 = chance.randrange(x0, width) + 1, chance.randrange(y0, height) + 1
            assert torch.equal(plan.crop(low, (x0, y0, x1, y1)), full[y0:y1, x0:x1])


@checks.add
def the_mask_in_its_box_is_the_mask_of_the_whole_for_any_threshold() -> None:
    import numpy as np

    for name, plan in plans().items():
        for low in logits():
            for threshold in (None, 0.0, -1.0, 2.5):
                limit = plan.threshold if threshold is None else threshold
                full = plan.full(low).numpy()
                whole = full >= limit if plan.inclusive else full > limit
                mask, (x, y) = plan.mask(low, threshold)
                pasted = np.zeros(plan.image_hw, bool)
                pasted[y : y + mask.shape[0], x : x + mask.shape[1]] = mask
                assert (pasted == whole).all(), (name, threshold)


@checks.add
def chunks_do_not_change_a_bit() -> None:
    import torch

    from samj_bridge.worker import lowres

    for plan in plans().values():
        low = logits()[0]
        whole, mask = plan.full(low), plan.mask(low)
        before = lowres._CHUNK
        lowres._CHUNK = 64
        try:
            assert torch.equal(plan.full(low), whole)
            assert (plan.mask(low)[0] == mask[0]).all()
        finally:
            lowres._CHUNK = before


@checks.add
def the_box_is_small_where_the_object_is() -> None:
    import torch

    from samj_bridge.worker.lowres import Enlargement, bicubic, bilinear

    low = torch.full((256, 256), -9.0)
    low[100:110, 50:80] = 9.0
    for kind in (bilinear, bicubic):
        x0, y0, x1, y1 = Enlargement(kind(256, 1024), kind(256, 1024)).box_above(low)
        assert 180 <= x0 <= 200
        assert 380 <= y0 <= 400
        assert 320 <= x1 <= 340
        assert 440 <= y1 <= 460
    assert Enlargement(bilinear(256, 1024), bilinear(256, 1024)).box_above(low, 9.5) is None


@checks.add
def the_result_is_torchs_own_up_to_rounding() -> None:
    from torch.nn import functional as F

    for name, plan in plans().items():
        for low in logits():
            size = plan.image_hw
            one = low[None, None]
            if name.startswith("cubic"):
                wanted = F.interpolate(one, size, mode="bicubic", align_corners=False)
            elif name.startswith("two"):
                inner = [int(length * (64 / max(size)) + 0.5) for length in size]
                wanted = F.interpolate(one, (64, 64), mode="bilinear", align_corners=False)
                wanted = wanted[..., : inner[0], : inner[1]]
                wanted = F.interpolate(wanted, size, mode="bilinear", align_corners=False)
            elif name == "probabilities":
                wanted = F.interpolate(one.sigmoid(), size, mode="bilinear", align_corners=False)
            else:
                wanted = F.interpolate(one, size, mode="bilinear", align_corners=False)
            found = plan.full(low)
            found = found.sigmoid() if name == "probabilities" else found
            assert float((found - wanted[0, 0]).abs().max()) <= 2e-5 * max(1.0, float(low.abs().max())), name


test_lowres, said = checks.finish()
