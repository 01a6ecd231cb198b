"""Which module imports which, read from the sources: inside functions and for type checking too."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

__all__ = ["circles", "graph", "imports_of", "modules_of"]


def modules_of(root: Path, packages: Iterable[str]) -> dict[str, Path]:
    """Return the file of each module of some packages that lie in a folder, by the module's name."""
    found = {}
    for package in packages:
        for path in sorted((root / package).rglob("*.py")):
            parts = path.relative_to(root).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports_of(path: Path, known: Iterable[str]) -> set[str]:
    """Return the modules among `known` that a file imports, wherever in it.

    ``from package import name`` means the module ``package.name`` where there is one, else ``package``, whose
    ``__init__`` then gives the name. That importing ``a.b`` runs ``a/__init__.py`` first is not counted: it is so
    for every module of every package.
    """
    names = frozenset(known)
    return set(_named(ast.parse(path.read_text(encoding="utf-8")), names))


def _named(tree: ast.Module, known: frozenset[str]) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                if inner in known or node.module in known:
                    yield inner if inner in known else node.module


def graph(root: Path, packages: Iterable[str]) -> dict[str, set[str]]:
    """Return for each module of some packages the ones of them that it imports."""
    modules = modules_of(root, packages)
    return {name: imports_of(path, modules) - {name} for name, path in modules.items()}


def circles(imports: Mapping[str, Iterable[str]]) -> list[list[str]]:
    """Return the groups of modules that import each other, directly or over others; none when all is well."""
    reached = {name: _reached(name, imports) for name in imports}
    found = {
        tuple(sorted(other for other in reached[name] if name in reached[other]))
        for name in imports
        if name in reached[name]
    }
    return sorted(map(list, found))


def _reached(start: str, imports: Mapping[str, Iterable[str]]) -> set[str]:
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        for name in imports.get(waiting.pop(), ()):
            if name not in seen:
                seen.add(name)
                waiting.append(name)
    return seen
