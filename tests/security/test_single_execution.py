"""As many results leave as were approved, whoever calls, from wherever, and however often (THREATS 1.2, 1.3)."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from support.people import Person, function, on
from support.sites import (
    Cast,
    again,
    at_once,
    cast_on,
    fresh,
    member,
    opened,
    own_value,
    refused,
    tampering,
    upload,
)
from syft.errors import InvalidState, NotApproved, PolicyExhausted
from syft.jobs.failures import MAX_FAILED_RUNS
from syft.model.code import CodeSubmission, InputPolicy, MustBe, OfType, OutputPolicy, Parameter
from syft.model.job import JobState, Release
from syft.model.message import Done
from syft.model.messages import datasets, jobs, objects
from syft.model.messages.jobs import JobView
from syft.model.messages.requests import RequestView
from syft.model.object import Face, ObjectKind, ObjectRecord
from syft.model.permission import Role
from syft.model.request import Request
from syft.model.uid import UID
from syft.transport.memory import MemoryRoute

# Differs from run to run: two results that are equal are one result.
ONCE = "import uuid\nreturn [data, uuid.uuid4().hex]"


def approved(site: Cast, submission: CodeSubmission) -> RequestView:
    return site.owner.approve(site.scientist.request(submission))


def logins(site: Cast, count: int) -> list[Person]:
    """That many keys that all speak for the scientist."""
    mail = "scientist@site.org"
    return [Person(MemoryRoute(site.node)).log_in(mail, "correct horse battery") for _ in range(count)]


def check_one_result(site: Cast, request: RequestView, answers: list[Any]) -> Any:
    """Each answer is the one result, or a refusal that says why; returns the result."""
    assert site.count(Release, request_uid=request.uid) == 1
    results = set()
    for answer in answers:
        if isinstance(answer, PolicyExhausted):
            continue
        assert isinstance(answer, JobView), answer
        if answer.state is JobState.RELEASED:
            results.add(answer.result_uid)
        else:
            check_came_too_late(answer)
    assert len(results) == 1
    return site.scientist.read(results.pop())


def check_came_too_late(answer: JobView) -> None:
    """The job ran, or was about to, when the last result had left: it has none, and says why."""
    assert answer.state in (JobState.WITHHELD, JobState.FAILED), answer
    assert answer.result_uid is None
    assert answer.result is None
    assert answer.error_code == "policy_exhausted", answer


def settled(person: Person, job: JobView) -> JobView:
    return person.say(jobs.GetJob(job.uid, wait_s=20), jobs.JobReply).job


# 1.2: one result


def test_called_twice_it_answers_once(site: Cast) -> None:
    """THREATS 1.2: the second call on the same inputs gets the first one's result, and says so."""
    data = upload(site.owner)
    request = approved(site, fresh(ONCE, data))
    name = request.code.submission.name
    answers = [site.scientist.call(name, data=on(data)) for _ in range(3)]
    assert answers[0].note == ""
    assert all("earlier result" in answer.note for answer in answers[1:])
    assert len({answer.uid for answer in answers}) == 1
    check_one_result(site, request, answers)


def test_called_by_sixteen_threads_of_four_logins(site: Cast) -> None:
    """THREATS 1.2: raced, blocking and not blocking at once; five times over."""
    people = logins(site, 4)
    for _ in range(5):
        data = upload(site.owner)
        request = approved(site, fresh(ONCE, data))
        name = request.code.submission.name
        answers = at_once(
            *(
                lambda person=people[number % 4], wait_s=(20, 0)[number // 4 % 2]: person.call(
                    name,  # noqa: B023 - called in this round
                    wait_s,
                    data=on(data),  # noqa: B023
                )
                for number in range(16)
            )
        )
        jobs_ = [answer for answer in answers if isinstance(answer, JobView)]
        ended = [settled(people[0], job) for job in jobs_]
        refusals = [answer for answer in answers if not isinstance(answer, JobView)]
        value = check_one_result(site, request, [*ended, *refusals])
        assert value[0] == 7
        # Nothing of the runs that came too late was kept.
        assert site.count(ObjectRecord, name=name, kind=ObjectKind.RESULT) == 1
        later = site.scientist.call(name, data=on(data))
        assert site.scientist.read(later.result_uid) == value


