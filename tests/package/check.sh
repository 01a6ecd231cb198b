#!/usr/bin/env bash
# Build wheel and sdist, install the wheel where no checkout is, and do the main job from it: `make package`.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
uv=${UV:-$root/.venv/bin/uv}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The wheel is made from the sdist, as an index would have it made: what the sdist lacks is found here.
"$uv" build --quiet --out-dir "$work/dist" "$root"
wheel=$(echo "$work"/dist/*.whl)
listed=$(python3 -m zipfile --list "$wheel")
for part in samj_bridge/fiji/jars/SAMJ_Bridge.jar samj_bridge/commit.txt samj_bridge/models/weights/starter.safetensors \
    samj_bridge/envs/samj/pypi.lock samj_bridge/napari/napari.yaml samj_bridge/py.typed samj_bridge/server/page/www/main.js \
    samj_bridge/server/page/www/vendor/openseadragon.min.js samj_bridge/server/page/www/vendor/openseadragon.LICENSE.txt; do
    grep -q "$part" <<<"$listed" || { echo "The wheel lacks $part."; exit 1; }
done

# An empty environment, another folder, nothing of the checkout on any path.
cd "$work"
unset PYTHONPATH VIRTUAL_ENV
"$uv" venv --quiet --python "${PYTHON:-python3}" environment
"$uv" pip install --quiet --python environment/bin/python "$wheel"
said=$(environment/bin/samj-bridge --version)
echo "$said"
commit=$(git -C "$root" describe --always --abbrev=12 --dirty=+ --exclude='*' 2>/dev/null || true)
grep -q "commit ${commit:-.}" <<<"$said" || { echo "The wheel does not say that it is of commit $commit."; exit 1; }
grep -q "SAMJ_Bridge.jar [0-9]" <<<"$said" || { echo "The wheel has no jar with a version."; exit 1; }
environment/bin/samj-bridge demo --output demo
# As somebody who installs nothing at all.
"$uv" tool run --quiet --from "$wheel" samj-bridge demo --output tool-demo
for result in demo tool-demo; do
    count=$(find "$result" -name '*_rois.zip' | wc -l)
    [ "$count" -eq 3 ] || { echo "$result has $count ROI files instead of 3."; exit 1; }
done
echo "The wheel does the main job."
