"""Objects followed through the planes of a stack: what is given, the order of the planes, and by what means."""
