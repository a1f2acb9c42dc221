"""Workers on other machines: they ask to join, are admitted, take work, and are trusted with nothing else."""

from __future__ import annotations

import io
import signal
import tempfile
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import msgspec
import psutil
import pytest
from blake3 import blake3

from support.people import function, on
from support.remote import POOL, RemoteSite, WorkerProcess, wait_until
from support.sites import refused
from syft.client.pools import WorkerPools
from syft.client.session import Session
from syft.client.workers import WorkerList
from syft.errors import InvalidInput, NotFound
from syft.jobs.remote import RemoteRunner
from syft.model.code import CustomPolicy, OutputPolicy, Parameter
from syft.model.identity import Identity
from syft.model.job import Job, JobState
from syft.model.messages.jobs import GetJob, GetJobLog, JobLogReply, JobReply
from syft.model.messages.workers import RevokeWorker, WorkerReply
from syft.model.uid import UID
from syft.model.worker import Worker, WorkerState
from syft.node.node import utc_now
from syft.remote.agent import Agent
from syft.remote.cache import Cache
from syft.remote.connection import Connection
from syft.sandbox.contract import Execution, FileInput, InlineInput, Outcome, Status
from syft.sandbox.runner import EmbeddedRunner
from syft.wire import codec

LEVEL = "landlock"


@pytest.fixture
def folder() -> Iterator[Path]:
    """Not pytest's own, since runs with users of their own must get through to it."""
    with tempfile.TemporaryDirectory(prefix="remote-", dir="/tmp") as made:
        Path(made).chmod(0o711)
        yield Path(made)


@pytest.fixture
def place(folder: Path) -> Iterator[RemoteSite]:
    with RemoteSite(folder) as made:
        yield made


def run(place: RemoteSite, source: str, **inputs: object) -> tuple[Outcome, object]:
    encoded = {
        name: value if isinstance(value, FileInput) else InlineInput(codec.encode(value).to_bytes())
        for name, value in inputs.items()
    }
    execution = Execution(uid=uuid.uuid4().hex, source=source, entry="f", inputs=encoded)
    result = io.BytesIO()
    outcome = place.runner.run(execution, result=result)
    return outcome, codec.decode(result.getvalue()) if outcome.status is Status.FINISHED else None


# --- joining


def test_a_worker_waits_until_its_key_is_admitted_and_goes_on_by_itself(place: RemoteSite) -> None:
    worker = place.worker(admitted=False, SYFT_ISOLATION=LEVEL)
    assert wait_until(lambda: ".admit()" in worker.said)
    (view,) = place.views()
    assert (view.state, view.online, view.difference) == (WorkerState.WAITING, False, "")
    assert view.verify_key in worker.said, "an administrator compares the two"
    assert (worker.home / "worker.key").stat().st_mode & 0o777 == 0o600
    admitted = place.admit("w1")
    assert wait_until(lambda: place.is_online("w1"))
    assert place.view("w1").uid == admitted.uid  # type: ignore[union-attr]
    assert run(place, "def f(x): return x + 1", x=41)[1] == 42


def test_an_administrator_decides_in_the_client(place: RemoteSite) -> None:
    session = Session(place.admin.route, place.admin.identity, place.admin.node)
    pool = WorkerPools(session)[POOL]
    worker = place.worker(admitted=False, SYFT_ISOLATION=LEVEL)
    assert wait_until(lambda: len(pool.workers) == 1)
    found = WorkerList(session)["w1"]
    assert (found.state, found.online) == ("waiting", False)
    assert wait_until(lambda: found.verify_key in worker.said)
    assert found.verify_key[:16] in str(WorkerList(session))
    found.admit()
    assert wait_until(lambda: found.refresh().online)
    assert (found.state, found.slots, found.isolation) == ("admitted", 2, LEVEL)
    assert found.verify_key in str(found)
    found.revoke()
    assert worker.process.wait(30) == 1
    assert found.refresh().state == "revoked"
    assert len(pool.token(uses=2, hours=1)) > 40
    with pytest.raises(InvalidInput, match="1 to"):
        pool.token(uses=0)


def test_a_worker_that_an_engine_has_brought_is_not_revoked(place: RemoteSite) -> None:
    brought = Worker(
        uid=UID(), verify_key="ab" * 32, pool=POOL, name="dask-1", admitted_by=UID(), admitted_at=utc_now()
    )
    place.site.worker_keys.lend(brought)
    code, text = refused(place.admin, RevokeWorker(brought.uid))
    assert code == "invalid_state"
    assert "brought by the cluster of its pool" in text
    place.site.worker_keys.end(brought)
    assert refused(place.admin, RevokeWorker(brought.uid))[0] == "not_found"


