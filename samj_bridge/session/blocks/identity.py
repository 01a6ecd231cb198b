"""What decides the result of a search over blocks: a record of another image or of other options is not used."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import xxhash

from samj_bridge.geometry.blocks.grid import Blocks, Box
from samj_bridge.protocol.everything import EverythingRequest
from samj_bridge.session.connection.supervisor import Running
from samj_bridge.session.tiles.image import TiledImage
from samj_bridge.session.tiles.source import TileSource
from samj_bridge.version import __version__

__all__ = ["about"]

_STRIP_PX = 1 << 24


def about(
    image: TiledImage,
    running: Running,
    request: EverythingRequest,
    blocks: Blocks,
    within: Box | None,
    check: Callable[[float], None],
) -> dict[str, Any]:
    """Return image, model and options as plain data.

    Of an image that does not say what it is all pixels are read: `check` hears of the part that is, and may raise.
    """
    source = image.source
    return {
        "version": __version__,
        "image": source.image.identity or _content(source, check),
        "shape": list(source.image.shape),
        "dtype": str(source.image.dtype),
        "channels": repr(source.channels),
        "ranges": image.ranges,
        "model": running.model,
        "options": {key: value for key, value in vars(request).items() if key not in ("encoding", "image")},
        "blocks": [blocks.side, blocks.halo, blocks.level],
        "within": within,
    }


def _content(source: TileSource, check: Callable[[float], None]) -> str:
    """Return a digest of the pixels of an image that does not say what it is."""
    height, width = source.image.shape[:2]
    digest, rows = xxhash.xxh3_128(), max(1, _STRIP_PX // width)
    for y0 in range(0, height, rows):
        check(y0 / height)
        digest.update(source.image.read(0, y0, 0, min(rows, height - y0), width).tobytes())
    return digest.hexdigest()
