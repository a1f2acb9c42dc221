"""Jobs that launch others: wide, deep, by reference, and over the parts of an asset; on a whole node."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.people import function, on
from support.sites import Cast, cast_on, opened
from syft.model.code import CodeSubmission, Parameter
from syft.model.job import Job, JobState
from syft.model.messages import jobs, requests
from syft.model.uid import UID
from syft.wire.types_partitioned import Partitioned

np = pytest.importorskip("numpy")
pd = pytest.importorskip("pandas")
LEVELS = ["namespaces", "landlock", "process"]


@pytest.fixture(scope="module", params=LEVELS)
def any_site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cast]:
    """A node at each level of isolation."""
    home = tmp_path_factory.mktemp("site")
    with opened(home, isolation=request.param) as node:
        yield cast_on(node, home)


def submitted(site: Cast, source: str, name: str, *parameters: str, **options: Any) -> None:
    site.scientist.submit(
        function(source, name, parameters=tuple(Parameter(name=one) for one in parameters), **options)
    )


def approved(site: Cast, code: CodeSubmission) -> requests.RequestView:
    return site.owner.approve(site.scientist.request(code))


def launching(source: str, name: str, nested: tuple[str, ...], data: UID | None = None) -> CodeSubmission:
    inputs = {"data": data} if data else None
    return function(source, name, inputs, uses_datasite=True, nested=nested)


def called(site: Cast, name: str, **arguments: Any) -> jobs.JobView:
    job = site.scientist.call(name, wait_s=20, **arguments)
    deadline = time.monotonic() + 120
    while job.state in (JobState.QUEUED, JobState.RUNNING) and time.monotonic() < deadline:
        job = site.scientist.say(jobs.GetJob(job.uid, wait_s=20), jobs.JobReply).job
    return job


def result_of(site: Cast, name: str, **arguments: Any) -> Any:
    job = called(site, name, **arguments)
    assert job.state is JobState.RELEASED, job
    return site.scientist.read(job.result_uid)


def subjobs(site: Cast, uid: UID) -> list[Job]:
    with site.store.reading() as reader:
        return reader.select(Job, parent_uid=uid)


def asset(site: Cast, name: str, value: Any) -> UID:
    return site.owner.upload(name, value, value).dataset.assets[0].object_uid


def test_the_guides_example(any_site: Cast) -> None:
    site = any_site
    data = asset(site, "guide", pd.DataFrame({"A": range(10), "B": range(10)}))
    submitted(
        site, "def process_batch(batch):\n    return batch.to_numpy().sum()\n", "process_batch", "batch"
    )
    submitted(
        site, "def aggregate_job(job_results):\n    return sum(job_results)\n", "aggregate_job", "job_results"
    )
    source = """def process_all(datasite, data):
    import numpy as np
    job_results = []
    for batch in np.array_split(data, 2):
        batch_job = datasite.launch_job(process_batch, batch=batch)
        job_results += [batch_job.result]
    job = datasite.launch_job(aggregate_job, job_results=job_results)
    return job.result
"""
    approved(site, launching(source, "process_all", ("process_batch", "aggregate_job"), data))
    assert result_of(site, "process_all", data=on(data)) == 90


def test_a_map_reduce_over_64_parts(any_site: Cast, tmp_path: Path) -> None:
    site = any_site
    pytest.importorskip("pyarrow")
    for number in range(64):
        frame = pd.DataFrame({"n": np.arange(1000) + number, "name": [f"{number}"] * 1000})
        frame.to_parquet(tmp_path / f"{number:02}.parquet")
    data = asset(site, "parts", Partitioned.from_parquet(tmp_path))
    submitted(
        site, "def part_sum(batch):\n    return int(batch.n.sum()), set(batch.name)\n", "part_sum", "batch"
    )
    submitted(
        site,
        "def total(parts):\n    return sum(one[0] for one in parts), len(set().union(*(one[1] for one in parts)))\n",
        "total",
        "parts",
    )
    source = """def over_parts(datasite, data):
    parts = [datasite.launch_job(part_sum, batch=data.part(i)) for i in range(len(data))]
    return datasite.launch_job(total, parts=parts).result
