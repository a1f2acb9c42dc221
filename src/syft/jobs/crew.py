"""This module is the crew of one pool: threads that claim a job whose turn it is, and run it to its end."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, Protocol

from syft.errors import NotFound, SyftException
from syft.jobs.line import Line
from syft.jobs.machine import has_run
from syft.jobs.queue import claim, enqueue, give_back
from syft.logger import say, where
from syft.model.job import Job, JobState
from syft.model.uid import UID
from syft.store.base import Store, Transaction

_PAUSE_S: Final = 1.0


class Running(Protocol):
    """What runs a claimed job to its end; `jobs.run.Runs` does."""

    def run(self, job: Job) -> Job:
        """The job as it ended, or queued again."""
        ...


class Place:
    """A place in a pool's line, for one job. Made by `Crew.place`.

    Args:
        is_free: whether a worker is kept free for it.
        is_here: whether what the pool runs runs on the node's own machine.
    """

    def __init__(self, is_free: bool, is_here: bool) -> None:
        self._is_free = is_free
        self._is_here = is_here
        self.job: Job | None = None

    def take(self, tx: Transaction, job: Job) -> Job:
        """Queue a job in that transaction; the job as it stands then. See `queue.enqueue`."""
        self.job = enqueue(tx, job, is_free=self._is_free, is_here=self._is_here)
        return self.job


class Crew:
    """The threads of one pool.

    Whoever queues a job wakes one (`place`); nobody polls. A job that launches others has them run beside it
    (`jobs.subjobs`), so that a tree of jobs wider than the pool cannot wait for itself.

    Args:
        pool: its name.
        store: where jobs are.
        runs: what runs a claimed job.
        size: how many jobs run at once, from `start` on.
        is_here: whether that is on the node's own machine.
        most: jobs of one person at once.
        ended: told each job that has ended.
    """

    def __init__(
        self,
        pool: str,
        store: Store,
        runs: Running,
        *,
        size: int,
        is_here: bool,
        most: int,
        ended: Callable[[UID], None],
    ) -> None:
        self.pool = pool
        self._store = store
        self._runs = runs
        self._is_here = is_here
        self._most = most
        self._ended = ended
        self._condition = threading.Condition()
        self._line = Line()
        # By person; a job that is just being queued counts from the moment a thread is kept for it.
        self._running: Counter[UID] = Counter()
        # Threads that wait; how many of them are kept for jobs that are just being queued; what these are to run.
        self._idle = 0
        self._kept = 0
        self._given: deque[Job] = deque()
        self._wanted = size
        self._started = False
        self._threads: set[threading.Thread] = set()
        self._closed = False

    @property
    def size(self) -> int:
        """How many jobs run here at once, at most."""
        return self._wanted

    @property
    def running(self) -> int:
        """How many do now."""
        with self._condition:
            return self._running.total() - self._kept

    @property
    def waiting(self) -> int:
        """How many wait for their turn."""
        with self._condition:
            return len(self._line) + len(self._given)

    def start(self) -> None:
        """Begin to claim; what is queued already is run."""
        with self._condition:
            self._started = True
            self._fill()

    def resize(self, size: int) -> None:
        """Have so many threads. Fewer than there are: those that run something end when it has ended."""
        with self._condition:
            self._wanted = size
            self._fill()

    def _fill(self) -> None:
        if not self._started or self._closed:
            return
        for _ in range(self._wanted - len(self._threads)):
            thread = threading.Thread(target=self._live, name=f"syft-crew-{self.pool}", daemon=True)
            self._threads.add(thread)
            thread.start()
        self._condition.notify_all()

    def take_up(self, job: Job) -> None:
        """Take a job into the line that is queued already."""
        with self._condition:
            self._line.push(job.uid, job.requester_uid, job.priority, again=job.attempt > 0)
            self._condition.notify()

    @contextmanager
    def place(self, user: UID) -> Iterator[Place]:
        """The block in which a job is queued, around its transaction and the values it brings: it is begun after it.

        Where a thread waits and nobody is before it, that is kept for the job, which is then claimed by the transaction
        that queues it.

        Args:
            user: whose job.
        Raises:
            NotFound: the pool is being removed.
        """
        with self._condition:
            if self._closed:
                raise NotFound(f"The worker pool '{self.pool}' is not there any more.")
            is_free = (
                self._idle > self._kept + len(self._given)
                and not self._line
                and self._running[user] < self._most
            )
            if is_free:
                self._kept += 1
                self._running[user] += 1
        place = Place(is_free, self._is_here)
        done = False
        try:
            yield place
            done = True
        finally:
            job = place.job
            with self._condition:
                self._kept -= is_free
                if done and job is not None and is_free:
                    self._given.append(job)
                else:
                    if is_free:
                        self._ran(user)
                    if done and job is not None:
                        self._line.push(job.uid, job.requester_uid, job.priority)
                self._condition.notify()

    def forget(self, uid: UID) -> None:
        """A job that waited has ended, or been taken elsewhere."""
        with self._condition:
            self._line.remove(uid)

    def set_priority(self, uid: UID, priority: int) -> None:
        """Make a job that waits more or less urgent; nothing where it does not."""
        with self._condition:
            self._line.set_priority(uid, priority)

    def stop(self) -> None:
        """Claim nothing more. What runs is ended by whoever owns the runner."""
        with self._condition:
            self._closed = True
            self._condition.notify_all()

    def join(self, timeout_s: float) -> None:
        """Wait for the threads, each so long at most."""
        with self._condition:
            threads = list(self._threads)
        for thread in threads:
            thread.join(timeout_s)

    def _live(self) -> None:
        """What a thread does."""
        while (turn := self._next()) is not None:
            user = turn.requester_uid if isinstance(turn, Job) else turn[1]
            self._take_turn(turn)
            with self._condition:
                self._ran(user)
                # That person may have another now, for which a thread may be waiting.
                self._condition.notify()

    def _ran(self, user: UID) -> None:
        self._running[user] -= 1
        if not self._running[user]:
            del self._running[user]

    def _next(self) -> Job | tuple[UID, UID] | None:
        """What to run next: a job that was claimed for this thread, or one whose turn it is, with its person's UID.

        Returns None when this thread is not wanted any more. One that is kept for a job stays: that job is claimed
        already when it comes, and nobody else would look for it.
        """
        with self._condition:
            self._idle += 1
            try:
                while True:
                    if self._given:
                        return self._given.popleft()
                    if self._idle > self._kept:
                        if self._closed or len(self._threads) > self._wanted:
                            self._threads.discard(threading.current_thread())
                            return None
                        found = self._line.pop(self._running, self._most)
                        if found is not None:
                            self._running[found[1]] += 1
                            return found
                    self._condition.wait()
            finally:
                self._idle -= 1

    def _take_turn(self, turn: Job | tuple[UID, UID]) -> None:
        """Claim and run one job; whatever happens, it is not left claimed with nobody to end it."""
        job = turn if isinstance(turn, Job) else self._claimed(turn[0])
        if job is None:
            return
        try:
            job = self._runs.run(job)
        except SyftException as error:
            # The disk is full; or the node is being stopped, which is no error.
            level = logging.INFO if self._closed else logging.ERROR
            say(level, "a worker was stopped in the middle", error=error.code)
            job = self._given_back(job)
        except Exception as error:
            # A fault of ours: the thread goes on, and the job is begun so often as any that was lost.
            say(logging.ERROR, "a worker failed by our fault", job=job.uid.hex, error=where(error))
            job = self._given_back(job)
        if has_run(job):
            self._ended(job.uid)
        elif job.state is JobState.QUEUED:
            self.take_up(job)

    def _claimed(self, uid: UID) -> Job | None:
        """That job, ours alone; None where it was cancelled meanwhile, or the crew is to stop."""
        while not self._closed:
            try:
                return claim(self._store, uid, is_here=self._is_here)
            except SyftException as error:
                say(logging.ERROR, "a job could not be claimed", error=error.code)
                time.sleep(_PAUSE_S)
        return None

    def _given_back(self, job: Job) -> Job:
        """A job that could not even be ended, put back as soon as the store takes that; as it stands then."""
        while not self._closed:
            time.sleep(_PAUSE_S)
            with contextlib.suppress(SyftException):
                return give_back(self._store, job)
        return job  # it stays claimed, for `recover`
