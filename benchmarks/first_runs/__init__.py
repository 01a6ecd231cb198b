"""Set-ups from nothing, many times over: ``python -m benchmarks.first_runs --help``."""
