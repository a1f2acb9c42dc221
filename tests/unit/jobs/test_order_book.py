"""The book of orders: what becomes of an order whose worker has died while it waited for an answer."""

from __future__ import annotations

import io
import threading
import time
from datetime import UTC, datetime

import pytest

from syft.errors import NotFound
from syft.jobs.contents import Contents
from syft.jobs.order import Order
from syft.jobs.order_book import OrderBook
from syft.model.uid import UID
from syft.model.worker import Worker
from syft.sandbox.contract import Execution

LEASE_S = 0.6


def order(book: OrderBook) -> Order:
    execution = Execution(uid=UID().hex, source="def f(): return 1", entry="f", inputs={})
    return Order(
        execution,
        pool="big",
        contents=Contents(execution, book.digests),
        result=io.BytesIO(),
        host=None,
        depth=0,
        by_name=False,
        on_call_ended=book.call_ended,
    )


def worker() -> Worker:
    return Worker(
        uid=UID(),
        verify_key="ab" * 32,
        pool="big",
        name="w",
        admitted_by=UID(),
        admitted_at=datetime.now(UTC),
    )


def test_what_a_dead_worker_has_lost_is_not_given_to_its_question_that_still_waits() -> None:
    book, dead = OrderBook(LEASE_S), worker()
    session = book.join(dead, slots=2, level="process")
    first = order(book)
    book.offer(first)
    assert book.take(dead, session, 30.0, None) is first
    # It asks for another, and dies: its question goes on waiting.
    answers: list[Order | NotFound | None] = []

    def ask() -> None:
        try:
            answers.append(book.take(dead, session, 30.0, None))
        except NotFound as error:
            answers.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    assert not first.await_end(0)
    assert first.wait().reason.startswith(("nothing was heard", "the worker has not spoken"))
    book.withdraw(first)
    again = order(book)
    book.offer(again)
    asking.join(10)
    assert answers == [None], "the answer was over before its lease was"
    assert again.session is None, "it waits for somebody who is there"
    book.close()


def test_waiting_for_an_answer_is_no_sign_of_life() -> None:
    book, dead = OrderBook(LEASE_S), worker()
    session = book.join(dead, slots=1, level="process")
    asked = time.monotonic()
    assert book.take(dead, session, 30.0, None) is None
    assert time.monotonic() - asked < LEASE_S
    (there,) = book.sessions()
    assert there.seen <= asked + LEASE_S / 6, "of when it asked, not of when it was answered"
    there.seen -= LEASE_S
    book.expire()
    with pytest.raises(NotFound):
        book.take(dead, session, 30.0, None)
    book.close()
