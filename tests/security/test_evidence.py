"""What a reviewer is shown is all there is to know, shown as what it is, and nobody else's (THREATS 1.4, 1.5, 1.8)."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from support.people import Person, function, new_value, on
from support.sites import PASSWORD, Cast, account_of, fresh, member, own_value, refused, tampering, upload
from syft.client.client import Client
from syft.client.evidence import Evidence
from syft.client.login import login
from syft.code.capture import digest
from syft.model.code import (
    Code,
    CodeSubmission,
    Constant,
    CustomPolicy,
    InputPolicy,
    MustBe,
    OfType,
    OutputPolicy,
    Parameter,
)
from syft.model.job import JobState, Release
from syft.model.limits import MIB, JobLimits
from syft.model.message import Done
from syft.model.messages import jobs, objects, requests, results
from syft.model.messages.datasets import NewSafeguards
from syft.model.messages.evidence import EvidenceReply, GetEvidence, RehearseRequest
from syft.model.object import Face, ObjectRecord
from syft.model.permission import Role
from syft.model.request import Request, RequestState
from syft.model.terms import Safeguards, Terms
from syft.model.uid import UID
from syft.transport.memory import MemoryRoute
from syft.wire.codec import encode

SECRET = 424242
MARK = "a mark of the reviewer's"


def evidence(person: Person, request: UID, **page: int) -> EvidenceReply:
    return person.say(GetEvidence(request, **page), EvidenceReply)


def rehearsed(person: Person, request: UID, **values: Any) -> jobs.JobView:
    given = {name: own_value(value) for name, value in values.items()}
    return person.say(RehearseRequest(request, given, 20), jobs.JobReply).job


def asked(
    site: Cast, body: str = "return data", private: Any = SECRET, mock: Any = 7
) -> tuple[UID, UID, CodeSubmission]:
    """A request about new data of the owner's: its UID, the object's, and the function."""
    data = upload(site.owner, private, mock)
    code = fresh(body, data)
    return site.scientist.request(code).uid, data, code


def two_owners(site: Cast) -> tuple[UID, UID, UID]:
    """A request about data of both owners."""
    mine, theirs = upload(site.owner, SECRET, 1), upload(site.other_owner, SECRET, 2)
    name = f"both{UID().hex}"
    code = function(f"def {name}(a, b):\n    return a + b\n", name, {"a": mine, "b": theirs})
    return site.scientist.request(code).uid, mine, theirs


# Who is told


def test_who_decides_is_told(site: Cast) -> None:
    """Outside the fence: the owner of the data and the administrator are told all of it."""
    uid, data, _code = asked(site, "print(data)\nreturn data")
    for person in (site.owner, site.admin):
        seen = evidence(person, uid)
        assert [(one.kind, one.line) for one in seen.texts[0].findings] == [("print", 2), ("return", 3)]
        (touched,) = seen.inputs
        assert (touched.object_uid, touched.parameter, touched.is_yours) == (data, "data", True)
        assert touched.private is not None
        assert touched.private.size == encode(SECRET).size
        assert touched.mock is not None
        assert touched.mock.size == encode(7).size
        assert seen.requester.person.email == "scientist@site.org"
        assert seen.requester.role == "data scientist"
        assert seen.requester.made_by is not None
        assert seen.requester.made_by.uid == account_of(site.admin)
        assert seen.places[0].engine == "this machine"
        assert seen.limits.memory_bytes
        assert seen.earlier is seen.rehearsal is None


def test_nobody_else_is(site: Cast) -> None:
    """THREATS 1.4: "not there" and "not yours" are one answer; who asks gets none, whatever else they are."""
    uid, _, _ = asked(site)
    nowhere = refused(site.other_owner, GetEvidence(UID()))
    for message in (GetEvidence, RehearseRequest):
        assert refused(site.other_owner, message(uid)) == nowhere
        assert refused(site.other_scientist, message(uid)) == nowhere
        assert refused(site.scientist, message(uid))[0] == "authorization"
        assert refused(site.guest, message(uid))[0] == "authorization"
        assert refused(site.owner, message(uid))[0] == "ok"


@pytest.mark.parametrize("who", ["owner", "admin"])
def test_who_asks_is_not_told_be_it_their_own_data(site: Cast, who: str) -> None:
    """THREATS 1.6: evidence is for whoever decides, and the author never does."""
    person: Person = getattr(site, who)
    uid = person.request(fresh("return data", upload(person))).uid
    other = site.admin if who == "owner" else site.owner
    assert refused(person, GetEvidence(uid))[0] == "authorization"
    assert refused(person, RehearseRequest(uid))[0] == "authorization"
    assert refused(other, GetEvidence(uid))[0] == ("ok" if who == "owner" else "not_found")


def test_requests_for_objects_and_pools_have_none(site: Cast) -> None:
    kept = site.owner.say(objects.PutObject(new_value(1), findable=True), objects.ObjectReply).object.uid
    uid = site.scientist.say(requests.RequestObject(kept), requests.RequestReply).request.uid
    assert refused(site.owner, GetEvidence(uid))[0] == "not_found"


def test_one_owner_is_told_nothing_of_anothers_data(site: Cast) -> None:
    """THREATS 1.4, 2.6: of data of two owners each is told what their own measures; the administrator, of both."""
    uid, mine, theirs = two_owners(site)
    with tampering(site.store) as tx:
        for data in (mine, theirs):
            record = tx.get(ObjectRecord, data)
            tx.replace(msgspec.structs.replace(record, safeguards=Safeguards(approvals=2, review=True)))
    for person, own in ((site.owner, {mine}), (site.other_owner, {theirs}), (site.admin, {mine, theirs})):
        seen = {one.object_uid: one for one in evidence(person, uid).inputs}
        assert set(seen) == {mine, theirs}
        for data, one in seen.items():
            assert (one.private is not None) == (data in own)
            assert (one.safeguards is not None) == (data in own)
            assert one.is_yours == (data in own)
            assert one.mock is not None


# What was released before


def released_of(site: Cast, data: UID, person: Person | None = None) -> UID:
    """A result of a private run on that data has left to somebody; the request's UID."""
    scientist = person or site.scientist
    request = scientist.request(fresh("return data", data))
    site.admin.approve(request)
    job = scientist.call(request.code.submission.name, data=on(data))
    assert job.state is JobState.RELEASED
    return request.uid


