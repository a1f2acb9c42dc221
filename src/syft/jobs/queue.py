"""This module is the queue: jobs in the node's own database, each claimed once."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from syft.jobs.machine import after_crash, move
from syft.jobs.steps import without_values
from syft.model.event import Event
from syft.model.job import Job, JobState
from syft.model.uid import UID
from syft.store.base import Store, Transaction

_CLAIMED: Final = "job.claimed"


class _NothingToClaim(Exception):
    """Another worker was faster; raising it undoes the transaction with its event."""


def now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)


def enqueue(tx: Transaction, job: Job, *, is_free: bool) -> Job:
    """Put a job at the end of the queue; it is claimed at once where nothing is before it and somebody can begin.

    Args:
        tx: the transaction of the call, whose event says that the job is queued.
        job: a new one.
        is_free: whether a worker is kept free for it.
    """
    if is_free and tx.find(Job, state=JobState.QUEUED) is None:
        tx.also(Event(verb=_CLAIMED, created_at=now()))
        job = _claimed(job)
    tx.add(job)
    return job


def _claimed(job: Job) -> Job:
    return move(job, JobState.RUNNING, attempt=job.attempt + 1, started_at=now())


def claim(store: Store) -> Job | None:
    """The oldest job that waits, now running and ours alone; None when none waits.

    Read and change are one transaction: two workers never get the same job.
    """
    with store.reading() as reader:
        if reader.find(Job, state=JobState.QUEUED) is None:
            return None
    try:
        with store.writing(Event(verb=_CLAIMED, created_at=now())) as tx:
            waiting = tx.find(Job, state=JobState.QUEUED)
            if waiting is None:
                raise _NothingToClaim
            job = _claimed(waiting)
            tx.replace(job)
    except _NothingToClaim:
        return None
    return job


def recover(store: Store) -> list[UID]:
    """Put what was running when the last server died back into the queue, or end it.

    Called once, before the first worker starts. Returns the jobs it touched.
    """
    with store.reading() as reader:
        lost = reader.select(Job, state=JobState.RUNNING)
    for job in lost:
        with store.writing(Event(verb="job.recovered", subject_uid=job.uid, created_at=now())) as tx:
            tx.replace(without_values(after_crash(job, now())))
    return [job.uid for job in lost]
