"""Policies that authors write decide behind the fence, once, and about what really ran (THREATS 1.2, 1.5)."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from support.kills import wait_until
from support.people import Person, function, on
from support.sites import (
    Cast,
    again,
    at_once,
    cast_on,
    logged,
    member,
    opened,
    own_value,
    refused,
    tampering,
    upload,
)
from syft.errors import InvalidCode, PolicyExhausted
from syft.jobs.failures import MAX_FAILED_RUNS
from syft.model.code import (
    MANY,
    Code,
    CodeSubmission,
    Constant,
    CustomPolicy,
    Given,
    InputPolicy,
    MustBe,
    OfType,
    OutputPolicy,
    Parameter,
)
from syft.model.job import Job, JobState, Release, ValueArgument
from syft.model.limits import JobLimits
from syft.model.messages import jobs
from syft.model.messages.jobs import JobView
from syft.model.messages.policies import GetPolicyState, PolicyStateReply
from syft.model.messages.requests import RequestView
from syft.model.policystate import PolicyState
from syft.model.uid import UID
from syft.policy import disclosure
from syft.sandbox.contract import Execution, Outcome, Status
from syft.sandbox.policies import MAX_STATE_BYTES
from syft.wire.codec import decode, encode

COUNTS = """\
class Counts:
    def __init__(self, limit):
        self.limit = limit
        self.left = 0

    def is_valid(self, context):
        return self.left < self.limit

    def apply_to_output(self, context, outputs, update_policy=True):
        if update_policy:
            self.left += 1
        return {"result": outputs, "number": self.left}

    def public_state(self):
        return self.left
"""


def policy(source: str, **options: Any) -> CustomPolicy:
    """The policy of that text, made with these options."""
    name = source.split()[1].rstrip(":")
    return CustomPolicy(
        name=name, source=source, options={one: encode(value).to_bytes() for one, value in options.items()}
    )


def guarded(
    data: UID,
    body: str = "return data + n",
    *,
    output: CustomPolicy | None = None,
    inputs: CustomPolicy | None = None,
    asked: JobLimits | None = None,
    **options: Any,
) -> CodeSubmission:
    """A function of `data` and a value `n` of the caller's own, with policies."""
    name = f"guarded{UID().hex}"
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    rules = {"data": MustBe(data), "n": Given()}
    more_in: dict[str, Any] = {} if inputs is None else {"custom": inputs}
    more_out: dict[str, Any] = {} if output is None else {"custom": output, "limit": MANY}
    return CodeSubmission(
        name=name,
        source=f"def {name}(data, n):\n{lines}",
        parameters=(Parameter(name="data"), Parameter(name="n")),
        input_policy=InputPolicy(kind="custom", rules=rules, **more_in),
        output_policy=OutputPolicy(**(more_out | options)),
        limits=asked or msgspec.UNSET,
    )


def approved(site: Cast, submission: CodeSubmission) -> RequestView:
    return site.owner.approve(site.scientist.request(submission))


def run(site: Cast, request: RequestView, data: UID, n: Any = 1) -> Any:
    return site.scientist.call(request.code.submission.name, data=on(data), n=own_value(n))


def log_of(site: Cast, job: JobView, person: Person | None = None) -> Any:
    return (person or site.owner).say(jobs.GetJobLog(job.uid), jobs.JobLogReply)


def state_of(site: Cast, request: RequestView, person: Person | None = None) -> Any:
    """What the policy shows, to its owner."""
    reply = (person or site.owner).say(GetPolicyState(request.uid), PolicyStateReply)
    return decode(reply.shown) if reply.shown else None


def deciding(
    valid: str = "return True", output: str = "return outputs", before: str = "pass"
) -> CustomPolicy:
    """An output policy of these bodies."""
    return policy(
        "class Decides:\n"
        "    def __init__(self):\n"
        f"        {before}\n"
        "    def is_valid(self, context):\n"
        f"        {valid}\n"
        "    def apply_to_output(self, context, outputs, update_policy=True):\n"
        f"        {output}\n"
    )


def filtering(valid: str = "return True", kept: str = "return kwargs", **options: Any) -> CustomPolicy:
    """An input policy of these bodies."""
    return policy(
        "class Filters:\n"
        "    def __init__(self, **options):\n"
        "        self.options = options\n"
        "    def is_valid(self, context, usr_input_kwargs):\n"
        f"        {valid}\n"
        "    def filter_kwargs(self, kwargs, context):\n"
        f"        {kept}\n",
        **options,
    )


# 1.2: what it says holds


def test_it_decides_what_leaves_and_how_often(site: Cast) -> None:
    """THREATS 1.2: what it sets on itself is there at the next run; when it says False nothing runs."""
    data = upload(site.owner, 100)
    request = approved(site, guarded(data, output=policy(COUNTS, limit=2)))
    for number in (1, 2):
        job = run(site, request, data, number)
        assert job.state is JobState.RELEASED, job
        assert site.scientist.read(job.result_uid) == {"result": 100 + number, "number": number}
    third = run(site, request, data, 3)
    assert (third.state, third.error_code, third.result_uid) == (JobState.FAILED, "policy_exhausted", None)
    assert site.count(Release, request_uid=request.uid) == 2
    assert state_of(site, request) == 2


