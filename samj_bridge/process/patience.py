"""Try again while another program has a file open: virus scanners on Windows look into each new file."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

__all__ = ["held_by_another", "patiently"]

T = TypeVar("T")

# ERROR_ACCESS_DENIED, ERROR_SHARING_VIOLATION, ERROR_LOCK_VIOLATION, ERROR_USER_MAPPED_FILE.
_HELD = {5, 32, 33, 1224}


def patiently(
    action: Callable[[], T],
    *,
    attempts: int = 7,
    first_pause_s: float = 0.02,
    sleep: Callable[[float], object] = time.sleep,
) -> T:
    """Call `action`; call it again, waiting twice as long each time, while a file is held by another program.

    With the default figures it gives up after 1.3 seconds. Elsewhere than on Windows nothing is ever held in this
    way, and `action` is called once.

    Parameters
    ----------
    action : callable
        What is to be done; it may be called several times.
    attempts : int
        Calls at most.
    first_pause_s : float
        Seconds before the second call.
    sleep : callable
        Waits so many seconds.

    Returns
    -------
    object
        What `action` returns.
    """
    pause_s = first_pause_s
    for left in range(attempts - 1, -1, -1):
        try:
            return action()
        except OSError as error:
            if left == 0 or not held_by_another(error):
                raise
        sleep(pause_s)
        pause_s *= 2
    raise AssertionError


def held_by_another(error: OSError) -> bool:
    """Tell whether `error` is Windows' word for a file that another program has open."""
    return getattr(error, "winerror", None) in _HELD
