"""Make an environment, and die by SIGKILL at a named point, if one is given: a program of its own.

Nothing in the product knows of it: points are steps that it reports, file operations that the interpreter reports
(audit events, raised before the operation), or moments that the test sees from outside.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

_PREFIX = r"envs.tiny.[0-9a-f]{12}-\d+"

EVERYWHERE: dict[str, tuple[str, ...]] = {
    "the lock has just been taken": ("file", "open", r"tiny.lock\.holder$"),
    "the prefix is chosen": ("step", r"^resolve Making the environment"),
    "the trial begins": ("step", "^probe "),
    "the trial was passed": ("step", "^commit It works"),
    "the marker is written but has not its name yet": ("file", "os.rename", r"samj-environment\.json$"),
    "the marker has its name": ("step", "^commit Switching"),
    "the pointer is written but has not its name yet": ("file", "os.rename", r"tiny.current$"),
    "the pointer is replaced": ("step", "^sweep "),
    "the old marker is about to go": ("file", "os.rename", r"samj-environment\.json\.removed$"),
    "the old environment is about to go": ("file", "shutil.rmtree", _PREFIX),
    "half of the old environment is gone": ("removals", "4"),
    "all is done": ("step", "^done "),
}
POINTS: dict[str, dict[str, tuple[str, ...]]] = {
    "uv": {
        "an empty environment is about to be made": ("step", "^install Making an empty"),
        "uv is fetching": ("stalled",),
        "uv is done": ("file", "os.rename", r"samj-environment\.lock$"),
        **EVERYWHERE,
    },
    "micromamba": {
        "conda is solving": ("paused", "solve"),
        "micromamba is fetching": ("stalled",),
        "micromamba is unpacking in a process of its own": ("paused", "unpack tiny"),
        "half of a package is linked": ("paused", "link tiny"),
        "every package is linked": ("paused", "linked"),
        "the lock of what was installed is written": ("file", "os.rename", r"samj-environment\.lock$"),
        **EVERYWHERE,
    },
}
"""Builder to named point to how it is recognised."""


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class Assassin:
    """Looks at steps and file operations until its point has come."""

    def __init__(self, kind: str, *details: str) -> None:
        self.kind, self.details = kind, details
        self.removals = -1

    def step(self, event: Any) -> None:
        print(event.stage, event.message, flush=True)
        if self.kind == "step" and re.search(self.details[0], f"{event.stage} {event.message}"):
            die()

    def audit(self, name: str, arguments: tuple[Any, ...]) -> None:
        if self.kind == "removals":
            if name == "shutil.rmtree" and re.search(_PREFIX, str(arguments[0])):
                self.removals = 0
            elif name == "os.remove" and self.removals >= 0:
                self.removals += 1
                if self.removals == int(self.details[0]):
                    die()
        elif self.kind == "file" and name == self.details[0]:
            path = arguments[1] if name == "os.rename" else arguments[0]
            if re.search(self.details[1], os.fsdecode(path) if isinstance(path, (str, bytes, Path)) else ""):
                die()


def start_install(settings: Any, specification: Any, point: str = "") -> subprocess.Popen[str]:
    """Start this program: it makes the environment ``tiny``, and dies at `point`."""
    values = {**asdict(settings), "home": str(settings.home)}
    order = {"point": point, "settings": values, "specification": str(specification.path)}
    return subprocess.Popen(
        [sys.executable, __file__, json.dumps(order)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def main(order: dict[str, Any]) -> None:
    from samj_bridge.install import ensure_environment
    from samj_bridge.install.specification import read_specification
    from samj_bridge.settings import Settings

    values = {**order["settings"], "home": Path(order["settings"]["home"])}
    values["channels"] = tuple(values["channels"])
    assassin = Assassin(*(POINTS[values["builder"]][order["point"]] if order["point"] else ("nobody",)))
    specification = read_specification(Path(order["specification"]))
    sys.addaudithook(assassin.audit)
    made = ensure_environment(Settings(**values), name="tiny", specification=specification, progress=assassin.step)
    print("made", made.prefix, flush=True)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