def test_releases_from_the_same_data_to_the_same_person(site: Cast) -> None:
    uid, data, _code = asked(site)
    earlier = [released_of(site, data) for _ in range(3)]
    elsewhere = released_of(site, upload(site.owner, SECRET, 1))
    to_another = released_of(site, data, site.other_scientist)
    seen = evidence(site.owner, uid)
    assert [one.request_uid for one in seen.released] == earlier[::-1]
    assert seen.released_total == 3
    assert elsewhere not in {one.request_uid for one in seen.released}
    assert to_another not in {one.request_uid for one in seen.released}
    first = seen.released[0]
    assert (first.kind, first.parameters) == ("result", ("data",))
    assert first.decided_by is not None
    assert first.decided_by.uid == account_of(site.admin)
    assert first.value is not None
    assert first.value.size == encode(SECRET).size
    pages = [evidence(site.owner, uid, limit=1, offset=at).released for at in range(4)]
    assert [one.request_uid for page in pages for one in page] == earlier[::-1]


def test_releases_from_anothers_data_are_not_told(site: Cast) -> None:
    """THREATS 1.4: what was released of the other owner's object is theirs to know, also in a request about both."""
    uid, mine, theirs = two_owners(site)
    from_mine, from_theirs = released_of(site, mine), released_of(site, theirs)
    assert [one.request_uid for one in evidence(site.owner, uid).released] == [from_mine]
    assert [one.request_uid for one in evidence(site.other_owner, uid).released] == [from_theirs]
    assert {one.request_uid for one in evidence(site.admin, uid).released} == {from_mine, from_theirs}
    seen = evidence(site.owner, uid)
    assert seen.released_total == 1
    assert from_theirs not in {one.request_uid for one in seen.open}


