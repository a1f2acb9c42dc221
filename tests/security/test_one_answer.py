""" "Not there" and "not yours" are one answer, byte for byte (THREATS 1.4, 4.2)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import pytest
from blake3 import blake3

from support.held import held_job
from support.people import Person, new_value, on
from support.sites import (
    Cast,
    account_of,
    asset_of,
    fresh,
    member,
    refused,
    upload,
)
from syft.errors import NotFound
from syft.model.job import JobState, ValueArgument
from syft.model.message import Done, Message
from syft.model.messages import codes, datasets, evidence, jobs, objects, policies, requests, results, users
from syft.model.object import Face
from syft.model.permission import Role
from syft.model.uid import UID
from syft.wire.records import encode_record

# Who asks about things of the scientist's, on data of the owner's.
ASKERS: Final = ("guest", "other_scientist", "other_owner")


class Things:
    """What belongs to the scientist and the owner: one of each."""

    def __init__(self, site: Cast) -> None:
        self.site = site
        self.data = upload(site.owner, "private")
        self.request = site.owner.approve(
            site.scientist.request(fresh("print(data)\nreturn data", self.data))
        )
        self.job = site.scientist.call(self.request.code.submission.name, data=on(self.data))
        assert self.job.state is JobState.RELEASED
        assert self.job.result_uid is not None
        self.result = self.job.result_uid
        self.pending = site.scientist.request(fresh("return 1", self.data))
        self.upload = site.scientist.say(objects.BeginUpload(3), objects.UploadReply).upload_uid
        self.held = held_job(site)
        asked = site.scientist.request(fresh("return 2", self.data))
        in_advance = requests.ApproveRequest(asked.uid, asked.code.digest, standing=requests.NewStanding())
        site.owner.say(in_advance, requests.RequestReply)
        listed = site.owner.say(requests.ListStandingApprovals(), requests.StandingApprovalsReply)
        self.standing = listed.approvals[-1].uid


@pytest.fixture(scope="module")
def things(site: Cast) -> Things:
    return Things(site)


Ask = Callable[[Things, UID], Message]

# A message about a thing of that UID, and which thing is not the asker's.
QUESTIONS: Final[dict[str, tuple[Ask, Callable[[Things], UID]]]] = {
    "private value": (lambda t, uid: objects.ReadValue(uid, Face.PRIVATE), lambda t: t.data),
    "private value, beyond its end": (
        lambda t, uid: objects.ReadValue(uid, Face.PRIVATE, 1 << 40),
        lambda t: t.data,
    ),
    "result": (lambda t, uid: objects.ReadValue(uid, Face.PRIVATE), lambda t: t.result),
    "mock of a result": (lambda t, uid: objects.ReadValue(uid, Face.MOCK), lambda t: t.result),
    "code": (lambda t, uid: codes.GetCode(uid), lambda t: t.request.code.uid),
    "request": (lambda t, uid: requests.GetRequest(uid), lambda t: t.request.uid),
    "request to approve": (
        lambda t, uid: requests.ApproveRequest(uid, t.pending.code.digest),
        lambda t: t.pending.uid,
    ),
    "request to deny": (lambda t, uid: requests.DenyRequest(uid, "no"), lambda t: t.pending.uid),
    "request to answer by hand": (
        lambda t, uid: results.DepositResult(uid, new_value(1)),
        lambda t: t.pending.uid,
    ),
    "evidence": (lambda t, uid: evidence.GetEvidence(uid), lambda t: t.pending.uid),
    "request to try": (lambda t, uid: evidence.RehearseRequest(uid, {}, 0), lambda t: t.pending.uid),
    "state of a policy": (lambda t, uid: policies.GetPolicyState(uid), lambda t: t.request.uid),
    "held result": (lambda t, uid: results.GetHeldResult(uid), lambda t: t.held.uid),
    "held result to read": (lambda t, uid: results.ReadHeldResult(uid), lambda t: t.held.uid),
    "held result to let go": (lambda t, uid: results.ReleaseResult(uid), lambda t: t.held.uid),
    "held result to refuse": (lambda t, uid: results.RefuseResult(uid, "no"), lambda t: t.held.uid),
    "object to safeguard": (
        lambda t, uid: objects.SetSafeguards(uid, datasets.NewSafeguards(review=True)),
        lambda t: t.data,
    ),
    "standing approval to end": (
        lambda t, uid: requests.RemoveStandingApproval(uid),
        lambda t: t.standing,
    ),
    "request to withdraw": (lambda t, uid: requests.WithdrawRequest(uid), lambda t: t.pending.uid),
    "code to call": (
        lambda t, uid: jobs.CallCode({"data": on(t.data)}, uid, None, 0),
        lambda t: t.request.code.uid,
    ),
    "job": (lambda t, uid: jobs.GetJob(uid), lambda t: t.job.uid),
    "job to wait for": (
        lambda t, uid: jobs.GetJob(uid, wait_s=1, seen=jobs.Standing(JobState.QUEUED)),
        lambda t: t.job.uid,
    ),
    "log": (lambda t, uid: jobs.GetJobLog(uid), lambda t: t.job.uid),
    "log to follow": (lambda t, uid: jobs.GetJobLog(uid, 1, 1, 1, 1.0), lambda t: t.job.uid),
    "job to kill": (lambda t, uid: jobs.KillJob(uid), lambda t: t.job.uid),
    "job to restart": (lambda t, uid: jobs.RestartJob(uid), lambda t: t.job.uid),
    "job to put elsewhere": (lambda t, uid: jobs.SetJobPriority(uid, -1), lambda t: t.job.uid),
    "job of a result": (lambda t, uid: jobs.ListJobs(result_uid=uid), lambda t: t.result),
    "jobs of code": (lambda t, uid: jobs.ListJobs(code_uid=uid), lambda t: t.request.code.uid),
    "jobs launched": (lambda t, uid: jobs.ListJobs(parent_uid=uid), lambda t: t.job.uid),
    "part of an upload": (lambda t, uid: objects.PutPart(uid, 0), lambda t: t.upload),
    "end of an upload": (
        lambda t, uid: objects.FinishUpload(uid, blake3(b"abc").hexdigest()),
        lambda t: t.upload,
    ),
    "dataset to delete": (lambda t, uid: datasets.DeleteDataset(uid), lambda t: t.data),
    "argument": (
        lambda t, uid: jobs.CallCode({"data": on(uid)}, None, "nobodys_function", 0),
        lambda t: t.result,
    ),
    "uploaded argument": (
        lambda t, uid: jobs.CallCode({"x": ValueArgument(upload_uid=uid)}, None, "nobodys_function", 0),
        lambda t: t.upload,
    ),
}


def answer_bytes(person: Person, message: Message) -> bytes:
    """All that tells one refusal from another, without the name that the asker gave."""
    attachment = b"abc" if isinstance(message, objects.PutPart) else b""
    code, text = refused(person, message, attachment)
    return f"{code}|{text}".encode()


@pytest.mark.parametrize("asker", ASKERS)
@pytest.mark.parametrize("what", QUESTIONS)
def test_not_there_and_not_yours(site: Cast, things: Things, what: str, asker: str) -> None:
    """THREATS 1.4: the same bytes for what is another's and for what is nowhere, but for the name that was asked."""
    ask, thing = QUESTIONS[what]
    person: Person = getattr(site, asker)
    uid, nowhere = thing(things), UID()
    foreign = answer_bytes(person, ask(things, uid))
    absent = answer_bytes(person, ask(things, nowhere))
    assert foreign.replace(uid.hex.encode(), b"?") == absent.replace(nowhere.hex.encode(), b"?")


