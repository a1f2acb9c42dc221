"""This module runs strangers' functions on workers on other machines: a runner that hands out orders."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import BinaryIO, Final

from syft.errors import InvalidState
from syft.jobs.contents import Contents
from syft.jobs.order import Order
from syft.jobs.order_book import OrderBook
from syft.model.uid import UID
from syft.sandbox.contract import Execution, Host, Outcome, Runner

_CLOSED: Final = "the sandbox was closed"
# After which nothing more is heard of workers that do not say that they have ended what they had.
_CLOSE_S: Final = 2.0


class RemoteRunner(Runner):
    """A runner whose runs are done by the workers of one pool.

    Without a worker, runs wait for one. When the node is closed, or its process dies, workers end what they have:
    at once where they hear of it, else when their leases do.

    Args:
        orders: the node's book, which its handlers know, too.
        pool: the name of the pool.
        on_slots: told how many orders of one depth the workers take at once, whenever that changes. Called from any
            thread; it is quick.
        on_offered: told of each order that is offered, for an engine that sends somebody for it by name
            (`TakeWork.order`); others do not get these orders then.
        on_over: told of each such order when it is over, however that came about.
    """

    def __init__(
        self,
        orders: OrderBook,
        pool: str,
        *,
        on_slots: Callable[[int], None] | None = None,
        on_offered: Callable[[UID], None] | None = None,
        on_over: Callable[[UID], None] | None = None,
    ) -> None:
        self._orders = orders
        self._pool = pool
        self._on_offered = on_offered
        self._on_over = on_over
        self._lock = threading.Lock()
        self._closed = False
        if on_slots is not None:
            orders.listen(pool, on_slots)

    @property
    def level(self) -> str:
        """The weakest isolation level of the workers that are there; "" while none is."""
        return self._orders.level(self._pool)

    @property
    def slots(self) -> int:
        """How many orders of one depth the workers that are there take at once."""
        return self._orders.slots(self._pool)

    def start(self) -> None:
        """Nothing has to get ready: workers come by themselves.

        Raises:
            InvalidState: the runner has been closed.
        """
        self._check_open()

    def wait(self) -> str:
        """Wait until a worker is there; the isolation level then.

        Raises:
            InvalidState: the runner has been closed.
        """
        self._check_open()
        self._orders.wait_for_worker(self._pool, lambda: self._closed)
        self._check_open()
        return self.level

    def run(self, execution: Execution, *, result: BinaryIO, host: Host | None = None) -> Outcome:
        """Run one function to its end. See `Runner`."""
        self._check_open()
        contents = Contents(execution, self._orders.digests)
        try:
            order = Order(
                execution,
                pool=self._pool,
                contents=contents,
                result=result,
                host=host,
                depth=execution.depth,
                by_name=self._on_offered is not None,
                on_call_ended=self._orders.call_ended,
            )
            try:
                return self._run(order)
            finally:
                if order.calls is not None:
                    order.calls.close()
        finally:
            contents.close()

    def _run(self, order: Order) -> Outcome:
        self._orders.offer(order)
        try:
            # `close` may have looked for orders just before this one was there.
            if self._closed:
                self._orders.kill(self._pool, order.execution.uid, _CLOSED)
            if self._on_offered is not None:
                self._on_offered(order.uid)
            return order.wait()
        finally:
            self._orders.withdraw(order)
            if self._on_over is not None:
                self._on_over(order.uid)

    def kill(self, uid: str, reason: str) -> bool:
        """End a run; the reason becomes the outcome's."""
        return self._orders.kill(self._pool, uid, reason)

    def lose(self, order: UID, why: str) -> None:
        """Give an order up, where an engine knows that nobody will finish it."""
        self._orders.lose(order, why)

    def close(self) -> None:
        """End every run and leave nothing behind. The book goes on for other pools."""
        with self._lock:
            self._closed = True
        self._orders.listen(self._pool, None)
        self._orders.end_pool(self._pool, _CLOSED, _CLOSE_S)
        self._orders.wake_waiters()

    def _check_open(self) -> None:
        if self._closed:
            raise InvalidState(_CLOSED)
