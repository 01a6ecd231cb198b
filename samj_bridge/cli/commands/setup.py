"""``samj-bridge setup``: make the environment, and prove that the worker answers."""

from __future__ import annotations

from samj_bridge.cli.result import Result
from samj_bridge.install import Environment, create_environment, ensure_environment
from samj_bridge.progress import CancelToken, Progress
from samj_bridge.session import Session
from samj_bridge.settings import Settings

__all__ = ["describe", "run"]


def run(settings: Settings, *, again: bool, progress: Progress, cancel: CancelToken) -> Result:
    """Make the environment if there is none (or `again`), start the worker once, say what there is."""
    make = create_environment if again else ensure_environment
    environment = make(settings, progress=progress, cancel=cancel)
    with Session(
        "starter", settings=settings, environment=environment, progress=progress, cancel=cancel
    ) as session:
        hello = dict(session.hello)
    torch = environment.packages.get("torch", "?")
    return Result(
        "setup",
        data={"environment": describe(environment), "worker": hello, "model": "starter"},
        lines=[
            f"[green]Ready.[/] Environment {environment.name}, made by {environment.builder}: {environment.prefix}",
            f"Torch {torch}, {hello.get('device', '?')}, {hello.get('threads', '?')} threads; model: starter.",
            *(f"Note: {note}" for note in environment.notes),
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
