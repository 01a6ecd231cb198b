"""Commands that look and commands that change, side by side in one home: ``make soak MINUTES=10``.

`env list`, `env check`, `doctor`, `models list`, `models verify`, `setup` and `env prune` beside installations and
removals of environments and models. Ends with a list of what nobody should have had to read, and fails if there is
one. By default with the real environment too, made anew now and then (PyTorch, several gigabytes, from uv's cache
where it has them); ``--adopt PREFIX`` takes one that is there instead.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from fakes.side_by_side import (
    LOOKERS,
    Bed,
    change_environment,
    change_model,
    check_nothing_lost,
    make_bed,
    soak,
    tree_of,
)

from samj_bridge.models import find_model
from samj_bridge.models.weights import weights_file

_REAL_EVERY_S = 60.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--adopt", type=Path, help="prefix of an environment with torch, to be used as it is")
    parser.add_argument("--folder", type=Path, help="where to work; a temporary folder by default")
    arguments = parser.parse_args()
    started = time.monotonic()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        starter = weights_file(find_model("starter"))
        with make_bed(Path(folder), arguments.adopt, starter) as bed:
            changers = [change_environment, change_model]
            if arguments.adopt is None:
                change_real(bed, 0)
                # Converted now: so far there was no environment to do it in.
                bed.expect("models install staying")
                changers.append(change_real)
            kept = tree_of(bed)
            print(f"Prepared in {time.monotonic() - started:.0f} s.", flush=True)
            soak(bed, 60 * arguments.minutes, lookers=LOOKERS, changers=changers, steps=1)
            for line, count in sorted(bed.counts.items()):
                print(f"{count:6} x {line}")
            for number, text in enumerate(bed.wrong, 1):
                print(f"\n--- wrong word {number} ---\n{text}")
            check_nothing_lost(bed, kept)
    print(f"\n{sum(bed.counts.values())} commands, {len(bed.wrong)} wrong words; nothing was lost.")
    sys.exit(1 if bed.wrong else 0)


def change_real(bed: Bed, number: int) -> None:
    """Make the real environment anew, from the real index; not all the time, it takes both cores."""
    started = time.monotonic()
    # The real index and the user's own cache: PyTorch is not fetched again.
    usual = {
        name: value for name, value in bed.variables.items() if name not in {"SAMJ_PYPI_INDEX", "UV_CACHE_DIR"}
    }
    if "UV_CACHE_DIR" in os.environ:
        usual["UV_CACHE_DIR"] = os.environ["UV_CACHE_DIR"]
    bed.try_one("setup --again --json" if number else "setup --json", variables=usual)
    if number:
        time.sleep(max(0.0, _REAL_EVERY_S - (time.monotonic() - started)))


if __name__ == "__main__":
    main()
