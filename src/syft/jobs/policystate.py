"""This module changes what output policies remember, those that authors wrote: where results land, and in turn."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from syft.model.policystate import PolicyState
from syft.model.uid import UID
from syft.store.base import Transaction

# How soon a run that waits for its turn sees that it was cancelled.
_LOOK_S: Final = 0.05


class StateMoved(Exception):
    """Another run has changed what the policy remembers; raising it undoes the transaction that built on that."""


class PolicyStopped(Exception):
    """Somebody ended the run of a policy, or the wait for its turn."""


@dataclass(frozen=True)
class StateChange:
    """What an output policy remembers from now on, if nothing has changed since it was asked.

    Args:
        uid: of the request.
        version: as of which it was asked; 0: nothing was remembered yet.
        value: encoded.
        shown: encoded.
    """

    uid: UID
    version: int
    value: bytes
    shown: bytes

    def land(self, tx: Transaction, now: datetime) -> None:
        """Keep it, in the transaction that lets the result go.

        Raises:
            StateMoved: another run was quicker.
        """
        stored = tx.find(PolicyState, uid=self.uid)
        if (stored.version if stored else 0) != self.version:
            raise StateMoved
        state = PolicyState(
            uid=self.uid, version=self.version + 1, value=self.value, shown=self.shown, changed_at=now
        )
        if stored is None:
            tx.add(state)
        else:
            tx.replace(state)


class Turns:
    """Lets the runs of one approval ask its output policy one after the other: each builds on what the last one left.

    It is for speed: what decides is `StateChange.land`. Whoever has a turn waits for the sandbox only, and whoever
    waits for one holds nothing that a sandbox needs.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[UID, tuple[threading.Lock, int]] = {}

    @contextmanager
    def of(self, uid: UID | None, is_cancelled: Callable[[], bool]) -> Iterator[None]:
        """The block in which a run asks.

        Args:
            uid: of the request that it is under; of none, it asks at once.
            is_cancelled: whether nobody wants the run any more. Who cancels it does not wait for those before it.
        Raises:
            PolicyStopped: it was cancelled before its turn came.
        """
        if uid is None:
            yield
            return
        with self._lock:
            turn, count = self._waiting.get(uid, (threading.Lock(), 0))
            self._waiting[uid] = turn, count + 1
        try:
            while not turn.acquire(timeout=_LOOK_S):
                if is_cancelled():  # pragma: no branch - whoever waits longer looks once more
                    raise PolicyStopped
            try:
                yield
            finally:
                turn.release()
        finally:
            with self._lock:
                turn, count = self._waiting[uid]
                if count == 1:
                    del self._waiting[uid]
                else:
                    self._waiting[uid] = turn, count - 1
