"""What the jar alone costs: ``python -m benchmarks.first_runs.one_jar JAR IMAGEJ_JAR``.

It needs a screen with a window manager (``xvfb-run -a sh -c "openbox & python -m ..."``): the image that is clicked
on has to come to the front.

ImageJ's start with the jar in ``plugins`` and without it, in turns, by the clock and in processor time; the median
of the differences between neighbours, which share what else the machine does. Then, from an empty home, the time
from the first click on an image to its outline (uv, a Python, samj-bridge, the environment, the worker, the prompt)
against that of ``samj-bridge setup`` and the same prompt by the command, in the Python that the jar made, in a home
of its own. The first of these fetches uv and looks for a Python on the internet, whatever the line allows. The
others have all packages: the machine's uv cache, that uv, and the Python that this script runs in.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import tifffile

from samj_bridge.fiji import find_java

HOME = ".local/share/samj-bridge"
DRIVE = Path(__file__).parents[2] / "tests" / "fiji" / "one_jar"


def start_ms(java: Path, imagej: Path, folder: Path, environ: dict[str, str]) -> tuple[float, float]:
    """Start ImageJ, let a macro quit it; milliseconds by the clock, and of the processor."""
    macro = folder / "quit.ijm"
    macro.write_text('run("Quit");', encoding="utf-8")
    command = [java, f"-Dplugins.dir={folder}", "-cp", imagej, "ij.ImageJ", "-macro", macro]
    begun = time.perf_counter()
    process = subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    wall = time.perf_counter() - begun
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return wall * 1000, (used.ru_utime + used.ru_stime) * 1000


def compare_starts(java: Path, imagej: Path, folders: list[Path], environ: dict[str, str], count: int) -> None:
    """Print how much later ImageJ is there with the jar."""
    starts: dict[Path, list[tuple[float, float]]] = {folder: [] for folder in folders}
    for number in range(-1, count):
        for folder in folders if number % 2 else folders[::-1]:
            measured = start_ms(java, imagej, folder, environ)
            if number >= 0:
                # The first of each reads files that the others find in memory.
                starts[folder].append(measured)
    without, with_jar = (starts[folder] for folder in folders)
    for index, (kind, limit) in enumerate((("by the clock", " (150)"), ("of the processor", ""))):
        before, after = (statistics.median(one[index] for one in some) for some in (without, with_jar))
        more = statistics.median(late[index] - soon[index] for soon, late in zip(without, with_jar, strict=True))
        print(f"start, {kind}: {before:.0f} ms, with the jar {after:.0f} ms; pairs: {more:+.0f} ms{limit}")


def cache_folder() -> str:
    """Return the machine's uv cache, which a user with another home folder would not find."""
    from uv import find_uv_bin

    command = [find_uv_bin(), "cache", "dir"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("jar", type=Path)
    parser.add_argument("imagej", type=Path)
    parser.add_argument("--starts", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=1, help="of set-ups, after one with nothing there")
    arguments = parser.parse_args()
    found = find_java()
    assert found is not None
    java = found.home / "bin" / "java"
    with tempfile.TemporaryDirectory() as work:
        user = Path(work) / "user"
        user.mkdir()
        environ = {**os.environ, "HOME": str(user), "LC_ALL": "C.UTF-8"}
        environ = {name: value for name, value in environ.items() if not name.startswith("SAMJ_")}
        environ.setdefault("UV_CACHE_DIR", cache_folder())
        folders = {name: Path(work) / name for name in ("without", "with")}
        for folder in folders.values():
            (folder / "plugins").mkdir(parents=True)
        shutil.copy(arguments.jar, folders["with"] / "plugins")
        if arguments.starts:
            compare_starts(java, arguments.imagej, list(folders.values()), environ, arguments.starts)
        ratios = []
        tools = Path(work) / "tools"
        for number in range(arguments.rounds + 1 if arguments.rounds else 0):
            shutil.rmtree(user)
            user.mkdir()
            if number:
                shutil.copytree(tools, user / HOME / "tools")
                environ["SAMJ_PYTHON"] = sys.executable
            click, setup = compare_set_up(java, arguments.imagej, folders["with"], environ, Path(work))
            how = "all packages there" if number else "uv fetched, a Python looked for"
            print(
                f"first click to first outline {click:.1f} s, setup and a prompt {setup:.1f} s: {how}", flush=True
            )
            if number:
                ratios.append(click / setup)
            else:
                shutil.copytree(user / HOME / "tools", tools)
        if ratios:
            print(f"first click to first outline: {statistics.median(ratios):.2f} x (1.2)")


def compare_set_up(
    java: Path, imagej: Path, folder: Path, environ: dict[str, str], work: Path
) -> tuple[float, float]:
    """Return the seconds from the first click to its outline, and of the commands in the same Python."""
    y, x = np.mgrid[:120, :160]
    disc = np.where((x - 100) ** 2 + (y - 40) ** 2 < 18**2, 200, 30).astype(np.uint8)
    tifffile.imwrite(work / "disc.tif", disc)
    home = Path(environ["HOME"])
    classes = work / "person"
    classes.mkdir(exist_ok=True)
    sources = sorted(DRIVE.glob("*.java"))
    subprocess.run([java.with_name("javac"), "-cp", imagej, "-d", classes, *sources], check=True)
    path = f"{imagej}{os.pathsep}{classes}"
    command = [java, f"-Dplugins.dir={folder}", f"-Duser.home={home}", "-cp", path, "Drive", "click"]
    done = subprocess.run(
        [*command, work / "disc.tif", "100", "40", work / "found.roi"],
        env=environ,
        check=True,
        capture_output=True,
        text=True,
    )
    click = next(int(line.split()[1]) for line in done.stdout.splitlines() if line.startswith("outline"))
    made = home / HOME / "host"
    python = made / (made / "current").read_text(encoding="utf-8").strip() / "bin" / "python"
    code = "from samj_bridge.cli.main import main; main()"
    second = {**environ, "SAMJ_HOME": str(home / "second")}
    begun = time.perf_counter()
    subprocess.run([python, "-I", "-c", code, "setup"], env=second, check=True, capture_output=True)
    prompt = ["segment", work / "disc.tif", "--point", "100,40", "--output", home / "results"]
    subprocess.run([python, "-I", "-c", code, *prompt], env=second, check=True, capture_output=True)
    return click / 1000, time.perf_counter() - begun


if __name__ == "__main__":
    main()
