"""The same code, unchanged, on every kind of pool: nested jobs of the guide, and a map-reduce over 64 partitions."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import syft as sy
from support.people import ROOT
from support.remote import POOL, RemoteSite, wait_until
from syft.client.client import Client
from syft.model.pool import DEFAULT_POOL

KINDS = {"embedded": DEFAULT_POOL, "remote": POOL, "dask": "cluster"}
PASSWORD = "correct horse battery"
READY_S = 90.0


@pytest.fixture(scope="module")
def site() -> Iterator[RemoteSite]:
    """One node with a pool of each kind: its own, one for a worker process, one on a Dask cluster."""
    # Not pytest's own folder, since runs with users of their own must get through to it.
    with tempfile.TemporaryDirectory(prefix="pools-", dir="/tmp") as made:
        Path(made).chmod(0o711)
        with RemoteSite(Path(made)) as place:
            place.worker("w1", "--slots", "2")
            yield place


@pytest.fixture(scope="module")
def owner(site: RemoteSite) -> Client:
    return sy.login(email=ROOT[0], password=ROOT[1], url=site.url)


@pytest.fixture(scope="module")
def scientist(site: RemoteSite, owner: Client) -> Client:
    owner.users.create(
        name="S", email="s@site.org", password=PASSWORD, password_verify=PASSWORD, role="data_scientist"
    )
    return sy.login(email="s@site.org", password=PASSWORD, url=site.url)


@pytest.fixture(scope="module", params=KINDS)
def pool(request: pytest.FixtureRequest, owner: Client) -> str:
    name = KINDS[request.param]
    if request.param == "dask":
        pytest.importorskip("distributed")
        owner.worker_pools.launch(name, 2, engine="dask")
    assert wait_until(lambda: owner.worker_pools[name].max_count > 0, READY_S)
    return name


def asset(owner: Client, name: str, data: object, mock: object) -> sy.Asset:
    owner.upload_dataset(
        sy.Dataset(name=name, asset_list=[sy.Asset(name="asset", data=data, mock=mock)]),
    )
    return owner.datasets[name].assets[0]


def test_the_guides_nested_jobs(owner: Client, scientist: Client, pool: str) -> None:
    asset(owner, f"guide {pool}", pd.DataFrame({"A": range(10), "B": range(10)}), pd.DataFrame({"A": [1]}))
    table = scientist.datasets[f"guide {pool}"].assets[0]

    @sy.syft_function()
    def process_batch(batch):
        return batch.to_numpy().sum()

    @sy.syft_function()
    def aggregate_job(job_results):
        return sum(job_results)

    @sy.syft_function_single_use(data=table, worker_pool_name=pool)
    def process_all(datasite, data):
        import numpy as np

        job_results = []
        for batch in np.array_split(data, 2):
            batch_job = datasite.launch_job(process_batch, batch=batch)
            job_results += [batch_job.result]
        job = datasite.launch_job(aggregate_job, job_results=job_results)
        return job.result

    scientist.code.submit(process_batch)
    scientist.code.submit(aggregate_job)
    scientist.code.request_code_execution(process_all)
    owner.requests[-1].approve()
    job = scientist.code.process_all(data=table, blocking=False)
    assert job.wait(timeout=120).get() == 90
    check_where(owner, pool, job.id, 3)


def test_a_map_reduce_over_64_partitions(owner: Client, scientist: Client, pool: str, tmp_path: Path) -> None:
    for number in range(64):
        frame = pd.DataFrame({"n": np.arange(1000) + number, "name": [f"{number}"] * 1000})
        frame.to_parquet(tmp_path / f"{number:02}.parquet")
    parts = sy.Partitioned.from_parquet(tmp_path)
    asset(owner, f"parts {pool}", parts, sy.Partitioned([pd.DataFrame({"n": [1], "name": ["x"]})]))
    table = scientist.datasets[f"parts {pool}"].assets[0]

    @sy.syft_function(worker_pool_name=pool)
    def part_sum(batch):
        return int(batch.n.sum()), set(batch.name)

    @sy.syft_function(worker_pool_name=pool)
    def total(parts):
        return sum(one[0] for one in parts), len(set().union(*(one[1] for one in parts)))

    @sy.syft_function_single_use(data=table, worker_pool_name=pool)
    def over_parts(datasite, data):
        parts = [datasite.launch_job(part_sum, batch=data.part(i)) for i in range(len(data))]
        return datasite.launch_job(total, parts=parts).result

    scientist.code.submit(part_sum)
    scientist.code.submit(total)
    scientist.code.request_code_execution(over_parts)
    owner.requests[-1].approve()
    job = scientist.code.over_parts(data=table, blocking=False)
    expected = (64 * 499_500 + 1000 * sum(range(64)), 64)
    assert tuple(job.wait(timeout=180).get()) == expected
    check_where(owner, pool, job.id, 65)


def check_where(owner: Client, pool: str, uid: sy.UID, launched: int) -> None:
    """The records say that all of it ran there, and nowhere else."""
    job = owner.jobs.get(uid)
    subjobs = job.subjobs
    assert len(subjobs) == launched
    is_here = pool == DEFAULT_POOL
    assert {bool(one.worker) for one in (job, *subjobs)} == {not is_here}
    assert {one.worker_pool_name for one in (job, *subjobs)} == {pool}, "also of those that name no pool"
