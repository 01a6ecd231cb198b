"""Repeatable measurements: every claim of speed or accuracy in the docs comes from here."""