def test_an_admitted_worker_joins_again_after_a_restart_of_its_own(place: RemoteSite) -> None:
    worker = place.worker(SYFT_ISOLATION=LEVEL)
    assert worker.terminate() == 0
    assert wait_until(lambda: not place.is_online("w1"))
    place.worker(SYFT_ISOLATION=LEVEL, SYFT_WORKER_TOKEN="")
    assert run(place, "def f(x): return x + 1", x=41)[1] == 42


def test_a_token_admits_as_many_as_it_says(place: RemoteSite) -> None:
    token = place.token(uses=1)
    first = WorkerProcess(place.url, place.folder / "a", "a", SYFT_ISOLATION=LEVEL, SYFT_WORKER_TOKEN=token)
    place.workers.append(first)
    assert wait_until(lambda: place.is_online("a"), 60)
    second = WorkerProcess(place.url, place.folder / "b", "b", SYFT_ISOLATION=LEVEL, SYFT_WORKER_TOKEN=token)
    place.workers.append(second)
    assert second.process.wait(60) == 1
    assert wait_until(lambda: "admits nobody" in second.said)
    assert place.view("b") is None
    assert token not in first.said + second.said


def test_a_revoked_worker_loses_what_it_runs_at_once_and_ends(place: RemoteSite) -> None:
    worker = place.worker(SYFT_ISOLATION=LEVEL)
    view = place.view("w1")
    assert view is not None
    with ThreadPoolExecutor() as pool:
        future = pool.submit(run, place, "def f():\n    import time; time.sleep(60)")
        assert wait_until(lambda: place.orders.sessions()[0].held != {})
        place.admin.say(RevokeWorker(view.uid), WorkerReply)
        outcome, _ = future.result(5)
    assert outcome.status is Status.LOST
    assert worker.process.wait(30) == 1
    assert wait_until(lambda: "revoked" in worker.said), worker.said
    again = place.worker(admitted=False, SYFT_ISOLATION=LEVEL)
    assert again.process.wait(30) == 1
    assert not place.is_online("w1")


def test_a_worker_that_is_too_weak_is_told_so(folder: Path) -> None:
    with RemoteSite(folder, isolation_min="landlock") as place:
        worker = place.worker(SYFT_ISOLATION="process")
        assert worker.process.wait(30) == 1
        assert wait_until(lambda: "'landlock' or stronger" in worker.said)


def test_another_nodes_key_is_not_believed(place: RemoteSite) -> None:
    worker = place.worker(admitted=False, SYFT_ISOLATION=LEVEL)
    assert wait_until(lambda: "Waiting" in worker.said)
    assert worker.terminate() == 0
    (worker.home / "node.json").write_text('{"node_key": "%s"}' % ("ab" * 32))
    again = place.worker(admitted=False, SYFT_ISOLATION=LEVEL)
    assert again.process.wait(30) == 1
    assert wait_until(lambda: "Somebody may be in between" in again.said)


def test_two_workers_do_not_share_a_home(place: RemoteSite) -> None:
    place.worker(SYFT_ISOLATION=LEVEL)
    second = place.worker(admitted=False, SYFT_ISOLATION=LEVEL)
    assert second.process.wait(30) == 1
    assert wait_until(lambda: "is in use by process" in second.said)


# --- data


def test_an_input_is_fetched_once_by_its_content_and_never_believed_without_a_look(
    place: RemoteSite, tmp_path: Path
) -> None:
    worker = place.worker(SYFT_ISOLATION=LEVEL)
    path = tmp_path / "big"
    value = bytes(range(256)) * (40 << 10)
    path.write_bytes(codec.encode(value).to_bytes())
    source = "def f(x): return [len(x), x[1000]]"
    assert run(place, source, x=FileInput(path))[1] == [len(value), value[1000]]
    digest = blake3(path.read_bytes()).hexdigest()
    kept = worker.home / "values" / digest
    first = kept.stat()
    assert first.st_mode & 0o777 == 0o400
    assert kept.parent.stat().st_mode & 0o777 == 0o700
    assert run(place, source, x=FileInput(path))[1] == [len(value), value[1000]]
    assert kept.stat().st_ino == first.st_ino, "it was not fetched again"
    # Somebody with an account on the worker's machine changes it: same size, another value.
    kept.chmod(0o600)
    held = bytearray(kept.read_bytes())
    held[-200_000:-100_000] = bytes(100_000)
    kept.write_bytes(held)
    assert run(place, source, x=FileInput(path))[1] == [len(value), value[1000]]
    assert blake3(kept.read_bytes()).hexdigest() == digest


