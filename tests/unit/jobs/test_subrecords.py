"""The records of launched runs: together where they can be, at once where somebody is told."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import msgspec
import pytest

from syft.errors import StorageFull
from syft.jobs.queue import now
from syft.jobs.subrecords import Subrecords
from syft.model.code import Mode
from syft.model.event import Event
from syft.model.identity import Identity
from syft.model.job import Job, JobLog, JobState
from syft.model.limits import JobLimits
from syft.model.uid import UID
from syft.store.base import Reader, Transaction
from syft.store.sql import SqlStore, open_store


class Slow:
    """A store whose transactions wait until they are let, and are counted."""

    def __init__(self, store: SqlStore) -> None:
        self.store = store
        self.let = threading.Event()
        self.begun = threading.Event()
        self.transactions = 0
        self.full = False

    def reading(self) -> AbstractContextManager[Reader]:
        return self.store.reading()

    @contextmanager
    def writing(self, event: Event) -> Iterator[Transaction]:
        self.begun.set()
        assert self.let.wait(10)
        if self.full:
            raise StorageFull("There is no room left on the disk.")
        self.transactions += 1
        with self.store.writing(event) as tx:
            yield tx

    def close(self) -> None:
        self.store.close()


@pytest.fixture
def store() -> Iterator[Slow]:
    opened = Slow(open_store(None, sign=Identity.generate().sign))
    yield opened
    opened.let.set()
    opened.close()


def job(state: JobState = JobState.RUNNING) -> Job:
    return Job(
        uid=UID(),
        code_uid=UID(),
        code_name="f",
        requester_uid=UID(),
        mode=Mode.MOCK,
        state=state,
        created_at=now(),
        limits=JobLimits(),
    )


def event(verb: str) -> Event:
    return Event(verb=verb, created_at=now())


def ended(begun: Job, state: JobState = JobState.FINISHED) -> Job:
    return msgspec.structs.replace(begun, state=state, ended_at=now())


def states(store: Slow) -> list[JobState]:
    with store.reading() as reader:
        return [one.state for one in reader.select(Job)]


def test_many_are_written_together_and_none_is_lost(store: Slow) -> None:
    records = Subrecords(store, None)
    first = job()
    records.begin(first, event("job.launched"))
    assert store.begun.wait(10)
    then: list[UID] = []
    others = [job() for _ in range(20)]
    for one in others:
        records.begin(one, event("job.launched"))
        end = ended(one)
        records.end(
            end,
            event("job.finished"),
            JobLog(uid=one.uid),
            counts=False,
            then=lambda uid=one.uid: then.append(uid),
        )
    records.end(ended(first), event("job.finished"), JobLog(uid=first.uid), counts=False)
    assert states(store) == []
    assert not then
    store.let.set()
    records.finish()
    assert store.transactions == 2
    assert states(store) == [JobState.FINISHED] * 21
    assert then == [one.uid for one in others]
    with store.reading() as reader:
        assert reader.count(JobLog) == 21
        verbs = [one.event.verb for one in reader.events()]
    assert sorted(verbs) == ["job.finished"] * 21 + ["job.launched"] * 21
    records.finish()


def test_a_failure_is_written_before_it_is_told(store: Slow) -> None:
    records = Subrecords(store, None)
    one = job()
    records.begin(one, event("job.launched"))
    told = threading.Event()

    def fail() -> None:
        records.end(ended(one, JobState.FAILED), event("job.failed"), JobLog(uid=one.uid), counts=True)
        told.set()

    thread = threading.Thread(target=fail)
    thread.start()
    assert store.begun.wait(10)
    assert not told.is_set()
    store.let.set()
    thread.join(10)
    assert told.is_set()
    assert states(store) == [JobState.FAILED]


def test_what_cannot_be_kept_is_said_to_whoever_comes_next(store: Slow) -> None:
    store.full = True
    store.let.set()
    records = Subrecords(store, None)
    one, then = job(), []
    records.begin(one, event("job.launched"))
    records.finish()
    with pytest.raises(StorageFull):
        records.begin(job(), event("job.launched"))
    with pytest.raises(StorageFull):
        records.end(
            ended(one), event("job.finished"), JobLog(uid=one.uid), counts=False, then=lambda: then.append(1)
        )
    assert then == [1]
    assert states(store) == []
    records.finish()


def test_one_who_waits_for_a_failure_is_told_that_it_cannot_be_kept(store: Slow) -> None:
    store.full = True
    store.let.set()
    records = Subrecords(store, None)
    one = job()
    with pytest.raises(StorageFull):
        records.end(ended(one, JobState.FAILED), event("job.failed"), JobLog(uid=one.uid), counts=True)