def test_used_up_it_answers_with_the_earlier_result_on_the_same_inputs(site: Cast) -> None:
    """THREATS 1.2: which has left already; what has not been asked before gets nothing."""
    data = upload(site.owner, 100)
    request = approved(site, guarded(data, output=policy(COUNTS, limit=1)))
    first = run(site, request, data, 1)
    second = run(site, request, data, 1)
    assert second.result_uid == first.result_uid
    assert "earlier result" in second.note
    assert run(site, request, data, 2).result_uid is None
    assert site.count(Release, request_uid=request.uid) == 1
    assert state_of(site, request) == 1
    assert [one.event.subject_uid for one in site.events("result.given_again")] == [second.uid]


REFUSALS = {
    "False": "return False",
    "None": "return None",
    "1": "return 1",
    "a text": "return 'yes'",
    "numpy's": "import numpy\n        return numpy.True_",
    "what only compares": "return type('Yes', (), {'__eq__': lambda *_: True, '__bool__': lambda _: True})()",
    "raises": "raise ValueError('no')",
    "ends the process": "import os\n        os._exit(0)",
    "too long": "while True: pass",
}


@pytest.mark.parametrize("said", REFUSALS.values(), ids=REFUSALS)
def test_anything_but_true_stops_the_run(site: Cast, said: str) -> None:
    """THREATS 1.2: False stops the run as surely as raising: of either policy, before anything runs."""
    data = upload(site.owner)
    limits = JobLimits(wall_s=1.0)
    # The same with True runs.
    for policies in ({"output": deciding()}, {"inputs": filtering()}):
        request = approved(site, guarded(data, "print('it ran')\nreturn data", **policies, asked=limits))
        job = run(site, request, data)
        assert job.state is JobState.RELEASED, job
        assert "it ran" in log_of(site, job).stdout
    for policies in ({"output": deciding(said)}, {"inputs": filtering(said)}):
        request = approved(site, guarded(data, "print('it ran')\nreturn data", **policies, asked=limits))
        job = run(site, request, data)
        assert job.state is JobState.FAILED, job
        assert job.result_uid is None
        assert "it ran" not in log_of(site, job).stdout
        assert site.count(Release, request_uid=request.uid) == 0


LATER = {
    "raises": "raise ValueError('no')",
    "cannot travel": "return object()",
    "ends the process": "import os\n        os._exit(0)",
    "too long": "while True: pass",
    "too much memory": "return bytearray(2 << 30)",
}


@pytest.mark.parametrize("said", LATER.values(), ids=LATER)
def test_a_policy_that_fails_on_the_result_lets_nothing_out(site: Cast, said: str) -> None:
    """THREATS 1.2: the code has run, its result is withheld, and what the policy remembered is as it was."""
    data = upload(site.owner)
    request = approved(site, guarded(data, output=deciding(output=said), asked=JobLimits(wall_s=1.0)))
    job = run(site, request, data)
    assert (job.state, job.error_code, job.result_uid) == (JobState.WITHHELD, "code_failed", None), job
    assert site.count(Release, request_uid=request.uid) == 0
    assert site.count(PolicyState, uid=request.uid) == 0


def test_what_it_refuses_on_the_result_is_counted(site: Cast) -> None:
    """THREATS 1.5: that it refuses may tell of the result: ten times for one approval, as of code that fails."""
    data = upload(site.owner)
    body = "import random\nreturn [data, random.random()]"
    request = approved(site, guarded(data, body, output=deciding(output="raise KeyError(outputs)")))
    answers = [run(site, request, data, n) for n in range(MAX_FAILED_RUNS + 1)]
    assert {one.state for one in answers[:-1]} == {JobState.WITHHELD}
    assert answers[-1].state is JobState.FAILED
    assert "as often as one approval allows" in answers[-1].note


def test_a_refusal_that_looks_at_the_result_is_counted_too(site: Cast) -> None:
    """THREATS 1.5: `is_valid` is not shown the result; a policy that finds it all the same gains no more than code."""
    data = upload(site.owner, 7)
    peek = (
        "import sys\n"
        "        given = sys._getframe(1).f_locals['given']\n"
        "        return 'outputs' not in given or given['outputs'] > 100"
    )
    request = approved(site, guarded(data, output=deciding(peek)))
    for n in range(MAX_FAILED_RUNS):
        job = run(site, request, data, n)
        assert (job.state, job.error_code) == (JobState.WITHHELD, "policy_exhausted")
    assert "as often as one approval allows" in run(site, request, data, 200).note


REMEMBERS = """\
class Remembers:
    def __init__(self):
        self.seen = 0

    def is_valid(self, context):
        return self.seen < 100

    def apply_to_output(self, context, outputs, update_policy=True):
        self.seen = outputs
        return "nothing of it"
"""


def test_a_refusal_that_remembers_results_is_counted_too(site: Cast) -> None:
    """THREATS 1.5: before the run it knows what it has kept of earlier results, which nobody has let go."""
    data = upload(site.owner, 200)
    request = approved(site, guarded(data, output=policy(REMEMBERS)))
    first = run(site, request, data, 0)
    for n in range(1, MAX_FAILED_RUNS + 1):
        job = run(site, request, data, n)
        assert (job.state, job.error_code) == (JobState.FAILED, "policy_exhausted")
    assert "as often as one approval allows" in run(site, request, data, 200).note
    # What has left on the same inputs is there all the same, and nobody is asked about that.
    again_ = run(site, request, data, 0)
    assert (again_.state, again_.result_uid) == (JobState.RELEASED, first.result_uid)