def test_a_part_of_a_file_is_fetched_alone(place: RemoteSite, tmp_path: Path) -> None:
    worker = place.worker(SYFT_ISOLATION=LEVEL)
    parts = [codec.encode(text * 100_000).to_bytes() for text in ("a", "b", "c")]
    path = tmp_path / "parts"
    path.write_bytes(b"".join(parts))
    part = FileInput(path, offset=len(parts[0]), size=len(parts[1]))
    assert run(place, "def f(x): return x[:3] + str(len(x))", x=part)[1] == "bbb100000"
    names = [one.name for one in (worker.home / "values").iterdir() if one.is_file()]
    assert names == [blake3(parts[1]).hexdigest()]


def test_a_run_reads_neither_the_workers_key_nor_its_cache(place: RemoteSite) -> None:
    worker = place.worker(SYFT_ISOLATION=LEVEL)
    source = (
        "def f(path):\n    try: return open(path).read()\n    except OSError as e: return type(e).__name__"
    )
    key = worker.home / "worker.key"
    assert len(key.read_text()) > 60
    assert run(place, source, path=str(key))[1] in ("PermissionError", "FileNotFoundError")


# --- as a pool


def test_a_private_job_runs_on_a_worker_and_what_it_launches_too(place: RemoteSite) -> None:
    place.worker("w1", "--slots", "1", SYFT_ISOLATION=LEVEL)
    scientist = place.scientist()
    data = place.admin.upload("d", [1, 2, 3], [0]).dataset.assets[0].object_uid
    part = function("def part(x): return x * 10", "part", parameters=(Parameter(name="x"),), pool=POOL)
    scientist.submit(part)
    # Wider and deeper than a worker with one slot: it waits for itself unless there is room for each depth.
    source = (
        "def whole(data, datasite):\n"
        "    jobs = [datasite.launch_job(part, x=n) for n in data]\n"
        "    print('launched')\n"
        "    return sum(job.result for job in jobs)\n"
    )
    whole = function(
        source, "whole", {"data": data}, nested=("part",), uses_datasite=True, pool=POOL, limit=3
    )
    place.admin.approve(scientist.request(whole))
    job = scientist.call("whole", data=on(data))
    assert job.state is JobState.RELEASED, (job.state, job.note)
    assert scientist.read(job.result_uid) == 60
    with place.site.store.reading() as reader:
        stored = reader.select(Job)
    assert [one.worker for one in stored] == ["w1"] * 4
    assert {one.isolation for one in stored} == {LEVEL}


def test_jobs_wait_in_the_queue_until_a_worker_is_there(place: RemoteSite) -> None:
    scientist = place.scientist()
    data = place.admin.upload("d", 7, 0).dataset.assets[0].object_uid
    place.admin.approve(scientist.request(function("def f(x): return x", "f", {"x": data}, pool=POOL)))
    job = scientist.call("f", wait_s=0, x=on(data))
    assert job.state is JobState.QUEUED
    place.worker(SYFT_ISOLATION=LEVEL)
    job = scientist.say(GetJob(job.uid, wait_s=20), JobReply).job
    assert job.state is JobState.RELEASED, job.note


# --- ends


def test_what_a_dead_worker_ran_is_lost_when_its_lease_ends_and_nothing_but_its_cache_is_left(
    place: RemoteSite,
) -> None:
    worker = place.worker(SYFT_ISOLATION=LEVEL)
    with ThreadPoolExecutor() as pool:
        future = pool.submit(run, place, "def f():\n    import time; time.sleep(60)")
        assert wait_until(lambda: place.orders.sessions()[0].held != {})
        family = psutil.Process(worker.process.pid).children(recursive=True)
        assert family
        worker.kill()
        outcome, _ = future.result(10)
    assert outcome.status is Status.LOST
    assert "nothing was heard" in outcome.reason or "not spoken" in outcome.reason
    assert wait_until(lambda: not any(one.is_running() and one.status() != "zombie" for one in family))
    assert {one.name for one in worker.home.iterdir()} == {"worker.key", "node.json", "values", "node.lock"}


def test_a_worker_that_is_stopped_hands_back_at_once(place: RemoteSite) -> None:
    worker = place.worker(SYFT_ISOLATION=LEVEL)
    with ThreadPoolExecutor() as pool:
        future = pool.submit(run, place, "def f():\n    import time; time.sleep(60)")
        assert wait_until(lambda: place.orders.sessions()[0].held != {})
        began = time.monotonic()
        assert worker.terminate() == 0
        outcome, _ = future.result(10)
    assert outcome.status is Status.LOST
    assert time.monotonic() - began < 10
    assert not place.is_online("w1")


