"""What the server costs on top of a session; see ``__main__``."""
