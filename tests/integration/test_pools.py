"""Worker pools on a whole node: made, changed in size, asked for, removed; and what runs where, and in whose turn."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from support.people import ROOT, Person, on
from support.sites import Cast, cast_on, fresh, member, opened, refused, tampering, upload
from syft.jobs.subjobs import SubjobHost
from syft.model.image import ImageConfig, WorkerImage
from syft.model.job import Job, JobState
from syft.model.limits import MIB, JobLimits
from syft.model.message import Done
from syft.model.messages import jobs, pools, requests
from syft.model.permission import Role
from syft.model.pool import DEFAULT_POOL, Dask, PoolSpec, Remote
from syft.model.request import RequestState
from syft.model.uid import UID
from syft.model.worker import Worker
from syft.transport.memory import MemoryRoute

LONG = "import time\ntime.sleep(600)\nreturn data"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Cast]:
    with opened(tmp_path, isolation="process") as node:
        yield cast_on(node, tmp_path)


def launch(site: Cast, name: str, **fields: object) -> pools.PoolView:
    spec = PoolSpec(name=name, **fields)  # type: ignore[arg-type]
    return site.admin.say(pools.LaunchPool(spec), pools.PoolReply).pool


def pool(site: Cast, name: str) -> pools.PoolView:
    return site.admin.say(pools.GetPool(name), pools.PoolReply).pool


class Asked:
    """An approved function in a pool, and its data."""

    def __init__(self, site: Cast, body: str, name: str = DEFAULT_POOL, by: Person | None = None) -> None:
        self.by = by or site.scientist
        self.data = upload(site.owner)
        request = self.by.request(fresh(body, self.data, limit=1000, pool=name))
        site.owner.approve(request)
        self.name = request.code.submission.name

    def call(self, wait_s: float = 20) -> jobs.JobView:
        return self.by.call(self.name, wait_s=wait_s, data=on(self.data))


def job_of(person: Person, uid: UID, wait_s: float = 20) -> jobs.JobView:
    return person.say(jobs.GetJob(uid, wait_s=wait_s), jobs.JobReply).job


def wait_until(condition: Callable[[], bool]) -> None:
    waiting = threading.Event()
    for _ in range(2000):
        if condition():
            return
        waiting.wait(0.01)
    raise AssertionError("it does not come about")


def test_what_names_a_pool_runs_there(site: Cast) -> None:
    made = launch(site, "big", workers=3, limits=JobLimits(memory_bytes=300 * MIB))
    assert (made.name, made.size, made.workers, made.running, made.waiting) == ("big", 3, 3, 0, 0)
    listed = site.scientist.say(pools.ListPools(), pools.PoolsReply)
    assert [one.name for one in listed.pools] == [DEFAULT_POOL, "big"]
    job = Asked(site, "return data", "big").call()
    assert (job.state, job.limits.memory_bytes, job.pool) == (JobState.RELEASED, 300 * MIB, "big")


def test_a_pool_that_is_busy_holds_up_no_other(site: Cast) -> None:
    launch(site, "slow", workers=1)
    long, quick = Asked(site, LONG, "slow"), Asked(site, "return data")
    first, second = long.call(wait_s=0), long.call(wait_s=0)
    assert quick.call().state is JobState.RELEASED
    assert job_of(site.scientist, second.uid, 0).state is JobState.QUEUED
    wait_until(lambda: (pool(site, "slow").running, pool(site, "slow").waiting) == (1, 1))
    # One more worker, and the one that waits begins.
    grown = site.admin.say(pools.ScalePool("slow", 2), pools.PoolReply).pool
    assert grown.size == 2
    wait_until(lambda: job_of(site.scientist, second.uid, 0).state is JobState.RUNNING)
    for one in (first, second):
        site.scientist.say(jobs.KillJob(one.uid), jobs.JobReply)
        assert job_of(site.scientist, one.uid).state is JobState.CANCELLED


def test_a_pool_that_is_removed_stops_what_it_runs_and_the_record_stays(site: Cast) -> None:
    launch(site, "passing", workers=1)
    long = Asked(site, LONG, "passing")
    running, waiting = long.call(wait_s=0), long.call(wait_s=0)
    wait_until(lambda: job_of(site.scientist, running.uid, 0).state is JobState.RUNNING)
    site.admin.say(pools.RemovePool("passing"), Done)
    ended = [job_of(site.scientist, one.uid) for one in (running, waiting)]
    assert [one.state for one in ended] == [JobState.CANCELLED, JobState.CANCELLED]
    assert "'passing' was removed" in ended[1].note
    code, text = refused(site.scientist, jobs.CallCode({"data": on(long.data)}, None, long.name, 20))
    assert (code, text) == ("not_found", "There is no worker pool 'passing' here. There is: default-pool.")
    assert refused(site.admin, pools.RemovePool("passing"))[0] == "not_found"
    told = [one.event for one in site.events() if one.event.verb.startswith("pool.")]
    assert [one.verb for one in told] == ["pool.created", "pool.created", "pool.removed"]
    assert told[1].detail == {"name": "passing", "engine": "embedded"}, "where approved code runs is told"
    launch(site, "passing")
    assert Asked(site, "return data", "passing").call().state is JobState.RELEASED


def test_a_pool_is_made_or_removed_by_one_at_a_time(site: Cast) -> None:
    """In the middle of it another would take its crew, or leave one without a record."""
    wanted = ask(site.scientist, "passing")
    with site.site.pools.changing("passing"):
        for message in (
            pools.LaunchPool(PoolSpec(name="passing")),
            requests.ApproveRequest(wanted.uid, ""),
            pools.RemovePool("passing"),
        ):
            code, text = refused(site.admin, message)
            assert (code, "just being made or removed" in text) == ("invalid_state", True)
    approve(site.admin, wanted.uid)
    site.admin.say(pools.RemovePool("passing"), Done)
    launch(site, "passing")
    assert Asked(site, "return data", "passing").call().state is JobState.RELEASED


def test_pools_and_what_waits_in_them_are_there_again_after_a_start(tmp_path: Path) -> None:
    with opened(tmp_path, isolation="process") as node:
        site = cast_on(node, tmp_path)
        launch(site, "kept", workers=1)
        asked = Asked(site, "return data", "kept")
        long = Asked(site, LONG, "kept").call(wait_s=0)
        waiting = asked.call(wait_s=0)
        wait_until(lambda: job_of(site.scientist, long.uid, 0).state is JobState.RUNNING)
    with opened(tmp_path, isolation="process") as node:
        again = Person(MemoryRoute(node)).log_in(*ROOT)
        made = again.say(pools.GetPool("kept"), pools.PoolReply).pool
        assert (made.size, made.workers) == (1, 1)
        again.say(jobs.KillJob(long.uid), jobs.JobReply)
        assert job_of(again, waiting.uid).state is JobState.RELEASED


def test_people_take_turns_and_one_cannot_keep_the_pool(site: Cast) -> None:
    launch(site, "narrow", workers=1)
    greedy = Asked(site, "import time\ntime.sleep(0.05)\nreturn data", "narrow")
    modest = Asked(site, "return data", "narrow", by=site.other_scientist)
    many = [greedy.call(wait_s=0).uid for _ in range(12)]
    one = modest.call()
    assert one.state is JobState.RELEASED
    # The other's had its turn while most of these still wait.
    assert sum(job_of(site.scientist, uid, 0).state is JobState.QUEUED for uid in many) >= 6
    assert all(job_of(site.scientist, uid).state is JobState.RELEASED for uid in many)


def test_one_persons_jobs_are_bounded_where_the_operator_says_so(tmp_path: Path) -> None:
    with opened(tmp_path, isolation="process", running_per_user=1, open_per_user=3) as node:
        site = cast_on(node, tmp_path)
        long = Asked(site, LONG)
        calls = [long.call(wait_s=0).uid for _ in range(3)]
        code, text = refused(site.scientist, jobs.CallCode({"data": on(long.data)}, None, long.name, 0))
        assert (code, "You have 3 jobs" in text) == ("too_many_attempts", True)
        quick = Asked(site, "return data", by=site.other_scientist)
        assert quick.call().state is JobState.RELEASED
        states = [job_of(site.scientist, uid, 0).state for uid in calls]
        assert states == [JobState.RUNNING, JobState.QUEUED, JobState.QUEUED]
        for uid in calls:
            site.scientist.say(jobs.KillJob(uid), jobs.JobReply)


@pytest.mark.parametrize("level", ["namespaces", "landlock"])
def test_a_pool_has_a_fence_of_its_own(tmp_path: Path, level: str) -> None:
    with opened(tmp_path, isolation_min="process") as node:
        site = cast_on(node, tmp_path)
        launch(site, "fenced", isolation=level)
        job = Asked(site, "return data", "fenced").call(wait_s=25)
        assert (job.state, job.isolation) == (JobState.RELEASED, level), job.note
        assert pool(site, "fenced").isolation == level


@pytest.mark.parametrize(
    ("settings", "level", "told"),
    [
        ({}, "process", "this server asks for at least 'landlock'"),
        ({"isolation": "namespaces"}, "landlock", "this server asks for at least 'namespaces'"),
    ],
)
def test_no_pool_is_a_way_around_the_servers_fence(
    tmp_path: Path, settings: dict[str, str], level: str, told: str
) -> None:
    """THREATS 3: the server refuses to run jobs below the configured minimum level."""
    with opened(tmp_path, start=False, **settings) as node:
        site = cast_on(node, tmp_path)
        message = pools.LaunchPool(PoolSpec(name="weak", isolation=level))
        code, text = refused(site.admin, message)
        assert (code, told in text) == ("invalid_input", True)
        assert refused(site.scientist, requests.RequestPool(message.pool))[0] == "invalid_input"
        assert pool_names(site) == [DEFAULT_POOL]


def pool_names(site: Cast) -> list[str]:
    return [one.name for one in site.admin.say(pools.ListPools(), pools.PoolsReply).pools]


def test_names_numbers_and_the_default_pool(site: Cast) -> None:
    launch(site, "one")
    assert refused(site.admin, pools.LaunchPool(PoolSpec(name="one")))[0] == "already_exists"
    assert refused(site.admin, pools.RemovePool(DEFAULT_POOL))[0] == "invalid_input"
    assert refused(site.admin, pools.ScalePool("one", -1))[0] == "invalid_input"
    assert refused(site.admin, pools.ScalePool("one", 100_000))[0] == "invalid_input"
    assert refused(site.admin, pools.ScalePool("none", 2))[0] == "not_found"
    with_image = PoolSpec(name="two", engine=Remote(), image_uid=UID())
    assert "runs on the server's machine" in refused(site.admin, pools.LaunchPool(with_image))[1]
    unknown = PoolSpec(name="two", image_uid=UID())
    assert refused(site.admin, pools.LaunchPool(unknown))[0] == "not_found"
    assert site.admin.say(pools.ScalePool("one", 0), pools.PoolReply).pool.size == 2


def test_where_a_cluster_is_only_administrators_see(site: Cast) -> None:
    launch(site, "cluster", engine=Dask(address="tcp://192.0.2.1:8786", node_url="http://192.0.2.2:8080"))
    assert pool(site, "cluster").engine == Dask(
        address="tcp://192.0.2.1:8786", node_url="http://192.0.2.2:8080"
    )
    for person in (site.scientist, site.owner):
        seen = person.say(pools.GetPool("cluster"), pools.PoolReply).pool
        assert seen.engine == Dask()


def test_while_no_worker_has_joined_jobs_wait(site: Cast) -> None:
    made = launch(site, "elsewhere", engine=Remote(), workers=5)
    assert made.size == 0
    job = Asked(site, "return data", "elsewhere").call(wait_s=0)
    assert job.state is JobState.QUEUED
    site.scientist.say(jobs.KillJob(job.uid), jobs.JobReply)
    assert pool(site, "elsewhere").waiting == 0


# --- asked for


def ask(person: Person, name: str, **fields: object) -> requests.RequestView:
    spec = PoolSpec(name=name, **fields)  # type: ignore[arg-type]
    return person.say(requests.RequestPool(spec, "for a large model"), requests.RequestReply).request


def approve(person: Person, uid: UID) -> requests.RequestView:
    return person.say(requests.ApproveRequest(uid, ""), requests.RequestReply).request


def test_a_pool_that_was_asked_for_is_made_when_the_administrator_says_yes(site: Cast) -> None:
    wanted = ask(site.scientist, "mine", workers=2)
    assert (wanted.state, wanted.pool, wanted.code) == (
        RequestState.PENDING,
        PoolSpec(name="mine", workers=2),
        None,
    )
    assert pool_names(site) == [DEFAULT_POOL]
    # Neither who asked, nor owners, nor other scientists.
    assert refused(site.scientist, requests.ApproveRequest(wanted.uid, ""))[0] == "authorization"
    for other in (site.owner, site.other_scientist):
        assert refused(other, requests.ApproveRequest(wanted.uid, ""))[0] == "not_found"
        assert refused(other, requests.GetRequest(wanted.uid))[0] == "not_found"
        assert wanted.uid not in [
            one.uid for one in other.say(requests.ListRequests(), requests.RequestsReply).requests
        ]
    answered = approve(site.admin, wanted.uid)
    assert answered.state is RequestState.APPROVED
    assert pool(site, "mine").size == 2
    assert Asked(site, "return data", "mine").call().state is JobState.RELEASED
    assert refused(site.admin, requests.ApproveRequest(wanted.uid, ""))[0] == "invalid_state"
    code, text = refused(site.admin, requests.DenyRequest(wanted.uid, "no longer"))
    assert (code, "worker_pools.delete" in text) == ("invalid_input", True)


def test_an_administrator_who_asks_does_not_answer(site: Cast) -> None:
    wanted = ask(site.admin, "own")
    assert refused(site.admin, requests.ApproveRequest(wanted.uid, ""))[0] == "authorization"
    second = member(site.node, site.admin, "second@site.org", Role.ADMIN)
    assert approve(second, wanted.uid).state is RequestState.APPROVED


def test_a_pool_that_is_denied_or_no_longer_wanted_is_not_made(site: Cast) -> None:
    first, second = ask(site.scientist, "first"), ask(site.scientist, "second")
    assert refused(site.scientist, requests.RequestPool(PoolSpec(name="first")))[0] == "already_exists"
    denied = site.admin.say(requests.DenyRequest(first.uid, "no room"), requests.RequestReply).request
    assert (denied.state, denied.decision_reason) == (RequestState.REJECTED, "no room")
    withdrawn = site.scientist.say(requests.WithdrawRequest(second.uid), requests.RequestReply).request
    assert withdrawn.state is RequestState.WITHDRAWN
    for one in (first, second):
        assert refused(site.admin, requests.ApproveRequest(one.uid, ""))[0] == "invalid_state"
    assert pool_names(site) == [DEFAULT_POOL]
    assert refused(site.scientist, requests.RequestPool(PoolSpec(name="x", engine=Remote())))[0] == (
        "invalid_input"
    )
    assert refused(site.scientist, requests.RequestPool(PoolSpec(name=DEFAULT_POOL)))[0] == "already_exists"
    assert refused(site.scientist, requests.RequestPool(PoolSpec(name="y"), "z" * 6000))[0] == "invalid_input"


def test_a_job_whose_last_worker_has_just_gone_can_be_cancelled(
    site: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    launch(site, "away", engine=Remote())
    place = site.node.open()
    worker = Worker(
        uid=UID(),
        verify_key="00" * 32,
        pool="away",
        name="w",
        admitted_by=UID(),
        admitted_at=datetime.now(UTC),
    )
    session = place.orders.join(worker, 1, "process")
    asked = Asked(site, "return data", "away")
    prepare, gone = place.runs._preparation.of, threading.Event()

    def slowly(*args: Any) -> Any:
        assert gone.wait(20)
        return prepare(*args)

    monkeypatch.setattr(place.runs._preparation, "of", slowly)
    job = asked.call(wait_s=0)
    wait_until(lambda: job_of(asked.by, job.uid, 0).state is JobState.CLAIMED)
    place.orders.leave(worker, session)
    gone.set()
    wait_until(lambda: bool(place.runs._children))
    asked.by.say(jobs.KillJob(job.uid), jobs.JobReply)
    assert job_of(asked.by, job.uid).state is JobState.CANCELLED


# --- what is left of a pool that is gone, and of a request that nobody said yes to


def test_a_job_that_no_thread_took_up_ends_with_its_pool(site: Cast) -> None:
    """It would wait for ever, and count as one of its requester's open jobs."""
    launch(site, "passing")
    ended = Asked(site, "return data", "passing").call()
    with site.store.reading() as reader:
        record = reader.get(Job, ended.uid)
    left = [
        msgspec.structs.replace(record, uid=UID(), state=state, attempt=1, result_uid=None)
        for state in (JobState.RUNNING, JobState.CLAIMED)
    ]
    with tampering(site.store) as tx:
        for one in left:
            tx.add(one)
    site.admin.say(pools.RemovePool("passing"), Done)
    for one in left:
        job = job_of(site.scientist, one.uid, 5)
        assert job.state is JobState.CANCELLED
        assert "'passing' was removed" in job.note
    assert job_of(site.scientist, ended.uid, 0).state is JobState.RELEASED


