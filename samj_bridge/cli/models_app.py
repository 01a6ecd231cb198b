"""``samj-bridge models ...``: parse and call."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from samj_bridge.cli.options import Home, Json, Verbose, execute

__all__ = ["models_app"]

models_app = typer.Typer(help="Models: which there are, what each is good for, their files.", no_args_is_help=True)

Catalog = Annotated[
    str | None, typer.Option("--catalog", help="A catalog file of your own besides ours (default: SAMJ_CATALOG).")
]
Id = Annotated[str, typer.Argument(metavar="ID", help="Id of the model, as `models list` shows it.")]


@models_app.command("list")
def models_list(
    installed: Annotated[bool, typer.Option("--installed", help="Only models that are on this machine.")] = False,
    catalog: Catalog = None,
    json_output: Json = False,
    home: Home = None,
) -> None:
    """List the models: what each is good for, what it takes, its size and licence; first the recommended ones."""
    from samj_bridge.cli.commands import models_show as command

    execute(
        "models list",
        lambda settings, *_: command.run_list(settings, installed=installed),
        json_output=json_output,
        home=home,
        catalog=catalog,
    )


@models_app.command("show")
def models_show(model: Id, catalog: Catalog = None, json_output: Json = False, home: Home = None) -> None:
    """Show everything that is known of a model."""
    from samj_bridge.cli.commands import models_show as command

    execute(
        "models show",
        lambda settings, *_: command.run_show(settings, model),
        json_output=json_output,
        home=home,
        catalog=catalog,
    )


@models_app.command("licences")
def models_licences(catalog: Catalog = None, json_output: Json = False, home: Home = None) -> None:
    """List the licence of each model, which must be accepted, and which were."""
    from samj_bridge.cli.commands import models_show as command

    execute(
        "models licences",
        lambda settings, *_: command.run_licences(settings),
        json_output=json_output,
        home=home,
        catalog=catalog,
    )


@models_app.command("path")
def models_path(model: Id, catalog: Catalog = None, json_output: Json = False, home: Home = None) -> None:
    """Print the path of an installed model's weights: a safetensors file."""
    from samj_bridge.cli.commands import models_show as command

    execute(
        "models path",
        lambda settings, *_: command.run_path(settings, model),
        json_output=json_output,
        home=home,
        catalog=catalog,
    )


@models_app.command("install")
def models_install(
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
    json_output: Json = False,
    home: Home = None,
    verbose: Verbose = False,
) -> None:
    """Fetch a model, verify it, and make it ready to be loaded."""
    from samj_bridge.cli.commands import models_change as command

    request = command.InstallRequest(models, accept_licence, folder, allow_unverified, ask=not json_output)
    execute(
        "models install",
        lambda settings, progress, cancel: command.run_install(request, settings, progress=progress, cancel=cancel),
        json_output=json_output,
        home=home,
        verbose=verbose,
        catalog=catalog,
    )


@models_app.command("import")
def models_import(
    file: Annotated[Path, typer.Argument(help="A checkpoint: a .pt, .pth or .safetensors file.")],
    name: Annotated[str, typer.Option("--id", help="Id for the model (default: from the file's name).")] = "",
    transform: Annotated[
        str,
        typer.Option("--transform", help="How an image becomes the input: sam, micro-sam, medsam, cellsam."),
    ] = "",
    json_output: Json = False,
    home: Home = None,
    verbose: Verbose = False,
) -> None:
    """Add a checkpoint of your own, of any architecture that is known: a fine-tuned SAM, for example."""
    from samj_bridge.cli.commands import models_change as command

    execute(
        "models import",
        lambda settings, progress, cancel: command.run_import(
            settings, file, name=name, transform=transform, progress=progress, cancel=cancel
        ),
        json_output=json_output,
        home=home,
        verbose=verbose,
    )


@models_app.command("remove")
def models_remove(
    models: Annotated[list[str], typer.Argument(metavar="ID...", help="Ids of the models.")],
    catalog: Catalog = None,
    json_output: Json = False,
    home: Home = None,
) -> None:
    """Remove models from this machine, with the files that no other one uses."""
    from samj_bridge.cli.commands import models_change as command

    execute(
        "models remove",
        lambda settings, *_: command.run_remove(settings, models),
        json_output=json_output,
        home=home,
        catalog=catalog,
    )


@models_app.command("verify")
def models_verify(
    models: Annotated[list[str] | None, typer.Argument(metavar="[ID...]", help="Ids; all by default.")] = None,
    catalog: Catalog = None,
    json_output: Json = False,
    home: Home = None,
) -> None:
    """Hash the installed files again, and say which are damaged."""
    from samj_bridge.cli.commands import models_change as command

    execute(
        "models verify",
        lambda settings, progress, cancel: command.run_verify(
            settings, models or [], progress=progress, cancel=cancel
        ),
        json_output=json_output,
        home=home,
        catalog=catalog,
    )
