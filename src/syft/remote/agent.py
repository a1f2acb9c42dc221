"""This module is a worker: it joins a pool, takes orders while it has room, and says all the time that it is there."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Final

from syft.code.environment import environment_digest, environment_lines
from syft.errors import (
    AuthorizationException,
    BadReply,
    InvalidState,
    NodeUnreachable,
    NotFound,
    SyftException,
)
from syft.logger import say, where
from syft.model.identity import seal_for
from syft.model.message import Done
from syft.model.messages.work import (
    Attend,
    Joined,
    JoinPool,
    JoinSecret,
    LeavePool,
    NewsReply,
    TakeWork,
    WorkReply,
)
from syft.model.uid import UID
from syft.model.worker import WorkerState
from syft.remote.cache import Cache
from syft.remote.connection import Connection
from syft.remote.held_order import HeldOrder
from syft.sandbox.contract import Runner
from syft.wire.records import encode_record

_WAIT_S: Final = 20.0
_TRY_AGAIN_S: Final = 1.0
_MAX_REMEMBERED: Final = 1000
_PASSING: Final = (NodeUnreachable, BadReply)
# The node does not know this process any more, or its key: whoever asks to join is told why.
_UNKNOWN: Final = (NotFound, AuthorizationException)


class Agent:
    """One worker's process, for one pool of one node.

    It says that it is there by one question that waits at the node (`Attend`), and takes orders by another. If the
    node does not answer for the length of a lease, all that runs here is ended: nobody waits for it any more.

    Args:
        connection: to the node.
        runner: this machine's fence.
        cache: for values that orders take.
        pool: whose orders.
        name: of this worker, for people.
        slots: how many orders of one depth at once.
        token: a join token, or empty.
        on_state: told what has become of the request to join, whenever that changes.
    """

    def __init__(
        self,
        connection: Connection,
        runner: Runner,
        cache: Cache,
        *,
        pool: str,
        name: str,
        slots: int,
        token: str = "",
        on_state: Callable[[WorkerState], None] = lambda _: None,
    ) -> None:
        self._connection = connection
        self._runner = runner
        self._cache = cache
        self._pool = pool
        self._name = name
        self._slots = slots
        self._join_token = token
        self._on_state = on_state
        self._state: WorkerState | None = None
        self._lock = threading.Lock()
        self._joining = threading.Lock()
        self._held: dict[UID, HeldOrder] = {}
        # Orders that were to end before this process had even heard of them: news and orders come by two ways.
        self._unwanted: deque[UID] = deque(maxlen=_MAX_REMEMBERED)
        self._session: UID | None = None
        self._lease_s = 15.0
        self._stopping = threading.Event()
        self._idle = threading.Condition(self._lock)
        self._failed: SyftException | None = None

    # --- as a worker

    def work(self) -> None:
        """Take orders until `stop`.

        Raises:
            SyftException: the node does not want this worker; the text says why.
        """
        try:
            while not self._stopping.is_set():
                self.join()
                self._attended(self._take_all)
        finally:
            self._end_all()

    def work_one(self, order: UID) -> None:
        """Take that order, and run it to its end; for whoever was sent for it by an engine. Joins first, if need be.

        May be called from several threads at once.

        Raises:
            NotFound: somebody else has it, or it is over.
            SyftException: the node does not want this worker.
        """
        session = self._joined()
        try:
            reply = self._connection.say(TakeWork(session, 0.0, order), WorkReply)
        except NotFound:
            if self._is_known(session):
                raise
            self._forget(session)
            reply = self._connection.say(TakeWork(self._joined(), 0.0, order), WorkReply)
        if reply.order is None:
            raise NotFound("There is no such order, or somebody else has it.")
        held = self._hold(HeldOrder(reply.order, self._connection, self._cache, self._runner, self._lease_s))
        self._run(held)

    def be_there(self) -> None:
        """Join, unless that has been done and the node still hears of it; for a process that is sent for orders.

        Raises:
            SyftException: the node does not want this worker.
        """
        self._joined()

    @property
    def is_there(self) -> bool:
        """Whether the node hears of it, as far as is known here."""
        return self._session is not None

    def stop(self) -> None:
        """Take nothing more, and hand back what runs. `work` returns soon after."""
        self._stopping.set()
        session = self._session
        if session is not None:
            # What waits at the node for this process is answered then.
            self._say_goodbye(session)

    def close(self) -> None:
        """`stop`, and wait until nothing runs here any more. May be called twice."""
        self.stop()
        self._end_all()

    @property
    def running(self) -> int:
        """How many orders it has."""
        with self._lock:
            return len(self._held)

    # --- joining

    def join(self) -> UID | None:
        """Ask to join until an administrator has decided, or `stop`; the session, if there is one now.

        Raises:
            SyftException: the key was revoked, or this machine does not fit; the text says why.
        """
        level = self._runner.wait()
        while not self._stopping.is_set():
            sealed = b""
            if self._join_token and self._state is not WorkerState.ADMITTED:
                secret = JoinSecret(self._join_token, self._connection.identity.verify_key)
                sealed = seal_for(bytes.fromhex(self._connection.node.verify_key), encode_record(secret))
            message = JoinPool(
                self._pool,
                self._name,
                self._slots,
                level,
                environment_digest(),
                environment_lines(),
                sealed,
            )
            try:
                reply = self._connection.say(message, Joined)
            except _PASSING as error:
                say(logging.WARNING, "the node cannot be reached", error=error.code)
                self._stopping.wait(_TRY_AGAIN_S)
                continue
            if reply.state is not self._state:
                self._state = reply.state
                self._on_state(reply.state)
            if reply.session is not None:
                self._session, self._lease_s = reply.session, reply.lease_s
                return reply.session
            self._stopping.wait(max(0.1, reply.ask_again_s))
        return None

    def _joined(self) -> UID:
        """The session of a process that takes orders by name only; begun when there is none."""
        with self._joining:
            known = self._session
            if known is not None:
                return known
            session = self.join()
            if session is None:
                raise InvalidState("This worker is being stopped.")
            attending = (session, self._stopping)
            threading.Thread(target=self._attend, args=attending, daemon=True, name="syft-attend").start()
            return session

    def _is_known(self, session: UID) -> bool:
        """Whether the node still knows this process. After it was started anew, it does not."""
        with self._lock:
            held = tuple(self._held)
        try:
            self._connection.say(Attend(session, held), NewsReply)
        except _UNKNOWN:
            return False
        return True

    # --- saying that it is there

    def _attended(self, work: Callable[[UID], None]) -> None:
        """Do that for as long as this session lasts, and say meanwhile that it is there."""
        session = self._session
        if session is None:
            return
        self._failed = None
        over = threading.Event()
        attendant = threading.Thread(
            target=self._attend, args=(session, over), daemon=True, name="syft-attend"
        )
        attendant.start()
        try:
            work(session)
        finally:
            over.set()
            self._end_all()
            self._say_goodbye(session)
            attendant.join(timeout=self._lease_s)
        if self._failed is not None:
            raise self._failed

    def _attend(self, session: UID, over: threading.Event) -> None:
        """Renew leases, and act on news, until the session is over."""
        heard_at, after = time.monotonic(), 0
        while not over.is_set() and session == self._session:
            with self._lock:
                held = dict(self._held)
            asked_at = time.monotonic()
            try:
                reply = self._connection.say(
                    Attend(session, tuple(held), after, self._lease_s / 3), NewsReply
                )
            except _PASSING:
                # By this clock the lease is over no later than by the node's, which counts from when it heard of us.
                if time.monotonic() - heard_at > self._lease_s:
                    self._forget(session)
                    return
                over.wait(min(_TRY_AGAIN_S, self._lease_s / 10))
                continue
            except _UNKNOWN:
                self._forget(session)
                return
            except SyftException as error:
                self._failed = error
                self._forget(session)
                return
            heard_at = asked_at
            for news in reply.news:
                after = max(after, news.number)
                with self._lock:
                    told = self._held.get(news.order)
                    if told is None and news.call is None:
                        self._unwanted.append(news.order)
                if told is not None and news.call is None:
                    told.stop()
                elif told is not None and news.call is not None:
                    told.call_ended(news.call)
            unheard = [one for one in reply.news if one.number == 0]
            # What is to end is said again at once, until it has.
            over.wait(max(reply.pause_s, 0.05 if unheard else 0.0))

    def _forget(self, session: UID) -> None:
        """The node does not know this process any more: end all that it had, and join anew."""
        with self._lock:
            if self._session == session:
                self._session = None
            held = list(self._held.values())
            self._idle.notify_all()
        for one in held:
            one.stop()

    def _say_goodbye(self, session: UID) -> None:
        try:
            self._connection.say(LeavePool(session), Done)
        except SyftException as error:
            say(logging.INFO, "left without a word", error=error.code)

    # --- orders

    def _take_all(self, session: UID) -> None:
        """Take orders, each into a thread of its own. How many at once is the node's to count."""
        while not self._stopping.is_set() and session == self._session:
            try:
                reply = self._connection.say(TakeWork(session, _WAIT_S), WorkReply)
            except _PASSING:
                self._stopping.wait(min(_TRY_AGAIN_S, self._lease_s / 10))
                continue
            except _UNKNOWN:
                self._forget(session)
                return
            except SyftException as error:
                self._failed = error
                self._forget(session)
                return
            if reply.order is not None:
                held = self._hold(
                    HeldOrder(reply.order, self._connection, self._cache, self._runner, self._lease_s)
                )
                threading.Thread(target=self._run, args=(held,), daemon=True, name="syft-order").start()
            elif reply.pause_s:
                self._stopping.wait(reply.pause_s)

    def _hold(self, held: HeldOrder) -> HeldOrder:
        with self._lock:
            self._held[held.uid] = held
            unwanted = held.uid in self._unwanted
        if unwanted:
            held.stop()
        return held

    def _run(self, held: HeldOrder) -> None:
        try:
            held.work()
        except SyftException as error:
            say(logging.WARNING, "an order could not be finished", order=held.uid.hex, error=error.code)
        except Exception as error:
            say(logging.ERROR, "an order failed by our fault", order=held.uid.hex, error=where(error))
        finally:
            with self._lock:
                self._held.pop(held.uid, None)
                self._idle.notify_all()

    def _end_all(self) -> None:
        """End what runs here, and wait until it has."""
        with self._lock:
            held = list(self._held.values())
        for one in held:
            one.stop()
        with self._lock:
            self._idle.wait_for(lambda: not self._held, timeout=self._lease_s)
