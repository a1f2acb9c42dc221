"""A result that a person is to look at stays until they have: nobody has it before, and one decision is made of two.

Each act is tried on the same run without the review, too, where it works: what stops it is the review.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import msgspec
import pytest
from blake3 import blake3

from support.held import (
    DATA,
    OUTPUTS,
    approved,
    have_reviewed,
    held_job,
    job_of,
    let_go,
    read_held,
    refuse,
    reviewed,
    shown,
)
from support.kills import wait_until
from support.people import Person, function, on
from support.sites import (
    Cast,
    asset_of,
    at_once,
    cast_on,
    fresh,
    logged,
    member,
    opened,
    own_value,
    refused,
    tampering,
    upload,
)
from syft.errors import InvalidState, SyftException
from syft.model.held import HeldOutput, HeldResult, HeldState
from syft.model.job import Job, JobState, Release
from syft.model.message import Done
from syft.model.messages import jobs, objects, pools, requests, results, users
from syft.model.messages.datasets import DeleteDataset
from syft.model.object import Face, ObjectKind, ObjectRecord, ValueRef
from syft.model.permission import Grant, Role
from syft.model.pool import PoolSpec
from syft.model.request import Request
from syft.model.uid import UID
from syft.sandbox.contract import Execution, Outcome
from syft.transport.memory import MemoryRoute
from syft.wire.codec import encode

SECRET = "hunter2-salaries"


def released_job(site: Cast) -> jobs.JobView:
    """The same run on data that nobody wants to look at first."""
    data = upload(site.owner, DATA)
    request = approved(site, data)
    job = site.scientist.call(request.code.submission.name, data=on(data))
    assert job.state is JobState.RELEASED
    return job


# before the decision


def test_with_the_review_it_is_held_and_without_it_leaves(site: Cast) -> None:
    released = released_job(site)
    assert site.scientist.read(released.result_uid)["n"] == len(DATA)

    job = held_job(site)
    assert (job.result_uid, job.result, job.error_code) == (None, None, "")
    assert job.note == "Its result is held: the owner looks at each result before it leaves."
    assert site.count(Release, job_uid=job.uid) == 0
    assert site.count(HeldResult, uid=job.uid, state=HeldState.WAITING) == 1
    with site.store.reading() as reader:
        kept = reader.get(Job, job.uid)
    assert kept.result_uid is None


def test_a_condition_of_the_approval_holds_it_as_well(site: Cast) -> None:
    data = upload(site.owner, DATA)
    request = approved(site, data)
    with tampering(site.store) as tx:
        stored = tx.get(Request, request.uid)
        with_review = msgspec.structs.replace(stored.terms, review=True)
        tx.replace(msgspec.structs.replace(stored, terms=with_review))
    job = site.scientist.call(request.code.submission.name, data=on(data))
    # Conditions are part of what was approved: nobody adds or takes one away behind its digest.
    assert (job.state, job.error_code) == (JobState.FAILED, "not_approved")


@pytest.mark.parametrize("whose", ["scientist", "other_scientist", "other_owner", "guest"])
def test_nobody_else_has_the_value_of_a_held_result(site: Cast, whose: str) -> None:
    job = held_job(site)
    assert read_held(site.owner, job.uid)["raw"] == DATA
    assert read_held(site.admin, job.uid)["raw"] == DATA
    somebody: Person = getattr(site, whose)
    code = "authorization" if whose == "guest" else "not_found"
    for message in (
        results.ReadHeldResult(job.uid),
        objects.ReadValue(job.uid),
        objects.ReadValue(job.uid, Face.MOCK),
        objects.GetObject(job.uid),
        objects.GrantObject(job.uid, ("scientist@site.org",)),
    ):
        said = refused(somebody, message)[0]
        assert said in (code, "not_found"), (message, said)


def test_a_held_result_is_no_object_by_any_name(site: Cast) -> None:
    """Not in listings, not as an input of another function, not of an operation, not to be asked for."""
    before = site.count(ObjectRecord, kind=ObjectKind.RESULT)
    grants = site.count(Grant)
    job = held_job(site)
    assert site.count(ObjectRecord, kind=ObjectKind.RESULT) == before
    assert site.count(Grant) == grants
    assert site.count(ObjectRecord, uid=job.uid) == 0
    found = site.scientist.say(objects.FindObjects(), objects.ObjectsReply)
    assert job.uid not in {one.uid for one in found.objects}
    assert refused(site.scientist, objects.DeleteObject(job.uid))[0] == "not_found"
    assert refused(site.scientist, requests.RequestObject(job.uid))[0] == "not_found"
    assert refused(site.scientist, requests.CreateRequest(fresh("return data", job.uid)))[0] == "not_found"

    released = released_job(site)
    assert released.result_uid is not None
    listed = site.scientist.say(objects.GetObject(released.result_uid), objects.ObjectReply)
    assert listed.object.uid == released.result_uid
    again = site.scientist.request(fresh("return data", released.result_uid))
    assert again.code is not None


def test_its_requester_sees_that_it_is_held_and_nothing_of_it(site: Cast) -> None:
    job = held_job(site)
    view = shown(site.scientist, job.uid)
    assert view.state is HeldState.WAITING
    assert (view.outputs, view.findings, view.value, view.obstacle) == ((), (), None, "")
    listed = site.scientist.say(results.ListHeldResults(), results.HeldResultsReply)
    mine = next(one for one in listed.held if one.uid == job.uid)
    assert mine == view

    seen = shown(site.owner, job.uid)
    assert [one.name for one in seen.outputs] == ["mean", "n", "raw"]
    assert [one.place for one in seen.outputs] == [0, 1, 2]
    assert seen.findings
    assert seen.value is not None


def test_nothing_of_what_a_held_run_printed_reaches_its_requester(site: Cast) -> None:
    """THREATS 1.5: printed output and errors are outputs, whatever becomes of the result."""
    job = held_job(
        site, reviewed(site, SECRET), "import sys\nprint(data)\nprint(data, file=sys.stderr)\nreturn data"
    )
    log = site.scientist.say(jobs.GetJobLog(job.uid, wait_s=5), jobs.JobLogReply)
    assert SECRET not in log.stdout + log.stderr + log.error + log.withheld
    assert log.ended  # at once: for a person's decision nobody's connection is kept
    read = site.owner.say(jobs.GetJobLog(job.uid), jobs.JobLogReply)
    assert SECRET in read.stdout
    refuse(site.owner, job.uid)
    assert SECRET not in str(job_of(site.scientist, job.uid))


def test_names_that_the_code_makes_are_shown_to_nobody_who_may_not_read_the_data(site: Cast) -> None:
    """A dict's keys may be values of another owner's data."""
    mine, theirs = reviewed(site, SECRET), upload(site.other_owner, 5)
    name = f"two_{UID().hex}"
    code = function(f"def {name}(a, b):\n    return {{a: b}}\n", name, {"a": mine, "b": theirs})
    request = site.scientist.request(code)
    site.admin.approve(request)
    job = site.scientist.call(name, a=on(mine), b=on(theirs))
    assert job.state is JobState.HELD
    assert shown(site.admin, job.uid).outputs[0].name == SECRET
    for owner in (site.owner, site.other_owner):
        view = shown(owner, job.uid)
        assert view.outputs == (HeldOutput(place=0),)
        assert view.value is None
        assert refused(owner, results.ReadHeldResult(job.uid))[0] == "not_found"
        assert refused(owner, results.ReleaseResult(job.uid))[0] == "authorization"


def test_sizes_that_the_code_chooses_are_shown_to_nobody_who_may_not_read_the_data(site: Cast) -> None:
    """THREATS 2.6: one of two owners sees how large each output is, says no, and so reads what is the other's."""
    mine, theirs = reviewed(site, [4711, 815]), upload(site.other_owner, 5)
    name = f"two_{UID().hex}"
    source = f"def {name}(a, b):\n    import numpy\n    return [numpy.zeros(one, 'int8') for one in a]\n"
    site.admin.approve(site.scientist.request(function(source, name, {"a": mine, "b": theirs})))
    job = site.scientist.call(name, a=on(mine), b=on(theirs))
    assert [one.shape for one in shown(site.admin, job.uid).outputs] == [(4711,), (815,)]
    view = shown(site.other_owner, job.uid)
    assert [one.place for one in view.outputs] == [0, 1]
    assert {(one.shape, one.size, one.type_name) for one in view.outputs} == {(None, 0, "")}
    assert ["up to 8 KiB" in one.text for one in view.findings] == [True]
    assert refuse(site.other_owner, job.uid).state is HeldState.REFUSED


