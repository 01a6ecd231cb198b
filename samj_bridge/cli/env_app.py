"""``samj-bridge env ...``: parse and call."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from samj_bridge.cli.options import Home, Json, Verbose, execute

__all__ = ["env_app"]

env_app = typer.Typer(help="The isolated environments on this machine.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="Name of the environment.")]
Builder = Annotated[str | None, typer.Option(help="Who makes it: auto, micromamba or uv.")]
Micromamba = Annotated[Path | None, typer.Option(help="The micromamba to use; one is fetched by default.")]
Channel = Annotated[
    list[str] | None,
    typer.Option(help="Conda channel, a name or a URL, instead of the specification's; repeat it."),
]
Device = Annotated[str | None, typer.Option(help="What to build for: auto, cpu, cuda or mps.")]
Specification = Annotated[
    Path | None, typer.Option("--spec", help="Another specification (a pixi.toml) than samj-bridge's own.")
]


@env_app.command("list")
def env_list(
    probe: Annotated[bool, typer.Option(help="Start each one to see whether it works.")] = True,
    json_output: Json = False,
    home: Home = None,
) -> None:
    """List the environments: size, age, builder, Python, torch, device, healthy or not."""
    from samj_bridge.cli.commands import env as command

    execute(
        "env list", lambda settings, *_: command.run_list(settings, probe=probe), json_output=json_output, home=home
    )


@env_app.command("check")
def env_check(name: Name = "samj", json_output: Json = False, home: Home = None) -> None:
    """Try an environment out; the exit code is 0 only when it works."""
    from samj_bridge.cli.commands import env as command

    execute("env check", lambda settings, *_: command.run_check(settings, name), json_output=json_output, home=home)


@env_app.command("create")
def env_create(
    name: Annotated[
        str | None, typer.Argument(help="Name of the environment; the specification's by default.")
    ] = None,
    builder: Builder = None,
    micromamba: Micromamba = None,
    channel: Channel = None,
    spec: Specification = None,
    lock: Annotated[
        Path | None,
        typer.Option(
            "--from", help="Install the very packages of a lock: env export's, a pixi.lock, an explicit list."
        ),
    ] = None,
    environment: Annotated[
        str | None, typer.Option(help="Which environment of a pixi.lock (cpu, cuda or default by default).")
    ] = None,
    device: Device = None,
    again: Annotated[bool, typer.Option("--again", help="Make a new one even if there is a healthy one.")] = False,
    json_output: Json = False,
    home: Home = None,
    verbose: Verbose = False,
) -> None:
    """Make an environment, if it is not there yet."""
    from samj_bridge.cli.commands import env_make as command

    request = command.Request(
        name=name, spec=spec, lock=lock, environment=environment, again=again, builder=builder, device=device
    )
    execute(
        "env create",
        lambda settings, progress, cancel: command.run_create(request, settings, progress=progress, cancel=cancel),
        json_output=json_output,
        home=home,
        verbose=verbose,
        builder=builder,
        micromamba=str(micromamba) if micromamba else None,
        channels=tuple(channel) if channel else None,
        device=device,
    )


@env_app.command("use")
def env_use(
    prefix: Annotated[Path | None, typer.Argument(help="Folder of a pixi, conda or virtual environment.")] = None,
    none: Annotated[bool, typer.Option("--none", help="Go back to samj-bridge's own.")] = False,
    name: Annotated[str, typer.Option(help="Name of the environment that it stands for.")] = "samj",
    spec: Specification = None,
    json_output: Json = False,
    home: Home = None,
    verbose: Verbose = False,
) -> None:
    """Use an environment that was made elsewhere; it is tried out and never changed."""
    from samj_bridge.cli.commands import env_make as command

    execute(
        "env use",
        lambda settings, progress, cancel: command.run_use(
            settings, None if none else prefix, name, spec, none=none, progress=progress, cancel=cancel
        ),
        json_output=json_output,
        home=home,
        verbose=verbose,
    )


@env_app.command("repair")
def env_repair(
    name: Name = "samj",
    spec: Specification = None,
    json_output: Json = False,
    home: Home = None,
    verbose: Verbose = False,
) -> None:
    """Try an environment out, and make it again if it does not work."""
    from samj_bridge.cli.commands import env_make as command

    execute(
        "env repair",
        lambda settings, progress, cancel: command.run_repair(
            settings, name, spec, progress=progress, cancel=cancel
        ),
        json_output=json_output,
        home=home,
        verbose=verbose,
    )


@env_app.command("remove")
def env_remove(name: Name = "samj", json_output: Json = False, home: Home = None) -> None:
    """Remove an environment; models and settings stay, and so does one that was made elsewhere."""
    from samj_bridge.cli.commands import env as command

    execute(
        "env remove", lambda settings, *_: command.run_remove(settings, name), json_output=json_output, home=home
    )


@env_app.command("prune")
def env_prune(
    caches: Annotated[bool, typer.Option("--caches", help="Also what can be fetched or computed again.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    json_output: Json = False,
    home: Home = None,
) -> None:
    """Remove old and half-made builds, and say how much that frees."""
    from samj_bridge.cli.commands import env as command

    execute(
        "env prune",
        lambda settings, *_: command.run_prune(settings, caches=caches, dry_run=dry_run),
        json_output=json_output,
        home=home,
    )


@env_app.command("export")
def env_export(
    name: Name = "samj",
    output: Annotated[Path | None, typer.Option("--output", "-o", help="File to write it to.")] = None,
    json_output: Json = False,
    home: Home = None,
) -> None:
    """Print an environment's own lock: every package with its hash, for env create --from."""
    from samj_bridge.cli.commands import env_lock as command

    execute(
        "env export",
        lambda settings, *_: command.run_export(settings, name, output),
        json_output=json_output,
        home=home,
    )


@env_app.command("lock")
def env_lock(
    platform: Annotated[
        list[str] | None, typer.Option(help="Platform to solve for, such as osx-arm64; repeat it. All by default.")
    ] = None,
    only: Annotated[str, typer.Option(help="Which locks: all, conda or pypi.")] = "all",
    spec: Specification = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder to write to; beside the specification by default.")
    ] = None,
    micromamba: Micromamba = None,
    channel: Channel = None,
    json_output: Json = False,
    home: Home = None,
    verbose: Verbose = False,
) -> None:
    """Solve the specification and write its locks: explicit ones for conda, a hashed one for PyPI."""
    from samj_bridge.cli.commands import env_lock as command

    execute(
        "env lock",
        lambda settings, progress, cancel: command.run_lock(
            settings, spec, output, platform or [], only, progress=progress, cancel=cancel
        ),
        json_output=json_output,
        home=home,
        verbose=verbose,
        micromamba=str(micromamba) if micromamba else None,
        channels=tuple(channel) if channel else None,
    )
