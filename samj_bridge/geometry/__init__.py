"""Regions, outlines and masks: exact, numpy only, shared by host and worker."""
