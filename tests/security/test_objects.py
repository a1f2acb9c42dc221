"""Objects that people send to a node: who finds, reads, changes and is asked for them, and how long they stay.

THREATS 1.4, 2.1, 2.6: what one may not see shows in no answer, no list and no count.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from support.people import Person, function, new_value, on
from support.sites import (
    Cast,
    account_of,
    asset_of,
    at_once,
    cast_on,
    fresh,
    logged,
    member,
    opened,
    refused,
    tampering,
    upload,
)
from syft.errors import SyftException
from syft.model.message import Done, Message
from syft.model.messages import datasets, jobs, objects, requests, session, settings, users
from syft.model.object import LEASE, REQUESTED_LEASE, Face, ObjectRecord
from syft.model.permission import Grant, Role
from syft.model.request import HandlerAction, Request, RequestHandler, RequestState
from syft.model.terms import Safeguards
from syft.model.uid import UID
from syft.model.user import SessionKey, User

NOT_THERE = ("not_found", "There is no such object, or it is not yours to see.")


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.now

    def forward(self, time: timedelta) -> None:
        self.now += time


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def timed(tmp_path: Path, clock: Clock) -> Iterator[Cast]:
    """A node whose time the test moves."""
    with opened(tmp_path, clock=clock) as node:
        yield cast_on(node, tmp_path)


def put(person: Person, value: Any = 7, **options: Any) -> UID:
    return person.say(objects.PutObject(new_value(value), **options), objects.ObjectReply).object.uid


def found(person: Person, *tags: str) -> set[UID]:
    reply = person.say(objects.FindObjects(tags), objects.ObjectsReply)
    assert reply.total == len(reply.objects)
    return {one.uid for one in reply.objects}


def ask(person: Person, uid: UID, **options: Any) -> requests.RequestView:
    return person.say(requests.RequestObject(uid, **options), requests.RequestReply).request


def accept(person: Person, request: requests.RequestView) -> requests.RequestView:
    view = person.say(requests.GetRequest(request.uid), requests.RequestReply).request
    assert view.object is not None
    return person.say(requests.ApproveRequest(view.uid, view.object.digest), requests.RequestReply).request


def may_read(person: Person, uid: UID) -> bool:
    return refused(person, objects.ReadValue(uid))[0] == "ok"


def set_node(site: Cast, **options: Any) -> None:
    site.admin.say(settings.UpdateSettings(**options), settings.SettingsReply)


# --- what a search tells


def test_a_search_shows_only_what_the_caller_may_see(site: Cast) -> None:
    tag = UID().hex
    hidden = put(site.owner, tags=(tag,), findable=False)
    shown = put(site.owner, tags=(tag,))
    for person in (site.scientist, site.other_owner, site.guest):
        assert found(person, tag) == {shown}
        assert refused(person, objects.GetObject(hidden)) == NOT_THERE
        assert refused(person, objects.GetObject(UID())) == NOT_THERE
    for person in (site.owner, site.admin):
        assert found(person, tag) == {hidden, shown}


def test_what_is_hidden_is_not_counted(site: Cast) -> None:
    before = {
        name: getattr(site, name).say(objects.FindObjects(limit=1), objects.ObjectsReply).total
        for name in ("guest", "scientist", "owner")
    }
    put(site.owner, findable=False)
    after = {
        name: getattr(site, name).say(objects.FindObjects(limit=1), objects.ObjectsReply).total
        for name in ("guest", "scientist", "owner")
    }
    assert after == before | {"owner": before["owner"] + 1}


def test_a_place_in_the_list_is_a_place_among_what_one_may_see(site: Cast) -> None:
    put(site.owner, findable=False)
    shown = put(site.owner)
    view = site.scientist.say(objects.GetObject(index=-1), objects.ObjectReply).object
    assert view.uid == shown
    total = site.scientist.say(objects.FindObjects(), objects.ObjectsReply).total
    assert refused(site.scientist, objects.GetObject(index=total))[0] == "not_found"


def test_what_a_private_value_measures_is_for_who_may_read_it(site: Cast) -> None:
    """The digest of a small value gives it away: anybody can hash every number."""
    uid = put(site.owner, np.arange(5), tags=("measured",))
    outside = site.scientist.say(objects.GetObject(uid), objects.ObjectReply).object
    inside = site.owner.say(objects.GetObject(uid), objects.ObjectReply).object
    assert (inside.shape, inside.readable, len(inside.digest)) == ((5,), True, 64)
    assert (outside.shape, outside.size, outside.digest, outside.readable) == (None, None, "", False)
    assert outside.type_name == "numpy.ndarray"
    request = ask(site.scientist, uid)
    assert request.object is not None
    assert request.object.digest == ""


def test_tags_are_compared_whole(site: Cast) -> None:
    tag = UID().hex
    uid = put(site.owner, tags=(tag, 'x"y', "Ünï"))
    assert found(site.guest, tag, 'x"y', "Ünï") == {uid}
    for other in (tag[:-1], tag.upper(), "y", '"', f'{tag}","x'):
        assert uid not in found(site.guest, other), other


@pytest.mark.parametrize(
    "options",
    [
        {"tags": ("",)},
        {"tags": ("a", "a")},
        {"tags": ("x\ny",)},
        {"tags": ("x" * 201,)},
        {"tags": tuple(map(str, range(33)))},
        {"description": "x" * 5_001},
    ],
    ids=lambda options: str(options)[:30],
)
def test_what_is_said_of_an_object_is_bounded(site: Cast, options: dict[str, Any]) -> None:
    uid = put(site.scientist)
    for message in (objects.PutObject(new_value(1), **options), objects.DescribeObject(uid, **options)):
        assert refused(site.scientist, message)[0] == "invalid_input"


def test_guests_find_and_do_not_keep(site: Cast) -> None:
    uid = put(site.owner, mock=new_value(1))
    assert uid in found(site.guest)
    assert site.guest.read(uid, Face.MOCK) == 1
    for message in (objects.PutObject(new_value(1)), requests.RequestObject(uid), objects.BeginUpload(1)):
        assert refused(site.guest, message)[0] == "authorization"


def test_a_hidden_objects_mock_is_hidden_too(site: Cast) -> None:
    uid = put(site.owner, mock=new_value(1), findable=False)
    read = objects.ReadValue(uid, Face.MOCK)
    assert refused(site.owner, read)[0] == "ok"
    for person in (site.guest, site.scientist):
        assert refused(person, read) == refused(person, objects.ReadValue(UID(), Face.MOCK))


# --- who may change what


def test_nobody_takes_a_uid_that_is_or_was_anothers(site: Cast) -> None:
    """One answer, whoever's object it is: that somebody knows a UID is no reason to tell them more."""
    hidden, shown, gone = put(site.owner, findable=False), put(site.owner), put(site.owner)
    site.owner.say(objects.DeleteObject(gone), Done)
    dataset = asset_of(site.owner.upload(UID().hex, 1, 0))
    answers = {
        refused(person, objects.PutObject(new_value(666), uid))
        for uid in (hidden, shown, gone, dataset)
        for person in (site.scientist, site.owner)
    }
    assert len(answers) == 1
    assert answers.pop()[0] == "already_exists"
    assert site.owner.read(hidden) == 7
    assert refused(site.scientist, objects.PutObject(new_value(1), UID()))[0] == "ok"


