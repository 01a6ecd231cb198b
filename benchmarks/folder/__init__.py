"""How many images of a folder are segmented in a second, beside an earlier version."""
