"""Images larger than a network's input: the tile that a prompt needs is sent, its answer put in its place."""