def test_others_change_nothing(site: Cast) -> None:
    """PySyft 0.5 let anybody delete and overwrite what they knew the id of (its issues 6965 and 6978)."""
    uid = put(site.owner, tags=("mine",))
    acts: list[Message] = [
        objects.ReplaceObject(uid, new_value(666)),
        objects.DescribeObject(uid, tags=("theirs",)),
        objects.DescribeObject(uid, findable=False),
        objects.DeleteObject(uid),
    ]
    accept(site.owner, ask(site.scientist, uid))
    for person in (site.scientist, site.other_owner):
        assert {refused(person, act) for act in acts} == {NOT_THERE}
        assert refused(person, objects.DropLeases((uid,)))[0] == "ok"
    view = site.owner.say(objects.GetObject(uid), objects.ObjectReply).object
    assert (view.tags, view.findable, site.owner.read(uid)) == (("mine",), True, 7)
    assert all(refused(site.owner, act)[0] == "ok" for act in acts)


def test_assets_and_results_stay_as_they_are(site: Cast) -> None:
    asset = upload(site.owner)
    job = _released(site, asset)
    for uid in (asset, job.result_uid):
        assert uid is not None
        for person in (site.owner, site.admin):
            for act in (objects.DeleteObject(uid), objects.ReplaceObject(uid, new_value(1))):
                assert refused(person, act)[0] == "invalid_state"


