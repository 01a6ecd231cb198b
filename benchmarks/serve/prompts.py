"""What a prompt costs over HTTP, on a view that is encoded and on one that nobody has seen."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.serve.asking import Client, as_png, as_qupath_asks, timed, view
from benchmarks.serve.rows import Row
from samj_bridge import Prompt, Session
from samj_bridge.server.serving import Card

__all__ = ["new_views", "one_prompt"]


def one_prompt(card: Card, session: Session, repeats: int) -> list[Row]:
    """Ask the same prompt on an encoded view, through the session and over HTTP, in turns."""
    pixels, box = view(0), (300, 300, 360, 360)
    body = as_qupath_asks(pixels)
    client = Client(card, "one prompt")
    client.post("/sam/", body)
    own = client.post("/api/images", as_png(pixels))["image"]
    prompt = {"prompts": [{"box": list(box)}], "candidates": 3}
    alone, qupath, api = [], [], []
    with session.encode(pixels) as scene:
        for _ in range(repeats):
            alone.append(timed(lambda: scene.segment(Prompt(box=box), candidates=3)))
            qupath.append(timed(lambda: client.post("/sam/", body)))
            api.append(timed(lambda: client.post(f"/api/images/{own}/segment", prompt)))
    base = min(alone)
    return [
        Row("a prompt on an encoded view, through Session", base, "ms"),
        Row("the same over HTTP as QuPath asks, more", min(qupath) - base, "ms", 8),
        Row("the same over HTTP by our own API, more", min(api) - base, "ms", 8),
    ]


def new_views(card: Card, session: Session, views: int) -> list[Row]:
    """Ask about views that nobody has seen, against encoding and asking by the session."""
    client = Client(card, "new views")
    alone, over = [], []
    box = (300, 300, 360, 360)
    for seed in range(1, views + 1):
        # Another view for each side: encodings are kept on disk by their content, and both sides share the disk.
        mine, theirs = view(1000 + seed), view(2000 + seed)

        def through(pixels: np.ndarray[Any, Any] = mine) -> None:
            with session.encode(pixels) as scene:
                scene.segment(Prompt(box=box), candidates=3)

        body = as_qupath_asks(theirs)
        alone.append(timed(through))
        over.append(timed(lambda body=body: client.post("/sam/", body)))  # type: ignore[misc]
    base = min(alone)
    return [
        Row("a new view of 715 x 733 and a prompt, through Session", base, "ms"),
        Row("the same over HTTP as QuPath asks, more", min(over) - base, "ms", 25),
    ]
