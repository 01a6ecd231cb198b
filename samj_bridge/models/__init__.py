"""Which models there are, where their files come from and where they lie."""

from samj_bridge.models.catalog import catalog, find_model
from samj_bridge.models.entry import ModelEntry
from samj_bridge.models.weights import is_installed, weights_file

__all__ = ["ModelEntry", "catalog", "find_model", "is_installed", "weights_file"]
