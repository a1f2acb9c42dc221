"""This module is the queue: jobs in the node's own database, each claimed once, and ended by whoever claimed it.

There is one process to a database (`store.files.DirectoryLock`), so that a claim needs no lease there: it ends with
the process, and `recover` finds it. Workers elsewhere hold leases (`jobs.order_book`). What fences a stale worker off
is the job's attempt: whoever ends a job does so in the attempt that it claimed (`held`), in the transaction that ends
it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import msgspec

from syft.jobs.machine import after_crash, move
from syft.jobs.steps import without_values
from syft.model.event import Event
from syft.model.job import BEGUN, Job, JobState
from syft.model.uid import UID
from syft.store.base import OneOf, Reader, Store, Transaction

_CLAIMED: Final = "job.claimed"


class NothingToClaim(Exception):
    """The job is not queued any more; raising it undoes the transaction with its event."""


class NotHeld(Exception):
    """Somebody else has the job by now; raising it undoes the transaction that would have ended it."""


def now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)


def enqueue(tx: Transaction, job: Job, *, is_free: bool, is_here: bool) -> Job:
    """Put a job into the queue; it is claimed at once where somebody can begin.

    Args:
        tx: the transaction of the call, whose event says that the job is queued.
        job: a new one.
        is_free: whether a worker is kept free for it.
        is_here: whether that worker is the node's own.
    """
    if is_free:
        tx.also(Event(verb=_CLAIMED, subject_uid=job.uid, created_at=now()))
        job = _claimed(job, is_here=is_here)
    tx.add(job)
    return job


def _claimed(job: Job, *, is_here: bool) -> Job:
    job = move(job, JobState.CLAIMED, attempt=job.attempt + 1, started_at=now())
    return move(job, JobState.RUNNING) if is_here else job


def claim(store: Store, uid: UID, *, is_here: bool) -> Job | None:
    """That job, now ours alone; None where it is not queued any more.

    Args:
        store: where it is.
        uid: of the job whose turn it is.
        is_here: whether it runs on the node's own machine, and so from now on.
    """
    try:
        with store.writing(Event(verb=_CLAIMED, subject_uid=uid, created_at=now())) as tx:
            waiting = tx.find(Job, uid=uid)
            if waiting is None or waiting.state is not JobState.QUEUED:
                raise NothingToClaim
            job = _claimed(waiting, is_here=is_here)
            tx.replace(job)
    except NothingToClaim:
        return None
    return job


def begin(store: Store, job: Job, worker: str) -> Job | None:
    """A claimed job, now running at a worker elsewhere; None where it is not ours any more.

    Args:
        store: where it is.
        job: as it was claimed.
        worker: who has it, for its record.
    """
    event = Event(verb="job.begun", subject_uid=job.uid, detail={"worker": worker}, created_at=now())
    try:
        with store.writing(event) as tx:
            if not held(tx, job):
                raise NothingToClaim
            stored = tx.get(Job, job.uid)
            begun = msgspec.structs.replace(stored, worker=worker, started_at=now())
            if stored.state is JobState.CLAIMED:
                begun = move(begun, JobState.RUNNING)
            tx.replace(begun)
    except NothingToClaim:
        return None
    return begun


def held(reader: Reader, job: Job) -> bool:
    """Whether a job is still claimed, and in that very attempt: what fences off whoever was given up for lost."""
    stored = reader.find(Job, uid=job.uid)
    return stored is not None and stored.state in BEGUN and stored.attempt == job.attempt


def check_held(tx: Transaction, job: Job) -> None:
    """Raise unless a job is still ours to end.

    Raises:
        NotHeld: it was given up for lost, and is queued, claimed anew or ended.
    """
    if not held(tx, job):
        raise NotHeld


def give_back(store: Store, job: Job) -> Job:
    """Put a claimed job back into the queue, or end it where it has been begun often enough; as it stands then."""
    try:
        with store.writing(Event(verb="job.given_back", subject_uid=job.uid, created_at=now())) as tx:
            stored = tx.get(Job, job.uid)
            if not held(tx, job):
                raise NothingToClaim
            stored = without_values(after_crash(stored, now()))
            tx.replace(stored)
    except NothingToClaim:
        with store.reading() as reader:
            return reader.get(Job, job.uid)
    return stored


def waiting_jobs(store: Store) -> list[Job]:
    """Every job that is queued, oldest first."""
    with store.reading() as reader:
        return reader.select(Job, state=JobState.QUEUED)


def recover(store: Store) -> list[UID]:
    """Put what was claimed or running when the last server died back into the queue, or end it.

    Called once, before the first worker starts. Returns the jobs it touched.
    """
    with store.reading() as reader:
        lost = reader.select(Job, OneOf("state", BEGUN))
    for job in lost:
        with store.writing(Event(verb="job.recovered", subject_uid=job.uid, created_at=now())) as tx:
            tx.replace(without_values(after_crash(job, now())))
    return [job.uid for job in lost]
