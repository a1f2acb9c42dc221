"""An approval holds under its conditions and no others: end, runs, bounds, approvers, what was approved in advance.

THREATS 1.6: an approval after expiry, after revocation, when the data moved on; and whoever would approve alone.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from support.people import Person, function, new_value, on
from support.protocols import site_of, step, submissions
from support.sites import (
    Cast,
    account_of,
    again,
    asset_of,
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
from syft.errors import (
    InvalidInput,
    InvalidState,
    NotApproved,
    PolicyExhausted,
    SyftException,
)
from syft.model.approval import Approval, StandingApproval
from syft.model.code import CodeSubmission, Given, InputPolicy, MustBe, OfType, OutputPolicy, Parameter
from syft.model.job import Job, JobState, Release, ValueArgument
from syft.model.message import Done
from syft.model.messages import datasets, jobs, objects, protocols, requests, settings, users
from syft.model.messages.jobs import JobView
from syft.model.messages.requests import NewStanding, RequestView
from syft.model.object import ObjectRecord
from syft.model.permission import Role
from syft.model.request import Request, RequestState
from syft.model.terms import Bound, Safeguards, Terms
from syft.model.uid import UID
from syft.node.services import standing as standing_approvals
from syft.wire.codec import encode

ENOUGH = 1_000


class Clock:
    """The node's, which can be set."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@dataclass
class Timed:
    """A node whose clock can be set, and its people."""

    cast: Cast
    clock: Clock


@pytest.fixture(scope="module")
def timed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Timed]:
    home = tmp_path_factory.mktemp("timed")
    clock = Clock()
    with opened(home, clock=clock) as node:
        yield Timed(cast_on(node, home), clock)


@pytest.fixture(autouse=True)
def in_time(request: pytest.FixtureRequest) -> Iterator[None]:
    """The clock goes right again after each test that has set it."""
    yield
    if "timed" in request.fixturenames:
        request.getfixturevalue("timed").clock.ahead = timedelta()


def approval(request: RequestView, **options: Any) -> requests.ApproveRequest:
    nested = tuple(one.digest for one in request.nested)
    return requests.ApproveRequest(request.uid, request.code.digest, nested, **options)


def approve(person: Person, request: RequestView, **options: Any) -> RequestView:
    return person.say(approval(request, **options), requests.RequestReply).request


def seen(person: Person, request: RequestView) -> RequestView:
    return person.say(requests.GetRequest(uid=request.uid), requests.RequestReply).request


def deny(person: Person, request: RequestView) -> RequestView:
    return person.say(requests.DenyRequest(request.uid, "No more."), requests.RequestReply).request


def asked(site: Cast, data: UID, body: str = "return data", **options: Any) -> RequestView:
    return site.scientist.request(fresh(body, data, limit=ENOUGH, **options))


def run(person: Person, request: RequestView, data: UID, **values: Any) -> JobView:
    """A private run, as it ended."""
    return person.call(request.code.submission.name, data=on(data), **values)


def outcome(person: Person, request: RequestView, data: UID, **values: Any) -> str:
    """ "released", or the code of the error, whether the call or the run was refused."""
    try:
        job = run(person, request, data, **values)
    except SyftException as error:
        return error.code
    return job.error_code or job.state.value


def takes(data: UID, rule: Any, *, default: bool = False) -> CodeSubmission:
    """A function of an asset and of a value of the caller's own."""
    made = fresh("return n", data, limit=ENOUGH)
    source = made.source.replace("(data)", "(data, n=0)" if default else "(data, n)")
    return msgspec.structs.replace(
        made,
        source=source,
        parameters=(Parameter(name="data"), Parameter(name="n", has_default=default)),
        input_policy=InputPolicy(kind="mixed", rules={"data": MustBe(data), "n": rule}),
    )


def demand(site: Cast, data: UID, person: Person | None = None, **options: Any) -> objects.ObjectView:
    message = objects.SetSafeguards(data, datasets.NewSafeguards(**options))
    return (person or site.owner).say(message, objects.ObjectReply).object


def of_two(site: Cast) -> tuple[UID, UID, CodeSubmission]:
    """A function on data of two owners."""
    left, right = upload(site.owner, 3), upload(site.other_owner, 4)
    name = f"both{UID().hex[:8]}"
    source = f"def {name}(left, right):\n    return left + right\n"
    return left, right, function(source, name, {"left": left, "right": right}, limit=ENOUGH)


@pytest.fixture
def needs_two(site: Cast) -> Iterator[None]:
    """The administrator wants two people to approve whatever runs."""
    site.admin.say(settings.UpdateSettings(approvals_needed=2), settings.SettingsReply)
    yield
    site.admin.say(settings.UpdateSettings(approvals_needed=1), settings.SettingsReply)


# --- its end


def test_an_approval_ends(timed: Timed) -> None:
    """THREATS 1.6: until its end it runs, from then on not; by the node's clock."""
    site, data = timed.cast, upload(timed.cast.owner)
    ends = timed.clock() + timedelta(hours=3)
    request = approve(site.owner, asked(site, data), terms=Terms(expires_at=ends))
    assert request.terms.expires_at == ends
    assert outcome(site.scientist, request, data) == "released"
    timed.clock.ahead = timedelta(hours=3)
    with pytest.raises(NotApproved, match=r"ended at .* UTC. Make a new request"):
        run(site.scientist, request, data)
    assert site.count(Release, request_uid=request.uid) == 1


def test_what_was_queued_in_time_and_begins_after_the_end_does_not_run(tmp_path: Path) -> None:
    """THREATS 1.6: asked again at the moment it runs."""
    clock = Clock()
    with opened(tmp_path, start=False, clock=clock) as node:
        site = cast_on(node, tmp_path)
        data = upload(site.owner)
        both = [asked(site, data) for _ in range(2)]
        approve(site.owner, both[0], terms=Terms(expires_at=clock() + timedelta(hours=1)))
        approve(site.owner, both[1], terms=Terms(expires_at=clock() + timedelta(hours=9)))
        queued = [site.scientist.call(one.code.submission.name, 0, data=on(data)) for one in both]
        assert {job.state for job in queued} == {JobState.QUEUED}
        clock.ahead = timedelta(hours=2)
        node.start()
        late, in_time = (
            site.scientist.say(jobs.GetJob(job.uid, wait_s=20), jobs.JobReply).job for job in queued
        )
        assert (late.state, late.error_code) == (JobState.FAILED, "not_approved")
        assert in_time.state is JobState.RELEASED, "outside: the same with an end that has not come"


