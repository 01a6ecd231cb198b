"""The models."""

from __future__ import annotations

from collections.abc import Iterator

from samj_bridge.doctor.finding import Finding
from samj_bridge.settings import Settings

__all__ = ["check_model"]


def check_model(settings: Settings) -> Iterator[Finding]:
    """Look for the starter model's weights, part of the package."""
    from samj_bridge.models.catalog import find_model

    size = find_model("starter").check_file().stat().st_size
    yield Finding("model", "ok", f"starter, {size / 1e6:.1f} MB, in the package")