def _released(site: Cast, data: UID) -> jobs.JobView:
    submission = fresh("return data", data)
    site.owner.approve(site.scientist.request(submission))
    return ended(site.scientist, site.scientist.call(submission.name, data=on(data)))


def ended(person: Person, job: jobs.JobView) -> jobs.JobView:
    """The job when it has ended, however busy the machine is."""
    while job.ended_at is None:
        job = person.say(jobs.GetJob(job.uid, wait_s=20), jobs.JobReply).job
    return job


def test_values_are_gone_with_their_object(site: Cast) -> None:
    value = np.arange(100_000.0)
    uid = put(site.owner, value)
    with site.store.reading() as reader:
        stored = reader.get(ObjectRecord, uid).private
    assert stored is not None
    assert stored.inline is None
    assert site.site.blobs.path(stored.digest).exists()
    site.owner.say(objects.ReplaceObject(uid, new_value(value + 1)), objects.ObjectReply)
    assert stored.digest not in set(site.site.blobs.digests())
    site.owner.say(objects.DeleteObject(uid), Done)
    with site.store.reading() as reader:
        assert reader.find(ObjectRecord, uid=uid) is None
    assert not may_read(site.owner, uid)


# --- asking for access


def test_a_request_is_between_who_asks_and_who_owns(site: Cast) -> None:
    uid = put(site.owner)
    request = ask(site.scientist, uid, reason="please")
    for person in (site.scientist, site.owner, site.admin):
        assert refused(person, requests.GetRequest(request.uid))[0] == "ok"
    for person in (site.other_scientist, site.other_owner):
        listed = person.say(requests.ListRequests(), requests.RequestsReply)
        assert request.uid not in {one.uid for one in listed.requests}
        assert refused(person, requests.GetRequest(request.uid)) == refused(
            person, requests.GetRequest(UID())
        )
    assert not may_read(site.scientist, uid)
    accept(site.owner, request)
    assert site.scientist.read(uid) == 7
    assert not may_read(site.other_scientist, uid)


def test_a_scientist_decides_about_objects_of_their_own(site: Cast) -> None:
    uid = put(site.scientist)
    request = ask(site.other_scientist, uid)
    assert request.uid in {
        one.uid for one in site.scientist.say(requests.ListRequests(), requests.RequestsReply).requests
    }
    accept(site.scientist, request)
    assert may_read(site.other_scientist, uid)


def test_who_asks_does_not_answer(site: Cast) -> None:
    uid = put(site.other_owner)
    request = ask(site.owner, uid)
    with site.store.reading() as reader:
        value = reader.get(ObjectRecord, uid).private
    assert value is not None
    assert refused(site.owner, requests.ApproveRequest(request.uid, value.digest))[0] == "authorization"
    assert refused(site.owner, requests.DenyRequest(request.uid, "no"))[0] == "authorization"
    assert not may_read(site.owner, uid)


def test_a_request_is_answered_once(site: Cast) -> None:
    uid = put(site.owner)
    request = ask(site.scientist, uid)
    assert refused(site.scientist, requests.RequestObject(uid))[0] == "already_exists"
    site.owner.say(requests.DenyRequest(request.uid, "no"), requests.RequestReply)
    with pytest.raises(SyftException) as caught:
        accept(site.owner, request)
    assert caught.value.code == "invalid_state"
    again = ask(site.scientist, uid)
    accept(site.owner, again)
    assert refused(site.scientist, requests.RequestObject(uid))[0] == "invalid_state"


def test_a_revoked_grant_is_void(site: Cast) -> None:
    uid = put(site.owner)
    request = accept(site.owner, ask(site.scientist, uid))
    assert may_read(site.scientist, uid)
    denied = site.owner.say(requests.DenyRequest(request.uid, "enough"), requests.RequestReply).request
    assert denied.state is RequestState.REVOKED
    assert not may_read(site.scientist, uid)
    assert site.count(Grant, object_uid=uid) == 0


