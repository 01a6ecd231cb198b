"""The jar for people who have nothing but an ImageJ: SAMJ_Bridge.jar with samj-bridge of the same version in it.

The wheel in the jar has no jar in it, which would be the same one again: an ImageJ that it is set up from has it.

``python packaging/one_jar.py [FOLDER]`` makes ``SAMJ_Bridge-VERSION.jar`` there (``build``): the update site's.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
JAR = ROOT / "java_glue" / "target" / "SAMJ_Bridge.jar"
PLACE = "org/samj/bridge/setup"
"""Where Java looks for it: beside ``Steps.class``."""


def main(folder: Path) -> Path:
    """Build the wheel, and with it the jar where that is old; put the one into the other, and return it."""
    from uv import find_uv_bin

    with tempfile.TemporaryDirectory() as made:
        command = [find_uv_bin(), "build", "--quiet", "--wheel", "--out-dir", made, str(ROOT)]
        subprocess.run(command, check=True, env={**os.environ, "SAMJ_WHEEL_JAR": "no"})
        (wheel,) = Path(made).glob("samj_bridge-*.whl")
        version = wheel.name.split("-")[1]
        folder.mkdir(parents=True, exist_ok=True)
        target = folder / f"SAMJ_Bridge-{version}.jar"
        half = target.with_suffix(".half")
        shutil.copyfile(JAR, half)
        with zipfile.ZipFile(half, "a") as jar:
            jar.write(wheel, f"{PLACE}/{wheel.name}", zipfile.ZIP_STORED)
        half.replace(target)
    return target


if __name__ == "__main__":
    print(main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "build"))
