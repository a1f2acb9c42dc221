"""An answer that is given by hand is the only thing its requester ever gets: the code does not run afterwards.

THREATS 1.3. Each way to have it run all the same is tried without the deposit, too, where it runs.
"""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from support.held import job_of, reviewed
from support.people import Person, function, new_value, on
from support.sites import Cast, at_once, fresh, member, own_value, refused, tampering, upload
from syft.errors import SyftException
from syft.model.code import (
    CodeSubmission,
    CustomPolicy,
    InputPolicy,
    Mode,
    MustBe,
    OfType,
    OutputPolicy,
    Parameter,
)
from syft.model.held import HeldResult
from syft.model.job import Job, JobState, Release
from syft.model.messages import jobs, requests, results, users
from syft.model.messages.datasets import NewSafeguards, NewValue
from syft.model.messages.objects import ObjectReply, SetSafeguards
from syft.model.object import ObjectRecord
from syft.model.permission import Grant, Role
from syft.model.request import Request, RequestState
from syft.model.terms import Safeguards
from syft.model.uid import UID
from syft.transport.memory import MemoryRoute

BY_HAND = 42


def asked(site: Cast, body: str = "return len(data)", **options: Any) -> requests.RequestView:
    data = upload(site.owner, [1, 2, 3])
    return site.scientist.request(fresh(body, data, **options))


def data_of(request: requests.RequestView) -> UID:
    return request.code.submission.input_policy.objects["data"].object_uid


def deposit(person: Person, request: requests.RequestView, value: Any = BY_HAND, **said: str) -> jobs.JobView:
    message = results.DepositResult(request.uid, new_value(value), **said)
    return person.say(message, jobs.JobReply).job


def call(site: Cast, request: requests.RequestView, **arguments: Any) -> jobs.JobView:
    return site.scientist.call(request.code.submission.name, **(arguments or {"data": on(data_of(request))}))


def runs(site: Cast, request: requests.RequestView) -> int:
    """How many runs of that code there were."""
    with site.store.reading() as reader:
        found = reader.select(Job, code_uid=request.code.uid)
    return sum(job.given_by is None for job in found)


# what its requester gets


def test_the_requester_has_the_answer_and_nothing_ran(site: Cast) -> None:
    request = asked(site)
    given = deposit(site.owner, request, log_stdout="three rows\n", log_stderr="careful\n", reason="by hand")
    assert (given.state, given.by_hand) == (JobState.RELEASED, True)
    job = call(site, request)
    assert job.uid == given.uid
    assert "by hand" in job.note
    assert site.scientist.read(job.result_uid) == BY_HAND
    log = site.scientist.say(jobs.GetJobLog(job.uid), jobs.JobLogReply)
    assert (log.stdout, log.stderr) == ("three rows\n", "careful\n")
    view = site.scientist.say(requests.GetRequest(request.uid), requests.RequestReply).request
    assert (view.state, view.deposited, view.results_released) == (RequestState.APPROVED, True, 1)
    assert site.count(Release, request_uid=request.uid) == 1
    assert runs(site, request) == 0
    # The fence is there: approved, the same code runs.
    other = site.owner.approve(asked(site))
    assert site.scientist.read(call(site, other).result_uid) == 3


def test_nobody_else_has_the_answer(site: Cast) -> None:
    given = deposit(site.owner, asked(site))
    job = job_of(site.scientist, given.uid)
    for somebody in (site.other_scientist, site.other_owner):
        assert refused(somebody, jobs.GetJob(given.uid))[0] == "not_found"
        assert refused(somebody, jobs.GetJobLog(given.uid))[0] == "not_found"
        with pytest.raises(SyftException):
            somebody.read(job.result_uid)


