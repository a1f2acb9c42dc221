"""The job API over HTTP with a real server: logs and bars as they come, stopping, running again, going first."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import syft as sy
from support.people import ROOT
from support.servers import ServerProcess
from syft.client.client import Client
from syft.client.following import follow_log
from syft.client.jobs import Job
from syft.client.login import connect, login
from syft.client.present import settings
from syft.errors import AuthorizationException, InvalidInput, InvalidState, NotFound
from syft.model.job import JobState

ADA = ("ada@example.org", "lovelace")
DATA, MOCK = [1, 2, 3], [4, 5]


@dataclass
class People:
    """A server and who uses it."""

    server: ServerProcess
    owner: Client
    ada: Client
    count: int = field(default=0)

    def again(self, email: str, password: str) -> Client:
        return login(email, password, url=self.server.url)

    @property
    def asset(self) -> Any:
        return self.ada.datasets["numbers"].assets[0]

    def approved(self, body: str, *, limit: int = 20) -> str:
        """Approved code of Ada's on the owner's numbers; its name."""
        self.count += 1
        name = f"job{self.count}"
        lines = "\n".join(f"    {line}" for line in body.splitlines())
        function = sy.syft_function(
            input_policy=sy.ExactMatch(data=self.asset),
            output_policy=sy.OutputPolicyExecuteCount(limit),
            name=name,
        )(_compiled(f"def {name}(datasite, data):\n{lines}\n", name))
        self.ada.code.request_code_execution(function)
        self.owner.requests[-1].approve()
        return name

    def begun(self, body: str) -> Job:
        """A run of Ada's on the real data."""
        return getattr(self.ada.code, self.approved(body))(data=self.asset, blocking=False)

    def tried(self, body: str) -> Job:
        """Likewise, on numbers of her own."""
        return getattr(self.ada.code, self.approved(body))(data=MOCK, blocking=False)


def _compiled(source: str, name: str) -> Any:
    """A function whose source can be read, as in a notebook's cell."""
    import linecache

    file = f"<{name}>"
    linecache.cache[file] = len(source), None, source.splitlines(keepends=True), file
    space: dict[str, Any] = {}
    exec(compile(source, file, "exec"), space)
    return space[name]


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Iterator[People]:
    home = tmp_path_factory.mktemp("following")
    settings.quiet = True
    with ServerProcess(home, SYFT_WORKERS="2", SYFT_DURABILITY="normal") as server:
        owner = login(*ROOT, url=server.url)
        owner.settings.allow_guest_signup(enable=True)
        asset = sy.Asset(name="numbers", data=DATA, mock=MOCK)
        owner.upload_dataset(sy.Dataset(name="numbers", asset_list=[asset]))
        connect(url=server.url).register(name="Ada", email=ADA[0], password=ADA[1])
        owner.users[ADA[0]].allow_mock_execution()
        yield People(server, owner, login(*ADA, url=server.url))
    settings.quiet = False


@pytest.fixture(autouse=True)
def nothing_left(people: People) -> Iterator[None]:
    """Whatever a test left running is stopped."""
    yield
    for job in people.owner.jobs.get_active():
        if not job.has_parent:
            try:
                job.kill()
            except InvalidState:
                assert job.resolved


def until(happened: Callable[[], Any], what: str) -> None:
    deadline = time.monotonic() + 30
    while not happened():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


class Shared(io.StringIO):
    """Text that one thread writes and another reads; a terminal, for those who ask."""

    def isatty(self) -> bool:
        return True


@contextmanager
def following(job: Job) -> Iterator[Callable[[], str]]:
    """Somebody follows that log in a thread, until it has ended; what they have seen so far."""
    seen = Shared()
    errors: list[BaseException] = []

    def follow() -> None:
        try:
            follow_log(job._session, job.id, seen.write, stdout=True, stderr=True)
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=follow)
    thread.start()
    yield seen.getvalue
    thread.join(timeout=30)
    assert not thread.is_alive()
    assert not errors


