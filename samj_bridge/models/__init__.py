"""Which models there are and where their files lie."""

from samj_bridge.models.catalog import ModelEntry, catalog, find_model

__all__ = ["ModelEntry", "catalog", "find_model"]
