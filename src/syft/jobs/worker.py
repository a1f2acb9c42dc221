"""This module is the workers: threads that claim a job, run it, and wake whoever waits for it."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter, defaultdict, deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from syft.errors import SyftException
from syft.jobs.machine import has_ended
from syft.jobs.queue import claim, enqueue
from syft.jobs.run import Runs
from syft.logger import say
from syft.model.job import Job, JobState
from syft.model.uid import UID
from syft.store.base import Store, Transaction

_PAUSE_S: Final = 1.0
# An answer that waits for a job holds a thread of the server's: so many in all, so many for one account.
MAX_WAITING: Final = 64
WAITING_PER_ACCOUNT: Final = 16


class Place:
    """A place in the queue, for one job. Made by `Workers.place`.

    Args:
        is_free: whether a worker is kept free for it.
    """

    def __init__(self, is_free: bool) -> None:
        self._is_free = is_free
        self.job: Job | None = None

    def take(self, tx: Transaction, job: Job) -> Job:
        """Queue a job in that transaction; the job as it stands then. See `queue.enqueue`."""
        self.job = enqueue(tx, job, is_free=self._is_free)
        return self.job


class Workers:
    """A fixed number of threads on one queue.

    Enqueueing wakes one (`place`); nobody polls. A job that launches others runs them in its own thread,
    so that a tree of jobs wider than the pool cannot wait for itself.

    Args:
        store: where the queue is.
        runs: what runs a claimed job to its end.
        count: how many jobs at once.
    """

    def __init__(self, store: Store, runs: Runs, count: int) -> None:
        self._store = store
        self._runs = runs
        self._condition = threading.Condition()
        # Threads that wait; how many of them are kept for jobs that are just being queued; what these are to run.
        self._idle = 0
        self._kept = 0
        self._given: deque[Job] = deque()
        self._work = 0
        self._closing = False
        self._waiters: dict[UID, list[threading.Event]] = defaultdict(list)
        self._ended = threading.Lock()
        self._seats: Counter[UID] = Counter()
        self._threads = [
            threading.Thread(target=self._loop, name=f"syft-worker-{number}", daemon=True)
            for number in range(count)
        ]

    def start(self) -> None:
        """Start the threads; what is queued already is run."""
        for thread in self._threads:
            thread.start()
        with self._condition:
            self._work += len(self._threads)
            self._condition.notify_all()

    @contextmanager
    def place(self) -> Iterator[Place]:
        """The block in which a job is queued, around its transaction and the values it brings: it is begun after it.

        Where a thread waits, it is kept for that job, which is then claimed by the transaction that queues it.
        """
        with self._condition:
            is_free = self._idle > self._kept + self._work + len(self._given)
            self._kept += is_free
        place = Place(is_free)
        done = False
        try:
            yield place
            done = True
        finally:
            with self._condition:
                self._kept -= is_free
                if done and place.job is not None:
                    if place.job.state is JobState.RUNNING:
                        self._given.append(place.job)
                    else:
                        self._work += 1
                self._condition.notify()

    @contextmanager
    def seat(self, account: UID) -> Iterator[bool]:
        """A place to wait in, given back at the end of the block; whether there was one.

        Args:
            account: who waits.
        """
        with self._ended:
            free = self._seats[account] < WAITING_PER_ACCOUNT and self._seats.total() < MAX_WAITING
            self._seats[account] += free
        try:
            yield free
        finally:
            with self._ended:
                self._seats[account] -= free
                if not self._seats[account]:
                    del self._seats[account]

    def waiter(self, uid: UID) -> threading.Event:
        """An event that is set when that job ends. Ask for it before the job is queued, or read its state after."""
        event = threading.Event()
        with self._ended:
            self._waiters[uid].append(event)
        return event

    def forget(self, uid: UID, event: threading.Event) -> None:
        """Stop waiting."""
        with self._ended:
            waiting = self._waiters.get(uid, [])
            if event in waiting:
                waiting.remove(event)
            if not waiting:
                self._waiters.pop(uid, None)

    def ended(self, uid: UID) -> None:
        """Wake whoever waits for that job."""
        with self._ended:
            for event in self._waiters.pop(uid, []):
                event.set()

    def close(self) -> None:
        """Stop claiming and wait for the threads. What runs is killed by the runner's own `close`, before."""
        with self._condition:
            self._closing = True
            self._condition.notify_all()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(timeout=10)

    def _loop(self) -> None:
        while True:
            with self._condition:
                self._idle += 1
                while not (self._given or (self._work and self._idle > self._kept) or self._closing):
                    self._condition.wait()
                self._idle -= 1
                if self._closing:
                    return  # what was given stays claimed, for `recover`
                job = self._given.popleft() if self._given else None
                self._work -= job is None
            self._drain(job)

    def _drain(self, job: Job | None) -> None:
        """Run that job; without one, what is queued, until nothing is."""
        was_given = job is not None
        while not self._closing:
            try:
                job = job or claim(self._store)
                if job is None:
                    return
                job = self._runs.run(job)
            except SyftException as error:
                # The disk is full, or the store is being closed. What could not even be ended stays claimed, for
                # `recover`; the next job may find room again.
                say(logging.ERROR, "a worker was stopped in the middle", error=error.code)
                time.sleep(_PAUSE_S)
                job, was_given = None, False
                continue
            if has_ended(job):
                self.ended(job.uid)
                if was_given:
                    # What was queued meanwhile has been counted as work: whoever waits for this job is not slowed down
                    # by looking for it.
                    return
            job, was_given = None, False
