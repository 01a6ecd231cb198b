"""What SAM 2.1 needs besides its image part to know an object again on another plane."""
