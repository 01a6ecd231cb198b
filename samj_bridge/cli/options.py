"""How a function becomes a command: the options that every command has, and how its body is run."""

from __future__ import annotations

import inspect
import logging
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import typer
from typer.models import OptionInfo

from samj_bridge.cli.result import Result
from samj_bridge.cli.running import cancel_on_interrupt, run_command
from samj_bridge.cli.show import Show, is_asked_for_json
from samj_bridge.progress import CancelToken, Progress
from samj_bridge.protocol.folders import is_file
from samj_bridge.settings import Settings, as_path, settings_path

__all__ = ["Call", "Channels", "ComputesOn", "Overwrite", "Precision", "Series", "command_of", "user_path"]

# Options of more than one command.
Channels = Annotated[
    str | None, typer.Option(help="Channel of an image with several: 0, or 2,1,0 for R,G,B, or merge.")
]
ComputesOn = Annotated[str | None, typer.Option(help="auto, cpu, cuda or mps.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace results that are there already.")]
Precision = Annotated[
    str | None, typer.Option(help="auto, float32, bfloat16 or float16: what the network computes in.")
]
Series = Annotated[int | None, typer.Option(help="Image of a file with several, counted from 0.")]

_Json = Annotated[bool, typer.Option("--json", help="Print one JSON object for machines, and nothing else.")]
_ProgressLines = Annotated[
    bool, typer.Option("--progress-lines", help="Tell each step by a line of JSON on standard error.")
]
_Home = Annotated[
    Path | None, typer.Option("--home", help="Folder for environments and models (default: SAMJ_HOME).")
]
_Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Say more on standard error.")]

_CHANGING = {"env create", "env use", "env repair", "env remove", "models remove"}
"""Commands after which programs without Python must be told anew how to start the worker; a session tells them
itself, and so does the installation of a model."""


@dataclass(frozen=True)
class Call:
    """A command that was typed, and what the options say that every command has."""

    command: str
    """All its words, but for ``samj-bridge``."""
    json_output: bool = False
    """Whether a machine reads the result."""
    home: Path | None = None
    """Folder for environments and models, where one was named."""
    verbose: bool = False
    """Whether to say more on standard error."""
    progress_lines: bool = False
    """Whether a machine follows the progress."""

    def run(self, body: Callable[[Settings, Progress, CancelToken], Result], **overrides: Any) -> None:
        """Run `body` with settings, progress and cancel, show its result, and leave with its exit code.

        ``overrides`` are settings that options of this command stand for; None leaves a setting as it is.
        """
        level = logging.INFO if self.verbose else logging.WARNING
        logging.basicConfig(level=level, format="%(message)s", stream=sys.stderr, force=True)
        show = Show(json_output=self.json_output, progress_lines=self.progress_lines)

        def run() -> Result:
            settings = Settings.from_environment(home=self.home, **overrides)
            _keep_private(settings)
            try:
                with show.progress() as progress, cancel_on_interrupt() as cancel:
                    return body(settings, progress, cancel)
            finally:
                if self.command in _CHANGING:
                    # Also after a failure: half of what was asked for may be there, or gone.
                    from samj_bridge.session.card import refresh_card

                    refresh_card(settings)

        raise typer.Exit(run_command(show, self.command, run, self._logs))

    def _logs(self) -> Path:
        return Settings.from_environment(home=self.home).logs_dir


def _keep_private(settings: Settings) -> None:
    for path in {settings_path(), settings_path(settings.home)}:
        if is_file(path):
            # Most people have none, and need not pay for this.
            from samj_bridge.install.private import keep_private

            keep_private(path)


def user_path(text: str | Path) -> Path:
    """Return a path that a user typed, absolute: workers and other programs stand in other folders.

    Links are kept. An empty one, which a variable that is not set leaves, is refused: it would mean this folder.
    """
    if isinstance(text, str) and not text.strip():
        raise typer.BadParameter("a path is empty; write . for the folder that you are in")
    return as_path(text)


def _with_paths(kind: Any, name: str) -> Any:
    """Return the annotation of an option; where it is a path, typer then reads it by `user_path`."""
    # Python 3.10 puts an Optional around the annotation of a parameter whose default is None.
    kind = next((item for item in get_args(kind) if get_origin(item) is Annotated), kind)
    if Path in _parts(kind):
        for item in get_args(kind)[1:]:
            if item.parser is None:
                item.parser = user_path
                # Else typer would show the function's name.
                item.metavar = item.metavar or ("PATH" if isinstance(item, OptionInfo) else name.upper())
    return kind


def _parts(kind: Any) -> set[Any]:
    inner = get_args(kind)[:1] if get_origin(kind) is Annotated else get_args(kind)
    return {kind}.union(*map(_parts, inner))


def command_of(
    app: typer.Typer, command: str, *, verbose: bool = False
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return a decorator that makes a function a command: it takes the `Call`, then the command's own options.

    ``--json`` and ``--home`` come after those, ``--verbose`` and ``--progress-lines`` where there is more to say.
    """
    shared: dict[str, tuple[Any, Any]] = {"json_output": (_Json, False), "home": (_with_paths(_Home, "home"), None)}
    if verbose:
        shared["verbose"] = (_Verbose, False)
        shared["progress_lines"] = (_ProgressLines, False)

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        def typed(**values: Any) -> None:
            call = Call(command, **{name: values.pop(name) for name in shared})
            if is_asked_for_json():
                call = replace(call, json_output=True)
            function(call, **values)

        # What typer reads: the parameters of `function` but for the first, then the shared ones.
        kinds = get_type_hints(function, include_extras=True)
        own = list(inspect.signature(function).parameters.values())[1:]
        parameters = [item.replace(annotation=_with_paths(kinds[item.name], item.name)) for item in own]
        parameters += [
            inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=default, annotation=kind)
            for name, (kind, default) in shared.items()
        ]
        typed.__doc__ = function.__doc__
        typed.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        typed.__annotations__ = {item.name: item.annotation for item in parameters}
        app.command(command.rsplit(maxsplit=1)[-1])(typed)
        return function

    return decorate
