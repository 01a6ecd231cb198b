"""What a user can type is documented, and the documents point at what exists."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest
import typer.main

from samj_bridge.cli.main import app

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "findings").glob("*.md")])


def commands() -> list[tuple[str, click.Command]]:
    root = typer.main.get_command(app)
    found: list[tuple[str, click.Command]] = []

    def walk(prefix: str, group: object) -> None:
        for name, command in getattr(group, "commands", {}).items():
            if hasattr(command, "commands"):
                walk(f"{prefix}{name} ", command)
            else:
                found.append((f"{prefix}{name}", command))

    walk("", root)
    return found


@pytest.mark.parametrize(("name", "command"), commands(), ids=lambda value: value if isinstance(value, str) else "")
def test_every_command_and_option_has_help_and_a_place_in_the_docs(name: str, command: click.Command) -> None:
    page = (ROOT / "docs" / "reference" / "cli.md").read_text(encoding="utf-8")
    assert f"samj-bridge {name}" in page
    assert command.help
    for option in command.params:
        longest = max(
            (text for text in option.opts + option.secondary_opts if text.startswith("--")), default="", key=len
        )
        if longest:
            assert longest in page, f"{name} {longest}"
            assert getattr(option, "help", ""), longest


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_between_pages_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), target


def test_no_page_or_module_names_a_folder_of_one_machine() -> None:
    pattern = re.compile(r"(?<![A-Za-z0-9_.])/(?:work|root|opt|home)/[A-Za-z]")
    for path in [*PAGES, *(ROOT / "samj_bridge").rglob("*.py"), *(ROOT / "benchmarks").rglob("*.py")]:
        assert not pattern.search(path.read_text(encoding="utf-8")), path
