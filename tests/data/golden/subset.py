"""Makes a small part of the golden reference outputs: one image of one entry, some of its prompts.

    python subset.py GOLDEN TARGET --file sam_vit_b.npz --image A --case one_mm --case box_sm

TARGET gets a manifest.json and one npz file that check.py takes with --golden TARGET.
"""
import argparse
import json
import os

import numpy as np


def main():
    ap = argparse.ArgumentParser(description=__doc__)
    ap.add_argument("golden")
    ap.add_argument("target")
    ap.add_argument("--file", required=True, help="which entry: its npz file's name")
    ap.add_argument("--image", required=True)
    ap.add_argument("--case", action="append", default=[], help="prompts to keep; what they start from is kept too")
    args = ap.parse_args()
    with open(os.path.join(args.golden, "manifest.json")) as f:
        manifest = json.load(f)
    entry = next(entry for entry in manifest["entries"] if entry["file"] == args.file)
    image = next(image for image in entry["images"] if image["id"] == args.image)
    wanted = set(args.case)
    for case in image.get("cases", ()):
        if case["id"] in wanted and "from" in (case["mask_input"] or {}):
            wanted.add(case["mask_input"]["from"])
    if wanted:
        image["cases"] = [{**case, "full_low": False} for case in image["cases"] if case["id"] in wanted]
    entry["images"] = [image]
    if "amg" in entry:
        entry["amg"] = [run for run in entry["amg"] if run["image"] == args.image and (not wanted or run["id"] in wanted)]
    small = {key: manifest[key] for key in ("format", "made_with", "sources", "weights_selftest", "tolerance")}
    small["entries"] = [entry]
    with np.load(os.path.join(args.golden, args.file)) as z:
        kept = {}
        for key in z.files:
            parts = key.split("/")
            one_case = len(parts) == 3 and parts[1] in wanted and parts[2] != "low_f16"
            of_image = len(parts) == 2 and (parts[0] == args.image or parts[0] in wanted)
            if key == "state_dict" or one_case or of_image:
                kept[key] = z[key]
    os.makedirs(args.target, exist_ok=True)
    np.savez_compressed(os.path.join(args.target, args.file), **kept)
    with open(os.path.join(args.target, "manifest.json"), "w") as f:
        json.dump(small, f, indent=1)


if __name__ == "__main__":
    main()
