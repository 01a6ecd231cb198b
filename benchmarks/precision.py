"""How far a network's answers in bfloat16 (or float16) are from those in float32.

    WORKER_PYTHON -m benchmarks.precision --golden DIR [--only mobile-sam] [--precision float16] [--json]

It has to be run with a Python that has torch: the worker's. Two parts:

- networks with the weights, images and prompts of golden cases (`--golden`: a folder with ``weights.py``,
  ``images.py`` and ``manifest.json``), loaded by their families as the engine loads them. Those weights are random:
  their masks have long, ragged borders, where any rounding turns pixels;
- the starter with its own weights on the demo images. The engine runs it in float32 only; autocast stands for the
  rest here.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from safetensors.torch import save_file

from samj_bridge.worker.families import ARCHITECTURES, FAMILIES
from samj_bridge.worker.families.base import BuildSpec, Candidate, PromptArrays
from samj_bridge.worker.families.promptable import PromptableModel
from samj_bridge.worker.intensity import find_ranges, to_unit

ROOT = Path(__file__).resolve().parents[1]
DEMO = ROOT / "samj_bridge" / "cli" / "demo_data"
DEMO_IMAGES = {"blobs": "blobs.gif", "nuclei": "nuclei.png", "nerve": "nerve.png"}
ARCHITECTURE_OF = {
    ("sam", "vit_b"): "sam-vit-b",
    ("mobilesam", "vit_t"): "mobile-sam",
    ("efficientsam", "vitt"): "efficient-sam-ti",
    ("efficientsam", "vits"): "efficient-sam-s",
    ("sam2", "sam2.1_hiera_tiny"): "sam2.1-tiny",
    ("efficientvitsam", "l0"): "efficientvit-sam-l0",
}
NO_POINTS = np.zeros((0, 2), np.float32)


@dataclasses.dataclass
class Answer:
    """What a network answers to a prompt."""

    low: NDArray[np.float32]
    """(K, side, side) logits."""
    scores: NDArray[np.float32]
    """(K,) predicted IoU."""
    masks: NDArray[np.bool_]
    """(K, H, W)."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--golden", type=Path, help="folder of the golden cases")
    parser.add_argument("--only", action="append", help="starter or an architecture; may be repeated")
    parser.add_argument("--precision", default="bfloat16", choices=("bfloat16", "float16"))
    parser.add_argument("--images", type=int, default=1, help="golden images of each network")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    found: dict[str, Any] = {}
    if not arguments.only or "starter" in arguments.only:
        found["starter"] = starter(arguments.precision)
        tell("starter", found["starter"], arguments.json)
    if arguments.golden is not None:
        for name, rows in golden(arguments.golden, arguments.only, arguments.precision, arguments.images):
            found[name] = summary(rows)
            tell(name, found[name], arguments.json)
    if arguments.json:
        print(json.dumps({"precision": arguments.precision, "networks": found}))


def golden(
    folder: Path, only: Sequence[str] | None, precision: str, images: int
) -> Iterator[tuple[str, list[dict[str, float]]]]:
    """Yield each network with what its cases differ by."""
    sys.path.insert(0, str(folder))
    make, weights = importlib.import_module("images"), importlib.import_module("weights")
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    seen = set()
    for entry in manifest["entries"]:
        name = ARCHITECTURE_OF.get((entry["family"], entry["variant"]), "")
        if not name or name in seen or (only and name not in only) or "weight_factors" in entry:
            continue
        seen.add(name)
        with np.load(folder / entry["file"]) as file:
            keys = json.loads(bytes(file["state_dict"]).decode())
        state = {
            key: torch.from_numpy(np.array(value)) for key, value in weights.state_dict(keys, entry["seed"]).items()
        }
        rows = []
        with tempfile.TemporaryDirectory() as temporary:
            path = Path(temporary) / "weights.safetensors"
            save_file({key: value.contiguous() for key, value in state.items()}, path)
            for image in [item for item in entry["images"] if item["fed_as"] == "rgb" and item["cases"]][:images]:
                unit = make.rgb(make.make(image["spec"])).astype(np.float32) / np.float32(255)
                both = [
                    answers(path, name, digits, unit, image["cases"], make) for digits in ("float32", precision)
                ]
                rows += [compared(*pair) for pair in zip(*both, strict=True)]
        yield name, rows


def answers(
    weights: Path, architecture: str, precision: str, unit: NDArray[np.float32], cases: list[Any], make: Any
) -> list[Answer]:
    """Build a network, encode the image, and answer every case."""
    family = importlib.import_module(FAMILIES[ARCHITECTURES[architecture]])
    model: PromptableModel = family.build(BuildSpec(weights, architecture, precision=precision))
    begun = time.process_time()
    encoding = model.encode(unit, lambda _done: None)
    sys.stderr.write(f"{architecture} {precision}: encode {time.process_time() - begun:.0f} s of processor time\n")
    return [answer(model, encoding, case, make) for case in cases]


