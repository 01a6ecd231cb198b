"""Large images of which the worker itself encodes tiles: sent whole, or left with the client."""
