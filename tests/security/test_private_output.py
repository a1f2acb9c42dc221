"""Nothing that a private run says reaches its requester but by the output policy (THREATS 1.5).

Each way of saying something is tried on private and on mock values: of the first the owner gets all and the
scientist nothing, of the second the scientist gets all. The node's log gets nothing of either.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest

from support.people import Person, function, on
from support.sites import (
    Cast,
    Listening,
    cast_on,
    fresh,
    log_lines,
    logged,
    member,
    opened,
    own_value,
    refused,
    tampering,
    upload,
)
from syft.model.code import Parameter
from syft.model.job import Job, JobState, Release
from syft.model.message import Message
from syft.model.messages import (
    codes,
    datasets,
    events,
    jobs,
    objects,
    pools,
    requests,
    session,
    settings,
    users,
)
from syft.model.object import Face, ObjectKind, ObjectRecord
from syft.model.uid import UID

# A name in Python, too, so that classes, functions and modules can be called by it.
SECRET: Final = "JaneDoe4711"
MOCK: Final = "MockName0815"
# What an owner lets out on purpose.
RELEASED: Final = "RichardRoe"

# How a run can say what it knows. Those that end well come first.
SPOKEN: Final = {
    "print": "print(data)",
    "half a line": "print(data, end='')",
    "standard error": "import sys\nsys.stderr.write(data)",
    "descriptor": "import os\nos.write(1, data.encode())",
    "warning": "import warnings\nwarnings.warn(data)",
    "logging": "import logging\nlogging.getLogger(data).error(data)",
    "thread": "import threading\nt = threading.Thread(target=lambda: 1 / 0, name=data)\nt.start()\nt.join()",
    "unraisable": (
        "class Noisy:\n    def __del__(self):\n        raise ValueError(data)\nnoisy = Noisy()\ndel noisy"
    ),
    "files, and their names": (
        "import os\nwith open(data + '.svg', 'w') as plot:\n    plot.write(data)\nprint(os.listdir('.'))"
    ),
    "broken text": "print(data + '\\udc80\\x00\\u202e')",
}
RAISED: Final = {
    "text of an error": "raise ValueError(data)",
    "key": "{}[data]",
    "assertion": "assert not data, data",
    "name of a class": "raise type(data, (Exception,), {})()",
    "name of a known class": "raise type('KeyError', (Exception,), {'__module__': data, '__qualname__': data})(data)",
    "cause": "try:\n    raise ValueError(data)\nexcept ValueError as error:\n    raise KeyError('k') from error",
    "note": "error = ValueError('v')\nerror.add_note(data)\nraise error",
    "group": "raise ExceptionGroup(data, [ValueError(data)])",
    "name of a frame": "space = {}\nexec(f'def {data}(): raise ValueError', space)\nspace[data]()",
    "name of a file": "exec(compile('raise ValueError', data, 'exec'))",
    "syntax": "exec(data + ' !')",
    "import": "__import__(data)",
    "file": "open('/nowhere/' + data)",
    "exit": "import sys\nsys.exit(data)",
    "own repr": (
        "class Odd(Exception):\n    def __str__(self):\n        return data\n    __repr__ = __str__\nraise Odd"
    ),
    "a base exception": "raise BaseException(data)",
    "cancellation": "raise KeyboardInterrupt(data)",
    "memory": "raise MemoryError(data)",
    "out of space": "raise OSError(28, data)",
    "read-only": "raise ValueError('assignment destination is read-only ' + data)",
    "unsupported result": "return type(data, (), {})()",
    "key of an unsupported result": "return {data: object()}",
    "type inside a result": "return [type(data, (dict,), {})()]",
    "our own error": "import syft.errors\nraise syft.errors.NotFound(data)",
}


def every_question(uids: list[UID]) -> list[Message]:
    """All that anybody can ask, about everything there is."""
    asked: list[Message] = [
        session.GetNodeInfo(),
        users.GetAccount(),
        users.ListUsers(),
        settings.GetSettings(),
        pools.ListPools(),
        events.ListEvents(),
        datasets.ListDatasets(),
        codes.ListCodes(),
        requests.ListRequests(),
        jobs.ListJobs(),
        jobs.GetJob(index=-1),
        requests.GetRequest(index=-1),
    ]
    for uid in uids:
        asked += [
            datasets.GetDataset(uid),
            codes.GetCode(uid),
            requests.GetRequest(uid),
            jobs.GetJob(uid),
            jobs.ListJobs(parent_uid=uid),
            jobs.GetJobLog(uid),
            jobs.GetJobLog(uid, wait_s=0.1),
            jobs.ListJobs(result_uid=uid),
            objects.ReadValue(uid, Face.PRIVATE),
            objects.ReadValue(uid, Face.MOCK),
        ]
    return asked


def with_ears(person: Person) -> tuple[Person, Listening]:
    """The same person, on a route that keeps all that comes back."""
    route = Listening(person.route)
    other = Person(route)
    other.identity = person.identity
    return other, route


def all_they_can_hear(person: Person, uids: list[UID]) -> bytes:
    """Every byte of every answer to every question of theirs."""
    asker, route = with_ears(person)
    for message in every_question(uids):
        refused(asker, message)
    return bytes(route.heard)


def check_kept_back(site: Cast, body: str, **options: Any) -> jobs.JobView:
    """Run it on private data: the owner gets what it says, and the scientist and the log nothing."""
    data = upload(site.owner, SECRET, MOCK)
    with logged("DEBUG") as stream:
        scientist, route = with_ears(site.scientist)
        request = scientist.request(fresh(body, data, **options))
        site.owner.approve(request)
        job = scientist.call(request.code.submission.name, data=on(data))
        launched = site.owner.say(jobs.ListJobs(parent_uid=job.uid), jobs.JobsReply).jobs
        uids = [data, request.uid, request.code.uid, job.uid, *(one.uid for one in launched)]
        heard = bytes(route.heard)
        for person in (site.scientist, site.other_scientist, site.other_owner, site.guest):
            heard += all_they_can_hear(person, uids)
        logs = [site.owner.say(jobs.GetJobLog(uid), jobs.JobLogReply) for uid in uids[3:]]
    assert "answered" in {line["message"] for line in log_lines(stream)}
    assert SECRET not in stream.getvalue()
    assert MOCK.encode() in heard  # what is there to be seen is seen: the ears work
    assert SECRET.encode() not in heard
    told = "\n".join(f"{log.stdout}\n{log.stderr}\n{log.error}" for log in logs)
    assert SECRET in told, told
    assert not any(log.withheld for log in logs)
    return job


# A private run


@pytest.mark.parametrize("way", SPOKEN)
def test_what_a_private_run_says_stays_with_the_owner(site: Cast, way: str) -> None:
    """THREATS 1.5: what is printed in a run whose result is released."""
    job = check_kept_back(site, SPOKEN[way] + "\nreturn 1")
    assert job.state is JobState.RELEASED
    assert site.scientist.read(job.result_uid) == 1


@pytest.mark.parametrize("way", RAISED)
def test_how_a_private_run_fails_stays_with_the_owner(site: Cast, way: str) -> None:
    """THREATS 1.5: texts, classes, names and places of an error that are made of private values."""
    job = check_kept_back(site, f"print(data)\n{RAISED[way]}")
    assert job.state is JobState.FAILED
    assert job.error_code in ("code_failed", "limit_exceeded")
    if way in ("text of an error", "own repr"):
        kind = {"own repr": "Odd"}.get(way, "ValueError")
        assert f": {kind} on line " in job.note  # what the scientist gets instead, to mend it by


def test_what_a_cancelled_run_has_said_stays_with_the_owner(site: Cast) -> None:
    """THREATS 1.5: stopped by whoever asked for it, who learns nothing by that."""
    data = upload(site.owner, SECRET, MOCK)
    request = site.scientist.request(fresh("print(data, flush=True)\nimport time\ntime.sleep(60)", data))
    site.owner.approve(request)
    job = site.scientist.call(request.code.submission.name, 0, data=on(data))
    until = time.monotonic() + 10
    while site.scientist.say(jobs.GetJob(job.uid), jobs.JobReply).job.state is not JobState.RUNNING:
        assert time.monotonic() < until
        time.sleep(0.01)
    time.sleep(0.3)
    site.scientist.say(jobs.KillJob(job.uid), jobs.JobReply)
    ended = site.scientist.say(jobs.GetJob(job.uid, wait_s=20), jobs.JobReply).job
    assert ended.state is JobState.CANCELLED
    assert SECRET.encode() not in all_they_can_hear(site.scientist, [job.uid, data])
    assert SECRET in site.owner.say(jobs.GetJobLog(job.uid), jobs.JobLogReply).stdout


def test_a_result_that_came_too_late_stays(site: Cast) -> None:
    """THREATS 1.5, 1.2: what the output policy holds back is nowhere to be read."""
    data = upload(site.owner, RELEASED, MOCK)
    body = "import time, uuid\ntime.sleep(0.3)\nprint(data)\nreturn [data, uuid.uuid4().hex]"
    request = site.owner.approve(site.scientist.request(fresh(body, data)))
    name = request.code.submission.name
    waiting = [site.scientist.call(name, 0, data=on(data)) for _ in range(2)]
    ended = [site.scientist.say(jobs.GetJob(job.uid, wait_s=20), jobs.JobReply).job for job in waiting]
    # Both get what left first, which the owner has approved to leave, once; the other's own result is nowhere.
    (result_uid,) = {job.result_uid for job in ended}
    assert site.scientist.read(result_uid)[0] == RELEASED
    assert sorted("earlier result" in job.note for job in ended) == [False, True]
    assert site.count(ObjectRecord, name=name, kind=ObjectKind.RESULT) == 1
    assert site.count(Release, request_uid=request.uid) == 1
    assert RELEASED.encode() not in all_they_can_hear(site.other_scientist, [result_uid])


@pytest.mark.parametrize(
    "how", ["print(x)\n    return x", "raise ValueError(x)", "raise type(x, (Exception,), {})()"]
)
def test_what_a_launched_run_says_stays_with_the_owner(site: Cast, how: str) -> None:
    """THREATS 1.5, 1.7: a nested run on private values is a private run."""
    name = f"kid{UID().hex}"
    site.scientist.submit(function(f"def {name}(x):\n    {how}\n", name, parameters=(Parameter(name="x"),)))
    body = f"datasite.launch_job({name}, x=data).wait()\nprint(data)\nreturn 1"
    job = check_kept_back(site, body, uses_datasite=True, nested=(name,))
    assert job.state is JobState.RELEASED


@pytest.mark.parametrize(
    "body", ["datasite.launch_job(data).result", "datasite.launch_job({name}, **{{data: 1}}).result"]
)
def test_names_asked_of_the_node_stay_with_the_owner(site: Cast, body: str) -> None:
    """THREATS 1.5: a launched function or a parameter that is named by a private value."""
    name = f"kid{UID().hex}"
    site.scientist.submit(
        function(f"def {name}(x):\n    return x\n", name, parameters=(Parameter(name="x"),))
    )
    lines = f"print(data)\n{body.format(name=name)}\ndatasite.launch_job({name}, x=1)"
    job = check_kept_back(site, lines, uses_datasite=True, nested=(name,))
    assert job.state is JobState.FAILED


def test_what_a_private_run_launches_is_no_way_out(site: Cast) -> None:
    """THREATS 1.5: which of two functions is launched, once for each bit of a private number."""
    spy = member(site.node, site.admin, "spy@site.org", mock_execution=True)
    zero, one = (f"{word}{UID().hex}" for word in ("zero", "one"))
    for name in (zero, one):
        spy.submit(function(f"def {name}():\n    return 0\n", name))
    body = (
        "for bit in range(16):\n"
        "    if data >> bit & 1:\n"
        f"        datasite.launch_job({one}).wait()\n"
        "    else:\n"
        f"        datasite.launch_job({zero}).wait()\n"
        "return 'nothing'"
    )
    data = upload(site.owner, 48_213, 1)
    submission = fresh(body, data, uses_datasite=True, nested=tuple(sorted((zero, one))))
    site.owner.approve(spy.request(submission))
    job = spy.call(submission.name, data=on(data))
    assert job.state is JobState.RELEASED

    def spelled(person: Person, of: jobs.JobView) -> int:
        runs = person.say(jobs.ListJobs(parent_uid=of.uid), jobs.JobsReply).jobs
        return sum((run.code_name == one) << bit for bit, run in enumerate(runs))

    # The owner sees it, and the scientist does where nothing is private.
    assert spelled(site.owner, job) == 48_213
    assert site.owner.say(jobs.GetJob(job.uid), jobs.JobReply).job.subjobs == 16
    tried = spy.call(submission.name, data=own_value(5))
    assert (spelled(spy, tried), tried.subjobs) == (5, 16)

    assert job.subjobs == spelled(spy, job) == 0
    for question, theirs in (
        (jobs.ListJobs(parent_uid=job.uid), 0),
        (jobs.ListJobs(parent_uid=tried.uid), 16),
        (jobs.ListJobs(), 18),
    ):
        answer = spy.say(question, jobs.JobsReply)
        assert answer.total == len(answer.jobs) == theirs
    for run in site.owner.say(jobs.ListJobs(parent_uid=job.uid), jobs.JobsReply).jobs:
        for message in (jobs.GetJob(run.uid), jobs.GetJobLog(run.uid), jobs.KillJob(run.uid)):
            assert refused(spy, message)[0] == "not_found"


def test_progress_is_no_way_out(site: Cast) -> None:
    """THREATS 1.5: progress is a number of the code's choosing, told as often as it likes."""
    data = upload(site.owner, 8_675_309, 1)
    body = (
        "import time\ndatasite.init_progress(10 ** 9)\ntime.sleep(0.3)\n"
        "datasite.set_progress(data)\ntime.sleep(0.4)\nreturn 0"
    )
    request = site.owner.approve(site.scientist.request(fresh(body, data, uses_datasite=True)))
    job = site.scientist.call(request.code.submission.name, data=on(data))
    seen = site.scientist.say(jobs.GetJob(job.uid), jobs.JobReply).job
    listed = site.scientist.say(jobs.ListJobs(code_uid=job.code_uid), jobs.JobsReply).jobs[0]
    assert job.state is JobState.RELEASED
    assert site.owner.say(jobs.GetJob(job.uid), jobs.JobReply).job.n_iters == 10**9
    for one in (job, seen, listed):
        assert 8_675_309 not in (one.current_iter, one.n_iters)