def test_a_grant_is_to_the_value_that_was_there(site: Cast) -> None:
    """Replaced is void, also when the first value comes back."""
    uid = put(site.owner, 7)
    request = accept(site.owner, ask(site.scientist, uid))
    assert site.scientist.read(uid) == 7
    site.owner.say(objects.ReplaceObject(uid, new_value(8)), objects.ObjectReply)
    assert not may_read(site.scientist, uid)
    now = site.scientist.say(requests.GetRequest(request.uid), requests.RequestReply).request
    assert now.state is RequestState.REVOKED
    site.owner.say(objects.ReplaceObject(uid, new_value(7)), objects.ObjectReply)
    assert not may_read(site.scientist, uid)


def test_a_grant_to_another_value_does_not_count(site: Cast) -> None:
    """Beside removing grants with the value: one that is left over, however, opens nothing."""
    uid = put(site.owner, 7)
    accept(site.owner, ask(site.scientist, uid))
    with site.store.reading() as reader:
        grant = reader.find(Grant, object_uid=uid)
    assert grant is not None
    site.owner.say(objects.ReplaceObject(uid, new_value(8)), objects.ObjectReply)
    with site.store.writing(msgspec.structs.replace(site.events()[-1].event, message_uid=None)) as tx:
        tx.add(grant)
    assert not may_read(site.scientist, uid)
    assert uid not in site.scientist.say(objects.FindObjects(), objects.ObjectsReply).objects


def test_an_approval_is_of_the_value_that_was_shown(site: Cast) -> None:
    uid = put(site.owner, 7)
    request = ask(site.scientist, uid)
    view = site.owner.say(requests.GetRequest(request.uid), requests.RequestReply).request
    assert view.object is not None
    site.owner.say(objects.ReplaceObject(uid, new_value(8)), objects.ObjectReply)
    stale = requests.ApproveRequest(request.uid, view.object.digest)
    assert refused(site.owner, stale)[0] == "invalid_state"
    assert refused(site.owner, requests.ApproveRequest(request.uid, ""))[0] == "invalid_state"
    assert not may_read(site.scientist, uid)
    accept(site.owner, request)
    assert site.scientist.read(uid) == 8


def test_requests_end_with_their_object(site: Cast) -> None:
    uid = put(site.owner)
    waiting, allowed = ask(site.scientist, uid), accept(site.owner, ask(site.other_scientist, uid))
    site.owner.say(objects.DeleteObject(uid), Done)
    states = [
        person.say(requests.GetRequest(one.uid), requests.RequestReply).request.state
        for person, one in ((site.scientist, waiting), (site.other_scientist, allowed))
    ]
    assert states == [RequestState.REJECTED, RequestState.REVOKED]
    assert site.count(Grant, object_uid=uid) == 0


def test_a_request_nobody_answers_in_time_is_withdrawn(timed: Cast, clock: Clock) -> None:
    uid = put(timed.owner)
    request = ask(timed.scientist, uid, timeout_s=60)
    clock.forward(timedelta(seconds=61))
    with pytest.raises(SyftException) as caught:
        accept(timed.owner, request)
    assert caught.value.code == "invalid_state"
    now = timed.scientist.say(requests.GetRequest(request.uid), requests.RequestReply).request
    assert now.state is RequestState.WITHDRAWN
    assert not may_read(timed.scientist, uid)
    for wrong in (0, -1, float("nan"), float("inf")):
        assert refused(timed.scientist, requests.RequestObject(uid, timeout_s=wrong))[0] == "invalid_input"


def test_waiting_ends_with_the_answer(site: Cast) -> None:
    """One question that waits, not one a second."""
    uid = put(site.owner)
    request = ask(site.scientist, uid)

    def wait() -> RequestState:
        message = requests.GetRequest(request.uid, wait_s=25)
        return site.scientist.say(message, requests.RequestReply).request.state

    states = at_once(wait, lambda: accept(site.owner, request).state)
    assert states == [RequestState.APPROVED] * 2


# --- one world


def test_a_grant_to_an_asset_is_a_grant_to_its_data(site: Cast) -> None:
    dataset = site.owner.upload(UID().hex, 7, 1)
    uid = asset_of(dataset)
    assert found(site.guest, dataset.dataset.name) == {uid}
    view = site.scientist.say(objects.GetObject(uid), objects.ObjectReply).object
    assert (view.has_mock, view.readable) == (True, False)
    accept(site.owner, ask(site.scientist, uid))
    assert site.scientist.read(uid) == 7
    site.owner.say(datasets.DeleteDataset(dataset.dataset.uid), Done)
    assert site.count(Grant, object_uid=uid) == 0
    assert refused(site.scientist, objects.GetObject(uid)) == NOT_THERE