def test_a_result_that_went_to_another_is_not_measured_for_who_may_not_read_it(site: Cast) -> None:
    """P34: what a result of two owners' data measures is told to its readers."""
    uid, mine, theirs = two_owners(site)
    request = site.scientist.say(requests.GetRequest(uid), requests.RequestReply).request
    site.admin.approve(request)
    job = site.scientist.call(request.code.submission.name, a=on(mine), b=on(theirs))
    assert job.state is JobState.RELEASED
    again, _, _ = two_owners(site)
    with_mine = site.scientist.request(fresh("return data", mine)).uid
    (told,) = evidence(site.owner, with_mine).released
    assert told.request_uid == uid
    assert told.value is None
    (read,) = evidence(site.admin, with_mine).released
    assert read.value is not None
    assert evidence(site.owner, again).released_total == 0


def test_leave_to_read_the_object_itself_is_told(site: Cast) -> None:
    """Whoever reads all of it needs no result of it."""
    data = site.owner.say(objects.PutObject(new_value(SECRET), findable=True), objects.ObjectReply).object.uid
    site.owner.say(objects.GrantObject(data, ("scientist@site.org",)), Done)
    uid = site.scientist.request(fresh("return data", data)).uid
    (told,) = evidence(site.owner, uid).released
    assert (told.kind, told.parameters) == ("grant", ("data",))
    assert told.decided_by is not None
    assert told.decided_by.email == "owner@site.org"


def test_open_approvals_on_the_same_data_are_told(site: Cast) -> None:
    uid, data, _ = asked(site)
    waits = site.scientist.request(fresh("return 1", data)).uid
    approved = site.owner.approve(site.scientist.request(fresh("return 2", data, limit=3))).uid
    used_up = released_of(site, data)
    of_another = site.other_scientist.request(fresh("return 3", data)).uid
    elsewhere = site.scientist.request(fresh("return 4", upload(site.owner))).uid
    told = {
        one.request_uid: (one.state.name, one.released, one.limit) for one in evidence(site.owner, uid).open
    }
    assert told == {waits: ("PENDING", 0, 1), approved: ("APPROVED", 0, 3)}
    assert not {used_up, of_another, elsewhere, uid} & set(told)


def test_what_has_ended_is_no_open_approval(site: Cast) -> None:
    """Nor is what was answered by hand: nothing more leaves under either."""
    uid, data, _ = asked(site)
    soon = datetime.now(UTC) + timedelta(seconds=1)
    ended = site.scientist.request(fresh("return 2", data))
    approval = requests.ApproveRequest(ended.uid, ended.code.digest, (), terms=Terms(expires_at=soon))
    site.owner.say(approval, requests.RequestReply)
    by_hand = site.scientist.request(fresh("return 3", data, limit=3))
    site.owner.say(results.DepositResult(by_hand.uid, new_value(1)), jobs.JobReply)
    assert {one.request_uid for one in evidence(site.owner, uid).open} == {ended.uid}
    while datetime.now(UTC) <= soon:
        time.sleep(0.1)
    assert evidence(site.owner, uid).open == ()


# The run on mocks


def test_a_run_on_mocks_sees_mocks(site: Cast) -> None:
    uid, _data, _ = asked(site, "print('saw', data)\nreturn data + 1")
    job = rehearsed(site.owner, uid)
    assert job.state is JobState.RELEASED
    assert site.owner.read(job.result_uid) == 8
    told = evidence(site.owner, uid).rehearsal
    assert told is not None
    assert told.stdout == "saw 7\n"
    assert told.job.resources.wall_s > 0
    assert told.job.resources.max_rss_bytes > 0
    assert told.is_current
    assert site.count(Release, job_uid=job.uid) == 0


def test_a_reviewer_cannot_hand_in_an_object(site: Cast) -> None:
    """What it runs on is what the request says: its mock, and no object that the reviewer names."""
    uid, data, _ = asked(site)
    assert refused(site.owner, RehearseRequest(uid, {"data": own_value(5)}))[0] == "invalid_input"
    raw = msgspec.structs.replace(RehearseRequest(uid), arguments={"data": on(data)})  # type: ignore[dict-item]
    assert refused(site.owner, raw)[0] == "decode"


