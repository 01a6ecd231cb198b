"""The ``samj-bridge`` command: parse, call, show."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from samj_bridge.cli.compare_options import compare
from samj_bridge.cli.edge import run_app
from samj_bridge.cli.env_app import env_app
from samj_bridge.cli.models_app import models_app
from samj_bridge.cli.options import Call, ComputesOn, command_of
from samj_bridge.cli.propagate_options import propagate
from samj_bridge.cli.segment_options import segment

__all__ = ["app", "main"]

app = typer.Typer(
    name="samj-bridge",
    help="Segment-Anything-class models in Fiji: from a prompt to an exact ImageJ ROI.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(env_app, name="env")
app.add_typer(models_app, name="models")


def _version(value: bool) -> None:
    if value:
        from samj_bridge.cli.version import describe

        typer.echo(describe())
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_version, is_eager=True, help="Print package, commit, worker and jar, and leave."
        ),
    ] = False,
) -> None:
    """Segment-Anything-class models in Fiji: from a prompt to an exact ImageJ ROI."""


@command_of(app, "setup", verbose=True)
def setup(
    call: Call,
    again: Annotated[bool, typer.Option("--again", help="Make a new environment even if there is one.")] = False,
    model: Annotated[str, typer.Option(help="Also install this model (on a terminal it is asked for).")] = "",
    accept_licence: Annotated[
        bool, typer.Option("--accept-licence", help="Accept the model's licence, if it has to be.")
    ] = False,
    builder: Annotated[str | None, typer.Option(help="Who makes it: auto, micromamba or uv.")] = None,
    device: Annotated[str | None, typer.Option(help="What to build for: auto, cpu, cuda or mps.")] = None,
) -> None:
    """Make the isolated environment and check that the worker answers."""
    from samj_bridge.cli.commands import setup as command
    from samj_bridge.cli.commands.env_make import is_another

    call.run(
        lambda settings, progress, cancel: command.run(
            settings,
            again=again or is_another(settings, "samj", builder, device),
            model=model,
            accept_licence=accept_licence,
            ask=not call.json_output,
            progress=progress,
            cancel=cancel,
        ),
        builder=builder,
        device=device,
    )


command_of(app, "segment", verbose=True)(segment)
command_of(app, "propagate", verbose=True)(propagate)
command_of(app, "compare", verbose=True)(compare)


@command_of(app, "info", verbose=True)
def info(
    call: Call,
    images: Annotated[list[Path], typer.Argument(help="Images, or folders of images.")],
    series: Annotated[int | None, typer.Option(help="Only this image of a file, counted from 0.")] = None,
) -> None:
    """Say what image files hold: size, planes, channels, pixel size, levels, and what prompts count in."""
    from samj_bridge.cli.commands import info as command

    call.run(
        lambda _settings, progress, cancel: command.run(images, series=series, progress=progress, cancel=cancel)
    )


@command_of(app, "bench", verbose=True)
def bench(
    call: Call,
    model: Annotated[
        list[str] | None, typer.Option(help="Model id; may be repeated. Default: all installed.")
    ] = None,
    repeats: Annotated[int, typer.Option(min=1, help="Images that each model opens.")] = 3,
    device: ComputesOn = None,
    precision: Annotated[
        str | None, typer.Option(help="auto, float32, bfloat16 or float16: what the networks compute in.")
    ] = None,
) -> None:
    """Measure the installed models on this machine: times, memory, what limits them, which to choose."""
    from samj_bridge.cli.commands import bench as command

    call.run(
        lambda settings, progress, cancel: command.run(
            settings, models=model or [], repeats=repeats, progress=progress, cancel=cancel
        ),
        device=device,
        precision=precision,
    )


@command_of(app, "demo", verbose=True)
def demo(
    call: Call,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the results.")] = Path("samj-demo"),
    imagej: Annotated[bool, typer.Option(help="Make and check the ROIs in a real ImageJ (needs Java).")] = True,
) -> None:
    """Do the main job on real images: set up, segment, make the ROIs in ImageJ, check and save them."""
    from samj_bridge.cli.commands import demo as command

    call.run(
        lambda settings, progress, cancel: command.run(
            settings, output=output, imagej=imagej, progress=progress, cancel=cancel
        )
    )


@command_of(app, "cache")
def cache(
    call: Call,
    prune: Annotated[bool, typer.Option("--prune", help="Remove them.")] = False,
    keep: Annotated[
        int, typer.Option(min=0, metavar="MB", help="What --prune leaves; the images that take most give first.")
    ] = 0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what --prune would remove.")] = False,
) -> None:
    """Show the encoded images and tiles that are kept on disk, so that they open at once, or remove them."""
    from samj_bridge.cli.commands import cache as command

    call.run(lambda settings, *_: command.run(settings, prune=prune, keep_mb=keep, dry_run=dry_run))


@command_of(app, "doctor", verbose=True)
def doctor(
    call: Call,
    worker: Annotated[bool, typer.Option(help="Also start the worker and talk to it.")] = True,
    network: Annotated[bool, typer.Option(help="Also ask the servers that an installation needs.")] = True,
) -> None:
    """Say what is installed, where, what is broken, and the command that mends it."""
    from samj_bridge.cli.commands import doctor as command

    call.run(
        lambda settings, progress, _: command.run(settings, start_worker=worker, network=network, progress=progress)
    )


@command_of(app, "fiji", verbose=True)
def fiji(
    call: Call,
    images: Annotated[list[Path] | None, typer.Argument(help="Images to open.")] = None,
    fiji: Annotated[
        str | None, typer.Option("--fiji", help="Folder of a Fiji on this machine, or a version such as 2.16.0.")
    ] = None,
    imagej1: Annotated[bool, typer.Option("--imagej1", help="Plain ImageJ 1.x from Maven Central.")] = False,
    memory: Annotated[str, typer.Option(help="Largest Java heap, for example 6g.")] = "",
    install: Annotated[
        bool, typer.Option("--install", help="Put the tool's jar into the Fiji of --fiji, for good; start nothing.")
    ] = False,
    remove: Annotated[
        bool, typer.Option("--remove", help="Take it out of that Fiji again; start nothing.")
    ] = False,
) -> None:
    """Open Fiji, or ImageJ where Fiji can't be had, with the SAMJ tool in it."""
    from samj_bridge.cli.commands import fiji as command

    if install or remove:
        call.run(lambda _settings, _progress, _cancel: command.in_plugins(fiji, install=install, remove=remove))
        return
    with command.leaving_at_once():
        call.run(
            lambda settings, progress, cancel: command.run(
                settings,
                images=images or [],
                fiji=fiji,
                imagej1=imagej1,
                memory=memory,
                progress=progress,
                cancel=cancel,
            )
        )