def begun(site: Cast, request: RequestView, data: UID) -> JobView:
    """A run that has begun and says so."""
    job = site.scientist.call(request.code.submission.name, 0, data=on(data))
    running = site.scientist.say(jobs.GetJob(job.uid), jobs.JobReply).job
    while running.state is JobState.QUEUED or not site.site.runs.live.said(job.uid):
        running = site.scientist.say(jobs.GetJob(job.uid), jobs.JobReply).job
        assert running.ended_at is None, running.note
    while "begun" not in site.site.runs.live.said(job.uid).stdout:
        threading.Event().wait(0.01)
    return running


def ended(person: Person, job: JobView) -> JobView:
    return person.say(jobs.GetJob(job.uid, wait_s=20), jobs.JobReply).job


def test_the_result_of_a_run_that_outlasts_the_approval_stays(timed: Timed) -> None:
    """THREATS 1.6: asked once more in the transaction that would release."""
    site, data = timed.cast, upload(timed.cast.owner)
    body = "import time\nprint('begun', flush=True)\ntime.sleep(1.5)\nreturn data"
    states = []
    for ahead in (timedelta(), timedelta(hours=2)):
        timed.clock.ahead = timedelta()
        request = asked(site, data, body)
        approve(site.owner, request, terms=Terms(expires_at=timed.clock() + timedelta(hours=1)))
        job = begun(site, request, data)
        timed.clock.ahead = ahead
        done = ended(site.scientist, job)
        states.append((done.state, done.error_code, done.result_uid is None))
    assert states[0] == (JobState.RELEASED, "", False), "outside: within its time"
    assert states[1] == (JobState.WITHHELD, "not_approved", True)


def test_what_a_run_launches_ends_with_the_approval(timed: Timed) -> None:
    """THREATS 1.6, 1.7: a launched function is asked for at the moment it runs, too."""
    site, data = timed.cast, upload(timed.cast.owner)
    inner = fresh("return 1")
    site.scientist.submit(inner)
    codes = []
    for ahead in (timedelta(), timedelta(hours=2)):
        timed.clock.ahead = timedelta()
        outer = fresh(
            f"import time\nprint('begun', flush=True)\ntime.sleep(1.5)\n"
            f"job = datasite.launch_job({inner.name})\nreturn [data, job.wait().get()]",
            data,
            limit=ENOUGH,
            uses_datasite=True,
            nested=(inner.name,),
        )
        request = site.scientist.request(outer)
        approve(site.owner, request, terms=Terms(expires_at=timed.clock() + timedelta(hours=1)))
        job = begun(site, request, data)
        timed.clock.ahead = ahead
        done = ended(site.scientist, job)
        codes.append((done.state, site.count(Job, parent_uid=job.uid)))
    assert codes[0] == (JobState.RELEASED, 1), "outside: within its time it is launched"
    assert codes[1] == (JobState.FAILED, 0)


def test_an_end_that_has_passed_or_is_no_time_is_refused(site: Cast) -> None:
    data = upload(site.owner)
    request = asked(site, data)
    now = datetime.now(UTC)
    for wrong in (now - timedelta(seconds=1), now + timedelta(days=365 * 200)):
        assert refused(site.owner, approval(request, terms=Terms(expires_at=wrong)))[0] == "invalid_input"
    assert seen(site.owner, request).state is RequestState.PENDING
    approve(site.owner, request, terms=Terms(expires_at=now + timedelta(days=1)))


def test_a_request_after_the_end_is_answered_anew(timed: Timed) -> None:
    """What to do, as the error says: ask again; the new approval is what runs."""
    site, data = timed.cast, upload(timed.cast.owner)
    submission = fresh("return data", data, limit=ENOUGH)
    first = site.scientist.request(submission)
    approve(site.owner, first, terms=Terms(expires_at=timed.clock() + timedelta(hours=1)))
    timed.clock.ahead = timedelta(hours=2)
    second = site.scientist.request(submission)
    assert outcome(site.scientist, second, data) == "not_approved"
    approve(site.owner, second)
    assert outcome(site.scientist, second, data) == "released"


# --- its runs


def test_so_many_runs_and_no_more(site: Cast) -> None:
    """Runs count, also those that fail; an answer from an earlier result does not, nor a call that is refused."""
    data = upload(site.owner)
    fails = asked(site, data, "return 1 // 0")
    approve(site.owner, fails, terms=Terms(runs=2))
    assert [outcome(site.scientist, fails, data) for _ in range(3)] == [
        "code_failed",
        "code_failed",
        "policy_exhausted",
    ]
    works = asked(site, data)
    approve(site.owner, works, terms=Terms(runs=2))
    assert (
        refused(site.scientist, jobs.CallCode({}, None, works.code.submission.name, 5))[0] == "invalid_input"
    )
    first, second = run(site.scientist, works, data), run(site.scientist, works, data)
    assert first.uid != second.uid
    third = run(site.scientist, works, data)
    assert third.uid in (first.uid, second.uid)
    assert "earlier result" in third.note
    assert seen(site.owner, works).runs_begun == 2


def test_runs_on_other_inputs_are_refused_when_they_are_used_up(site: Cast) -> None:
    data = upload(site.owner)
    request = site.scientist.request(takes(data, OfType("int")))
    approve(site.owner, request, terms=Terms(runs=1))
    assert outcome(site.scientist, request, data, n=own_value(1)) == "released"
    with pytest.raises(PolicyExhausted, match="approved for one run, also such as fail, and has had them"):
        run(site.scientist, request, data, n=own_value(2))


def test_sixteen_calls_at_once_begin_no_more_runs_than_are_left(site: Cast) -> None:
    """Counted in the transaction that queues; three times over."""
    data = upload(site.owner)
    for _ in range(3):
        request = asked(site, data, "import uuid\nreturn uuid.uuid4().hex")
        approve(site.owner, request, terms=Terms(runs=3))
        answers = at_once(*(lambda r=request: run(site.scientist, r, data) for _ in range(16)))
        assert site.count(Job, request_uid=request.uid) == 3
        assert site.count(Release, request_uid=request.uid) <= 3
        for answer in answers:
            assert isinstance(answer, JobView | PolicyExhausted), answer


