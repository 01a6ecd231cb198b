"""How SAM 2.1 follows an object: what it keeps, and what it looks at."""
