"""This module keeps the records of launched runs: many in one transaction, since each is small and there are many.

What is written a moment later is lost with a server that is killed, and so is the job that launched it, with all that
it launched: nobody was told of them. What tells somebody something is written before it is told.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import msgspec

from syft.jobs.failures import UNTOLD, count_failure
from syft.model.event import Event
from syft.model.job import Job, JobLog
from syft.model.uid import UID
from syft.store.base import Store, Transaction

# Of one transaction: others wait for their turn meanwhile, some milliseconds.
_TOGETHER: Final = 64
# Each may have a log of what was printed: more than this many are not held in memory.
_WAITING_MAX: Final = 256


@dataclass(eq=False)
class _Change:
    """What is to be written.

    Args:
        event: which says so.
        job: as it stands then.
        log: with its end.
        counts: whether it counts as a failure of what was approved.
        then: called when it is kept, or cannot be.
    """

    event: Event
    job: Job
    log: JobLog | None = None
    counts: bool = False
    then: Callable[[], None] | None = None
    done: threading.Event = field(default_factory=threading.Event)


class Subrecords:
    """The records of what one job launched.

    Args:
        store: where they are kept.
        request_uid: the approval that the job is under, if any.
    """

    def __init__(self, store: Store, request_uid: UID | None) -> None:
        self._store = store
        self._request_uid = request_uid
        self._condition = threading.Condition()
        self._waiting: deque[_Change] = deque()
        self._writing = False
        self._broken: BaseException | None = None

    def begin(self, job: Job, event: Event) -> None:
        """Keep a new one, soon.

        Raises:
            StorageError: an earlier one could not be kept.
        """
        self._put(_Change(event, job))

    def end(
        self, job: Job, event: Event, log: JobLog, *, counts: bool, then: Callable[[], None] | None = None
    ) -> None:
        """Note how one ended; at once, if it counts as a failure: whoever is told must not be told too often.

        Args:
            job: as it ended.
            event: likewise.
            log: what it said.
            counts: whether it counts as a failure of what was approved.
            then: called when that is kept, or cannot be; quick.
        Raises:
            StorageError: it or an earlier one could not be kept.
        """
        change = _Change(event, job, log, counts, then)
        try:
            self._put(change)
        except BaseException:
            if then is not None:
                then()
            raise
        if counts:
            change.done.wait()
            self._check()

    def finish(self) -> None:
        """Return when all are kept, or cannot be."""
        with self._condition:
            self._condition.wait_for(lambda: not self._writing)

    def _check(self) -> None:
        if self._broken is not None:
            raise self._broken

    def _put(self, change: _Change) -> None:
        with self._condition:
            self._condition.wait_for(lambda: len(self._waiting) < _WAITING_MAX or self._broken is not None)
            self._check()
            self._waiting.append(change)
            if self._writing:
                return
            self._writing = True
        threading.Thread(target=self._write_all, daemon=True, name="syft-subrecords").start()

    def _write_all(self) -> None:
        """Write until there is nothing more to write; meanwhile, the next gather."""
        while True:
            with self._condition:
                changes = [self._waiting.popleft() for _ in range(min(len(self._waiting), _TOGETHER))]
                if not changes:
                    self._writing = False
                    self._condition.notify_all()
                    return
                self._condition.notify_all()
            try:
                self._write(changes)
            except BaseException as error:  # told to whoever comes next, and to those who wait for this
                with self._condition:
                    self._broken = error
                    changes += self._waiting
                    self._waiting.clear()
            for change in changes:
                if change.then is not None:
                    change.then()
                change.done.set()

    def _write(self, changes: list[_Change]) -> None:
        with self._store.writing(changes[0].event) as tx:
            for change in changes[1:]:
                tx.also(change.event)
            new: dict[UID, Job] = {}
            ended = []
            for change in changes:
                if change.log is None:
                    new[change.job.uid] = change.job
                else:
                    ended.append((self._counted(tx, change), change.log))
            for job, log in ended:
                # Begun and ended since the last transaction: it is written once.
                if job.uid in new:
                    new[job.uid] = job
                else:
                    tx.replace(job)
                tx.add(log)
            for job in new.values():
                tx.add(job)

    def _counted(self, tx: Transaction, change: _Change) -> Job:
        if change.counts and not count_failure(tx, self._request_uid):
            return msgspec.structs.replace(change.job, note=UNTOLD)
        return change.job