def test_without_a_bound_as_many_run_as_call(site: Cast) -> None:
    """Outside: what the sixteen above are stopped by is the condition."""
    data = upload(site.owner)
    request = approve(site.owner, asked(site, data))
    at_once(*(lambda: run(site.scientist, request, data) for _ in range(5)))
    assert site.count(Job, request_uid=request.uid) == 5


def test_what_was_cancelled_before_it_began_does_not_count(tmp_path: Path) -> None:
    with opened(tmp_path, start=False) as node:
        site = cast_on(node, tmp_path)
        data = upload(site.owner)
        request = approve(site.owner, asked(site, data), terms=Terms(runs=1))
        waiting = run_later(site, request, data)
        assert outcome(site.scientist, request, data) == "policy_exhausted"
        site.scientist.say(jobs.KillJob(waiting.uid), jobs.JobReply)
        second = run_later(site, request, data)
        node.start()
        assert ended(site.scientist, second).state is JobState.RELEASED
        assert site.count(Job, request_uid=request.uid) == 2
        assert seen(site.owner, request).runs_begun == 1


def run_later(site: Cast, request: RequestView, data: UID) -> JobView:
    return site.scientist.call(request.code.submission.name, 0, data=on(data))


def test_a_run_that_was_put_back_after_a_crash_counts_once(tmp_path: Path) -> None:
    with opened(tmp_path, start=False) as node:
        site = cast_on(node, tmp_path)
        data = upload(site.owner)
        request = approve(site.owner, asked(site, data), terms=Terms(runs=1))
        job = run_later(site, request, data)
        with tampering(site.store) as tx:
            stored = tx.get(Job, job.uid)
            tx.replace(msgspec.structs.replace(stored, state=JobState.RUNNING, attempt=1))
    with opened(tmp_path) as node:
        assert ended(again(node, site.scientist), job).state is JobState.RELEASED


def test_more_runs_than_approved_are_found_where_they_run(tmp_path: Path) -> None:
    """Somebody with the disk puts a second job into the queue; it does not run."""
    with opened(tmp_path, start=False) as node:
        site = cast_on(node, tmp_path)
        data = upload(site.owner)
        request = approve(site.owner, asked(site, data), terms=Terms(runs=1))
        job = run_later(site, request, data)
        with tampering(site.store) as tx:
            tx.add(msgspec.structs.replace(tx.get(Job, job.uid), uid=UID()))
        node.start()
        assert ended(site.scientist, job).error_code == "not_approved"
        assert site.count(Release, request_uid=request.uid) == 0


# --- bounds


def test_a_callers_number_is_within_its_bounds(site: Cast) -> None:
    data = upload(site.owner)
    request = site.scientist.request(takes(data, OfType("int")))
    approve(site.owner, request, terms=Terms(bounds={"n": Bound(least=1, most=10)}))
    for inside in (1, 5, 10):
        assert outcome(site.scientist, request, data, n=own_value(inside)) == "released"
    for outside in (0, 11, -(2**80), 2**80):
        assert outcome(site.scientist, request, data, n=own_value(outside)) == "invalid_input"
    with pytest.raises(InvalidInput, match="bounds 'n': from 1 to 10") as told:
        run(site.scientist, request, data, n=own_value(987654))
    assert "987654" not in str(told.value)


@pytest.mark.parametrize(
    ("bound", "inside", "outside"),
    [
        (Bound(least=0), [0, 0.5, 7, 2**70], [-1, float("nan"), True, "1", None, [1], 1j]),
        (Bound(most=0), [0, -0.0, float("-inf")], [1, float("inf"), float("nan"), False]),
        (
            Bound(longest=3),
            ["abc", [1, 2], (1, 2, 3), {1: 2}, {1, 2}],
            ["abcd", [1] * 4, {1: 1, 2: 2, 3: 3, 4: 4}, 7],
        ),
        (Bound(longest=5_000), [[1] * 5_000, "x" * 5_000], [[1] * 5_001, tuple(range(5_001)), "é" * 5_001]),
        (
            Bound(one_of=tuple(encode(one).to_bytes() for one in ("a", 1, 2.5))),
            ["a", 1, 2.5],
            ["b", 1.0, True, "1", None],
        ),
        (Bound(longest=2**20), ["x"], ["x" * (2**20 + 1), frozenset((1, 2))]),
    ],
)
def test_bounds_of_a_value_of_any_type(
    site: Cast, bound: Bound, inside: list[Any], outside: list[Any]
) -> None:
    """A bound refuses what it is not about, and what is equal to nothing; a truth value is no number."""
    data = upload(site.owner)
    request = site.scientist.request(takes(data, Given()))
    unbounded = site.scientist.request(takes(data, Given()))
    approve(site.owner, request, terms=Terms(bounds={"n": bound}))
    approve(site.owner, unbounded)
    for value in inside:
        assert outcome(site.scientist, request, data, n=own_value(value)) == "released", value
    for value in outside:
        assert outcome(site.scientist, request, data, n=own_value(value)) == "invalid_input", type(value)
    assert outcome(site.scientist, unbounded, data, n=own_value(outside[0])) == "released", "outside"


def test_bytes_that_are_no_value_are_within_no_bound(site: Cast) -> None:
    data = upload(site.owner)
    request = site.scientist.request(takes(data, Given()))
    approve(site.owner, request, terms=Terms(bounds={"n": Bound(longest=3)}))
    good = encode([1, 2]).to_bytes()
    for wrong in (b"", b"\x00" * 40, good[:-1], good + b"\x00"):
        assert outcome(site.scientist, request, data, n=own_bytes(wrong)) == "decode", wrong
    assert outcome(site.scientist, request, data, n=own_bytes(good)) == "released"


def own_bytes(data: bytes) -> ValueArgument:
    return ValueArgument(value=data)


def test_a_value_that_is_left_out_has_its_approved_default(site: Cast) -> None:
    data = upload(site.owner)
    request = site.scientist.request(takes(data, OfType("int"), default=True))
    approve(site.owner, request, terms=Terms(bounds={"n": Bound(least=1)}))
    assert outcome(site.scientist, request, data) == "released"
    assert outcome(site.scientist, request, data, n=own_value(0)) == "invalid_input"