def test_progress_does_not_go_back(site: Cast) -> None:
    """THREATS 1.5: a run tells its ten digits one after the other, to whoever asks often enough."""
    data = upload(site.owner, "7305", "0000")
    body = (
        "import time\ndatasite.init_progress(10)\n"
        "for digit in data:\n    time.sleep(0.3)\n    datasite.set_progress(int(digit))\n"
        "time.sleep(0.3)\nreturn 0"
    )
    request = site.owner.approve(site.scientist.request(fresh(body, data, uses_datasite=True)))
    job = site.scientist.call(request.code.submission.name, 0, data=on(data))
    seen: list[int] = []
    until = time.monotonic() + 20
    while job.ended_at is None and time.monotonic() < until:
        job = site.scientist.say(jobs.GetJob(job.uid), jobs.JobReply).job
        if not seen or seen[-1] != job.current_iter:
            seen.append(job.current_iter)
        time.sleep(0.02)
    assert job.state is JobState.RELEASED
    assert seen == sorted(seen), seen


class Waiting:
    """A question that is put in a thread, and its answer when it has come."""

    def __init__(self, person: Person, message: Message) -> None:
        self.asker, self.route = with_ears(person)
        self._thread = threading.Thread(target=refused, args=(self.asker, message))
        self._thread.start()

    @property
    def is_answered(self) -> bool:
        return not self._thread.is_alive()

    def check_answered(self) -> int:
        """It is answered soon; the size of the answer."""
        self._thread.join(timeout=15)
        assert self.is_answered
        return len(self.route.heard)


