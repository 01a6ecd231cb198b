"""``samj-bridge env ...``: parse and call."""

from __future__ import annotations

from typing import Annotated

import typer

from samj_bridge.cli.options import Home, Json, execute

__all__ = ["env_app"]

env_app = typer.Typer(help="The isolated environments on this machine.", no_args_is_help=True)


@env_app.command("list")
def env_list(json_output: Json = False, home: Home = None) -> None:
    """List the environments with versions, size and place."""
    from samj_bridge.cli.commands import env as command

    execute("env list", lambda settings, *_: command.run_list(settings), json_output=json_output, home=home)


@env_app.command("remove")
def env_remove(
    name: Annotated[str, typer.Argument(help="Name of the environment.")] = "samj",
    json_output: Json = False,
    home: Home = None,
) -> None:
    """Remove an environment; models and settings stay."""
    from samj_bridge.cli.commands import env as command

    execute(
        "env remove", lambda settings, *_: command.run_remove(settings, name), json_output=json_output, home=home
    )
