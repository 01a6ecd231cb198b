"""The environment and the worker that runs in it."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

from samj_bridge.doctor.finding import Finding
from samj_bridge.errors import InputError, SamjError
from samj_bridge.install.builders.micromamba.tool import MicromambaTool
from samj_bridge.install.care import check_named, named_environment
from samj_bridge.install.specification import load_specification
from samj_bridge.settings import Settings

__all__ = ["check_builder", "check_environment", "check_worker"]


def check_builder(settings: Settings) -> Iterator[Finding]:
    """Whether an environment could be made: who could, and with which program."""
    from uv import find_uv_bin

    try:
        yield Finding("uv", "ok", f"uv {version('uv')} ({find_uv_bin()})")
    except FileNotFoundError:
        yield Finding("uv", "broken", "The uv package holds no executable.", "pip install --force-reinstall uv")
    tool = MicromambaTool(settings)
    obstacle = tool.obstacle()
    if obstacle:
        mend = (
            "Correct SAMJ_MICROMAMBA, or leave it out: one is fetched, or uv is used."
            if settings.micromamba
            else ""
        )
        yield Finding("micromamba", "warning", f"micromamba can't be used: {obstacle}.", mend)
    else:
        yield Finding("micromamba", "ok", tool.describe())


def check_environment(settings: Settings) -> Iterator[Finding]:
    """Look at the environment: its marker, its specification, and the probe again."""
    specification = load_specification()
    try:
        environment = named_environment(settings, specification.name)
    except InputError as error:
        gone = error.code == "adopted-gone"
        message = error.message if gone else "There is no environment yet."
        yield Finding("environment", "broken", message, error.hint if gone else "samj-bridge setup")
        return
    message = f"{environment.name} by {environment.builder}, {environment.feature}, in {environment.prefix}"
    try:
        environment, report = check_named(settings, specification.name)
        message = f"{environment.name} by {environment.builder}, {environment.feature}, in {environment.prefix}"
    except SamjError as error:
        mend = "samj-bridge env use --none" if environment.adopted else "samj-bridge env repair"
        yield Finding("environment", "broken", f"{message}: {error.message}", mend)
        return
    versions = {"python": report["python"], **report["modules"]}
    shown = ", ".join(f"{name} {versions[name]}" for name in ("python", "torch", "numpy") if name in versions)
    yield Finding("environment", "ok", f"{message}: {shown}")
    for note in environment.notes:
        # What was meant and did not work is more than a remark.
        yield Finding("environment", "warning" if "failed its trial" in note else "ok", note)
    if environment.specification != specification.hash_for(environment.builder):
        message = "It was made for an earlier version of samj-bridge: the next start makes a new one beside it."
        yield Finding("environment", "warning", message, "samj-bridge setup")


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
