"""The environment and the worker that runs in it."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

from samj_bridge.doctor.finding import Finding
from samj_bridge.errors import SamjError
from samj_bridge.settings import Settings

__all__ = ["check_builder", "check_environment", "check_worker"]


def check_builder(settings: Settings) -> Iterator[Finding]:
    """Whether an environment could be made: the uv executable."""
    from uv import find_uv_bin

    try:
        yield Finding("uv", "ok", f"uv {version('uv')} ({find_uv_bin()})")
    except FileNotFoundError:
        yield Finding("uv", "broken", "The uv package holds no executable.", "pip install --force-reinstall uv")


def check_environment(settings: Settings) -> Iterator[Finding]:
    """Look at the environment: its marker, and the probe again."""
    from samj_bridge.install import check_environment as probe
    from samj_bridge.install import find_environment

    environment = find_environment(settings)
    if environment is None:
        yield Finding("environment", "broken", "There is no environment yet.", "samj-bridge setup")
        return
    message = f"{environment.name} by {environment.builder}, {environment.feature}, in {environment.prefix}"
    try:
        report = probe(environment)
    except SamjError as error:
        yield Finding("environment", "broken", f"{message}: {error.message}", "samj-bridge setup --again")
        return
    versions = {"python": report["python"], **report["modules"]}
    shown = ", ".join(f"{name} {versions[name]}" for name in ("python", "torch", "numpy") if name in versions)
    yield Finding("environment", "ok", f"{message}: {shown}")
    for note in environment.notes:
        yield Finding("environment", "ok", note)


def check_worker(settings: Settings) -> Iterator[Finding]:
    """Start the worker, load the starter, encode and segment a disc."""
    from samj_bridge.install import find_environment

    environment = find_environment(settings)
    if environment is None:
        return
    import numpy as np

    from samj_bridge.session import Prompt, Session

    y, x = np.mgrid[:64, :64]
    disc = (((y - 32) ** 2 + (x - 32) ** 2 < 200) * 200).astype(np.uint8)
    with Session("starter", settings=settings, environment=environment) as session:
        hello: dict[str, Any] = dict(session.hello)
        with session.encode(disc) as scene:
            region = scene.segment(Prompt(box=(17, 17, 48, 48)))[0]
    message = f"answers on {hello.get('device')} with {hello.get('threads')} threads"
    if region.is_empty:
        mend = "Please report it with the log in the logs folder."
        yield Finding("worker", "broken", f"{message}, but finds nothing in a plain disc", mend)
    else:
        yield Finding("worker", "ok", f"{message}; a test disc has {region.area} pixels")
