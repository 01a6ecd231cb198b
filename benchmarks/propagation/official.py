"""SAM 2.1's authors' code and ours side by side: the same numbers, and how long each takes.

    PYTHONPATH=FOLDER_OF_SAM2 WORKER_PYTHON -m benchmarks.propagation.official --weights ../shared/golden
        [--sizes tiny,small,base_plus,large] [--objects 1,10] [--planes 5]

FOLDER_OF_SAM2 has PyPI's sam2 1.1.0 (``SAM2_BUILD_CUDA=0 pip install --no-deps --target``) and what it imports:
torchvision, hydra-core, omegaconf, iopath, tqdm. Weights are synthetic (weights.py, as for the golden outputs), so
is the video: masks mean nothing, the arithmetic is the same. Both compute in float32 on as many threads as torch
takes, one after the other. Prints for each size the largest differences of logits (beside their spread) and object
scores on planes that were followed, then seconds of processor time per plane, encoding included, and ours as a part
of theirs: with OMP_NUM_THREADS=1 a busy machine hardly changes that.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch

from benchmarks import golden_video_adapter

CONFIGS = {"tiny": "t", "small": "s", "base_plus": "b+", "large": "l"}
SEED = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights", type=Path, required=True, help="folder with weights.py")
    parser.add_argument("--sizes", default=",".join(CONFIGS))
    parser.add_argument("--objects", default="1")
    parser.add_argument("--planes", type=int, default=4)
    arguments = parser.parse_args()
    weights = module(arguments.weights / "weights.py")
    video = frames(arguments.planes)
    for size in arguments.sizes.split(","):
        predictor, state_dict = official(size, weights)
        for count in map(int, arguments.objects.split(",")):
            boxes = [box(index) for index in range(count)]
            theirs, their_seconds = run_official(predictor, video, boxes)
            mine, my_seconds = run_ours(f"sam2.1_hiera_{size}", state_dict, video, boxes)
            print(json.dumps(compared(size, theirs, mine, their_seconds, my_seconds)), flush=True)


def module(path: Path) -> ModuleType:
    """Return a file as a module."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    found = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = found
    spec.loader.exec_module(found)
    return found


def frames(count: int) -> np.ndarray:
    """Return discs that move before a texture, (N, H, W, 3) bytes."""
    rng = np.random.default_rng(SEED)
    rows, columns = np.mgrid[:160, :200]
    texture = rng.integers(40, 90, (160, 200))
    found = np.empty((count, 160, 200, 3), np.uint8)
    for index in range(count):
        disc = (columns - 70 - 3 * index) ** 2 + (rows - 80) ** 2 < 26**2
        found[index] = np.where(disc, 190, texture)[..., None] + rng.integers(0, 16, (160, 200, 3))
    return found


def box(index: int) -> list[float]:
    """Return an object's box on the first frame."""
    return [40.0 + 3 * index, 54.0, 93.0 + 3 * index, 107.0]


def official(size: str, weights: ModuleType) -> tuple[Any, dict[str, np.ndarray]]:
    """Return the authors' predictor with synthetic weights, and these."""
    from sam2.build_sam import build_sam2_video_predictor

    predictor = build_sam2_video_predictor(f"configs/sam2.1/sam2.1_hiera_{CONFIGS[size]}.yaml", None, device="cpu")
    keys = [
        (name, list(value.shape), str(value.dtype).removeprefix("torch."))
        for name, value in predictor.state_dict().items()
    ]
    state_dict = weights.state_dict(keys, SEED, None, None)
    tensors = {name: torch.from_numpy(np.array(value)) for name, value in state_dict.items()}
    predictor.load_state_dict(tensors, strict=True)
    return predictor.eval(), state_dict


def normalised(video: np.ndarray) -> torch.Tensor:
    """Return frames as the authors' loader gives them, but for the JPEG in between."""
    from PIL import Image

    resized = [np.asarray(Image.fromarray(frame).resize((1024, 1024))) / 255.0 for frame in video]
    planes = torch.from_numpy(np.stack(resized).astype(np.float32)).permute(0, 3, 1, 2)
    mean, std = (torch.tensor(values)[:, None, None] for values in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    return (planes - mean) / std


Told = dict[tuple[int, int], tuple[torch.Tensor, float]]
"""Logits and object score by frame and object."""


@torch.inference_mode()
def run_official(predictor: Any, video: np.ndarray, boxes: list[list[float]]) -> tuple[Told, list[float]]:
    """Follow with the authors' code; processor time per frame that was tracked."""
    from sam2 import sam2_video_predictor

    sam2_video_predictor.load_video_frames = lambda **_: (normalised(video), *video.shape[1:3])
    state = predictor.init_state("frames")
    for number, corners in enumerate(boxes):
        predictor.add_new_points_or_box(state, frame_idx=0, obj_id=number, box=np.array(corners, np.float32))
    seconds, since = [], time.process_time()
    for _ in predictor.propagate_in_video(state):
        seconds.append(time.process_time() - since)
        since = time.process_time()
    found: Told = {}
    for number in range(len(boxes)):
        for frame, out in state["output_dict_per_obj"][number]["non_cond_frame_outputs"].items():
            found[frame, number] = out["pred_masks"][0, 0].clone(), float(out["object_score_logits"])
    return found, seconds[1:]


def run_ours(
    variant: str, state_dict: dict[str, np.ndarray], video: np.ndarray, boxes: list[list[float]]
) -> tuple[Told, list[float]]:
    """Follow with ours; processor time per frame that was tracked."""
    state = golden_video_adapter.load(variant, state_dict).video(video)
    for number, corners in enumerate(boxes):
        state.prompt(0, number, None, None, corners, None)
    found: Told = {}
    seconds, since = [], time.process_time()
    for frame, objects in state.propagate(0, False, None):
        seconds.append(time.process_time() - since)
        found |= {(frame, number): (told["low"], told["score"]) for number, told in objects.items()}
        since = time.process_time()
    return found, seconds[1:]


def compared(
    size: str, theirs: Told, mine: Told, their_seconds: list[float], my_seconds: list[float]
) -> dict[str, Any]:
    """Return what a row says."""
    return {
        "size": size,
        "objects": len({number for _, number in theirs}),
        "planes": len(their_seconds),
        "logits": round(max(float((low - mine[key][0]).abs().max()) for key, (low, _) in theirs.items()), 6),
        "spread": round(float(np.mean([float(low.std()) for low, _ in theirs.values()])), 2),
        "scores": round(max(abs(score - mine[key][1]) for key, (_, score) in theirs.items()), 7),
        "theirs_s": [round(value, 2) for value in their_seconds],
        "ours_s": [round(value, 2) for value in my_seconds],
        "ratio": round(float(np.median(np.array(my_seconds) / np.array(their_seconds))), 3),
    }


if __name__ == "__main__":
    main()
