"""Worker pools as people see and set them, and limits from a decorator to the record of a run."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest

from syft.client import trial
from syft.client.client import Client
from syft.client.datasets import AssetView
from syft.client.function import SyftFunction, syft_function
from syft.client.limits import Limits
from syft.client.policies import ExactMatch
from syft.client.pools import WorkerPool
from syft.errors import AuthorizationException, InvalidInput, LimitExceeded, NotFound
from syft.model.limits import GIB, MIB
from syft.model.pool import DEFAULT_POOL

numbers = itertools.count(1)


@pytest.fixture(scope="module", autouse=True)
def runner() -> Iterator[None]:
    """The shared runner, closed when these tests are over."""
    yield
    trial.shared.close()


@pytest.fixture
def pool(admin: Client) -> Iterator[WorkerPool]:
    """The default pool, as its administrator holds it; afterwards as it was."""
    pool = admin.worker_pools[DEFAULT_POOL]
    yield pool
    pool.set_limits(memory=None, cpu=None, wall=None, scratch=None, output=None, threads=None)


def summing(asset: AssetView, **options: Any) -> SyftFunction:
    """A function of its own name each time."""

    @syft_function(name=f"summing_{next(numbers)}", input_policy=ExactMatch(data=asset), **options)
    def total(data: Any) -> int:
        return int(data["A"].sum())

    assert isinstance(total, SyftFunction)
    return total


def test_the_default_pool_is_always_there(scientist: Client, admin: Client) -> None:
    for client in (scientist, admin):
        pools = client.worker_pools
        assert len(pools) == 1
        assert (
            pools[0].name == pools[DEFAULT_POOL].name == pools.get_by_name(DEFAULT_POOL).name == DEFAULT_POOL
        )
        assert pools[0].id == pools[DEFAULT_POOL].id
        assert [pool.name for pool in pools] == [DEFAULT_POOL]
    assert client.api.services.worker_pool[0].name == DEFAULT_POOL
    shown = repr(scientist.worker_pools)
    assert shown.startswith("WorkerPool List\nTotal: 1")
    for word in ("Pool Name", "Memory", "CPU", "Wall clock", "Scratch space", "Output", "Threads", "4 GiB"):
        assert word in shown
    assert "4 GiB" in scientist.worker_pools[DEFAULT_POOL]._repr_html_()


def test_a_pool_that_is_not_there_is_answered_with_those_that_are(scientist: Client) -> None:
    with pytest.raises(NotFound, match=r"There is no worker pool 'gpu' here\. There is: default-pool\."):
        scientist.worker_pools["gpu"]


def test_an_administrator_sets_limits_and_takes_them_back(pool: WorkerPool, scientist: Client) -> None:
    before = pool.limits
    done = pool.set_limits(memory="1 GiB", wall="5 min")
    assert done.is_ok()
    seen = scientist.worker_pools[DEFAULT_POOL]
    assert (seen.limits.memory, seen.limits.wall, seen.limits.cpu) == (GIB, 300.0, before.cpu)
    assert seen.own_limits == Limits(memory="1 GiB", wall=300)
    assert "Memory: 1 GiB (set for this pool)" in repr(seen)
    assert "Threads: 64\n" in f"{seen!r}\n"
    pool.set_limits(threads=8)
    assert pool.limits.memory == GIB
    pool.set_limits(memory=None, wall=None)
    assert pool.own_limits == Limits(threads=8)
    assert pool.limits.memory == before.memory


def test_nobody_else_sets_them(scientist: Client) -> None:
    with pytest.raises(AuthorizationException):
        scientist.worker_pools[DEFAULT_POOL].set_limits(memory="64 GiB")


def test_a_pool_that_is_not_there_is_refused_when_code_is_handed_in(
    scientist: Client, asset: AssetView
) -> None:
    function = summing(asset, worker_pool_name="gpu")
    for hand_in in (scientist.code.submit, scientist.code.request_code_execution):
        with pytest.raises(NotFound, match=r"no worker pool 'gpu' here\. There is: default-pool"):
            hand_in(function)


def test_more_than_the_pool_gives_is_refused_with_its_ceiling(scientist: Client, asset: AssetView) -> None:
    function = summing(asset, limits=Limits(memory="64 GiB", wall="1 min"))
    for hand_in in (scientist.code.submit, scientist.code.request_code_execution):
        with pytest.raises(
            InvalidInput, match=r"worker pool 'default-pool'.*memory 64 GiB \(at most 4 GiB\)"
        ):
            hand_in(function)


def test_a_try_here_has_the_limits_that_are_asked_for() -> None:
    @syft_function(limits={"wall": "1 s"})
    def slow() -> None:
        import time

        time.sleep(60)

    @syft_function(limits={"memory": "64 MiB"})
    def large() -> int:
        return len(bytes(256 << 20))

    with pytest.raises(LimitExceeded, match="wall-clock limit 1 s exceeded"):
        slow()
    with pytest.raises(LimitExceeded, match="memory limit 64 MiB exceeded"):
        large()


def test_what_is_launched_in_a_try_is_within_its_parents_limits() -> None:
    @syft_function(limits={"wall": "30 s"})
    def hungry() -> int:
        return len(bytes(256 << 20))

    @syft_function(limits={"memory": "64 MiB"})
    def parent(datasite: Any) -> Any:
        return datasite.launch_job(hungry).wait().get()

    with pytest.raises(Exception, match="memory limit 64 MiB exceeded"):
        parent()
    assert hungry().get() == 256 << 20


def test_a_request_shows_its_limits_and_its_approval_changes_them(
    scientist: Client, admin: Client, asset: AssetView
) -> None:
    function = summing(asset, limits=Limits(memory="1 GiB", wall="2 min"))
    scientist.code.request_code_execution(function)
    request = admin.requests[-1]
    assert "It asks for memory 1 GiB, wall clock 2 min." in request.changes
    shown = repr(request)
    assert "Limits of each run: memory 1 GiB, CPU 5 min, wall clock 2 min" in shown
    assert "(asked for: memory 1 GiB, wall clock 2 min)" in shown
    assert "Asks for: memory 1 GiB, wall clock 2 min" in repr(request.code)
    assert (request.code.limits, request.code.worker_pool_name) == (
        Limits(memory="1 GiB", wall=120),
        DEFAULT_POOL,
    )
    with pytest.raises(InvalidInput, match=r"cannot be approved with.*memory 8 GiB \(at most 4 GiB\)"):
        request.approve(limits=Limits(memory="8 GiB"))
    request.approve(limits={"memory": "512 MiB"})
    assert (request.limits.memory, request.limits.wall, request.limits.threads) == (512 * MIB, 120.0, 64)
    assert "asked for" not in repr(request)
    pointer = scientist.code[function.name](data=asset)
    assert pointer.get() == 6
    job = scientist.jobs[-1]
    assert (job.limits.memory, job.limits.wall) == (512 * MIB, 120.0)
    assert "Limits: memory 512 MiB, CPU 5 min, wall clock 2 min" in repr(job)


def test_what_is_approved_is_what_was_read(
    scientist: Client, admin: Client, asset: AssetView, pool: WorkerPool
) -> None:
    """A pool that is given more between reading and answering does not get into the approval."""
    scientist.code.request_code_execution(summing(asset))
    request = admin.requests[-1]
    read = request.limits
    pool.set_limits(memory="8 GiB")
    request.approve()
    assert request.limits == read
    assert request.limits.memory == 4 * GIB


def test_a_pool_that_is_given_less_lowers_what_was_approved(
    scientist: Client, admin: Client, asset: AssetView, pool: WorkerPool
) -> None:
    function = summing(asset)
    scientist.code.request_code_execution(function)
    admin.requests[-1].approve()
    pool.set_limits(memory="256 MiB")
    assert scientist.code[function.name](data=asset).get() == 6
    assert scientist.jobs[-1].limits.memory == 256 * MIB


def test_a_request_that_its_pool_no_longer_fits_is_approved_with_less(
    scientist: Client, admin: Client, asset: AssetView, pool: WorkerPool
) -> None:
    scientist.code.request_code_execution(summing(asset, limits=Limits(memory="2 GiB")))
    pool.set_limits(memory="1 GiB")
    request = admin.requests[-1]
    with pytest.raises(InvalidInput, match=r"memory 2 GiB \(at most 1 GiB\)"):
        request.approve()
    request.approve(limits=Limits(memory="1 GiB"))
    assert request.limits.memory == GIB