@pytest.mark.parametrize(
    ("what", "who"),
    [
        ("private value", "owner"),
        ("result", "scientist"),
        ("code", "owner"),
        ("code", "scientist"),
        ("request", "owner"),
        ("request", "scientist"),
        ("job", "owner"),
        ("log", "owner"),
        ("jobs of code", "scientist"),
    ],
)
def test_those_who_may_get_another_answer(site: Cast, things: Things, what: str, who: str) -> None:
    """THREATS 1.4, outside the fence: to whoever may, what is there is there, and what is not is not."""
    ask, thing = QUESTIONS[what]
    person: Person = getattr(site, who)
    assert refused(person, ask(things, thing(things)))[0] == "ok"
    if not what.startswith("jobs"):
        assert refused(person, ask(things, UID()))[0] == "not_found"


def test_a_foreign_list_of_jobs_is_as_empty_as_none(site: Cast, things: Things) -> None:
    """THREATS 1.4: the answer itself, not only its kind."""
    for asker in (site.other_scientist, site.other_owner):
        foreign = asker.say(jobs.ListJobs(code_uid=things.job.code_uid), jobs.JobsReply)
        absent = asker.say(jobs.ListJobs(code_uid=UID()), jobs.JobsReply)
        assert encode_record(foreign) == encode_record(absent)


def test_code_by_name_is_ones_own(site: Cast, things: Things) -> None:
    """THREATS 1.4: the name of another's function says nothing."""
    name = things.request.code.submission.name
    for asker in (site.other_scientist, site.other_owner):
        foreign = answer_bytes(asker, codes.GetCode(name=name))
        absent = answer_bytes(asker, codes.GetCode(name="no_such_name"))
        assert foreign.replace(name.encode(), b"?") == absent.replace(b"no_such_name", b"?")
        foreign = answer_bytes(asker, jobs.CallCode({}, None, name, 0))
        absent = answer_bytes(asker, jobs.CallCode({}, None, "no_such_name", 0))
        assert foreign.replace(name.encode(), b"?") == absent.replace(b"no_such_name", b"?")


