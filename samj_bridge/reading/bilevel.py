"""Pages of faxes and scanners (CCITT), where imagecodecs can't decode them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["by_pillow", "decoded"]

_CCITT = {2, 3, 4}
_WHITE_IS_ZERO = 0


def decoded(page: Any) -> NDArray[Any]:
    """Return the samples of a TIFF's page.

    imagecodecs decodes CCITT since 2025.8; the last release for Python 3.10 is older. Pillow's libtiff does it too.
    """
    try:
        return np.asarray(page.asarray())
    except ValueError:
        if int(page.compression) not in _CCITT:
            raise
        return by_pillow(page)


def by_pillow(page: Any) -> NDArray[np.uint8]:
    """Return the samples of a page of black and white, as they stand in the file: 0 and 1."""
    from PIL import Image

    with Image.open(page.parent.filehandle.path) as image:
        image.seek(page.index)
        # Pillow gives what is shown.
        shown = np.asarray(image.convert("1"), np.uint8)
    return 1 - shown if int(page.photometric) == _WHITE_IS_ZERO else shown
