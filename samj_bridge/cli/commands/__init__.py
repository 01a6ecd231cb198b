"""One module per command: ``run(...) -> Result``; nothing here prints."""
