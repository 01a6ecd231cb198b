"""The pictures of docs/how-to/napari.md, made anew: ``python tests/in_napari/pictures.py FOLDER``. Look at them."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from conftest import test_home
from environment import environment, napari_python, screen

from samj_bridge.install import ensure_environment
from samj_bridge.settings import Settings


def main(folder: Path) -> None:
    home = test_home()
    ensure_environment(Settings(home=home, builder="uv"))
    python = napari_python(home)
    with tempfile.TemporaryDirectory() as own, screen() as display:
        program = Path(__file__).with_name("gui") / "draw.py"
        variables = environment(display, home, Path(own))
        subprocess.run([python, "-W", "ignore", program, folder], env=variables, check=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute())