"""
    approved(site, launching(source, "over_parts", ("part_sum", "total"), data))
    assert result_of(site, "over_parts", data=on(data)) == (64 * 499500 + 1000 * sum(range(64)), 64)


def test_a_thousand_in_one_loop(site: Cast) -> None:
    submitted(site, "def one(x):\n    return x + 1\n", "one", "x")
    submitted(site, "def add(parts):\n    return sum(parts)\n", "add", "parts")
    source = """def thousand(datasite):
    return datasite.launch_job(add, parts=[datasite.launch_job(one, x=i) for i in range(1000)]).result
"""
    approved(site, launching(source, "thousand", ("one", "add")))
    job = called(site, "thousand")
    assert job.state is JobState.RELEASED, job
    assert site.scientist.read(job.result_uid) == 500500
    ended = subjobs(site, job.uid)
    assert len(ended) == 1001
    assert {one.state for one in ended} == {JobState.FINISHED}


def test_wider_and_deeper_than_what_runs_at_once(site: Cast) -> None:
    for depth in range(1, 5):
        source = f"""def level{depth}(datasite, x):
    jobs = [datasite.launch_job(level{depth + 1}, x=x + i) for i in range(3)]
    return sum(job.result for job in jobs)
"""
        submitted(site, source, f"level{depth}", "x", uses_datasite=True, nested=(f"level{depth + 1}",))
    submitted(site, "def level5(x):\n    return 1\n", "level5", "x")
    source = """def level0(datasite):
    from concurrent.futures import ThreadPoolExecutor
    jobs = [datasite.launch_job(level1, x=i) for i in range(2)]
    with ThreadPoolExecutor(2) as pool:
        return sum(pool.map(lambda job: job.result, jobs))
"""
    approved(site, launching(source, "level0", ("level1",)))
    assert result_of(site, "level0") == 2 * 3**4


def test_a_failed_one_says_so_where_its_result_is_asked_for(site: Cast) -> None:
    source = "def picky(x):\n    if x == 3:\n        raise KeyError('Jane Doe')\n    return x\n"
    submitted(site, source, "picky", "x")
    submitted(site, "def after(x):\n    return x\n", "after", "x")
    source = """def all_of_them(datasite):
    jobs = [datasite.launch_job(picky, x=i) for i in range(6)]
    after = [datasite.launch_job(after_, x=jobs[2]), datasite.launch_job(after_, x=[jobs[3]])]
    said = []
    for job in [*jobs, *after]:
        try:
            said.append(job.result)
        except Exception as error:
            said.append(str(error))
    return said
""".replace("after_", "after")
    source = source.replace("    after = [", "    later = [").replace("*after]", "*later]")
    approved(site, launching(source, "all_of_them", ("picky", "after")))
    job = called(site, "all_of_them")
    said = site.scientist.read(job.result_uid)
    assert said[:3] + said[4:7] == [0, 1, 2, 4, 5, 2]
    assert "KeyError on line 3" in said[3]
    assert "was not run" in said[7]
    assert "KeyError on line 3" in said[7]
    assert not any("Jane Doe" in str(one) for one in said)
    assert sorted(one.state.value for one in subjobs(site, job.uid)) == ["failed"] + ["finished"] * 6


def test_killing_the_job_ends_all_of_it(site: Cast) -> None:
    submitted(site, "def slow(x):\n    import time\n    time.sleep(60)\n", "slow", "x")
    source = """def waits(datasite):
    return [job.result for job in [datasite.launch_job(slow, x=i) for i in range(300)]]
"""
    approved(site, launching(source, "waits", ("slow",)))
    job = site.scientist.call("waits", wait_s=0)
    deadline = time.monotonic() + 30
    while len(subjobs(site, job.uid)) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    began = time.monotonic()
    site.scientist.say(jobs.KillJob(job.uid), jobs.JobReply)
    assert called_state(site, job.uid) is JobState.CANCELLED
    assert time.monotonic() - began < 20
    left = subjobs(site, job.uid)
    assert left
    assert {one.state for one in left} == {JobState.CANCELLED}
    for thread in threading.enumerate():
        if thread.name == "syft-launch":
            thread.join(20)
            assert not thread.is_alive()


def called_state(site: Cast, uid: UID) -> JobState:
    deadline = time.monotonic() + 30
    while True:
        job = site.scientist.say(jobs.GetJob(uid, wait_s=5), jobs.JobReply).job
        if job.state not in (JobState.QUEUED, JobState.RUNNING) or time.monotonic() > deadline:
            return job.state
