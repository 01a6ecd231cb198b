"""Everything on a large image, block by block: what host and worker do alike."""
