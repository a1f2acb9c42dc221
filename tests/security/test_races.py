"""The promises of approval and release, raced: two parties act in the same moment, over and over.

`SYFT_TEST_RACES=1000 pytest -s --timeout 0 tests/security/test_races.py` makes more of it, and prints what came of the
rounds; `SYFT_TEST_SEED` repeats the moments at which the second party acts.
"""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from support.people import Person, function, new_value, on
from support.sites import (
    PASSWORD,
    Cast,
    again,
    at_once,
    cast_on,
    fresh,
    opened,
    own_value,
    refused,
    upload,
)
from syft.errors import Denied, InvalidState, NotApproved, NotFound, SyftException
from syft.model.code import CodeSubmission, InputPolicy, MustBe, OfType, OutputPolicy, Parameter
from syft.model.job import Job, JobState, Release
from syft.model.messages import datasets, jobs, objects, requests
from syft.model.messages.jobs import JobView
from syft.model.messages.requests import RequestView
from syft.model.object import ObjectKind, ObjectRecord
from syft.model.request import Request, RequestState
from syft.model.uid import UID
from syft.transport.memory import MemoryRoute

ROUNDS = int(os.environ.get("SYFT_TEST_RACES", "20"))
SEED = int(os.environ.get("SYFT_TEST_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 32)
# Of so many rounds both may win some: a race that one side always wins is none.
ENOUGH = 100
# Requests that are under way together when the node is closed.
AT_A_RESTART = 20
# Differs from run to run: two results that are equal are one result.
ONCE = "import uuid\nreturn [data, uuid.uuid4().hex]"


@pytest.fixture
def tally(request: pytest.FixtureRequest) -> Iterator[Counter[str]]:
    """What came of the rounds, told at the end."""
    told: Counter[str] = Counter()
    yield told
    words = ", ".join(f"{what} {count}" for what, count in sorted(told.items()))
    print(f"\n{request.node.name}: SYFT_TEST_SEED={SEED}, rounds {ROUNDS}, {words}")


@pytest.fixture(scope="module")
def logins(site: Cast) -> list[Person]:
    """Four keys that all speak for the scientist."""
    return [Person(MemoryRoute(site.node)).log_in("scientist@site.org", PASSWORD) for _ in range(4)]


def approved(site: Cast, submission: CodeSubmission) -> RequestView:
    return site.owner.approve(site.scientist.request(submission))


def ended(person: Person, answer: Any) -> Any:
    """A job when it is over; what is no job as it is."""
    if not isinstance(answer, JobView):
        return answer
    return person.say(jobs.GetJob(answer.uid, wait_s=30), jobs.JobReply).job


def outcome(answer: Any) -> str:
    """In one word: `released`, or the code of what it was refused with."""
    if isinstance(answer, JobView):
        return "released" if answer.state is JobState.RELEASED else answer.error_code
    return str(answer.code)


def check_releases(site: Cast, request: RequestView, most: int, answers: list[Any]) -> set[UID]:
    """No more have left than were approved; whoever got one got one of those; the results that are kept are these."""
    with site.store.reading() as reader:
        left = reader.select(Release, request_uid=request.uid)
    assert len(left) <= most
    results = {one.result_uid for one in left}
    for answer in answers:
        if isinstance(answer, JobView) and answer.state is JobState.RELEASED:
            assert answer.result_uid in results
        elif isinstance(answer, JobView):
            assert (answer.result_uid, answer.result) == (None, None)
        assert outcome(answer) in ("released", "policy_exhausted"), answer
    # Nothing of the runs that came too late was kept.
    name = request.code.submission.name
    assert site.count(ObjectRecord, name=name, kind=ObjectKind.RESULT) == len(left)
    return results


# One result (THREATS 1.2)


def test_one_result_from_many_clients_as_job_and_call_and_launched(
    site: Cast, logins: list[Person], tally: Counter[str]
) -> None:
    """THREATS 1.2: waiting and queued, by name and by UID, by four logins, launched by another, under another name."""
    data = upload(site.owner)
    for number in range(ROUNDS):
        _once_from_everywhere(site, logins, data, f"once{number}", tally)
    assert tally["results"] == ROUNDS
    assert tally["policy_exhausted"] + tally["same result"] == 7 * ROUNDS


def _once_from_everywhere(
    site: Cast, logins: list[Person], data: UID, name: str, tally: Counter[str]
) -> None:
    body = "    import uuid\n    return [data, uuid.uuid4().hex]\n"
    own = approved(site, function(f"def {name}(data):\n{body}", name, {"data": data}))
    parent = approved(
        site,
        function(
            f"def parent_{name}(data, datasite):\n    return datasite.launch_job({name}, data=data).result\n",
            f"parent_{name}",
            {"data": data},
            uses_datasite=True,
            nested=(name,),
        ),
    )
    site.scientist.submit(function(f"def other_{name}(data):\n{body}", f"other_{name}", {"data": data}))

    def call(place: int) -> Callable[[], Any]:
        by_uid, wait_s = place % 2 == 0, 30 if place < 4 else 0
        uid, called = (own.code.uid, None) if by_uid else (None, name)
        message = jobs.CallCode({"data": on(data)}, uid, called, wait_s)
        return lambda: logins[place % 4].say(message, jobs.JobReply).job

    *calls, launched, renamed = at_once(
        *(call(place) for place in range(8)),
        lambda: logins[0].call(f"parent_{name}", 30, data=on(data)),
        lambda: logins[1].call(f"other_{name}", 30, data=on(data)),
    )
    answers = [ended(site.scientist, answer) for answer in calls]
    (result,) = check_releases(site, own, 1, answers)
    assert site.scientist.read(result)[0] == 7
    # What is launched answers to who launched it, under that one's approval.
    assert isinstance(launched, JobView), launched
    (mine,) = check_releases(site, parent, 1, [launched])
    assert site.scientist.read(mine)[0] == 7
    # The same code by another name is other code.
    assert isinstance(renamed, NotApproved), renamed
    told = Counter(outcome(answer) for answer in answers)
    tally["results"] += 1
    tally["same result"] += told["released"] - 1
    tally["policy_exhausted"] += told["policy_exhausted"]
    tally["runs"] += site.count(Job, code_uid=own.code.uid)


def test_one_result_across_restarts(tmp_path: Path, tally: Counter[str]) -> None:
    """THREATS 1.2: twenty functions are called twice each, the node is closed in the midst, they are called again."""
    with opened(tmp_path, start=False) as node:
        site = cast_on(node, tmp_path)
        data = upload(site.owner)
    chance = random.Random(SEED)
    left = ROUNDS
    while left > 0:
        count = min(left, AT_A_RESTART)
        left -= count
        _across_a_restart(site, tmp_path, data, count, chance, tally)
    assert tally["results"] == ROUNDS


def _across_a_restart(
    site: Cast, home: Path, data: UID, count: int, chance: random.Random, tally: Counter[str]
) -> None:
    with opened(home) as node:
        site.node = node
        site.owner, site.scientist = again(node, site.owner), again(node, site.scientist)
        asked = [approved(site, fresh(ONCE, data)) for _ in range(count)]
        begun = [
            site.scientist.call(one.code.submission.name, 0, data=on(data)) for one in asked for _ in range(2)
        ]
        # As far as chance lets it come: some have ended, some run, some wait.
        _until_ended(site, chance.randrange(len(begun)), begun)
        # Asked of the store: asking by message would wait its turn.
        with site.store.reading() as reader:
            states = Counter(reader.get(Job, job.uid).state for job in begun)
        tally["waiting or running when it was closed"] += sum(
            states[state] for state in (JobState.QUEUED, JobState.RUNNING)
        )
    with opened(home) as node:
        site.node, site.scientist = node, again(node, site.scientist)
        for place, request in enumerate(asked):
            more = site.scientist.call(request.code.submission.name, 30, data=on(data))
            answers = [ended(site.scientist, one) for one in (*begun[2 * place : 2 * place + 2], more)]
            (result,) = check_releases(site, request, 1, answers)
            later = site.scientist.call(request.code.submission.name, 30, data=on(data))
            assert later.result_uid == result
            tally["results"] += 1
            tally["policy_exhausted"] += sum(outcome(one) == "policy_exhausted" for one in answers)


def _until_ended(site: Cast, count: int, begun: list[JobView]) -> None:
    over = (JobState.RELEASED, JobState.FAILED, JobState.WITHHELD)
    until = time.monotonic() + 60
    while time.monotonic() < until:
        with site.store.reading() as reader:
            if sum(reader.get(Job, job.uid).state in over for job in begun) >= count:
                return
        time.sleep(0.002)
    raise AssertionError("the jobs do not come to an end")


# N results (THREATS 1.2)


def test_a_count_of_n_is_n(site: Cast, logins: list[Person], tally: Counter[str]) -> None:
    """THREATS 1.2: eight calls in the same moment, on six inputs, of code that may answer one to four times."""
    data = upload(site.owner, 100)
    for number in range(ROUNDS):
        limit = number % 4 + 1
        name = f"counted{number}"
        submission = CodeSubmission(
            name=name,
            source=f"def {name}(data, n):\n    return data + n\n",
            parameters=(Parameter(name="data"), Parameter(name="n")),
            input_policy=InputPolicy(kind="mixed", rules={"data": MustBe(data), "n": OfType("int")}),
            output_policy=OutputPolicy(limit=limit),
        )
        request = approved(site, submission)
        answers = at_once(*(_counted_call(logins, name, data, place) for place in range(8)))
        results = check_releases(site, request, limit, answers)
        assert len(results) == limit
        assert {site.scientist.read(result) for result in results} <= {100 + n for n in range(6)}
        tally["results"] += limit
        tally["approved"] += limit
        tally["policy_exhausted"] += sum(outcome(answer) == "policy_exhausted" for answer in answers)


def _counted_call(logins: list[Person], name: str, data: UID, place: int) -> Callable[[], JobView]:
    return lambda: logins[place % 4].call(name, 30, data=on(data), n=own_value(place % 6))


# What was approved changes (THREATS 1.1, 1.6)


def a_moment(chance: random.Random, site: Cast, data: UID) -> Callable[[], float]:
    """Draws moments, in seconds, anywhere from the call of a run to a little after its end."""
    request = approved(site, fresh("return data", data))
    began = time.perf_counter()
    job = site.scientist.call(request.code.submission.name, 30, data=on(data))
    assert job.state is JobState.RELEASED  # outside the fence: nobody interferes
    lasts = time.perf_counter() - began
    return lambda: chance.uniform(0, 1.5 * lasts)


def after(moment: float, act: Callable[[], Any]) -> Callable[[], Any]:
    def later() -> Any:
        time.sleep(moment)
        return act()

    return later


def places(site: Cast, before: int, *verbs: str) -> dict[str, int]:
    """Where in the log these stand."""
    return {one.event.verb: one.seq for one in site.events(after=before) if one.event.verb in verbs}


def check_order(
    job: Any, found: dict[str, int], ending: str, refusals: tuple[type[SyftException], ...]
) -> bool:
    """Released before that event, or not at all; tells which."""
    if isinstance(job, JobView) and job.state is JobState.RELEASED:
        assert found["result.released"] < found[ending], found
        return True
    assert "result.released" not in found
    assert isinstance(job, (JobView, *refusals)), job
    if isinstance(job, JobView):
        assert (job.result_uid, job.result) == (None, None)
        assert job.error_code in {one.code for one in refusals}, job
    return False


def check_both_won(tally: Counter[str]) -> None:
    if ROUNDS >= ENOUGH:
        assert tally["released before"] > 0, tally
        assert tally["refused"] > 0, tally


def test_a_revoked_approval_against_its_release(site: Cast, tally: Counter[str]) -> None:
    """THREATS 1.1, 1.6: the owner takes an approval back at any moment of the run; nothing leaves after that."""
    data = upload(site.owner)
    chance = random.Random(SEED)
    moment = a_moment(chance, site, data)
    for _ in range(ROUNDS):
        request = approved(site, fresh("return data", data))
        call = jobs.CallCode({"data": on(data)}, request.code.uid, None, 30)
        deny = requests.DenyRequest(request.uid, "changed my mind")
        before = site.count_events()
        answer, _ = at_once(
            lambda call=call: site.scientist.say(call, jobs.JobReply).job,
            after(moment(), lambda deny=deny: site.owner.say(deny, requests.RequestReply)),
        )
        job = ended(site.scientist, answer)
        found = places(site, before, "result.released", "request.denied")
        won = check_order(job, found, "request.denied", (NotApproved, Denied))
        tally["released before" if won else "refused"] += 1
        assert site.count(Release, request_uid=request.uid) == won
        assert refused(site.scientist, call)[0] == "denied"
    check_both_won(tally)


@pytest.mark.parametrize("how", ["replaced", "deleted"])
def test_changed_data_against_a_release(site: Cast, tally: Counter[str], how: str) -> None:
    """THREATS 1.1, 1.6: the value that a run is on moves on, or goes, at any moment; nothing leaves after that."""
    chance = random.Random(SEED)
    moment = a_moment(chance, site, upload(site.owner))
    verb = {"replaced": "object.replaced", "deleted": "dataset.deleted"}[how]
    for number in range(ROUNDS):
        data, change = _to_change(site, how)
        request = approved(site, fresh("return data", data))
        call = jobs.CallCode({"data": on(data)}, request.code.uid, None, 30)
        before = site.count_events()
        answer, _ = at_once(
            lambda call=call: site.scientist.say(call, jobs.JobReply).job, after(moment(), change)
        )
        job = ended(site.scientist, answer)
        found = places(site, before, "result.released", verb)
        won = check_order(job, found, verb, (NotApproved, NotFound))
        tally["released before" if won else "refused"] += 1
        assert site.count(Release, request_uid=request.uid) == won
        if won:
            assert site.scientist.read(job.result_uid) == "first", number
    check_both_won(tally)


def _to_change(site: Cast, how: str) -> tuple[UID, Callable[[], Any]]:
    """Data of the owner's, and what changes it."""
    if how == "replaced":
        put = objects.PutObject(new_value("first"), findable=True)
        uid = site.owner.say(put, objects.ObjectReply).object.uid
        return uid, lambda: site.owner.say(
            objects.ReplaceObject(uid, new_value("second")), objects.ObjectReply
        )
    dataset = site.owner.upload(f"data {UID().hex}", "first", "").dataset
    return dataset.assets[0].object_uid, lambda: refused(site.owner, datasets.DeleteDataset(dataset.uid))


@pytest.mark.parametrize("what", ["the function", "what it launches"])
def test_an_approval_against_a_change(site: Cast, tally: Counter[str], what: str) -> None:
    """THREATS 1.1, 1.7: its author submits another version while the owner approves; what was read runs, or nothing."""
    data = upload(site.owner)
    slug = "own" if what == "the function" else "kid"
    for number in range(ROUNDS):
        name, kid = f"changed_{slug}{number}", f"kid_of_{slug}{number}"
        launching = f"def {name}(data, datasite):\n    return datasite.launch_job({kid}, x=data).result\n"
        plain = f"def {name}(data):\n    return 'read'\n"
        if what == "the function":
            asked = function(plain, name, {"data": data})
            evil = function(plain.replace("'read'", "data"), name, {"data": data})
        else:
            child = f"def {kid}(x):\n    return 'read'\n"
            takes = (Parameter(name="x"),)
            site.scientist.submit(function(child, kid, parameters=takes))
            evil = function(child.replace("'read'", "x"), kid, parameters=takes)
            asked = function(launching, name, {"data": data}, uses_datasite=True, nested=(kid,))
        request = site.scientist.request(asked)
        call = jobs.CallCode({"data": on(data)}, request.code.uid, None, 30)
        answer, _, job = at_once(
            lambda request=request: site.owner.approve(request),
            lambda evil=evil: site.scientist.submit(evil),
            lambda call=call: site.scientist.say(call, jobs.JobReply).job,
        )
        if isinstance(answer, RequestView):
            # Approved: whoever calls gets what was read, now and later.
            assert answer.code.digest == request.code.digest
            job = site.scientist.say(call, jobs.JobReply).job if isinstance(job, NotApproved) else job
            assert site.scientist.read(ended(site.scientist, job).result_uid) == "read"
            assert site.count(Release, request_uid=request.uid) == 1
            tally["approved, and what was read ran"] += 1
        else:
            assert isinstance(answer, InvalidState), answer
            assert isinstance(job, NotApproved), job
            assert site.count(Release, request_uid=request.uid) == 0
            tally["not approved"] += 1


# Two who decide (THREATS 1.2, 1.6)


@pytest.mark.parametrize("other", ["approves", "denies", "withdraws"])
def test_two_decisions_at_once(site: Cast, tally: Counter[str], other: str) -> None:
    """THREATS 1.2, 1.6: an owner approves, while an administrator approves or denies, or who asked withdraws."""
    data = upload(site.owner)
    verbs = {"approves": "request.approved", "denies": "request.denied", "withdraws": "request.withdrawn"}
    for _ in range(ROUNDS):
        request = site.scientist.request(fresh(ONCE, data))
        acts: dict[str, Callable[[], Any]] = {
            "approves": lambda request=request: site.admin.approve(request),
            "denies": lambda request=request: (
                site.admin.say(requests.DenyRequest(request.uid, "no"), requests.RequestReply).request
            ),
            "withdraws": lambda request=request: (
                site.scientist.say(requests.WithdrawRequest(request.uid), requests.RequestReply).request
            ),
        }
        call = jobs.CallCode({"data": on(data)}, request.code.uid, None, 30)
        before = site.count_events()
        first, second, *answers = at_once(
            lambda request=request: site.owner.approve(request),
            acts[other],
            *[lambda call=call: site.scientist.say(call, jobs.JobReply).job] * 2,
        )
        jobs_ = [ended(site.scientist, answer) for answer in answers]
        decided = [
            (one.seq, one.event.verb)
            for one in site.events(after=before)
            if one.event.verb in ("request.approved", "result.released", verbs[other])
        ]
        done = [verb for _, verb in decided]
        said = [one for one in (first, second) if isinstance(one, RequestView)]
        refusals = [one for one in (first, second) if not isinstance(one, RequestView)]
        assert all(isinstance(one, InvalidState) for one in refusals), refusals
        # Each answer of "done" is in the log, once; what is in the log last is what is so.
        assert len(said) == len([verb for verb in done if verb != "result.released"])
        with site.store.reading() as reader:
            state = reader.get(Request, request.uid).state
        last = [verb for verb in done if verb != "result.released"][-1]
        assert last == {RequestState.APPROVED: "request.approved"}.get(state, verbs[other])
        assert done.count("request.approved") <= 1
        if state is not RequestState.APPROVED:
            assert done[-1] != "result.released"
        released = site.count(Release, request_uid=request.uid)
        assert released == done.count("result.released") <= 1
        allowed = ("released", "not_approved", "denied", "invalid_state", "policy_exhausted")
        assert {outcome(job) for job in jobs_} <= set(allowed), jobs_
        if state is RequestState.APPROVED:
            later = site.scientist.say(call, jobs.JobReply).job
            assert later.state is JobState.RELEASED
            assert site.count(Release, request_uid=request.uid) == 1
        tally[f"ended {state.name.lower()}"] += 1
        tally["results"] += site.count(Release, request_uid=request.uid)
