"""This module is the book of orders: runs that wait for a worker on another machine, and who holds which.

An order is one run of one function. A worker takes it for as long as it goes on saying that it is there (its lease);
whatever is said about an order must name its token, which only its holder was told. An order that is given up is
over: nothing that is said of it later is heard. It is not handed to another worker; whether the job is begun
again is for its record to say, not for this book, which is gone when the node stops.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Collection
from typing import Final

from syft.errors import AuthorizationException, InvalidInput, InvalidState, NotFound
from syft.jobs.contents import Digests
from syft.jobs.order import Order
from syft.jobs.worker_session import WorkerSession
from syft.model.messages.work import MAX_HELD, TOKEN_BYTES, News
from syft.model.uid import UID
from syft.model.worker import Worker
from syft.sandbox.levels import LEVELS

LEASE_S: Final = 15.0
# Answers that wait hold a thread of the server's each, of which people need most.
MAX_WAITING: Final = 48
_MAX_REMEMBERED: Final = 1000
_REVOKED: Final = "This worker's key was revoked."
_SUPERSEDED: Final = "Another process has joined with this worker's key. Give each a home of its own."
_STRANGER: Final = "This worker has not joined, or was away for too long. Join again."


class OrderBook:
    """All orders of one node, and the workers that are there. Every method may be called from any thread.

    Args:
        lease_s: seconds without a word after which the orders of a worker are given up.
    """

    def __init__(self, lease_s: float = LEASE_S) -> None:
        self.lease_s = lease_s
        self.digests = Digests()
        self._lock = threading.RLock()
        self._joined = threading.Condition(self._lock)
        self._waiting: dict[str, OrderedDict[UID, Order]] = defaultdict(OrderedDict)
        self._orders: dict[UID, Order] = {}
        self._by_run: dict[str, Order] = {}
        self._sessions: dict[UID, WorkerSession] = {}
        # Sessions that ended because another process joined with the key: those must not come back.
        self._superseded: OrderedDict[UID, None] = OrderedDict()
        self._listeners: dict[str, Callable[[int], None]] = {}
        # Taken before the other lock: whoever is told last is told what is so last.
        self._telling = threading.Lock()
        self._polls = 0
        self._closed = False
        self._watch: threading.Thread | None = None
        self._stop = threading.Event()

    # --- for the runner

    def offer(self, order: Order) -> None:
        """Let workers have an order, from now until `withdraw`.

        Raises:
            InvalidInput: a run with that uid is going on.
            InvalidState: the book is closed.
        """
        with self._lock:
            if self._closed:
                raise InvalidState("the sandbox was closed")
            if order.execution.uid in self._by_run:
                raise InvalidInput("a run with this uid is going on")
            self._by_run[order.execution.uid] = order
            self._orders[order.uid] = order
            self._waiting[order.pool][order.uid] = order
            for session in self._sessions.values():
                if session.worker.pool == order.pool and session.has_slot(order.depth):
                    session.taking.notify_all()

    def withdraw(self, order: Order) -> None:
        """Forget an order. Whoever still works on it is told to stop."""
        with self._lock:
            self._by_run.pop(order.execution.uid, None)
            self._orders.pop(order.uid, None)
            self._waiting[order.pool].pop(order.uid, None)
            session = self._holder_of(order)
            if session is not None and session.held.pop(order.uid, None) is not None:
                session.news = [one for one in session.news if one.order != order.uid]
                if not order.finished:
                    session.tell(order.uid)
                session.taking.notify_all()

    def kill(self, pool: str, run: str, reason: str) -> bool:
        """End a run of that pool; whether there was one to end."""
        with self._lock:
            order = self._by_run.get(run)
            if order is None or order.pool != pool:
                return False
            session = self._holder_of(order)
            answer = order.kill(reason, is_held=session is not None)
            if session is not None and answer:
                session.tell(order.uid)
            return answer

    def lose(self, uid: UID, why: str) -> None:
        """Give an order up, for whoever knows that nobody will finish it; one that is over stays as it is."""
        with self._lock:
            order = self._orders.get(uid)
            session = self._holder_of(order) if order else None
        if order is not None:
            order.lose(why)
            if session is not None:
                self._tell(session, uid)

    def is_waiting(self, uid: UID) -> bool:
        """Whether nobody has taken that order yet, and somebody still may."""
        with self._lock:
            order = self._orders.get(uid)
            return order is not None and uid in self._waiting[order.pool]

    def call_ended(self, order: Order, call: int) -> None:
        """Have the holder of an order know that a run it has launched has ended."""
        with self._lock:
            session = self._holder_of(order)
            if session is not None and order.uid in session.held:
                session.tell(order.uid, call)

    def end_pool(self, pool: str, reason: str, patience_s: float) -> None:
        """Kill all orders of a pool, and give their workers some time to say that they have.

        Args:
            pool: its name.
            reason: becomes that of the outcomes.
            patience_s: after which nothing more is heard of them.
        """
        with self._lock:
            orders = [order for order in self._orders.values() if order.pool == pool]
        for order in orders:
            self.kill(pool, order.execution.uid, reason)
        until = time.monotonic() + patience_s
        for order in orders:
            order.await_end(max(0.0, until - time.monotonic()))
            order.give_up()

    def close(self) -> None:
        """Let nobody take or say anything more. May be called twice."""
        with self._lock:
            self._closed = True
            self._stop.set()
            orders = list(self._orders.values())
            for session in self._sessions.values():
                session.over = _STRANGER
                session.wake()
            self._sessions.clear()
            self._joined.notify_all()
        for order in orders:
            order.kill("the sandbox was closed", is_held=False)
            order.give_up()

    # --- workers that come and go

    def join(self, worker: Worker, slots: int, level: str) -> UID:
        """Take note of a worker's process; an earlier one with that key is over, with all it held.

        Returns:
            What it has to name from now on.
        """
        with self._lock:
            if self._closed:
                raise InvalidState("This node is being stopped.")
            for session in [one for one in self._sessions.values() if one.worker.uid == worker.uid]:
                self._superseded[session.uid] = None
                while len(self._superseded) > _MAX_REMEMBERED:
                    self._superseded.popitem(last=False)
                self._end(session, "Another process has joined with this worker's key.")
            session = WorkerSession(worker, slots, level, self._lock)
            self._sessions[session.uid] = session
            self._joined.notify_all()
            if self._watch is None:
                self._watch = threading.Thread(target=self._watch_leases, daemon=True, name="syft-leases")
                self._watch.start()
        self._tell_slots(worker.pool)
        return session.uid

    def leave(self, worker: Worker, session: UID) -> None:
        """A worker's process takes no more work."""
        with self._lock:
            found = self._sessions.get(session)
            if found is not None and found.worker.uid == worker.uid:
                self._end(found, "the worker was stopped")
        self._tell_slots(worker.pool)

    def drop(self, worker: Worker, why: str = _REVOKED) -> None:
        """Give up all that a worker holds, at once: its key is worth nothing any more."""
        with self._lock:
            for session in [one for one in self._sessions.values() if one.worker.uid == worker.uid]:
                self._end(session, why)
        self._tell_slots(worker.pool)

    def sessions(self) -> list[WorkerSession]:
        """The workers' processes that are there."""
        with self._lock:
            return list(self._sessions.values())

    def slots(self, pool: str) -> int:
        """How many orders of one depth the workers of a pool take at once."""
        with self._lock:
            return sum(one.slots for one in self._sessions.values() if one.worker.pool == pool)

    def level(self, pool: str) -> str:
        """The weakest isolation level of a pool's workers; "" where none is there."""
        with self._lock:
            levels = [one.level for one in self._sessions.values() if one.worker.pool == pool]
        return max(levels, key=LEVELS.index, default="")

    def wait_for_worker(self, pool: str, unless: Callable[[], bool]) -> None:
        """Wait until a pool has a worker, or the book is closed.

        Args:
            pool: its name.
            unless: whether nobody needs one any more; asked again after `wake_waiters`.
        """
        with self._lock:
            while not (self._closed or self.slots(pool) or unless()):
                self._joined.wait()

    def wake_waiters(self) -> None:
        """Have those look again who wait for workers."""
        with self._lock:
            self._joined.notify_all()

    def listen(self, pool: str, on_slots: Callable[[int], None] | None) -> None:
        """Have a function told how many slots a pool has, now and whenever that changes; None to end it."""
        with self._lock:
            if on_slots is None:
                self._listeners.pop(pool, None)
                return
            self._listeners[pool] = on_slots
        self._tell_slots(pool)

    # --- what workers ask

    def take(self, worker: Worker, session: UID, wait_s: float, named: UID | None) -> Order | None:
        """An order for a worker, now its own; None where there was none in time.

        Args:
            worker: who asks.
            session: of its process.
            wait_s: how long to wait for one; at most a third of the lease. An answer that waits for somebody who has
                died would still be given an order, and what the dead one has just lost first of all.
            named: that order and no other.
        Raises:
            NotFound: the worker is to join again; or the named order is not there, or not to be had any more.
        """
        until = time.monotonic() + self._bounded(wait_s)
        with self._lock:
            mine = self._session(worker, session)
            mine.takes += 1
            latest = mine.takes
            # Whoever asks again has given up the earlier question: nobody would hear of an order that it is answered.
            mine.taking.notify_all()
            while True:
                if mine.over:
                    raise self._reason_of(mine)
                if latest != mine.takes:
                    return None
                order = self._next(mine, named)
                if order is not None:
                    self._waiting[order.pool].pop(order.uid)
                    order.take(
                        secrets.token_bytes(TOKEN_BYTES),
                        session,
                        worker.name,
                        time.monotonic() + self.lease_s,
                    )
                    mine.held[order.uid] = order
                    return order
                left = until - time.monotonic()
                if named is not None and named not in self._waiting[worker.pool]:
                    raise NotFound("There is no such order, or somebody else has it.")
                # Asked again where it counts: after a start all workers come at once, and each saw that there was room.
                if left <= 0 or self.is_full:
                    return None
                self._wait(mine, mine.taking, left)

    def attend(
        self, worker: Worker, session: UID, held: Collection[UID], after: int, wait_s: float
    ) -> tuple[News, ...]:
        """Renew a worker's leases, and what it must know, as soon as there is something.

        Args:
            worker: who asks.
            session: of its process.
            held: orders that it has.
            after: the number of the last news it has heard.
            wait_s: how long to wait for news.
        Raises:
            InvalidInput: it cannot hold as many.
        """
        if len(held) > MAX_HELD:
            raise InvalidInput(f"A worker holds at most {MAX_HELD} orders.")
        until = time.monotonic() + self._bounded(wait_s)
        with self._lock:
            mine = self._session(worker, session)
            mine.attends += 1
            latest = mine.attends
            mine.attending.notify_all()
            # A thousand a second are not kept for somebody who has heard them.
            mine.news = [one for one in mine.news if one.number > after]
            for uid in set(held) & set(mine.held):
                mine.held[uid].renew(time.monotonic() + self.lease_s)
            while True:
                if mine.over:
                    raise self._reason_of(mine)
                gone = [News(order=uid) for uid in held if uid not in mine.held]
                if gone or mine.news:
                    return (*gone, *mine.news[:1000])
                left = until - time.monotonic()
                if left <= 0 or latest != mine.attends or self.is_full:
                    return ()
                self._wait(mine, mine.attending, left)

    def held(self, worker: Worker, uid: UID, token: bytes) -> Order:
        """An order that this worker holds, by its token; the lease begins anew.

        Raises:
            NotFound: it holds no such order (any more).
        """
        with self._lock:
            order = self._orders.get(uid)
            session = self._holder_of(order) if order else None
            if (
                order is None
                or session is None
                or session.worker.uid != worker.uid
                or not order.is_token(token)
            ):
                raise NotFound("This worker holds no such order (any more).")
            session.seen = time.monotonic()
            order.renew(session.seen + self.lease_s)
            return order

    def over(self, order: Order) -> None:
        """An order's holder has ended it: the slot is free."""
        with self._lock:
            session = self._holder_of(order)
            if session is not None:
                session.held.pop(order.uid, None)
                session.news = [one for one in session.news if one.order != order.uid]
                session.taking.notify_all()

    # --- within

    def _bounded(self, wait_s: float) -> float:
        # Who waits has said nothing meanwhile: whoever asks again after this is never silent for too long.
        return min(wait_s, self.lease_s / 3)

    def _session(self, worker: Worker, uid: UID) -> WorkerSession:
        found = self._sessions.get(uid)
        if found is None or found.worker.uid != worker.uid:
            if uid in self._superseded:
                raise InvalidState(_SUPERSEDED)
            raise NotFound(_STRANGER)
        found.seen = time.monotonic()
        return found

    def _reason_of(self, session: WorkerSession) -> Exception:
        if session.over == _REVOKED:
            return AuthorizationException(_REVOKED)
        if session.uid in self._superseded:
            return InvalidState(_SUPERSEDED)
        return NotFound(_STRANGER)

    def _wait(self, session: WorkerSession, condition: threading.Condition, wait_s: float) -> None:
        self._polls += 1
        try:
            condition.wait(wait_s)
        finally:
            self._polls -= 1

    @property
    def is_full(self) -> bool:
        """Whether so many answers wait already that the next must not."""
        with self._lock:
            return self._polls >= MAX_WAITING

    def _next(self, session: WorkerSession, named: UID | None) -> Order | None:
        waiting = self._waiting[session.worker.pool]
        if named is not None:
            return waiting.get(named)
        for order in waiting.values():
            if not order.by_name and not order.is_over and session.has_slot(order.depth):
                return order
        return None

    def _holder_of(self, order: Order) -> WorkerSession | None:
        session = self._sessions.get(order.session) if order.session else None
        return session if session is not None and order.uid in session.held else None

    def _tell(self, session: WorkerSession, order: UID) -> None:
        with self._lock:
            session.held.pop(order, None)
            session.tell(order)
            session.taking.notify_all()

    def _end(self, session: WorkerSession, why: str) -> None:
        """With the lock: a worker's process is not heard any more."""
        self._sessions.pop(session.uid, None)
        held, session.held = list(session.held.values()), {}
        session.over = why
        session.wake()
        for order in held:
            order.lose(why)

    def _tell_slots(self, pool: str) -> None:
        with self._telling:
            with self._lock:
                listener = self._listeners.get(pool)
                slots = self.slots(pool)
            if listener is not None:
                listener(slots)

    def _watch_leases(self) -> None:
        """Give up what nobody has said a word about in time."""
        while not self._stop.wait(self.lease_s / 5):
            self.expire()

    def expire(self) -> None:
        """Give up what nobody will finish, and forget workers that have gone silent.

        That is: orders whose leases have ended, and those whose workers were told to end them and do not, however often
        they say that they are there.
        """
        now = time.monotonic()
        with self._lock:
            silent = [one for one in self._sessions.values() if now - one.seen > self.lease_s]
            for session in silent:
                self._end(session, f"nothing was heard of the worker for {self.lease_s:g} s")
            for session in self._sessions.values():
                for order in list(session.held.values()):
                    if order.lease_until < now:
                        order.lose(f"the worker has not spoken of it for {self.lease_s:g} s")
                    elif order.is_overdue(now, self.lease_s):
                        order.give_up()
                    else:
                        continue
                    session.held.pop(order.uid)
                    session.tell(order.uid)
                    session.taking.notify_all()
        for pool in {session.worker.pool for session in silent}:
            self._tell_slots(pool)
