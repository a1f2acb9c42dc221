"""A server process: it keeps what it acknowledged, through restarts and through kill -9."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path

import pandas as pd
import psutil
import pytest

from support.people import ROOT, Person, function, on
from support.servers import ServerProcess
from syft.errors import NodeUnreachable, NotFound
from syft.model.job import JobState
from syft.model.messages import datasets, events, jobs, users
from syft.model.messages.settings import SettingsReply, UpdateSettings
from syft.store.chain import check_chain

FRAME = pd.DataFrame({"A": [1, 2, 3], "B": [10, 20, 30]})
MOCK = pd.DataFrame({"A": [1, 2, 1], "B": [20, 10, 20]})


def gone(processes: list[psutil.Process]) -> bool:
    """Whether all of them end soon. What its parent has not yet asked after has ended all the same."""
    _, alive = psutil.wait_procs(processes, timeout=5)
    return all(one.status() == psutil.STATUS_ZOMBIE for one in alive if one.is_running())


def test_what_was_there_is_there_after_a_restart(tmp_path: Path) -> None:
    with ServerProcess(tmp_path) as server:
        admin = Person(server.route()).log_in(*ROOT)
        node = admin.node
        admin.upload("kept", FRAME, MOCK)
    with ServerProcess(tmp_path) as server:
        again = Person(server.route()).log_in(*ROOT)
        assert again.node.uid == node.uid
        assert again.node.verify_key == node.verify_key
        dataset = again.say(datasets.GetDataset(name="kept"), datasets.DatasetReply).dataset
        pd.testing.assert_frame_equal(again.read(dataset.assets[0].object_uid), FRAME)
    with ServerProcess(tmp_path, "site", "--reset") as server:
        anew = Person(server.route()).log_in(*ROOT)
        assert anew.node.uid != node.uid
        with pytest.raises(NotFound):
            anew.say(datasets.GetDataset(name="kept"), datasets.DatasetReply)


def test_two_processes_cannot_have_one_node(tmp_path: Path) -> None:
    with ServerProcess(tmp_path) as server:
        second = ServerProcess(tmp_path)
        assert str(server.process.pid) in second.refused
        third = ServerProcess(tmp_path, "site", "--reset")
        assert third.refused
        Person(server.route()).log_in(*ROOT)


def test_a_port_that_is_taken_is_said(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        refused = ServerProcess(tmp_path, "site", "--port", str(port)).refused
    assert f"Cannot listen on 127.0.0.1:{port}" in refused


def test_the_default_password_keeps_it_on_this_machine(tmp_path: Path) -> None:
    with ServerProcess(tmp_path, "site", "--host", "0.0.0.0") as server:
        assert server.ready.host == "127.0.0.1"
        assert "default password" in server.ready.note
        admin = Person(server.route()).log_in(*ROOT)
        account = admin.say(users.GetAccount(), users.UserReply).user
        admin.say(users.UpdateUser(account.uid, sealed=admin.sealed("a better one")), users.UserReply)
    with ServerProcess(tmp_path, "site", "--host", "0.0.0.0") as server:
        assert server.ready.host == "0.0.0.0"
        assert server.ready.note == ""


def test_it_goes_when_whoever_started_it_goes(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path)
    admin = Person(server.route()).log_in(*ROOT)
    family = psutil.Process(server.process.pid).children(recursive=True)
    server.close()
    assert server.process.returncode is not None
    assert gone(family)
    with pytest.raises(NodeUnreachable, match="Is the server running"):
        admin.say(users.GetAccount(), users.UserReply)


def test_a_job_survives_kill_9_and_releases_once(tmp_path: Path) -> None:
    slow = "def slow(data):\n    import time\n    time.sleep(1.5)\n    return int(data['A'].sum())\n"
    with ServerProcess(tmp_path) as server:
        admin = Person(server.route()).log_in(*ROOT)
        admin.say(UpdateSettings(signup_enabled=True), SettingsReply)
        uid = admin.upload("d", FRAME, MOCK).dataset.assets[0].object_uid
        scientist = Person(server.route()).register("s@example.org")
        admin.approve(scientist.request(function(slow, "slow", {"data": uid})))
        job = scientist.call("slow", wait_s=0, data=on(uid))
        deadline = time.monotonic() + 10
        while scientist.say(jobs.GetJob(job.uid), jobs.JobReply).job.state is not JobState.RUNNING:
            assert time.monotonic() < deadline
        family = psutil.Process(server.process.pid).children(recursive=True)
        server.kill()
        assert gone(family), "the sandbox outlived its server"
    with ServerProcess(tmp_path) as server:
        again = Person(server.route()).log_in("s@example.org", "123")
        ended = again.say(jobs.GetJob(job.uid, wait_s=20), jobs.JobReply).job
        assert ended.state is JobState.RELEASED, ended.note
        assert again.read(ended.result_uid) == 6
        admin = Person(server.route()).log_in(*ROOT)
        log = admin.say(events.ListEvents(), events.EventsReply).events
        assert [entry.event.verb for entry in log].count("result.released") == 1
        assert "job.recovered" in [entry.event.verb for entry in log]
        check_chain(log, bytes.fromhex(admin.node.verify_key))


def test_the_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    ServerProcess(tmp_path).close()
    os.chmod(tmp_path / "site" / "node.key", 0o644)
    assert "Others may read the key in" in ServerProcess(tmp_path).refused


def test_names_cannot_leave_the_home(tmp_path: Path) -> None:
    for name in ("../outside", "a/b", ".hidden", "nul\x00"[:3] + "/"):
        assert "cannot be a node's name" in ServerProcess(tmp_path, name).refused
