"""Whether there is memory to encode an image."""

from __future__ import annotations

from typing import Any

from samj_bridge.protocol.failures import FailureCode, OperationFailed

__all__ = ["check_fits"]


def check_fits(image_hw: tuple[int, int], each: int, besides: int, available: int | None) -> dict[str, Any]:
    """Return the bytes that an image needs, `each` for a pixel and some `besides`, and those that are available.

    Raises
    ------
    OperationFailed
        ``image-too-large``.
    """
    height, width = image_hw
    needed = height * width * each + besides
    if available is None or needed <= available:
        return {"needed_bytes": needed, "available_bytes": available}
    side = int((max(0, available - besides) / each) ** 0.5)
    message = (
        f"The image of {width} x {height} pixels needs about {needed / 1e9:.2f} GB to be encoded,"
        f" and {available / 1e9:.2f} GB of memory are left."
    )
    hint = f"Crop it to about {side} x {side} pixels, scale it down, or close other programs."
    raise OperationFailed(
        FailureCode.IMAGE_TOO_LARGE, message, hint=hint, needed_bytes=needed, available_bytes=available
    )
