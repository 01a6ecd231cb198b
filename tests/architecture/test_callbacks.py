"""Every place that calls somebody's callback does it through `notify`, and is driven by a case of the table."""

from __future__ import annotations

import ast
from pathlib import Path

import samj_bridge

PACKAGE = Path(samj_bridge.__file__).parent

CALLBACKS = {"progress", "_progress", "on_line", "on_start", "on_tick", "on_wait", "on_block", "on_update"}
CALLBACKS |= {"callback", "_sink"}
"""What callbacks of others are called in this package."""

DRIVEN_BY = {
    "cli/commands/bench.py": "commands",
    "cli/commands/demo.py": "commands",
    "cli/commands/doctor.py": "commands",
    "cli/commands/fiji.py": "commands",
    "cli/commands/info.py": "commands",
    "cli/commands/serve.py": "tests/integration/server/test_command.py",
    "compare/running.py": "tests/integration/compare/test_comparing.py",
    "download/digest.py": "download",
    "download/index.py": "tests/models/test_installing_from_wheels.py",
    "download/meter.py": "download",
    "download/partial.py": "download",
    "fiji/watching.py": "tests/fiji/test_watching.py",
    "install/builders/base.py": "uv",
    "install/builders/micromamba/installing.py": "micromamba",
    "install/builders/micromamba/progress.py": "micromamba",
    "install/builders/micromamba/tool.py": "micromamba",
    "install/builders/uv/progress.py": "uv",
    "install/builders/uv/unpacking.py": "uv",
    "install/care.py": "uv",
    "install/locks/making.py": "locks",
    "install/manager.py": "uv",
    "install/prefixes/adoption.py": "adoption",
    "install/prefixes/turns.py": "turns",
    "models/by_hand.py": "models",
    "models/obtain.py": "waiting for a model",
    "models/store.py": "waiting for a model",
    "models/verifying.py": "models",
    "napari/asking.py": "tests/in_napari/gui/check_stacks.py",
    "process/locks.py": "turns",
    "process/run.py": "child",
    "progress.py": "tests/unit/test_progress.py",
    "segmenting/input_image.py": "tests/unit/segmenting/test_saving.py",
    "segmenting/label_output.py": "tests/unit/segmenting/test_label_output.py",
    "segmenting/save.py": "tests/unit/segmenting/test_saving.py",
    "segmenting/side_by_side.py": "tests/unit/segmenting/test_side_by_side.py",
    "session/answers.py": "session",
    "session/blocks/image.py": "tests/integration/everything/test_everything_blocks.py",
    "session/blocks/search.py": "tests/integration/everything/test_everything_blocks.py",
    "session/connection/client.py": "session",
    "session/conversion.py": "conversion",
    "session/encoded.py": "session",
    "session/everything.py": "session",
    "session/installing.py": "conversion",
    "session/stack/walking.py": "tests/integration/stacks/test_stacks.py",
    "session/tiles/answers.py": "session",
    "session/tiles/image.py": "session",
    "session/connection/service.py": "worker's log",
    "session/connection/supervisor.py": "session",
}
"""File to the case of tests/fakes/watched_work.py that drives its callbacks with ones that raise, or to a test."""


def calls(path: Path) -> list[str]:
    """Return the last part of the name of everything that a file calls."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            name = node.func
            found.append(name.attr if isinstance(name, ast.Attribute) else getattr(name, "id", ""))
    return found


def files() -> dict[str, list[str]]:
    found = {path.relative_to(PACKAGE).as_posix(): calls(path) for path in sorted(PACKAGE.rglob("*.py"))}
    return {name: called for name, called in found.items() if not name.startswith("worker/")}


def test_nobody_calls_a_callback_but_through_notify() -> None:
    direct = {name: sorted(set(called) & CALLBACKS) for name, called in files().items()}
    del direct["progress.py"]
    # Decorators of typer and a method of our own that opens a display are no callbacks.
    direct["cli/main.py"].remove("callback")
    direct["cli/options.py"].remove("progress")
    assert {name: what for name, what in direct.items() if what} == {}


def test_every_place_that_calls_somebody_is_driven_by_a_case() -> None:
    from fakes.watched_work import CASES

    callers = {name for name, called in files().items() if {"notify", "looking"} & set(called)}
    assert callers == set(DRIVEN_BY)
    for case in set(DRIVEN_BY.values()):
        assert case in CASES or (PACKAGE.parent / case).is_file(), case
