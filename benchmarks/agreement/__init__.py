"""Our measures beside those of StarDist and Cellpose, on the same labels."""
