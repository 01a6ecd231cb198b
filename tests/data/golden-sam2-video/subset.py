"""Makes a small part of the golden propagation outputs: the first frames of two cases, one object.

    python subset.py GOLDEN TARGET

TARGET gets a manifest.json and one npz file that check_video.py takes with --golden TARGET.
"""
import argparse
import json
import os

import numpy as np

CASES = {"main": 1, "mask": 1}
"""Case: the object that is kept."""
FRAMES = 2
"""Frames of each forward run that are kept."""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("golden")
    parser.add_argument("target")
    a = parser.parse_args()
    with open(os.path.join(a.golden, "manifest.json")) as f:
        manifest = json.load(f)
    entry = manifest["entries"][0]
    entry.pop("frames")
    cases = {}
    for name, obj in CASES.items():
        case = entry["cases"][name]
        run = next(run for run in case["runs"] if run["name"] == "forward")
        run["order"] = run["order"][:FRAMES]
        prompts = [prompt for prompt in case["prompts"] if prompt["obj"] == obj]
        cases[name] = {**case, "prompts": prompts, "runs": [run], "max_frame_num_to_track": FRAMES - 1}
    entry["cases"] = cases
    entry["videos"] = {case["video"]: entry["videos"][case["video"]] for case in cases.values()}
    kept = {"state_dict"}
    with np.load(os.path.join(a.golden, entry["file"])) as z:
        for name, obj in CASES.items():
            frames = [f"{name}/forward/{frame}/{obj}/" for frame in cases[name]["runs"][0]["order"]]
            starts = (f"{name}.prompt/", *frames)
            kept |= {key for key in z.files if key.startswith(starts) and not key.endswith("low_f16")}
        np.savez_compressed(os.path.join(a.target, entry["file"]), **{key: z[key] for key in z.files if key in kept})
    small = {key: manifest[key] for key in ("format", "what", "made_with", "source", "tolerance")}
    with open(os.path.join(a.target, "manifest.json"), "w") as f:
        json.dump({**small, "entries": [entry]}, f, indent=1)


if __name__ == "__main__":
    main()