def test_bounds_are_asked_again_where_it_runs(tmp_path: Path) -> None:
    """Somebody with the disk changes the value that waits with its job."""
    with opened(tmp_path, start=False) as node:
        site = cast_on(node, tmp_path)
        data = upload(site.owner)
        request = site.scientist.request(takes(data, OfType("int")))
        approve(site.owner, request, terms=Terms(bounds={"n": Bound(most=10)}))
        name = request.code.submission.name
        kept, changed = (site.scientist.call(name, 0, data=on(data), n=own_value(1)) for _ in range(2))
        large = site.scientist.request(takes(data, OfType("int")))
        approve(site.owner, large)
        other = site.scientist.call(large.code.submission.name, 0, data=on(data), n=own_value(11))
        with tampering(site.store) as tx:
            value = tx.get(Job, other.uid).arguments["n"]
            job = tx.get(Job, changed.uid)
            tx.replace(msgspec.structs.replace(job, arguments={**job.arguments, "n": value}))
        node.start()
        assert ended(site.scientist, changed).error_code == "invalid_input"
        assert ended(site.scientist, kept).state is JobState.RELEASED
        assert ended(site.scientist, other).state is JobState.RELEASED


def test_only_what_a_caller_chooses_is_bounded(site: Cast) -> None:
    data = upload(site.owner)
    request = site.scientist.request(takes(data, OfType("str")))
    wrong = (
        {"data": Bound(longest=1)},
        {"nobody": Bound(longest=1)},
        {"n": Bound()},
        {"n": Bound(least=1)},
        {"n": Bound(one_of=(encode(1).to_bytes(),))},
        {"n": Bound(one_of=(encode([1]).to_bytes(),))},
        {"n": Bound(one_of=(b"nothing",))},
    )
    for bounds in wrong:
        assert refused(site.owner, approval(request, terms=Terms(bounds=bounds)))[0] == "invalid_input", (
            bounds
        )
    number = site.scientist.request(takes(data, OfType("float")))
    for bound in (Bound(longest=1), Bound(one_of=(encode(float("nan")).to_bytes(),))):
        assert refused(site.owner, approval(number, terms=Terms(bounds={"n": bound})))[0] == "invalid_input"
    approve(site.owner, request, terms=Terms(bounds={"n": Bound(longest=1)}))


def test_conditions_are_part_of_what_was_approved(tmp_path: Path) -> None:
    """THREATS 1.1: somebody with the disk takes the conditions off; the approval does not hold any more."""
    with opened(tmp_path) as node:
        site = cast_on(node, tmp_path)
        data = upload(site.owner)
        request = approve(site.owner, asked(site, data), terms=Terms(runs=5))
        assert outcome(site.scientist, request, data) == "released"
        with tampering(site.store) as tx:
            tx.replace(msgspec.structs.replace(tx.get(Request, request.uid), terms=Terms()))
        assert outcome(site.scientist, request, data) == "not_approved"


def test_conditions_are_for_code_and_for_nothing_else(site: Cast) -> None:
    kept = site.owner.say(objects.PutObject(new_value([1])), objects.ObjectReply).object
    wish = site.scientist.say(requests.RequestObject(kept.uid), requests.RequestReply).request
    for options in ({"terms": Terms(runs=1)}, {"standing": NewStanding()}):
        message = requests.ApproveRequest(wish.uid, kept.digest, **options)
        assert refused(site.owner, message)[0] == "invalid_input"
        assert refused(site.other_owner, message)[0] == "not_found"
    site.owner.say(requests.ApproveRequest(wish.uid, kept.digest), requests.RequestReply)


# --- revoked, and moved on


def test_a_revoked_approval_stops_what_runs_and_its_result_stays(site: Cast) -> None:
    """THREATS 1.6: the run is killed, since it reads private data for nothing."""
    data = upload(site.owner)
    body = "import time\nprint('begun', flush=True)\ntime.sleep({})\nreturn data"
    kept = approve(site.owner, asked(site, data, body.format(0.5)))
    assert ended(site.scientist, begun(site, kept, data)).state is JobState.RELEASED, "outside"
    revoked = approve(site.owner, asked(site, data, body.format(600)))
    job = begun(site, revoked, data)
    deny(site.owner, revoked)
    done = ended(site.scientist, job)
    assert (done.state, done.error_code, done.result_uid) == (JobState.CANCELLED, "not_approved", None)
    assert "withdrawn while it ran. Reason: No more." in done.note
    assert outcome(site.scientist, revoked, data) == "denied"
    assert site.count(Release, request_uid=revoked.uid) == 0


def test_a_revoked_approval_stops_what_is_queued(tmp_path: Path) -> None:
    """THREATS 1.6"""
    with opened(tmp_path, start=False) as node:
        site = cast_on(node, tmp_path)
        data = upload(site.owner)
        both = [approve(site.owner, asked(site, data)) for _ in range(2)]
        waiting = [run_later(site, one, data) for one in both]
        deny(site.owner, both[0])
        node.start()
        revoked, kept = (ended(site.scientist, job) for job in waiting)
        assert (revoked.state, revoked.error_code) == (JobState.FAILED, "not_approved")
        assert kept.state is JobState.RELEASED


def test_data_that_moved_on_is_not_what_was_approved(site: Cast) -> None:
    """THREATS 1.6: another value in the place of the one that was approved; conditions or not."""
    for terms in (Terms(), Terms(runs=9)):
        kept = site.owner.say(objects.PutObject(new_value(7)), objects.ObjectReply).object
        request = approve(site.owner, asked(site, kept.uid), terms=terms)
        assert outcome(site.scientist, request, kept.uid) == "released"
        site.owner.say(objects.ReplaceObject(kept.uid, new_value(8)), objects.ObjectReply)
        assert outcome(site.scientist, request, kept.uid) == "not_approved"


# --- n of m


def test_one_is_not_enough_where_an_owner_demands_two(site: Cast) -> None:
    data = upload(site.owner)
    demand(site, data, approvals=2)
    request = asked(site, data)
    waits = approve(site.owner, request)
    assert (waits.state, waits.needed) == (RequestState.PENDING, 2)
    assert [one.counts for one in waits.approvals] == [True]
    assert outcome(site.scientist, request, data) == "not_approved"
    with pytest.raises(InvalidState, match="approved this already"):
        approve(site.owner, request)
    both = approve(site.admin, request)
    assert both.state is RequestState.APPROVED
    assert outcome(site.scientist, request, data) == "released"
    verbs = [one.event.verb for one in site.events() if one.event.subject_uid == request.uid]
    assert verbs.count("request.voted") == 2
    assert verbs.count("request.approved") == 1


def test_sixteen_approvals_by_one_person_at_once_are_one(site: Cast) -> None:
    data = upload(site.owner)
    demand(site, data, approvals=2)
    request = asked(site, data)
    at_once(*(lambda: approve(site.owner, request) for _ in range(16)))
    assert seen(site.owner, request).state is RequestState.PENDING
    assert site.count(Approval, request_uid=request.uid) == 1


