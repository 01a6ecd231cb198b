"""Speed of the networks against stock code: ``python -m benchmarks.engine``."""
