"""Pools on Dask: a cluster that the node starts itself, and one that is there; trees, parts, TLS, and what is lost."""

from __future__ import annotations

import io
import tempfile
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest

from support.grid import GRID, Cluster, certificates, free_port, launch_grid, pool_of
from support.people import ROOT, Person, function, on
from support.remote import POOL, RemoteSite, wait_until
from support.servers import ServerProcess
from support.sites import opened
from syft.model.code import CodeSubmission, Parameter
from syft.model.job import JobState
from syft.model.messages import users
from syft.model.messages.jobs import GetJob, JobReply, JobView
from syft.model.messages.pools import LaunchPool, PoolReply, ScalePool
from syft.model.pool import Dask, PoolSpec
from syft.model.uid import UID
from syft.sandbox.contract import Execution, Outcome, Status
from syft.transport.memory import MemoryRoute
from syft.wire import codec
from syft.wire.types_partitioned import Partitioned

np = pytest.importorskip("numpy")
pd = pytest.importorskip("pandas")
pytest.importorskip("distributed")
LEVEL = "landlock"
READY_S = 120.0


@pytest.fixture
def folder() -> Iterator[Path]:
    """Not pytest's own, since runs with users of their own must get through to it."""
    with tempfile.TemporaryDirectory(prefix="dask-", dir="/tmp") as made:
        Path(made).chmod(0o711)
        yield Path(made)


@pytest.fixture(scope="module")
def grid() -> Iterator[RemoteSite]:
    """A node with a pool on a cluster of its own: one worker with one thread, so that everything must wait."""
    with tempfile.TemporaryDirectory(prefix="dask-", dir="/tmp") as made:
        Path(made).chmod(0o711)
        with RemoteSite(Path(made), engine=Dask(), pool_workers=1, isolation=LEVEL) as place:
            assert wait_until(lambda: pool_of(place.admin, POOL).size == 1, READY_S)
            yield place


@pytest.fixture(scope="module")
def scientist(grid: RemoteSite) -> Person:
    return grid.scientist()


def submitted(person: Person, source: str, name: str, *parameters: str, **options: Any) -> None:
    takes = tuple(Parameter(name=one) for one in parameters)
    person.submit(function(source, name, parameters=takes, pool=POOL, **options))


def approved(place: RemoteSite, person: Person, code: CodeSubmission) -> None:
    place.admin.approve(person.request(code))


def ended(person: Person, job: JobView) -> JobView:
    while job.ended_at is None:
        job = person.say(GetJob(job.uid, wait_s=20), JobReply).job
    return job


def result_of(person: Person, name: str, **arguments: Any) -> Any:
    job = ended(person, person.call(name, **arguments))
    assert job.state is JobState.RELEASED, job
    return person.read(job.result_uid)


def asset(place: RemoteSite, name: str, value: Any) -> UID:
    return place.admin.upload(name, value, value).dataset.assets[0].object_uid


def run(place: RemoteSite, source: str, name: str = GRID) -> tuple[Outcome, object]:
    execution = Execution(uid=uuid.uuid4().hex, source=source, entry="f")
    result = io.BytesIO()
    outcome = place.site.equipped.runner_of(name).run(execution, result=result)
    return outcome, codec.decode(result.getvalue()) if outcome.status is Status.FINISHED else None


# --- a cluster of the node's own


def test_a_job_runs_on_it_and_its_record_says_where(grid: RemoteSite, scientist: Person) -> None:
    data = asset(grid, "seven", 7)
    approved(
        grid, scientist, function("def plus(data):\n    return data + 1\n", "plus", {"data": data}, pool=POOL)
    )
    job = ended(scientist, scientist.call("plus", data=on(data)))
    assert job.state is JobState.RELEASED, job
    assert scientist.read(job.result_uid) == 8
    assert job.worker.startswith("dask-")
    view = pool_of(grid.admin, POOL)
    assert (view.size, view.isolation) == (1, LEVEL)


