"""``samj-bridge setup``: make the environment, and prove that the worker answers."""

from __future__ import annotations

from samj_bridge.cli.commands.setup_model import choose_model, hint_of_models
from samj_bridge.cli.result import Result, styled
from samj_bridge.errors import Cancelled, SamjError
from samj_bridge.install import Environment, create_environment, ensure_environment, find_environment
from samj_bridge.progress import CancelToken, Progress
from samj_bridge.session import Session
from samj_bridge.session.installing import install_model
from samj_bridge.settings import Settings

__all__ = ["describe", "run"]


def run(
    settings: Settings,
    *,
    again: bool,
    model: str = "",
    accept_licence: bool = False,
    ask: bool = False,
    progress: Progress,
    cancel: CancelToken,
) -> Result:
    """Make the environment if there is none (or `again`), start the worker once, say what there is.

    A model is installed as well, if one is named, or chosen where somebody may be asked.
    """
    # Before the minutes that the environment takes: nobody has to wait for a question.
    chosen, accepted = choose_model(settings, model, accept_licence=accept_licence, ask=ask)
    make = create_environment if again else ensure_environment
    environment = make(settings, progress=progress, cancel=cancel)
    with Session(
        "starter", settings=settings, environment=environment, progress=progress, cancel=cancel
    ) as session:
        hello = dict(session.hello)
        # Another process may have put a new one in its place.
        environment = find_environment(settings) or environment
    installed, failures = [], []
    if chosen is not None:
        try:
            install_model(chosen, settings, accepted=accepted, progress=progress, cancel=cancel)
            installed.append(chosen.id)
        except Cancelled:
            raise
        except SamjError as error:
            # The environment is ready all the same.
            failures.append(error)
    models = ["starter", *installed]
    torch = environment.packages.get("torch", "?")
    return Result(
        "setup",
        data={"environment": describe(environment), "worker": hello, "model": models[-1], "models": models},
        failures=failures,
        lines=[
            styled(
                ("Ready.", "green"),
                f" Environment {environment.name}, made by {environment.builder}: {environment.prefix}",
            ),
            f"Torch {torch}, {hello.get('device', '?')}, {hello.get('threads', '?')} threads; {', '.join(models)}.",
            *(f"Note: {note}" for note in environment.notes),
            *filter(None, [hint_of_models(settings)]),
            "Next: samj-bridge demo, or samj-bridge segment IMAGE --box x0,y0,x1,y1",
        ],
    )


def describe(environment: Environment) -> dict[str, object]:
    """Return an environment as plain data."""
    return {
        "name": environment.name,
        "prefix": str(environment.prefix),
        "python": str(environment.python),
        "builder": environment.builder,
        "feature": environment.feature,
        "specification": environment.specification,
        "created": environment.created,
        "packages": dict(environment.packages),
        "notes": list(environment.notes),
    }
