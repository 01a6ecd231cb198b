"""Objects through the planes of a stack, by what a network remembers of them."""
