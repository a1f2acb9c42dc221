"""The node's side of a cluster, without one: what its process says, where the node is found, what is missing."""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from syft.cluster import engine as engine_module
from syft.cluster import runner as runner_module
from syft.cluster.door import Door
from syft.cluster.engine import Engine
from syft.cluster.runner import DaskRunner, dask_equipment, reachable
from syft.cluster.said import (
    AgentSpec,
    Connected,
    Ended,
    Failed,
    Found,
    FromCluster,
    Left,
    SetUp,
    Submit,
    heard_by_cluster,
    heard_by_node,
    to_line,
)
from syft.config import Settings
from syft.errors import InvalidState, MissingExtra
from syft.jobs.order_book import OrderBook
from syft.model.pool import Dask, Pool
from syft.model.uid import UID
from syft.model.worker import Worker
from syft.node.node import utc_now

AGENT = AgentSpec(place="p", pool="x", url="", node_key="", level="landlock", minimum="landlock")


def test_what_is_said_is_heard() -> None:
    assert heard_by_cluster(to_line(SetUp(agent=AGENT))) == SetUp(agent=AGENT)
    assert heard_by_cluster(to_line(Submit("ab"))) == Submit("ab")
    assert heard_by_node(to_line(Ended("ab", "why"))) == Ended("ab", "why")


@pytest.mark.parametrize(
    ("url", "scheduler", "found"),
    [
        ("http://127.0.0.1:80", "tcp://10.0.0.1:8786", "http://127.0.0.1:80"),
        ("https://site.org", "", "https://site.org"),
        ("http://0.0.0.0:80", "", "http://127.0.0.1:80"),
        ("http://[::]:80", "", "http://127.0.0.1:80"),
        ("http://0.0.0.0:80", "tcp://127.0.0.1:8786", "http://127.0.0.1:80"),
        ("http://[::]:80", "tls://[::1]:8786", "http://[::1]:80"),
    ],
)
def test_a_node_that_listens_everywhere_is_found_where_its_cluster_is(
    url: str, scheduler: str, found: str
) -> None:
    assert reachable(url, scheduler) == found


def test_a_door_is_told_of_once() -> None:
    door = Door()
    told: list[str] = []
    door.when_open(told.append)
    assert told == []
    door.open_at("http://a")
    door.when_open(told.append)
    door.open_at("http://b")
    assert told == ["http://a", "http://a"]


@pytest.mark.parametrize("program", ["print('{}')", "print('x' * (2 << 20))", "print('[1]')", "pass"])
def test_a_process_that_is_not_understood_is_ended_and_started_again(
    program: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    starts: list[Any] = []
    popen = engine_module.subprocess.Popen

    def other(command: list[str], **options: Any) -> Any:
        # The third time it is one that says what it should.
        starts.append(command)
        good = to_line(Connected("there")).decode()
        text = (
            program if len(starts) < 3 else f"print({good!r}, end='', flush=True); input(); input(); input()"
        )
        return popen([sys.executable, "-c", text], **options)

    monkeypatch.setattr(engine_module.subprocess, "Popen", other)
    monkeypatch.setattr(engine_module, "_AGAIN_S", 0.01)
    heard: list[FromCluster] = []
    is_there, deaths = threading.Event(), []

    def on_said(said: FromCluster) -> None:
        heard.append(said)
        is_there.set()

    engine = Engine(SetUp(agent=AGENT), tmp_path / "made", on_said, lambda: deaths.append(1))
    assert not engine.say(Submit("ab"))
    engine.start()
    assert is_there.wait(30)
    assert heard == [Connected("there")]
    assert len(deaths) == 2
    assert (tmp_path / "made").stat().st_mode & 0o777 == 0o700
    assert engine.say(Submit("ab"))
    engine.close()
    engine.close()
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("missing", ["distributed", "cryptography"])
def test_what_is_not_installed_is_named(
    missing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner_module, "find_spec", lambda name: None if name == missing else object())
    pool = Pool(name="grid", engine=Dask(), uid=UID(), created_at=utc_now())
    with pytest.raises(MissingExtra, match=missing):
        dask_equipment(
            pool,
            Dask(),
            lambda _: None,
            orders=OrderBook(),
            admissions=None,  # type: ignore[arg-type]
            door=Door(),
            node_key="0" * 64,
            settings=Settings(home=tmp_path),
            environment=lambda: "",
            directory=tmp_path / "made",
        )


def test_nothing_of_dask_is_loaded_with_the_server() -> None:
    program = (
        "import sys, syft, syft.cli, syft.server.open_node\n"
        "assert not {'distributed', 'dask', 'tornado'} & set(sys.modules)"
    )
    import subprocess

    subprocess.run([sys.executable, "-c", program], check=True)


class _Admits:
    """Admits whoever a cluster brings."""

    def admit(self, key: str, name: str) -> Worker:
        now = utc_now()
        return Worker(uid=UID(), verify_key=key, pool="grid", name=name, admitted_by=UID(), admitted_at=now)

    def end(self, worker: Worker) -> None:
        pass


def test_what_cannot_run_anything_has_jobs_begin_and_say_why_whoever_leaves_it(tmp_path: Path) -> None:
    """Jobs of a pool without slots wait; of one that has failed, for ever."""
    orders, told = OrderBook(), [-1]
    pool = Pool(uid=UID(), name="grid", engine=Dask(), created_at=utc_now())
    agent = AgentSpec(
        place="", pool="grid", url="", node_key="", level="auto", minimum="process", protected=()
    )
    runner = DaskRunner(
        orders,
        pool,
        admissions=_Admits(),
        set_up=SetUp(agent=agent),
        directory=tmp_path,
        on_slots=told.append,
    )
    runner._on_said(Found("tcp://there", "00" * 32, "w"))
    orders.join(runner._workers["tcp://there"], 3, "process")
    assert told[-1] == 3
    runner._on_said(Failed("no certificate"))
    assert told[-1] == 1
    with pytest.raises(InvalidState, match="no certificate"):
        runner.wait()
    runner._on_said(Left("tcp://there"))
    assert told[-1] == 1
    runner.close()
    orders.close()
