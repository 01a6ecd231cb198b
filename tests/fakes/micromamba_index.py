"""The stand-in's stored indexes, as a real micromamba 2.8.1 was seen to keep and to believe them.

``pkgs/cache/<name>.json`` with ``<name>.state.json`` beside it. Where the server sends no ``Cache-Control`` (ours
never does), the stored one is used for an hour without a question; ``--repodata-ttl 0`` asks. A state
that can't be read is the end; an index that is not what was stored, but has its size and time, is believed.
"""

from __future__ import annotations

import hashlib
import json
import time
from pathlib import Path
from typing import Any

import micromamba_fetch as fetch
from micromamba_steer import Failure, fault

_TTL_S = 3600


def stored_index(address: str, folder: Path, options: Any) -> Path:
    """Return the file with the index at `address`, fetched if need be.

    Raises
    ------
    Failure
        Its state can't be read.
    fetch.Unreachable
        It can't be had.
    """
    name = hashlib.md5(address.encode()).hexdigest()[:8]
    path, state = folder / f"{name}.json", folder / f"{name}.state.json"
    known: dict[str, Any] = {}
    if state.is_file():
        try:
            known = dict(json.loads(state.read_bytes()))
        except (ValueError, TypeError) as error:
            raise Failure("critical libmamba Multiple errors occurred:", f"    {error}") from error
    status = path.stat() if path.is_file() else None
    believed = status is not None and (status.st_mtime_ns, status.st_size) == (known.get("time"), known.get("size"))
    if believed and options.ttl != 0 and time.time() - known["asked"] < _TTL_S:
        return path
    new = folder / f"{name}.part"
    fetch.to_file(address, new, options, fault("refused_s") or 0.0)
    digest = hashlib.sha256(new.read_bytes()).hexdigest()
    if believed and digest == known["sha256"]:
        # Not modified, says the server; what is stored is not looked at.
        new.unlink()
    else:
        new.replace(path)
    status = path.stat()
    values = {"asked": time.time(), "time": status.st_mtime_ns, "size": status.st_size, "sha256": digest}
    state.write_text(json.dumps(values))
    return path


def readable(path: Path) -> Path:
    """Return an index that can be read: one of nothing but zeros has no packages, and nobody complains."""
    try:
        json.loads(path.read_bytes())
    except ValueError:
        path = path.with_suffix(".empty")
        path.write_text('{"info": {"subdir": "noarch"}, "packages": {}, "packages.conda": {}}')
    return path
