"""This module wakes whoever waits for a record to be over: a job's end, a person's answer."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from syft.model.uid import UID

# An answer that waits for a job holds a thread of the server's: so many in all, so many for one account.
MAX_WAITING: Final = 64
WAITING_PER_ACCOUNT: Final = 16


class Waiters:
    """Events by record, and the seats of those who wait for them."""

    def __init__(self) -> None:
        self._events: dict[UID, list[threading.Event]] = defaultdict(list)
        self._lock = threading.Lock()
        self._seats: Counter[UID] = Counter()

    @contextmanager
    def seat(self, account: UID) -> Iterator[bool]:
        """A place to wait in, given back at the end of the block; whether there was one.

        Args:
            account: who waits.
        """
        with self._lock:
            free = self._seats[account] < WAITING_PER_ACCOUNT and self._seats.total() < MAX_WAITING
            self._seats[account] += free
        try:
            yield free
        finally:
            with self._lock:
                self._seats[account] -= free
                if not self._seats[account]:
                    del self._seats[account]

    def waiter(self, uid: UID) -> threading.Event:
        """An event that is set when that is over. Ask for it before the record is written, or read its state after."""
        event = threading.Event()
        with self._lock:
            self._events[uid].append(event)
        return event

    def forget(self, uid: UID, event: threading.Event) -> None:
        """Stop waiting."""
        with self._lock:
            waiting = self._events.get(uid, [])
            if event in waiting:
                waiting.remove(event)
            if not waiting:
                self._events.pop(uid, None)

    def wake(self, uid: UID) -> None:
        """It is over."""
        with self._lock:
            for event in self._events.pop(uid, []):
                event.set()
