"""One tiny environment, made anew, and what is left where that failed."""

from __future__ import annotations

from pathlib import Path

from samj_bridge.install import ensure_environment
from samj_bridge.install.prefixes.environment import Environment
from samj_bridge.install.specification import Specification
from samj_bridge.settings import Settings


def make(settings: Settings, tiny: Specification, **options: object) -> Environment:
    return ensure_environment(settings, name="tiny", specification=tiny, **options)  # type: ignore[arg-type]


def left_in(settings: Settings) -> list[Path]:
    folder = settings.envs_dir / "tiny"
    return [path for path in folder.iterdir() if path.is_dir() and path.name != "leases"] if folder.is_dir() else []
