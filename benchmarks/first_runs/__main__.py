"""Set-ups from nothing, many times over: a table of outcomes and times (``make first-runs N=20``).

Each run has a home, a uv cache and a terminal of its own, all new; samj-bridge itself is installed once for each
Python and build (``--fresh-venvs``: each time). Conditions:

idle         nothing else runs
busy         beside two processes that never rest
slow         over a line of 15 MB/s
stalls       over a line that stands still for 20 s, three times
drops        over a line on which every connection breaks off, three times
interrupted  Ctrl-C or a closed terminal at ten moments in turn; then started again

What was run is appended to a file at once, and the next call goes on where that one stopped. Packages come from
an index on this machine, which fetches each of them once (some 7 GB on the disk for five Pythons).
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import platformdirs
from filelock import FileLock, Timeout

from benchmarks.first_runs.index import Index, Weather, serve
from benchmarks.first_runs.pythons import (
    VERSIONS,
    Build,
    build_commit,
    build_here,
    find_pythons,
    make_venv,
    newcomer,
)
from benchmarks.first_runs.runs import Outcome, busy, interrupt, remove, set_up

CONDITIONS = ("idle", "busy", "slow", "stalls", "drops", "interrupted")
MOMENTS = 10
_Run = tuple[str, int, str, Build]
_NEEDED_BYTES = 16 * 10**9
_TYPICAL_S = 60.0
# Of a set-up's 2.6 GB.
_STALLS = (0.2e9, 0.9e9, 1.9e9)
_DROPS = (0.15e9, 0.8e9, 1.6e9)


def main() -> None:
    arguments = _arguments()
    folder = arguments.folder.absolute()
    (folder / "work").mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / "lock", timeout=0):
            _run(arguments, folder)
    except Timeout:
        sys.exit(f"Another first-runs is working in {folder}: wait for it, or name another --folder.")


def _run(arguments: argparse.Namespace, folder: Path) -> None:
    for stray in (folder / "work").iterdir():
        # Of one that was killed.
        remove(stray)
    pythons, missing = find_pythons(arguments.python, folder)
    for version, why in missing.items():
        print(f"No Python {version} here: {why}.")
    builds = [build_here(folder)] if not arguments.only_against else []
    if arguments.against:
        builds.append(build_commit(folder, arguments.against))
    # Of a tree that changes: made anew.
    for venv in (folder / "venvs").glob("*+-*"):
        remove(venv)
    print("Pythons:", ", ".join(f"{version} ({path})" for version, path in pythons.items()))
    print("Builds:", ", ".join(build.label for build in builds), "| results:", arguments.results, flush=True)
    plan = _plan(arguments, list(pythons), builds)
    # A tree with changes that were not committed is another one each time.
    done = [row for row in _read(arguments.results) if not row["build"].endswith("+")]
    left = [item for item in plan if _key(*item) not in {_key_of(row) for row in done}]
    end = time.monotonic() + 60 * arguments.minutes
    with serve(Index(folder / "index", arguments.index)) as index:
        for number, (condition, run, version, build) in enumerate(left):
            if time.monotonic() > end:
                print(f"Time is up: {len(left) - number} of {len(plan)} runs are left out.")
                break
            if shutil.disk_usage(folder).free < _NEEDED_BYTES:
                print(f"Less than {_NEEDED_BYTES / 1e9:.0f} GB are free: {len(left) - number} runs are left out.")
                break
            try:
                row = _one(arguments, folder, index, (condition, run, version, build), pythons[version], done)
            except KeyboardInterrupt:
                print(f"Stopped: {len(left) - number} of {len(plan)} runs are left out; the next call runs them.")
                break
            done.append(row)
            with arguments.results.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
            print(_line(row), flush=True)
    keys = {_key(*item) for item in plan}
    rows = [row for row in done if _key_of(row) in keys]
    print()
    print(table(rows, plan))
    if any(row["outcome"] != "ok" for row in rows if not arguments.against or row["build"] == builds[0].label):
        sys.exit(1)


def _arguments() -> argparse.Namespace:
    cache = Path(platformdirs.user_cache_dir("samj-bridge-first-runs", appauthor=False))
    parser = argparse.ArgumentParser(
        description=__doc__, prog="first_runs", formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--n", type=int, default=5, help="set-ups for idle and for busy, over all Pythons in turn")
    parser.add_argument("--others", type=int, default=0, help="set-ups for slow, stalls and drops; one per Python")
    parser.add_argument("--python", type=_words, default=list(VERSIONS), help="versions or paths, by commas")
    parser.add_argument("--conditions", type=_words, default=list(CONDITIONS), help="some of them, by commas")
    parser.add_argument("--against", default="", metavar="COMMIT", help="the same with another build, in turn")
    parser.add_argument("--only-against", action="store_true", help="that build alone")
    parser.add_argument("--fresh-venvs", action="store_true", help="install samj-bridge itself anew each time too")
    parser.add_argument("--minutes", type=float, default=150, help="no run begins later than that")
    parser.add_argument("--rate", type=float, default=0, help="MB/s of the line elsewhere; 0: no limit")
    parser.add_argument("--index", default="https://pypi.org/simple", help="the real index")
    parser.add_argument("--folder", type=Path, default=cache, help="where packages are kept and set-ups made")
    parser.add_argument("--results", type=Path, default=None, help="by default FOLDER/results.jsonl")
    arguments = parser.parse_args()
    unknown = set(arguments.conditions) - set(CONDITIONS)
    if unknown:
        parser.error(f"no such condition: {', '.join(sorted(unknown))}")
    arguments.results = arguments.results or arguments.folder / "results.jsonl"
    return arguments


def _words(text: str) -> list[str]:
    return [word for word in text.split(",") if word]


def _plan(arguments: argparse.Namespace, versions: list[str], builds: list[Build]) -> list[_Run]:
    """Return every run, in an order in which a plan that is cut short has some of everything."""
    counts = dict.fromkeys(CONDITIONS, arguments.others or len(versions))
    counts |= {"idle": arguments.n, "busy": arguments.n, "interrupted": MOMENTS}
    plan = [
        (number / counts[condition], condition, number, versions[number % len(versions)], build)
        for condition in arguments.conditions
        for number in range(counts[condition])
        for build in builds
    ]
    plan.sort(key=lambda item: (item[0], CONDITIONS.index(item[1])))
    return [item[1:] for item in plan]


def _one(
    arguments: argparse.Namespace,
    folder: Path,
    index: Index,
    item: _Run,
    python: Path,
    done: list[dict[str, Any]],
) -> dict[str, Any]:
    condition, number, version, build = item
    home = Path(tempfile.mkdtemp(dir=folder / "work"))
    index.weather = Weather(
        bytes_per_s={"slow": 15e6}.get(condition, 1e6 * arguments.rate),
        stalls_at=_STALLS if condition == "stalls" else (),
        drops_at=_DROPS if condition == "drops" else (),
    )
    load, fetched = os.getloadavg()[0], index.fetched
    try:
        environ = newcomer(home) | {
            "SAMJ_PYPI_INDEX": index.url,
            "SAMJ_TORCH_INDEX": "",
            "SAMJ_BUILDER": "uv",
            # Room for whole sentences.
            "COLUMNS": "200",
        }
        started = time.monotonic()
        with busy(2 if condition == "busy" else 0):
            # What it takes to have samj-bridge itself is not in the figure, and the weather not yet bad.
            calm, index.weather = index.weather, Weather()
            venv = home / "venv" if arguments.fresh_venvs else folder / "venvs" / f"{build.label}-{version}"
            command = make_venv(venv, python, build, index.url, environ)
            index.weather = calm
            venv_s = time.monotonic() - started
            if condition == "interrupted":
                after_s = (number + 0.5) / MOMENTS * _typical(done, build.label)
                how = "ctrl-c" if number % 2 == 0 else "hangup"
                outcome = interrupt(command, environ, home, how=how, after_s=after_s)
            else:
                how, outcome = "", set_up(command, environ, home)
    except Exception as error:  # noqa: BLE001
        output = str(getattr(error, "stderr", "") or "")
        outcome = Outcome(f"the run itself failed: {error!r}"[:300], 0.0, output.splitlines()[-30:])
        how, venv_s = "", 0.0
    finally:
        remove(home)
    return {
        "condition": condition,
        "number": number,
        "python": version,
        "build": build.label,
        **asdict(outcome),
        "how": how,
        "venv_s": round(venv_s, 1),
        "fetched_bytes": index.fetched - fetched,
        "load_before": round(load, 1),
        "at": time.strftime("%Y-%m-%dT%H:%M:%S"),
    }


def _typical(done: list[dict[str, Any]], build: str) -> float:
    """Return how long a set-up takes here: interruptions are spread over that."""
    good = [row for row in done if row["outcome"] == "ok" and row["condition"] == "idle"]
    own = [row for row in good if row["build"] == build]
    return statistics.median([row["seconds"] for row in own or good] or [_TYPICAL_S])


def _key(condition: str, number: int, _version: str, build: Build) -> tuple[str, int, str]:
    return condition, number, build.label


def _key_of(row: dict[str, Any]) -> tuple[str, int, str]:
    return row["condition"], row["number"], row["build"]


def _read(path: Path) -> list[dict[str, Any]]:
    if not path.is_file():
        return []
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            rows.append(json.loads(line))
        except ValueError:
            continue  # cut short when the run was stopped
    return rows


def _line(row: dict[str, Any]) -> str:
    when = f" ({row['how']} after {row['moment_s']:.0f} s)" if row["how"] else ""
    fetched = f", {row['fetched_bytes'] / 1e6:.0f} MB from the real index" if row["fetched_bytes"] > 1e6 else ""
    return (
        f"{row['at'][11:]} {row['condition']:<11} {row['number']:>2} {row['python']:<5} {row['build']:<9}"
        f" {row['seconds']:6.1f} s{when}: {row['outcome']}{fetched}"
    )


def table(rows: list[dict[str, Any]], plan: list[_Run]) -> str:
    """Return the outcomes and times, a row for each condition and build, a column for each Python."""
    versions = list(dict.fromkeys(item[2] for item in plan))
    columns = "".join(f"{version:>8}" for version in versions)
    lines = [f"{'':<12}{'build':<9}{'outcome':<14}{columns}   median    range"]
    wrong = []
    for condition, label in dict.fromkeys((item[0], item[3].label) for item in plan):
        own = [row for row in rows if (row["condition"], row["build"]) == (condition, label)]
        planned = sum((item[0], item[3].label) == (condition, label) for item in plan)
        good = [row for row in own if row["outcome"] == "ok"]
        cells = []
        for version in versions:
            these = [row for row in own if row["python"] == version]
            cells.append(f"{sum(row['outcome'] == 'ok' for row in these)}/{len(these)}" if these else "-")
        times = [row["seconds"] for row in good]
        shown = f"{statistics.median(times):7.1f} s {min(times):5.1f} to {max(times):.1f}" if times else ""
        rest = f" ({planned - len(own)} not run)" if planned > len(own) else ""
        lines.append(
            f"{condition:<12}{label:<9}{f'{len(good)} of {len(own)}':<14}"
            + "".join(f"{cell:>8}" for cell in cells)
            + f"  {shown}{rest}"
        )
        wrong += [row for row in own if row["outcome"] != "ok"]
    if wrong:
        lines += ["", "What went wrong:", *(_line(row) for row in wrong)]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
