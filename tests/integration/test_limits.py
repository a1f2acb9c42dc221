"""What a run may use, from what was asked and approved to the record of how it ended, in real fenced processes."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest

from support.people import Person, function, on
from support.sites import Cast, cast_on, fresh, member, opened, own_value, refused, upload
from syft.jobs import subjobs
from syft.jobs.failures import MAX_FAILED_RUNS
from syft.model.code import Parameter
from syft.model.job import JobState
from syft.model.limits import GIB, KIB, MIB, JobLimits
from syft.model.message import Done
from syft.model.messages import codes, events, jobs, pools, requests
from syft.model.pool import DEFAULT_POOL, PoolSpec
from syft.model.request import RequestState

# What code does, what it is allowed, and how that ends.
ENDS: Final = {
    "memory": (
        "bytearray(8 << 30)",
        JobLimits(memory_bytes=64 * MIB),
        "memory limit 64 MiB exceeded",
    ),
    "CPU": ("while True: pass", JobLimits(cpu_s=0.5), "CPU limit 0.5 s exceeded"),
    "wall clock": (
        "import time\ntime.sleep(60)",
        JobLimits(wall_s=0.5),
        "wall-clock limit 0.5 s exceeded",
    ),
    "scratch space": (
        "open('big', 'wb').write(bytes(8 << 20))",
        JobLimits(scratch_bytes=2 * MIB),
        "scratch space limit 2 MiB exceeded",
    ),
    "output": ("return 'x' * 20_000", JobLimits(output_bytes=10 * KIB), "output limit 10 KiB exceeded"),
    "threads": (
        "import threading, time\n"
        "for _ in range(50):\n    threading.Thread(target=time.sleep, args=(5,), daemon=True).start()",
        JobLimits(threads=10),
        "limit of 10 threads exceeded",
    ),
}


@pytest.fixture
def pool(site: Cast) -> Iterator[pools.PoolView]:
    """The default pool; its limits are afterwards what they were."""
    yield pool_of(site.admin)
    site.admin.say(pools.SetPoolLimits(DEFAULT_POOL, reset=JobLimits.__struct_fields__), pools.PoolReply)


def pool_of(person: Person) -> pools.PoolView:
    return person.say(pools.GetPool(DEFAULT_POOL), pools.PoolReply).pool


def run(person: Person, name: str, **arguments: Any) -> jobs.JobView:
    """Call it, and wait until it has ended, however long a busy machine takes to prove its fence first."""
    job = person.call(name, **arguments)
    until = time.monotonic() + 120
    while job.state in (JobState.QUEUED, JobState.RUNNING):
        assert time.monotonic() < until, job
        job = person.say(jobs.GetJob(job.uid, wait_s=20), jobs.JobReply).job
    return job


def set_limits(site: Cast, limits: JobLimits) -> None:
    site.admin.say(pools.SetPoolLimits(DEFAULT_POOL, limits), pools.PoolReply)


def log_of(person: Person, job: jobs.JobView) -> jobs.JobLogReply:
    return person.say(jobs.GetJobLog(job.uid), jobs.JobLogReply)


def seen_by(person: Person, job: jobs.JobView) -> jobs.JobView:
    return person.say(jobs.GetJob(job.uid), jobs.JobReply).job


# Six limits, asked for with the function


@pytest.mark.parametrize("figure", ENDS)
def test_each_limit_that_is_asked_for_ends_in_its_own_error(site: Cast, figure: str) -> None:
    """Outside the limit the same code does what it does; inside, the record says which limit, and what was used."""
    body, limits, told = ENDS[figure]
    data = upload(site.owner)
    request = site.owner.approve(site.scientist.request(fresh(body, data, limits=limits)))
    assert request.limits == msgspec.structs.replace(pool_of(site.owner).limits, **limits.said)
    job = run(site.scientist, request.code.submission.name, data=on(data))
    assert (job.state, job.error_code) == (JobState.FAILED, "limit_exceeded"), job
    assert job.note == f"'{job.code_name}' was stopped: {told}."
    assert job.limits == request.limits
    owners = seen_by(site.owner, job)
    assert owners.resources.wall_s > 0
    assert owners.resources.max_rss_bytes > MIB
    error = log_of(site.owner, job).error
    assert told in error
    assert "it had used" in error
    assert "MiB of memory" in error


@pytest.mark.parametrize("figure", ["scratch space", "output", "threads"])
def test_without_the_limit_the_same_code_ends_well(site: Cast, figure: str) -> None:
    body, _, _ = ENDS[figure]
    data = upload(site.owner)
    request = site.owner.approve(site.scientist.request(fresh(f"{body}\nreturn 1", data)))
    job = run(site.scientist, request.code.submission.name, data=on(data))
    assert job.state is JobState.RELEASED, job


def test_a_run_on_mock_values_has_the_limits_that_were_asked_for(site: Cast) -> None:
    """It needs no approval, and is bounded by the pool all the same."""
    tester = member(site.node, site.admin, "tester@site.org", mock_execution=True)
    for limits, told in (
        (JobLimits(memory_bytes=64 * MIB), "64 MiB"),
        (JobLimits(memory_bytes=GIB), "1 GiB"),
    ):
        name = f"hungry_{limits.memory_bytes}"
        source = f"def {name}(x):\n    return len(bytearray(x))\n"
        tester.submit(function(source, name, parameters=(Parameter(name="x"),), limits=limits))
        job = run(tester, name, x=own_value(4 * GIB))
        assert (job.state, job.limits.memory_bytes) == (JobState.FAILED, limits.memory_bytes)
        assert f"memory limit {told} exceeded" in job.note
        assert "it had used" in log_of(tester, job).error
        assert run(tester, name, x=own_value(8 * MIB)).state is JobState.RELEASED


# Server, pool, request, approval


def test_where_nobody_says_anything_the_servers_settings_hold(tmp_path: Path) -> None:
    figures: dict[str, Any] = {
        "memory_mb": 700,
        "cpu_s": 11.0,
        "wall_s": 22.0,
        "scratch_mb": 33,
        "output_kb": 44,
        "threads": 55,
    }
    with opened(tmp_path, **figures) as node:
        site = cast_on(node, tmp_path)
        expected = JobLimits(
            memory_bytes=700 * MIB,
            cpu_s=11,
            wall_s=22,
            scratch_bytes=33 * MIB,
            output_bytes=44 * KIB,
            threads=55,
        )
        assert (pool_of(site.scientist).limits, pool_of(site.scientist).own) == (expected, JobLimits())
        data = upload(site.owner)
        request = site.owner.approve(site.scientist.request(fresh("return 'x' * 50_000", data)))
        job = run(site.scientist, request.code.submission.name, data=on(data))
    assert job.limits == expected
    assert "output limit 44 KiB exceeded" in job.note


def test_a_pools_limits_are_default_and_ceiling_of_its_jobs(site: Cast, pool: pools.PoolView) -> None:
    set_limits(site, JobLimits(memory_bytes=128 * MIB, wall_s=100))
    data = upload(site.owner)
    request = site.owner.approve(site.scientist.request(fresh("return len(bytearray(512 << 20))", data)))
    assert (request.limits.memory_bytes, request.limits.cpu_s) == (128 * MIB, pool.limits.cpu_s)
    job = run(site.scientist, request.code.submission.name, data=on(data))
    assert "memory limit 128 MiB exceeded" in job.note
    over = fresh("return 1", data, limits=JobLimits(memory_bytes=129 * MIB, wall_s=100))
    for message in (codes.SubmitCode(over), requests.CreateRequest(over)):
        code, text = refused(site.scientist, message)
        assert code == "invalid_input"
        assert "more than worker pool 'default-pool' gives a job: memory 129 MiB (at most 128 MiB)." in text
    assert refused(site.scientist, codes.GetCode(name=over.name))[0] == "not_found"


def test_a_pool_with_more_than_the_server_gives_more(site: Cast, pool: pools.PoolView) -> None:
    """An administrator decides about each pool; the settings are for pools about which nobody has."""
    data = upload(site.owner)
    more = fresh("return 1", data, limits=JobLimits(threads=200))
    assert refused(site.scientist, requests.CreateRequest(more))[0] == "invalid_input"
    set_limits(site, JobLimits(threads=200))
    assert site.scientist.request(more).limits.threads == 200


def test_a_change_of_a_pool_stands_in_the_log(site: Cast, pool: pools.PoolView) -> None:
    before = site.count_events()
    set_limits(site, JobLimits(wall_s=60))
    (entry,) = site.events("pool.limits_changed", before)
    assert entry.event.subject_uid == pool.uid
    assert entry.event.detail["limits"] == "wall clock 1 min"
    listed = site.admin.say(events.ListEvents(offset=before), events.EventsReply).events
    assert [one.event.verb for one in listed] == ["pool.limits_changed"]
    code, text = refused(site.admin, pools.SetPoolLimits(DEFAULT_POOL, reset=("colour",)))
    assert (code, "There is no limit 'colour'" in text) == ("invalid_input", True)


def test_an_owner_gives_less_or_more_than_was_asked_for_but_not_more_than_the_pool(site: Cast) -> None:
    data = upload(site.owner)
    asked = JobLimits(memory_bytes=256 * MIB, wall_s=30)

    def request() -> requests.RequestView:
        return site.scientist.request(fresh("return len(bytearray(400 << 20))", data, limits=asked))

    def approve(one: requests.RequestView, limits: JobLimits) -> requests.ApproveRequest:
        return requests.ApproveRequest(one.uid, one.code.digest, (), limits)

    pending = request()
    too_much = approve(pending, JobLimits(memory_bytes=64 * GIB))
    code, text = refused(site.owner, too_much)
    assert (code, "memory 64 GiB (at most 4 GiB)" in text) == ("invalid_input", True)
    kept = site.owner.say(requests.GetRequest(pending.uid), requests.RequestReply).request
    assert kept.state is RequestState.PENDING
    for given, works in ((None, False), (128 * MIB, False), (GIB, True)):
        one = request()
        limits = JobLimits() if given is None else JobLimits(memory_bytes=given)
        answered = site.owner.say(approve(one, limits), requests.RequestReply).request
        assert (answered.limits.memory_bytes, answered.limits.wall_s) == (given or 256 * MIB, 30)
        job = run(site.scientist, one.code.submission.name, data=on(data))
        assert (job.state is JobState.RELEASED) is works, job.note
        assert job.limits.memory_bytes == (given or 256 * MIB)


def test_a_pool_that_is_gone_runs_nothing(site: Cast) -> None:
    data = upload(site.owner)
    site.admin.say(pools.LaunchPool(PoolSpec(name="passing")), pools.PoolReply)
    request = site.owner.approve(site.scientist.request(fresh("return 1", data, pool="passing")))
    pending = site.scientist.request(fresh("return 1", data, pool="passing"))
    site.admin.say(pools.RemovePool("passing"), Done)
    told = "There is no worker pool 'passing' here. There is: default-pool."
    message = jobs.CallCode({"data": on(data)}, request.code.uid, None, 20)
    assert refused(site.scientist, message) == ("not_found", told)
    approval = requests.ApproveRequest(pending.uid, pending.code.digest)
    assert refused(site.owner, approval) == ("not_found", told)
    assert refused(site.owner, requests.ListRequests())[0] == "ok"


# What a job launches


def launching(site: Cast, inner: str, outer: str, **limits: JobLimits) -> jobs.JobView:
    """Run a function that launches another, on private data; how the first of them ended."""
    data = upload(site.owner)
    child = fresh("").name
    source = f"def {child}(x):\n{indented(inner)}"
    site.scientist.submit(
        function(source, child, parameters=(Parameter(name="x"),), limits=limits.get("child", JobLimits()))
    )
    parent = fresh(
        outer.replace("CHILD", child),
        data,
        uses_datasite=True,
        nested=(child,),
        limits=limits.get("parent", JobLimits()),
    )
    request = site.owner.approve(site.scientist.request(parent))
    return run(site.scientist, request.code.submission.name, data=on(data))


def indented(lines: str) -> str:
    return "".join(f"    {line}\n" for line in lines.splitlines())


def children_of(person: Person, job: jobs.JobView) -> tuple[jobs.JobView, ...]:
    return person.say(jobs.ListJobs(parent_uid=job.uid), jobs.JobsReply).jobs


LAUNCH: Final = "return datasite.launch_job(CHILD, x=1).wait().get()"


def test_what_a_job_launches_is_within_its_limits(site: Cast) -> None:
    job = launching(
        site,
        "return len(bytearray(512 << 20))",
        LAUNCH,
        parent=JobLimits(memory_bytes=128 * MIB, wall_s=20),
        child=JobLimits(memory_bytes=2 * GIB, threads=3),
    )
    assert job.state is JobState.FAILED
    (child,) = children_of(site.owner, job)
    assert (child.limits.memory_bytes, child.limits.threads) == (128 * MIB, 3)
    assert (child.error_code, "memory limit 128 MiB exceeded" in child.note) == ("limit_exceeded", True)


def test_what_a_function_asks_for_itself_holds_where_it_is_launched(site: Cast) -> None:
    job = launching(site, "return len(bytearray(512 << 20))", LAUNCH, child=JobLimits(memory_bytes=64 * MIB))
    (child,) = children_of(site.owner, job)
    assert "memory limit 64 MiB exceeded" in child.note


def test_what_remains_of_a_jobs_time_is_what_it_launches_has(site: Cast) -> None:
    job = launching(
        site,
        "return 1",
        f"import time\ntime.sleep(1.5)\n{LAUNCH}",
        parent=JobLimits(wall_s=20),
        child=JobLimits(wall_s=60),
    )
    assert job.state is JobState.RELEASED, job.note
    (child,) = children_of(site.owner, job)
    assert child.limits.wall_s is not None
    assert 0 < child.limits.wall_s <= 18.6


def test_time_that_is_used_up_launches_nothing(site: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    admit = subjobs.SubjobHost.admit
    monkeypatch.setattr(
        subjobs.SubjobHost,
        "admit",
        lambda host, name, given, limits, _ends_at, depth: admit(host, name, given, limits, -math.inf, depth),
    )
    job = launching(site, "return 1", LAUNCH)
    assert job.state is JobState.FAILED
    assert children_of(site.owner, job) == ()
    assert "Nothing is left of the wall-clock limit" in log_of(site.owner, job).error


# What of it reaches whom


def test_a_scientist_sees_what_a_private_run_used_in_powers_of_two_only(site: Cast) -> None:
    """THREATS 1.5: as many bytes as somebody earns, allocated, would be a value that nobody let out."""
    data = upload(site.owner)
    request = site.owner.approve(site.scientist.request(fresh("x = bytearray(90 << 20)\nreturn 1", data)))
    job = run(site.scientist, request.code.submission.name, data=on(data))
    mine, owners = seen_by(site.scientist, job).resources, seen_by(site.owner, job).resources
    assert owners.max_rss_bytes > 90 * MIB
    assert owners.max_rss_bytes <= mine.max_rss_bytes < 2 * owners.max_rss_bytes + MIB
    assert math.log2(mine.max_rss_bytes).is_integer()
    assert owners.cpu_s <= mine.cpu_s
    assert mine.cpu_s == 0 or math.log2(mine.cpu_s).is_integer()
    assert owners.max_rss_bytes != mine.max_rss_bytes


def test_limits_that_are_exceeded_count_as_failures_that_tell_something(site: Cast) -> None:
    """THREATS 1.5: which limit it was is told, and so it is bounded like every other way to fail."""
    data = upload(site.owner)
    body, limits, _ = ENDS["output"]
    request = site.owner.approve(site.scientist.request(fresh(body, data, limits=limits)))
    name = request.code.submission.name
    notes = [run(site.scientist, name, data=on(data)).note for _ in range(MAX_FAILED_RUNS)]
    assert all("output limit" in note for note in notes)
    last = run(site.scientist, name, data=on(data))
    assert (last.error_code, last.resources.max_rss_bytes) == ("invalid_state", 0)