def test_who_asks_sees_nothing_of_it(site: Cast) -> None:
    """THREATS 1.4: neither the run, nor its result, log or count; also where who asks owns some of the data."""
    uid, _data, _code = asked(site, "print(data)\nreturn data")
    before = site.scientist.say(jobs.ListJobs(), jobs.JobsReply)
    job = rehearsed(site.owner, uid)
    assert site.scientist.say(jobs.ListJobs(), jobs.JobsReply) == before
    for message in (
        jobs.GetJob(job.uid),
        jobs.GetJobLog(job.uid),
        jobs.KillJob(job.uid),
        jobs.RestartJob(job.uid),
    ):
        assert refused(site.scientist, message)[0] == "not_found"
        assert refused(site.owner, message)[0] in ("ok", "invalid_state")
    assert refused(site.scientist, objects.ReadValue(job.result_uid, Face.PRIVATE))[0] == "not_found"
    assert site.owner.read(job.result_uid) == 7
    found = site.scientist.say(jobs.ListJobs(result_uid=job.result_uid), jobs.JobsReply)
    assert (found.jobs, found.total) == ((), 0)


def test_other_reviewers_see_nothing_of_it_but_the_administrator(site: Cast) -> None:
    """The values that a reviewer tries are theirs: another owner of part of the data has their own run."""
    uid, _mine, _theirs = two_owners(site)
    job = rehearsed(site.owner, uid)
    assert evidence(site.owner, uid).rehearsal is not None
    assert evidence(site.other_owner, uid).rehearsal is None
    assert evidence(site.admin, uid).rehearsal is not None
    assert refused(site.other_owner, jobs.GetJob(job.uid))[0] == "not_found"
    assert refused(site.other_owner, jobs.GetJobLog(job.uid))[0] == "not_found"
    assert refused(site.other_owner, objects.ReadValue(job.result_uid, Face.PRIVATE))[0] == "not_found"
    assert refused(site.admin, jobs.GetJob(job.uid))[0] == "ok"


def test_an_author_who_owns_part_of_the_data_sees_nothing_of_it(site: Cast) -> None:
    mine, theirs = upload(site.owner, SECRET, 1), upload(site.other_owner, SECRET, 2)
    name = f"own{UID().hex}"
    code = function(f"def {name}(a, b):\n    return a + b\n", name, {"a": mine, "b": theirs})
    request = site.owner.request(code)
    job = rehearsed(site.other_owner, request.uid)
    assert job.state is JobState.RELEASED
    assert refused(site.owner, jobs.GetJob(job.uid))[0] == "not_found"
    assert job.uid not in {one.uid for one in site.owner.say(jobs.ListJobs(), jobs.JobsReply).jobs}


def test_nothing_of_it_counts_towards_the_approval(site: Cast) -> None:
    """A run on mocks uses nothing up, and opens nothing: without an approval the author may still not run it."""
    uid, data, code = asked(site)
    for _ in range(2):
        assert rehearsed(site.owner, uid).state is JobState.RELEASED
    assert (
        refused(site.scientist, jobs.CallCode({"data": on(data)}, None, code.name, 20))[0] == "not_approved"
    )
    site.owner.approve(site.owner.say(requests.GetRequest(uid), requests.RequestReply).request)
    job = site.scientist.call(code.name, data=on(data))
    assert (job.state, site.scientist.read(job.result_uid)) == (JobState.RELEASED, SECRET)
    assert (
        refused(site.scientist, jobs.CallCode({"data": on(data)}, None, code.name, 20))[0] == "ok"
    )  # the same
    assert rehearsed(site.owner, uid).state is JobState.RELEASED


