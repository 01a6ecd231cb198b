"""An environment from conda packages: made, or refused with nothing left behind."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest
from fakes.beds import Bed

from samj_bridge.errors import FileError, InstallError
from samj_bridge.install import ensure_environment, find_environment
from samj_bridge.install.prefixes.environment import Environment
from samj_bridge.install.specification import Specification
from samj_bridge.settings import Settings


def make(settings: Settings, tiny: Specification, **options: object) -> Environment:
    return ensure_environment(settings, name="tiny", specification=tiny, **options)  # type: ignore[arg-type]


def left_in(settings: Settings) -> list[Path]:
    folder = settings.envs_dir / "tiny"
    return [path for path in folder.iterdir() if path.is_dir() and path.name != "leases"] if folder.is_dir() else []


def refused(settings: Settings, tiny: Specification, bed: Bed, **options: object) -> InstallError | FileError:
    """Return the error of an installation that fails, and look that it left nothing."""
    with pytest.raises((InstallError, FileError)) as caught:
        make(settings, tiny, **options)
    assert caught.value.hint
    assert find_environment(settings, "tiny") is None
    assert left_in(settings) == []
    assert bed.halves(settings.home) == []
    running = [process.info["cmdline"] or [] for process in psutil.process_iter(["cmdline"])]
    assert not [command for command in running if any(str(settings.home) in part for part in command)]
    return caught.value