FOREVER = "import time\nwhile True:\n    time.sleep(0.1)"


# Logs


def test_a_log_is_there_while_the_job_runs(people: People) -> None:
    job = people.tried(f"import sys\nprint('first', data)\nprint('oh', file=sys.stderr)\n{FOREVER}")
    until(lambda: "first" in str(job.logs(_print=False)), "nothing of it is seen")
    until(lambda: "oh" in str(job.logs(stdout=False, _print=False)), "nothing of its errors is seen")
    assert "first" not in str(job.logs(stdout=False, _print=False))
    assert "oh" not in str(job.logs(stderr=False, _print=False))
    assert job.status is JobState.RUNNING
    job.kill()
    until(lambda: job.resolved, "it does not end")
    assert "first [4, 5]" in str(job.logs(_print=False)), "it stays when it has ended"


def test_following_prints_as_it_comes_until_the_end(people: People) -> None:
    job = people.tried(f"print('one')\nprint('two')\n{FOREVER}")
    with following(job) as seen:
        until(lambda: "two" in seen(), "nothing comes")
        assert job.status is JobState.RUNNING
        job.kill()
    assert seen().startswith("one\ntwo\n")
    with redirect_stdout(Shared()) as printed:
        assert job.logs(follow=True) is None
    assert printed.getvalue() == seen()


def test_following_from_its_queue_to_its_error(people: People) -> None:
    busy = [people.tried(FOREVER) for _ in range(2)]
    until(lambda: all(job.status is JobState.RUNNING for job in busy), "they do not begin")
    waiting = people.tried("for line in range(200):\n    print('line', line)\nraise ValueError('at the end')")
    assert waiting.status is JobState.QUEUED
    with following(waiting) as seen:
        busy[0].kill()
    lines = [line for line in seen().splitlines() if line.startswith("line ")]
    assert lines == [f"line {number}" for number in range(200)], "each once, in order"
    assert "ValueError: at the end" in seen()
    assert waiting.status is JobState.FAILED
    text = waiting.logs(follow=True, _print=False)
    assert text is not None
    assert "line 199" in text


def test_the_owner_follows_a_private_run_and_its_requester_waits_for_its_end(people: People) -> None:
    job = people.begun(f"print('private', data)\n{FOREVER}")
    theirs = people.owner.jobs[job.id]
    with following(theirs) as owner, following(job) as requester:
        until(lambda: "private [1, 2, 3]" in owner(), "the owner sees nothing")
        until(lambda: "stays with the data owner" in requester(), "the requester is not told why")
        job.kill()
    assert "private" not in requester().replace("What a private run prints", "")
    assert requester().count("stays with the data owner") == 1
    assert "It was cancelled." in requester()


def test_the_log_of_a_launched_run_can_be_followed(people: People) -> None:
    people.ada.code.submit(
        sy.syft_function(name="kid_prints")(
            _compiled(
                "def kid_prints(datasite):\n    import time\n    print('hello from below')\n"
                "    while True:\n        time.sleep(0.1)\n",
                "kid_prints",
            )
        )
    )
    job = people.tried("return datasite.launch_job(kid_prints).result")
    until(lambda: len(job.subjobs) == 1, "nothing was launched")
    launched = job.subjobs[0]
    assert launched.parent is not None
    assert launched.parent.id == job.id
    assert [one.id for one in people.ada.jobs.get_subjobs(job.id)] == [launched.id]
    with following(launched) as seen:
        until(lambda: "hello from below" in seen(), "nothing comes")
        assert "hello" not in str(job.logs(_print=False)), "what it prints is its own"
        job.kill()
    with pytest.raises(
        InvalidState, match=r"Not possible to restart subjobs\. Please restart the parent job\."
    ):
        launched.restart()
    assert people.ada.jobs[launched.id].resolved


