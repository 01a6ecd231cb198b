"""Objects followed through stacks with known truth: ``python -m benchmarks.propagation``."""