def test_an_approver_who_was_named_counts_and_reads_nothing(site: Cast) -> None:
    """A named approver sees the request and decides; the value is not theirs to read, nor the result."""
    data = upload(site.owner)
    named = member(site.node, site.admin, f"named{UID().hex[:6]}@site.org")
    stranger = site.other_scientist
    request = asked(site, data)
    for person in (named, stranger):
        assert refused(person, approval(request))[0] == "not_found"
    demand(site, data, approvals=2, approvers=(email_of(named),))
    assert seen(named, request).code.submission.source == request.code.submission.source
    assert request.uid in {one.uid for one in listed(named)}
    assert request.uid not in {one.uid for one in listed(stranger)}
    assert refused(stranger, approval(request))[0] == "not_found"
    assert approve(named, request).state is RequestState.PENDING
    assert approve(site.owner, request).state is RequestState.APPROVED
    job = run(site.scientist, request, data)
    for uid in (data, job.result_uid):
        assert refused(named, objects.ReadValue(uid))[0] == "not_found"
    assert refused(named, jobs.GetJobLog(job.uid))[0] == "not_found"
    assert site.owner.read(data) == 7


def listed(person: Person) -> tuple[RequestView, ...]:
    return person.say(requests.ListRequests(), requests.RequestsReply).requests


def email_of(person: Person) -> str:
    return person.say(users.GetAccount(), users.UserReply).user.email


def test_named_approvers_alone_do_not_decide_about_others_data(site: Cast) -> None:
    """Every owner has to be heard, however many others have approved."""
    data = upload(site.owner)
    named = [member(site.node, site.admin, f"n{UID().hex[:6]}@site.org") for _ in range(2)]
    demand(site, data, approvals=2, approvers=tuple(map(email_of, named)))
    request = asked(site, data)
    assert [approve(one, request).state for one in named] == [RequestState.PENDING] * 2
    assert outcome(site.scientist, request, data) == "not_approved"
    assert approve(site.owner, request).state is RequestState.APPROVED


def test_two_owners_decide_each_for_their_own(site: Cast) -> None:
    """Before, only an administrator could. The result is neither owner's: it would tell of the other's data."""
    left, right, submission = of_two(site)
    request = site.scientist.request(submission)
    assert approve(site.owner, request).state is RequestState.PENDING
    name = submission.name
    with pytest.raises(NotApproved):
        site.scientist.call(name, left=on(left), right=on(right))
    assert approve(site.other_owner, request).state is RequestState.APPROVED
    job = site.scientist.call(name, left=on(left), right=on(right))
    assert site.scientist.read(job.result_uid) == 7
    for owner in (site.owner, site.other_owner):
        assert refused(owner, objects.ReadValue(job.result_uid))[0] == "not_found"
    assert site.admin.read(job.result_uid) == 7


def test_an_administrator_speaks_for_all_owners_and_any_owner_says_no(site: Cast) -> None:
    for decider, state in ((site.admin, RequestState.APPROVED), (None, RequestState.REJECTED)):
        _, _, submission = of_two(site)
        request = site.scientist.request(submission)
        assert approve(site.owner, request).state is RequestState.PENDING
        done = approve(decider, request) if decider else deny(site.other_owner, request)
        assert done.state is state


def test_another_owners_people_do_not_meet_what_an_owner_demands(site: Cast) -> None:
    """Else whoever owns a table of nothing has it asked for beside another's, and two people there become one."""
    for last in ("officer", "admin"):
        left, right, submission = of_two(site)
        officer, puppet = (member(site.node, site.admin, f"o{UID().hex[:6]}@site.org") for _ in range(2))
        demand(site, left, approvals=2, approvers=(email_of(officer),))
        demand(site, right, site.other_owner, approvers=(email_of(puppet),))
        request = site.scientist.request(submission)
        for person in (site.owner, site.other_owner, puppet):
            assert approve(person, request).state is RequestState.PENDING
        person = officer if last == "officer" else site.admin
        assert approve(person, request).state is RequestState.APPROVED
        assert site.scientist.call(submission.name, left=on(left), right=on(right)).error_code == ""


def test_what_an_owner_demands_later_is_not_met_by_another_owners_people(site: Cast) -> None:
    left, right, submission = of_two(site)
    request = site.scientist.request(submission)
    for person in (site.owner, site.other_owner):
        approved = approve(person, request)
    assert approved.state is RequestState.APPROVED
    for approvals, expected in ((1, ""), (2, "not_approved"), (1, "")):
        demand(site, left, approvals=approvals)
        job = site.scientist.call(submission.name, left=on(left), right=on(right))
        assert job.error_code == expected


def test_a_vote_counts_as_whoever_its_giver_is_by_the_last_one(site: Cast, needs_two: None) -> None:
    """Who gave it as a data owner, and is none any more, does not count as one when the code runs, nor otherwise."""
    for before, after in (
        (Role.DATA_OWNER, Role.DATA_SCIENTIST),
        (Role.DATA_SCIENTIST, Role.DATA_OWNER),
    ):
        data = upload(site.owner)
        fellow = member(site.node, site.admin, f"f{UID().hex[:6]}@site.org", before)
        demand(site, data, approvers=(email_of(fellow),))
        request = asked(site, data)
        approve(fellow, request)
        site.admin.say(users.UpdateUser(account_of(fellow), role=after), users.UserReply)
        approve(site.owner, request)
        if after is Role.DATA_SCIENTIST:
            approve(site.admin, request)
        assert outcome(site.scientist, request, data) == "released"
        site.admin.say(settings.UpdateSettings(approvals_needed=3), settings.SettingsReply)
        assert outcome(site.scientist, request, data) == "not_approved"
        site.admin.say(settings.UpdateSettings(approvals_needed=2), settings.SettingsReply)


def test_the_author_never_counts(site: Cast) -> None:
    """THREATS 1.6: not as an owner, not as an administrator, not as one who was named."""
    data = upload(site.owner)
    demand(site, data, approvals=2, approvers=("scientist@site.org", "owner@site.org"))
    own = site.scientist.request(fresh("return data", data))
    assert refused(site.scientist, approval(own))[0] == "authorization"
    of_owner = site.owner.request(fresh("return data", data))
    assert refused(site.owner, approval(of_owner))[0] == "authorization"
    of_admin = site.admin.request(fresh("return data", data))
    assert refused(site.admin, approval(of_admin))[0] == "authorization"
    assert approve(site.owner, of_admin).state is RequestState.PENDING