def test_who_waits_for_a_launched_run_is_told_of_its_end_at_once(people: People) -> None:
    people.ada.code.submit(
        sy.syft_function(name="kid_ends")(
            _compiled("def kid_ends():\n    import time\n    time.sleep(1)\n    return 1\n", "kid_ends")
        )
    )
    job = people.tried(f"datasite.launch_job(kid_ends).wait()\n{FOREVER}")
    until(lambda: len(job.subjobs) == 1, "nothing was launched")
    launched = job.subjobs[0]
    with pytest.raises(InvalidState, match="went to the job that launched it"):
        launched.wait(timeout=10)
    assert not job.resolved


# Bars


def test_waiting_shows_a_bar_where_somebody_looks(people: People) -> None:
    body = (
        "import time\ndatasite.init_progress(4)\n"
        "for step in range(4):\n    time.sleep(0.4)\n    datasite.increment_progress()\nreturn 7"
    )
    job = people.tried(body)
    settings.quiet = False
    try:
        with redirect_stderr(Shared()) as seen:
            assert job.wait(timeout=60).get() == 7
    finally:
        settings.quiet = True
    assert f"{job.name}: 100%" in seen.getvalue()
    settings.quiet = False
    try:
        with redirect_stderr(Shared()) as seen:
            assert getattr(people.ada.code, job.name)(data=MOCK).get() == 7
    finally:
        settings.quiet = True
    assert f"{job.name}: 100%" in seen.getvalue(), "a call that blocks has the bar as well"
    assert "4/4" in seen.getvalue()
    with redirect_stderr(Shared()) as quiet:
        people.tried("datasite.init_progress(2)\ndatasite.set_progress(1)\nreturn 1").wait(timeout=60)
    assert quiet.getvalue() == ""


def test_a_bar_shows_tenths_of_a_private_run_to_its_requester(people: People) -> None:
    job = people.begun(f"datasite.init_progress(1000)\ndatasite.set_progress(555)\nprint('said')\n{FOREVER}")
    theirs = people.owner.jobs[job.id]
    until(lambda: theirs.current_iter == 555, "the owner does not see how far it is")
    assert (job.current_iter, job.n_iters) == (5, 10)
    assert job.progress == " 50% |██████████          | 5/10"
    eta = job.eta_string
    assert eta is not None
    assert eta.startswith("[")
    assert eta.endswith("s/it")
    assert " 50% |" in repr(people.ada.jobs)
    assert "width:50%" in people.ada.jobs._repr_html_()
    assert "width:56%" in theirs._repr_html_()


def test_waiting_in_vain_says_how_it_stands(people: People) -> None:
    job = people.tried(f"datasite.init_progress(2)\n{FOREVER}")
    settings.quiet = False
    try:
        with redirect_stderr(Shared()), pytest.raises(InvalidState, match="Reached Timeout!"):
            job.wait(timeout=1)
    finally:
        settings.quiet = True
    assert not job.has_ended
    assert job.resolve.message.endswith("not ready yet.")


# Stopping and running again


def test_what_was_stopped_runs_again_as_another_job(people: People) -> None:
    job = people.begun(FOREVER)
    first = job.id
    with pytest.raises(InvalidState, match="Jobs in progress cannot be restarted"):
        job.restart()
    assert job.kill().message == "Job killed successfully!"
    assert job.has_ended, "so that the next line may restart it"
    with pytest.raises(InvalidState, match="Job is not running: it is cancelled already"):
        job.kill()
    assert job.status == sy.JobStatus.INTERRUPTED
    assert job.restart().message == "Great Success!"
    assert job.id != first
    assert job.repeats == first
    until(lambda: job.status is JobState.RUNNING, "it does not begin")
    assert people.ada.jobs[first].status is JobState.CANCELLED, "what happened is not rewritten"
    assert {one.id for one in people.ada.jobs.get_active()} == {job.id}
    with pytest.raises(AuthorizationException, match="Only who asked"):
        people.owner.jobs.restart(first)