def test_called_again_after_a_restart(tmp_path: Path) -> None:
    """THREATS 1.2: the node is closed and opened again; it remembers what has left."""
    with opened(tmp_path) as node:
        site = cast_on(node, tmp_path)
        data = upload(site.owner)
        request = approved(site, fresh(ONCE, data))
        name = request.code.submission.name
        first = site.scientist.call(name, data=on(data))
        value = site.scientist.read(first.result_uid)
    with opened(tmp_path) as node:
        scientist = again(node, site.scientist)
        second = scientist.call(name, data=on(data))
        assert second.uid == first.uid
        assert scientist.read(second.result_uid) == value
        site.node = node
        assert site.count(Release, request_uid=request.uid) == 1


def test_queued_before_a_restart_and_called_after_it(tmp_path: Path) -> None:
    """THREATS 1.2: calls that waited in the queue when the node was closed, and one more."""
    with opened(tmp_path, start=False) as node:
        site = cast_on(node, tmp_path)
        data = upload(site.owner)
        request = approved(site, fresh(ONCE, data))
        name = request.code.submission.name
        waiting = [site.scientist.call(name, 0, data=on(data)) for _ in range(3)]
        assert {job.state for job in waiting} == {JobState.QUEUED}
    with opened(tmp_path) as node:
        site.node, site.scientist = node, again(node, site.scientist)
        answers = [*(settled(site.scientist, job) for job in waiting)]
        answers.append(site.scientist.call(name, data=on(data)))
        check_one_result(site, request, answers)


def test_closed_in_the_middle_of_a_run(tmp_path: Path) -> None:
    """THREATS 1.2: what ran when the node was closed is begun again, and answers once."""
    with opened(tmp_path) as node:
        site = cast_on(node, tmp_path)
        data = upload(site.owner)
        request = approved(site, fresh("import time\ntime.sleep(0.7)\n" + ONCE, data))
        job = site.scientist.call(request.code.submission.name, 0, data=on(data))
        until = time.monotonic() + 10
        while job.state is JobState.QUEUED and time.monotonic() < until:
            time.sleep(0.01)
            job = site.scientist.say(jobs.GetJob(job.uid), jobs.JobReply).job
        assert job.state is JobState.RUNNING
    with opened(tmp_path) as node:
        site.node, site.scientist = node, again(node, site.scientist)
        check_one_result(site, request, [settled(site.scientist, job)])


def test_asked_for_again_it_takes_another_approval(site: Cast) -> None:
    """THREATS 1.2: the same code, requested anew when it is used up, waits for the owner; then answers once more."""
    data = upload(site.owner)
    submission = fresh(ONCE, data)
    first = approved(site, submission)
    one = site.scientist.call(submission.name, data=on(data))
    second = site.scientist.request(submission)
    assert second.code.uid == first.code.uid
    with pytest.raises(NotApproved):
        site.scientist.call(submission.name, data=on(data))
    site.owner.approve(second)
    two = site.scientist.call(submission.name, data=on(data))
    assert site.scientist.read(one.result_uid) != site.scientist.read(two.result_uid)
    three = site.scientist.call(submission.name, data=on(data))
    assert three.uid == two.uid
    assert [site.count(Release, request_uid=one.uid) for one in (first, second)] == [1, 1]


def test_a_result_that_was_lost_is_not_made_again(site: Cast) -> None:
    """THREATS 1.2: that the one result is gone is no reason for another."""
    data = upload(site.owner)
    request = approved(site, fresh(ONCE, data))
    one = site.scientist.call(request.code.submission.name, data=on(data))
    with tampering(site.store) as tx:
        tx.remove(ObjectRecord, one.result_uid)
    with pytest.raises(PolicyExhausted):
        site.scientist.call(request.code.submission.name, data=on(data))
    assert site.count(Release, request_uid=request.uid) == 1


