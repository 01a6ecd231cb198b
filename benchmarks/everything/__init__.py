"""Everything mode on large images: ``python -m benchmarks.everything``."""
