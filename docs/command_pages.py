"""The directive ``commands``: every command with its arguments and options, out of the program itself.

sphinx-click would do this, but recent typers bring a click of their own, which it does not recognise.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import typer.main
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from samj_bridge.cli.main import app


class Commands(SphinxDirective):
    """Write a section for each command of ``samj-bridge``."""

    def run(self) -> list[nodes.Node]:
        """Return the sections as nodes of the page."""
        text = "\n".join(_sections("samj-bridge", typer.main.get_command(app), 2))
        return self.parse_text_to_nodes(text, allow_section_headings=True)


def setup(sphinx: Sphinx) -> dict[str, bool]:
    """Tell Sphinx of the directive."""
    sphinx.add_directive("commands", Commands)
    return {"parallel_read_safe": True}


def _sections(name: str, command: Any, level: int) -> Iterator[str]:
    inner = getattr(command, "commands", None)
    if inner is not None:
        for word, one in sorted(inner.items()):
            yield from _sections(f"{name} {word}", one, level)
        return
    yield f"{'#' * level} {name}\n\n{command.help or ''}\n"
    rows = [_row(parameter) for parameter in command.params if not getattr(parameter, "hidden", False)]
    if rows:
        yield "| argument or option | what | default |\n|---|---|---|"
        yield from rows
    yield ""


def _row(parameter: Any) -> str:
    flag = getattr(parameter, "is_flag", False)
    if parameter.param_type_name == "argument":
        name = f"`{(parameter.metavar or parameter.name).upper()}`" + (" ..." if parameter.nargs == -1 else "")
    else:
        name = ", ".join(f"`{option}`" for option in (*parameter.opts, *parameter.secondary_opts))
        name += ", repeatable" if parameter.multiple else ""
    default = "" if flag or not parameter.default else f"`{parameter.default}`"
    if parameter.required:
        default = "(needed)"
    text = (getattr(parameter, "help", "") or "").replace("|", "\\|").replace("\n", " ")
    return f"| {name} | {text} | {default} |"
