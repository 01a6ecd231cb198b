"""Training of the starter model from public data; see README.md here."""
