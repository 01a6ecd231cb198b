"""The worker: runs inside the isolated environment, started as ``python -m samj_bridge.worker``."""
