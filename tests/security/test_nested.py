"""What a job launches is its approval's: nothing else, not endlessly, and not with what is another's."""

from __future__ import annotations

import os
import time
from typing import Any

import psutil
import pytest

from support.people import function
from support.sites import Cast, fresh, refused
from syft.errors import DecodeError
from syft.model.code import Code, Parameter
from syft.model.job import Job, JobState
from syft.model.messages import jobs
from syft.model.messages.requests import ApproveRequest
from syft.sandbox import launches
from syft.sandbox import tree as tree_module
from syft.sandbox.channel import Collect
from syft.sandbox.incoming import Launched
from syft.sandbox.launches import Launches

# Speaks for itself, past `datasite`: all that a run's own side of the channel is worth once a stranger has the process.
RAW = """\
import gc
from syft.sandbox.channel import RunEnd
e = next(one for one in gc.get_objects() if type(one) is RunEnd)
if not datasite:
    datasite.launch_job(kept)
"""


def part_of(site: Cast, name: str, source: str = "return x") -> None:
    source = f"def {name}(x):\n    {source}\n"
    site.scientist.submit(function(source, name, parameters=(Parameter(name="x"),)))


def result_of(site: Cast, body: str, *nested: str, before: str = "") -> Any:
    code = fresh(before + body.strip("\n"), uses_datasite=True, nested=nested)
    site.owner.approve(site.scientist.request(code))
    job = site.scientist.call(code.name)
    assert job.state is JobState.RELEASED, job
    return site.scientist.read(job.result_uid)


def test_only_what_the_approval_names_is_launched(site: Cast) -> None:
    part_of(site, "kept")
    part_of(site, "hidden")
    body = """
from syft.sandbox.channel import Collect, Launch
said = []
for call, name in enumerate(["kept", "hidden"], 1):
    e.send(Launch(call, name, {}, []))
    e.send(Collect(call, True))
    said.append(e.reply(call)[0].refused or "")
return said
"""
    said = result_of(site, body, "kept", before=RAW)
    assert "TypeError" in said[0], "it was launched, and failed for want of a value"
    assert "not submitted with it" in said[1]
    assert not site.count(Job, code_name="hidden")


def test_what_was_changed_since_the_approval_is_not_launched(site: Cast) -> None:
    part_of(site, "changed")
    code = fresh("return datasite.launch_job(changed, x=1).result", uses_datasite=True, nested=("changed",))
    site.owner.approve(site.scientist.request(code))
    part_of(site, "changed", "return x + 1000")
    job = site.scientist.call(code.name)
    assert site.scientist.read(job.result_uid) == 1, "what was approved runs, not what came after it"
    assert site.count(Code, name="changed") == 2


@pytest.mark.parametrize(
    ("reference", "told"),
    [
        ("Named(2)", "a launch that was not made"),
        ("Named(1 << 40)", "a launch that was not made"),
        ('Named(0, "data")', "no input 'data'"),
        ('Named(0, "x", 3)', "no input 'x'"),
    ],
)
def test_a_reference_is_to_what_is_its_own(site: Cast, reference: str, told: str) -> None:
    part_of(site, "kept")
    body = f"""
from syft.sandbox.channel import Collect, Launch, Named
from syft.wire.codec import Placeholder, encode
data = encode(Placeholder(0), stand_in=lambda one: one).to_bytes()
e.send(Launch(1, "kept", {{"x": len(data)}}, [{reference}]), [data])
e.send(Collect(1, True))
return e.reply(1)[0].refused
"""
    assert told in result_of(site, body, "kept", before=RAW)


def test_a_placeholder_cannot_be_brought_out(site: Cast) -> None:
    """Neither as the value, nor in another's hands: its bytes are refused wherever they are read."""
    part_of(site, "kept")
    body = """
import os
from syft.sandbox.channel import Result
from syft.wire.codec import Placeholder, encode
data = encode([Placeholder(0)], stand_in=lambda one: one).to_bytes()
e.send(Result(len(data), "list", ()), [data])
os._exit(0)
"""
    code = fresh(RAW + body.strip("\n"), uses_datasite=True, nested=("kept",))
    site.owner.approve(site.scientist.request(code))
    job = site.scientist.call(code.name)
    assert job.state is JobState.RELEASED, job
    with pytest.raises(DecodeError, match="stands for nothing"):
        site.scientist.read(job.result_uid)


def test_a_loop_that_launches_for_ever_has_an_end(site: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tree_module, "LAUNCHED_MAX", 100)
    monkeypatch.setattr(launches, "LAUNCHES_MAX", 500)
    part_of(site, "kept")
    body = "while True:\n    datasite.launch_job(kept, x=1)"
    code = fresh(body, uses_datasite=True, nested=("kept",))
    site.owner.approve(site.scientist.request(code))
    job = site.scientist.call(code.name)
    assert job.state is JobState.FAILED
    assert "disturbed its channel" in job.note
    assert site.count(Job, parent_uid=job.uid) <= 100
    body = """
said = ""
jobs = [datasite.launch_job(kept, x=1) for _ in range(101)]
try:
    jobs[-1].result
except Exception as error:
    said = str(error)
return said
"""
    assert "at most 100" in result_of(site, body, "kept")


def test_the_servers_memory_does_not_grow_with_what_waits(site: Cast) -> None:
    part_of(site, "sleepy", "import time; time.sleep(30)")
    code = fresh(
        "jobs = [datasite.launch_job(sleepy, x=bytes(1 << 20)) for _ in range(300)]\n"
        "open('here', 'w').close()\n"
        "datasite.init_progress(1); datasite.increment_progress()\n"
        "import time; time.sleep(30)",
        uses_datasite=True,
        nested=("sleepy",),
    )
    site.owner.approve(site.scientist.request(code))
    server = psutil.Process(os.getpid())
    before = server.memory_info().rss
    job = site.scientist.call(code.name, wait_s=0)
    deadline = time.monotonic() + 30
    while site.scientist.say(jobs.GetJob(job.uid), jobs.JobReply).job.n_iters is None:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    # 300 MiB wait: on disk.
    assert server.memory_info().rss - before < 120 << 20
    site.scientist.say(jobs.KillJob(job.uid), jobs.JobReply)


def test_a_run_that_asks_for_one_result_for_ever_fills_nothing() -> None:
    asked = Launches(None, frozenset(), lambda: None)
    assert asked.launch(Launched(1, "x", {}))
    for _ in range(launches.UNANSWERED_MAX):
        asked.collect(Collect(1, True))
    assert asked.busy, "it is not listened to until it has read"


def test_somebody_elses_functions_are_not_launched(site: Cast) -> None:
    source = "def theirs(x):\n    return 'theirs'\n"
    site.other_scientist.submit(function(source, "theirs", parameters=(Parameter(name="x"),)))
    code = fresh("return datasite.launch_job(theirs, x=1).result", uses_datasite=True, nested=("theirs",))
    request = site.scientist.request(code)
    assert not request.nested
    assert refused(site.owner, ApproveRequest(request.uid, request.code.digest))[0] == "invalid_state"
