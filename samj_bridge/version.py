"""The version of samj-bridge, for every part of it: also for those that the shop window shows."""

__all__ = ["__version__"]

__version__ = "0.1.0"
