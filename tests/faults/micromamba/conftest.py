"""Beds with the stand-in, and with a real micromamba where ``MAMBA_EXE`` names one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes.beds import Bed, bed_names, make_bed

REAL = pytest.mark.real_micromamba
NAMES = [name for name in bed_names() if name.startswith("micromamba")]


@pytest.fixture(params=[pytest.param(name, marks=[REAL] if "real" in name else []) for name in NAMES])
def bed(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bed]:
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with make_bed(request.param, tmp_path) as made:
        yield made


@pytest.fixture
def standin_bed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bed]:
    """The stand-in alone: what a real micromamba does only now and then, or never, such as to lie."""
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with make_bed("micromamba", tmp_path) as made:
        yield made


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "a home é 漢"
