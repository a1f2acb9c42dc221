"""This module waits for something at a node: it asks again until it is over, and each question waits a while there."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Final

# How long one message may wait at the node; shorter than the node's own limit and any proxy's.
WAIT_S: Final = 20.0
# A node where many wait answers at once; asking again at once would be a busy loop, and a hundred who ask five times a
# second leave it little time for others. So each pause is twice the last, up to the second figure.
_EARLY_S: Final = 0.2
_EARLY_MOST_S: Final = 1.6


def wait_until(is_over: Callable[[float], bool | None], timeout_s: float | None) -> bool:
    """Ask until it is over; whether it is, in that time. It is asked once at least.

    Args:
        is_over: asks the node, whose answer may wait for so many seconds. None is a no, too, of a node that had
            something to tell: it is asked again at once.
        timeout_s: how long to wait; None for as long as it takes.
    """
    ends = math.inf if timeout_s is None else time.monotonic() + timeout_s
    pause = _EARLY_S
    while True:
        asked = time.monotonic()
        left = max(0.0, ends - asked)
        over = is_over(min(left, WAIT_S))
        if over:
            return True
        if not left:
            return False
        if over is not None and time.monotonic() - asked < _EARLY_S:
            time.sleep(min(pause, left))
            pause = min(2 * pause, _EARLY_MOST_S)
        else:
            pause = _EARLY_S