def until(happened: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 20
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.01)


_FOREVER: Final = "while True:\n    time.sleep(0.05)"
# Prints some of its value every now and then, or nothing at all.
_TALKS: Final = (
    "import time\nnumber = 0\nwhile True:\n    time.sleep(0.02)\n    number += 1\n    if data:\n"
    "        print(data, 'x' * number)"
)


def _printed(person: Person, job: jobs.JobView) -> str:
    return person.say(jobs.GetJobLog(job.uid), jobs.JobLogReply).stdout


def test_following_a_log_is_no_way_out(site: Cast) -> None:
    """THREATS 1.5: who follows learns neither what is printed nor when nor how much, but that it has ended."""
    follower = member(site.node, site.admin, "follower@site.org", mock_execution=True)
    sizes = {}
    for value in (SECRET, ""):
        data = upload(site.owner, value, MOCK)
        request = site.owner.approve(follower.request(fresh(_TALKS, data)))
        name = request.code.submission.name
        job = follower.call(name, 0, data=on(data))
        tried = follower.call(name, 0, data=own_value(MOCK))
        for one in (job, tried):
            until(
                lambda one=one: (
                    site.admin.say(jobs.GetJob(one.uid), jobs.JobReply).job.state is JobState.RUNNING
                )
            )
        private = Waiting(follower, jobs.GetJobLog(job.uid, wait_s=20))
        mock = Waiting(follower, jobs.GetJobLog(tried.uid, wait_s=20))
        mock.check_answered()
        assert b"x" in mock.route.heard, "of a try they hear as it comes"
        if value:
            for _ in range(3):
                before = len(_printed(site.owner, job))
                until(lambda before=before, job=job: len(_printed(site.owner, job)) > before)
        assert not private.is_answered
        follower.say(jobs.KillJob(tried.uid), jobs.JobReply)
        follower.say(jobs.KillJob(job.uid), jobs.JobReply)
        sizes[value] = private.check_answered()
        assert SECRET.encode() not in private.route.heard
        assert follower.say(jobs.GetJobLog(job.uid, 0, 0, 1), jobs.JobLogReply).attempt == 0
    assert sizes[SECRET] == sizes[""], "an answer is as long whatever was printed"


