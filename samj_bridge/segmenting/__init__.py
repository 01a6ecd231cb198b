"""Image files to result files: one image, or a folder of them in a run that is safe to repeat."""