def test_lists_hold_what_one_may_see(site: Cast) -> None:
    job = held_job(site)
    for message in (results.ListHeldResults(), results.ListHeldResults(waiting=True, offset=0, limit=1000)):
        for person, sees in (
            (site.scientist, True),
            (site.owner, True),
            (site.admin, True),
            (site.other_scientist, False),
            (site.other_owner, False),
        ):
            reply = person.say(message, results.HeldResultsReply)
            assert (job.uid in {one.uid for one in reply.held}) is sees
            assert len(reply.held) == reply.total
    assert refused(site.newcomer(), results.ListHeldResults())[0] == "authorization"
    refuse(site.owner, job.uid)
    waiting = site.owner.say(results.ListHeldResults(waiting=True), results.HeldResultsReply)
    assert job.uid not in {one.uid for one in waiting.held}


# who decides


@pytest.mark.parametrize(
    ("whose", "code"),
    [("scientist", "authorization"), ("other_scientist", "not_found"), ("other_owner", "not_found")],
)
def test_who_may_not_decide_about_the_request_does_not_decide_about_its_results(
    site: Cast, whose: str, code: str
) -> None:
    job = held_job(site)
    somebody: Person = getattr(site, whose)
    assert refused(somebody, results.ReleaseResult(job.uid))[0] == code
    assert refused(somebody, results.RefuseResult(job.uid, "no"))[0] == code
    assert job_of(site.owner, job.uid).state is JobState.HELD
    assert let_go(site.owner, job.uid).state is HeldState.RELEASED


