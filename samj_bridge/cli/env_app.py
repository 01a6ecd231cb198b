"""``samj-bridge env ...``: parse and call."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from samj_bridge.cli.options import Call, command_of

__all__ = ["env_app"]

env_app = typer.Typer(help="The isolated environments on this machine.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="Name of the environment.")]
Builder = Annotated[str | None, typer.Option(help="Who makes it: auto, micromamba or uv.")]
Micromamba = Annotated[
    # Not a path: a bare name is looked for on PATH.
    str | None, typer.Option(metavar="PATH", help="The micromamba to use; one is fetched by default.")
]
Channel = Annotated[
    list[str] | None,
    typer.Option(help="Conda channel, a name or a URL, instead of the specification's; repeat it."),
]
Device = Annotated[str | None, typer.Option(help="What to build for: auto, cpu, cuda or mps.")]
Specification = Annotated[
    Path | None, typer.Option("--spec", help="Another specification (a pixi.toml) than samj-bridge's own.")
]


@command_of(env_app, "env list")
def env_list(
    call: Call, probe: Annotated[bool, typer.Option(help="Start each one to see whether it works.")] = True
) -> None:
    """List the environments: size, age, builder, Python, torch, device, healthy or not."""
    from samj_bridge.cli.commands import env as command

    call.run(lambda settings, *_: command.run_list(settings, probe=probe))


@command_of(env_app, "env check")
def env_check(call: Call, name: Name = "samj") -> None:
    """Try an environment out; the exit code is 0 only when it works."""
    from samj_bridge.cli.commands import env as command

    call.run(lambda settings, *_: command.run_check(settings, name))


@command_of(env_app, "env create", verbose=True)
def env_create(
    call: Call,
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
) -> None:
    """Make an environment, if it is not there yet."""
    from samj_bridge.cli.commands import env_make as command

    request = command.Request(
        name=name, spec=spec, lock=lock, environment=environment, again=again, builder=builder, device=device
    )
    call.run(
        lambda settings, progress, cancel: command.run_create(request, settings, progress=progress, cancel=cancel),
        builder=builder,
        micromamba=micromamba or None,
        channels=tuple(channel) if channel else None,
        device=device,
    )


@command_of(env_app, "env use", verbose=True)
def env_use(
    call: Call,
    prefix: Annotated[Path | None, typer.Argument(help="Folder of a pixi, conda or virtual environment.")] = None,
    none: Annotated[bool, typer.Option("--none", help="Go back to samj-bridge's own.")] = False,
    name: Annotated[str, typer.Option(help="Name of the environment that it stands for.")] = "samj",
    spec: Specification = None,
) -> None:
    """Use an environment that was made elsewhere; it is tried out and never changed."""
    from samj_bridge.cli.commands import env_make as command

    call.run(
        lambda settings, progress, cancel: command.run_use(
            settings, None if none else prefix, name, spec, none=none, progress=progress, cancel=cancel
        )
    )


@command_of(env_app, "env repair", verbose=True)
def env_repair(
    call: Call,
    name: Name = "samj",
    spec: Specification = None,
    micromamba: Micromamba = None,
    channel: Channel = None,
) -> None:
    """Try an environment out, and make it again if it does not work; with what made it, unless more is named."""
    from samj_bridge.cli.commands import env_make as command

    call.run(
        lambda settings, progress, cancel: command.run_repair(
            settings, name, spec, progress=progress, cancel=cancel
        ),
        micromamba=micromamba or None,
        channels=tuple(channel) if channel else None,
    )


@command_of(env_app, "env remove")
def env_remove(call: Call, name: Name = "samj") -> None:
    """Remove an environment; models and settings stay, and so does one that was made elsewhere."""
    from samj_bridge.cli.commands import env as command

    call.run(lambda settings, *_: command.run_remove(settings, name))


@command_of(env_app, "env prune")
def env_prune(
    call: Call,
    caches: Annotated[bool, typer.Option("--caches", help="Also what can be fetched or computed again.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
) -> None:
    """Remove old and half-made builds, and say how much that frees."""
    from samj_bridge.cli.commands import env as command

    call.run(lambda settings, *_: command.run_prune(settings, caches=caches, dry_run=dry_run))


@command_of(env_app, "env export")
def env_export(
    call: Call,
    name: Name = "samj",
    output: Annotated[Path | None, typer.Option("--output", "-o", help="File to write it to.")] = None,
) -> None:
    """Print an environment's own lock: every package with its hash, for env create --from."""
    from samj_bridge.cli.commands import env_lock as command

    call.run(lambda settings, *_: command.run_export(settings, name, output))


@command_of(env_app, "env lock", verbose=True)
def env_lock(
    call: Call,
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
) -> None:
    """Solve the specification and write its locks: explicit ones for conda, a hashed one for PyPI."""
    from samj_bridge.cli.commands import env_lock as command

    call.run(
        lambda settings, progress, cancel: command.run_lock(
            settings, spec, output, platform or [], only, progress=progress, cancel=cancel
        ),
        micromamba=micromamba or None,
        channels=tuple(channel) if channel else None,
    )
