"""Jobs on unhappy paths: every one comes to an end that can be seen, and leaves nothing behind."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from support.people import Person, function, on
from support.sites import Cast, at_once, fresh, member, own_value, refused, upload
from syft.errors import InvalidState, NotFound, StorageFull
from syft.jobs.sink import ResultSink
from syft.jobs.waiters import WAITING_PER_ACCOUNT
from syft.model.code import CodeSubmission, Parameter
from syft.model.job import Job, JobState
from syft.model.message import Done
from syft.model.messages import codes, jobs, requests
from syft.model.messages.datasets import DeleteDataset
from syft.model.request import RequestState
from syft.policy.limits import MAX_DEPTH

LARGE = b"x" * 100_000


def approved(site: Cast, code: CodeSubmission) -> requests.RequestView:
    return site.owner.approve(site.scientist.request(code))


def job_of(person: Person, uid: Any, wait_s: float = 0) -> jobs.JobView:
    return person.say(jobs.GetJob(uid, wait_s=wait_s), jobs.JobReply).job


def until_running(person: Person, uid: Any) -> None:
    deadline = time.monotonic() + 20
    while job_of(person, uid).state is not JobState.RUNNING:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def blobs_in(site: Cast) -> set[str]:
    return set(site.site.blobs.digests())


@contextmanager
def disk_full_for_results(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    def full(self: ResultSink, data: Any) -> int:
        raise StorageFull("There is no room left on the disk.")

    with monkeypatch.context() as patch:
        patch.setattr(ResultSink, "write", full)
        yield


def test_a_full_disk_ends_the_job_and_nothing_else(site: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    data = upload(site.owner)
    request = approved(site, fresh("return data", data))
    name = request.code.submission.name
    with disk_full_for_results(monkeypatch):
        ended = [site.scientist.call(name, data=on(data)) for _ in range(3)]
    assert [(job.state, job.error_code) for job in ended] == [(JobState.FAILED, "storage_full")] * 3
    assert site.scientist.call(name, data=on(data)).state is JobState.RELEASED


def test_a_fault_of_ours_ends_the_job_and_no_worker(site: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    data = upload(site.owner)
    request = approved(site, fresh("return data", data))
    name = request.code.submission.name

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("private text")

    with monkeypatch.context() as patch:
        patch.setattr(type(site.site.runs._preparation), "of", broken)
        ended = [site.scientist.call(name, data=on(data)) for _ in range(4)]
    assert {(job.state, job.error_code) for job in ended} == {(JobState.FAILED, "internal")}
    assert all("private text" not in job.note for job in ended)
    assert site.scientist.call(name, data=on(data)).state is JobState.RELEASED


def test_cancelled_before_during_and_after(site: Cast) -> None:
    data = upload(site.owner)
    slow = approved(site, fresh("import time\ntime.sleep(30)\nreturn 1", data, limit=9)).code.submission.name
    started = [site.scientist.call(slow, wait_s=0, data=on(data)) for _ in range(4)]
    for job in started:
        site.scientist.say(jobs.KillJob(job.uid), jobs.JobReply)
    for job in started:
        assert job_of(site.scientist, job.uid, wait_s=10).state is JobState.CANCELLED
    with pytest.raises(InvalidState, match="cancelled already"):
        site.scientist.say(jobs.KillJob(started[0].uid), jobs.JobReply)
    assert not site.site.runs._cancelled


def test_what_a_job_was_called_with_goes_when_it_ends(site: Cast) -> None:
    tester = member(site.node, site.admin, "tester@site.org", mock_execution=True)
    code = function("def size(data):\n    return len(data)\n", "size", parameters=(Parameter(name="data"),))
    tester.submit(code)
    before = blobs_in(site)
    for _ in range(3):
        assert tester.call("size", data=own_value(LARGE)).state is JobState.RELEASED
    assert blobs_in(site) == before


def test_deleting_a_dataset_leaves_what_a_waiting_job_brought(site: Cast) -> None:
    tester = member(site.node, site.admin, "waiting@site.org", mock_execution=True)
    code = function(
        "def slow(data):\n    import time\n    time.sleep(1)\n    return len(data)\n",
        "slow",
        parameters=(Parameter(name="data"),),
    )
    tester.submit(code)
    dataset = site.owner.upload("same content", LARGE, b"")
    running = [tester.call("slow", wait_s=0, data=own_value(LARGE)) for _ in range(4)]
    site.owner.say(DeleteDataset(dataset.dataset.uid), Done)
    assert [job_of(tester, job.uid, wait_s=20).state for job in running] == [JobState.RELEASED] * 4


def test_asking_again_does_not_take_an_approval_away(site: Cast) -> None:
    data = upload(site.owner)
    code = fresh("return data", data)
    approved(site, code)
    again = site.scientist.request(code)
    assert again.state is RequestState.PENDING
    assert site.scientist.call(code.name, data=on(data)).state is JobState.RELEASED


def test_results_are_shared_with_the_owners_of_the_data_when_the_author_says_so(site: Cast) -> None:
    theirs, others = upload(site.owner, 3), upload(site.other_owner, 4)
    for shared in (True, False):
        name = f"both_{shared}".lower()
        code = function(
            f"def {name}(a, b):\n    return a + b\n",
            name,
            {"a": theirs, "b": others},
            share_results_with_owners=shared,
        )
        site.admin.approve(site.scientist.request(code))
        job = site.scientist.call(name, a=on(theirs), b=on(others))
        assert site.scientist.read(job.result_uid) == 7
        for owner in (site.owner, site.other_owner):
            seen = job_of(owner, job.uid)
            assert (seen.result_uid is not None) is shared
            if shared:
                assert owner.read(job.result_uid) == 7
            else:
                with pytest.raises(NotFound):
                    owner.read(job.result_uid)


def test_one_account_cannot_hold_every_thread(site: Cast) -> None:
    data = upload(site.owner)
    slow = approved(site, fresh("import time\ntime.sleep(3)\nreturn 1", data)).code.submission.name
    job = site.scientist.call(slow, wait_s=0, data=on(data))
    until_running(site.scientist, job.uid)
    began = time.monotonic()
    answers: list[float] = []

    def wait() -> None:
        job_of(site.scientist, job.uid, wait_s=25)
        answers.append(time.monotonic() - began)

    threads = [threading.Thread(target=wait) for _ in range(WAITING_PER_ACCOUNT + 10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(one < 2 for one in answers) >= 10, "those without a seat are answered at once"
    assert job_of(site.scientist, job.uid, wait_s=10).state is JobState.RELEASED


def test_functions_that_launch_each_other_come_to_an_end(site: Cast) -> None:
    for one, other in (("ping", "pong"), ("pong", "ping")):
        source = f"def {one}(datasite, n):\n    job = datasite.launch_job({other}, n=n + 1)\n    return job.result\n"
        site.scientist.submit(
            function(source, one, parameters=(Parameter(name="n"),), uses_datasite=True, nested=(other,))
        )
    source = "def start(datasite):\n    return datasite.launch_job(ping, n=0).result\n"
    code = function(source, "start", uses_datasite=True, nested=("ping",))
    approved(site, code)
    job = site.scientist.call("start")
    assert job.state is JobState.FAILED
    with site.store.reading() as reader:
        launched = [
            one for one in reader.select(Job, requester_uid=job.requester.uid) if one.parent_uid == job.uid
        ]
    assert len(launched) == MAX_DEPTH


def test_a_launched_functions_progress_is_not_its_parents(site: Cast) -> None:
    child = (
        "def child(datasite):\n    datasite.init_progress(4)\n    datasite.set_progress(4)\n    return 1\n"
    )
    site.scientist.submit(function(child, "child", uses_datasite=True))
    parent = (
        "def parent(datasite):\n    import time\n    datasite.init_progress(10)\n    datasite.set_progress(1)\n"
        "    time.sleep(0.5)\n    return datasite.launch_job(child).result\n"
    )
    approved(site, function(parent, "parent", uses_datasite=True, nested=("child",)))
    job = site.scientist.call("parent")
    assert job.state is JobState.RELEASED
    seen = job_of(site.admin, job.uid)
    assert (seen.current_iter, seen.n_iters) == (1, 10)


def test_many_long_functions_can_still_be_listed_and_denied(site: Cast) -> None:
    padding = "# " + "x" * 200_000 + "\n"
    many = [fresh(f"{padding}return {number}") for number in range(50)]
    at_once(*(lambda code=code: site.other_scientist.request(code) for code in many[:4]))
    for code in many[4:]:
        site.other_scientist.request(code)
    seen, offset = 0, 0
    while True:
        reply = site.admin.say(requests.ListRequests(offset=offset), requests.RequestsReply)
        seen, offset = seen + len(reply.requests), offset + len(reply.requests)
        if offset >= reply.total:
            break
        assert reply.requests
    assert seen == reply.total
    listed = site.admin.say(codes.ListCodes(), codes.CodesReply)
    assert 0 < len(listed.codes) < listed.total
    last = site.admin.say(requests.GetRequest(index=-1), requests.RequestReply).request
    denied = site.admin.say(requests.DenyRequest(last.uid, "Too long."), requests.RequestReply).request
    assert denied.state is RequestState.REJECTED


def test_a_function_that_launches_more_than_anybody_reviews_can_be_denied(site: Cast) -> None:
    names = [f"part{number}" for number in range(60)]
    launches = "\n".join(f"    datasite.launch_job({name})" for name in names)
    for name in names:
        site.scientist.submit(function(f"def {name}():\n    return 1\n", name))
    code = function(f"def wide(datasite):\n{launches}\n", "wide", uses_datasite=True, nested=tuple(names))
    request = site.scientist.request(code)
    assert len(request.nested) < len(names)
    assert (
        refused(site.owner, requests.ApproveRequest(request.uid, request.code.digest))[0] == "invalid_state"
    )
    denied = site.owner.say(requests.DenyRequest(request.uid, "Too many."), requests.RequestReply).request
    assert denied.state is RequestState.REJECTED


def test_an_owner_finds_a_request_by_its_place_among_theirs(site: Cast) -> None:
    theirs, others = upload(site.owner), upload(site.other_owner)
    mine = site.scientist.request(fresh("return data", theirs))
    site.scientist.request(fresh("return data", others))
    last = site.owner.say(requests.GetRequest(index=-1), requests.RequestReply).request
    assert last.uid == mine.uid
    total = site.owner.say(requests.ListRequests(), requests.RequestsReply).total
    at = site.owner.say(requests.GetRequest(index=total - 1), requests.RequestReply).request
    assert at.uid == mine.uid
    assert refused(site.owner, requests.GetRequest(index=total))[0] == "not_found"
