"""This module is the crews of all pools, and those who wait for what they do."""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager

from syft.errors import NotFound
from syft.jobs.crew import Crew, Place, Running
from syft.jobs.machine import move
from syft.jobs.queue import now, waiting_jobs
from syft.jobs.steps import without_values
from syft.jobs.waiters import Waiters
from syft.model.event import Event
from syft.model.job import Job, JobState
from syft.model.uid import UID
from syft.store.base import Store


class Crews:
    """The crews of all pools.

    Args:
        store: where jobs are.
        runs: what runs a claimed job to its end.
        most: jobs of one person that run at once in one pool.
    """

    def __init__(self, store: Store, runs: Running, most: int) -> None:
        self._store = store
        self._runs = runs
        self._most = most
        self._lock = threading.Lock()
        self._crews: dict[str, Crew] = {}
        self._started = False
        self.waiters = Waiters()

    def add(self, pool: str, size: int, *, is_here: bool = True) -> Crew:
        """Have a crew for a pool.

        Args:
            pool: its name.
            size: how many jobs run there at once.
            is_here: whether they run on the node's own machine.
        """
        crew = Crew(
            pool,
            self._store,
            self._runs,
            size=size,
            is_here=is_here,
            most=self._most,
            ended=self.waiters.wake,
        )
        with self._lock:
            self._crews[pool] = crew
            started = self._started
        if started:
            crew.start()
        return crew

    def remove(self, pool: str) -> Crew | None:
        """Have none for it any more; the crew, which was stopped."""
        with self._lock:
            crew = self._crews.pop(pool, None)
        if crew is not None:
            crew.stop()
        return crew

    def crew(self, pool: str) -> Crew:
        """The crew of that pool.

        Raises:
            NotFound: there is no such pool.
        """
        with self._lock:
            crew = self._crews.get(pool)
        if crew is None:
            raise NotFound(f"The worker pool '{pool[:100]}' is not there any more.")
        return crew

    def start(self) -> None:
        """Take up what is queued already, and begin."""
        for job in waiting_jobs(self._store):
            with self._lock:
                crew = self._crews.get(job.pool)
            if crew is not None:
                crew.take_up(job)
            else:
                self._without_pool(job)
        with self._lock:
            self._started = True
            crews = list(self._crews.values())
        for crew in crews:
            crew.start()

    def place(self, pool: str, user: UID) -> AbstractContextManager[Place]:
        """The block in which a job of that person's is queued in that pool. See `Crew.place`.

        Raises:
            NotFound: there is no such pool.
        """
        return self.crew(pool).place(user)

    def ended(self, uid: UID) -> None:
        """Something is over that nobody has run: wake whoever waits for it."""
        with self._lock:
            crews = list(self._crews.values())
        for crew in crews:
            crew.forget(uid)
        self.waiters.wake(uid)

    def set_priority(self, uid: UID, priority: int) -> None:
        """Make a job that waits more or less urgent; its record says so already."""
        with self._lock:
            crews = list(self._crews.values())
        for crew in crews:
            crew.set_priority(uid, priority)

    def close(self) -> None:
        """Stop claiming and wait for the threads. What runs is killed by the runner's own `close`, before."""
        with self._lock:
            crews = list(self._crews.values())
        for crew in crews:
            crew.stop()
        for crew in crews:
            crew.join(timeout_s=10)

    def _without_pool(self, job: Job) -> None:
        """End a job whose pool was removed while it was queued."""
        note = f"Its worker pool '{job.pool}' was removed before it began."
        with self._store.writing(Event(verb="job.failed", subject_uid=job.uid, created_at=now())) as tx:
            failed = move(job, JobState.FAILED, note=note, error_code="not_found", ended_at=now())
            tx.replace(without_values(failed))
        self.waiters.wake(job.uid)
