"""Waiting at a node: asked again until it is over, at least once, and never in a busy loop."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from syft.client import waiting
from syft.client.client import Client
from syft.client.login import login
from syft.client.waiting import WAIT_S, wait_until
from syft.jobs.waiters import WAITING_PER_ACCOUNT
from syft.model.request import RequestState
from syft.node.node import Node
from syft.transport.base import Parcel
from syft.transport.memory import MemoryRoute


class Asked:
    """Says no so often, then yes; keeps how long each answer was allowed to wait."""

    def __init__(self, noes: int) -> None:
        self.noes = noes
        self.waits: list[float] = []

    def __call__(self, wait_s: float) -> bool:
        self.waits.append(wait_s)
        return len(self.waits) > self.noes


class CountingRoute(MemoryRoute):
    """The way to a node in this process, with the number of messages that went over it."""

    sent = 0

    def send(self, parcel: Parcel) -> Parcel | None:
        """Count, and pass on."""
        self.sent += 1
        return super().send(parcel)


def test_what_is_over_is_asked_for_once() -> None:
    asked = Asked(0)
    assert wait_until(asked, None)
    assert asked.waits == [WAIT_S]


def test_it_is_asked_once_even_if_there_is_no_time() -> None:
    asked = Asked(0)
    assert wait_until(asked, 0)
    assert asked.waits == [0]


def test_it_is_asked_until_it_is_over() -> None:
    asked = Asked(2)
    assert wait_until(asked, 3 * WAIT_S)
    assert asked.waits == [WAIT_S] * 3


def test_a_node_that_answers_at_once_is_not_asked_without_a_pause() -> None:
    asked = Asked(1_000_000)
    assert not wait_until(asked, 0.5)
    assert 2 <= len(asked.waits) <= 4
    assert asked.waits[-1] == 0, "how it stands at the end is what counts"


def test_each_pause_is_longer_than_the_last_until_a_node_has_something_to_tell(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    slept: list[float] = []
    monkeypatch.setattr(waiting.time, "sleep", slept.append)
    answers: list[bool | None] = [False] * 6 + [None, None, False] + [True]
    assert wait_until(lambda wait_s: answers.pop(0), None)
    assert slept == [0.2, 0.4, 0.8, 1.6, 1.6, 1.6, 0.2]


@pytest.mark.parametrize("block", [False, True])
def test_who_waits_where_many_wait_does_not_flood_the_node(
    node: Node, admin: Client, scientist: Client, block: bool
) -> None:
    pointer = admin.objects.send(1)
    route = CountingRoute(node)
    asking = login("sheldon@test.org", "123", route=route).objects[pointer.id]
    with ExitStack() as seats:
        for _ in range(WAITING_PER_ACCOUNT):
            assert seats.enter_context(node.open().crews.waiters.seat(scientist.account.id))
        assert not seats.enter_context(node.open().crews.waiters.seat(scientist.account.id))
        before = route.sent
        if block:
            asking.request(block=True, timeout_secs=0.5)
        else:
            request = asking.request()
            assert request.wait(0.5) is RequestState.PENDING
        assert route.sent - before < 10
    pointer.delete()
