"""This module decides whose turn it is among the jobs that wait for one pool; it knows neither store nor clock."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from syft.model.uid import UID

# A job whose worker was lost has waited already: it goes before the others of its person.
_FIRST: Final = -1


@dataclass(order=True)
class _Waiting:
    """One job that waits. In the order in which its person's jobs go: the most urgent first, then the oldest."""

    rank: tuple[int, int, int]
    uid: UID = field(compare=False)
    user: UID = field(compare=False)
    gone: bool = field(default=False, compare=False)


class Line:
    """The jobs that wait for one pool.

    The most urgent go first. Among equally urgent ones it is the turn of whoever has the fewest running, then of
    whoever was served longest ago: a thousand jobs of one person delay another's by one, and not by a thousand.
    Belongs to who holds the lock around it.
    """

    def __init__(self) -> None:
        self._order = itertools.count(1)
        self._turns = itertools.count(1)
        self._by_uid: dict[UID, _Waiting] = {}
        self._by_user: dict[UID, list[_Waiting]] = {}
        self._served: dict[UID, int] = {}

    def __len__(self) -> int:
        return len(self._by_uid)

    def __contains__(self, uid: object) -> bool:
        return uid in self._by_uid

    def push(self, uid: UID, user: UID, priority: int = 0, *, again: bool = False) -> None:
        """Put a job in line; nothing where it stands there already.

        Args:
            uid: of the job.
            user: whose it is.
            priority: the higher, the sooner.
            again: whether it had its turn before, and lost it through nobody's fault.
        """
        if uid in self._by_uid:
            return
        waiting = _Waiting((-priority, _FIRST if again else 0, next(self._order)), uid, user)
        self._by_uid[uid] = waiting
        heapq.heappush(self._by_user.setdefault(user, []), waiting)

    def pop(self, running: Mapping[UID, int], most: int) -> tuple[UID, UID] | None:
        """Take out the job whose turn it is, with its person; None where nobody may have another.

        Args:
            running: how many each person has that run.
            most: of one person at once.
        """
        turn: tuple[tuple[int, int, int, tuple[int, int, int]], _Waiting] | None = None
        for user in list(self._by_user):
            head = self._head(user)
            if head is None or running.get(user, 0) >= most:
                continue
            key = (head.rank[0], running.get(user, 0), self._served.get(user, 0), head.rank)
            if turn is None or key < turn[0]:
                turn = key, head
        if turn is None:
            return None
        waiting = turn[1]
        self._served[waiting.user] = next(self._turns)
        self.remove(waiting.uid)
        return waiting.uid, waiting.user

    def remove(self, uid: UID) -> bool:
        """Take a job out whose turn never came; whether it stood there."""
        waiting = self._by_uid.pop(uid, None)
        if waiting is None:
            return False
        waiting.gone = True
        self._head(waiting.user)
        return True

    def set_priority(self, uid: UID, priority: int) -> bool:
        """Make a job more or less urgent; whether it stood there."""
        waiting = self._by_uid.get(uid)
        if waiting is None:
            return False
        rank = (-priority, *waiting.rank[1:])
        waiting.gone = True
        self._by_uid[uid] = changed = _Waiting(rank, uid, waiting.user)
        heapq.heappush(self._by_user[waiting.user], changed)
        return True

    def _head(self, user: UID) -> _Waiting | None:
        """The first of a person's; forgets the person where there is none."""
        heap = self._by_user.get(user)
        while heap and heap[0].gone:
            heapq.heappop(heap)
        if heap:
            return heap[0]
        self._by_user.pop(user, None)
        # Who was served when counts among those who wait; whoever has nothing in line begins anew.
        if not self._by_user:
            self._served.clear()
        return None