@pytest.mark.parametrize("when", ["before", "after"])
def test_an_earlier_result_in_place_of_a_new_one_is_counted_too(site: Cast, when: str) -> None:
    """THREATS 1.5: which of two results comes back is an answer of the policy's."""
    data = upload(site.owner, 200)
    source = REMEMBERS
    if when == "after":
        # It refuses once it is shown the result, and has let one out before.
        valid = "return not self.seen or 'outputs' not in __import__('sys')._getframe(1).f_locals['given']"
        source = source.replace("return self.seen < 100", valid)
    request = approved(site, guarded(data, output=policy(source)))
    first = run(site, request, data, 0)
    assert site.scientist.read(first.result_uid) == "nothing of it"
    for _ in range(MAX_FAILED_RUNS):
        job = run(site, request, data, 0)
        assert (job.state, job.result_uid) == (JobState.RELEASED, first.result_uid)
        assert "the output policy" in job.note
    asked = site.count(Job, request_uid=request.uid)
    assert "as often as one approval allows" in run(site, request, data, 1).note
    last = run(site, request, data, 0)
    assert (last.result_uid, "no further run" in last.note) == (first.result_uid, True)
    assert site.count(Job, request_uid=request.uid) == asked + 1


def test_a_result_that_is_too_large_is_counted_too(site: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    """THREATS 1.5: how large a result is, the code chooses."""
    monkeypatch.setattr(disclosure, "MAX_RELEASED_BYTES", 1000)
    data = upload(site.owner)
    request = approved(site, guarded(data, "return bytes(2000) if n else 0"))
    for _ in range(MAX_FAILED_RUNS):
        job = run(site, request, data, 1)
        assert (job.state, job.error_code) == (JobState.WITHHELD, "limit_exceeded")
    assert "as often as one approval allows" in run(site, request, data, 0).note


def test_a_result_that_its_policy_cannot_read_is_counted_too(site: Cast) -> None:
    """THREATS 1.5: the code sends bytes that are no value: what asks its policy does not come to run."""
    data = upload(site.owner)
    body = (
        "import gc, time\nfrom syft.sandbox.channel import Result, RunEnd\nif n:\n"
        "    end = next(one for one in gc.get_objects() if type(one) is RunEnd)\n"
        "    end.send(Result(5, 'list', ()), [b'12345'])\n    time.sleep(60)\nreturn 0"
    )
    request = approved(site, guarded(data, body, output=deciding()))
    assert run(site, request, data, 0).state is JobState.RELEASED
    for _ in range(MAX_FAILED_RUNS):
        assert run(site, request, data, 1).state is JobState.FAILED
    assert "as often as one approval allows" in run(site, request, data, 2).note
    assert site.count(Release, request_uid=request.uid) == 1


def test_a_failed_run_changes_nothing_that_it_remembers(site: Cast) -> None:
    data = upload(site.owner, 100)
    request = approved(site, guarded(data, "return data / n", output=policy(COUNTS, limit=2)))
    assert run(site, request, data, 0).state is JobState.FAILED
    assert site.count(PolicyState, uid=request.uid) == 0
    assert run(site, request, data, 1).state is JobState.RELEASED
    assert run(site, request, data, 0).state is JobState.FAILED
    assert state_of(site, request) == 1


def test_it_remembers_over_a_restart(tmp_path: Path) -> None:
    """THREATS 1.2: the node is closed and opened again."""
    with opened(tmp_path) as node:
        site = cast_on(node, tmp_path)
        data = upload(site.owner, 100)
        request = approved(site, guarded(data, output=policy(COUNTS, limit=2)))
        assert run(site, request, data, 1).state is JobState.RELEASED
    with opened(tmp_path) as node:
        site.node, site.scientist, site.owner = node, again(node, site.scientist), again(node, site.owner)
        job = run(site, request, data, 2)
        assert site.scientist.read(job.result_uid) == {"result": 102, "number": 2}
        assert run(site, request, data, 3).result_uid is None
        assert state_of(site, request) == 2


def test_three_are_three_with_sixteen_threads_at_once(site: Cast) -> None:
    """THREATS 1.2: sixteen calls on other inputs, of a policy that counts to three: three results, numbered 1 to 3."""
    data = upload(site.owner, 100)
    request = approved(site, guarded(data, output=policy(COUNTS, limit=3)))
    answers = at_once(*(lambda n=n: run(site, request, data, n) for n in range(16)))
    left = [one for one in answers if isinstance(one, JobView) and one.state is JobState.RELEASED]
    assert sorted(site.scientist.read(one.result_uid)["number"] for one in left) == [1, 2, 3]
    for other in answers:
        if isinstance(other, JobView) and other not in left:
            # Who comes after ten refusals is not told any more.
            assert other.error_code in ("policy_exhausted", "invalid_state"), other
            assert other.result_uid is None
    assert site.count(Release, request_uid=request.uid) == 3
    assert state_of(site, request) == 3


def test_what_builds_on_an_old_state_does_not_land(site: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even if runs did not take turns: the transaction compares, and the policy is asked again."""

    class Everybody:
        """Turns that nobody waits for."""

        def of(self, uid: UID | None, is_cancelled: Any) -> Any:
            return contextlib.nullcontext()

    monkeypatch.setattr(site.site.runs, "_turns", Everybody())
    data = upload(site.owner, 100)
    request = approved(site, guarded(data, output=policy(COUNTS, limit=3)))
    answers = at_once(*(lambda n=n: run(site, request, data, n) for n in range(8)))
    left = [one for one in answers if isinstance(one, JobView) and one.state is JobState.RELEASED]
    numbers = sorted(site.scientist.read(one.result_uid)["number"] for one in left)
    assert numbers == list(range(1, len(left) + 1))
    assert site.count(Release, request_uid=request.uid) == len(left) == state_of(site, request) <= 3


def test_a_lost_sandbox_lets_nothing_out_and_begins_again(
    site: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A policy whose process was lost has said nothing: neither yes, nor what counts as its failure."""
    runner = site.site.runs._equipped.base.runner
    plain, lost = type(runner).run, []

    def run_once_lost(self: Any, execution: Execution, **options: Any) -> Outcome:
        if execution.entry == "ask_the_policy" and len(lost) < 2:
            lost.append(execution)
            return Outcome(status=Status.LOST, reason="it broke")
        return plain(self, execution, **options)

    monkeypatch.setattr(type(runner), "run", run_once_lost)
    data = upload(site.owner, 100)
    request = approved(site, guarded(data, output=policy(COUNTS, limit=1)))
    job = run(site, request, data, 1)
    assert len(lost) == 2
    assert site.count(Release, request_uid=request.uid) <= 1
    assert (job.state is JobState.RELEASED) == (site.count(Release, request_uid=request.uid) == 1)


# Who may know, and what it cannot reach


def test_states_are_an_approvals_own(site: Cast) -> None:
    """The same policy of two people counts for each by itself; and what it shows is for who may read the data."""
    data = upload(site.owner, 100)
    submission = guarded(data, output=policy(COUNTS, limit=1))
    requests = [site.owner.approve(one.request(submission)) for one in (site.scientist, site.other_scientist)]
    name = submission.name
    for person, request in zip((site.scientist, site.other_scientist), requests, strict=True):
        job = person.call(name, data=on(data), n=own_value(1))
        assert person.read(job.result_uid) == {"result": 101, "number": 1}
        assert state_of(site, request) == 1
        assert state_of(site, request, site.admin) == 1
    for stranger in (site.scientist, site.other_scientist, site.guest):
        assert refused(stranger, GetPolicyState(requests[0].uid))[0] == "authorization"
    assert refused(site.other_owner, GetPolicyState(requests[0].uid))[0] == "not_found"
    assert refused(site.owner, GetPolicyState(UID()))[0] == "not_found"


def test_of_the_data_of_two_it_shows_an_administrator_only(site: Cast) -> None:
    """THREATS 2.6: an owner does not see by way of a policy what another's data is."""
    mine, other = upload(site.owner, 1), upload(site.other_owner, 2)
    name = f"both{UID().hex}"
    submission = CodeSubmission(
        name=name,
        source=f"def {name}(a, b):\n    return a + b\n",
        parameters=(Parameter(name="a"), Parameter(name="b")),
        input_policy=InputPolicy(kind="exact", rules={"a": MustBe(mine), "b": MustBe(other)}),
        output_policy=OutputPolicy(limit=MANY, custom=policy(COUNTS, limit=3)),
    )
    request = site.admin.approve(site.scientist.request(submission))
    assert site.scientist.call(name, a=on(mine), b=on(other)).state is JobState.RELEASED
    assert state_of(site, request, site.admin) == 1
    for owner in (site.owner, site.other_owner):
        assert refused(owner, GetPolicyState(request.uid))[0] == "authorization"


SECRET = "JaneDoe4711"
SPEAKS = {
    "prints": "print(outputs); return outputs[:1]",
    "raises": "raise KeyError(outputs)",
    "names an error": "raise type(outputs, (Exception,), {})()",
    "shows": "self.public_state = lambda: 1 / 0; print(outputs); return 1",
    "cannot travel": "return {outputs: object()}",
}


@pytest.mark.parametrize("said", SPEAKS.values(), ids=SPEAKS)
def test_what_it_says_stays_with_the_owner(site: Cast, said: str) -> None:
    """THREATS 1.5: it saw the result; its requester gets what it lets out, and of its errors type and line."""
    data = upload(site.owner, SECRET)
    request = approved(site, guarded(data, "return data", output=deciding(output=said)))
    with logged() as lines:
        job = run(site, request, data)
        mine = log_of(site, job, site.scientist)
    shown = repr(job) + repr(mine)
    for text in (shown, lines.getvalue(), repr(site.events())):
        assert SECRET not in text
    log = log_of(site, job)
    assert SECRET in log.stdout + log.stderr + log.error
    assert "output policy 'Decides'" in log.stdout + log.stderr + log.error


def listening() -> socket.socket:
    server = socket.create_server(("127.0.0.1", 0))
    server.settimeout(5)
    return server


REACHES = """\
class Reaches:
    def __init__(self, path, port):
        self.path = path
        self.port = port

    def is_valid(self, context):
        return True

    def apply_to_output(self, context, outputs, update_policy=True):
        import socket
        found = {}
        try:
            with open(self.path, "rb") as file:
                found["file"] = len(file.read(16))
        except OSError:
            found["file"] = None
        try:
            socket.create_connection(("127.0.0.1", self.port), 2).close()
            found["network"] = True
        except OSError:
            found["network"] = False
        return found
"""


def test_it_reaches_neither_files_nor_the_network(site: Cast) -> None:
    """THREATS 3: it is behind the same fence as code: the node's database and a port, which outside it can be had."""
    database = max(filter(Path.is_file, site.home.rglob("*")), key=lambda path: path.stat().st_size)
    data = upload(site.owner)
    with listening() as server:
        port = server.getsockname()[1]
        space: dict[str, Any] = {}
        exec(REACHES, space)
        outside = space["Reaches"](str(database), port).apply_to_output(None, None)
        assert outside == {"file": 16, "network": True}
        chosen = policy(REACHES, path=str(database), port=port)
        request = approved(site, guarded(data, output=chosen))
        job = run(site, request, data)
    if site.site.runs.isolation == "process":
        pytest.skip("level process does not fence files and network")
    assert site.scientist.read(job.result_uid) == {"file": None, "network": False}


def test_it_cannot_raise_the_number_that_was_approved(site: Cast) -> None:
    """What a policy remembers is its own; the limit beside it is not."""
    greedy = deciding(
        "self.limit = 10**9; context.released = 0; return True", "self.limit = 10**9; return outputs"
    )
    data = upload(site.owner)
    request = approved(site, guarded(data, output=greedy, limit=2))
    assert [run(site, request, data, n).state for n in range(2)] == [JobState.RELEASED] * 2
    with pytest.raises(PolicyExhausted, match="2 times"):
        run(site, request, data, 3)
    assert site.count(Release, request_uid=request.uid) == 2


@pytest.mark.parametrize(
    "kept", ["self.kept = b'x' * (2 << 20)", "self.kept = object()", "self.kept = self", "self.kept = open"]
)
def test_what_it_cannot_keep_stops_the_result(site: Cast, kept: str) -> None:
    """More than it may remember, or what cannot travel: nothing leaves, and nothing is remembered."""
    data = upload(site.owner)
    request = approved(site, guarded(data, output=deciding(output=f"{kept}; return outputs")))
    job = run(site, request, data)
    assert (job.state, job.error_code) == (JobState.WITHHELD, "code_failed")
    assert site.count(PolicyState, uid=request.uid) == 0


FORGES = """\
class Forges:
    from syft.wire import several

    def forged(values, plain=several.together):
        return plain({answer})

    several.together = forged

    def is_valid(self, context):
        return True

    def apply_to_output(self, context, outputs, update_policy=True):
        return outputs
"""
FORGED = {
    "too few": "values[:1]",
    "too many": "list(values) + [1, 2]",
    "almost true": "[1] + list(values[1:])",
    "true and more": "[[True, True]] + list(values[1:])",
    "a huge state": f"list(values[:2]) + [b'x' * {MAX_STATE_BYTES + 1}] + list(values[3:])",
    "something else": "['no values at all']",
}


@pytest.mark.parametrize("answer", FORGED.values(), ids=FORGED)
def test_an_answer_that_is_forged_is_no_answer(site: Cast, answer: str) -> None:
    """THREATS 4.1: the policy shares its process with what asks it: what comes back is bytes from a stranger."""
    data = upload(site.owner)
    honest = approved(site, guarded(data, output=policy(FORGES.replace("{answer}", "values"))))
    assert run(site, honest, data).state is JobState.RELEASED
    # Asked before the run it answers as it should: the answer then is one value.
    source = FORGES.replace("{answer}", f"values if len(values) == 1 else {answer}")
    request = approved(site, guarded(data, output=policy(source)))
    job = run(site, request, data)
    assert job.state is JobState.WITHHELD, job
    assert site.count(Release, request_uid=request.uid) == 0
    assert site.count(PolicyState, uid=request.uid) == 0


FORGES_INPUTS = """\
class ForgesInputs:
    from syft.wire import several

    def forged(values, plain=several.together):
        *others, last = plain(values)
        return [*others, {answer}]

    several.together = forged

    def is_valid(self, context, usr_input_kwargs):
        return True

    def filter_kwargs(self, kwargs, context):
        return kwargs
"""


def test_inputs_that_are_forged_are_no_inputs(site: Cast) -> None:
    """THREATS 4.1: what an input policy hands back is bytes from a stranger, before it is anything else."""
    data = upload(site.owner)
    ended = []
    for answer in ("last", "b'no value'"):
        code = guarded(data, inputs=policy(FORGES_INPUTS.replace("{answer}", answer)))
        rules = {**code.input_policy.rules, "n": OfType("int")}
        typed = msgspec.structs.replace(code.input_policy, rules=rules)
        job = run(site, approved(site, msgspec.structs.replace(code, input_policy=typed)), data)
        ended.append((job.state, job.error_code))
    assert ended == [(JobState.RELEASED, ""), (JobState.FAILED, "code_failed")]


# 1.1: what was approved


def changed_source(code: CodeSubmission) -> CodeSubmission:
    custom = code.output_policy.custom
    assert isinstance(custom, CustomPolicy)
    other = msgspec.structs.replace(
        custom, source=custom.source.replace("self.left < self", "self.left<= self")
    )
    return msgspec.structs.replace(
        code, output_policy=msgspec.structs.replace(code.output_policy, custom=other)
    )


def changed_option(code: CodeSubmission) -> CodeSubmission:
    custom = code.output_policy.custom
    assert isinstance(custom, CustomPolicy)
    other = msgspec.structs.replace(custom, options={"limit": encode(9).to_bytes()})
    return msgspec.structs.replace(
        code, output_policy=msgspec.structs.replace(code.output_policy, custom=other)
    )


def without(code: CodeSubmission) -> CodeSubmission:
    policy_ = msgspec.structs.replace(code.output_policy, custom=msgspec.UNSET)
    return msgspec.structs.replace(code, output_policy=policy_)


@pytest.mark.parametrize("change", [changed_source, changed_option, without])
def test_a_policy_that_is_not_the_approved_one(site: Cast, change: Any) -> None:
    """THREATS 1.1: one byte of its text, one option, or all of it: the code does not run."""
    data = upload(site.owner, 100)
    submission = guarded(data, output=policy(COUNTS, limit=2))
    request = approved(site, submission)
    assert run(site, request, data, 1).state is JobState.RELEASED
    with tampering(site.store) as tx:
        code = tx.get(Code, request.code.uid)
        tx.replace(msgspec.structs.replace(code, submission=change(code.submission)))
    job = run(site, request, data, 2)
    assert (job.state, job.error_code) == (JobState.FAILED, "not_approved"), job
    assert site.count(Release, request_uid=request.uid) == 1
    # Handed in as it is now, it is other code, which waits for an approval of its own.
    assert site.scientist.submit(change(submission)).digest != request.code.digest


# Input policies


def test_it_sees_no_private_value_and_changes_the_callers_own(site: Cast) -> None:
    data = upload(site.owner, 100)
    looks = filtering(
        "return usr_input_kwargs['n'] < 10 and type(usr_input_kwargs['data']).__name__ == 'UID'",
        "return {**kwargs, 'n': kwargs['n'] * 2}",
    )
    request = approved(site, guarded(data, inputs=looks, limit=3))
    assert site.scientist.read(run(site, request, data, 3).result_uid) == 106
    job = run(site, request, data, 11)
    assert (job.state, job.error_code) == (JobState.FAILED, "invalid_input")
    assert "does not allow these inputs" in job.note


def test_it_fills_in_what_is_left_out(site: Cast) -> None:
    data = upload(site.owner, 100)
    request = approved(site, guarded(data, inputs=filtering(kept="return {'n': 5, **kwargs}"), limit=2))
    name = request.code.submission.name
    assert site.scientist.read(site.scientist.call(name, data=on(data)).result_uid) == 105
    assert site.scientist.read(run(site, request, data, 1).result_uid) == 101
    # Never an object: without it there is nothing to run on.
    other = approved(site, guarded(data, inputs=filtering(kept="return {'n': 5, **kwargs}")))
    assert refused(site.scientist, jobs.CallCode({"n": own_value(1)}, None, other.code.submission.name, 20))[
        0
    ] in ("invalid_input", "authorization")


@pytest.mark.parametrize(
    "kept",
    [
        "from syft.model.uid import UID\n        return {**kwargs, 'data': UID()}",
        "return {'n': kwargs['n']}",
        "return {**kwargs, 'data': 5}",
        "return {**kwargs, 'data': str(kwargs['data'])}",
        "return {**kwargs, 'other': 5}",
        "return {'data': kwargs['data']}",
        "return [1, 2]",
        "return None",
    ],
)
def test_it_never_changes_what_is_computed_on(site: Cast, kept: str) -> None:
    """THREATS 1.1: objects are what was approved, whatever a policy returns; nor does it add or lose parameters."""
    data = upload(site.owner, 100)
    request = approved(site, guarded(data, "print('it ran')\nreturn data", inputs=filtering(kept=kept)))
    job = run(site, request, data)
    assert (job.state, job.result_uid) == (JobState.FAILED, None), job
    assert "it ran" not in log_of(site, job).stdout


def test_it_gives_no_value_of_another_type_than_was_approved(site: Cast) -> None:
    data = upload(site.owner, 100)
    code = guarded(data, inputs=filtering(kept="return {**kwargs, 'n': str(kwargs['n'])}"))
    rules = code.input_policy.rules | {"n": OfType("int")}
    code = msgspec.structs.replace(code, input_policy=msgspec.structs.replace(code.input_policy, rules=rules))
    job = run(site, approved(site, code), data)
    assert (job.state, job.error_code) == (JobState.FAILED, "invalid_input")


@pytest.mark.parametrize("kept", ["return {**kwargs, 'k': 6}", "kwargs['k'] = 6; return kwargs"])
def test_a_constant_stays_what_was_approved(site: Cast, kept: str) -> None:
    data = upload(site.owner, 100)

    def made(kept: str) -> CodeSubmission:
        code = guarded(data, "return data + n + k", inputs=filtering(kept=kept))
        rules = code.input_policy.rules | {"k": Constant(encode(5).to_bytes())}
        return msgspec.structs.replace(
            code,
            source=code.source.replace("(data, n)", "(data, n, k)"),
            parameters=(*code.parameters, Parameter(name="k")),
            input_policy=msgspec.structs.replace(code.input_policy, rules=rules),
        )

    job = run(site, approved(site, made("return kwargs")), data)
    assert site.scientist.read(job.result_uid) == 106
    assert run(site, approved(site, made(kept)), data).state is JobState.FAILED


# Once per inputs


def test_once_for_each_inputs(site: Cast) -> None:
    """THREATS 1.2: other inputs get a result of their own, the same ones get the one that has left."""
    data = upload(site.owner, 100)
    body = "import uuid\nreturn [data + n, uuid.uuid4().hex]"
    request = approved(site, guarded(data, body, limit=MANY, per_inputs=1))
    first = {n: site.scientist.read(run(site, request, data, n).result_uid) for n in range(3)}
    for n in range(3):
        job = run(site, request, data, n)
        assert "earlier result" in job.note
        assert site.scientist.read(job.result_uid) == first[n]
    assert site.count(Release, request_uid=request.uid) == 3


def test_once_for_each_inputs_raced(site: Cast) -> None:
    """THREATS 1.2: sixteen calls at once on two inputs: two results, and every call gets one of them."""
    data = upload(site.owner, 100)
    body = "import uuid\nreturn [n, uuid.uuid4().hex]"
    for _ in range(3):
        request = approved(site, guarded(data, body, limit=MANY, per_inputs=1))
        answers = at_once(*(lambda n=n: run(site, request, data, n % 2) for n in range(16)))  # noqa: B023
        assert site.count(Release, request_uid=request.uid) == 2
        assert {one.state for one in answers} == {JobState.RELEASED}, answers
        values = [site.scientist.read(one.result_uid) for one in answers]
        assert [value[0] for value in values] == [n % 2 for n in range(16)]
        assert len({value[1] for value in values}) == 2


def test_a_number_written_otherwise_draws_no_second_time(site: Cast) -> None:
    """THREATS 1.2: the caller's bytes are the caller's: one number has many, and each would be other inputs."""
    data = upload(site.owner, 100)
    body = "import uuid\nreturn [n, uuid.uuid4().hex]"
    code = guarded(data, body, limit=MANY, per_inputs=1)
    rules = code.input_policy.rules | {"n": OfType("int")}
    code = msgspec.structs.replace(code, input_policy=msgspec.structs.replace(code.input_policy, rules=rules))
    request = approved(site, code)
    plain = encode(1).to_bytes()
    values = []
    for number in (b"\x01", b"\xcc\x01", b"\xcd\x00\x01", b"\xd0\x01", b"\xd3" + bytes(7) + b"\x01"):
        written = plain[:8] + len(number).to_bytes(8, "little") + plain[16:-1] + number
        job = site.scientist.call(code.name, data=on(data), n=ValueArgument(value=written))
        values.append(site.scientist.read(job.result_uid))
    assert values == [values[0]] * len(values)
    assert site.count(Release, request_uid=request.uid) == 1
    # Another number is another number.
    assert site.scientist.read(run(site, request, data, 2).result_uid)[0] == 2


def test_a_value_that_is_ignored_draws_no_second_time(site: Cast) -> None:
    """What counts is what the code gets: with another value of a parameter that the policy sets, it is the same."""
    data = upload(site.owner, 100)
    body = "import uuid\nreturn [n, uuid.uuid4().hex]"
    fixed = filtering(kept="return {**kwargs, 'n': 1}")
    request = approved(site, guarded(data, body, inputs=fixed, limit=MANY, per_inputs=1))
    values = [site.scientist.read(run(site, request, data, n).result_uid) for n in range(4)]
    assert values == [values[0]] * 4
    assert site.count(Release, request_uid=request.uid) == 1


# Where there is no room for one


def test_on_mock_values_it_begins_anew_and_keeps_nothing(site: Cast) -> None:
    data = upload(site.owner, 100)
    tester = member(site.node, site.admin, f"tester{UID().hex}@site.org", mock_execution=True)
    submission = guarded(
        data, output=policy(COUNTS, limit=1), inputs=filtering(kept="return {**kwargs, 'n': 7}")
    )
    request = site.owner.approve(tester.request(submission))
    for _ in range(2):
        job = tester.call(submission.name, data=own_value(1), n=own_value(1))
        assert job.state is JobState.RELEASED, job
        assert tester.read(job.result_uid) == {"result": 8, "number": 0}
    assert site.count(PolicyState, uid=request.uid) == 0
    assert site.count(Release, request_uid=request.uid) == 0


def test_a_function_with_a_policy_is_not_launched(site: Cast) -> None:
    """Its policy would not be asked about what goes to its parent."""
    data = upload(site.owner, 100)
    name = f"kid{UID().hex}"
    kid = function(f"def {name}(data):\n    return data\n", name, {"data": data})
    parent = f"def parent{name}(data, datasite):\n    return datasite.launch_job({name}, data=data).result\n"
    asked = function(parent, f"parent{name}", {"data": data}, uses_datasite=True, nested=(name,), limit=9)
    site.scientist.submit(kid)
    request = approved(site, asked)
    assert site.scientist.call(asked.name, data=on(data)).state is JobState.RELEASED
    output = OutputPolicy(limit=MANY, custom=policy(COUNTS, limit=1))
    site.scientist.submit(msgspec.structs.replace(kid, output_policy=output))
    request = approved(site, msgspec.structs.replace(asked, source=asked.source + "\n"))
    job = site.scientist.call(request.code.submission.name, data=on(data))
    assert job.state is JobState.FAILED
    assert "policy of its author's own" in log_of(site, job).error


BAD = {
    "no class": ("def f():\n    pass\n", "only contain the class definition"),
    "two classes": (COUNTS + "class Other:\n    pass\n", "only contain the class definition"),
    "a statement beside": ("import os\n" + COUNTS, "only contain the class definition"),
    "another name": (COUNTS.replace("class Counts", "class Others"), "and not 'Counts'"),
    "a base": (COUNTS.replace("class Counts", "class Counts(dict)"), "base classes"),
    "a metaclass": (COUNTS.replace("class Counts", "class Counts(metaclass=type)"), "base classes"),
    "a decorator": ("@print\n" + COUNTS, "decorators"),
    "outside names": (COUNTS.replace("self.left < self.limit", "math.inf > LIMIT"), "'LIMIT'"),
    "global": (
        COUNTS.replace("return self.left < self.limit", "global x\n        return True"),
        "global variable",
    ),
    "misspelt": (COUNTS.replace("is_valid", "is_vaild"), "does not say `def is_valid"),
    "no output": (COUNTS.replace("apply_to_output", "apply"), "does not say `def apply_to_output"),
    "no Python": (COUNTS.replace("def ", "deff "), "syntax error"),
    "nothing": ("", "only contain the class definition"),
}


@pytest.mark.parametrize(("source", "said"), BAD.values(), ids=BAD)
def test_what_is_no_policy_is_not_taken(site: Cast, source: str, said: str) -> None:
    data = upload(site.owner)
    bad = CustomPolicy(name="Counts", source=source)
    with pytest.raises(InvalidCode, match=said):
        site.scientist.submit(guarded(data, output=bad))


def test_the_reviewer_sees_it(site: Cast) -> None:
    """The text, the options, and what to look at in it."""
    data = upload(site.owner)
    odd = policy(
        COUNTS.replace("self.left += 1", "import socket; eval('1')")
        .replace("return self.left", "return opеn")
        .replace("opеn", "open('/x')"),
        limit=4,
    )
    code = site.scientist.request(guarded(data, output=odd)).code
    custom = code.submission.output_policy.custom
    assert isinstance(custom, CustomPolicy)
    assert "import socket" in custom.source
    assert any(one.startswith("Output policy, line 11: imports socket") for one in code.findings), (
        code.findings
    )
    assert any("Output policy, line" in one and "open()" in one for one in code.findings)


@pytest.mark.parametrize("where", ["inputs", "before", "after"])
def test_a_run_is_cancelled_while_its_policy_thinks(
    site: Cast, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever cancels does not wait for the policy, and nothing leaves."""
    data = upload(site.owner)
    wait = "import time; print('thinking', flush=True); time.sleep(8); return True"
    policies: dict[str, Any] = {
        "inputs": {"inputs": filtering(wait)},
        "before": {"output": deciding(wait)},
        "after": {"output": deciding(output=wait)},
    }[where]
    runner = site.site.runs._equipped.base.runner
    plain, asked = type(runner).run, threading.Event()

    def run_seen(self: Any, execution: Execution, **options: Any) -> Outcome:
        if execution.entry == "ask_the_policy" and (where == "after") == ("outputs" in execution.inputs):
            asked.set()
        return plain(self, execution, **options)

    monkeypatch.setattr(type(runner), "run", run_seen)
    request = approved(site, guarded(data, **policies))
    job = site.scientist.call(request.code.submission.name, 0, data=on(data), n=own_value(1))
    assert asked.wait(20)
    assert wait_until(lambda: job.uid.hex in runner._lifelines)
    began = time.monotonic()
    site.scientist.say(jobs.KillJob(job.uid), jobs.JobReply)
    ended = site.scientist.say(jobs.GetJob(job.uid, wait_s=20), jobs.JobReply).job
    assert ended.state is JobState.CANCELLED, ended
    assert site.count(Release, request_uid=request.uid) == 0
    assert time.monotonic() - began < 8


def test_a_run_is_cancelled_while_it_waits_for_another_to_ask(site: Cast) -> None:
    """Runs of one approval ask in turn: whoever cancels the second does not wait for the policy of the first."""
    data = upload(site.owner)
    request = approved(
        site, guarded(data, output=deciding(output="import time; time.sleep(6); return outputs"))
    )
    turns = site.site.runs._turns

    def begun(n: int) -> JobView:
        """One more run, which has the turn or waits for it."""
        job = site.scientist.call(request.code.submission.name, 0, data=on(data), n=own_value(n))
        assert wait_until(lambda: [count for _, count in turns._waiting.values()] == [n])
        return job

    asking, waiting = begun(1), begun(2)
    began = time.monotonic()
    cancelled = site.scientist.say(jobs.KillJob(waiting.uid), jobs.JobReply).job
    assert cancelled.state is JobState.CANCELLED
    assert time.monotonic() - began < 2
    ended = site.scientist.say(jobs.GetJob(asking.uid, wait_s=20), jobs.JobReply).job
    assert ended.state is JobState.RELEASED, ended
    assert site.count(Release, request_uid=request.uid) == 1
    assert turns._waiting == {}


def test_a_result_that_is_a_file_is_shown_to_its_policy(site: Cast) -> None:
    """What is too large for a row of the database rests in a file, and is read from there."""
    data = upload(site.owner)
    half = policy(
        "class Half:\n"
        "    def is_valid(self, context):\n        return True\n"
        "    def apply_to_output(self, context, outputs, update_policy=True):\n"
        "        return outputs[: len(outputs) // 2]\n"
    )
    request = approved(site, guarded(data, "return bytes(100_000 * n)", output=half))
    job = run(site, request, data)
    assert site.scientist.read(job.result_uid) == bytes(50_000)
