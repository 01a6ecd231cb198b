"""What ``benchmarks.engine`` measures, inside the environment: ``python -m benchmarks.engine.inside PART``."""

from __future__ import annotations

import argparse
import json
import resource
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from benchmarks.engine.rows import line
from benchmarks.engine.sam2 import encode_newer
from benchmarks.engine.tools import best_of, build, peak, plain, random_weights, share_row
from samj_bridge.geometry.region import Region
from samj_bridge.geometry.trace import trace
from samj_bridge.worker import devices, machine
from samj_bridge.worker.families import efficient_sam, sam
from samj_bridge.worker.families.base import PromptArrays
from samj_bridge.worker.nets import sam_vit, tiny_vit

NONE = np.zeros((0, 2), np.float32)
SHAPE_HW = (768, 1024)
TARGETS = {"efficient-sam-ti": 3.3, "efficient-sam-s": 2.6, "mobile-sam": 1.5}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--grid", type=int, default=32)
    parser.add_argument("--threads", type=int, default=0)
    arguments = parser.parse_args()
    machine.keep_freed_memory()
    devices.use_threads(arguments.threads)
    torch.manual_seed(0)
    part, rounds = arguments.part, arguments.rounds
    parts: dict[str, Callable[[], list[dict[str, Any]]]] = {
        "peak": lambda: [peak_row(kind, peak(kind)) for kind in (torch.float32, torch.bfloat16)],
        "sam-vit-b": lambda: encode_sam(rounds),
        "prompts": lambda: prompts(5 * rounds),
        "everything": lambda: everything(arguments.grid),
        "memory-ours": memory_ours,
        "memory-stock": memory_stock,
    }
    with torch.inference_mode():
        rows = parts[part]() if part in parts else encode_plain(part, rounds)
    print(json.dumps(rows))


def compared(what: str, rounds: int, target: float, ours: Callable[[], object], stock: Callable[[], object]) -> Any:
    """Return a row of two encoders, with their processor time beside: a busy machine distorts it less."""
    processor: list[float] = []

    def both(function: Callable[[], object]) -> Callable[[], object]:
        def call() -> None:
            begun = time.process_time()
            function()
            processor.append(time.process_time() - begun)

        return call

    mine, theirs = best_of(rounds, both(ours), both(stock))
    used, spent = min(processor[2::2]), min(processor[3::2])
    return line(
        what, "s", mine, theirs, target, f"processor time {used:.1f} against {spent:.1f} s: {spent / used:.2f}x"
    )


def peak_row(kind: torch.dtype, speed: float) -> dict[str, Any]:
    name = str(kind).removeprefix("torch.")
    return {"what": f"matrix multiplication, {name}", "value": speed, "unit": "GFLOP/s"}


def stock_sam(weights: dict[str, torch.Tensor]) -> Any:
    from segment_anything import sam_model_registry

    stock = sam_model_registry["vit_b"]().eval()
    stock.load_state_dict(weights)
    return stock


def encode_sam(rounds: int) -> list[dict[str, Any]]:
    weights = random_weights(sam.shapes("sam-vit-b"))
    ours, stock, image = build(sam, "sam-vit-b", weights), stock_sam(weights), torch.randn(1, 3, 1024, 1024)
    what, flop = "SAM ViT-B encode", vit_flop(sam_vit.VIT_B)
    row = compared(
        f"{what}, against segment-anything",
        rounds,
        1.6,
        lambda: ours.net.image_encoder(image),
        lambda: stock.image_encoder(image),
    )
    return [row, share_row(what, flop, row["ours"])]


def vit_flop(config: sam_vit.VitConfig) -> float:
    """Arithmetic that the network needs: products of tokens with weights and of tokens with tokens."""
    tokens, width = config.side**2, config.width
    whole = len(config.global_blocks)
    dense = config.depth * tokens * 24 * width**2
    pairs = 4 * width * (whole * tokens**2 + (config.depth - whole) * tokens * config.window**2)
    neck = 2 * tokens * config.output * (width + 9 * config.output)
    return float(dense + pairs + neck + 2 * tokens * width * 3 * config.patch**2)


def encode_plain(architecture: str, rounds: int) -> list[dict[str, Any]]:
    if architecture not in TARGETS:
        return encode_newer(architecture, rounds)
    from torch.utils.flop_counter import FlopCounterMode

    module: Any = sam if architecture == "mobile-sam" else efficient_sam
    weights = random_weights(module.shapes(architecture))
    encoder = build(module, architecture, weights).net.image_encoder
    if architecture == "mobile-sam":
        whole = sam.Sam(tiny_vit.TinyVit()).eval().requires_grad_(False)
        whole.load_state_dict(weights)
        published: torch.nn.Module = whole.image_encoder
    else:
        published = encoder
    image = torch.randn(1, 3, 1024, 1024)

    def stock() -> None:
        with plain():
            published(image)

    what = f"{architecture} encode, against its plain form"
    row = compared(what, rounds, TARGETS[architecture], lambda: encoder(image), stock)
    with plain(), FlopCounterMode(display=False) as counted:
        published(image)
    return [row, share_row(f"{architecture} encode", counted.get_total_flops(), row["ours"])]


