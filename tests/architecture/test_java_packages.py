"""The packages of java_glue: which may use which is read from ARCHITECTURE.md, which do from the sources."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "java_glue" / "src"
MAIN = SOURCES / "main" / "java"
OURS = "org.samj.bridge"
LONGEST = 350
MOST = 16

Uses = dict[str, set[str]]


def short(package: str) -> str:
    """``org.samj.bridge.ij.tool`` as ARCHITECTURE.md calls it: ``tool``; the root is ``bridge``."""
    return package.rsplit(".", 1)[-1]


def uses(sources: Path) -> Uses:
    """Per package, the other ones of ours that its code names; not its comments and texts."""
    packages = {".".join(path.parent.relative_to(sources).parts) for path in sources.rglob("*.java")}
    found: Uses = {short(package): set() for package in packages}
    for path in sources.rglob("*.java"):
        own = ".".join(path.parent.relative_to(sources).parts)
        code = re.sub(
            r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"', "", path.read_text(encoding="utf-8"), flags=re.DOTALL
        )
        code = re.sub(r"^package [\w.]+;", "", code, flags=re.MULTILINE)
        for name in re.findall(rf"\b{re.escape(OURS)}(?:\.[a-z]\w*)*(?=\.(?:[A-Z*]))", code):
            if name != own:
                found[short(own)].add(short(name))
    return found


def circle(graph: Uses) -> list[str]:
    """One way round from a package to itself; empty: there is none."""

    def walk(way: list[str]) -> Iterator[list[str]]:
        for following in sorted(graph.get(way[-1], ())):
            if following in way:
                yield [*way[way.index(following) :], following]
            else:
                yield from walk([*way, following])

    return next((found for start in sorted(graph) for found in walk([start])), [])


def layers(page: str) -> list[set[str]]:
    """The picture under "The Java packages", from the top."""
    picture = page.split("## The Java packages", 1)[1].split("```")[1]
    rows = re.findall(r"^ *([a-z]+(?: *\| *[a-z]+)*)  ", picture, flags=re.MULTILINE)
    return [set(re.findall(r"[a-z]+", row)) for row in rows]


def wrong(graph: Uses, order: list[set[str]]) -> list[str]:
    """Uses that point upwards, or sideways."""
    height = {name: row for row, names in enumerate(order) for name in names}
    return [f"{user} -> {used}" for user in graph for used in graph[user] if height[used] <= height[user]]


def test_the_packages_have_no_circles() -> None:
    assert circle(uses(MAIN)) == []


def test_a_package_uses_only_what_stands_below_it_in_the_picture() -> None:
    graph, order = uses(MAIN), layers((ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8"))
    assert set(graph) == set().union(*order), "the picture has every package, and no other"
    assert wrong(graph, order) == []
    # The worker's side has to load where ImageJ is not, and ImageJ's where Appose is not.
    assert graph["appose"] == {"bridge"}
    assert not any("appose" in used for used in graph.values())


def test_a_planted_circle_and_a_planted_step_upwards_are_found(tmp_path: Path) -> None:
    for name, code in {
        "low/A.java": "package org.samj.bridge.low; import org.samj.bridge.high.B; class A { }",
        "high/B.java": "package org.samj.bridge.high; class B { org.samj.bridge.low.A a; }",
        "high/C.java": "package org.samj.bridge.high; /** {@link org.samj.bridge.odd.D} */ class C { "
        'String s = "org.samj.bridge.odd.D"; }',
        "odd/D.java": "package org.samj.bridge.odd; class D { }",
    }.items():
        path = tmp_path / "org/samj/bridge" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(code, encoding="utf-8")
    graph = uses(tmp_path)
    assert graph == {"low": {"high"}, "high": {"low"}, "odd": set()}
    assert circle(graph) == ["high", "low", "high"]
    order = layers("## The Java packages\n```\n  high | odd    one\n     |\n  low           two\n```")
    assert order == [{"high", "odd"}, {"low"}]
    assert wrong(graph, order) == ["low -> high"]


@pytest.mark.parametrize(
    "package",
    sorted({path.parent for path in SOURCES.rglob("*.java")}),
    ids=lambda path: str(path.relative_to(SOURCES)),
)
def test_a_package_can_be_overlooked_and_a_file_read_in_one_go(package: Path) -> None:
    files = sorted(package.glob("*.java"))
    assert len([path for path in files if path.stem != "package-info"]) <= MOST
    long = {path.name: text.count("\n") for path in files for text in [path.read_text(encoding="utf-8")]}
    assert {name: lines for name, lines in long.items() if lines > LONGEST} == {}


def test_the_menu_has_every_command_wherever_it_is_written_down() -> None:
    config = (SOURCES / "main/resources/plugins.config").read_text(encoding="utf-8")
    listed = dict(re.findall(r'^Plugins>SAMJ, "([^"]+)", ([\w.]+)$', config, flags=re.MULTILINE))
    menu = (MAIN / "org/samj/bridge/ij/Menu.java").read_text(encoding="utf-8")
    assert dict(re.findall(r'\{"([^"]+)", "([\w.]+)"\}', menu)) == listed
    there = {
        f"{OURS}.ij.commands.{path.stem}" for path in (MAIN / "org/samj/bridge/ij/commands").glob("*Command.java")
    }
    assert set(listed.values()) == there - {f"{OURS}.ij.commands.Command"}
