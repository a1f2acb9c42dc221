"""Data owners on one node are strangers to each other, but for what they show to everybody (THREATS 1.4, 2.6)."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from support.people import Person, function, new_value, on
from support.sites import Cast, Listening, account_of, fresh, refused
from syft.model.image import ImageConfig
from syft.model.job import JobState
from syft.model.message import Message
from syft.model.messages import (
    codes,
    datasets,
    events,
    images,
    jobs,
    objects,
    plans,
    requests,
    session,
    settings,
    users,
)
from syft.model.object import Face
from syft.model.plan import Plan, place
from syft.model.request import HandlerAction, RequestState
from syft.model.step import Of, Step
from syft.model.uid import UID

# What nobody but the owner, who asked them, and the administrator is to hear.
SECRETS = {
    "a private value": b"JaneDoe4711",
    "what was printed": b"printed-4712",
    "code": b"source_4713",
    "a reason": b"because-4714",
    "why it was denied": b"refused-4715",
    "a result": b"Released4716",
    "a hidden object's tag": b"hidden-4717",
    "a standing rule": b"rule-4718",
}
# What everybody is to see.
PUBLIC = {"a mock": b"MockName4719", "a name of a dataset": b"Patients4720"}
# What a refusal may leave in the log.
OF_REFUSALS = {"act.refused", "refusals.counted"}


@dataclass
class Things:
    """What an owner has on a node, one of each."""

    dataset: datasets.DatasetReply
    hidden: UID
    request: requests.RequestView
    denied: requests.RequestView
    pending: requests.RequestView
    job: jobs.JobView
    handler: UID
    account: UID
    scientist: UID

    @property
    def data(self) -> UID:
        return self.dataset.dataset.assets[0].object_uid

    @property
    def uids(self) -> list[UID]:
        assert self.job.result_uid is not None
        about = [self.request, self.denied, self.pending]
        return [
            self.dataset.dataset.uid,
            self.data,
            self.hidden,
            *(one.uid for one in about),
            *(one.code.uid for one in about if one.code is not None),
            self.job.uid,
            self.job.result_uid,
            self.handler,
        ]


@pytest.fixture(scope="module")
def things(site: Cast) -> Things:
    owner, scientist = site.owner, site.scientist
    dataset = owner.upload("Patients4720", "JaneDoe4711", "MockName4719")
    data = dataset.dataset.assets[0].object_uid
    put = objects.PutObject(new_value("JaneDoe4711"), tags=("hidden-4717",), findable=False)
    hidden = owner.say(put, objects.ObjectReply).object.uid
    body = "source_4713 = 'printed-' + '4712'\nprint(source_4713)\nreturn 'Released' + '4716'"
    request = owner.approve(scientist.request(fresh(body, data), "because-4714"))
    denied = scientist.request(fresh("source_4713 = 2\nreturn data", data), "because-4714")
    owner.say(requests.DenyRequest(denied.uid, "refused-4715"), requests.RequestReply)
    pending = scientist.request(fresh("source_4713 = 3\nreturn data", data), "because-4714")
    job = scientist.call(request.code.submission.name, data=on(data))
    assert job.state is JobState.RELEASED
    rule = requests.AddHandler(HandlerAction.DENY, ("rule-4718",))
    handler = owner.say(rule, requests.HandlersReply).handlers[0].uid
    return Things(
        dataset, hidden, request, denied, pending, job, handler, account_of(owner), account_of(scientist)
    )


def every_question(things: Things) -> list[Message]:
    """All that can be asked about them, and about everything there is."""
    name = things.request.code.submission.name
    asked: list[Message] = [
        session.GetNodeInfo(),
        users.GetAccount(),
        users.ListUsers(),
        settings.GetSettings(),
        events.ListEvents(),
        events.GetCheckpoint(),
        datasets.ListDatasets(),
        codes.ListCodes(),
        codes.GetCode(name=name),
        requests.ListRequests(),
        requests.ListHandlers(),
        jobs.ListJobs(),
        objects.FindObjects(),
        *(requests.GetRequest(index=place) for place in (0, -1)),
        *(jobs.GetJob(index=place) for place in (0, -1)),
    ]
    for uid in things.uids:
        asked += [
            datasets.GetDataset(uid),
            codes.GetCode(uid),
            requests.GetRequest(uid),
            jobs.GetJob(uid),
            jobs.GetJobLog(uid),
            jobs.ListJobs(code_uid=uid),
            jobs.ListJobs(parent_uid=uid),
            jobs.ListJobs(result_uid=uid),
            objects.GetObject(uid),
            objects.ReadValue(uid, Face.PRIVATE),
            objects.ReadValue(uid, Face.MOCK),
        ]
    return asked


def heard_by(person: Person, questions: list[Message]) -> bytes:
    """Every byte of the answers."""
    listener = Listening(person.route)
    before, person.route = person.route, listener
    try:
        for message in questions:
            refused(person, message)
    finally:
        person.route = before
    return bytes(listener.heard)


def test_an_owner_sees_nothing_of_another_owners(site: Cast, things: Things) -> None:
    """THREATS 1.4, 2.6: datasets but for what is public, requests, code, jobs, logs, results, rules, hidden objects."""
    questions = every_question(things)
    theirs = heard_by(site.owner, questions)
    others = heard_by(site.other_owner, questions)
    for what, secret in SECRETS.items():
        # A result is read by who asked, whose it is; its owner decided about it.
        outside = heard_by(site.scientist, questions) if what == "a result" else theirs
        assert secret in outside, what  # outside the fence
        assert secret not in others, what
    for what, shown in PUBLIC.items():
        assert shown in others, what
    listed = site.other_owner.say(requests.ListRequests(), requests.RequestsReply)
    assert {one.uid for one in listed.requests}.isdisjoint(things.uids)
    assert {one.uid for one in site.other_owner.say(jobs.ListJobs(), jobs.JobsReply).jobs}.isdisjoint(
        things.uids
    )


def every_change(things: Things, person: Person) -> list[Message]:
    """All that can be done to them, or with them."""
    request = things.pending
    digest = request.code.digest
    acts: list[Message] = [
        datasets.DeleteDataset(things.dataset.dataset.uid),
        requests.ApproveRequest(request.uid, digest),
        requests.DenyRequest(request.uid, "no"),
        requests.DenyRequest(things.request.uid, "no more"),
        requests.WithdrawRequest(request.uid),
        requests.RemoveHandlers((things.handler,)),
        jobs.CallCode({"data": on(things.data)}, things.request.code.uid, None, 5),
        jobs.KillJob(things.job.uid),
        jobs.RestartJob(things.job.uid),
        jobs.SetJobPriority(things.job.uid, -1),
        users.UpdateUser(things.account, name="Somebody Else"),
        users.UpdateUser(things.account, sealed=person.sealed("taken over")),
        users.UpdateUser(things.account, mock_execution=True),
        users.DeleteUser(things.account),
        users.UpdateUser(things.scientist, name="Somebody Else"),
        users.UpdateUser(things.scientist, sealed=person.sealed("taken over")),
        users.DeleteUser(things.scientist),
        settings.UpdateSettings(description="mine"),
    ]
    result = things.job.result_uid
    assert result is not None
    for uid in (things.data, things.hidden, result):
        acts += [
            objects.DeleteObject(uid),
            objects.ReplaceObject(uid, new_value("mine")),
            objects.DescribeObject(uid, tags=("mine",), findable=True),
            objects.GrantObject(uid, ("other_owner@site.org",)),
            objects.PutObject(new_value("mine"), uid),
        ]
    for uid in (things.hidden, result):
        acts += [
            requests.RequestObject(uid),
            objects.Operate(Step(op="add", inputs=(Of(uid), 1), output=UID())),
            plans.RunPlan(plan=Plan(name="f", inputs=("x",), outputs=(place(0),)), inputs=(uid,)),
        ]
    return acts


def test_an_owner_changes_nothing_of_another_owners(site: Cast, things: Things) -> None:
    """THREATS 1.4, 2.6: not one act; what the owner sees of it is what it was."""
    questions = [one for one in every_question(things) if not isinstance(one, events.GetCheckpoint)]
    state = [refused(site.owner, one) for one in questions]
    image = site.owner.say(images.SubmitImage(ImageConfig(packages=("a",))), images.ImageReply).image.uid
    before = site.count_events()
    for act in [*every_change(things, site.other_owner), images.BuildImage(image), images.RemoveImage(image)]:
        code, text = refused(site.other_owner, act)
        assert code in ("not_found", "authorization", "already_exists", "not_approved"), (act, code, text)
    assert {one.event.verb for one in site.events(after=before)} <= OF_REFUSALS
    assert [refused(site.owner, one) for one in questions] == state
    # Outside the fence: to the owner, the same acts are theirs to do.
    own = site.scientist.request(fresh("return data", things.data))
    assert refused(site.other_owner, requests.ApproveRequest(own.uid, own.code.digest))[0] == "not_found"
    assert refused(site.owner, requests.ApproveRequest(own.uid, own.code.digest))[0] == "ok"
    assert refused(site.other_owner, requests.DenyRequest(own.uid, "no"))[0] == "not_found"
    assert refused(site.owner, requests.DenyRequest(own.uid, "no"))[0] == "ok"
    spare = site.owner.upload("Spare4721", 1, 0).dataset
    assert refused(site.other_owner, datasets.DeleteDataset(spare.uid))[0] == "not_found"
    assert refused(site.owner, datasets.DeleteDataset(spare.uid))[0] == "ok"


def test_an_owner_shows_another_what_they_grant(site: Cast, things: Things) -> None:
    """THREATS 1.4, outside the fence: isolated unless they grant; then that value, and nothing beside it."""
    read = objects.ReadValue(things.data, Face.PRIVATE)
    assert refused(site.other_owner, read)[0] == "not_found"
    grant = objects.GrantObject(things.data, ("other_owner@site.org",))
    if refused(site.owner, grant)[0] != "ok":
        # Of an asset it is asked for and answered.
        asked = site.other_owner.say(requests.RequestObject(things.data), requests.RequestReply).request
        assert asked.object is not None
        view = site.owner.say(requests.GetRequest(asked.uid), requests.RequestReply).request
        assert view.object is not None
        message = requests.ApproveRequest(asked.uid, view.object.digest)
        assert refused(site.owner, message)[0] == "ok"
    assert site.other_owner.read(things.data) == "JaneDoe4711"
    assert refused(site.other_owner, requests.GetRequest(things.pending.uid))[0] == "not_found"
    assert refused(site.other_owner, datasets.DeleteDataset(things.dataset.dataset.uid))[0] == "not_found"


def test_what_several_owners_data_went_into_is_no_single_owners(site: Cast) -> None:
    """THREATS 1.4, 1.6: both see the request, neither approves alone; neither reads what it printed, nor its result."""
    mine = site.owner.upload("mine", 3, 0).dataset.assets[0].object_uid
    theirs = site.other_owner.upload("theirs", 4, 0).dataset.assets[0].object_uid
    code = function(
        "def of_both(a, b):\n    print('said', a)\n    return a * 10 + b\n",
        "of_both",
        {"a": mine, "b": theirs},
    )
    request = site.scientist.request(code)
    for owner in (site.owner, site.other_owner):
        assert refused(owner, requests.GetRequest(request.uid))[0] == "ok"
    # What one of them says alone opens nothing, whatever is made of it.
    refused(site.owner, requests.ApproveRequest(request.uid, request.code.digest))
    seen = site.owner.say(requests.GetRequest(request.uid), requests.RequestReply).request
    assert seen.state is RequestState.PENDING
    call = jobs.CallCode({"a": on(mine), "b": on(theirs)}, request.code.uid, None, 20)
    assert refused(site.scientist, call)[0] == "not_approved"
    site.admin.approve(request)
    job = site.scientist.call("of_both", a=on(mine), b=on(theirs))
    assert site.scientist.read(job.result_uid) == 34
    assert "said 3" in site.admin.say(jobs.GetJobLog(job.uid), jobs.JobLogReply).stdout
    for owner in (site.owner, site.other_owner):
        seen = owner.say(jobs.GetJob(job.uid), jobs.JobReply).job
        assert (seen.state, seen.result_uid) == (JobState.RELEASED, None)
        assert refused(owner, objects.ReadValue(job.result_uid, Face.PRIVATE))[0] == "not_found"
        assert "said" not in str(owner.say(jobs.GetJobLog(job.uid), jobs.JobLogReply))


def test_what_an_owner_said_about_a_function_is_not_told_to_one_for_whom_it_is_launched(site: Cast) -> None:
    """THREATS 1.4: a function that was asked of one owner is launched by one that is asked of another."""
    mine = site.owner.upload("launches", 3, 0).dataset.assets[0].object_uid
    theirs = site.other_owner.upload("launched", 4, 0).dataset.assets[0].object_uid
    inner = fresh("return data", theirs)
    outer = fresh(
        f"return datasite.launch_job({inner.name}, data=data)",
        mine,
        uses_datasite=True,
        nested=(inner.name,),
    )
    denied = site.scientist.request(inner)
    no = requests.DenyRequest(denied.uid, "They have mumps.")
    site.other_owner.say(no, requests.RequestReply)
    request = site.scientist.request(outer)
    for person, told in ((site.owner, False), (site.scientist, True), (site.admin, True)):
        shown = person.say(requests.GetRequest(request.uid), requests.RequestReply).request.nested
        assert [(one.status is not None, "mumps" in one.status_reason) for one in shown] == [(told, told)]
