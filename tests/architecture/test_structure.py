"""No module of ours is longer, and no folder fuller, than a reader sees at a glance, without a reason."""

from __future__ import annotations

from pathlib import Path

import pytest
from structure import BEGIN, END, ROOT, folders_of, modules_of, table, written

LINES = 350
MODULES = 16

LONGER: dict[str, str] = {}
"""Modules that are longer, and why."""
FULLER = {
    "tests/fakes": "a fake a file, none of which needs another's room: a test reads `from fakes.disks import ...`",
    "tests/fiji": "they share one ImageJ, whose fixtures are the folder's conftest",
}
"""Folders that are fuller, and why."""

JAVA = "java_glue/src/main/java/org/samj/bridge"
MODULES_NOW = modules_of(ROOT)


def test_no_module_is_longer_than_350_lines_without_a_reason() -> None:
    found = {module.path: module.lines for module in MODULES_NOW if module.lines > LINES}
    assert set(found) <= set(LONGER), found
    assert set(LONGER) <= {module.path for module in MODULES_NOW}, "a reason for what is gone"


def test_no_folder_has_more_than_16_modules_without_a_reason() -> None:
    found = {name: len(folder.modules) for name, folder in folders_of(MODULES_NOW).items()}
    assert {name for name, count in found.items() if count > MODULES} <= set(FULLER), found
    assert set(FULLER) <= set(found), "a reason for what is gone"


def test_python_and_java_are_looked_at() -> None:
    folders = folders_of(MODULES_NOW)
    for name in ("samj_bridge/session", f"{JAVA}/appose", "tests/unit/session"):
        assert len(folders[name].modules) >= 5
    assert "samj_bridge/protocol" in folders["samj_bridge/session"].imports
    assert JAVA in folders[f"{JAVA}/appose"].imports
    assert "tests/fakes" in folders["tests/models"].imports


@pytest.fixture
def small(tmp_path: Path) -> Path:
    sources = {
        "samj_bridge/__init__.py": "",
        "samj_bridge/a/__init__.py": "from samj_bridge.a.one import x\n",
        "samj_bridge/a/one.py": "x = 1\n" * 9,
        "samj_bridge/a/two.py": "def f():\n    from samj_bridge.b import three\n    import samj_bridge.a.one\n",
        "samj_bridge/b/__init__.py": "",
        "samj_bridge/b/three.py": "import json\n",
        "tests/data/other.py": "y = 1\n",
        f"{JAVA}/ij/Tool.java": "package org.samj.bridge.ij;\n"
        "import org.samj.bridge.Roi;\nimport org.samj.bridge.ij.work.Work;\n",
    }
    for name, text in sources.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def test_the_table_has_a_folders_own_modules_and_what_they_import_from(small: Path) -> None:
    lines = table(modules_of(small), None).splitlines()[2:]
    java = "java_glue/src/main/java/org/samj/bridge/ij"
    assert lines == [
        f"| `{java}` | 1 | 3 | 3 | 2 |",
        "| `samj_bridge/a` | 2 | 6 | 9 | 1 |",
        "| `samj_bridge/b` | 1 | 1 | 1 | 0 |",
    ]


def test_what_changed_since_then_has_two_figures(small: Path) -> None:
    then = modules_of(small)
    (small / "samj_bridge/a/one.py").unlink()
    now = modules_of(small)
    assert "| `samj_bridge/a` | 2 → 1 | 6 → 3 | 9 → 3 | 1 |" in table(now, then).splitlines()
    page = f"# Title\n{BEGIN}\nlong ago\n{END}\nThe end.\n"
    made = written(page, now, then, "abc")
    assert made.startswith("# Title\n")
    assert made.endswith(f"{END}\nThe end.\n")
    assert table(now, then) in made
    assert "long ago" not in made
    assert written(made, now, then, "abc") == made
    with pytest.raises(ValueError, match="markers"):
        written("# Title\n", now, then, "abc")


def test_no_two_test_files_have_the_same_name() -> None:
    # pytest imports them by their bare names: it collects neither when both are asked for.
    names = [path.name for path in (ROOT / "tests").rglob("test_*.py")]
    assert sorted(names) == sorted(set(names))