def test_a_vote_for_other_conditions_does_not_count(site: Cast) -> None:
    """Each approves the very same, or they have not agreed: the request shows the last one's conditions."""
    data = upload(site.owner)
    demand(site, data, approvals=2)
    request = asked(site, data)
    approve(site.owner, request, terms=Terms(runs=100))
    other = approve(site.admin, request, terms=Terms(runs=1))
    assert other.state is RequestState.PENDING
    assert other.terms.runs == 1
    assert {one.by.email: one.counts for one in other.approvals}["owner@site.org"] is False
    agreed = approve(site.owner, request, terms=other.terms, limits=other.limits)
    assert agreed.state is RequestState.APPROVED
    assert agreed.terms.runs == 1


def test_a_vote_of_somebody_who_lost_the_right_does_not_count(site: Cast) -> None:
    """Lost by the owner's word, by a role, and with the account."""
    for lose in ("word", "role", "account"):
        data = upload(site.owner)
        fellow = member(site.node, site.admin, f"f{UID().hex[:6]}@site.org", Role.DATA_OWNER)
        demand(site, data, approvals=2, approvers=(email_of(fellow),))
        request = asked(site, data)
        assert approve(fellow, request).state is RequestState.PENDING
        uid = account_of(fellow)
        if lose == "word":
            demand(site, data, approvals=2)
        elif lose == "account":
            site.admin.say(users.DeleteUser(uid), Done)
        else:
            admin = member(site.node, site.admin, f"a{UID().hex[:6]}@site.org", Role.ADMIN)
            demand(site, data, approvals=2)
            request = asked(site, data)
            assert approve(admin, request).state is RequestState.PENDING
            site.admin.say(users.UpdateUser(account_of(admin), role=Role.DATA_OWNER), users.UserReply)
        alone = approve(site.owner, request)
        assert alone.state is RequestState.PENDING, lose
        assert sum(one.counts for one in alone.approvals) == 1
        assert approve(site.admin, request).state is RequestState.APPROVED


def test_two_are_needed_for_whatever_runs_where_the_administrator_says_so(
    site: Cast, needs_two: None
) -> None:
    """An account that an owner could have made, and named, does not help the owner round it."""
    data = upload(site.owner)
    message = users.CreateUser(
        f"p{UID().hex[:6]}@site.org",
        "puppet",
        site.owner.sealed("correct horse battery"),
        Role.DATA_SCIENTIST,
    )
    site.owner.say(message, users.UserReply)
    puppet = Person(site.owner.route).log_in(message.email, "correct horse battery")
    demand(site, data, approvers=(message.email,))
    request = asked(site, data)
    assert approve(puppet, request).state is RequestState.PENDING
    assert approve(site.owner, request).state is RequestState.PENDING
    assert outcome(site.scientist, request, data) == "not_approved"
    assert approve(site.admin, request).state is RequestState.APPROVED
    assert outcome(site.scientist, request, data) == "released"


def test_safeguards_raised_later_are_asked_again_where_it_runs(site: Cast) -> None:
    data = upload(site.owner)
    request = approve(site.owner, asked(site, data))
    assert outcome(site.scientist, request, data) == "released"
    demand(site, data, approvals=2)
    job = run(site.scientist, request, data)
    assert job.error_code == "not_approved"
    assert "approved by 1, and by now 2 people have to approve" in job.note
    demand(site, data)
    assert outcome(site.scientist, request, data) == "released"


def test_a_setting_raised_later_is_asked_again_where_it_runs(site: Cast) -> None:
    data = upload(site.owner)
    request = approve(site.owner, asked(site, data))
    for needed, expected in ((2, "not_approved"), (1, "released")):
        site.admin.say(settings.UpdateSettings(approvals_needed=needed), settings.SettingsReply)
        assert outcome(site.scientist, request, data) == expected
    for wrong in (0, 51):
        assert refused(site.admin, settings.UpdateSettings(approvals_needed=wrong))[0] == "invalid_input"


def test_an_approval_from_before_votes_were_kept_is_one(site: Cast) -> None:
    data = upload(site.owner)
    request = approve(site.owner, asked(site, data))
    with tampering(site.store) as tx:
        for vote in tx.select(Approval, request_uid=request.uid):
            tx.remove(Approval, vote.uid)
    assert outcome(site.scientist, request, data) == "released"
    demand(site, data, approvals=2)
    assert outcome(site.scientist, request, data) == "not_approved"


def test_what_was_computed_is_guarded_as_what_it_was_computed_from(site: Cast) -> None:
    """Otherwise whoever computes with a pointer would have the guards off. What is gone guards nothing."""
    data = upload(site.owner, 7)
    demand(site, data, approvals=2)
    with tampering(site.store) as tx:
        record = tx.get(ObjectRecord, data)
        made = msgspec.structs.replace(
            record, uid=UID(), safeguards=Safeguards(), op="add", sources=(data, UID()), name="sum"
        )
        tx.add(made)
    request = asked(site, made.uid)
    assert approve(site.owner, request).state is RequestState.PENDING
    assert approve(site.admin, request).state is RequestState.APPROVED


# --- safeguards


def test_only_the_owner_and_administrators_set_safeguards(site: Cast) -> None:
    data = upload(site.owner)
    message = objects.SetSafeguards(data, datasets.NewSafeguards(approvals=3, review=True))
    for person in (site.other_owner, site.scientist):
        assert refused(person, message)[0] == "not_found"
    assert refused(site.guest, message)[0] == "authorization"
    for person in (site.owner, site.admin):
        assert person.say(message, objects.ObjectReply).object.safeguards.approvals == 3
    event = site.events("object.safeguarded")[-1].event
    assert event.subject_uid == data
    assert (event.detail["approvals"], event.detail["review"]) == ("3", "true")