def test_an_author_who_is_an_administrator_does_not_let_their_own_result_go(site: Cast) -> None:
    """THREATS 1.6: the author never counts."""
    author = member(site.node, site.admin, f"{UID().hex}@site.org", Role.ADMIN)
    data = reviewed(site)
    request = author.request(fresh(OUTPUTS, data))
    site.owner.approve(request)
    job = author.call(request.code.submission.name, data=on(data))
    assert job.state is JobState.HELD
    assert refused(author, results.ReleaseResult(job.uid))[0] == "authorization"
    assert refused(author, results.ReadHeldResult(job.uid))[0] == "not_found"
    assert let_go(site.admin, job.uid).state is HeldState.RELEASED
    assert author.read(job_of(author, job.uid).result_uid)["n"] == len(DATA)


# what is decided


def test_what_is_let_go_is_what_was_held(site: Cast) -> None:
    job = held_job(site)
    value = read_held(site.owner, job.uid)
    view = let_go(site.owner, job.uid, reason="small enough")
    assert (view.state, view.reason, view.value) == (HeldState.RELEASED, "small enough", None)
    ended = job_of(site.scientist, job.uid)
    assert ended.state is JobState.RELEASED
    assert ended.note.endswith("small enough")
    assert site.scientist.read(ended.result_uid) == value
    assert site.count(Release, job_uid=job.uid) == 1
    assert refused(site.other_scientist, objects.ReadValue(ended.result_uid))[0] == "not_found"
    assert refused(site.owner, results.ReadHeldResult(job.uid))[0] == "invalid_state"


def test_what_is_refused_is_gone_and_its_requester_reads_why(site: Cast) -> None:
    job = held_job(site, reviewed(site, b"x" * 100_000), "return data")
    with site.store.reading() as reader:
        blob = reader.get(HeldResult, job.uid).blob
    assert blob in set(site.site.blobs.digests())
    data_too = site.site.blobs.digests()
    refuse(site.owner, job.uid, "it is the data itself")
    ended = job_of(site.scientist, job.uid)
    assert (ended.state, ended.error_code, ended.result_uid) == (JobState.WITHHELD, "denied", None)
    assert "it is the data itself" in ended.note
    assert site.count(Release, job_uid=job.uid) == 0
    assert refused(site.owner, results.ReadHeldResult(job.uid))[0] == "invalid_state"
    assert set(site.site.blobs.digests()) <= set(data_too)


def test_the_file_of_a_refused_result_goes_with_it(site: Cast) -> None:
    job = held_job(site, reviewed(site, 1), "return b'y' * 100_000 + bytes([data])")
    with site.store.reading() as reader:
        blob = reader.get(HeldResult, job.uid).blob
    assert blob in set(site.site.blobs.digests())
    refuse(site.owner, job.uid)
    assert blob not in set(site.site.blobs.digests())


