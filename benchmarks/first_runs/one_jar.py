"""What the jar alone costs: ``xvfb-run -a python -m benchmarks.first_runs.one_jar JAR IMAGEJ_JAR``.

ImageJ's start with the jar in ``plugins`` and without it, in turns; then, from an empty home with the machine's uv
cache, the time from the first click on an image to its outline, beside that of ``samj-bridge setup`` in the Python
that the jar made, in a home of its own.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
import tifffile

from samj_bridge.fiji import find_java

DRIVE = Path(__file__).parents[2] / "tests" / "fiji" / "one_jar" / "Drive.java"


def start_ms(java: Path, imagej: Path, folder: Path, environ: dict[str, str]) -> float:
    """Start ImageJ, let a macro quit it; milliseconds."""
    macro = folder / "quit.ijm"
    macro.write_text('run("Quit");', encoding="utf-8")
    command = [java, f"-Dplugins.dir={folder}", "-cp", imagej, "ij.ImageJ", "-macro", macro]
    begun = time.perf_counter()
    subprocess.run(command, env=environ, check=True, capture_output=True)
    return (time.perf_counter() - begun) * 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("jar", type=Path)
    parser.add_argument("imagej", type=Path)
    parser.add_argument("--starts", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=1, help="of set-ups")
    arguments = parser.parse_args()
    found = find_java()
    assert found is not None
    java = found.home / "bin" / "java"
    with tempfile.TemporaryDirectory() as work:
        user = Path(work) / "user"
        user.mkdir()
        environ = {**os.environ, "HOME": str(user), "LC_ALL": "C.UTF-8"}
        environ = {name: value for name, value in environ.items() if not name.startswith("SAMJ_")}
        folders = {name: Path(work) / name for name in ("without", "with")}
        for folder in folders.values():
            (folder / "plugins").mkdir(parents=True)
        shutil.copy(arguments.jar, folders["with"] / "plugins")
        starts: dict[str, list[float]] = {name: [] for name in folders}
        for _ in range(arguments.starts):
            for name, folder in folders.items():
                starts[name].append(start_ms(java, arguments.imagej, folder, environ))
        medians = {name: statistics.median(times) for name, times in starts.items()}
        more = medians["with"] - medians["without"]
        print(
            f"start: {medians['without']:.0f} ms, with the jar {medians['with']:.0f} ms: {more:.0f} ms more (150)"
        )
        for _ in range(arguments.rounds):
            shutil.rmtree(user)
            user.mkdir()
            compare_set_up(java, arguments.imagej, folders["with"], environ, Path(work))


def compare_set_up(java: Path, imagej: Path, folder: Path, environ: dict[str, str], work: Path) -> None:
    """Print the time from the first click to its outline, and of the command in the same Python."""
    y, x = np.mgrid[:120, :160]
    disc = np.where((x - 100) ** 2 + (y - 40) ** 2 < 18**2, 200, 30).astype(np.uint8)
    tifffile.imwrite(work / "disc.tif", disc)
    home = Path(environ["HOME"])
    command = [java, f"-Dplugins.dir={folder}", f"-Duser.home={home}", "-cp", imagej, DRIVE, "click"]
    done = subprocess.run(
        [*command, work / "disc.tif", "100", "40", work / "found.roi"],
        env=environ,
        check=True,
        capture_output=True,
        text=True,
    )
    click = next(int(line.split()[1]) for line in done.stdout.splitlines() if line.startswith("outline"))
    made = home / ".local" / "share" / "samj-bridge" / "host"
    python = made / (made / "current").read_text(encoding="utf-8").strip() / "bin" / "python"
    code = "from samj_bridge.cli.main import main; main()"
    second = {**environ, "SAMJ_HOME": str(home / "second")}
    begun = time.perf_counter()
    subprocess.run([python, "-I", "-c", code, "setup"], env=second, check=True, capture_output=True)
    subprocess.run(
        [python, "-I", "-c", code, "segment", work / "disc.tif", "--point", "100,40", "--output", work / "out"],
        env=second,
        check=True,
        capture_output=True,
    )
    setup = (time.perf_counter() - begun) * 1000
    print(f"first click to first outline {click / 1000:.1f} s; setup and a prompt {setup / 1000:.1f} s")


if __name__ == "__main__":
    main()