def test_safeguards_come_with_a_dataset_and_are_shown(site: Cast) -> None:
    """Whoever asks knows how many have to approve, and that a person looks; not who was named."""
    asset = datasets.NewAsset(
        name="guarded",
        private=new_value(1),
        mock=new_value(0),
        safeguards=datasets.NewSafeguards(approvals=2, approvers=("admin@nowhere.org",), review=True),
    )
    name = f"guarded {UID().hex}"
    assert refused(site.owner, datasets.CreateDataset(name, (asset,)))[0] == "invalid_input"
    good = msgspec.structs.replace(
        asset,
        safeguards=datasets.NewSafeguards(approvals=2, approvers=("other_owner@site.org",), review=True),
    )
    data = asset_of(site.owner.say(datasets.CreateDataset(name, (good,)), datasets.DatasetReply))
    told = {}
    for who, person in (("owner", site.owner), ("named", site.other_owner), ("scientist", site.scientist)):
        view = person.say(objects.GetObject(uid=data), objects.ObjectReply).object.safeguards
        assert (view.approvals, view.review) == (2, True)
        told[who] = [one.email for one in view.approvers]
    assert told == {"owner": ["other_owner@site.org"], "named": ["other_owner@site.org"], "scientist": []}
    request = asked(site, data)
    assert (request.needed, request.reviewed) == (2, True)


def test_naming_approvers_does_not_tell_which_accounts_there_are(site: Cast) -> None:
    """THREATS 2.2: one answer to who may not list accounts."""
    kept = site.scientist.say(objects.PutObject(new_value(1)), objects.ObjectReply).object
    answers = {
        refused(site.scientist, objects.SetSafeguards(kept.uid, datasets.NewSafeguards(approvers=(email,))))
        for email in ("owner@site.org", "nobody@site.org")
    }
    assert [code for code, _ in answers] == ["authorization"]
    message = objects.SetSafeguards(kept.uid, datasets.NewSafeguards(review=True))
    assert site.scientist.say(message, objects.ObjectReply).object.safeguards.review


# --- in advance


def standing(site: Cast, data: UID, **options: Any) -> tuple[CodeSubmission, RequestView]:
    """A function that was approved, and is from now on."""
    submission = fresh("return data", data, limit=ENOUGH)
    terms = options.pop("terms", Terms())
    request = site.scientist.request(submission)
    return submission, approve(site.owner, request, terms=terms, standing=NewStanding(**options))


def test_the_very_same_is_approved_at_once(site: Cast) -> None:
    data = upload(site.owner)
    submission, first = standing(site, data)
    for person in (site.scientist, site.other_scientist):
        later = person.request(submission)
        assert (later.state, later.by_rule) == (RequestState.APPROVED, True)
        assert [(one.by.email, one.standing) for one in later.approvals] == [("owner@site.org", True)]
        assert outcome(person, later, data) == "released"
        events = [one.event for one in site.events() if one.event.subject_uid == later.uid]
        used = next(one for one in events if one.verb == "request.standing_used")
        assert used.detail["approver"] == account_of(site.owner).hex
    assert first.state is RequestState.APPROVED
    assert not first.by_rule