def test_one_file_of_two_results_stays_as_long_as_one_is_held(site: Cast) -> None:
    """Files are named by what is in them: equal results are one file."""
    data = reviewed(site, 1)
    first, second = (held_job(site, data, "return b'z' * 100_000 + bytes([data])") for _ in range(2))
    with site.store.reading() as reader:
        assert reader.get(HeldResult, first.uid).blob == reader.get(HeldResult, second.uid).blob
    refuse(site.owner, first.uid)
    assert len(read_held(site.owner, second.uid)) == 100_001
    let_go(site.owner, second.uid)
    assert len(site.scientist.read(job_of(site.scientist, second.uid).result_uid)) == 100_001


@pytest.mark.parametrize(
    ("body", "kept_back", "left"),
    [
        (OUTPUTS, (2,), {"mean": 3.0, "n": 4}),
        ("return (len(data), data, 'end')", (1,), (4, None, "end")),
        ("return [data, len(data)]", (0,), [None, 4]),
        ("import numpy as np\nreturn {1: np.array(data), 'one': 1}", (0,), {"one": 1}),
        ("return {'a': b'z' * 100_000, 'b': data}", (1,), {"a": b"z" * 100_000}),
    ],
)
def test_what_is_kept_back_is_not_in_what_leaves(
    site: Cast, body: str, kept_back: tuple[int, ...], left: Any
) -> None:
    job = held_job(site, body=body)
    view = let_go(site.owner, job.uid, kept_back, "rows of the data")
    assert view.kept_back == kept_back
    ended = job_of(site.scientist, job.uid)
    assert site.scientist.read(ended.result_uid) == left
    assert "rows of the data" in ended.note
    assert "1 of its" in ended.note
    # The whole is nobody's any more.
    with site.store.reading() as reader:
        assert reader.get(HeldResult, job.uid).value is None


def test_names_of_what_is_kept_back_do_not_reach_its_requester(site: Cast) -> None:
    """A name may be the value: the code chooses it after it has read the data."""
    job = held_job(site, reviewed(site, SECRET), "return {'n': 1, data: 2}")
    let_go(site.owner, job.uid, (1,), "the key is a value")
    heard = str(job_of(site.scientist, job.uid)) + str(shown(site.scientist, job.uid))
    assert SECRET not in heard
    assert "place 1" in heard


@pytest.mark.parametrize("kept_back", [(3,), (-1,), (0, 0), (0, 1, 2), (1 << 60,), tuple(range(1000))])
def test_places_that_are_none_are_refused(site: Cast, kept_back: tuple[int, ...]) -> None:
    job = held_job(site)
    assert refused(site.owner, results.ReleaseResult(job.uid, kept_back, "because"))[0] == "invalid_input"
    assert job_of(site.owner, job.uid).state is JobState.HELD


def test_reasons_are_given_and_bounded(site: Cast) -> None:
    job = held_job(site)
    for reason in ("", "  ", "x" * 5_001):
        assert refused(site.owner, results.RefuseResult(job.uid, reason))[0] == "invalid_input"
        assert refused(site.owner, results.ReleaseResult(job.uid, (2,), reason))[0] == "invalid_input"
    assert refused(site.owner, results.ReleaseResult(job.uid, (), "x" * 5_001))[0] == "invalid_input"


def test_one_thing_goes_whole_or_not_at_all(site: Cast) -> None:
    job = held_job(site, body="return sum(data)")
    assert shown(site.owner, job.uid).outputs == ()
    assert refused(site.owner, results.ReleaseResult(job.uid, (0,), "no"))[0] == "invalid_input"
    let_go(site.owner, job.uid)
    assert site.scientist.read(job_of(site.scientist, job.uid).result_uid) == sum(DATA)


def test_more_outputs_than_can_be_told_apart_go_whole(site: Cast) -> None:
    job = held_job(site, body="return list(range(101))")
    assert shown(site.owner, job.uid).outputs == ()
    let_go(site.owner, job.uid)
    assert len(site.scientist.read(job_of(site.scientist, job.uid).result_uid)) == 101


# races