def test_when_progress_is_told_is_no_way_out(site: Cast) -> None:
    """THREATS 1.5: who waits for news of a private run is answered when a tenth is full, and not at each step."""
    data = upload(site.owner, 559, 1)
    body = (
        "import time\ndatasite.init_progress(1000)\ndatasite.set_progress(551)\ntime.sleep(0.3)\n"
        f"datasite.set_progress(data)\n{_FOREVER}"
    )
    request = site.owner.approve(site.scientist.request(fresh(body, data, uses_datasite=True)))
    job = site.scientist.call(request.code.submission.name, 0, data=on(data))

    def standing(person: Person) -> jobs.Standing:
        return person.say(jobs.GetJob(job.uid), jobs.JobReply).job.standing

    half = jobs.Standing(JobState.RUNNING, 5, 10)
    until(lambda: standing(site.scientist) == half)
    theirs = Waiting(site.scientist, jobs.GetJob(job.uid, wait_s=20, seen=half))
    owners = Waiting(
        site.owner, jobs.GetJob(job.uid, wait_s=20, seen=jobs.Standing(JobState.RUNNING, 551, 1000))
    )
    owners.check_answered()
    assert standing(site.owner) == jobs.Standing(JobState.RUNNING, 559, 1000)
    assert not theirs.is_answered
    site.scientist.say(jobs.KillJob(job.uid), jobs.JobReply)
    theirs.check_answered()