@command_of(app, "serve", verbose=True)
def serve(
    call: Call,
    host: Annotated[str, typer.Option(help="Interface; any but this machine's own needs the token.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0: one that is free.")] = 8000,
    any_port: Annotated[bool, typer.Option("--any-port", help="Take the next free port if this is taken.")] = False,
    model: Annotated[str, typer.Option(help="Model for clients that name none that is installed.")] = "starter",
    root: Annotated[
        list[Path] | None, typer.Option(help="Folder below which images may be opened by path; may be repeated.")
    ] = None,
    label_studio: Annotated[
        str, typer.Option(help="Address of Label Studio, whose tasks' images are fetched from there.")
    ] = "",
    images_from: Annotated[
        list[str] | None,
        typer.Option(help="Address of another server that images may be fetched from; may be repeated."),
    ] = None,
    browser: Annotated[bool, typer.Option(help="Open the page in the browser.")] = True,
    status: Annotated[
        bool, typer.Option("--status", help="Say what the servers that run do now, and for whom.")
    ] = False,
) -> None:
    """Serve a page for the browser, QuPath's SAM extension, Label Studio, X-AnyLabeling and programs."""
    from samj_bridge.cli.commands import serve as command

    if status:
        call.run(lambda settings, _progress, _cancel: command.run_status(settings))
        return
    call.run(
        lambda settings, progress, cancel: command.run(
            settings,
            host=host,
            port=port,
            any_port=any_port,
            model=model,
            roots=root or [],
            label_studio=label_studio,
            images_from=images_from or [],
            browser=browser,
            progress=progress,
            cancel=cancel,
        )
    )


def main() -> None:
    """Run the command line; the entry point ``samj-bridge``."""
    sys.exit(run_app(app, sys.argv[1:]))


if __name__ == "__main__":
    main()