def test_code_runs_on_an_object_as_on_an_asset(site: Cast) -> None:
    uid, hidden = put(site.owner, 20), put(site.owner, 21, findable=False)
    submission = fresh("return data + 1", uid)
    site.owner.approve(site.scientist.request(submission))
    job = ended(site.scientist, site.scientist.call(submission.name, data=on(uid)))
    assert job.result_uid is not None
    assert site.scientist.read(job.result_uid) == 21
    name = f"f{UID().hex}"
    asks = requests.CreateRequest(function(f"def {name}(data):\n    return data\n", name, {"data": hidden}))
    assert refused(site.scientist, asks)[0] == "not_found"


# --- standing rules


def rule(person: Person, action: HandlerAction = HandlerAction.ACCEPT, **options: Any) -> RequestHandler:
    return person.say(requests.AddHandler(action, **options), requests.HandlersReply).handlers[0]


@pytest.fixture
def ruled(site: Cast) -> Iterator[Cast]:
    """The node; rules are taken away again."""
    yield site
    for person in (site.owner, site.other_owner, site.admin):
        person.say(requests.RemoveHandlers(), requests.HandlersReply)


def test_a_rule_answers_for_its_owners_objects_only(ruled: Cast) -> None:
    rule(ruled.owner)
    rule(ruled.admin)
    own, others = put(ruled.owner), put(ruled.other_owner)
    before = ruled.count_events()
    assert ask(ruled.scientist, own).state is RequestState.APPROVED
    verbs = [one.event.verb for one in ruled.events(after=before)]
    assert verbs == ["request.created", "request.approved"]
    assert ruled.scientist.read(own) == 7
    assert ask(ruled.scientist, others).state is RequestState.PENDING
    assert not may_read(ruled.scientist, others)


def test_a_rule_lets_nothing_out_that_a_person_is_to_look_at(ruled: Cast) -> None:
    """Nor what several have to approve; nor what was computed from either. It still says no."""
    rule(ruled.owner)
    for safeguards in (datasets.NewSafeguards(review=True), datasets.NewSafeguards(approvals=2)):
        own = put(ruled.owner)
        ruled.owner.say(objects.SetSafeguards(own, safeguards), objects.ObjectReply)
        with tampering(ruled.store) as tx:
            record = tx.get(ObjectRecord, own)
            made = msgspec.structs.replace(
                record, uid=UID(), safeguards=Safeguards(), op="add", sources=(own,), name="sum"
            )
            tx.add(made)
        for uid in (own, made.uid):
            assert ask(ruled.scientist, uid).state is RequestState.PENDING
            assert not may_read(ruled.scientist, uid)
        rule(ruled.owner, HandlerAction.DENY)
        assert ask(ruled.other_scientist, own).state is RequestState.REJECTED
        rule(ruled.owner)
        assert ask(ruled.scientist, put(ruled.owner)).state is RequestState.APPROVED, "outside"


def test_a_rule_for_tags_comes_before_one_for_all(ruled: Cast) -> None:
    rule(ruled.owner)
    rule(ruled.owner, HandlerAction.DENY, tags=("secret", "b"))
    exactly, some = put(ruled.owner, tags=("b", "secret")), put(ruled.owner, tags=("secret",))
    assert ask(ruled.scientist, exactly).state is RequestState.REJECTED
    assert ask(ruled.scientist, some).state is RequestState.APPROVED


def test_rules_are_their_owners(ruled: Cast) -> None:
    mine = rule(ruled.owner)
    assert ruled.other_owner.say(requests.ListHandlers(), requests.HandlersReply).handlers == ()
    for person in (ruled.other_owner, ruled.admin):
        assert refused(person, requests.RemoveHandlers((mine.uid,)))[0] == "not_found"
    same_tags = rule(ruled.owner, HandlerAction.DENY)
    listed = ruled.owner.say(requests.ListHandlers(), requests.HandlersReply).handlers
    assert listed == (same_tags,)


