"""SAM 2.1's and EfficientViT-SAM's encoders for ``benchmarks.engine.inside``, against their plain forms."""

from __future__ import annotations

from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.engine.rows import line
from benchmarks.engine.tools import best_of, build, plain, random_weights, share_row
from samj_bridge.worker.families import efficientvit_sam, sam2
from samj_bridge.worker.nets import sam2_hiera
from samj_bridge.worker.nets.efficientvit import EFFICIENTVIT, EPS, EfficientVit
from samj_bridge.worker.nets.sam import Sam

TARGETS = {"sam2.1": 1.3, "efficientvit-sam": 1.0}
"""Smallest ratios by family: EfficientViT has no attention matrix to save, only normalisations to merge."""


def encode_newer(architecture: str, rounds: int) -> list[dict[str, Any]]:
    """Return the rows of an architecture's encoder."""
    family = architecture.rsplit("-", 1)[0]
    is_sam2 = family == "sam2.1"
    module: Any = sam2 if is_sam2 else efficientvit_sam
    weights = random_weights(module.shapes(architecture))
    net = build(module, architecture, weights).net
    if is_sam2:
        encoder, published, image = net, net, torch.randn(1, 3, 1024, 1024)
    else:
        whole = Sam(EfficientVit(EFFICIENTVIT[architecture]), EPS).eval()
        whole.load_state_dict(weights)
        encoder, published, image = net.image_encoder, whole.image_encoder, torch.randn(1, 3, 512, 512)

    def stock() -> None:
        before = sam2_hiera.STRIP, sam2_hiera.MLP_ROWS
        sam2_hiera.STRIP, sam2_hiera.MLP_ROWS = 1 << 30, 1 << 30
        try:
            with plain():
                published(image)
        finally:
            sam2_hiera.STRIP, sam2_hiera.MLP_ROWS = before

    mine, theirs = best_of(rounds, lambda: encoder(image), stock)
    with FlopCounterMode(display=False) as counted:
        stock()
    what = f"{architecture} encode"
    return [
        line(what, "s", mine, theirs, TARGETS[family], "plain form of the same network"),
        share_row(what, counted.get_total_flops(), mine),
    ]
