"""What others see and can do who share a Dask cluster with a node, or sit between it and its scheduler.

Each thing is tried where it must work, too: what is listened to is heard when it is said, and a key that may take an
order takes it.
"""

from __future__ import annotations

import io
import os
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest

from support.grid import GRID, Cluster, certificates, launch_grid, pool_of
from support.people import ROOT, Person
from support.remote import RemoteSite, wait_until
from support.servers import ServerProcess
from support.sites import Cast, refused
from syft.cluster.engine import _ENVIRONMENT
from syft.cluster.runner import DaskRunner
from syft.cluster.said import AgentSpec, Ended, Found, Left, SetUp
from syft.code.environment import environment_digest, environment_lines
from syft.errors import NotFound, SyftException
from syft.jobs.pools import Equipment
from syft.model.message import Done
from syft.model.messages.pools import LaunchPool, PoolReply, RemovePool
from syft.model.messages.work import FetchInput, Joined, JoinPool, TakeWork, TellOrder, WorkReply
from syft.model.messages.workers import AdmitWorker, ListWorkers, RevokeWorker, WorkersReply
from syft.model.pool import Dask, Pool, PoolSpec, Remote
from syft.model.uid import UID
from syft.model.worker import Worker, WorkerState
from syft.node import worker_keys
from syft.node.worker_keys import Admissions
from syft.sandbox import landlock
from syft.sandbox.contract import Execution, InlineInput, Outcome, Status
from syft.wire import codec

distributed = pytest.importorskip("distributed")
LEVEL = "landlock"
SECRET = "q7vX-secret-of-the-source"
VALUE = "kz93-private-value"
RESULT = VALUE[::-1]


@pytest.fixture
def folder() -> Iterator[Path]:
    """Not pytest's own, since runs with users of their own must get through to it."""
    with tempfile.TemporaryDirectory(prefix="dask-", dir="/tmp") as made:
        Path(made).chmod(0o711)
        yield Path(made)


class Between:
    """Somebody between a scheduler and those who speak to it, who passes all on and keeps a copy."""

    def __init__(self, port: int) -> None:
        self.heard = bytearray()
        self._port = port
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listening.accept()
                far = socket.create_connection(("127.0.0.1", self._port))
                for one, other in ((near, far), (far, near)):
                    threading.Thread(target=self._copy, args=(one, other), daemon=True).start()

    def _copy(self, one: socket.socket, other: socket.socket) -> None:
        with suppress(OSError):
            while data := one.recv(1 << 16):
                self.heard += data
                other.sendall(data)
        for end in (one, other):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def close(self) -> None:
        self._listening.close()


def test_neither_source_nor_value_goes_through_the_scheduler(folder: Path) -> None:
    (folder / "dask").mkdir()
    cluster = Cluster(folder / "dask", workers=0)
    between = Between(cluster.port)
    # A worker tries again where nobody listens yet; one that was let in and then cut off gives up.
    assert wait_until(lambda: said_by(cluster.port, None) != b"")
    cluster.address = f"tcp://127.0.0.1:{between.port}"
    cluster.workers.append(cluster.add_worker())
    try:
        with RemoteSite(folder, isolation=LEVEL) as place:
            launch_grid(place.admin, cluster.engine())
            execution = Execution(
                uid=uuid.uuid4().hex,
                source=f"def f(x):\n    word = '{SECRET}'\n    return x[::-1]\n",
                entry="f",
                inputs={"x": InlineInput(codec.encode(VALUE).to_bytes())},
            )
            result = io.BytesIO()
            outcome = place.site.equipped.runner_of(GRID).run(execution, result=result)
            assert (outcome.status, codec.decode(result.getvalue())) == (Status.FINISHED, RESULT)
            # The order's random name was heard: this is where its task went by.
            assert wait_until(lambda: b"syft-order-" in between.heard)
            seen = seen_by_another(cluster.address)
        for secret in (SECRET, VALUE, RESULT, execution.uid):
            assert secret.encode() not in between.heard
            assert secret not in seen
        assert "syft-order-" in seen
        # A task that carries what it works on is heard.
        with distributed.Client(cluster.address, set_as_default=False) as client:
            assert client.submit(str.upper, VALUE).result(30) == VALUE.upper()
        assert VALUE.encode() in between.heard
    finally:
        between.close()
        cluster.close()