@torch.inference_mode()
def answer(model: PromptableModel, encoding: Any, case: dict[str, Any], make: Any) -> Answer:
    """Answer a case with the masks that it asks for."""
    ready = model.ready(encoding)
    labels = np.array(case["labels"] or (), bool)
    points = np.array(case["points"] or NO_POINTS, np.float32).reshape(-1, 2) + np.float32(0.5)
    box = None if case["box"] is None else tuple(map(float, case["box"]))
    prompt = PromptArrays(box, points[labels], points[~labels], None, (0, 0))
    places, kinds = model._tokens(ready.frame, prompt)  # noqa: SLF001 (a case asks for one mask or three, no matter what)
    side, given = ready.image_side, case["mask_input"]
    if given is not None and model.abilities.mask:
        # A result of the network's own is refined alike in both: from the same logits.
        number = given.get("procedural", 1)
        side = model.prepare(encoding, torch.from_numpy(np.array(make.mask_logits(number)))[None])
    low, scores = model.answer(places[None], kinds[None], side, case["multimask"])
    masks = np.zeros((low.shape[1], *ready.frame.image_hw), bool)
    for mask, logits in zip(masks, low[0], strict=True):
        found, (x, y) = ready.frame.enlargement.mask(logits)
        mask[y : y + found.shape[0], x : x + found.shape[1]] = found
    return Answer(low[0].numpy(), scores[0].numpy(), masks)


def compared(plain: Answer, half: Answer) -> dict[str, float]:
    """Return what two answers differ by."""
    difference = np.abs(plain.low.astype(np.float64) - half.low)
    return {
        "low_max": float(difference.max()),
        "low_p99": float(np.quantile(difference, 0.99)),
        "low_rms": float(np.sqrt((difference**2).mean())),
        "low_spread": float(plain.low.std()),
        "score_max": float(np.abs(plain.scores - half.scores).max()),
        "mask_iou": min(map(overlap, plain.masks, half.masks)),
    }


def overlap(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    """Return the IoU of two masks; of two empty ones, 1."""
    union = int((one | other).sum())
    return int((one & other).sum()) / union if union else 1.0


def summary(rows: list[dict[str, float]]) -> dict[str, float]:
    """Return the worst and the typical of many cases."""
    typical = {f"{name}_typical": float(np.median([row[name] for row in rows])) for name in ("low_rms", "mask_iou")}
    worst = {name: max(row[name] for row in rows) for name in ("low_max", "low_p99", "low_rms", "score_max")}
    spread = float(np.median([row["low_spread"] for row in rows]))
    return {
        "cases": len(rows),
        "low_spread": spread,
        **worst,
        **typical,
        "mask_iou": min(row["mask_iou"] for row in rows),
    }


def starter(precision: str) -> dict[str, float]:
    """Compare the starter's answers to the prompts of the demo images."""
    family = importlib.import_module(FAMILIES["starter"])
    spec = BuildSpec(ROOT / "samj_bridge" / "models" / "weights" / "starter.safetensors")
    models = family.build(spec), family.build(spec)
    net = models[1].net
    for part in (net.encoder, net.hypotheses.spread, net.hypotheses, net.decoder):
        part.forward = in_half(part.forward, getattr(torch, precision))
    overlaps, scores = [], []
    for name, file in DEMO_IMAGES.items():
        pixels = np.array(Image.open(DEMO / file).convert("L"))
        unit = to_unit(pixels[..., None], find_ranges(pixels[..., None]))
        prompts = [prompt_of(entry) for entry in json.loads((DEMO / f"{name}_prompts.json").read_text())["prompts"]]
        found = []
        for model in models:
            encoding = model.encode(unit, lambda _done: None)
            found.append([model.decode(encoding, prompt, 1)[0] for prompt in prompts])
        for plain, half in zip(*found, strict=True):
            overlaps.append(overlap(*(whole(candidate, unit.shape[:2]) for candidate in (plain, half))))
            scores.append(abs(plain.score - half.score))
    return {
        "cases": len(overlaps),
        "score_max": max(scores),
        "mask_iou": min(overlaps),
        "mask_iou_mean": float(np.mean(overlaps)),
        "mask_iou_typical": float(np.median(overlaps)),
        "below_0.99": sum(value < 0.99 for value in overlaps),
    }


def in_half(forward: Callable[..., Any], kind: torch.dtype) -> Callable[..., Any]:
    """Let a part of a network compute in a format of 16 bit where autocast does, between float32 on both sides."""

    def run(*inputs: torch.Tensor) -> Any:
        with torch.autocast("cpu", kind):
            out = forward(*inputs)
        return tuple(value.float() for value in out) if isinstance(out, tuple) else out.float()

    return run


def prompt_of(entry: dict[str, Any]) -> PromptArrays:
    """Return a prompt of the demo's, a box or points."""
    points = np.array(entry.get("points", NO_POINTS), np.float32).reshape(-1, 2) + np.float32(0.5)
    box = tuple(map(float, entry["box"])) if "box" in entry else None
    return PromptArrays(box, points, NO_POINTS, None, (0, 0))  # type: ignore[arg-type]


def whole(candidate: Candidate, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Return a candidate's mask in the whole image."""
    mask, (x, y) = np.zeros(shape, bool), candidate.origin_xy
    mask[y : y + candidate.mask.shape[0], x : x + candidate.mask.shape[1]] = candidate.mask
    return mask


def tell(name: str, figures: dict[str, float], quiet: bool) -> None:
    """Print a network's line."""
    if not quiet:
        print(f"{name:22s} " + "  ".join(f"{key} {value:.4g}" for key, value in figures.items()), flush=True)


if __name__ == "__main__":
    main()
