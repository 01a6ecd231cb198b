"""Checkpoints of other people: read without running anything, recognised, and converted once to safetensors."""