def test_it_does_not_run_what_was_changed(site: Cast) -> None:
    """THREATS 1.1: somebody with the disk changed the code after it was submitted."""
    uid, _data, _ = asked(site)
    assert rehearsed(site.owner, uid).state is JobState.RELEASED
    with tampering(site.store) as tx:
        request = tx.get(Request, uid)
        code = tx.get(Code, request.code_uid)
        changed = msgspec.structs.replace(code.submission, source=code.submission.source + "# more\n")
        tx.replace(msgspec.structs.replace(code, submission=changed))
    job = rehearsed(site.owner, uid)
    assert (job.state, job.error_code) == (JobState.FAILED, "not_approved")


def test_a_run_on_mocks_is_told_as_old_when_anything_changed(site: Cast) -> None:
    uid, data, _ = asked(site)
    rehearsed(site.owner, uid)
    told = evidence(site.owner, uid).rehearsal
    assert told is not None
    assert told.is_current
    with tampering(site.store) as tx:
        record = tx.get(ObjectRecord, data)
        tx.replace(msgspec.structs.replace(record, mock=record.private))
    told = evidence(site.owner, uid).rehearsal
    assert told is not None
    assert not told.is_current


def test_its_event_names_the_request_and_no_value(site: Cast) -> None:
    name = f"given{UID().hex}"
    data = upload(site.owner, SECRET, 7)
    code = CodeSubmission(
        name=name,
        source=f"def {name}(data, words):\n    return words\n",
        parameters=(Parameter(name="data"), Parameter(name="words")),
        input_policy=InputPolicy(kind="mixed", rules={"data": MustBe(data), "words": OfType("str")}),
    )
    uid = site.scientist.request(code).uid
    before = site.count_events()
    job = rehearsed(site.owner, uid, words=MARK)
    assert site.owner.read(job.result_uid) == MARK
    queued = [one.event for one in site.events("job.queued", before)]
    assert [one.detail["rehearses"] for one in queued] == [uid.hex]
    assert MARK not in repr([one.event for one in site.events(after=before)])


# Hostile text is shown as such


EVIL = "<script>alert(1)</script>"
HOSTILE: dict[str, Callable[[str], str]] = {
    "bidi": lambda name: f"def {name}(data):\n    x = 1  # \u202e }} \u2066if admin\u2069\n    return 1\n",
    "zero width": lambda name: f"def {name}(data):\n    x = 'a\u200bb'\n    return 1\n",
    "return alone": lambda name: f"def {name}(data):\n    x = 1  # \r    eval('1')\n    return 1\n",
    "terminal": lambda name: f"def {name}(data):\n    x = 1  # \x1b[2J\x1b[1;1Hall is well\n    return 1\n",
    "markup": lambda name: f"def {name}(data):\n    x = '{EVIL}'  # **bold** ![x](http://x)\n    return 1\n",
    "forged": lambda name: (
        f"def {name}(data):\n    x = '''\n    3 |     return 2\n    ! all is well\n'''\n    return 1\n"
    ),
    "forged by width": lambda name: (
        f"def {name}(data):\n    x = 1 #{' ' * 105}    3 |     return 2\n    return 1\n"
    ),
}


@pytest.fixture(scope="module")
def reviewer(site: Cast) -> Client:
    return login("owner@site.org", PASSWORD, route=MemoryRoute(site.node))


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_text_is_shown_as_such(site: Cast, reviewer: Client, what: str) -> None:
    """THREATS 1.8: in the code, in the difference, as text and as HTML."""
    data = upload(site.owner, SECRET, 7)
    name = f"hostile{UID().hex}"
    plain = f"def {name}(data):\n    return 1\n"
    site.owner.approve(site.scientist.request(function(plain, name, {"data": data})))
    request = site.scientist.request(
        function(HOSTILE[what](name), name, {"data": data}), reason=EVIL + "\x1b[2J"
    )
    seen = reviewer.requests.get_by_uid(request.uid).evidence
    assert isinstance(seen, Evidence)
    for shown in (seen, seen.code, seen.diff, seen.code[0]):
        text, html = repr(shown), shown._repr_html_()
        assert not set(text + html) & set("\x1b\r\u202e\u2066\u2069\u200b")
        assert "<script" not in html
        assert "<img" not in html
    # Our own lines begin otherwise than any line of a source is shown.
    lines = repr(seen.code[0]).splitlines()
    forged = [line for line in lines if "all is well" in line and line.lstrip().startswith("!")]
    assert forged == []
    assert sum(line.startswith("    3 |") for line in lines) == 1


