"""Large images: ``python -m benchmarks.large``."""
