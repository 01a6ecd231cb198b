"""What a person waits for, beside an earlier build: ``python -m benchmarks.waits``."""
