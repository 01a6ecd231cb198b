"""How the code is divided: modules, their lengths and what they import, folder by folder.

::

    python -m tests.architecture.structure                  # the checkout, as a table
    python -m tests.architecture.structure 60bb5a1          # beside it, how it was then
    python -m tests.architecture.structure 60bb5a1 --write docs/explanation/structure.md

A folder's modules are those that lie in it, without the ones of its folders, and without ``__init__``.
"""

from __future__ import annotations

import argparse
import ast
import io
import re
import statistics
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Folder", "Module", "folders_of", "modules_of", "read_commit", "table", "written"]

ROOT = Path(__file__).resolve().parents[2]
ROOTS = ("samj_bridge", "java_glue/src", "tests", "benchmarks", "training")
NOT_OURS = ("tests/data",)
"""Programs that came with the data, as they came."""
JAVA = "org/samj/bridge"
BEGIN, END = "<!-- made by tests.architecture.structure -->", "<!-- end of what it made -->"


@dataclass(frozen=True)
class Module:
    """A source file."""

    path: str
    """Where it is, from the root of the checkout."""
    lines: int
    """Its lines, empty ones and comments too."""
    imports: frozenset[str]
    """The folders of ours that it imports from, its own left out."""

    @property
    def folder(self) -> str:
        return str(Path(self.path).parent.as_posix())


@dataclass(frozen=True)
class Folder:
    """A folder with modules in it."""

    path: str
    modules: tuple[Module, ...]

    @property
    def median(self) -> int:
        return int(statistics.median(module.lines for module in self.modules))

    @property
    def largest(self) -> Module:
        return max(self.modules, key=lambda module: module.lines)

    @property
    def imports(self) -> frozenset[str]:
        return frozenset().union(*(module.imports for module in self.modules))


def modules_of(root: Path) -> list[Module]:
    """Return the modules of a checkout, Python's and Java's."""
    paths = sorted(
        path
        for top in ROOTS
        for suffix in ("*.py", "*.java")
        for path in (root / top).rglob(suffix)
        if "target" not in path.parts and not path.relative_to(root).as_posix().startswith(NOT_OURS)
    )
    texts = {path.relative_to(root).as_posix(): path.read_text(encoding="utf-8") for path in paths}
    folders = {name: _folder_named(name) for name in texts}
    return [
        Module(name, len(text.splitlines()), frozenset(_imported(name, text, folders) - {folders[name]}))
        for name, text in texts.items()
        if not name.endswith("/__init__.py")
    ]


def folders_of(modules: Sequence[Module]) -> dict[str, Folder]:
    """Return the folders of some modules, by their paths."""
    names = sorted({module.folder for module in modules})
    return {name: Folder(name, tuple(item for item in modules if item.folder == name)) for name in names}


def _folder_named(name: str) -> str:
    return Path(name).parent.as_posix()


def _imported(name: str, text: str, folders: Mapping[str, str]) -> set[str]:
    if name.endswith(".java"):
        found = re.findall(rf"^import (?:static )?({JAVA.replace('/', '.')}[\w.]*)", text, re.MULTILINE)
        top = name.split(JAVA, maxsplit=1)[0]
        return {f"{top}{'/'.join(part for part in item.split('.') if part.islower())}" for item in found}
    # A test imports what lies beside it or in `tests` by its bare name.
    near = [f"{folders[name]}/", "tests/"] if name.startswith("tests/") else []
    found_in = set()
    for module in _named(text):
        for start in ["", *near]:
            path = start + module.replace(".", "/")
            for file in (f"{path}.py", f"{path}/__init__.py"):
                if file in folders:
                    found_in.add(folders[file])
    return found_in


def _named(text: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def read_commit(commit: str) -> list[Module]:
    """Return the modules as they were at a commit of this checkout."""
    done = subprocess.run(["git", "archive", commit, *ROOTS], cwd=ROOT, capture_output=True, check=True)
    with tempfile.TemporaryDirectory() as folder, tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        for member in archive.getmembers():
            if member.isfile() and member.name.endswith((".py", ".java")):
                path = Path(folder) / member.name
                path.parent.mkdir(parents=True, exist_ok=True)
                source = archive.extractfile(member)
                path.write_bytes(source.read() if source is not None else b"")
        return modules_of(Path(folder))


def table(now: Sequence[Module], then: Sequence[Module] | None) -> str:
    """Return a table in Markdown, with the figures of an earlier commit before those of today."""
    today, before = folders_of(now), folders_of(then or [])
    lines = [
        "| folder | modules | median lines | longest | imports from |",
        "|---|---|---|---|---|",
    ]
    for name in sorted({*today, *before}):
        was, found = before.get(name), today.get(name)
        figures = [
            (str(len(folder.modules)), str(folder.median), str(folder.largest.lines), str(len(folder.imports)))
            if folder is not None
            else ("",) * 4
            for folder in (was, found)
        ]
        cells = [
            new if then is None or old == new else f"{old or '-'} → {new or '-'}"
            for old, new in zip(*figures, strict=True)
        ]
        lines.append(f"| `{name}` | {' | '.join(cells)} |")
    return "\n".join(lines)


def summary(modules: Sequence[Module]) -> str:
    """Return a sentence about a whole checkout."""
    folders = folders_of(modules)
    median = statistics.median(module.lines for module in modules)
    largest = max(modules, key=lambda module: module.lines)
    fullest = max(folders.values(), key=lambda folder: len(folder.modules))
    return (
        f"{len(modules)} modules in {len(folders)} folders, median {median:.0f} lines; the longest is"
        f" `{largest.path}` with {largest.lines}, the fullest folder `{fullest.path}` with {len(fullest.modules)}."
    )


def written(page: str, now: Sequence[Module], then: Sequence[Module], commit: str) -> str:
    """Return a page of the docs with what stands between its markers made anew."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        message = f"The page lacks the markers {BEGIN} and {END}."
        raise ValueError(message)
    made = f"Before ({commit}): {summary(then)}\n\nNow: {summary(now)}\n\n{table(now, then)}"
    return f"{before}{begin}\n\n{made}\n\n{end}{after}"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.architecture.structure", description=__doc__)
    parser.add_argument("commit", nargs="?", help="an earlier commit to set beside the checkout")
    parser.add_argument("--write", type=Path, help="bring a page of the docs up to date, which needs a commit")
    arguments = parser.parse_args()
    now = modules_of(ROOT)
    then = read_commit(arguments.commit) if arguments.commit else None
    if arguments.write is not None:
        if then is None:
            parser.error("--write needs the commit that was before")
        page = arguments.write.read_text(encoding="utf-8")
        arguments.write.write_text(written(page, now, then, arguments.commit), encoding="utf-8")
    else:
        print(table(now, then))


if __name__ == "__main__":
    main()
