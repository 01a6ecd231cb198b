"""The rooms of one builder: what uv is, what it is told, what it says, and the Python that it starts from."""
