"""Options that every command has, and how a command's body is run."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from samj_bridge.cli.result import Result, Show, cancel_on_interrupt, run_command
from samj_bridge.progress import CancelToken, Progress
from samj_bridge.settings import Settings

__all__ = ["Home", "Json", "Verbose", "execute"]

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object for machines, and nothing else.")]
Home = Annotated[
    Path | None, typer.Option("--home", help="Folder for environments and models (default: SAMJ_HOME).")
]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Say more on standard error.")]

_CHANGING = {"env create", "env use", "env repair", "env remove", "models remove"}
"""Commands after which programs without Python must be told anew how to start the worker; a session tells them
itself, and so does the installation of a model."""


def execute(
    command: str,
    body: Callable[[Settings, Progress, CancelToken], Result],
    *,
    json_output: bool,
    home: Path | None,
    verbose: bool = False,
    **overrides: Any,
) -> None:
    """Run a command's `body` with settings, progress and cancel, show its result, and leave with its exit code.

    ``overrides`` are settings that options of this command stand for; None leaves a setting as it is.
    """
    logging.basicConfig(
        level=logging.INFO if verbose else logging.WARNING, format="%(message)s", stream=sys.stderr, force=True
    )
    show = Show(json_output=json_output)

    def run() -> Result:
        settings = Settings.from_environment(home=home, **overrides)
        try:
            with show.progress() as progress, cancel_on_interrupt() as cancel:
                return body(settings, progress, cancel)
        finally:
            if command in _CHANGING:
                # Also after a failure: half of what was asked for may be there, or gone.
                from samj_bridge.session.card import refresh_card

                refresh_card(settings)

    raise typer.Exit(run_command(show, command, run))
