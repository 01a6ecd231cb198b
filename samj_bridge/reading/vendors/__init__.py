"""Formats that are read by others' packages: one module for each, imported when a file needs it."""