def test_names_of_strangers_are_text(site: Cast, reviewer: Client) -> None:
    """Name, institution and website of who asks, the names of data, annotations: all of it is somebody's words."""
    mallory = member(
        site.node, site.admin, "mallory@site.org", Role.DATA_SCIENTIST, institution=EVIL, website=EVIL
    )
    name = f"said{UID().hex}"
    code = CodeSubmission(
        name=name,
        source=f"def {name}(data: '{EVIL}'):\n    return 1\n",
        parameters=(Parameter(name="data", annotation=f"'{EVIL}'"),),
        input_policy=InputPolicy(kind="mixed", rules={"data": Constant(encode(EVIL).to_bytes())}),
    )
    request = mallory.request(code)
    seen = reviewer.requests.get_by_uid(request.uid).evidence
    assert EVIL in repr(seen)
    assert "<script" not in seen._repr_html_()
    assert seen.parameters[0].takes == "a constant"


def test_a_flood_hides_nothing_and_fits(site: Cast) -> None:
    """THREATS 1.8: a source as long as may be, all of it things to look at, and one more."""
    data = upload(site.owner, SECRET, 7)
    name = f"flood{UID().hex}"
    source = (
        f"def {name}(data):\n" + "".join(f"    data.__a{at}__\n" for at in range(9_000)) + "    eval('1')\n"
    )
    uid = site.scientist.request(function(source, name, {"data": data})).uid
    seen = evidence(site.owner, uid)
    assert [one.line for one in seen.texts[0].findings if one.kind == "dynamic code"] == [9_002]
    assert seen.texts[0].left_out["internals"] > 8_000


# What has changed


def test_what_has_changed_since_it_was_approved(site: Cast) -> None:
    data = upload(site.owner, SECRET, 7)
    other = upload(site.owner, SECRET, 7)
    name = f"changed{UID().hex}"

    def code(body: str, uid: UID, **options: Any) -> CodeSubmission:
        return function(f"def {name}(data):\n    {body}\n", name, {"data": uid}, **options)

    approved = site.owner.approve(site.scientist.request(code("return 1", data)))
    uid = site.scientist.request(code("return data", data, limit=5)).uid
    seen = evidence(site.owner, uid).earlier
    assert seen is not None
    assert (seen.request_uid, seen.version, seen.is_same_name) == (approved.uid, 1, True)
    assert [(one.role, one.source) for one in seen.texts] == [
        ("function", f"def {name}(data):\n    return 1\n")
    ]
    assert [one.what for one in seen.changes] == ["policy 'results'"]
    # The same object with another value.
    with tampering(site.store) as tx:
        record = tx.get(ObjectRecord, data)
        tx.replace(msgspec.structs.replace(record, private=record.mock))
    seen = evidence(site.owner, uid).earlier
    assert seen is not None
    assert [one.what for one in seen.changes] == ["policy 'results'", "data of 'data'"]
    # Another object.
    elsewhere = site.scientist.request(code("return data", other)).uid
    seen = evidence(site.owner, elsewhere).earlier
    assert seen is not None
    assert [one.what for one in seen.changes] == ["input 'data'"]


def test_what_another_asked_is_no_earlier_version(site: Cast) -> None:
    """THREATS 1.4: the same name by another author, and what was approved on data that the reviewer may not see."""
    data = upload(site.owner, SECRET, 7)
    theirs = upload(site.other_owner, SECRET, 7)
    name = f"same{UID().hex}"

    def code(uid: UID) -> CodeSubmission:
        return function(f"def {name}(data):\n    return {uid.hex!r}\n", name, {"data": uid})

    site.owner.approve(site.other_scientist.request(code(data)))
    uid = site.scientist.request(code(data)).uid
    assert evidence(site.owner, uid).earlier is None
    site.other_owner.approve(site.scientist.request(code(theirs)))
    assert evidence(site.owner, uid).earlier is None
    seen = evidence(site.admin, uid).earlier
    assert seen is not None
    assert seen.is_same_name