def seen_by_another(address: str) -> str:
    """All that another client of the same cluster can read of its scheduler's and its workers' past."""

    def remembered(dask_scheduler: Any) -> str:
        topics = {name: list(topic.events) for name, topic in dask_scheduler._broker._topics.items()}
        tasks = {key: (repr(task), repr(task.run_spec)) for key, task in dask_scheduler.tasks.items()}
        return repr((topics, tasks, list(dask_scheduler.transition_log)))

    with distributed.Client(address, set_as_default=False) as client:
        logs = repr((client.get_scheduler_logs(), client.get_worker_logs(), client.story()))
        return logs + str(client.run_on_scheduler(remembered))


def test_a_cluster_of_the_nodes_own_lets_nobody_else_in(folder: Path) -> None:
    environ = {"SYFT_ISOLATION": LEVEL, "SYFT_ROOT_PASSWORD": "planted-in-the-environment"}
    with ServerProcess(folder / "home", **environ) as server:
        admin = Person(server.route()).log_in(ROOT[0], "planted-in-the-environment")
        launch_grid(admin, Dask(), workers=1)
        family = psutil.Process(server.process.pid).children(recursive=True)
        (engine,) = [one for one in family if "syft.cluster.process" in one.cmdline()]
        dask = [engine, *(one for one in family if "--multiprocessing-fork" in one.cmdline())]
        for process in dask:
            assert "planted" not in str(process.environ())
            for found in process.net_connections("tcp"):
                if found.status == psutil.CONN_LISTEN:
                    assert found.laddr.ip == "127.0.0.1"
        assert "planted" in str(psutil.Process(server.process.pid).environ())
        ports = [found.laddr.port for found in engine.net_connections("tcp") if found.status == "LISTEN"]
        assert ports
        strange = certificates(folder / "strange")
        with_one = ssl.create_default_context()
        with_one.check_hostname, with_one.verify_mode = False, ssl.CERT_NONE
        with_one.load_cert_chain(strange / "node.pem", strange / "node.key")
        without = ssl.create_default_context()
        without.check_hostname, without.verify_mode = False, ssl.CERT_NONE
        for port in ports:
            assert said_by(port, None) == b"" or b"HTTP" in said_by(port, None), "in the open"
            for context in (with_one, without):
                assert said_by(port, context) == b"", "as somebody else"
        # The very same program, on a cluster without certificates, is spoken to by anybody.
        (folder / "open").mkdir()
        cluster = Cluster(folder / "open", workers=0)
        try:
            assert wait_until(lambda: said_by(cluster.port, None) != b"")
        finally:
            cluster.close()


def said_by(port: int, context: ssl.SSLContext | None) -> bytes:
    """What a listener says first to whoever comes, or to whoever asks in HTTP."""
    try:
        with socket.create_connection(("127.0.0.1", port), 5) as plain:
            spoken = context.wrap_socket(plain) if context else plain
            with spoken:
                spoken.settimeout(2)
                return spoken.recv(1000)
    except OSError:
        return b""


# --- keys of a cluster's workers


@pytest.fixture
def pool(site: Cast) -> Iterator[Pool]:
    name = f"grid-{uuid.uuid4().hex}"
    # Its runner is put in place by `equipped`: the process that speaks to a cluster is played by the test.
    site.admin.say(LaunchPool(PoolSpec(name=name, engine=Remote())), PoolReply)
    with site.store.reading() as reader:
        (made,) = reader.select(Pool, name=name)
    yield made
    site.admin.say(RemovePool(name), Done)


def a_runner(site: Cast, pool: Pool, tmp_path: Path) -> DaskRunner:
    """Of a pool whose process was never started: a test says what the process would."""
    agent = AgentSpec(place="p", pool=pool.name, url="", node_key="", level=LEVEL, minimum=LEVEL)
    return DaskRunner(
        site.site.orders,
        pool,
        admissions=Admissions(site.store, site.site.worker_keys, pool, site.site.clock),
        set_up=SetUp(agent=agent),
        directory=tmp_path / "cluster",
        on_slots=lambda _: None,
    )


@pytest.fixture
def runner(site: Cast, pool: Pool, tmp_path: Path) -> Iterator[DaskRunner]:
    made = a_runner(site, pool, tmp_path)
    yield made
    made.close()


class Agent:
    """What an agent in a worker says, without a worker."""

    def __init__(self, site: Cast, pool: Pool) -> None:
        self.person = site.newcomer()
        self.key = self.person.identity.verify_key.hex()
        self.pool = pool
        self.session = UID()

    def join(self, pool: str = "") -> Joined:
        message = JoinPool(pool or self.pool.name, "a", 2, LEVEL, environment_digest(), environment_lines())
        reply = self.person.say(message, Joined)
        if reply.session is not None:
            self.session = reply.session
        return reply

    def take(self, order: UID | None) -> Any:
        return self.person.say(TakeWork(self.session, 0.0, order), WorkReply).order


