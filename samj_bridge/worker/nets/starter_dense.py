"""The starter network's hypotheses read everywhere at once: where objects are, without a click."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from samj_bridge.worker.nets.starter import StarterNet

__all__ = ["seeds_in"]

STRIDE = 4
LEAST_SCORE = 0.4
"""Places that are less sure of a box are none."""
ROWS = 64
"""Rows of cells read at once, so that a huge image needs little memory."""


def seeds_in(net: StarterNet, features: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Find the cells whose boxes score best among their eight neighbours.

    Parameters
    ----------
    net : StarterNet
    features : (1, F, h, w) tensor, of any precision

    Returns
    -------
    points : (N, 2) tensor, the cells' middles in the pixels that the features were made of
    scores : (N,) tensor, mean over part and whole, at least `LEAST_SCORE`
    boxes : (N, 4) tensor, the whole's boxes in the same pixels
    """
    strips = [_strip(net, features, top) for top in range(0, features.shape[2], ROWS)]
    scores, sides = (torch.cat(maps) for maps in zip(*strips, strict=True))  # h w, h w 4
    highest = F.max_pool2d(scores[None], 3, 1, 1)[0]
    rows, columns = ((scores == highest) & (scores >= LEAST_SCORE)).nonzero(as_tuple=True)
    points = torch.stack([columns, rows], 1) * float(STRIDE) + STRIDE / 2
    far = sides[rows, columns]
    return points, scores[rows, columns], torch.cat([points - far[:, :2], points + far[:, 2:]], 1)


def _strip(net: StarterNet, features: Tensor, top: int) -> tuple[Tensor, Tensor]:
    """Scores (rows, w) and distances to the whole's sides (rows, w, 4) of the rows from `top` on."""
    bottom = min(top + ROWS, features.shape[2])
    # The spread looks one row up and down.
    above = min(top, 1)
    piece = features[:, :, top - above : bottom + 1].float()
    spread = net.hypotheses.spread(piece)[0, :, above : above + bottom - top]
    far, logits = net.hypotheses(spread.flatten(1).T)  # n 2 4, n 2
    shape = (bottom - top, features.shape[3])
    return logits.sigmoid().mean(1).view(shape), far[:, 1].view(*shape, 4)