def test_an_account_of_anothers_is_as_absent_as_none(site: Cast) -> None:
    """THREATS 1.4, 2.2: a scientist who tries UIDs learns nothing of accounts."""
    for message in (
        lambda uid: users.UpdateUser(uid, name="X"),
        lambda uid: users.UpdateUser(uid, role=Role.ADMIN),
        lambda uid: users.UpdateUser(uid, mock_execution=True),
        lambda uid: users.DeleteUser(uid),
        lambda uid: users.ListUsers(uid=uid),
    ):
        for target in (site.admin, site.owner, site.other_scientist):
            assert answer_bytes(site.scientist, message(account_of(target))) == answer_bytes(
                site.scientist, message(UID())
            )


def test_places_in_lists_do_not_count_what_is_hidden(site: Cast, things: Things) -> None:
    """THREATS 1.4: "the first" is the first of what one may see."""
    fresh_one = member(site.node, site.admin, "empty@site.org")
    for message in (requests.GetRequest(index=0), jobs.GetJob(index=0)):
        assert refused(fresh_one, message)[0] == "not_found"
    mine = site.other_scientist.request(fresh("return 1"))
    seen = site.other_scientist.say(requests.GetRequest(index=0), requests.RequestReply).request
    assert seen.uid == mine.uid
    with pytest.raises(NotFound):
        site.other_scientist.say(requests.GetRequest(index=1), requests.RequestReply)


@pytest.mark.parametrize("asks", [codes.SubmitCode, requests.CreateRequest])
def test_a_foreign_result_cannot_be_probed_as_an_input(
    site: Cast, things: Things, asks: Callable[..., Message]
) -> None:
    """THREATS 1.4: code that asks to run on another's result, and on an object that is nowhere."""
    nowhere = UID()
    foreign = answer_bytes(site.other_scientist, asks(fresh("return data", things.result)))
    absent = answer_bytes(site.other_scientist, asks(fresh("return data", nowhere)))
    assert foreign.split(b"|")[0] == absent.split(b"|")[0]


def test_code_stays_hidden_when_its_data_is_deleted(site: Cast) -> None:
    """THREATS 1.4: what was asked of one owner does not become another's to read."""
    dataset = site.owner.upload("deleted later", 1, 0)
    request = site.scientist.request(fresh("return 'a trade secret'", asset_of(dataset)))
    assert refused(site.other_owner, codes.GetCode(request.code.uid))[0] == "not_found"
    site.owner.say(datasets.DeleteDataset(dataset.dataset.uid), Done)
    listed = site.other_owner.say(codes.ListCodes(), codes.CodesReply).codes
    assert refused(site.other_owner, codes.GetCode(request.code.uid))[0] == "not_found"
    assert request.code.uid not in {one.uid for one in listed}


def test_of_others_one_sees_name_and_email(site: Cast, things: Things) -> None:
    """THREATS 2.2: a scientist reads who decided, and nothing more of their record."""
    uid = account_of(site.owner)
    change = users.UpdateUser(uid, institution="Institute of Secrets", website="https://secret.example")
    site.admin.say(change, users.UserReply)
    view = site.scientist.say(requests.GetRequest(things.request.uid), requests.RequestReply).request
    assert view.decided_by is not None
    assert view.decided_by.email == "owner@site.org"
    told = encode_record(view.decided_by)
    assert b"Secrets" not in told
    assert b"secret.example" not in told
    assert b"is_root" not in told
    assert b"created_at" not in told


def test_an_upload_of_anothers_is_no_value(site: Cast) -> None:
    """THREATS 1.4, 4.2: to whoever did not bring it, a finished upload is nowhere; its owner makes a dataset of it."""
    data = b"abc"
    uid = site.owner.say(objects.BeginUpload(len(data)), objects.UploadReply).upload_uid
    site.owner.say(objects.PutPart(uid, 0), Done, data)
    site.owner.say(objects.FinishUpload(uid, blake3(data).hexdigest()), objects.UploadReply)
    value = datasets.NewValue(type_name="bytes", upload_uid=uid)
    foreign = datasets.CreateDataset("stolen", (datasets.NewAsset(name="a", private=value),))
    assert refused(site.other_owner, foreign) == refused(
        site.other_owner,
        datasets.CreateDataset(
            "stolen",
            (datasets.NewAsset(name="a", private=datasets.NewValue(type_name="bytes", upload_uid=UID())),),
        ),
    )
    mine = datasets.CreateDataset(
        "mine", (datasets.NewAsset(name="a", private=value, mock=new_value(b"mock")),)
    )
    assert refused(site.owner, mine)[0] == "ok"
