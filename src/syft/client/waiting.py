"""This module waits for something at a node: it asks again until it is over, and each question waits a while there."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Final

# How long one message may wait at the node; shorter than the node's own limit and any proxy's.
WAIT_S: Final = 20.0
# A node where many wait answers at once; asking again at once would be a busy loop.
_EARLY_S: Final = 0.2


def wait_until(is_over: Callable[[float], bool], timeout_s: float | None) -> bool:
    """Ask until it is over; whether it is, in that time. It is asked once at least.

    Args:
        is_over: asks the node, whose answer may wait for so many seconds.
        timeout_s: how long to wait; None for as long as it takes.
    """
    ends = math.inf if timeout_s is None else time.monotonic() + timeout_s
    while True:
        asked = time.monotonic()
        left = max(0.0, ends - asked)
        if is_over(min(left, WAIT_S)):
            return True
        if not left:
            return False
        if time.monotonic() - asked < _EARLY_S:
            time.sleep(min(_EARLY_S, left))