def test_of_an_old_approval_the_whole_is_compared(site: Cast) -> None:
    """Approved before its parts were kept: that something changed is told, though not what."""
    data = upload(site.owner, SECRET, 7)
    name = f"old{UID().hex}"

    def code(body: str) -> CodeSubmission:
        return function(f"def {name}(data):\n    {body}\n", name, {"data": data})

    approved = site.owner.approve(site.scientist.request(code("return 1")))
    with tampering(site.store) as tx:
        tx.replace(msgspec.structs.replace(tx.get(Request, approved.uid), approved_parts={}))
    uid = site.scientist.request(code("return 2")).uid
    seen = evidence(site.owner, uid).earlier
    assert seen is not None
    assert seen.changes == ()
    with tampering(site.store) as tx:
        record = tx.get(ObjectRecord, data)
        tx.replace(msgspec.structs.replace(record, private=record.mock))
    seen = evidence(site.owner, uid).earlier
    assert seen is not None
    assert [one.what for one in seen.changes] == ["data, packages or machines"]


def test_what_is_kept_of_an_approval_decides_nothing(site: Cast) -> None:
    """THREATS 1.1: the parts are for reading; somebody who changes them changes no approval."""
    data = upload(site.owner, SECRET, 7)
    request = site.owner.approve(site.scientist.request(fresh("return data", data)))
    with tampering(site.store) as tx:
        tx.replace(msgspec.structs.replace(tx.get(Request, request.uid), approved_parts={"environment": "x"}))
    assert site.scientist.call(request.code.submission.name, data=on(data)).state is JobState.RELEASED


def test_a_policy_of_the_authors_own_is_read_like_the_code(site: Cast) -> None:
    """THREATS 1.8: it is handed what it decides about, and is strangers' code."""
    source = (
        "class Once:\n    def is_valid(self, context):\n        return True\n"
        "    def apply_to_output(self, context, outputs):\n        print(outputs)\n        return 1\n"
    )
    data = upload(site.owner, SECRET, 7)
    code = fresh("return 1", data)
    own = OutputPolicy(custom=CustomPolicy(name="Once", source=source))
    code = msgspec.structs.replace(code, output_policy=own)
    uid = site.scientist.request(code).uid
    seen = evidence(site.owner, uid)
    assert [(one.role, one.name) for one in seen.texts] == [
        ("function", code.name),
        ("output policy", "Once"),
    ]
    assert [(one.kind, one.line) for one in seen.texts[1].findings] == [("print", 5)]


@pytest.mark.parametrize(
    "page", [{"offset": 2**63 - 1}, {"offset": 2**64 - 1}, {"limit": 2**63}, {"limit": -1}, {"offset": -1}]
)
def test_odd_pages_are_refused_or_empty(site: Cast, page: dict[str, int]) -> None:
    """THREATS 2.5: the last page is empty, and what is no page is one of our errors."""
    uid, data, _ = asked(site)
    released_of(site, data)
    code, text = refused(site.owner, GetEvidence(uid, **page))
    assert code in ("ok", "invalid_input"), text
    if code == "ok" and "offset" in page:
        assert evidence(site.owner, uid, **page).released == ()


def test_it_shows_what_those_before_have_said(site: Cast) -> None:
    """Who comes second agrees to the limits of the first: evidence and request show the same."""
    uid, data, code = asked(site)
    site.owner.say(objects.SetSafeguards(data, NewSafeguards(approvals=2)), objects.ObjectReply)
    before = evidence(site.admin, uid).limits
    voted = JobLimits(memory_bytes=64 * MIB)
    site.owner.say(requests.ApproveRequest(uid, digest(code), limits=voted), requests.RequestReply)
    shown = site.admin.say(requests.GetRequest(uid=uid), requests.RequestReply).request
    assert shown.state is RequestState.PENDING
    assert before.memory_bytes != shown.limits.memory_bytes == 64 * MIB
    assert evidence(site.admin, uid).limits == shown.limits