def test_what_failed_runs_again_on_the_same_arguments(people: People) -> None:
    body = "datasite.init_progress(1)\nraise ValueError(f'again {data}')"
    job = people.tried(body)
    with pytest.raises(sy.SyftException, match=r"again \[4, 5\]"):
        job.wait(timeout=60)
    again = people.ada.jobs.restart(job.id).value
    with pytest.raises(sy.SyftException, match=r"again \[4, 5\]"):
        again.wait(timeout=60)
    assert again.repeats == job.id


def test_arguments_that_are_gone_are_said(people: People) -> None:
    name = people.approved("raise ValueError(len(data))")
    job = getattr(people.ada.code, name)(data=list(range(100_000)), blocking=False)
    with pytest.raises(sy.SyftException, match="100000"):
        job.wait(timeout=60)
    with pytest.raises(InvalidState, match=r"is no longer kept\. Call the function again"):
        job.restart()


def test_what_ended_well_is_not_restarted(people: People) -> None:
    job = people.begun("return len(data)")
    pointer = job.wait(timeout=60)
    assert pointer.get() == 3
    with pytest.raises(InvalidState, match="its result is there"):
        job.restart()
    assert [one.id for one in people.ada.jobs.get_by_result_id(pointer.id)] == [job.id]
    assert "Result:\n3" in repr(job.info(result=True))


def test_a_restart_is_checked_as_a_fresh_call(people: People) -> None:
    job = people.begun("raise ValueError('no')")
    with pytest.raises(sy.SyftException):
        job.wait(timeout=60)
    request = next(one for one in people.owner.requests if one.code.name == job.name)
    request.deny(reason="Not any more.")
    with pytest.raises(sy.SyftException, match="Not any more"):
        job.restart()
    assert job.repeats is None


# Going first


def test_of_those_that_wait_the_highest_is_next(people: People) -> None:
    busy = [people.tried(FOREVER) for _ in range(2)]
    until(lambda: all(job.status is JobState.RUNNING for job in busy), "they do not begin")
    usual, urgent = (people.tried(FOREVER) for _ in range(2))
    with pytest.raises(AuthorizationException, match="behind others"):
        urgent.set_priority(1)
    assert people.owner.jobs[urgent.id].set_priority(50).message == f"The priority of '{urgent.name}' is 50."
    assert people.ada.jobs[urgent.id].priority == 50
    assert "50" in repr(people.ada.jobs)
    with pytest.raises(InvalidInput, match="from -100 to 100"):
        urgent.set_priority(-101)
    with pytest.raises(InvalidState, match="does not wait any more"):
        busy[0].set_priority(-1)
    busy[0].kill()
    until(lambda: urgent.status is JobState.RUNNING, "the urgent one is not next")
    assert usual.status is JobState.QUEUED


def test_a_job_of_ones_own_can_be_put_behind_others(people: People) -> None:
    busy = [people.tried(FOREVER) for _ in range(2)]
    until(lambda: all(job.status is JobState.RUNNING for job in busy), "they do not begin")
    first, second = (people.tried(FOREVER) for _ in range(2))
    first.set_priority(-5)
    busy[0].kill()
    until(lambda: second.status is JobState.RUNNING, "the other one is not next")
    assert first.status is JobState.QUEUED


def test_a_job_of_somebody_else_is_not_there(people: People, tmp_path: Path) -> None:
    connect(url=people.server.url).register(name="Eve", email="eve@example.org", password="evesdrop")
    eve = people.again("eve@example.org", "evesdrop")
    job = people.begun(f"print(data)\n{FOREVER}")
    as_eve = Job(eve.session, job._view)
    for act in (
        lambda: as_eve.logs(follow=True),
        as_eve.refresh,
        as_eve.kill,
        as_eve.restart,
        lambda: as_eve.set_priority(-1),
        lambda: eve.jobs[job.id],
    ):
        with pytest.raises(NotFound):
            act()
    assert len(eve.jobs.get_active()) == len(eve.jobs) == 0