def outcome_of(site: Cast, job: jobs.JobView, answers: list[Any]) -> str:
    """What became of it; checks that it is one thing everywhere."""
    won = [one for one in answers if isinstance(one, results.HeldView)]
    assert len(won) <= 1
    lost = [one for one in answers if isinstance(one, SyftException)]
    assert all(isinstance(one, InvalidState) for one in lost), lost
    ended = job_of(site.scientist, job.uid)
    released = site.count(Release, job_uid=job.uid)
    with site.store.reading() as reader:
        held = reader.get(HeldResult, job.uid)
    if held.state is HeldState.RELEASED:
        assert (ended.state, released) == (JobState.RELEASED, 1)
    elif held.state is HeldState.REFUSED:
        assert (ended.state, released, ended.result_uid) == (JobState.WITHHELD, 0, None)
    else:
        assert (ended.state, released, won) == (JobState.HELD, 0, [])
    return held.state.value


def test_of_many_who_decide_at_once_one_has_decided(site: Cast) -> None:
    """Two reviewers, one of whom lets it go twice, one of whom keeps it back: one decision, one release at most."""
    keys = [
        Person(MemoryRoute(site.node)).log_in("owner@site.org", "correct horse battery") for _ in range(2)
    ]
    seen = set()
    data = reviewed(site)
    for turn in range(12):
        job = held_job(site, data)
        acts = [
            lambda uid=job.uid: let_go(site.owner, uid),
            lambda uid=job.uid: let_go(keys[0], uid, (2,), "rows"),
            lambda uid=job.uid: refuse(keys[1], uid),
            lambda uid=job.uid: let_go(site.admin, uid),
        ]
        answers = at_once(*(acts if turn % 2 else reversed(acts)))
        assert len([one for one in answers if isinstance(one, results.HeldView)]) == 1
        seen.add(outcome_of(site, job, answers))
    assert seen <= {"released", "refused"}


def test_a_decision_against_a_revocation_leaves_one_of_both(site: Cast) -> None:
    data = reviewed(site)
    for turn in range(8):
        request = approved(site, data)
        job = site.scientist.call(request.code.submission.name, data=on(data))
        deny = requests.DenyRequest(request.uid, "changed my mind")
        acts = [
            lambda uid=job.uid: let_go(site.owner, uid),
            lambda deny=deny: site.admin.say(deny, requests.RequestReply),
        ]
        answers = at_once(*(acts if turn % 2 else reversed(acts)))
        state = outcome_of(site, job, [one for one in answers if not isinstance(one, requests.RequestReply)])
        if state == "waiting":
            assert refused(site.owner, results.ReleaseResult(job.uid))[0] == "not_approved"


# what has changed meanwhile


def test_a_revoked_approval_lets_nothing_of_what_is_held_go(site: Cast) -> None:
    data = reviewed(site)
    request = approved(site, data)
    job = site.scientist.call(request.code.submission.name, data=on(data))
    assert shown(site.owner, job.uid).obstacle == ""
    site.owner.say(requests.DenyRequest(request.uid, "no longer"), requests.RequestReply)
    view = shown(site.owner, job.uid)
    assert view.state is HeldState.WAITING
    assert "withdrawn" in view.obstacle
    assert refused(site.owner, results.ReleaseResult(job.uid))[0] == "not_approved"
    assert site.count(Release, job_uid=job.uid) == 0
    assert refuse(site.owner, job.uid).state is HeldState.REFUSED


def test_data_that_has_moved_on_keeps_what_was_computed_from_it(site: Cast) -> None:
    """THREATS 1.6: an approval is for a version of the data, when its results leave as well."""
    data = reviewed(site)
    job = held_job(site, data)
    with tampering(site.store) as tx:
        record = tx.get(ObjectRecord, data)
        encoded = encode([0])
        other = ValueRef(
            digest=blake3(encoded.to_bytes()).hexdigest(),
            size=encoded.size,
            type_name=encoded.type_name,
            inline=encoded.to_bytes(),
        )
        tx.replace(msgspec.structs.replace(record, private=other))
    assert "changed" in shown(site.owner, job.uid).obstacle
    assert refused(site.owner, results.ReleaseResult(job.uid))[0] == "not_approved"


