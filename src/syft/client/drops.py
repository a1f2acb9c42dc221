"""This module lets go of what was made in passing, once nobody here points to it any more.

A pointer that this client had made watches itself; one that was found never does. What is no longer pointed to
is only noted when it happens, which may be in the middle of anything, and told to the node with the next question.
If that never comes, the lease ends by itself.
"""

from __future__ import annotations

import weakref
from collections import deque
from typing import Final

from syft.model.uid import UID

# As many as PySyft 0.5's batches had.
THRESHOLD: Final = 10


class Drops:
    """The leased objects that nobody here points to any more, until the node is told.

    Args:
        threshold: how many make it worth a message.
    """

    def __init__(self, threshold: int = THRESHOLD) -> None:
        self.threshold = threshold
        # Appending to a deque takes no lock that the interrupted thread could be holding.
        self._waiting: deque[UID] = deque()
        self._taken: deque[UID] = deque()

    def watch(self, pointer: object, uid: UID) -> weakref.finalize[[UID], object]:
        """Note `uid` when `pointer` is gone; `detach()` of what is returned ends that."""
        finalizer = weakref.finalize(pointer, self._waiting.append, uid)
        # At the end of the program there may be no node any more; leases end by themselves.
        finalizer.atexit = False
        return finalizer

    def note_taken(self, uid: UID) -> None:
        """Note an object that stands in no list and whose value is here: it is in no hurry to go."""
        self._taken.append(uid)

    @property
    def waiting(self) -> int:
        """How many the node has not been told of."""
        return len(self._waiting) + len(self._taken)

    @property
    def are_due(self) -> bool:
        """Whether it is worth a message."""
        return len(self._waiting) >= max(self.threshold, 1) or len(self._taken) >= THRESHOLD

    def take(self, most: int) -> tuple[UID, ...]:
        """Some of them, which are no longer noted here."""
        taken: list[UID] = []
        for noted in (self._waiting, self._taken):
            while len(taken) < most:
                try:
                    taken.append(noted.popleft())
                except IndexError:
                    break
        return tuple(taken)