def test_whoever_asks_and_withdraws_again_and_again_fills_nothing(site: Cast) -> None:
    """THREATS 1.4: a thousand images are all that a node keeps, and a scientist could have them all."""
    config = ImageConfig(packages=("humanize==4.0.0",))

    def ask_with_image(name: str) -> requests.RequestView:
        message = requests.RequestPool(PoolSpec(name=name), "", config, f"tag-{name}")
        return site.scientist.say(message, requests.RequestReply).request

    kept = ask_with_image("kept")
    for answer in (
        lambda uid: site.scientist.say(requests.WithdrawRequest(uid), requests.RequestReply),
        lambda uid: site.admin.say(requests.DenyRequest(uid, "no"), requests.RequestReply),
    ):
        asked = ask_with_image("other")
        assert site.count(WorkerImage) == 2
        answer(asked.uid)
        assert site.count(WorkerImage) == 1
    # What somebody else asks for, too, stays; and so does what was there before it was asked for.
    assert kept.pool is not None
    same = PoolSpec(name="same", image_uid=kept.pool.image_uid)
    also = site.other_scientist.say(requests.RequestPool(same), requests.RequestReply).request
    site.scientist.say(requests.WithdrawRequest(kept.uid), requests.RequestReply)
    assert site.count(WorkerImage) == 1
    site.other_scientist.say(requests.WithdrawRequest(also.uid), requests.RequestReply)
    assert site.count(WorkerImage) == 1