@pytest.mark.parametrize("wait_s", [0.0, 20.0])
def test_whatever_it_is_called_on_gives_that_answer(site: Cast, wait_s: float) -> None:
    data = upload(site.owner, [1, 2, 3])
    name = f"scaled_{UID().hex}"
    code = CodeSubmission(
        name=name,
        source=f"def {name}(data, times):\n    return len(data) * times\n",
        parameters=(Parameter(name="data"), Parameter(name="times")),
        input_policy=InputPolicy(kind="mixed", rules={"data": MustBe(data), "times": OfType("int")}),
        output_policy=OutputPolicy(limit=10),
    )
    request = site.scientist.request(code)
    site.owner.approve(request)
    before = site.scientist.call(name, wait_s=20, data=on(data), times=own_value(2))
    assert site.scientist.read(before.result_uid) == 6
    given = deposit(site.owner, request)
    for times in (2, 3, 4):
        job = site.scientist.call(name, wait_s=wait_s, data=on(data), times=own_value(times))
        assert job.uid == given.uid
        assert site.scientist.read(job.result_uid) == BY_HAND
    assert runs(site, request) == 1


# the code does not run afterwards


def test_a_run_that_waits_in_the_queue_comes_to_nothing(site: Cast) -> None:
    """It was queued before the deposit, and is prepared after it."""
    request = site.owner.approve(asked(site, "import time\ntime.sleep(1)\nreturn len(data)", limit=5))
    with tampering(site.store) as tx:
        code = tx.get(Request, request.uid)
        waiting = Job(
            uid=UID(),
            code_uid=request.code.uid,
            code_name=request.code.submission.name,
            requester_uid=code.requester_uid,
            request_uid=request.uid,
            mode=Mode.PRIVATE,
            state=JobState.RUNNING,
            attempt=1,
            arguments={"data": on(data_of(request))},
            created_at=code.created_at,
        )
        tx.add(waiting)
    deposit(site.owner, request)
    ended = site.site.runs.run(waiting)
    assert (ended.state, ended.error_code, ended.result_uid) == (JobState.FAILED, "not_approved", None)
    assert "by hand" in ended.note
    assert site.count(Release, request_uid=request.uid) == 1


def test_a_run_that_has_begun_leaves_nothing(site: Cast) -> None:
    request = site.owner.approve(asked(site, "import time\ntime.sleep(1.5)\nreturn len(data)", limit=5))
    begun = site.scientist.call(request.code.submission.name, wait_s=0, data=on(data_of(request)))
    while job_of(site.owner, begun.uid).state is not JobState.RUNNING:
        pass
    deposit(site.owner, request)
    ended = job_of(site.scientist, begun.uid, wait_s=20)
    assert (ended.state, ended.result_uid) == (JobState.WITHHELD, None)
    assert site.count(Release, request_uid=request.uid) == 1


def test_a_result_that_is_held_does_not_leave_after_it(site: Cast) -> None:
    data = reviewed(site)
    request = site.owner.approve(site.scientist.request(fresh("return len(data)", data, limit=5)))
    held = call(site, request)
    assert held.state is JobState.HELD
    deposit(site.owner, request)
    said = refused(site.owner, results.ReleaseResult(held.uid))
    assert said[0] == "not_approved"
    assert "by hand" in said[1]
    assert site.count(HeldResult, uid=held.uid) == 1
    assert site.count(Release, request_uid=request.uid) == 1


def test_neither_the_flag_nor_the_digest_alone_lets_it_run(site: Cast) -> None:
    """Whoever changes one of the two on the disk meets the other."""
    for change in ("flag", "digest"):
        request = site.owner.approve(asked(site, limit=5))
        with site.store.reading() as reader:
            digest = reader.get(Request, request.uid).approved_digest
        deposit(site.owner, request)
        with tampering(site.store) as tx:
            stored = tx.get(Request, request.uid)
            changed = {"deposited": False} if change == "flag" else {"approved_digest": digest}
            tx.replace(msgspec.structs.replace(stored, **changed))
        job = call(site, request)
        assert job.state is JobState.FAILED or job.by_hand
        assert site.count(Release, request_uid=request.uid) == 1


def test_an_older_approval_of_the_same_function_ends(site: Cast) -> None:
    first = site.owner.approve(asked(site, limit=5))
    assert call(site, first).state is JobState.RELEASED
    second = site.scientist.request(first.code.submission)
    given = deposit(site.owner, second)
    assert call(site, first).uid == given.uid
    old = site.scientist.say(requests.GetRequest(first.uid), requests.RequestReply).request
    assert old.state is RequestState.REVOKED


