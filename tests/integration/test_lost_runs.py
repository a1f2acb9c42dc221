"""What was launched ends with what launched it: when that ends first, and when the sandbox breaks under both."""

from __future__ import annotations

import io
import os
import signal
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest
from msgspec.structs import replace

from support.people import Person, function, on
from support.sites import Cast, again, cast_on, opened, tampering, upload
from syft.jobs.queue import claim, recover
from syft.model.code import Parameter
from syft.model.job import Job, JobState
from syft.model.messages import jobs
from syft.model.request import Request
from syft.model.uid import UID
from syft.sandbox import canary
from syft.sandbox.runner import EmbeddedRunner, Execution, InlineInput, Outcome, Status
from syft.server import open_node
from syft.wire.codec import encode

PART = "def part(seconds):\n    import time\n    time.sleep(seconds)\n    return 5\n"

# What becomes of a launched run whose sandbox breaks; if its parent is told first, that ends it.
LOST = {(JobState.FAILED, "internal"), (JobState.CANCELLED, "")}


def wait_until(condition: Callable[[], bool], timeout_s: float = 60.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def launching(site: Cast, body: str) -> str:
    """A function that may launch `part` and was approved; its name."""
    site.scientist.submit(function(PART, "part", parameters=(Parameter(name="seconds"),)))
    source = f"def parent(datasite):\n    {body}\n"
    code = function(source, "parent", limit=9, uses_datasite=True, nested=("part",))
    site.admin.approve(site.scientist.request(code))
    return "parent"


def launched(site: Cast) -> list[Job]:
    with site.store.reading() as reader:
        return [one for one in reader.select(Job) if one.parent_uid is not None]


def job_of(person: Person, uid: Any, wait_s: float = 25) -> jobs.JobView:
    return person.say(jobs.GetJob(uid, wait_s=wait_s), jobs.JobReply).job


def failed_runs(site: Cast) -> int:
    with site.store.reading() as reader:
        return sum(one.failed_runs for one in reader.select(Request))


class Hesitating:
    """A runner that begins one function only after somebody has asked in vain for its end.

    Args:
        patch: undone at the end of the test.
        entry: the function's name.
    """

    def __init__(self, patch: pytest.MonkeyPatch, entry: str) -> None:
        self.reached = threading.Event()
        self._asked = threading.Event()
        run, kill = EmbeddedRunner.run, EmbeddedRunner.kill

        def late_run(runner: EmbeddedRunner, execution: Any, **fields: Any) -> Any:
            if execution.entry == entry:
                self.reached.set()
                assert self._asked.wait(30)
            return run(runner, execution, **fields)

        def told_kill(runner: EmbeddedRunner, uid: str, reason: str) -> bool:
            known = kill(runner, uid, reason)
            if self.reached.is_set() and not known:
                self._asked.set()
            return known

        patch.setattr(EmbeddedRunner, "run", late_run)
        patch.setattr(EmbeddedRunner, "kill", told_kill)


def test_what_is_just_being_launched_ends_with_its_parent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(tmp_path, isolation="process") as node:
        site = cast_on(node, tmp_path)
        name = launching(site, "import time; datasite.launch_job(part, seconds=500); time.sleep(1); return 1")
        hesitating = Hesitating(monkeypatch, "part")
        job = site.scientist.call(name)
        assert job.state is JobState.RELEASED
        assert hesitating.reached.is_set()
        wait_until(lambda: [one.state for one in launched(site)] == [JobState.CANCELLED])
        assert "has ended" in launched(site)[0].note
        # Its parent ended it: that is no failure of the code's.
        assert failed_runs(site) == 0


def test_what_is_just_being_begun_can_be_cancelled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened(tmp_path, isolation="process") as node:
        site = cast_on(node, tmp_path)
        data = upload(site.owner)
        source = "def slow(data):\n    import time\n    time.sleep(500)\n"
        site.owner.approve(site.scientist.request(function(source, "slow", {"data": data})))
        hesitating = Hesitating(monkeypatch, "slow")
        job = site.scientist.call("slow", wait_s=0, data=on(data))
        assert hesitating.reached.wait(30)
        site.scientist.say(jobs.KillJob(job.uid), jobs.JobReply)
        assert job_of(site.scientist, job.uid).state is JobState.CANCELLED


def test_a_dead_zygote_ends_what_was_launched_and_its_parent_begins_again(tmp_path: Path) -> None:
    before = zygotes()
    with opened(tmp_path, isolation="process") as node:
        site = cast_on(node, tmp_path)
        name = launching(site, "return datasite.launch_job(part, seconds=2).result")
        job = site.scientist.call(name, wait_s=0)
        wait_until(lambda: bool(launched(site)))
        (zygote,) = zygotes() - before
        wait_until(lambda: len(psutil.Process(zygote).children()) == 2)
        os.kill(zygote, signal.SIGKILL)
        ended = job_of(site.scientist, job.uid)
        assert (ended.state, ended.note) == (JobState.RELEASED, "")
        assert site.scientist.read(ended.result_uid) == 5
        first, second = sorted(launched(site), key=lambda one: one.created_at)
        # Which of the two is told first that the zygote has gone, is chance.
        assert (first.state, first.error_code) in LOST
        assert second.state is JobState.FINISHED
        # The node's own trouble is not counted against what was approved.
        assert failed_runs(site) == 0
        assert len(site.events("result.released")) == 1


def zygotes() -> set[int]:
    children = psutil.Process().children()
    return {child.pid for child in children if "syft.sandbox.zygote" in child.cmdline()}


def test_a_hole_in_the_fence_ends_what_was_launched_and_its_parent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    holes = threading.Event()

    def check(*_: object) -> None:
        if holes.is_set():
            raise canary.Breach("it let through: all")

    monkeypatch.setattr(canary, "check", check)
    often = partial(EmbeddedRunner, canary_every_s=0.3)
    monkeypatch.setattr(open_node, "EmbeddedRunner", often)
    with opened(tmp_path, isolation="landlock") as node:
        site = cast_on(node, tmp_path)
        name = launching(site, "return datasite.launch_job(part, seconds=500).result")
        job = site.scientist.call(name, wait_s=0)
        wait_until(lambda: bool(launched(site)))
        holes.set()
        ended = job_of(site.scientist, job.uid)
        assert (ended.state, ended.error_code) == (JobState.FAILED, "invalid_state"), ended.note
        assert "it let through: all" in ended.note
        wait_until(lambda: all(one.state is not JobState.RUNNING for one in launched(site)))
        assert {(one.state, one.error_code) for one in launched(site)} <= LOST
        assert failed_runs(site) == 0


def test_a_start_takes_up_what_was_running(tmp_path: Path) -> None:
    with opened(tmp_path, start=False) as node:
        site = cast_on(node, tmp_path)
        site.admin.approve(site.scientist.request(function("def one():\n    return 1\n", "one", limit=9)))
        waiting = [site.scientist.call("one", wait_s=0).uid for _ in range(2)]
        for attempt in (1, 2, 3):
            job = claim(site.store, waiting[0], is_here=True)
            assert job is not None
            assert (job.uid, job.attempt) == (waiting[0], attempt)
            part = replace(job, uid=UID(), parent_uid=job.uid, attempt=1)
            with tampering(site.store) as tx:
                tx.add(part)
            assert set(recover(site.store)) == {job.uid, part.uid}
            assert recover(site.store) == []
        with site.store.reading() as reader:
            first, second = (reader.get(Job, uid) for uid in waiting)
        assert (first.state, first.error_code) == (JobState.FAILED, "internal")
        assert "3 times" in first.note
        assert second.state is JobState.QUEUED
        assert [job.state for job in launched(site)] == [JobState.FAILED] * 3
        assert len(site.events("job.recovered")) == 6
    with opened(tmp_path, isolation="process") as node:
        scientist = again(node, site.scientist)
        assert job_of(scientist, waiting[1]).state is JobState.RELEASED
        assert job_of(scientist, waiting[0]).state is JobState.FAILED


def test_a_value_that_cannot_be_read_hurts_nobody_else() -> None:
    """A job that is lost begins again at once: its first end must not be taken for its second, nor end the parent."""
    runner = EmbeddedRunner()
    runner.wait()

    def run(uid: str, source: str, **inputs: bytes) -> Outcome:
        given = {name: InlineInput(data) for name, data in inputs.items()}
        return runner.run(Execution(uid=uid, source=source, entry="f", inputs=given), result=io.BytesIO())

    bystander: list[Outcome] = []
    patient = "def f():\n    import time\n    time.sleep(4)\n    return 1\n"
    thread = threading.Thread(target=lambda: bystander.append(run("a" * 32, patient)))
    thread.start()
    try:
        time.sleep(1)
        once = "def f(x=0):\n    return x\n"
        assert run("b" * 32, once, x=encode(1).to_bytes()).status is Status.FINISHED
        for _ in range(5):
            lost = run("c" * 32, once, x=b"no value at all")
            assert (lost.status, "could not be set up: " in lost.reason) == (Status.LOST, True)
            assert run("c" * 32, once).status is Status.FINISHED
    finally:
        thread.join()
        runner.close()
    assert [one.status for one in bystander] == [Status.FINISHED]
