"""``python -m samj_bridge``: the command line where its folder is not on the PATH."""

from __future__ import annotations

from samj_bridge.cli.main import main

if __name__ == "__main__":
    main()