def test_launched_by_another_it_releases_nothing(site: Cast) -> None:
    """THREATS 1.2: nested, a function answers to its parent only; its own approval is not touched."""
    data = upload(site.owner)
    child = function("def kid(data):\n    return data\n", "kid", {"data": data})
    own = approved(site, child)
    parent = function(
        "def parent(data, datasite):\n"
        "    return [datasite.launch_job(kid, data=data + n).result for n in range(3)]\n",
        "parent",
        {"data": data},
        uses_datasite=True,
        nested=("kid",),
    )
    request = approved(site, parent)
    job = site.scientist.call("parent", data=on(data))
    assert site.scientist.read(job.result_uid) == [7, 8, 9]
    # What a private run launches is its owner's to see.
    assert not site.scientist.say(jobs.ListJobs(parent_uid=job.uid), jobs.JobsReply).jobs
    launched = site.owner.say(jobs.ListJobs(parent_uid=job.uid), jobs.JobsReply).jobs
    assert [(one.state, one.result_uid, one.result) for one in launched] == [
        (JobState.FINISHED, None, None)
    ] * 3
    assert site.count(Release, request_uid=request.uid) == 1
    assert site.count(Release, request_uid=own.uid) == 0
    assert site.scientist.call("kid", data=on(data)).state is JobState.RELEASED


# 1.2: N results


def counted(data: UID, limit: int) -> CodeSubmission:
    name = f"counted{UID().hex}"
    return CodeSubmission(
        name=name,
        source=f"def {name}(data, n):\n    return data + n\n",
        parameters=(Parameter(name="data"), Parameter(name="n")),
        input_policy=InputPolicy(kind="mixed", rules={"data": MustBe(data), "n": OfType("int")}),
        output_policy=OutputPolicy(limit=limit),
    )


def test_a_count_of_three_is_three(site: Cast) -> None:
    """THREATS 1.2: other inputs each time; the fourth is refused, and the first three answer for ever."""
    data = upload(site.owner, 100)
    request = approved(site, counted(data, 3))
    name = request.code.submission.name
    for n in range(3):
        job = site.scientist.call(name, data=on(data), n=own_value(n))
        assert site.scientist.read(job.result_uid) == 100 + n
    for n in range(3, 5):
        with pytest.raises(PolicyExhausted, match="3 times"):
            site.scientist.call(name, data=on(data), n=own_value(n))
    for n in range(3):
        job = site.scientist.call(name, data=on(data), n=own_value(n))
        assert site.scientist.read(job.result_uid) == 100 + n
    assert site.count(Release, request_uid=request.uid) == 3


def test_a_count_of_three_raced_on_eight_inputs(site: Cast) -> None:
    """THREATS 1.2: sixteen calls at once of two logins, two on each input: three results, neither more nor less."""
    people = logins(site, 2)
    for _ in range(3):
        data = upload(site.owner, 100)
        request = approved(site, counted(data, 3))
        name = request.code.submission.name
        answers = at_once(
            *(
                lambda person=people[number % 2], n=number // 2: person.call(
                    name,  # noqa: B023
                    data=on(data),  # noqa: B023
                    n=own_value(n),
                )
                for number in range(16)
            )
        )
        assert site.count(Release, request_uid=request.uid) == 3
        released = {}
        for answer in answers:
            if isinstance(answer, PolicyExhausted):
                continue
            assert isinstance(answer, JobView), answer
            if answer.state is JobState.RELEASED:
                released[answer.result_uid] = site.scientist.read(answer.result_uid)
            else:
                check_came_too_late(answer)
        assert len(released) == 3
        assert set(released.values()) <= {100 + n for n in range(8)}


# What failures tell is bounded


def test_a_run_that_fails_uses_nothing_up_but_not_for_ever(site: Cast) -> None:
    """THREATS 1.2, 1.5: the type and the line of an error are an answer too; there are ten, then it is over."""
    data = upload(site.owner)
    failing = function(
        "def failing(data, n):\n    return 1 // n\n",
        "failing",
        {"data": data},
        parameters=(Parameter(name="data"), Parameter(name="n")),
    )
    rules = {"data": MustBe(data), "n": OfType("int")}
    submission = CodeSubmission(
        name=failing.name,
        source=failing.source,
        parameters=failing.parameters,
        input_policy=InputPolicy(kind="mixed", rules=rules),
        output_policy=OutputPolicy(limit=2),
    )
    request = approved(site, submission)
    call = lambda n: site.scientist.call("failing", data=on(data), n=own_value(n))  # noqa: E731
    for _ in range(MAX_FAILED_RUNS - 1):
        assert call(0).error_code == "code_failed"
    assert call(1).state is JobState.RELEASED
    assert call(0).error_code == "code_failed"
    late = call(1)
    assert (late.state, late.error_code) == (JobState.FAILED, InvalidState.code)
    assert "failed 10 times" in late.note
    assert site.count(Release, request_uid=request.uid) == 1