def disc_logits() -> torch.Tensor:
    """Low-resolution logits of a disc of 60 x 60 pixels in the image."""
    y, x = torch.meshgrid(torch.arange(256.0), torch.arange(256.0), indexing="ij")
    return 8 - ((x - 60) ** 2 + (y - 80) ** 2).sqrt()


def prompts(rounds: int) -> list[dict[str, Any]]:
    from segment_anything import SamPredictor
    from skimage.measure import find_contours

    weights = random_weights(sam.shapes("sam-vit-b"))
    ours, stock = build(sam, "sam-vit-b", weights), stock_sam(weights)
    embedding, disc = torch.randn(1, 256, 64, 64), disc_logits()
    encoding = sam.Encoding(SHAPE_HW, embedding)
    # Both networks do all of their work; what comes after gets a disc: random weights make no objects.
    answer = ours.answer
    ours.answer = lambda *given: (disc.expand(1, 1, -1, -1), answer(*given)[1])
    stock.mask_decoder = _Discs(stock.mask_decoder, disc)
    predictor = SamPredictor(stock)
    predictor.features, predictor.is_image_set = embedding, True
    predictor.original_size, predictor.input_size = SHAPE_HW, SHAPE_HW
    box = (200.0, 280.0, 280.0, 360.0)
    asked = PromptArrays(box, NONE, NONE, None, (0, 0))

    def one() -> Region:
        return region_of(ours.decode(encoding, asked, 1)[0])

    def theirs() -> Any:
        masks, _, _ = predictor.predict(box=np.array(box), multimask_output=False)
        return find_contours(masks[0], 0.5)

    def many() -> list[Region]:
        return [region_of(found[0]) for found in ours.decode_many(encoding, [asked] * 64, 1, lambda _: None)]

    assert one().area > 100
    mine, other = best_of(rounds, one, theirs)
    times = []
    for _ in range(max(3, rounds // 3)):
        # Beside one another, and the typical of each: on a busy machine the best of a short one comes too easily.
        single = sorted(timed(one) for _ in range(16))[8]
        times.append(timed(many) / single)
    several = sorted(times)[len(times) // 2]
    return [
        line("one box to a Region, against predict and find_contours", "s", mine, other, 2.5),
        line("64 boxes: as many times one box", "x", several, 64.0, 64 / 45, "at most 45"),
        share_row("decoder, one prompt", 1.9e9, mine),
    ]


class _Discs(torch.nn.Module):
    def __init__(self, decoder: Any, disc: torch.Tensor):
        super().__init__()
        self.decoder, self.disc = decoder, disc

    def forward(self, **given: Any) -> Any:
        low, scores = self.decoder(**given)
        return self.disc.expand_as(low), scores


def region_of(candidate: Any) -> Region:
    rings = trace(candidate.mask, candidate.origin_xy)
    return Region(tuple(rings), shape=SHAPE_HW)


def everything(grid: int) -> list[dict[str, Any]]:
    from segment_anything import SamAutomaticMaskGenerator

    from samj_bridge.worker.everything.exact import find_all
    from samj_bridge.worker.everything.fast import find_fast
    from samj_bridge.worker.everything.parameters import Parameters
    from samj_bridge.worker.everything.tally import Tally

    weights = random_weights(sam.shapes("sam-vit-b"))
    ours, stock = build(sam, "sam-vit-b", weights), stock_sam(weights)
    embedding = torch.randn(1, 256, 64, 64)
    encoding = sam.Encoding(SHAPE_HW, embedding)
    # The image is encoded once by both; here only what comes after is of interest.
    stock.image_encoder = _Fixed(embedding)
    image = np.zeros((*SHAPE_HW, 3), np.uint8)
    parameters = Parameters(points_per_side=grid)
    generator = SamAutomaticMaskGenerator(stock, points_per_side=grid)

    def quiet(_: float) -> None:
        """Nobody watches."""

    def exact() -> object:
        return find_all(ours, lambda _: encoding, SHAPE_HW, parameters, Tally(), quiet)

    def fast() -> object:
        return list(find_fast(ours, encoding, SHAPE_HW, parameters, Tally(), quiet))

    mine, quick, theirs = (timed(function) for function in (exact, fast, lambda: generator.generate(image)))
    what = f"everything mode {grid} x {grid}"
    return [
        line(f"{what}, the same masks", "s", mine, theirs, 2.5, "without the encode"),
        line(f"{what}, fast", "s", quick, theirs, 6.0, "without the encode; random weights: no point is saved"),
    ]


class _Fixed(torch.nn.Module):
    img_size = 1024

    def __init__(self, embedding: torch.Tensor):
        super().__init__()
        self.embedding = embedding

    def forward(self, _: torch.Tensor) -> torch.Tensor:
        return self.embedding


def timed(function: Callable[[], object]) -> float:
    begun = time.perf_counter()
    function()
    return time.perf_counter() - begun


def memory_ours() -> list[dict[str, Any]]:
    ours = build(sam, "sam-vit-b", random_weights(sam.shapes("sam-vit-b")))
    ours.net.image_encoder(torch.randn(1, 3, 1024, 1024))
    return [memory()]


def memory_stock() -> list[dict[str, Any]]:
    stock = stock_sam(random_weights(sam.shapes("sam-vit-b")))
    stock.image_encoder(torch.randn(1, 3, 1024, 1024))
    return [memory()]


def memory() -> dict[str, Any]:
    return {"value": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6}


if __name__ == "__main__":
    main()