def test_what_was_approved_behind_one_fence_does_not_run_behind_another(site: Cast) -> None:
    """THREATS 1.1: the pool is removed, and another of its name has a weaker fence; or a stronger one."""
    launch(site, "fenced", isolation="landlock")
    asked = Asked(site, "return data", "fenced")
    assert asked.call().state is JobState.RELEASED
    site.admin.say(pools.RemovePool("fenced"), Done)
    launch(site, "fenced")
    refusal = asked.call()
    assert (refusal.state, refusal.error_code) == (JobState.FAILED, "not_approved")
    site.admin.say(pools.RemovePool("fenced"), Done)
    launch(site, "fenced", isolation="landlock", workers=3)
    assert asked.call().state is JobState.RELEASED, "the same place again"


def test_one_who_kills_a_job_a_hundred_times_holds_one_thread(
    site: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a job has launched on a machine that is gone ends with its lease: a kill may take that long."""
    job = Asked(site, LONG).call(wait_s=0)
    wait_until(lambda: job.uid in site.site.runs._children)
    held, go_on = threading.Semaphore(0), threading.Event()
    cancel = SubjobHost.cancel

    def slow(self: SubjobHost) -> None:
        held.release()
        assert go_on.wait(30)
        cancel(self)

    monkeypatch.setattr(SubjobHost, "cancel", slow)
    first = threading.Thread(target=lambda: site.scientist.say(jobs.KillJob(job.uid), jobs.JobReply))
    first.start()
    try:
        assert held.acquire(timeout=10)
        others = [
            threading.Thread(target=lambda: refused(site.scientist, jobs.KillJob(job.uid)), daemon=True)
            for _ in range(8)
        ]
        for one in others:
            one.start()
        for one in others:
            one.join(5)
        assert not any(one.is_alive() for one in others)
        assert first.is_alive(), "outside: the first waits"
    finally:
        go_on.set()
        first.join(10)
    assert job_of(site.scientist, job.uid).state is JobState.CANCELLED
