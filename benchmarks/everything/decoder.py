"""Objects by micro-sam's decoder, ours beside the authors' code: ``python -m benchmarks.everything.decoder``.

It is run by a Python with torch that has micro-sam too (``pip install micro-sam==1.8.14`` and what it needs);
nothing of it is part of samj-bridge. Weights are random, the same on both sides, and written for the purpose; what
is compared are times and memory. Each side has a process of its own; the post-processing is asked in turns.

    python -m benchmarks.everything.decoder [--objects 2000] [--repeat 3] [--network] [--json]
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
SIDE = 1024


def maps_of(objects: int, side: int = SIDE) -> np.ndarray:
    """Return maps of so many round objects, some of which touch, as a network would give them."""
    rng = np.random.default_rng(0)
    step = side / np.ceil(np.sqrt(objects))
    rows, columns = np.mgrid[0:side, 0:side].astype(np.float32)
    count = int(np.ceil(np.sqrt(objects)))
    places = np.stack(np.mgrid[:count, :count], -1).reshape(-1, 2)[:objects]
    centres = (places + 0.5 + rng.uniform(-0.2, 0.2, places.shape)) * step
    radii = rng.uniform(0.35, 0.55, len(centres)) * step
    far = np.full((side, side), 2.0, np.float32)
    for (y, x), radius in zip(centres, radii, strict=True):
        reach = int(radius * 1.5) + 1
        where = np.s_[max(0, int(y) - reach) : int(y) + reach + 1, max(0, int(x) - reach) : int(x) + reach + 1]
        np.minimum(far[where], np.hypot(rows[where] - y, columns[where] - x) / radius, out=far[where])
    foreground = np.clip((1.15 - far) * 4, 0, 1)
    noise = rng.normal(0, 0.03, (3, side, side)).astype(np.float32)
    return np.clip(np.stack([foreground, np.minimum(far, 1), np.minimum(far**1.5, 1)]) + noise, 0, 1)


def post(objects: int, repeat: int) -> dict[str, Any]:
    """Compare the post-processing of the same maps."""
    from micro_sam.instance_segmentation import InstanceSegmentationWithDecoder

    from samj_bridge.worker.automatic.distances import Thresholds
    from samj_bridge.worker.automatic.distances import objects as ours

    maps = maps_of(objects)
    times: dict[str, list[float]] = {"ours": [], "official": []}
    for _ in range(repeat + 1):
        begun = time.process_time()
        mine = ours(maps, Thresholds())
        times["ours"].append(time.process_time() - begun)
        other = InstanceSegmentationWithDecoder(None, None)
        names = ("foreground", "center_distances", "boundary_distances")
        other.set_state(dict(zip(names, maps.copy(), strict=True)))
        begun = time.process_time()
        theirs = np.asarray(other.generate(output_mode="instance_segmentation"))
        times["official"].append(time.process_time() - begun)
    return {
        "objects": int(mine.max()),
        "differing_pixels": int((mine != theirs).sum()),
        **{name: min(values[1:]) for name, values in times.items()},
    }


def network(side: str, weights: Path, repeat: int) -> dict[str, Any]:
    """Return the processor time of one side's encoder, and of its decoder and post-processing, in this process."""
    from samj_bridge.worker.automatic.distances import Thresholds
    from samj_bridge.worker.automatic.distances import objects as objects_of

    image = np.random.default_rng(0).integers(0, 255, (SIDE, SIDE), dtype=np.uint8)
    if side == "ours":
        from samj_bridge.worker.families import sam
        from samj_bridge.worker.families.base import BuildSpec

        model: Any = sam.build(BuildSpec(weights / "both.safetensors", "mobile-sam", "micro-sam"))

        def ask() -> tuple[float, float]:
            begun = time.process_time()
            unit = image[..., None].astype(np.float32) / np.float32(255)
            encoding = model.encode(unit, lambda _fraction: None)
            encoded = time.process_time()
            objects_of(model.maps(encoding, lambda _fraction: None), Thresholds())
            return encoded - begun, time.process_time() - encoded
    else:
        import torch
        from micro_sam import util
        from micro_sam.instance_segmentation import InstanceSegmentationWithDecoder, get_decoder

        predictor = util.get_sam_model("vit_t", device="cpu", checkpoint_path=str(weights / "mobile-sam.pt"))
        predictor.model.eval()
        decoder = get_decoder(predictor.model.image_encoder, torch.load(weights / "decoder.pt"), "cpu")
        other = InstanceSegmentationWithDecoder(predictor, decoder)

        def ask() -> tuple[float, float]:
            begun = time.process_time()
            embedded = util.precompute_image_embeddings(predictor, image, ndim=2, verbose=False)
            encoded = time.process_time()
            other.initialize(image, image_embeddings=embedded)
            other.generate(output_mode="instance_segmentation")
            return encoded - begun, time.process_time() - encoded

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found = [ask() for _ in range(repeat)]
    encode, rest = min(found, key=sum)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"encode": encode, "objects": rest, "peak_mb": peak / 1024, "grown_mb": (peak - before) / 1024}


def networks(repeat: int) -> dict[str, Any]:
    """Compare both sides, one process each."""
    import torch
    from safetensors.torch import save_file

    sys.path.insert(0, str(ROOT / "tests"))
    from random_weights import main as write

    with tempfile.TemporaryDirectory() as folder:
        write(folder, "mobile-sam", "decoder")
        both = torch.load(Path(folder) / "mobile-sam.pt")
        decoder = torch.load(Path(folder) / "decoder.pt")
        both |= {f"decoder_state.{name}": value for name, value in decoder.items()}
        save_file(both, Path(folder) / "both.safetensors")
        found = {}
        for side in ("ours", "official"):
            command = [sys.executable, "-m", "benchmarks.everything.decoder", "--side", side, "--weights", folder]
            done = subprocess.run(
                [*command, "--repeat", str(repeat)], cwd=ROOT, capture_output=True, text=True, check=True
            )
            found[side] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    """Ask both, and print what came out."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--objects", type=int, default=2000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--network", action="store_true", help="encoder and decoder too: minutes")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--side", help=argparse.SUPPRESS)
    parser.add_argument("--weights", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.side:
        sys.stdout.write(json.dumps(network(asked.side, Path(asked.weights), asked.repeat)) + "\n")
        return
    found = {"post": post(asked.objects, asked.repeat)}
    if asked.network:
        found["network"] = networks(asked.repeat)
    if asked.json:
        sys.stdout.write(json.dumps(found) + "\n")
        return
    rows = found["post"]
    ratio = rows["ours"] / rows["official"]
    sys.stdout.write(
        f"objects from maps of {SIDE} x {SIDE}: {rows['objects']} objects, ours {rows['ours']:.3f} s,"
        f" micro-sam {rows['official']:.3f} s, ratio {ratio:.2f}; {rows['differing_pixels']} pixels differ\n"
    )
    for side, values in found.get("network", {}).items():
        told = "in seconds of processor time: " + ", ".join(f"{name} {value:.2f}" for name, value in values.items())
        sys.stdout.write(f"{side}: {told}\n")


if __name__ == "__main__":
    main()