def test_of_data_that_is_gone_nothing_leaves_and_its_owner_still_decides(site: Cast) -> None:
    dataset = site.owner.upload(f"data {UID().hex}", DATA, [])
    data = asset_of(dataset)
    have_reviewed(site, data)
    job = held_job(site, data)
    site.owner.say(DeleteDataset(dataset.dataset.uid), Done)
    view = shown(site.owner, job.uid)
    assert view.obstacle
    assert read_held(site.owner, job.uid)["raw"] == DATA
    assert refused(site.owner, results.ReleaseResult(job.uid))[0] == "not_found"
    assert refused(site.other_owner, results.RefuseResult(job.uid, "no"))[0] == "not_found"
    assert refuse(site.owner, job.uid).state is HeldState.REFUSED


def test_packages_that_are_others_by_now_keep_nothing_back(
    site: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They were compared when it ran: an update of the node changes nothing about a result that is there."""
    data = reviewed(site)
    job, later = held_job(site, data), approved(site, data)
    monkeypatch.setattr(type(site.site.equipped), "environment", lambda _self, _pools: "f" * 64)
    # The fence is there: what is to run now does not.
    assert site.scientist.call(later.code.submission.name, data=on(data)).error_code == "not_approved"
    assert let_go(site.owner, job.uid).state is HeldState.RELEASED


def test_code_that_was_changed_where_it_is_kept_lets_nothing_go(site: Cast) -> None:
    data = reviewed(site)
    request = approved(site, data)
    job = site.scientist.call(request.code.submission.name, data=on(data))
    with tampering(site.store) as tx:
        stored = tx.get(Request, request.uid)
        tx.replace(msgspec.structs.replace(stored, limits=msgspec.structs.replace(stored.limits, wall_s=1.0)))
    assert refused(site.owner, results.ReleaseResult(job.uid))[0] == "not_approved"


def test_a_review_that_is_asked_for_while_it_runs_holds_its_result(site: Cast) -> None:
    """What is demanded is read where it would leave, and not where it began."""
    data = upload(site.owner, DATA)
    request = approved(site, data, "import time\ntime.sleep(1)\nreturn len(data)")
    queued = site.scientist.call(request.code.submission.name, wait_s=0, data=on(data))
    while job_of(site.owner, queued.uid).state is not JobState.RUNNING:
        pass
    have_reviewed(site, data)
    job = job_of(site.scientist, queued.uid, wait_s=20)
    assert job.state is JobState.HELD
    let_go(site.owner, job.uid)
    assert site.scientist.read(job_of(site.scientist, job.uid).result_uid) == len(DATA)


# what counts


def test_a_held_result_counts_until_it_is_refused(site: Cast) -> None:
    data = reviewed(site)
    request = approved(site, data)
    name = request.code.submission.name
    first = site.scientist.call(name, data=on(data))
    # The same call is answered by the same run, which waits.
    again = site.scientist.call(name, data=on(data))
    assert (again.uid, again.state) == (first.uid, JobState.HELD)
    refuse(site.owner, first.uid)
    third = site.scientist.call(name, data=on(data))
    assert third.uid != first.uid
    assert third.state is JobState.HELD
    let_go(site.owner, third.uid)
    fourth = site.scientist.call(name, data=on(data))
    assert (fourth.uid, fourth.state) == (third.uid, JobState.RELEASED)
    assert site.count(Release, request_uid=request.uid) == 1


def test_nobody_has_many_made_to_have_the_best_of_them_let_go(site: Cast) -> None:
    """Runs that are queued at once on an approval for two: two are held, the others come to nothing."""
    data = reviewed(site)
    request = approved(site, data, "import uuid\nreturn [len(data), uuid.uuid4().hex]", limit=2)
    name = request.code.submission.name
    calls = [lambda: site.scientist.call(name, data=on(data)) for _ in range(6)]
    answers = at_once(*calls)
    with site.store.reading() as reader:
        held = reader.select(HeldResult, request_uid=request.uid)
    assert len(held) == 2
    for answer in answers:
        assert isinstance(answer, SyftException) or answer.state is not JobState.RELEASED
    for one in held:
        let_go(site.owner, one.uid)
    assert site.count(Release, request_uid=request.uid) == 2


def test_only_so_many_of_a_persons_results_wait(tmp_path: Path) -> None:
    with opened(tmp_path, open_per_user=1) as node:
        site = cast_on(node, tmp_path)
        data = reviewed(site)
        for expected in ("ok", "too_many_attempts"):
            request = approved(site, data)
            message = jobs.CallCode({"data": on(data)}, None, request.code.submission.name, 20)
            assert refused(site.scientist, message)[0] == expected
        with site.store.reading() as reader:
            waiting = reader.find(HeldResult, state=HeldState.WAITING)
        assert waiting is not None
        let_go(site.owner, waiting.uid)
        assert released_job(site).state is JobState.RELEASED


def test_a_held_job_is_neither_killed_nor_run_again_nor_taken_for_running(site: Cast) -> None:
    job = held_job(site)
    for person in (site.scientist, site.owner):
        assert "has run" in refused(person, jobs.KillJob(job.uid))[1]
    assert refused(site.scientist, jobs.RestartJob(job.uid))[0] == "invalid_state"
    active = site.scientist.say(jobs.ListJobs(active=True), jobs.JobsReply)
    assert job.uid in {one.uid for one in active.jobs}


def test_removing_a_pool_ends_nothing_that_is_held(site: Cast) -> None:
    name = f"p{UID().hex[:8]}"
    site.admin.say(pools.LaunchPool(PoolSpec(name=name, workers=1)), pools.PoolReply)
    data = reviewed(site)
    job = held_job(site, data, pool=name)
    site.admin.say(pools.RemovePool(name), Done)
    assert job_of(site.scientist, job.uid).state is JobState.HELD
    let_go(site.owner, job.uid)
    assert site.scientist.read(job_of(site.scientist, job.uid).result_uid)["n"] == len(DATA)


# what is written down


def test_each_step_has_its_event_and_none_has_a_value(site: Cast) -> None:
    after = site.count_events()
    with logged() as stream:
        first = held_job(site, reviewed(site, SECRET), "return {'it': data}")
        refuse(site.owner, first.uid, "it is the data")
        second = held_job(site, reviewed(site, SECRET), "return {'it': data, 'n': 1}")
        let_go(site.owner, second.uid, (0,), "it is the data")
    verbs = [one.event.verb for one in site.events(after=after)]
    assert [one for one in verbs if one.startswith("result.")] == [
        "result.held",
        "result.refused",
        "result.held",
        "result.released",
    ]
    written = str(site.events(after=after)) + stream.getvalue()
    assert SECRET not in written
    released = site.events("result.released", after)[0].event
    assert released.detail["kept_back"] == "0"
    assert released.actor_uid is not None
    # Of what did not leave the log has no digest: a small value is found by trying.
    for one in site.events("result.held", after) + site.events("result.refused", after):
        assert "result" not in one.event.detail


def test_mock_runs_are_never_held(site: Cast) -> None:
    data = reviewed(site)
    request = approved(site, data)
    me = site.scientist.say(users.GetAccount(), users.UserReply).user.uid
    site.admin.say(users.UpdateUser(me, mock_execution=True), users.UserReply)
    job = site.scientist.call(request.code.submission.name, data=own_value([1]))
    assert job.state is JobState.RELEASED
    assert site.scientist.read(job.result_uid)["raw"] == [1]


def test_a_run_that_is_cancelled_while_its_outputs_are_told_is_not_held(
    site: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = reviewed(site)
    request = approved(site, data)
    runner = site.site.runs._equipped.base.runner
    plain, telling, cancelled = type(runner).run, threading.Event(), threading.Event()

    def run_slowly(self: Any, execution: Execution, **options: Any) -> Outcome:
        if execution.entry == "tell":
            telling.set()
            assert cancelled.wait(20)
        return plain(self, execution, **options)

    monkeypatch.setattr(type(runner), "run", run_slowly)
    job = site.scientist.call(request.code.submission.name, 0, data=on(data))
    assert telling.wait(20)
    runs = site.site.runs
    killing = threading.Thread(
        target=lambda: site.scientist.say(jobs.KillJob(job.uid), jobs.JobReply), daemon=True
    )
    killing.start()
    assert wait_until(lambda: job.uid in runs._cancelled)
    cancelled.set()
    killing.join(20)
    ended = site.scientist.say(jobs.GetJob(job.uid, wait_s=20), jobs.JobReply).job
    assert ended.state is JobState.CANCELLED, ended
    assert site.count(HeldResult, uid=job.uid) == 0
