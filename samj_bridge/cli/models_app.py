"""``samj-bridge models ...``: parse and call."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from samj_bridge.cli.options import Call, command_of

__all__ = ["models_app"]

models_app = typer.Typer(help="Models: which there are, what each is good for, their files.", no_args_is_help=True)

Catalog = Annotated[
    str | None, typer.Option("--catalog", help="A catalog file of your own besides ours (default: SAMJ_CATALOG).")
]
Id = Annotated[str, typer.Argument(metavar="ID", help="Id of the model, as `models list` shows it.")]


@command_of(models_app, "models list")
def models_list(
    call: Call,
    installed: Annotated[bool, typer.Option("--installed", help="Only models that are on this machine.")] = False,
    catalog: Catalog = None,
) -> None:
    """List the models: what each is good for, what it takes, its size and licence; first the recommended ones."""
    from samj_bridge.cli.commands import models_show as command

    call.run(lambda settings, *_: command.run_list(settings, installed=installed), catalog=catalog)


@command_of(models_app, "models show")
def models_show(call: Call, model: Id, catalog: Catalog = None) -> None:
    """Show everything that is known of a model."""
    from samj_bridge.cli.commands import models_show as command

    call.run(lambda settings, *_: command.run_show(settings, model), catalog=catalog)


@command_of(models_app, "models licences")
def models_licences(call: Call, catalog: Catalog = None) -> None:
    """List the licence of each model, which must be accepted, and which were."""
    from samj_bridge.cli.commands import models_show as command

    call.run(lambda settings, *_: command.run_licences(settings), catalog=catalog)


@command_of(models_app, "models path")
def models_path(call: Call, model: Id, catalog: Catalog = None) -> None:
    """Print the path of an installed model's weights: a safetensors file."""
    from samj_bridge.cli.commands import models_show as command

    call.run(lambda settings, *_: command.run_path(settings, model), catalog=catalog)


@command_of(models_app, "models install", verbose=True)
def models_install(
    call: Call,
    models: Annotated[list[str], typer.Argument(metavar="ID...", help="Ids of the models.")],
    accept_licence: Annotated[
        bool, typer.Option("--accept-licence", help="Accept a licence that is non-commercial, unusual or unknown.")
    ] = False,
    folder: Annotated[
        Path | None,
        typer.Option("--from", help="Folder (or file) to take the file from, recognised by its hash; no network."),
    ] = None,
    allow_unverified: Annotated[
        bool, typer.Option("--allow-unverified", help="Take a file of which no hash is known.")
    ] = False,
    catalog: Catalog = None,
) -> None:
    """Fetch a model, verify it, and make it ready to be loaded."""
    from samj_bridge.cli.commands import models_change as command

    request = command.InstallRequest(models, accept_licence, folder, allow_unverified, ask=not call.json_output)
    call.run(
        lambda settings, progress, cancel: command.run_install(request, settings, progress=progress, cancel=cancel),
        catalog=catalog,
    )


@command_of(models_app, "models import", verbose=True)
def models_import(
    call: Call,
    file: Annotated[Path, typer.Argument(help="A checkpoint: a .pt, .pth or .safetensors file.")],
    name: Annotated[str, typer.Option("--id", help="Id for the model (default: from the file's name).")] = "",
    transform: Annotated[
        str,
        typer.Option("--transform", help="How an image becomes the input: sam, micro-sam, medsam, cellsam."),
    ] = "",
) -> None:
    """Add a checkpoint of your own, of any architecture that is known: a fine-tuned SAM, for example."""
    from samj_bridge.cli.commands import models_change as command

    call.run(
        lambda settings, progress, cancel: command.run_import(
            settings, file, name=name, transform=transform, progress=progress, cancel=cancel
        )
    )


@command_of(models_app, "models remove")
def models_remove(
    call: Call,
    models: Annotated[list[str], typer.Argument(metavar="ID...", help="Ids of the models.")],
    catalog: Catalog = None,
) -> None:
    """Remove models from this machine, with the files that no other one uses."""
    from samj_bridge.cli.commands import models_change as command

    call.run(lambda settings, *_: command.run_remove(settings, models), catalog=catalog)


@command_of(models_app, "models verify")
def models_verify(
    call: Call,
    models: Annotated[list[str] | None, typer.Argument(metavar="[ID...]", help="Ids; all by default.")] = None,
    catalog: Catalog = None,
) -> None:
    """Hash the installed files again, and say which are damaged."""
    from samj_bridge.cli.commands import models_change as command

    call.run(
        lambda settings, progress, cancel: command.run_verify(
            settings, models or [], progress=progress, cancel=cancel
        ),
        catalog=catalog,
    )
