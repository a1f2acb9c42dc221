"""Workers: who begins a job, and when."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import cast

import pytest

from syft.jobs.machine import move
from syft.jobs.run import Runs
from syft.jobs.worker import Workers
from syft.model.code import Mode
from syft.model.event import Event
from syft.model.identity import Identity
from syft.model.job import Job, JobState
from syft.model.uid import UID
from syft.store.sql import SqlStore, open_store

PATIENCE_S = 20.0


class _TooLate(Exception):
    """A job is not queued after all."""


class Held:
    """Ends each job as soon as it is let go, and says which have begun."""

    def __init__(self, store: SqlStore) -> None:
        self.store = store
        self.begun: list[UID] = []
        self.let_go = threading.Event()

    def run(self, job: Job) -> Job:
        """See `Runs`."""
        self.begun.append(job.uid)
        assert self.let_go.wait(PATIENCE_S)
        ended = move(job, JobState.FAILED)
        with self.store.writing(Event(verb="job.failed", created_at=datetime.now(UTC))) as tx:
            tx.replace(ended)
        return ended


@pytest.fixture
def store() -> Iterator[SqlStore]:
    opened = open_store(None, sign=Identity.generate().sign)
    yield opened
    opened.close()


@pytest.fixture
def held(store: SqlStore) -> Held:
    return Held(store)


@pytest.fixture
def workers(store: SqlStore, held: Held) -> Iterator[Workers]:
    one = Workers(store, cast(Runs, held), 1)
    one.start()
    until_idle(one)
    yield one
    held.let_go.set()
    one.close()


def until_idle(workers: Workers) -> None:
    """Wait until the only thread waits, with nothing to look for."""
    waiting = threading.Event()
    for _ in range(int(PATIENCE_S * 1000)):
        with workers._condition:
            if workers._idle and not workers._work:
                return
        waiting.wait(0.001)
    raise AssertionError("the worker does not come to rest")


def queue(workers: Workers, store: SqlStore) -> Job:
    now = datetime.now(UTC)
    job = Job(
        uid=UID(),
        code_uid=UID(),
        code_name="f",
        requester_uid=UID(),
        request_uid=None,
        mode=Mode.MOCK,
        arguments={},
        inputs_key="",
        created_at=now,
    )
    with workers.place() as place, store.writing(Event(verb="job.queued", created_at=now)) as tx:
        return place.take(tx, job)


def verbs(store: SqlStore) -> list[str]:
    with store.reading() as reader:
        return [entry.event.verb for entry in reader.events()]


def test_a_worker_that_waits_has_the_job_by_the_transaction_that_queues_it(
    workers: Workers, store: SqlStore, held: Held
) -> None:
    job = queue(workers, store)
    assert (job.state, job.attempt) == (JobState.RUNNING, 1)
    assert verbs(store) == ["job.queued", "job.claimed"]
    ended = workers.waiter(job.uid)
    held.let_go.set()
    assert ended.wait(PATIENCE_S)
    assert held.begun == [job.uid]


def test_where_no_worker_waits_jobs_are_queued_and_begun_in_their_order(
    workers: Workers, store: SqlStore, held: Held
) -> None:
    jobs = [queue(workers, store) for _ in range(3)]
    assert [job.state for job in jobs] == [JobState.RUNNING, JobState.QUEUED, JobState.QUEUED]
    last = workers.waiter(jobs[-1].uid)
    held.let_go.set()
    assert last.wait(PATIENCE_S)
    assert held.begun == [job.uid for job in jobs]


def test_a_job_that_was_not_kept_is_not_begun_and_its_worker_is_free_again(
    workers: Workers, store: SqlStore, held: Held
) -> None:
    with contextlib.suppress(_TooLate), workers.place():
        between = queue(workers, store)
        # The one that waits is kept for the other.
        assert between.state is JobState.QUEUED
        assert not held.begun
        raise _TooLate
    ended = workers.waiter(between.uid)
    held.let_go.set()
    assert ended.wait(PATIENCE_S)
    assert held.begun == [between.uid]
    until_idle(workers)
    assert queue(workers, store).state is JobState.RUNNING