@pytest.fixture
def equipped(site: Cast, pool: Pool, runner: DaskRunner) -> None:
    site.site.equipped.put(pool.name, Equipment(runner, environment_digest))


class Running:
    """A run that is offered, in a thread; and the name that Dask would be told."""

    def __init__(self, runner: DaskRunner, monkeypatch: pytest.MonkeyPatch) -> None:
        offered: list[UID] = []
        submit = runner._on_offered
        assert submit is not None
        monkeypatch.setattr(runner, "_on_offered", lambda order: (submit(order), offered.append(order)))
        self.outcome: Outcome | None = None
        work = Execution(
            uid=uuid.uuid4().hex,
            source="def f(x): return x",
            entry="f",
            inputs={"x": InlineInput(codec.encode(VALUE * 10_000).to_bytes())},
        )

        def run() -> None:
            self.outcome = runner.run(work, result=io.BytesIO())

        self._thread = threading.Thread(target=run, daemon=True)
        self._thread.start()
        assert wait_until(lambda: bool(offered))
        self.order = offered[0]

    def wait(self) -> Outcome:
        self._thread.join(10)
        assert self.outcome is not None
        return self.outcome


def test_only_the_worker_that_took_an_order_may_speak_of_it(
    site: Cast, pool: Pool, runner: DaskRunner, equipped: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = Running(runner, monkeypatch)
    mine, other = Agent(site, pool), Agent(site, pool)
    for address, agent in (("tcp://a:1", mine), ("tcp://b:1", other)):
        runner._on_said(Found(address, agent.key, "a"))
        assert agent.join().state is WorkerState.ADMITTED
    # Nobody gets such an order who was not sent for it by its name.
    assert other.take(None) is None
    view = mine.take(running.order)
    assert view is not None
    with pytest.raises(NotFound):
        other.take(running.order)
    with pytest.raises(NotFound):
        mine.take(running.order)
    (given,) = view.inputs.values()
    assert given.inline is None
    tell = TellOrder(view.uid, view.token, 1, 2)
    fetch = FetchInput(view.uid, view.token, given.digest)
    assert refused(mine.person, fetch)[0] == "ok"
    for message in (tell, fetch):
        assert refused(other.person, message)[0] == "not_found", "by another's token"
    wrong = msgspec.structs.replace(tell, token=bytes(16))
    assert refused(mine.person, wrong)[0] == "not_found"
    # That worker leaves the cluster: its key is worth nothing, and what it had is lost now.
    runner._on_said(Left("tcp://a:1"))
    assert running.wait().status is Status.LOST
    for message in (tell, TakeWork(mine.session, 0.0, running.order)):
        assert refused(mine.person, message)[0] == "authorization"
    assert mine.join().state is WorkerState.WAITING
    assert other.join().state is WorkerState.ADMITTED


def test_a_key_that_a_cluster_brings_is_worth_something_in_its_own_pool_only(
    site: Cast, pool: Pool, runner: DaskRunner, equipped: None
) -> None:
    agent = Agent(site, pool)
    assert agent.join().state is WorkerState.WAITING, "a stranger before it was brought"
    runner._on_said(Found("tcp://a:1", agent.key, "a"))
    assert (
        refused(agent.person, JoinPool("default-pool", "a", 1, LEVEL, environment_digest()))[0]
        == "invalid_state"
    )
    assert agent.join().state is WorkerState.ADMITTED
    assert site.count(Worker) == 0, "it goes with this process"
    (event,) = [one for one in site.events("worker.admitted") if one.event.detail["key"] == agent.key]
    assert event.event.detail["by"] == "engine"


@pytest.mark.parametrize(
    ("key", "name"), [("zz", "a"), ("0" * 63, "a"), ("", "a"), ("0" * 64, "../a"), ("0" * 64, "a" * 101)]
)
def test_what_a_cluster_says_of_its_workers_is_looked_at(
    site: Cast, pool: Pool, runner: DaskRunner, equipped: None, key: str, name: str
) -> None:
    before = len(site.site.worker_keys.every())
    runner._on_said(Found("tcp://a:1", key, name))
    assert len(site.site.worker_keys.every()) == before


def test_a_cluster_that_was_taken_over_fills_neither_disk_nor_memory(
    site: Cast, pool: Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each worker that it brings is an event that is kept for ever, and an address that is remembered."""
    monkeypatch.setattr(worker_keys, "_BROUGHT_AT_ONCE", 20, raising=False)
    made = a_runner(site, pool, tmp_path)
    before = site.count_events()
    made._on_said(Found("tcp://" + "x" * 1_000_000, "0" * 64, "a"))
    assert not made._workers
    for number in range(100):
        made._on_said(Found("tcp://a:1", f"{number:064x}", "a"))
    assert 20 <= site.count_events() - before < 40
    made.close()


def test_who_comes_when_a_pool_is_closed_is_not_admitted_to_its_namesake(
    site: Cast, pool: Pool, tmp_path: Path
) -> None:
    made = a_runner(site, pool, tmp_path)
    first, late = Agent(site, pool), Agent(site, pool)
    made._on_said(Found("tcp://a:1", first.key, "a"))
    assert site.site.worker_keys.admitted(bytes.fromhex(first.key)), "outside: while it is open"
    made.close()
    made._on_said(Found("tcp://b:1", late.key, "b"))
    for agent in (first, late):
        assert site.site.worker_keys.admitted(bytes.fromhex(agent.key)) is None


def test_a_clusters_worker_is_neither_revoked_nor_kept(
    site: Cast, pool: Pool, runner: DaskRunner, equipped: None
) -> None:
    """Revoked, it would be there again with another key; admitted by hand, it would outlive its cluster."""
    agent = Agent(site, pool)
    runner._on_said(Found("tcp://a:1", agent.key, "a"))
    views = site.admin.say(ListWorkers(), WorkersReply).workers
    (view,) = [one for one in views if one.verify_key == agent.key]
    code, text = refused(site.admin, RevokeWorker(view.uid))
    assert (code, "out of the cluster" in text) == ("invalid_state", True)
    assert refused(site.admin, AdmitWorker(view.uid, view.verify_key))[0] == "not_found"
    assert site.count(Worker, verify_key=agent.key) == 0


def test_a_cluster_cannot_end_what_is_not_its_own(
    site: Cast, pool: Pool, runner: DaskRunner, equipped: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = Running(runner, monkeypatch)
    for order in ("", "zz", UID().hex, "0" * 10_000):
        runner._on_said(Ended(order, "x" * 10_000))
    assert running.outcome is None
    for _ in range(20):
        runner._on_said(Ended(running.order.hex, "x" * 10_000))
    outcome = running.wait()
    assert outcome.status is Status.LOST
    assert len(outcome.reason) < 1000


def test_an_agent_believes_one_node_only(folder: Path) -> None:
    from syft.cluster.work import Station

    with RemoteSite(folder, isolation=LEVEL) as place:
        key = place.node.info.verify_key
        spec = AgentSpec(place="p", pool="x", url=place.url, node_key=key, level=LEVEL, minimum=LEVEL)
        station = Station(spec, folder, 1)
        station.end()
        with pytest.raises(SyftException, match="another node"):
            Station(msgspec.structs.replace(spec, node_key="0" * 64), folder, 1)
        assert pool_of(place.admin, "default-pool").running == 0


READING = """
import os, socket, sys
from syft.cluster import process
from syft.cluster.fence import shut_in
assert len(os.listdir('/proc/self/task')) == 1, 'a thread would stay outside'
secret, port, shut = sys.argv[1], int(sys.argv[2]), sys.argv[3] == 'shut'
if shut:
    assert shut_in()
def tried(act):
    try:
        act()
        return 'yes'
    except OSError as error:
        return type(error).__name__
print(tried(lambda: open(secret).read()), tried(lambda: open(secret, 'a')), tried(lambda: os.listdir('/proc/1')),
      tried(lambda: os.kill(os.getppid(), 0)), tried(lambda: socket.create_connection(('127.0.0.1', port), 5)))
"""


def test_the_process_that_unpickles_reads_nothing_of_the_nodes(tmp_path: Path) -> None:
    if not landlock.version():
        pytest.skip("this kernel has no Landlock")
    secret = tmp_path / "node.key"
    secret.write_text("key")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = str(listening.getsockname()[1])
        done = {
            how: subprocess.run(
                [sys.executable, "-c", READING, str(secret), port, how],
                env={**os.environ, **_ENVIRONMENT},
                capture_output=True,
                text=True,
                check=True,
            ).stdout.split()
            for how in ("open", "shut")
        }
    assert done["open"] == ["yes"] * 5
    assert done["shut"][:3] == ["PermissionError"] * 3
    assert done["shut"][4] == "yes", "it has to reach the scheduler"
    if landlock.version() >= 6:
        assert done["shut"][3] == "PermissionError"
