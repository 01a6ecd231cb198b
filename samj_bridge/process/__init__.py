"""Child processes and locks."""
