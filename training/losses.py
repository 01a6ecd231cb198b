"""Losses of the starter model."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812


def mask_loss(logits: Tensor, target: Tensor) -> Tensor:
    """Cross entropy plus soft dice per mask: (N, K, G, G) logits and targets to (N, K)."""
    cross = F.binary_cross_entropy_with_logits(logits, target, reduction="none").mean((2, 3))
    soft = logits.sigmoid()
    overlap = (soft * target).sum((2, 3))
    dice = 1 - (2 * overlap + 1) / (soft.sum((2, 3)) + target.sum((2, 3)) + 1)
    return 2 * cross + dice


def real_iou(logits: Tensor, target: Tensor, target_cells: Tensor) -> Tensor:
    """IoU of masks (N, K, G, G) with targets; ``target_cells`` (N,) counts what lies beyond the window too."""
    found = (logits > 0).to(target.dtype)
    overlap = (found * target).sum((2, 3))
    everything = torch.maximum(target_cells[:, None], target.sum((2, 3)))
    return overlap / (found.sum((2, 3)) + everything - overlap).clamp_min(1e-6)


def box_iou(a: Tensor, b: Tensor) -> Tensor:
    """IoU of boxes (..., 4)."""
    low, high = torch.maximum(a[..., :2], b[..., :2]), torch.minimum(a[..., 2:], b[..., 2:])
    inner = (high - low).clamp_min(0).prod(-1)
    both = (a[..., 2:] - a[..., :2]).clamp_min(0).prod(-1) + (b[..., 2:] - b[..., :2]).clamp_min(0).prod(-1)
    return inner / (both - inner).clamp_min(1e-6)


def hypothesis_loss(boxes: Tensor, scores: Tensor, truth: Tensor, valid: Tensor) -> Tensor:
    """Boxes (N, 2, 4) by IoU and by distance in parts of the object's size; scores (N, 2) by the IoU reached."""
    iou = box_iou(boxes, truth)
    size = (truth[..., 2:] - truth[..., :2]).mean(-1).clamp_min(4)
    far = F.smooth_l1_loss(boxes, truth, reduction="none", beta=1.0).mean(-1) / size
    on = valid[:, None].to(iou.dtype)
    fit = ((1 - iou + far) * on).sum() / on.sum().clamp_min(1) / 2
    score = F.binary_cross_entropy_with_logits(scores, iou.detach() * on)
    return fit + score
