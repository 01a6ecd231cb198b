"""Makes a small part of the golden outputs of micro-sam's automatic segmentation: one network, and maps without one.

    python subset.py GOLDEN TARGET

TARGET gets a manifest.json and npz files that check_ais.py takes with --golden TARGET.
"""
import argparse
import json
import os
import shutil

import numpy as np

NETWORK = "AT"
"""The network case that is kept, as micro-sam runs it, without its whole maps."""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("golden")
    parser.add_argument("target")
    a = parser.parse_args()
    with open(os.path.join(a.golden, "manifest.json")) as f:
        manifest = json.load(f)
    entry = next(entry for entry in manifest["network"] if entry["id"] == NETWORK)
    entry["modes"] = ["train"]
    entry.pop("decoder_keys")
    with np.load(os.path.join(a.golden, entry["file"])) as z:
        dropped = (f"{NETWORK}/eval/", f"{NETWORK}/train/maps/", f"{NETWORK}/train/points")
        kept = [key for key in z.files if not key.startswith(dropped) and key != f"{NETWORK}/train/maps"]
        np.savez_compressed(os.path.join(a.target, entry["file"]), **{key: z[key] for key in kept})
    for file in {entry["file"] for kind in ("post", "merge") for entry in manifest[kind]}:
        shutil.copyfile(os.path.join(a.golden, file), os.path.join(a.target, file))
    small = {key: manifest[key] for key in ("format", "what", "weights_selftest", "made_with", "tolerance", "post", "merge")}
    with open(os.path.join(a.target, "manifest.json"), "w") as f:
        json.dump({**small, "network": [entry]}, f, indent=1)


if __name__ == "__main__":
    main()
