"""Many samj-bridges at once in one home: some install and remove, others look; and what each may say.

`Bed` is a home with an environment that stays, one that is made and removed again and again, a model that stays and
one that comes and goes; `soak` runs the commands side by side and returns every word that is not allowed.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fakes.file_server import FileServer
from fakes.file_server import serve as serve_files
from fakes.model_files import FileContent, offer, table, write_catalog
from fakes.package_index import PackageIndex, tiny_specification
from fakes.package_index import serve as serve_index

_COMMAND = [sys.executable, "-m", "samj_bridge.cli.main"]
_LIMIT_S = 300

ALLOWED: dict[str, set[str]] = {
    # What is removed at this moment is not there, or was made anew since it was found: true, and it says so.
    "env check tiny": {"no-environment", "environment-gone"},
    # Who looks at an environment holds it: it is not removed under her eyes, and the other one is told.
    "env remove tiny": {"in-use"},
    # Two that remove the same one: the second finds nothing.
    "models remove going": {"model-not-installed"},
    "models verify going": {"model-not-installed"},
}
"""Codes of errors that a command may end with because of what the others do; every other one ends well."""


@dataclass
class Said:
    """What one command said."""

    command: str
    returncode: int
    out: str
    err: str
    seconds: float

    def __str__(self) -> str:
        what = f"{self.command} (exit status {self.returncode}, {self.seconds:.1f} s)"
        return f"{what}:\n{self.out[-4000:]}{self.err[-4000:]}"


@dataclass
class Bed:
    """The home, and the servers that it installs from."""

    home: Path
    variables: dict[str, str]
    specifications: list[Path]
    """Versions of the environment ``tiny``: the one replaces the other."""
    wrong: list[str] = field(default_factory=list)
    """Words that nobody should have to read."""
    counts: Counter[str] = field(default_factory=Counter)
    """How often each command ended how."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self, command: str, *more: object, variables: dict[str, str] | None = None) -> Said:
        """Run ``samj-bridge command more`` to its end, perhaps with other variables."""
        started = time.monotonic()
        done = subprocess.run(
            [*_COMMAND, *command.split(), *map(str, more)],
            check=False,
            env=variables or self.variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_LIMIT_S,
        )
        return Said(command, done.returncode, done.stdout, done.stderr, time.monotonic() - started)

    def expect(self, command: str, *more: object) -> dict[str, Any]:
        """Run a command that nothing may disturb; return its data."""
        said = self.run(command, *more, "--json")
        assert said.returncode == 0, str(said)
        content: dict[str, Any] = json.loads(said.out)["data"]
        return content

    def try_one(self, command: str, *more: object, variables: dict[str, str] | None = None) -> None:
        """Run a command beside others, and write down what it should not have said."""
        try:
            said = self.run(command, *more, variables=variables)
        except subprocess.TimeoutExpired:
            with self._lock:
                self.wrong.append(f"{command} did not end within {_LIMIT_S} s")
            return
        key = command.replace(" --json", "")
        outcome, wrong = judge(key, said)
        with self._lock:
            self.counts[f"{command}: {outcome}"] += 1
            if wrong:
                self.wrong.append(f"{wrong}\n{said}")


def judge(command: str, said: Said) -> tuple[str, str]:
    """Return how a command ended, and what is wrong with it; empty: nothing."""
    if "Traceback (most recent call last)" in said.out + said.err:
        return "a traceback", "a traceback"
    if "--json" not in said.command:
        # In words: the same rules, and the codes are not shown. What may fail is asked with --json as well.
        fine = said.returncode == 0 or (said.returncode in (1, 2) and command in ALLOWED)
        return f"exit status {said.returncode}", "" if fine else "it failed"
    try:
        answer = json.loads(said.out)
    except ValueError:
        return "no JSON", "standard output is no JSON object"
    codes = {error["code"] for error in answer["errors"]}
    if codes - ALLOWED.get(command, set()):
        return ", ".join(sorted(codes)), "an error that the others are no reason for"
    if said.returncode and not codes:
        return f"exit status {said.returncode}", "it failed"
    return ", ".join(sorted(codes)) or "ok", _look_into(command, answer["data"])