def test_a_quota_counts_what_leaves(ruled: Cast) -> None:
    rule(ruled.owner, element_quota=10)
    uids = [put(ruled.owner, np.zeros(4)) for _ in range(3)]
    states = [ask(ruled.scientist, uid).state for uid in uids]
    assert states == [RequestState.APPROVED, RequestState.APPROVED, RequestState.REJECTED]
    (after,) = ruled.owner.say(requests.ListHandlers(), requests.HandlersReply).handlers
    assert (after.elements_used, after.answered) == (8, 3)


def test_a_quota_goes_by_the_bytes_not_by_what_is_said_of_them(ruled: Cast) -> None:
    rule(ruled.owner, element_quota=10)
    value = msgspec.structs.replace(new_value(np.zeros(5_000)), shape=(1,))
    said = ruled.owner.say(objects.PutObject(value), objects.ObjectReply).object
    assert said.shape == (1,)
    assert ask(ruled.scientist, said.uid).state is RequestState.REJECTED


def test_a_quota_holds_in_a_race(ruled: Cast) -> None:
    """Twenty at once, room for five."""
    rule(ruled.owner, element_quota=20)
    uids = [put(ruled.owner, np.zeros(4)) for _ in range(20)]
    answers = at_once(*(lambda uid=uid: ask(ruled.scientist, uid).state for uid in uids))
    assert sorted(answers, key=lambda state: state.name) == (
        [RequestState.APPROVED] * 5 + [RequestState.REJECTED] * 15
    )
    assert sum(may_read(ruled.scientist, uid) for uid in uids) == 5


def test_a_rule_ends(timed: Cast, clock: Clock) -> None:
    rule(timed.owner, timeout_s=60)
    assert ask(timed.scientist, put(timed.owner)).state is RequestState.APPROVED
    clock.forward(timedelta(seconds=60))
    assert ask(timed.scientist, put(timed.owner)).state is RequestState.PENDING


def test_a_rule_says_that_it_answered_and_nothing_else(
    ruled: Cast, capsys: pytest.CaptureFixture[str]
) -> None:
    rule(ruled.owner, log_local=True, print_local=True)
    uid = put(ruled.owner, "planted secret", tags=("planted tag",))
    with logged() as log:
        request = ask(ruled.scientist, uid, reason="planted reason")
    printed = capsys.readouterr().out
    assert request.uid.hex in printed
    assert request.uid.hex in log.getvalue()
    assert "planted" not in printed + log.getvalue()


# --- leases


def test_what_nobody_uses_is_forgotten(timed: Cast, clock: Clock) -> None:
    uid = put(timed.scientist, np.zeros(100_000), findable=False, leased=True)
    kept = put(timed.scientist)
    clock.forward(LEASE - timedelta(minutes=5))
    assert may_read(timed.scientist, uid)
    clock.forward(LEASE - timedelta(minutes=5))
    assert may_read(timed.scientist, uid), "using it renews it"
    clock.forward(LEASE)
    assert not may_read(timed.scientist, uid), "gone before anybody swept"
    assert refused(timed.scientist, objects.GetObject(uid)) == NOT_THERE
    assert found(timed.scientist) >= {kept}
    assert timed.count(ObjectRecord, uid=uid) == 0
    assert not list(timed.site.blobs.digests())
    assert [one.event.subject_uid for one in timed.events("object.expired")] == [uid]


def test_a_restart_sweeps(tmp_path: Path, clock: Clock) -> None:
    with opened(tmp_path, clock=clock) as node:
        uid = put(cast_on(node, tmp_path).scientist, findable=False, leased=True)
    clock.forward(LEASE)
    with opened(tmp_path, clock=clock) as node, node.open().store.reading() as reader:
        assert reader.find(ObjectRecord, uid=uid) is None


def test_a_lease_is_renewed_by_who_may(timed: Cast, clock: Clock) -> None:
    uid = put(timed.scientist, findable=False, leased=True)
    for _ in range(3):
        clock.forward(LEASE / 2)
        timed.scientist.say(objects.RenewLeases((uid,)), Done)
        timed.other_scientist.say(objects.RenewLeases((uid,)), Done)
    clock.forward(LEASE / 2)
    timed.other_scientist.say(objects.RenewLeases((uid,)), Done)
    clock.forward(LEASE / 2)
    assert not may_read(timed.scientist, uid)


