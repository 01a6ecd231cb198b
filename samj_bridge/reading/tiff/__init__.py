"""TIFF in all its dialects: which pages are planes of what, and what ImageJ shows of them."""

from samj_bridge.reading.tiff.source import TiffSource, open_tiff

__all__ = ["TiffSource", "open_tiff"]