def test_calls_that_came_too_late_are_no_failures(tmp_path: Path) -> None:
    """THREATS 1.2: the bound on failures is about what code tells by failing; these did not run."""
    with opened(tmp_path, start=False) as node:
        site = cast_on(node, tmp_path)
        data = upload(site.owner)
        request = approved(site, fresh(ONCE, data))
        name = request.code.submission.name
        waiting = [site.scientist.call(name, 0, data=on(data)) for _ in range(4)]
        node.start()
        answers = [settled(site.scientist, job) for job in waiting]
        check_one_result(site, request, answers)
        with site.store.reading() as reader:
            assert reader.get(Request, request.uid).failed_runs == 0


def test_a_run_that_was_under_way_when_the_last_failure_was_told_tells_nothing(site: Cast) -> None:
    """THREATS 1.2, 1.5: runs that began together, before the bound was reached, tell no more than it."""
    data = upload(site.owner)
    for failed, told in ((MAX_FAILED_RUNS - 1, True), (MAX_FAILED_RUNS, False)):
        request = approved(site, fresh("import time\nprint('begun')\ntime.sleep(0.5)\nraise KeyError", data))
        job = site.scientist.call(request.code.submission.name, 0, data=on(data))
        until = time.monotonic() + 20
        while "begun" not in str(site.owner.say(jobs.GetJobLog(job.uid, wait_s=1), jobs.JobLogReply)):
            assert time.monotonic() < until
        # As if the others had failed meanwhile.
        with tampering(site.store) as tx:
            tx.replace(msgspec.structs.replace(tx.get(Request, request.uid), failed_runs=failed))
        ended = settled(site.scientist, job)
        assert ended.state is JobState.FAILED
        assert ("KeyError" in ended.note) is told
        assert ("line" in ended.note) is told


def test_a_shared_result_is_read_by_the_owners_of_its_data_and_no_other(site: Cast) -> None:
    """THREATS 1.4: where its author shares it; and else by who asked alone."""
    mine, theirs = upload(site.owner, 3), upload(site.other_owner, 4)
    bystander = member(site.node, site.admin, "bystander@site.org", Role.DATA_OWNER)
    for shared in (True, False):
        name = f"shared{UID().hex}"
        code = function(
            f"def {name}(a, b):\n    return a + b\n",
            name,
            {"a": mine, "b": theirs},
            share_results_with_owners=shared,
        )
        site.admin.approve(site.scientist.request(code))
        uid = site.scientist.call(name, a=on(mine), b=on(theirs)).result_uid
        assert site.scientist.read(uid) == 7
        for owner in (site.owner, site.other_owner):
            seen = refused(owner, objects.ReadValue(uid, Face.PRIVATE))[0]
            assert seen == ("ok" if shared else "not_found")
        for other in (bystander, site.other_scientist):
            assert refused(other, objects.ReadValue(uid, Face.PRIVATE))[0] == "not_found"


def test_runs_that_are_stopped_are_bounded_like_those_that_fail(site: Cast) -> None:
    """THREATS 1.5: how far a run came is an answer, and who stops it then has had it for nothing."""
    data = upload(site.owner, 7, 1)
    body = "import time\ndatasite.init_progress(10)\ndatasite.set_progress(data)\ntime.sleep(60)"
    request = approved(site, fresh(body, data, uses_datasite=True))
    name = request.code.submission.name

    def begun() -> JobView:
        job = site.scientist.call(name, 0, data=on(data))
        until = time.monotonic() + 20
        while job.current_iter == 0 and job.ended_at is None and time.monotonic() < until:
            job = site.scientist.say(jobs.GetJob(job.uid), jobs.JobReply).job
            time.sleep(0.01)
        return job

    def stopped(by: Person, job: JobView) -> JobView:
        by.say(jobs.KillJob(job.uid), jobs.JobReply)
        return site.scientist.say(jobs.GetJob(job.uid, wait_s=20), jobs.JobReply).job

    # An owner who stops it uses nothing up.
    assert stopped(site.owner, begun()).state is JobState.CANCELLED
    for _ in range(MAX_FAILED_RUNS):
        job = begun()
        assert job.current_iter == 7
        assert stopped(site.scientist, job).state is JobState.CANCELLED
    late = begun()
    assert (late.state, late.current_iter) == (JobState.FAILED, 0)
    assert "failed 10 times" in late.note