def test_a_request_that_waits_beside_it_ends_as_well(site: Cast) -> None:
    first = site.owner.approve(asked(site, limit=5))
    second = site.scientist.request(first.code.submission)
    deposit(site.owner, first)
    other = site.scientist.say(requests.GetRequest(second.uid), requests.RequestReply).request
    assert other.state is RequestState.REJECTED
    message = requests.ApproveRequest(second.uid, second.code.digest)
    assert refused(site.owner, message)[0] == "invalid_state"


def test_a_standing_approval_does_not_have_it_run_after_all(site: Cast) -> None:
    """Otherwise its requester would only ask again; for anybody else it stands."""
    first = asked(site, limit=5)
    message = requests.ApproveRequest(first.uid, first.code.digest, standing=requests.NewStanding())
    site.owner.say(message, requests.RequestReply)
    again = site.scientist.request(first.code.submission)
    assert again.state is RequestState.APPROVED
    given = deposit(site.owner, first)
    later = site.scientist.request(first.code.submission)
    assert later.state is RequestState.PENDING
    assert call(site, first).uid == given.uid
    assert runs(site, first) == 0
    assert site.other_scientist.request(first.code.submission).state is RequestState.APPROVED
    # A person may.
    site.owner.approve(later)
    assert site.scientist.read(call(site, first).result_uid) == 3


def test_it_is_not_run_again(site: Cast) -> None:
    given = deposit(site.owner, asked(site))
    assert refused(site.scientist, jobs.RestartJob(given.uid))[0] == "invalid_state"
    assert refused(site.scientist, jobs.KillJob(given.uid))[0] == "invalid_state"


# who may, and when


def test_only_who_may_decide_alone_gives_an_answer(site: Cast) -> None:
    request = asked(site)
    message = results.DepositResult(request.uid, new_value(1))
    assert refused(site.scientist, message)[0] == "authorization"
    assert refused(site.other_scientist, message)[0] == "authorization"
    assert refused(site.other_owner, message)[0] == "not_found"
    assert refused(site.newcomer(), message)[0] == "authorization"
    assert site.count(Release, request_uid=request.uid) == 0
    assert refused(site.owner, message)[0] == "ok"


def test_an_author_answers_nothing_of_their_own(site: Cast) -> None:
    """THREATS 1.6: whatever role they have."""
    author = member(site.node, site.admin, f"{UID().hex}@site.org", Role.ADMIN)
    request = author.request(fresh("return len(data)", upload(site.owner, [1])))
    assert refused(author, results.DepositResult(request.uid, new_value(1)))[0] == "authorization"
    assert refused(site.owner, results.DepositResult(request.uid, new_value(1)))[0] == "ok"


def test_one_of_several_owners_does_not_speak_for_all(site: Cast) -> None:
    mine, theirs = upload(site.owner, [1]), upload(site.other_owner, [2])
    name = f"both_{UID().hex}"
    code = function(f"def {name}(a, b):\n    return len(a) + len(b)\n", name, {"a": mine, "b": theirs})
    request = site.scientist.request(code)
    message = results.DepositResult(request.uid, new_value(1))
    assert refused(site.owner, message)[0] == "authorization"
    assert refused(site.other_owner, message)[0] == "authorization"
    assert refused(site.admin, message)[0] == "ok"


def test_where_several_have_to_agree_one_answer_by_hand_does_not_replace_them(site: Cast) -> None:
    request = asked(site)
    with tampering(site.store) as tx:
        record = tx.get(ObjectRecord, data_of(request))
        tx.replace(msgspec.structs.replace(record, safeguards=Safeguards(approvals=2)))
    said = refused(site.owner, results.DepositResult(request.uid, new_value(1)))
    assert said[0] == "invalid_state"
    assert "2 people" in said[1]
    with tampering(site.store) as tx:
        record = tx.get(ObjectRecord, data_of(request))
        tx.replace(msgspec.structs.replace(record, safeguards=Safeguards()))
    assert refused(site.owner, results.DepositResult(request.uid, new_value(1)))[0] == "ok"


def test_more_people_who_have_to_agree_by_now_are_asked_first(site: Cast) -> None:
    """One approved when one was enough; from when two are, one person's answer does not leave either."""
    request = asked(site)
    site.owner.approve(request)
    for approvals, expected in ((2, "not_approved"), (1, "ok")):
        safeguards = NewSafeguards(approvals=approvals)
        site.owner.say(SetSafeguards(data_of(request), safeguards), ObjectReply)
        assert refused(site.owner, results.DepositResult(request.uid, new_value(BY_HAND)))[0] == expected


