"""This module is a session of a worker elsewhere, as the book of orders knows it: what it holds, and is to be told.

All of it is used with the book's lock held.
"""

from __future__ import annotations

import threading
import time
from collections import Counter

from syft.jobs.order import Order
from syft.model.messages.work import News
from syft.model.uid import UID
from syft.model.worker import Worker


class WorkerSession:
    """One worker's process, from the moment it joined. Made by `OrderBook.join`.

    Args:
        worker: whose key.
        slots: how many orders of one depth it takes at once.
        level: the isolation level that its fence has proved, as it says.
        lock: the book's.
    """

    def __init__(self, worker: Worker, slots: int, level: str, lock: threading.RLock) -> None:
        self.uid = UID()
        self.worker = worker
        self.slots = slots
        self.level = level
        self.joined_at = time.monotonic()
        self.seen = self.joined_at
        self.over = ""
        self.held: dict[UID, Order] = {}
        self.news: list[News] = []
        self.told = 0
        # One answer of each kind waits at a time: the latest question's.
        self.taking = threading.Condition(lock)
        self.attending = threading.Condition(lock)
        self.takes = 0
        self.attends = 0

    def has_slot(self, depth: int) -> bool:
        """Whether it takes another order of that depth."""
        return Counter(order.depth for order in self.held.values())[depth] < self.slots

    def tell(self, order: UID, call: int | None = None) -> None:
        """Have the worker know of something."""
        self.told += 1
        self.news.append(News(order=order, call=call, number=self.told))
        self.attending.notify_all()

    def wake(self) -> None:
        """Have it ask again."""
        self.taking.notify_all()
        self.attending.notify_all()
