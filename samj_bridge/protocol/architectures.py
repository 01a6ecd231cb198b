"""The networks that there are: what a catalog may name, and what the worker can build."""

from __future__ import annotations

__all__ = ["ARCHITECTURES", "TRANSFORMS"]

ARCHITECTURES = {
    "starter-1": "starter",
    "sam-vit-b": "sam",
    "sam-vit-l": "sam",
    "sam-vit-h": "sam",
    "mobile-sam": "sam",
    "efficient-sam-ti": "efficient-sam",
    "efficient-sam-s": "efficient-sam",
    "sam2.1-tiny": "sam2",
    "sam2.1-small": "sam2",
    "sam2.1-base-plus": "sam2",
    "sam2.1-large": "sam2",
    "efficientvit-sam-l0": "efficientvit-sam",
    "efficientvit-sam-l1": "efficientvit-sam",
    "efficientvit-sam-l2": "efficientvit-sam",
    "lite-medsam": "lite-medsam",
}
"""Family of each architecture, in the order in which a checkpoint is compared with them."""

TRANSFORMS = {
    "starter": ("starter",),
    "sam": ("sam", "micro-sam", "medsam", "cellsam"),
    "efficient-sam": ("efficient-sam",),
    "sam2": ("sam2",),
    "efficientvit-sam": ("efficientvit-sam",),
    "lite-medsam": ("lite-medsam",),
}
"""Transforms that a family can do; the first is what its authors published."""
