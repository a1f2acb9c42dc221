"""Crews: who begins a job, when, and what becomes of it when it cannot be ended."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from syft.errors import NotFound, StorageFull
from syft.jobs import crew
from syft.jobs.crews import Crews
from syft.jobs.machine import MAX_ATTEMPTS, move
from syft.jobs.queue import begin, claim, give_back, recover
from syft.jobs.queue import held as is_held
from syft.model.code import Mode
from syft.model.event import Event
from syft.model.identity import Identity
from syft.model.job import Job, JobState
from syft.model.pool import DEFAULT_POOL
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
        self.lost: set[UID] = set()
        self.unendable: set[UID] = set()
        self.fault: Exception = StorageFull("no room")

    def run(self, job: Job) -> Job:
        """See `Runs`."""
        self.begun.append(job.uid)
        assert self.let_go.wait(PATIENCE_S)
        if job.uid in self.lost:
            self.lost.remove(job.uid)
            return give_back(self.store, job)
        if job.uid in self.unendable:
            self.unendable.remove(job.uid)
            raise self.fault
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
def crews(store: SqlStore, held: Held) -> Iterator[Crews]:
    one = Crews(store, held, 1)
    one.add(DEFAULT_POOL, 1)
    one.start()
    until_idle(one)
    yield one
    held.let_go.set()
    one.close()


def until_idle(crews: Crews) -> None:
    """Wait until the only thread waits, with nothing to look for."""
    waiting = threading.Event()
    for _ in range(int(PATIENCE_S * 1000)):
        crew = crews.crew(DEFAULT_POOL)
        with crew._condition:
            if crew._idle == crew.size and not crew._line:
                return
        waiting.wait(0.001)
    raise AssertionError("the worker does not come to rest")


def queue(crews: Crews, store: SqlStore, user: UID | None = None) -> Job:
    now = datetime.now(UTC)
    user = user or UID()
    job = Job(
        uid=UID(),
        code_uid=UID(),
        code_name="f",
        requester_uid=user,
        request_uid=None,
        mode=Mode.MOCK,
        arguments={},
        inputs_key="",
        created_at=now,
    )
    with (
        crews.place(DEFAULT_POOL, user) as place,
        store.writing(Event(verb="job.queued", created_at=now)) as tx,
    ):
        return place.take(tx, job)


def verbs(store: SqlStore) -> list[str]:
    with store.reading() as reader:
        return [entry.event.verb for entry in reader.events()]


def test_a_worker_that_waits_has_the_job_by_the_transaction_that_queues_it(
    crews: Crews, store: SqlStore, held: Held
) -> None:
    job = queue(crews, store)
    assert (job.state, job.attempt) == (JobState.RUNNING, 1)
    assert verbs(store) == ["job.queued", "job.claimed"]
    ended = crews.waiters.waiter(job.uid)
    held.let_go.set()
    assert ended.wait(PATIENCE_S)
    assert held.begun == [job.uid]


def test_where_no_worker_waits_jobs_are_queued_and_begun_in_their_order(
    crews: Crews, store: SqlStore, held: Held
) -> None:
    jobs = [queue(crews, store) for _ in range(3)]
    assert [job.state for job in jobs] == [JobState.RUNNING, JobState.QUEUED, JobState.QUEUED]
    last = crews.waiters.waiter(jobs[-1].uid)
    held.let_go.set()
    assert last.wait(PATIENCE_S)
    assert held.begun == [job.uid for job in jobs]


def test_a_job_that_was_not_kept_is_not_begun_and_its_worker_is_free_again(
    crews: Crews, store: SqlStore, held: Held
) -> None:
    with contextlib.suppress(_TooLate), crews.place(DEFAULT_POOL, UID()):
        between = queue(crews, store)
        # The one that waits is kept for the other.
        assert between.state is JobState.QUEUED
        assert not held.begun
        raise _TooLate
    ended = crews.waiters.waiter(between.uid)
    held.let_go.set()
    assert ended.wait(PATIENCE_S)
    assert held.begun == [between.uid]
    until_idle(crews)
    assert queue(crews, store).state is JobState.RUNNING


def test_a_thousand_jobs_of_one_person_delay_another_by_one(
    crews: Crews, store: SqlStore, held: Held
) -> None:
    greedy, modest = UID(), UID()
    many = [queue(crews, store, greedy) for _ in range(20)]
    one = queue(crews, store, modest)
    last = crews.waiters.waiter(many[-1].uid)
    held.let_go.set()
    assert last.wait(PATIENCE_S)
    assert held.begun.index(one.uid) <= 2


def test_one_person_has_only_so_many_at_once(store: SqlStore, held: Held) -> None:
    crews = Crews(store, held, 1)
    crew = crews.add(DEFAULT_POOL, 2)
    crews.start()
    until_idle(crews)
    greedy, modest = UID(), UID()
    first, second = queue(crews, store, greedy), queue(crews, store, greedy)
    other = queue(crews, store, modest)
    # Whoever comes after somebody that waits is begun by the line, too.
    assert [one.state for one in (first, second, other)] == [
        JobState.RUNNING,
        JobState.QUEUED,
        JobState.QUEUED,
    ]
    wait_until(lambda: set(held.begun) == {first.uid, other.uid})
    assert (crew.running, crew.waiting) == (2, 1)
    ended = crews.waiters.waiter(second.uid)
    held.let_go.set()
    assert ended.wait(PATIENCE_S)
    crews.close()


def test_a_job_whose_worker_was_lost_is_begun_again(crews: Crews, store: SqlStore, held: Held) -> None:
    job = queue(crews, store)
    held.lost.add(job.uid)
    ended = crews.waiters.waiter(job.uid)
    held.let_go.set()
    assert ended.wait(PATIENCE_S)
    assert held.begun == [job.uid, job.uid]
    assert stored(store, job).attempt == 2


@pytest.mark.parametrize("fault", [StorageFull("no room"), RuntimeError("a fault of ours")])
def test_a_job_that_could_not_be_ended_is_put_back_and_begun_again(
    crews: Crews, store: SqlStore, held: Held, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    held.fault = fault
    monkeypatch.setattr(crew, "_PAUSE_S", 0.01)
    job = queue(crews, store)
    held.unendable.add(job.uid)
    ended = crews.waiters.waiter(job.uid)
    held.let_go.set()
    assert ended.wait(PATIENCE_S)
    assert held.begun == [job.uid, job.uid]
    assert "job.given_back" in verbs(store)
    until_idle(crews)


def test_a_pool_grows_and_shrinks(crews: Crews, store: SqlStore, held: Held) -> None:
    crew = crews.crew(DEFAULT_POOL)
    jobs = [queue(crews, store) for _ in range(3)]
    crew.resize(3)
    wait_until(lambda: len(held.begun) == 3)
    crew.resize(0)
    later = queue(crews, store)
    assert later.state is JobState.QUEUED
    ended = [crews.waiters.waiter(one.uid) for one in jobs]
    held.let_go.set()
    assert all(one.wait(PATIENCE_S) for one in ended)
    wait_until(lambda: not crew._threads)
    assert stored(store, later).state is JobState.QUEUED
    done = crews.waiters.waiter(later.uid)
    crew.resize(1)
    assert done.wait(PATIENCE_S)


def test_one_person_has_only_so_many_at_once_however_many_are_queued_at_once(
    store: SqlStore, held: Held
) -> None:
    crews = Crews(store, held, 1)
    crew = crews.add(DEFAULT_POOL, 2)
    crews.start()
    until_idle(crews)
    greedy = UID()
    with contextlib.suppress(_TooLate), crews.place(DEFAULT_POOL, greedy):
        assert queue(crews, store, greedy).state is JobState.QUEUED
        assert (crew.running, crew.waiting) == (0, 1)
        raise _TooLate
    held.let_go.set()
    wait_until(lambda: len(held.begun) == 1)
    crews.close()


def test_a_thread_that_is_kept_for_a_job_stays_when_the_pool_shrinks(
    crews: Crews, store: SqlStore, held: Held
) -> None:
    job = queue_meanwhile(crews, store, lambda: crews.crew(DEFAULT_POOL).resize(0))
    ended = crews.waiters.waiter(job.uid)
    held.let_go.set()
    assert ended.wait(PATIENCE_S)
    wait_until(lambda: not crews.crew(DEFAULT_POOL)._threads)


def test_a_thread_that_is_kept_for_a_job_stays_when_the_pool_is_removed(
    crews: Crews, store: SqlStore, held: Held
) -> None:
    """Else the job would be claimed, and nobody would end it before the next start."""
    job = queue_meanwhile(crews, store, lambda: crews.remove(DEFAULT_POOL))
    ended = crews.waiters.waiter(job.uid)
    held.let_go.set()
    assert ended.wait(PATIENCE_S)


def queue_meanwhile(crews: Crews, store: SqlStore, change: Callable[[], object]) -> Job:
    """A job in whose transaction something else happens, after a thread was kept for it; and time for it to act."""
    crew = crews.crew(DEFAULT_POOL)
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
    with crew.place(job.requester_uid) as place:
        change()
        threading.Event().wait(0.1)
        with store.writing(Event(verb="job.queued", created_at=now)) as tx:
            job = place.take(tx, job)
    assert job.state is JobState.RUNNING
    return job


def test_a_start_takes_up_what_is_queued_and_ends_what_has_no_pool(store: SqlStore, held: Held) -> None:
    before = Crews(store, held, 1)
    before.add(DEFAULT_POOL, 1)
    before.add("other", 1)
    there = queue(before, store)
    now = datetime.now(UTC)
    with before.place("other", UID()) as place, store.writing(Event(verb="job.queued", created_at=now)) as tx:
        gone = place.take(tx, replace(there, uid=UID(), pool="other"))
    crews = Crews(store, held, 1)
    crews.add(DEFAULT_POOL, 1)
    held.let_go.set()
    ended = crews.waiters.waiter(there.uid)
    crews.start()
    assert ended.wait(PATIENCE_S)
    last = stored(store, gone)
    assert (last.state, last.error_code) == (JobState.FAILED, "not_found")
    assert "'other' was removed" in last.note
    with pytest.raises(NotFound, match="'other'"):
        crews.place("other", UID())
    crews.close()


def test_what_was_given_up_for_lost_is_fenced_off(store: SqlStore, held: Held) -> None:
    crews = Crews(store, held, 1)
    crews.add(DEFAULT_POOL, 0)
    job = queue(crews, store)
    first = claim(store, job.uid, is_here=False)
    assert first is not None
    assert (first.state, first.attempt) == (JobState.CLAIMED, 1)
    assert claim(store, job.uid, is_here=True) is None
    assert give_back(store, first).state is JobState.QUEUED
    second = claim(store, job.uid, is_here=True)
    assert second is not None
    with store.reading() as reader:
        assert not is_held(reader, first)
        assert is_held(reader, second)
    # Late, and by whoever lost it: nothing happens.
    assert give_back(store, first) == second
    assert begin(store, first, "late") is None
    assert stored(store, job) == second


def test_a_job_is_given_back_so_often_and_then_ended(store: SqlStore, held: Held) -> None:
    crews = Crews(store, held, 1)
    crews.add(DEFAULT_POOL, 0)
    job = queue(crews, store)
    for _ in range(MAX_ATTEMPTS):
        claimed = claim(store, job.uid, is_here=True)
        assert claimed is not None
        last = give_back(store, claimed)
    assert (last.state, last.attempt) == (JobState.FAILED, MAX_ATTEMPTS)
    assert recover(store) == []


def stored(store: SqlStore, job: Job) -> Job:
    with store.reading() as reader:
        return reader.get(Job, job.uid)


def wait_until(condition: Callable[[], bool]) -> None:
    waiting = threading.Event()
    for _ in range(int(PATIENCE_S * 100)):
        if condition():
            return
        waiting.wait(0.01)
    raise AssertionError("it does not come about")
