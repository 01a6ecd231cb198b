"""Every object of a large image: block by block, each object once, on from where a killed run stopped."""
