"""What lies on the disk: an environment, who holds it, whether it works, and what is left of old ones."""