def test_a_worker_that_cannot_reach_its_node_ends_what_it_runs(place: RemoteSite) -> None:
    worker = place.worker(SYFT_ISOLATION=LEVEL)
    process = psutil.Process(worker.process.pid)
    standing = len(process.children(recursive=True))
    with ThreadPoolExecutor() as pool:
        future = pool.submit(run, place, "def f():\n    import time; time.sleep(60)")
        assert wait_until(lambda: len(process.children(recursive=True)) > standing)
        place.close_http()
        outcome, _ = future.result(15)
        assert outcome.status is Status.LOST
    assert wait_until(lambda: len(process.children(recursive=True)) == standing, 15)


def test_a_worker_whose_process_stands_still_loses_its_orders_and_is_not_heard_later(
    place: RemoteSite,
) -> None:
    worker = place.worker(SYFT_ISOLATION=LEVEL)
    with ThreadPoolExecutor() as pool:
        future = pool.submit(run, place, "def f():\n    import time; time.sleep(1)\n    return 1")
        assert wait_until(lambda: place.orders.sessions()[0].held != {})
        worker.process.send_signal(signal.SIGSTOP)
        try:
            outcome, _ = future.result(10)
        finally:
            worker.process.send_signal(signal.SIGCONT)
    assert outcome.status is Status.LOST
    assert wait_until(lambda: place.is_online("w1"))
    assert run(place, "def f(x): return x + 1", x=41)[1] == 42


# --- for engines


def test_an_engine_sends_an_agent_for_one_order_by_name(place: RemoteSite) -> None:
    """An agent in a process of the engine's runs what it was sent for; others do not get it."""
    sandbox = EmbeddedRunner(level=LEVEL)
    route = place.route()
    line = Connection(route, Identity.generate(), route.describe())
    with ThreadPoolExecutor(4) as engine:
        sent: list[Future[None]] = []
        over: list[UID] = []
        agent = Agent(
            line,
            sandbox,
            Cache(place.folder / "cache", 1 << 30),
            pool=POOL,
            name="engine-1",
            slots=4,
            token=place.token(),
        )
        runner = RemoteRunner(
            place.orders,
            POOL,
            on_offered=lambda order: sent.append(engine.submit(agent.work_one, order)),
            on_over=over.append,
        )
        try:
            for number in range(6):
                result = io.BytesIO()
                inputs = {"x": InlineInput(codec.encode(number).to_bytes())}
                work = Execution(
                    uid=uuid.uuid4().hex, source="def f(x): return x * 2", entry="f", inputs=inputs
                )
                outcome = runner.run(work, result=result)
                assert (outcome.status, outcome.worker) == (Status.FINISHED, "engine-1"), outcome
                assert codec.decode(result.getvalue()) == number * 2
            assert [one.result(10) for one in sent] == [None] * 6
            assert len(over) == 6
            with pytest.raises(NotFound):
                agent.work_one(over[0])
            # The engine itself may know first that nobody will do it.
            lost = RemoteRunner(
                place.orders, POOL, on_offered=lambda order: place.orders.lose(order, "its engine is gone")
            )
            assert lost.run(work, result=io.BytesIO()).reason == "its engine is gone"
        finally:
            agent.close()
            sandbox.close()
            route.close()


def test_a_policy_of_its_authors_own_is_asked_at_the_node(place: RemoteSite) -> None:
    """The code runs at the worker; what it returned is not sent out again to ask what may leave of it."""
    place.worker(SYFT_ISOLATION=LEVEL)
    scientist = place.scientist()
    data = place.admin.upload("d", [1, 2, 3], [0]).dataset.assets[0].object_uid
    custom = CustomPolicy(
        name="Once",
        source=(
            "class Once:\n"
            "    def is_valid(self, context):\n"
            "        return not hasattr(self, 'seen')\n"
            "    def apply_to_output(self, context, outputs, update_policy=True):\n"
            "        print('asked')\n"
            "        self.seen = outputs\n"
            "        return sum(outputs)\n"
        ),
    )
    code = function("def f(data): return data", "f", {"data": data}, pool=POOL)
    code = msgspec.structs.replace(code, output_policy=OutputPolicy(limit=5, custom=custom))
    place.admin.approve(scientist.request(code))
    job = scientist.call("f", data=on(data))
    assert job.state is JobState.RELEASED, (job.state, job.note)
    assert scientist.read(job.result_uid) == 6
    log = place.admin.say(GetJobLog(job.uid), JobLogReply)
    assert "asked" in log.stdout
    with place.site.store.reading() as reader:
        assert [one.worker for one in reader.select(Job)] == ["w1"]
    again = scientist.call("f", data=on(data))
    assert again.result_uid == job.result_uid
