"""This module knows which keys may take work, and which have asked to; it decides nothing about them."""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from syft.errors import InvalidInput
from syft.model.event import Event
from syft.model.pool import Pool
from syft.model.uid import UID
from syft.model.worker import Worker, WorkerState, check_worker_name
from syft.node.passwords import Throttle
from syft.store.base import Store

# Anybody can make keys and ask with each: what is remembered of those is bounded, in number and in time.
MAX_WAITING: Final = 100
_FORGOTTEN_AFTER: Final = timedelta(minutes=10)
_BROUGHT_AT_ONCE: Final = 1_000
_KEY: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Asking:
    """A key that wants to take work, and what its worker says of itself.

    Args:
        uid: by which it is named until it is decided about; then its record's.
        key: its 32 public bytes.
        pool: whose work.
        name: for people.
        slots: how many orders of one depth it runs at once.
        level: isolation level of its fence.
        difference: how its environment differs from that of the pool; empty where it does not.
        origin: the network address it asks from.
        first_asked_at: when, in UTC.
        last_asked_at: when, in UTC.
    """

    uid: UID
    key: bytes
    pool: str
    name: str
    slots: int
    level: str
    difference: str
    origin: str
    first_asked_at: datetime
    last_asked_at: datetime


class WorkerKeys:
    """The workers of a node: kept in its store, remembered here.

    Those that wait are remembered only: a stranger's question writes nothing. A worker asks again all the time, so
    that after a restart it is soon known again.
    """

    def __init__(self) -> None:
        self._by_key: dict[bytes, Worker] = {}
        self._passing: dict[bytes, Worker] = {}
        self._asking: OrderedDict[bytes, Asking] = OrderedDict()
        self._lock = threading.Lock()

    def load(self, store: Store) -> None:
        """Remember what is stored; called when the store was opened, and after each change."""
        with self._lock, store.reading() as reader:
            self._by_key = {worker.key: worker for worker in reader.select(Worker)}
            for key in self._by_key.keys() & self._asking.keys():
                del self._asking[key]

    def admitted(self, key: bytes) -> Worker | None:
        """The worker with that key, if it may take work."""
        found = self.decided(key)
        return found if found is not None and found.state is WorkerState.ADMITTED else None

    def decided(self, key: bytes) -> Worker | None:
        """The worker with that key, whatever was decided about it."""
        return self._by_key.get(key) or self._passing.get(key)

    def every(self) -> list[Worker]:
        """All that were ever admitted, in the order in which they were."""
        return [*self._by_key.values(), *self._passing.values()]

    def lend(self, worker: Worker) -> None:
        """Let a key take work until `end`, or until this process ends: one of an engine's, which come and go."""
        with self._lock:
            if worker.key not in self._by_key:
                self._passing[worker.key] = worker

    def is_lent(self, uid: UID) -> bool:
        """Whether that worker is one of an engine's."""
        return any(worker.uid == uid for worker in list(self._passing.values()))

    def end(self, worker: Worker) -> None:
        """Let a key that was lent take no more work."""
        with self._lock:
            self._passing.pop(worker.key, None)

    def asks(self, asking: Asking, now: datetime) -> None:
        """Remember that a key wants to take work; the ones that asked longest ago make room."""
        with self._lock:
            before = self._asking.pop(asking.key, None)
            if before is not None:
                asking = _again(asking, before)
            self._asking[asking.key] = asking
            self._forget(now)

    def asking(self, now: datetime) -> list[Asking]:
        """The keys that wait to be decided about, the one that asked last at the end."""
        with self._lock:
            self._forget(now)
            return list(self._asking.values())

    def _forget(self, now: datetime) -> None:
        while self._asking:
            oldest = next(iter(self._asking.values()))
            if len(self._asking) <= MAX_WAITING and oldest.last_asked_at > now - _FORGOTTEN_AFTER:
                return
            del self._asking[oldest.key]


def _again(asking: Asking, before: Asking) -> Asking:
    return Asking(
        uid=before.uid,
        key=asking.key,
        pool=asking.pool,
        name=asking.name,
        slots=asking.slots,
        level=asking.level,
        difference=asking.difference,
        origin=asking.origin,
        first_asked_at=before.first_asked_at,
        last_asked_at=asking.last_asked_at,
    )


class Admissions:
    """By which an engine has the workers that it brings admitted to its own pool, and to no other.

    Nothing but an event is stored: such a key is worth something for as long as its process lives, and this one.

    Args:
        store: where events go.
        keys: that remembers them.
        pool: theirs.
        clock: the time, in UTC.
    """

    def __init__(self, store: Store, keys: WorkerKeys, pool: Pool, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._keys = keys
        self._pool = pool
        self._clock = clock
        # Each writes an event. A cluster that starts brings all at once; one that was taken over would fill the disk.
        self._throttle = Throttle(_BROUGHT_AT_ONCE, 1)

    def admit(self, key: str, name: str) -> Worker:
        """Let a key take work of the pool.

        Raises:
            InvalidInput: it cannot be called that, or is no key.
            TooManyAttempts: the engine brings too many.
            StorageError: the event could not be written.
        """
        check_worker_name(name)
        if not _KEY.fullmatch(key):
            raise InvalidInput("A key has 64 hex digits.")
        self._throttle.attempt(self._pool.name)
        worker = Worker(
            uid=UID(),
            verify_key=key,
            pool=self._pool.name,
            name=name,
            admitted_by=self._pool.uid,
            admitted_at=self._clock(),
        )
        detail = {"name": name, "pool": self._pool.name, "key": key, "by": "engine"}
        event = Event(
            verb="worker.admitted", subject_uid=worker.uid, detail=detail, created_at=worker.admitted_at
        )
        with self._store.writing(event):
            pass
        self._keys.lend(worker)
        return worker

    def end(self, worker: Worker) -> None:
        """Let it take no more."""
        self._keys.end(worker)
