"""The starter network and its family: keys, numbers, seams, odd images, and that it finds plain objects."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from in_torch import ROOT, Checks

WEIGHTS = ROOT / "samj_bridge" / "models" / "weights" / "starter.safetensors"
checks = Checks(__name__, __file__)


def build() -> Any:
    from samj_bridge.worker.families import starter
    from samj_bridge.worker.families.base import BuildSpec

    return starter.build(BuildSpec(WEIGHTS))


def prompt(box: Any = None, points: Any = (), negative: Any = (), mask: Any = None, origin: Any = (0, 0)) -> Any:
    import numpy as np

    from samj_bridge.worker.families.base import PromptArrays

    points, negative = (np.asarray(p, np.float32).reshape(-1, 2) for p in (points, negative))
    return PromptArrays(box, points, negative, mask, origin)


def discs(shape_hw: tuple[int, int], *circles: tuple[float, float, float], seed: int = 0) -> tuple[Any, list[Any]]:
    """Draw bright discs (x, y, radius) on a darker, noisy ground: image (Y, X, 1) and one mask each."""
    import numpy as np

    y, x = np.indices(shape_hw) + 0.5
    masks = [(x - cx) ** 2 + (y - cy) ** 2 <= r**2 for cx, cy, r in circles]
    image = 0.1 + 0.6 * np.any(masks, 0) + np.random.default_rng(seed).normal(0, 0.03, shape_hw)
    return np.clip(image, 0, 1).astype(np.float32)[:, :, None], masks


def iou(candidate: Any, truth: Any) -> float:
    import numpy as np

    full = np.zeros_like(truth)
    x, y = candidate.origin_xy
    height, width = candidate.mask.shape
    assert 0 <= x <= full.shape[1] - width
    assert 0 <= y <= full.shape[0] - height
    full[y : y + height, x : x + width] = candidate.mask
    return float((full & truth).sum() / (full | truth).sum())


def silent(_: float) -> None:
    """Nobody watches."""


@checks.add
def the_weights_fit_every_key_and_stay_small() -> None:
    from safetensors.torch import load_file

    from samj_bridge.worker.nets.starter import StarterNet, fold

    assert WEIGHTS.stat().st_size <= 8_000_000
    stored, wanted = load_file(WEIGHTS), fold(StarterNet()).state_dict()
    assert {k: tuple(v.shape) for k, v in stored.items()} == {k: tuple(v.shape) for k, v in wanted.items()}
    assert sorted({key.split(".")[0] for key in stored}) == ["decoder", "encoder", "hypotheses"]
    assert sum(v.numel() for v in stored.values()) == 1_921_910


@checks.add
def a_missing_key_is_an_error() -> None:
    import tempfile

    from safetensors.torch import load_file, save_file

    from samj_bridge.worker.families import starter
    from samj_bridge.worker.families.base import BuildSpec

    stored = load_file(WEIGHTS)
    stored.pop("decoder.masks.bias")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "broken.safetensors"
        save_file(stored, path)
        said = ""
        try:
            starter.build(BuildSpec(path))
        except RuntimeError as error:
            said = str(error)
        assert "decoder.masks.bias" in said


@checks.add
def fixed_weights_give_fixed_numbers() -> None:
    import torch

    from samj_bridge.worker.nets.starter import StarterNet, normalise

    net = StarterNet().eval()
    with torch.inference_mode():
        for name, value in net.state_dict().items():
            if value.is_floating_point() and value.ndim > 1:
                steps = torch.arange(value.numel(), dtype=torch.float64)
                fan = value[0].numel()
                value.copy_((torch.sin(0.7 * steps + len(name)) * (1.5 / fan) ** 0.5).reshape(value.shape))
            elif name.endswith("bias"):
                value.fill_(0.02)
        image = (torch.arange(3 * 64 * 64).reshape(1, 3, 64, 64) % 97) / 96
        features = net.encoder(normalise(image))
        fine = torch.linspace(-1, 1, 13 * 56 * 56).reshape(1, 13, 56, 56)
        masks, scores = net.decoder(fine, features[:, :, :1, :1].expand(-1, -1, 28, 28), torch.ones(1, 6))
    assert features.shape == (1, 48, 16, 16)
    assert masks.shape == (1, 3, 56, 56)
    assert scores.shape == (1, 3)
    found = [float(features.double().mean()), float(masks.double().std()), float(scores.double().sum())]
    expected = SNAPSHOT
    assert all(abs(a - b) <= 1e-3 * max(1e-3, abs(b)) for a, b in zip(found, expected, strict=True)), found


@checks.add
def folding_changes_nothing() -> None:
    import torch

    from samj_bridge.worker.nets.starter import StarterNet, fold

    torch.manual_seed(1)
    net = StarterNet()
    x = torch.randn(2, 6, 64, 80)
    with torch.inference_mode():
        net.train()
        for _ in range(3):
            net.encoder(x)
        net.eval()
        before = net.encoder(x)
        assert torch.allclose(fold(net).encoder(x), before, atol=1e-4)


@checks.add
def tiles_have_no_seams() -> None:
    import numpy as np

    from samj_bridge.worker.families import starter

    model = build()
    image = np.random.default_rng(5).random((1150, 700, 1), np.float32)
    whole = model.encode(image, silent).levels[0].features.float()
    heard: list[float] = []
    before = starter.WHOLE_PASS_PX, starter.TILE_PX
    starter.WHOLE_PASS_PX, starter.TILE_PX = 320, 192
    try:
        tiled = model.encode(image, heard.append).levels[0].features.float()
    finally:
        starter.WHOLE_PASS_PX, starter.TILE_PX = before
    assert float((whole - tiled).abs().max()) <= 2e-3 * float(whole.abs().max())
    assert heard[0] == 0
    assert heard[-1] == 1
    # Of each tile at its end, and between the stages of the encoder.
    assert len(heard) == 1 + 6 * 4 * 4
    assert heard == sorted(heard)


@checks.add
def an_encode_ends_when_check_raises() -> None:
    import numpy as np

    def stop(_: float) -> None:
        raise InterruptedError

    try:
        build().encode(np.zeros((64, 64, 1), np.float32), stop)
    except InterruptedError:
        return
    raise AssertionError


@checks.add
def odd_images_are_encoded_and_prompted() -> None:
    import numpy as np

    model = build()
    for shape in [(1, 1, 1), (1, 1, 3), (30_000, 20, 1), (20, 30_000, 1), (17, 5, 3), (300, 300, 3)]:
        encoding = model.encode(np.full(shape, 0.5, np.float32), silent)
        height, width = shape[:2]
        x, y = width / 2, height / 2
        prompts = [
            prompt((0.0, 0.0, float(width), float(height))),
            prompt(points=[(x, y)]),
            prompt(points=[(x, y)], negative=[(0.5, 0.5)]),
            prompt(mask=np.ones((1, 1), bool), origin=(int(x), int(y))),
            prompt((x, y, x + 0.25, y + 0.25)),
        ]
        for each in prompts:
            for candidates in (1, 3):
                found = model.decode(encoding, each, candidates)
                assert len(found) == candidates
                assert [c.score for c in found] == sorted([c.score for c in found], reverse=True)
                for c in found:
                    iou(c, np.ones(shape[:2], bool))
                    assert 0 <= c.score <= 1


@checks.add
def discs_of_any_size_are_found_by_box_and_click() -> None:
    model = build()
    for radius, least in ((5, 0.75), (12, 0.85), (30, 0.85), (70, 0.8), (260, 0.8)):
        side = max(128, int(radius * 3.2))
        image, (truth,) = discs((side, side), (side / 2, side / 2, radius))
        encoding = model.encode(image, silent)
        low, high = side / 2 - radius, side / 2 + radius
        by_box = iou(model.decode(encoding, prompt((low, low, high, high)), 1)[0], truth)
        by_click = iou(model.decode(encoding, prompt(points=[(side / 2, side / 2)]), 1)[0], truth)
        assert by_box >= least, (radius, "box", by_box)
        assert by_click >= least - 0.1, (radius, "click", by_click)


@checks.add
def colour_and_inverted_contrast_are_read_alike() -> None:
    import numpy as np

    model = build()
    image, (truth,) = discs((160, 160), (80, 80, 14))
    tinted = 1 - np.concatenate([0.3 * image, image, 0.6 * image], 2)
    for picture in (image, 1 - image, tinted.astype(np.float32)):
        encoding = model.encode(np.ascontiguousarray(picture), silent)
        assert iou(model.decode(encoding, prompt((66.0, 66.0, 94.0, 94.0)), 1)[0], truth) >= 0.8


@checks.add
def clicks_and_masks_steer_the_answer() -> None:
    import numpy as np

    model = build()
    image, (left, right) = discs((128, 160), (60, 64, 16), (90, 64, 16))
    encoding = model.encode(image, silent)
    alone = model.decode(encoding, prompt(points=[(58.5, 64.5)], negative=[(92.5, 64.5)]), 1)[0]
    assert iou(alone, left & ~right) >= 0.7
    rough = np.ones((28, 20), bool)
    refined = model.decode(encoding, prompt(mask=rough, origin=(84, 50)), 1)[0]
    assert iou(refined, right) >= 0.6


@checks.add
def the_same_prompt_gives_the_same_answer() -> None:
    model = build()
    image, _ = discs((128, 128), (64, 64, 14))
    first, second = (model.decode(model.encode(image, silent), prompt(points=[(64.5, 64.5)]), 3) for _ in range(2))
    for a, b in zip(first, second, strict=True):
        assert a.score == b.score
        assert a.origin_xy == b.origin_xy
        assert (a.mask == b.mask).all()


@checks.add
def proposals_are_what_a_second_look_gives_and_cover_all_that_is_above_the_limit() -> None:
    import numpy as np

    from samj_bridge.worker.families import starter
    from samj_bridge.worker.nets.starter_paste import box_of

    # No other check proposes anything, and each process runs the checks once.
    starter.WORTH_A_LOOK = 0.6
    model = build()
    image, _ = discs((150, 170), (60, 50, 14), (5, 140, 20), (120, 90, 40))
    encoding = model.encode(image, silent)
    points = np.array([[60.5, 50.5], [5.5, 140.5], [120.5, 90.5], [169.5, 0.5]])
    proposals = model.propose(encoding, points, silent)
    assert proposals.scores.shape == (4, 3)
    for n, point in enumerate(points):
        by_score = model.decode(encoding, prompt(points=[point]), 3)
        first = by_score[0]
        expected = [candidate.score for candidate in by_score]
        # In the corner there is nothing.
        assert (first.score > starter.WORTH_A_LOOK) == (n < 3)
        if n < 3:
            by_score = model.decode(encoding, prompt(box=box_of(first.mask, first.origin_xy)), 3)
            expected = [(candidate.score + first.score) / 2 for candidate in by_score]
        for candidate, score, k in zip(by_score, expected, proposals.scores[n].argsort()[::-1], strict=True):
            assert abs(score - proposals.scores[n, k]) < 1e-6
            full, everything = np.full((2, 150, 170), -99.0)
            for low, canvas in ((0.0, full), (-1e9, everything)):
                soft = proposals.soft(n, int(k), low)
                (x, y), (height, width) = soft.origin_xy, soft.logits.shape
                canvas[y : y + height, x : x + width] = soft.logits
            assert iou(candidate, full > 0) > 0.9999
            assert ((full > 0) == (everything > 0)).all()
    assert proposals.soft(0, 0, 1e9).logits.shape == (0, 0)


@checks.add
def seeds_lie_in_the_objects_whatever_their_size_and_the_strips_show_no_seam() -> None:
    import numpy as np

    model = build()
    image, masks = discs((700, 300), (60, 80, 9), (150, 252, 12), (200, 130, 8), (140, 500, 110))
    points, scores = model.seeds(model.encode(image, silent), silent)
    assert (np.diff(scores) <= 0).all()
    for mask in masks:
        inside = mask[points[:, 1].astype(int), points[:, 0].astype(int)]
        assert inside.any()
        # The first seed in an object is a good place to ask.
        found = model.decode(model.encode(image, silent), prompt(points=[points[inside.argmax()]]), 1)[0]
        assert iou(found, mask) > 0.7
    blank = model.encode(np.full((90, 131, 1), 0.3, np.float32), silent)
    assert len(model.seeds(blank, silent)[0]) == 0
    for shape in ((1, 1), (1, 40), (333, 7)):
        edge, _ = model.seeds(model.encode(np.zeros((*shape, 1), np.float32), silent), silent)
        assert (edge < (shape[1], shape[0])).all()


@checks.add
def sketches_are_the_seeds_with_boxes_and_give_the_objects_in_one_look() -> None:
    import numpy as np

    model = build()
    # The last is so large that it is looked at in a reduced image.
    image, masks = discs((700, 300), (60, 80, 9), (150, 252, 12), (200, 130, 8), (140, 500, 110))
    encoding = model.encode(image, silent)
    drawn = model.sketches(encoding, silent)
    points, _ = model.seeds(encoding, silent)
    assert (drawn[:, :2] == points).all()
    assert ((drawn[:, 6] >= 0.4) & (drawn[:, 6] <= 1)).all()
    assert (drawn[:, 2:4] >= 0).all()
    assert (drawn[:, 4:6] <= (300, 700)).all()
    assert (drawn[:, 2:4] < drawn[:, 4:6]).all()
    firsts = np.array([drawn[mask[points[:, 1].astype(int), points[:, 0].astype(int)]][0] for mask in masks])
    proposals = model.propose_sketched(encoding, firsts, silent)
    assert (proposals.scores <= (1 + firsts[:, 6:]) / 2).all()
    for n, mask in enumerate(masks):
        alone = model.propose_sketched(encoding, firsts[n : n + 1], silent)
        assert np.allclose(alone.scores, proposals.scores[n : n + 1], atol=1e-5)
        soft = proposals.soft(n, int(proposals.scores[n].argmax()), 0.0)
        (x, y), (height, width) = soft.origin_xy, soft.logits.shape
        full = np.zeros(mask.shape, bool)
        full[y : y + height, x : x + width] = soft.logits > 0
        assert (full & mask).sum() / (full | mask).sum() > 0.7


SNAPSHOT = [31.365520, 39.105043, 2.110441]


test_starter, said = checks.finish()