@pytest.mark.parametrize("change", ["byte", "limits", "pool", "policy", "data", "environment"])
def test_what_differs_in_anything_waits_for_a_person(
    site: Cast, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = site.owner.say(objects.PutObject(new_value(7)), objects.ObjectReply).object
    submission, _ = standing(site, kept.uid)
    assert site.scientist.request(submission).state is RequestState.APPROVED, "outside"
    if change == "byte":
        submission = msgspec.structs.replace(submission, source=submission.source + "# x\n")
    elif change == "policy":
        submission = msgspec.structs.replace(submission, output_policy=OutputPolicy(limit=ENOUGH + 1))
    elif change in ("limits", "pool"):
        # Other limits than were approved; and more than the pool gives by now.
        threads = 1 if change == "limits" else 10**5
        with tampering(site.store) as tx:
            one = tx.select(StandingApproval, newest_first=True, limit=1)[0]
            tx.replace(
                msgspec.structs.replace(one, limits=msgspec.structs.replace(one.limits, threads=threads))
            )
    elif change == "data":
        site.owner.say(objects.ReplaceObject(kept.uid, new_value(8)), objects.ObjectReply)
    else:
        monkeypatch.setattr(type(site.site.equipped), "environment", lambda self, pools: "0" * 64)
    assert site.other_scientist.request(submission).state is RequestState.PENDING


def test_what_launches_others_is_the_same_for_its_own_author_only(site: Cast) -> None:
    """What it launches is pinned to one author's function; another's own may come to something else."""
    inner = fresh("return 1")
    outer = fresh(f"return datasite.launch_job({inner.name})", uses_datasite=True, nested=(inner.name,))
    site.scientist.submit(inner)
    site.other_scientist.submit(outer)
    first = site.scientist.request(outer)
    approve(site.admin, first, standing=NewStanding())
    assert site.scientist.request(outer).state is RequestState.APPROVED
    assert site.other_scientist.request(outer).state is RequestState.PENDING, (
        "it launches nothing that is there"
    )
    third = site.newcomer().log_in("other_scientist@site.org", "correct horse battery")
    third.submit(inner)
    missing = next(one for one in listed(site.other_scientist) if one.code.digest == first.code.digest)
    third.say(requests.WithdrawRequest(missing.uid), requests.RequestReply)
    assert third.request(outer).state is RequestState.PENDING


def test_one_person_keeps_one_for_the_same_and_so_many_in_all(
    site: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = upload(site.owner)
    demand(site, data, approvals=2)
    request = asked(site, data)
    approve(site.owner, request, standing=NewStanding(times=1))
    with pytest.raises(InvalidState):
        approve(site.owner, request, standing=NewStanding(times=9))
    given = site.count(StandingApproval, request_uid=request.uid)
    demand(site, data)
    approve(site.owner, request, standing=NewStanding(times=9))
    assert (given, site.count(StandingApproval, request_uid=request.uid)) == (1, 1)
    monkeypatch.setattr(standing_approvals, "MAX_STANDING", 1)
    other = asked(site, data)
    assert refused(site.owner, approval(other, standing=NewStanding()))[0] == "quota_exceeded"
    assert seen(site.owner, other).state is RequestState.PENDING


def test_it_is_for_whom_it_names(site: Cast) -> None:
    data = upload(site.owner)
    submission, _ = standing(site, data, users=("scientist@site.org",))
    assert site.other_scientist.request(submission).state is RequestState.PENDING
    assert site.scientist.request(submission).state is RequestState.APPROVED
    other = site.scientist.request(fresh("return data", data))
    wrong = approval(other, standing=NewStanding(users=("nobody@site.org",)))
    assert refused(site.owner, wrong)[0] == "invalid_input"
    assert seen(site.owner, other).state is RequestState.PENDING


def test_it_approves_no_more_often_than_was_said_also_in_a_race(site: Cast) -> None:
    data = upload(site.owner)
    submission, _ = standing(site, data, times=2)
    people = [member(site.node, site.admin, f"s{UID().hex[:6]}@site.org") for _ in range(8)]
    answers = at_once(*(lambda one=one: one.request(submission) for one in people))
    states = [one.state for one in answers]
    assert states.count(RequestState.APPROVED) == 2
    assert states.count(RequestState.PENDING) == 6


def test_it_is_a_vote_like_any_other(site: Cast) -> None:
    """n of m holds; who lost the right has no voice; nobody approves their own."""
    data = upload(site.owner)
    submission, _ = standing(site, data)
    demand(site, data, approvals=2)
    waits = site.other_scientist.request(submission)
    assert waits.state is RequestState.PENDING
    assert [one.standing for one in waits.approvals] == [True]
    assert approve(site.admin, waits, terms=waits.terms, limits=waits.limits).state is RequestState.APPROVED
    demand(site, data)
    own = site.owner.request(submission)
    assert own.state is RequestState.PENDING
    assert own.approvals == ()

    fellow = member(site.node, site.admin, f"w{UID().hex[:6]}@site.org", Role.ADMIN)
    second = fresh("return data", data, limit=ENOUGH)
    approve(fellow, site.scientist.request(second), standing=NewStanding())
    assert site.scientist.request(second).state is RequestState.APPROVED, "outside"
    site.admin.say(users.UpdateUser(account_of(fellow), role=Role.DATA_OWNER), users.UserReply)
    assert site.other_scientist.request(second).state is RequestState.PENDING


def test_two_standing_approvals_of_the_same_are_two_votes(site: Cast) -> None:
    data = upload(site.owner)
    demand(site, data, approvals=2)
    submission, _ = standing(site, data)
    first = seen(site.admin, listed(site.admin)[-1])
    approve(site.admin, first, terms=first.terms, limits=first.limits, standing=NewStanding(times=5))
    assert site.other_scientist.request(submission).state is RequestState.APPROVED


def test_it_ends_with_its_conditions_and_when_it_is_removed(timed: Timed) -> None:
    site, data = timed.cast, upload(timed.cast.owner)
    submission, _ = standing(site, data, terms=Terms(expires_at=timed.clock() + timedelta(hours=1)))
    later = site.scientist.request(submission)
    assert later.state is RequestState.APPROVED
    assert later.terms.expires_at is not None
    timed.clock.ahead = timedelta(hours=2)
    assert site.scientist.request(submission).state is RequestState.PENDING
    timed.clock.ahead = timedelta()
    mine = site.owner.say(requests.ListStandingApprovals(), requests.StandingApprovalsReply).approvals
    one = next(view for view in mine if view.code_name == submission.name)
    assert one.used == 1
    for person in (site.scientist, site.other_owner):
        assert refused(person, requests.RemoveStandingApproval(one.uid))[0] == "not_found"
        theirs = person.say(requests.ListStandingApprovals(), requests.StandingApprovalsReply).approvals
        assert one.uid not in {view.uid for view in theirs}
    site.owner.say(requests.RemoveStandingApproval(one.uid), Done)
    assert site.other_scientist.request(submission).state is RequestState.PENDING


def test_a_no_ends_what_was_approved_in_advance(site: Cast) -> None:
    """Otherwise its requester would only ask again, and have it."""
    data = upload(site.owner)
    submission, first = standing(site, data)
    later = site.other_scientist.request(submission)
    assert later.state is RequestState.APPROVED
    deny(site.admin, later)
    assert site.other_scientist.request(submission).state is RequestState.PENDING
    assert site.count(StandingApproval, request_uid=first.uid) == 0
    assert outcome(site.scientist, first, data) == "released", "what it had approved before stays so"


def test_a_no_ends_what_approves_the_same_on_other_conditions(site: Cast) -> None:
    """Two ends of "90 days" are two conditions: what the one approves no more, the other would."""
    data = upload(site.owner)
    demand(site, data, approvals=2)
    submission = fresh("return data", data, limit=ENOUGH)
    request = site.scientist.request(submission)
    approve(site.owner, request, terms=Terms(runs=5), standing=NewStanding())
    approve(site.owner, request, terms=Terms(runs=6), standing=NewStanding())
    approve(site.owner, request, terms=Terms(runs=7), standing=NewStanding(users=("other_owner@site.org",)))
    demand(site, data)
    later = site.other_scientist.request(submission)
    assert later.state is RequestState.APPROVED
    deny(site.admin, later)
    assert site.other_scientist.request(submission).state is RequestState.PENDING
    assert site.other_owner.request(submission).state is RequestState.APPROVED, "that was not denied"


# --- steps of protocols


def test_a_step_of_a_protocol_holds_to_its_conditions(timed: Timed) -> None:
    """Its end and its runs are asked where a step is run, as everywhere; the first answer of a run stays."""
    site, data = timed.cast, upload(timed.cast.owner)

    def asked_step() -> RequestView:
        steps = [step("here", "return [data, n]", objects={"data": data}, given=("n",), limit=ENOUGH)]
        (submission,) = submissions(steps, {"here": site_of(site.scientist)}, UID().hex)
        return site.scientist.request(submission)

    def do(request: RequestView, number: int = 1) -> str:
        message = protocols.RunStep(request.code.uid, UID(), {"n": own_value(number)}, wait_s=20)
        try:
            job = site.scientist.say(message, protocols.StepReply).job
        except SyftException as error:
            return error.code
        return job.error_code or job.state.value

    bounded = asked_step()
    ends = timed.clock() + timedelta(hours=1)
    approve(site.owner, bounded, terms=Terms(expires_at=ends, runs=2, bounds={"n": Bound(most=5)}))
    assert left(site, bounded) == 2
    assert do(bounded, 6) == "invalid_input"
    assert do(bounded) == "released"
    assert left(site, bounded) == 1
    assert do(bounded) == "released"
    assert do(bounded) == "policy_exhausted"
    assert left(site, bounded) == 0
    timed.clock.ahead = timedelta(hours=2)
    assert do(bounded) == "not_approved"
    free = approve(site.owner, asked_step())
    assert [do(free, 6) for _ in range(3)] == ["released"] * 3, "outside: without conditions"


def left(site: Cast, request: RequestView) -> int:
    message = protocols.GetStanding((request.code.uid,))
    return site.scientist.say(message, protocols.StandingReply).standing[0].runs_left