def test_only_who_had_it_made_ends_a_lease(site: Cast) -> None:
    uid = put(site.scientist, findable=False, leased=True)
    accepted = [site.owner, site.other_scientist, site.admin]
    for person in accepted:
        person.say(objects.DropLeases((uid,)), Done)
    assert may_read(site.scientist, uid)
    site.scientist.say(objects.DropLeases((uid, uid, UID())), Done)
    assert not may_read(site.scientist, uid)


def test_what_is_kept_is_not_dropped(site: Cast) -> None:
    """A pointer that goes out of scope ends nothing but what was made in passing."""
    kept, shown = put(site.scientist), put(site.scientist, findable=False, leased=True)
    site.scientist.say(objects.DescribeObject(shown, findable=True), objects.ObjectReply)
    site.scientist.say(objects.DropLeases((kept, shown)), Done)
    assert may_read(site.scientist, kept)
    assert may_read(site.scientist, shown)


def test_what_is_asked_for_outlives_the_pointer(timed: Cast, clock: Clock) -> None:
    """Something that a scientist had computed from an owner's data, and may not read before the owner says so."""
    uid = put(timed.owner, findable=False, leased=True)
    with timed.store.writing(msgspec.structs.replace(timed.events()[-1].event, message_uid=None)) as tx:
        made = msgspec.structs.replace(tx.get(ObjectRecord, uid), made_by=account_of(timed.scientist))
        tx.replace(made)
    assert uid in found(timed.scientist)
    assert not may_read(timed.scientist, uid)
    request = ask(timed.scientist, uid)
    timed.scientist.say(objects.DropLeases((uid,)), Done)
    clock.forward(REQUESTED_LEASE - timedelta(hours=1))
    again = timed.node
    accept(_logged_in(again, "owner@site.org"), request)
    assert may_read(_logged_in(again, "scientist@site.org"), uid)


def _logged_in(node: Any, email: str) -> Person:
    """The same account with a fresh key: sessions end sooner than what is asked for."""
    from support.sites import PASSWORD
    from syft.transport.memory import MemoryRoute

    return Person(MemoryRoute(node)).log_in(email, PASSWORD)


# --- quotas


def test_nobody_floods_the_node(tmp_path: Path) -> None:
    """PySyft 0.5 let a data scientist fill the owner's store (its issue 5069)."""
    with opened(tmp_path) as node:
        site = cast_on(node, tmp_path)
        set_node(site, objects_per_account=3, bytes_per_account=10_000)
        answers = at_once(*(lambda: put(site.scientist) for _ in range(8)))
        assert sum(isinstance(one, UID) for one in answers) == 3
        assert {one.code for one in answers if not isinstance(one, UID)} == {"quota_exceeded"}
        # Somebody else's room is their own, and owners fill the disk with datasets anyway.
        assert [put(site.other_scientist), put(site.owner, np.zeros(10_000))]
        large = objects.PutObject(new_value(np.zeros(2_000)))
        assert refused(site.other_scientist, large)[0] == "quota_exceeded"
        assert refused(site.other_scientist, objects.BeginUpload(10_001))[0] == "quota_exceeded"
        mine = next(one for one in answers if isinstance(one, UID))
        grown = objects.ReplaceObject(mine, new_value(np.zeros(2_000)))
        assert refused(site.scientist, grown)[0] == "quota_exceeded"
        site.scientist.say(objects.DeleteObject(mine), Done)
        assert refused(site.scientist, objects.PutObject(new_value(1)))[0] == "ok"


def test_questions_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("syft.node.services.access.MAX_PENDING", 3)
    with opened(tmp_path) as node:
        site = cast_on(node, tmp_path)
        uids = [put(site.owner) for _ in range(4)]
        assert [refused(site.scientist, requests.RequestObject(uid))[0] for uid in uids] == [
            "ok",
            "ok",
            "ok",
            "quota_exceeded",
        ]


# --- keys without accounts


@pytest.fixture
def keyed(tmp_path: Path) -> Iterator[Cast]:
    """A node on which a key gets an account by itself."""
    with opened(tmp_path) as node:
        site = cast_on(node, tmp_path)
        set_node(site, key_accounts=True, key_account_limit=3)
        yield site