@pytest.mark.parametrize("how", ["denied", "withdrawn", "revoked", "deposited"])
def test_what_is_over_is_not_answered(site: Cast, how: str) -> None:
    request = asked(site)
    if how == "withdrawn":
        site.scientist.say(requests.WithdrawRequest(request.uid), requests.RequestReply)
    elif how == "deposited":
        deposit(site.owner, request)
    else:
        if how == "revoked":
            site.owner.approve(request)
        site.owner.say(requests.DenyRequest(request.uid, "no"), requests.RequestReply)
    before = site.count(Grant)
    assert refused(site.owner, results.DepositResult(request.uid, new_value(1)))[0] == "invalid_state"
    assert site.count(Grant) == before


def test_a_policy_of_its_authors_own_is_not_gone_round(site: Cast) -> None:
    data = upload(site.owner, [1])
    source = (
        "class Mine:\n    def is_valid(self, context):\n        return True\n"
        "    def apply_to_output(self, context, outputs, update_policy=True):\n        return outputs\n"
    )
    code = msgspec.structs.replace(
        fresh("return len(data)", data),
        output_policy=OutputPolicy(limit=1, custom=CustomPolicy(name="Mine", source=source)),
    )
    request = site.scientist.request(code)
    said = refused(site.owner, results.DepositResult(request.uid, new_value(1)))
    assert said == (
        "invalid_state",
        f"'{code.name}' uses a policy of its author's own, which would not see an answer that is given by hand. "
        "Please use .approve().",
    )


def test_what_comes_with_it_is_bounded_and_ones_own(site: Cast) -> None:
    request = asked(site)
    long = "x" * (results.MAX_GIVEN_LOG + 1)
    for message in (
        results.DepositResult(request.uid, new_value(1), long),
        results.DepositResult(request.uid, new_value(1), "", long),
        results.DepositResult(request.uid, new_value(1), reason="x" * 5_001),
        results.DepositResult(request.uid, NewValue(type_name="int")),
        results.DepositResult(request.uid, msgspec.structs.replace(new_value(1), type_name="x" * 201)),
    ):
        assert refused(site.owner, message)[0] == "invalid_input"
    stolen = NewValue(type_name="int", upload_uid=UID())
    assert refused(site.owner, results.DepositResult(request.uid, stolen))[0] == "not_found"
    assert site.count(Release, request_uid=request.uid) == 0


def test_answers_that_are_given_at_once_are_one(site: Cast) -> None:
    """Also against a denial: one of them has happened."""
    keys = [
        Person(MemoryRoute(site.node)).log_in("owner@site.org", "correct horse battery") for _ in range(2)
    ]
    for _ in range(8):
        request = asked(site)
        deny = requests.DenyRequest(request.uid, "no")
        answers = at_once(
            lambda request=request: deposit(keys[0], request, 1),
            lambda request=request: deposit(keys[1], request, 2),
            lambda deny=deny: site.owner.say(deny, requests.RequestReply),
        )
        given = [one for one in answers[:2] if isinstance(one, jobs.JobView)]
        assert len(given) <= 1
        assert site.count(Release, request_uid=request.uid) == len(given)
        assert site.count(Job, request_uid=request.uid) == len(given)


def test_it_is_written_down_without_its_value(site: Cast) -> None:
    after = site.count_events()
    request = asked(site)
    deposit(site.owner, request, "hunter2", log_stdout="hunter3", reason="hunter4")
    event = site.events("result.deposited", after)[0].event
    assert event.subject_uid == request.uid
    assert event.actor_uid is not None
    assert "hunter" not in str(site.events(after=after))


def test_a_try_on_values_of_ones_own_is_no_run_under_it(site: Cast) -> None:
    request = asked(site)
    deposit(site.owner, request)
    me = site.scientist.say(users.GetAccount(), users.UserReply).user.uid
    site.admin.say(users.UpdateUser(me, mock_execution=True), users.UserReply)
    job = call(site, request, data=own_value([5]))
    assert (job.mode, job.by_hand) == (Mode.MOCK, False)
    assert site.scientist.read(job.result_uid) == 1