def test_launched_runs_that_fail_are_bounded_too(site: Cast) -> None:
    """THREATS 1.5: one run that launches failing ones must not spell the data out by their lines."""
    data = upload(site.owner, "Jane Doe")
    lines = "".join(f"    if x == {code}:\n        raise ValueError\n" for code in range(32, 123))
    site.scientist.submit(
        function(f"def spell(x):\n{lines}", "spell", parameters=(Parameter(name="x"),), limit=1)
    )
    parent = function(
        "def speller(data, datasite):\n"
        "    for n in range(40):\n"
        "        datasite.launch_job(spell, x=ord(data[n % len(data)])).wait()\n"
        "    return 0\n",
        "speller",
        {"data": data},
        uses_datasite=True,
        nested=("spell",),
    )
    approved(site, parent)
    job = site.scientist.call("speller", data=on(data))
    seen = site.scientist.say(jobs.ListJobs(parent_uid=job.uid), jobs.JobsReply).jobs
    told = [one.note.split("line ")[1].split(".")[0] for one in seen if "line " in one.note]
    spelled = "".join(chr(int(line) // 2 + 30) for line in told if line.isdigit())
    assert len(told) <= MAX_FAILED_RUNS, spelled


def test_launched_runs_that_fail_at_once_are_bounded_too(site: Cast) -> None:
    """THREATS 1.5: forty launched together, before the first has failed, are forty failures."""
    data = upload(site.owner, "Jane Doe")
    site.scientist.submit(
        function("def late(x):\n    raise ValueError\n", "late", parameters=(Parameter(name="x"),))
    )
    parent = function(
        "def crowd(data, datasite):\n"
        "    started = [datasite.launch_job(late, x=n) for n in range(40)]\n"
        "    for one in started:\n"
        "        one.wait()\n"
        "    return 0\n",
        "crowd",
        {"data": data},
        uses_datasite=True,
        nested=("late",),
    )
    approved(site, parent)
    job = site.scientist.call("crowd", data=on(data))
    seen = site.scientist.say(jobs.ListJobs(parent_uid=job.uid), jobs.JobsReply).jobs
    assert len([one for one in seen if "ValueError" in one.note]) <= MAX_FAILED_RUNS


# 1.3: nothing else


def test_somebody_else_gets_no_result(site: Cast) -> None:
    """THREATS 1.2, 1.4: another account with the same code, or the job's name, gets nothing."""
    stranger = member(site.node, site.admin, "stranger@site.org")
    data = upload(site.owner)
    request = approved(site, fresh(ONCE, data))
    job = site.scientist.call(request.code.submission.name, data=on(data))
    call = jobs.CallCode({"data": on(data)}, request.code.uid, None, 20)
    assert refused(stranger, call)[0] == "not_found"
    assert refused(stranger, jobs.GetJob(job.uid))[0] == "not_found"


def test_data_deleted_while_code_runs_gives_no_result(site: Cast) -> None:
    """THREATS 1.1, 1.6: the owner takes the dataset away while a run on it goes on; what it computed stays."""
    dataset = site.owner.upload("short-lived", "private text", "mock")
    data = dataset.dataset.assets[0].object_uid
    slow = fresh("import time\ntime.sleep(1)\nreturn data", data)
    site.owner.approve(site.scientist.request(slow))
    job = site.scientist.call(slow.name, wait_s=0, data=on(data))
    while site.scientist.say(jobs.GetJob(job.uid), jobs.JobReply).job.state is not JobState.RUNNING:
        time.sleep(0.01)
    site.owner.say(datasets.DeleteDataset(dataset.dataset.uid), Done)
    ended = site.scientist.say(jobs.GetJob(job.uid, wait_s=20), jobs.JobReply).job
    assert ended.state is JobState.WITHHELD
    assert ended.result_uid is None