def test_a_served_node_gives_keys_nothing(site: Cast) -> None:
    before = site.count(User)
    assert refused(site.newcomer(), objects.PutObject(new_value(1)))[0] == "authorization"
    assert site.count(User) == before


def test_a_key_has_an_account_when_it_brings_or_asks(keyed: Cast) -> None:
    uid = put(keyed.owner)
    before = keyed.count(User)
    looks = keyed.newcomer()
    for message in (objects.FindObjects(), objects.GetObject(uid), session.GetNodeInfo()):
        assert refused(looks, message)[0] == "ok"
    assert refused(looks, requests.ListRequests())[0] == "authorization"
    assert keyed.count(User) == before, "looking around makes no account"
    request = ask(looks, uid)
    assert keyed.count(User) == before + 1
    assert request.requester.email == looks.identity.verify_key.hex()[:16] + "@key.invalid"
    accept(keyed.owner, request)
    assert looks.read(uid) == 7
    own = put(looks)
    assert found(looks) >= {own}
    assert keyed.count(User) == before + 1
    assert len(keyed.events("user.key_enrolled")) == 1


def test_a_key_that_comes_many_times_at_once_has_one_account(keyed: Cast) -> None:
    person = keyed.newcomer()
    answers = at_once(*(lambda: put(person) for _ in range(6)))
    assert all(isinstance(one, UID) for one in answers)
    assert keyed.count(User, is_key=True) == 1


def test_keys_are_bounded(keyed: Cast) -> None:
    people = [keyed.newcomer() for _ in range(5)]
    answers = at_once(*(lambda one=one: put(one) for one in people))
    assert sum(isinstance(one, UID) for one in answers) == 3
    assert {one.code for one in answers if not isinstance(one, UID)} == {"quota_exceeded"}


def test_a_blocked_key_stays_blocked(keyed: Cast) -> None:
    for block in ("delete", "log out"):
        person = keyed.newcomer()
        put(person)
        uid = account_of(person)
        if block == "delete":
            keyed.admin.say(users.DeleteUser(uid), Done)
        else:
            person.say(session.LogOut(), Done)
        accounts = keyed.count(User)
        assert refused(person, objects.PutObject(new_value(1)))[0] == "authorization"
        assert keyed.count(User) == accounts


def test_a_person_whose_session_ended_is_no_new_key(keyed: Cast) -> None:
    """An expired login must not turn into another account behind its person's back."""
    with keyed.store.writing(msgspec.structs.replace(keyed.events()[-1].event, message_uid=None)) as tx:
        key = tx.find(SessionKey, verify_key=keyed.scientist.identity.verify_key.hex())
        assert key is not None
        tx.replace(msgspec.structs.replace(key, expires_at=datetime(2020, 1, 1, tzinfo=UTC)))
    keyed.site.sessions.changed()
    assert refused(keyed.scientist, objects.PutObject(new_value(1)))[0] == "authorization"
    assert keyed.count(User, is_key=True) == 0


def test_nobody_takes_a_keys_name_or_logs_in_as_it(keyed: Cast) -> None:
    person = keyed.newcomer()
    name = person.identity.verify_key.hex()[:16] + "@key.invalid"
    other = keyed.newcomer()
    assert refused(other, users.Register(name, "N", other.sealed("p")))[0] == "invalid_input"
    assert (
        refused(keyed.scientist, users.UpdateUser(account_of(keyed.scientist), email=name))[0]
        == "invalid_input"
    )
    put(person)
    for password in ("!", "", "p"):
        assert refused(other, session.LogIn(name, other.sealed(password)))[0] == "authentication"
    changes = users.UpdateUser(account_of(person), sealed=person.sealed("mine now"))
    assert refused(person, changes)[0] == "invalid_input"


def test_who_is_not_welcome_is_not_enrolled(keyed: Cast) -> None:
    set_node(keyed, guest_sessions=False)
    assert refused(keyed.newcomer(), objects.PutObject(new_value(1)))[0] == "authorization"
    assert keyed.count(User, is_key=True) == 0


def test_a_member_is_still_a_member(keyed: Cast) -> None:
    newest = member(keyed.node, keyed.admin, "late@site.org", Role.DATA_SCIENTIST)
    put(newest)
    assert keyed.count(User, is_key=True) == 0
    assert keyed.count(Request) == 0
