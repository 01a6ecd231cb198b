"""The rooms of one builder: what micromamba is, what it is told, what it says, and what lies in its cache."""