# A mock run


@pytest.mark.parametrize("way", [*SPOKEN, *RAISED])
def test_of_a_mock_run_the_scientist_sees_all(site: Cast, way: str) -> None:
    """THREATS 1.5, outside the fence: the same code on a value of the scientist's own says it to the scientist."""
    tester = mock_runner(site)
    body = SPOKEN[way] + "\nreturn 1" if way in SPOKEN else RAISED[way]
    name = f"mock{UID().hex}"
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    tester.submit(function(f"def {name}(data):\n{lines}", name, parameters=(Parameter(name="data"),)))
    with logged("DEBUG") as stream:
        job = tester.call(name, data=own_value(MOCK))
        log = tester.say(jobs.GetJobLog(job.uid), jobs.JobLogReply)
    assert log.withheld == ""
    assert MOCK in log.stdout + log.stderr + log.error
    assert MOCK not in stream.getvalue()
    if way == "text of an error":
        assert MOCK in job.note


_testers: dict[int, Person] = {}


def mock_runner(site: Cast) -> Person:
    """A scientist who may run on mock values here."""
    if id(site) not in _testers:
        _testers[id(site)] = member(site.node, site.admin, "tester@site.org", mock_execution=True)
    return _testers[id(site)]


def test_without_leave_there_is_no_mock_run(site: Cast) -> None:
    """THREATS 1.5, 2.1: running code on the node is the owner's to allow; the scientist cannot allow it."""
    name = f"mock{UID().hex}"
    site.scientist.submit(
        function(f"def {name}(x):\n    return x\n", name, parameters=(Parameter(name="x"),))
    )
    message = jobs.CallCode({"x": own_value(1)}, None, name, 20)
    assert refused(site.scientist, message)[0] == "authorization"
    own = site.scientist.say(users.GetAccount(), users.UserReply).user.uid
    assert refused(site.scientist, users.UpdateUser(own, mock_execution=True))[0] == "authorization"


