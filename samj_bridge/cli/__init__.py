"""The command line: one module per command, one place that prints."""