def _look_into(command: str, data: dict[str, Any]) -> str:
    if command.startswith("env list"):
        sick = [item["problem"] for item in data["environments"] if item["problem"]]
        return f"a healthy environment is called sick: {sick}" if sick else ""
    if command.startswith("models verify"):
        bad = [item for item in data.get("models", []) if item["status"] != "ok"]
        return f"a good model is called bad: {bad}" if bad else ""
    if command.startswith("doctor"):
        broken = [item for item in data["findings"] if item["status"] == "broken"]
        return f"what is well is called broken: {broken}" if broken else ""
    if command.startswith("models list"):
        states = {item["id"]: item["state"] for item in data["models"]}
        return f"a model that stays is {states['staying']}" if states["staying"] != "installed" else ""
    return ""


def soak(
    bed: Bed, seconds: float, *, lookers: list[str], changers: list[Callable[[Bed, int], None]], steps: int = 4
) -> None:
    """Run `changers`, each on its own, and `lookers`, two at a time, side by side for so long.

    On a busy machine longer: until each changer has done `steps` steps and each command that looks was run.
    """
    end = time.monotonic() + seconds
    number_of = itertools.count()
    done: Counter[int] = Counter()

    def is_over() -> bool:
        enough = all(done[number] >= steps for number in range(len(changers))) and done[-1] >= len(lookers)
        return enough and time.monotonic() > end

    def change(own: int, changer: Callable[[Bed, int], None]) -> None:
        while not is_over():
            changer(bed, done[own])
            done[own] += 1

    def look() -> None:
        while not is_over():
            bed.try_one(lookers[next(number_of) % len(lookers)])
            done[-1] += 1

    threads = [threading.Thread(target=change, args=item) for item in enumerate(changers)]
    threads += [threading.Thread(target=look) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def change_environment(bed: Bed, number: int) -> None:
    """Make the environment ``tiny`` in one version, then in the next, then remove it."""
    kind = number % 3
    if kind == 2:
        bed.try_one("env remove tiny --json")
        return
    bed.try_one("env create tiny --json", "--spec", bed.specifications[(number // 3 * 2 + kind) % 2])


def change_model(bed: Bed, number: int) -> None:
    """Install the model ``going``, then remove it."""
    bed.try_one("models install going --json" if number % 2 == 0 else "models remove going --json")


LOOKERS = [
    "env list --json",
    "models verify --json",
    "env check tiny --json",
    "env prune --json",
    "models list --json",
    "doctor --no-network --no-worker --json",
    "env list",
    "models verify",
    "setup --json",
    "env prune",
    "models list",
    "env check tiny",
    "models verify going --json",
    "doctor --no-network",
    "env list --no-probe --json",
    "env check --json",
    "env prune --caches --json",
]
"""What looks on; ``setup`` finds all as it should be, and starts a worker."""

FEWER = [
    "env check tiny --json",
    "models verify --json",
    "env list --json",
    "env prune --json",
    "models list --json",
    "setup --json",
    "env check tiny",
    "models verify going --json",
    "doctor --no-network --no-worker --json",
]
"""The same for a short look: few of them import torch."""


def check_nothing_lost(bed: Bed, kept: dict[str, Any]) -> None:
    """Look whether all that stays is there and works, and nothing else is left."""
    assert tree_of(bed) == kept
    assert bed.expect("env check")["healthy"]
    assert bed.expect("env check kept")["healthy"]
    verified = {item["id"]: item["status"] for item in bed.expect("models verify")["models"]}
    assert verified["staying"] == "ok"
    # The next installation works, and then nothing is left that nobody needs.
    made = bed.expect("env create tiny", "--spec", bed.specifications[0])["environment"]
    assert bed.expect("env check tiny")["healthy"]
    # What was held when it was replaced waits for the next start, or for this; nothing is half-made.
    assert {item["kind"] for item in bed.expect("env prune")["found"]} <= {"old build"}
    assert bed.expect("env prune", "--dry-run")["found"] == []
    builds = [path for path in (bed.home / "envs" / "tiny").iterdir() if path.is_dir() and path.name != "leases"]
    assert [str(path) for path in builds] == [made["prefix"]]
    assert list(Path(bed.variables["UV_CACHE_DIR"]).glob(".tmp*")) == []
    models = bed.home / "models"
    assert [path for path in (models / "downloads").rglob("*") if path.is_file() and "lock" not in path.name] == []
    records = {path.stem for path in (models / "records").iterdir()}
    weights = [path.name for path in (models / "weights").iterdir()]
    assert len(weights) == len(records), (records, weights)


def tree_of(bed: Bed) -> dict[str, Any]:
    """Return what stays: the environment ``kept`` and the model ``staying``, with sizes."""
    kept = bed.home / "envs" / "kept"
    (prefix,) = (path for path in kept.iterdir() if path.is_dir() and path.name != "leases")
    files = {
        path.relative_to(prefix).as_posix(): path.lstat().st_size
        for path in prefix.rglob("*")
        if not path.is_dir() and "__pycache__" not in path.parts
    }
    record = json.loads((bed.home / "models" / "records" / "staying.json").read_text(encoding="utf-8"))
    return {"prefix": prefix.name, "files": files, "record": record}


@contextlib.contextmanager
def make_bed(folder: Path, adopted: Path | None, starter: Path) -> Iterator[Bed]:
    """Make a home in `folder` with all that stays; `adopted` is the prefix of an environment with torch,
    or None: then somebody else makes one.

    `starter` is the checkpoint of the packaged model: the models here are copies of it.
    """
    with contextlib.ExitStack() as stack:
        index = stack.enter_context(serve_index(PackageIndex()))
        server = stack.enter_context(serve_files(FileServer()))
        specifications = [
            tiny_specification(folder / f"spec {item}", index, version=item) for item in ("1.0", "2.0")
        ]
        tables = {}
        for number, name in enumerate(("staying", "going")):
            copy = folder / f"{name}.safetensors"
            # The same weights with another comment: another file with another hash.
            copy.write_bytes(_with_comment(starter.read_bytes(), f"number {number}"))
            address = offer(server, f"/{copy.name}", FileContent(copy))
            tables[name] = table(address, copy.read_bytes())
        catalog = write_catalog(folder / "catalog.toml", **tables)
        clean = {key: value for key, value in os.environ.items() if not key.startswith("SAMJ_")}
        # Dozens of processes that import the same: compiled once.
        clean.pop("PYTHONDONTWRITEBYTECODE", None)
        home = folder / "home é漢"
        variables = clean | {
            "SAMJ_HOME": str(home),
            "SAMJ_PYPI_INDEX": index.url,
            "SAMJ_TORCH_INDEX": "",
            "SAMJ_BUILDER": "uv",
            "SAMJ_DEVICE": "cpu",
            "SAMJ_THREADS": "1",
            "SAMJ_CATALOG": str(catalog),
            "UV_CACHE_DIR": str(folder / "uv cache"),
            "NO_PROXY": "127.0.0.1",
            "no_proxy": "127.0.0.1",
        }
        bed = Bed(home, variables, [Path(item.path) for item in specifications])
        if adopted is not None:
            bed.expect("env use", adopted)
        bed.expect("env create kept", "--spec", bed.specifications[0])
        bed.expect("models install staying")
        try:
            yield bed
        finally:
            shutil.rmtree(home, ignore_errors=True)


def _with_comment(data: bytes, comment: str) -> bytes:
    """Return a safetensors file with a comment in its header."""
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    header["__metadata__"] = {**header.get("__metadata__", {}), "comment": comment}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + data[8 + length :]