def test_the_object_of_a_dataset_is_never_taken_for_a_mock(site: Cast) -> None:
    """THREATS 1.5: with leave to run on mocks, a call on an asset is for the real data, and waits for approval."""
    tester = mock_runner(site)
    data = upload(site.owner, SECRET, MOCK)
    submission = fresh("print(data)\nreturn data", data)
    tester.submit(submission)
    assert refused(tester, jobs.CallCode({"data": on(data)}, None, submission.name, 20))[0] == "not_approved"
    job = tester.call(submission.name, data=own_value(MOCK))
    assert tester.read(job.result_uid) == MOCK


def test_a_mock_run_gets_the_mock_or_nothing(tmp_path: Path) -> None:
    """THREATS 1.5: a queued try is made to run on an asset: it gets its mock, and where there is none, none."""
    for mock in (MOCK, None):
        home = tmp_path / str(mock)
        home.mkdir()
        with opened(home, start=False) as node:
            site = cast_on(node, home)
            tester = member(node, site.admin, "tester@site.org", mock_execution=True)
            data = upload(site.owner, SECRET, MOCK)
            submission = fresh("return data", data)
            tester.submit(submission)
            job = tester.call(submission.name, wait_s=0, data=own_value("a value of my own"))
            with tampering(site.store) as tx:
                tx.replace(msgspec.structs.replace(tx.get(Job, job.uid), arguments={"data": on(data)}))
                if mock is None:
                    tx.replace(msgspec.structs.replace(tx.get(ObjectRecord, data), mock=None))
            node.start()
            ended = tester.say(jobs.GetJob(job.uid, wait_s=20), jobs.JobReply).job
            if mock is None:
                assert (ended.state, ended.error_code) == (JobState.FAILED, "not_found")
            else:
                assert tester.read(ended.result_uid) == MOCK