def test_the_guides_nested_example(grid: RemoteSite, scientist: Person) -> None:
    data = asset(grid, "batches", np.arange(10))
    submitted(scientist, "def process_batch(batch):\n    return int(batch.sum())\n", "process_batch", "batch")
    submitted(
        scientist,
        "def aggregate_job(job_results):\n    return sum(job_results)\n",
        "aggregate_job",
        "job_results",
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
    nested = ("process_batch", "aggregate_job")
    approved(
        grid,
        scientist,
        function(source, "process_all", {"data": data}, uses_datasite=True, nested=nested, pool=POOL),
    )
    assert result_of(scientist, "process_all", data=on(data)) == 45


def test_a_map_reduce_over_64_parts(grid: RemoteSite, scientist: Person, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    for number in range(64):
        frame = pd.DataFrame({"n": np.arange(1000) + number, "name": [f"{number}"] * 1000})
        frame.to_parquet(tmp_path / f"{number:02}.parquet")
    data = asset(grid, "parts", Partitioned.from_parquet(tmp_path))
    submitted(
        scientist,
        "def part_sum(batch):\n    return int(batch.n.sum()), set(batch.name)\n",
        "part_sum",
        "batch",
    )
    submitted(
        scientist,
        "def total(parts):\n    return sum(one[0] for one in parts), len(set().union(*(one[1] for one in parts)))\n",
        "total",
        "parts",
    )
    source = """def over_parts(datasite, data):
    parts = [datasite.launch_job(part_sum, batch=data.part(i)) for i in range(len(data))]
    return datasite.launch_job(total, parts=parts).result
"""
    nested = ("part_sum", "total")
    approved(
        grid,
        scientist,
        function(source, "over_parts", {"data": data}, uses_datasite=True, nested=nested, pool=POOL),
    )
    assert result_of(scientist, "over_parts", data=on(data)) == (64 * 499500 + 1000 * sum(range(64)), 64)


def test_a_tree_wider_and_deeper_than_the_cluster_does_not_wait_for_itself(
    grid: RemoteSite, scientist: Person
) -> None:
    submitted(scientist, "def leaf(x):\n    return x\n", "leaf", "x")
    for name, below in (("twig", "leaf"), ("branch", "twig")):
        text = (
            f"def {name}(datasite, x):\n"
            f"    jobs = [datasite.launch_job({below}, x=4 * x + i) for i in range(4)]\n"
            "    return sum(job.result for job in jobs)\n"
        )
        takes = (Parameter(name="x"),)
        scientist.submit(
            function(text, name, parameters=takes, pool=POOL, uses_datasite=True, nested=(below,))
        )
    data = asset(grid, "one", 1)
    text = (
        "def tree(datasite, data):\n"
        "    jobs = [datasite.launch_job(branch, x=i) for i in range(4)]\n"
        "    return sum(job.result for job in jobs)\n"
    )
    code = function(text, "tree", {"data": data}, uses_datasite=True, nested=("branch",), pool=POOL)
    approved(grid, scientist, code)
    assert result_of(scientist, "tree", data=on(data)) == sum(range(64))


def test_it_grows_and_shrinks_with_the_pool(grid: RemoteSite) -> None:
    grid.admin.say(ScalePool(POOL, 2), PoolReply)
    assert wait_until(lambda: pool_of(grid.admin, POOL).size == 2, READY_S)
    assert wait_until(lambda: len(grid.orders.sessions()) == 2, READY_S)
    grid.admin.say(ScalePool(POOL, 1), PoolReply)
    assert wait_until(lambda: len(grid.orders.sessions()) == 1, READY_S)
    assert run(grid, "def f(): return 3", POOL)[1] == 3


def test_nothing_is_left_of_it_when_its_server_is_killed(folder: Path) -> None:
    with ServerProcess(folder / "home", SYFT_ISOLATION=LEVEL, SYFT_WORKERS="2") as server:
        admin = Person(server.route()).log_in(*ROOT)
        launch_grid(admin, Dask(), workers=2)
        family = psutil.Process(server.process.pid).children(recursive=True)
        assert len([one for one in family if "--multiprocessing-fork" in one.cmdline()]) >= 1
        server.kill()
        assert wait_until(lambda: not any(map(alive, family)), 20), [one for one in family if alive(one)]


def test_nothing_is_left_of_it_when_its_pool_is_closed(folder: Path) -> None:
    before = set(psutil.Process().children(recursive=True))
    with RemoteSite(folder, engine=Dask(), pool_workers=1, isolation=LEVEL) as place:
        assert wait_until(lambda: pool_of(place.admin, POOL).size == 1, READY_S)
        assert (folder / "node" / "site" / "clusters").exists()
    assert wait_until(lambda: not set(psutil.Process().children(recursive=True)) - before, 20)
    assert not list((folder / "node" / "site" / "clusters").iterdir())


def test_a_node_that_does_not_listen_says_so(tmp_path: Path) -> None:
    with opened(tmp_path, isolation=LEVEL) as node:
        admin = Person(MemoryRoute(node)).log_in(*ROOT)
        admin.say(LaunchPool(PoolSpec(name=POOL, engine=Dask())), PoolReply)
        account = users.CreateUser("s@site.org", "S", admin.sealed("correct horse battery"))
        admin.say(account, users.UserReply)
        person = Person(MemoryRoute(node)).log_in("s@site.org", "correct horse battery")
        data = admin.upload("seven", 7, 0).dataset.assets[0].object_uid
        admin.approve(
            person.request(function("def f(data):\n    return data\n", "f", {"data": data}, pool=POOL))
        )
        job = ended(person, person.call("f", data=on(data)))
    assert job.state is JobState.FAILED
    assert "does not listen" in job.note


def alive(process: psutil.Process) -> bool:
    """Whether it runs; a zombie only waits to be collected by whoever inherited it."""
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


# --- a cluster that is there


@pytest.fixture
def place(folder: Path) -> Iterator[RemoteSite]:
    with RemoteSite(folder, isolation=LEVEL) as made:
        yield made


def test_a_cluster_behind_tls(place: RemoteSite, folder: Path) -> None:
    (folder / "dask").mkdir()
    cluster = Cluster(folder / "dask", tls=certificates(folder / "tls"))
    try:
        launch_grid(place.admin, cluster.engine())
        assert run(place, "def f(): return 6 * 7")[1] == 42
        # Somebody with other certificates of the same names is nobody to it.
        strangers = certificates(folder / "others")
        engine = Dask(
            address=cluster.address,
            tls_ca=str(strangers / "ca.pem"),
            tls_cert=str(strangers / "node.pem"),
            tls_key=str(strangers / "node.key"),
        )
        place.admin.say(LaunchPool(PoolSpec(name="strangers", engine=engine)), PoolReply)
        assert not wait_until(lambda: pool_of(place.admin, "strangers").size > 0, 3)
        # A worker that comes later is brought in.
        cluster.workers.append(cluster.add_worker())
        assert wait_until(lambda: pool_of(place.admin).size == 2, READY_S)
    finally:
        cluster.close()


def test_certificates_that_are_not_there_are_said(place: RemoteSite, folder: Path) -> None:
    engine = Dask(address="tls://127.0.0.1:1", tls_ca="/no/ca.pem", tls_cert="/no/cert", tls_key="/no/key")
    place.admin.say(LaunchPool(PoolSpec(name=GRID, engine=engine)), PoolReply)
    assert wait_until(lambda: pool_of(place.admin).size == 1, READY_S)
    with pytest.raises(Exception, match="certificates"):
        run(place, "def f(): return 1")


def test_what_a_lost_scheduler_had_is_lost_and_work_goes_on_when_it_is_back(
    place: RemoteSite, folder: Path
) -> None:
    (folder / "dask").mkdir()
    cluster = Cluster(folder / "dask")
    try:
        launch_grid(place.admin, cluster.engine())
        with ThreadPoolExecutor() as pool:
            running = pool.submit(run, place, "def f():\n    import time; time.sleep(300)")
            assert wait_until(lambda: any(one.held for one in place.orders.sessions()))
            waiting = pool.submit(run, place, "def f(): return 5")
            cluster.kill_scheduler()
            outcome, _ = running.result(60)
            assert outcome.status is Status.LOST
            assert pool_of(place.admin).size == 0, "its jobs wait"
            assert waiting.result(READY_S)[1] == 5, "what nobody had begun is begun when there is somebody"
        assert wait_until(lambda: pool_of(place.admin).size == 1, READY_S)
    finally:
        cluster.close()


def test_a_lost_worker_loses_what_it_had_at_once(place: RemoteSite, folder: Path) -> None:
    (folder / "dask").mkdir()
    cluster = Cluster(folder / "dask")
    try:
        launch_grid(place.admin, cluster.engine())
        with ThreadPoolExecutor() as pool:
            running = pool.submit(run, place, "def f():\n    import time; time.sleep(300)")
            assert wait_until(lambda: any(one.held for one in place.orders.sessions()))
            assert cluster.kill_worker()
            assert running.result(20)[0].status is Status.LOST
        assert run(place, "def f(): return 5")[1] == 5, "on the worker that its nanny has started"
    finally:
        cluster.close()


def test_a_run_that_is_not_wanted_any_more_never_begins(place: RemoteSite, folder: Path) -> None:
    (folder / "dask").mkdir()
    cluster = Cluster(folder / "dask")
    try:
        launch_grid(place.admin, cluster.engine())
        runner = place.site.equipped.runner_of(GRID)
        with ThreadPoolExecutor() as pool:
            first = pool.submit(run, place, "def f():\n    import time; time.sleep(300)")
            assert wait_until(lambda: any(one.held for one in place.orders.sessions()))
            execution = Execution(uid=uuid.uuid4().hex, source="def f(): return 1", entry="f")
            second = pool.submit(runner.run, execution, result=io.BytesIO())
            assert wait_until(lambda: runner.kill(execution.uid, "enough"))
            outcome = second.result(5)
            assert (outcome.status, outcome.reason, outcome.worker) == (Status.KILLED, "enough", "")
            cluster.kill_worker()
            first.result(30)
    finally:
        cluster.close()


def test_a_scheduler_that_comes_later(place: RemoteSite, folder: Path) -> None:
    address = f"tcp://127.0.0.1:{free_port()}"
    place.admin.say(LaunchPool(PoolSpec(name=GRID, engine=Dask(address=address))), PoolReply)
    assert pool_of(place.admin).size == 0
    (folder / "dask").mkdir()
    cluster = Cluster(folder / "dask", port=int(address.rpartition(":")[2]))
    try:
        assert run(place, "def f(): return 1")[1] == 1
    finally:
        cluster.close()
