"""What runs is what was approved, by somebody who could decide about it (THREATS 1.1, 1.6, 1.7, 1.8)."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from support.people import function, on
from support.sites import (
    Cast,
    account_of,
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
from syft.code.capture import digest
from syft.errors import AuthorizationException, Denied, InvalidState, NotApproved, NotFound, SyftException
from syft.jobs.pools import Equipment
from syft.model.code import (
    Code,
    CodeSubmission,
    Constant,
    InputPolicy,
    MustBe,
    OfType,
    OutputPolicy,
    Parameter,
)
from syft.model.job import Job, JobState, Release, StoredArgument
from syft.model.limits import JobLimits
from syft.model.message import Done
from syft.model.messages import codes, datasets, jobs, requests, users
from syft.model.messages.jobs import JobView
from syft.model.messages.pools import LaunchPool, PoolReply
from syft.model.messages.requests import RequestView
from syft.model.object import ObjectRecord, ValueRef
from syft.model.permission import Role
from syft.model.pool import DEFAULT_POOL, PoolSpec, Remote
from syft.model.request import Request, RequestState
from syft.model.uid import UID
from syft.wire.codec import decode, encode

RETURN_DATA = "return data"


def approved(
    site: Cast, body: str = RETURN_DATA, private: Any = 7, **options: Any
) -> tuple[RequestView, UID]:
    """A request that the owner of its data has approved, and the object it is about."""
    data = upload(site.owner, private)
    request = site.scientist.request(fresh(body, data, **options))
    return site.owner.approve(request), data


def call(site: Cast, request: RequestView, data: UID | None) -> JobView:
    return site.scientist.call(request.code.submission.name, **({"data": on(data)} if data else {}))


def check_refused(site: Cast, request: RequestView, data: UID | None) -> JobView:
    """Run it: it must fail before it begins, say why, leave a line in the log and release nothing."""
    before = site.count_events()
    job = call(site, request, data)
    assert (job.state, job.error_code) == (JobState.FAILED, "not_approved"), job
    assert job.result_uid is None
    logged = [one.event for one in site.events("job.failed", before) if one.event.subject_uid == job.uid]
    assert [event.detail["error"] for event in logged] == ["not_approved"]
    assert site.count(Release, job_uid=job.uid) == 0
    return job


def change_code(site: Cast, uid: UID, *, with_digest: bool, **changes: Any) -> None:
    """What somebody with the disk can do to a submitted function."""
    with tampering(site.store) as tx:
        code = tx.get(Code, uid)
        submission = msgspec.structs.replace(code.submission, **changes)
        code = msgspec.structs.replace(code, submission=submission)
        tx.replace(msgspec.structs.replace(code, digest=digest(submission)) if with_digest else code)


# 1.1: one thing differs from what was approved


def test_what_was_approved_runs(site: Cast) -> None:
    """THREATS 1.1, outside the fence: unchanged, it runs and its result is read."""
    request, data = approved(site)
    job = call(site, request, data)
    assert job.state is JobState.RELEASED
    assert site.scientist.read(job.result_uid) == 7


@pytest.fixture(scope="module", autouse=True)
def another_pool(site: Cast) -> None:
    """A second pool: code that is moved to it is refused because it was moved, not because there is none."""
    site.admin.say(LaunchPool(PoolSpec(name="another-pool")), PoolReply)


CODE_CHANGES: dict[str, Callable[[CodeSubmission], dict[str, Any]]] = {
    "source": lambda code: {"source": code.source + "# one more line\n"},
    "output policy": lambda code: {"output_policy": OutputPolicy(limit=1000)},
    "input policy": lambda code: {"input_policy": msgspec.structs.replace(code.input_policy, kind="mixed")},
    "sharing": lambda code: {"share_results_with_owners": True},
    "pool": lambda code: {"pool": "another-pool"},
    "limits": lambda code: {"limits": JobLimits(memory_bytes=1 << 30)},
}


@pytest.mark.parametrize("what", CODE_CHANGES)
def test_changed_code_with_its_new_digest_is_refused(site: Cast, what: str) -> None:
    """THREATS 1.1: code bytes or policies differ, and the stored digest says so."""
    request, data = approved(site)
    change_code(site, request.code.uid, with_digest=True, **CODE_CHANGES[what](request.code.submission))
    check_refused(site, request, data)


@pytest.mark.parametrize("what", CODE_CHANGES)
def test_changed_code_under_its_old_digest_is_refused(site: Cast, what: str) -> None:
    """THREATS 1.1: code bytes or policies differ, and the stored digest is still the approved one."""
    request, data = approved(site)
    change_code(site, request.code.uid, with_digest=False, **CODE_CHANGES[what](request.code.submission))
    check_refused(site, request, data)


@pytest.mark.parametrize(
    "changed", [JobLimits(wall_s=599), JobLimits(memory_bytes=8 << 30), JobLimits(threads=63)], ids=repr
)
def test_other_limits_than_approved_are_refused(site: Cast, changed: JobLimits) -> None:
    """THREATS 1.1: the approval is void if what a run may use was changed after it; back as it was, it runs."""
    request, data = approved(site)
    with tampering(site.store) as tx:
        kept = tx.get(Request, request.uid)
        limits = msgspec.structs.replace(kept.limits, **changed.said)
        assert limits != kept.limits
        tx.replace(msgspec.structs.replace(kept, limits=limits))
    check_refused(site, request, data)
    with tampering(site.store) as tx:
        tx.replace(msgspec.structs.replace(tx.get(Request, request.uid), limits=kept.limits))
    assert call(site, request, data).state is JobState.RELEASED


def test_limits_taken_out_of_an_approval_are_refused(site: Cast) -> None:
    """THREATS 1.1: an approval without figures would mean whatever its pool gives."""
    request, data = approved(site)
    with tampering(site.store) as tx:
        tx.replace(msgspec.structs.replace(tx.get(Request, request.uid), limits=JobLimits()))
    check_refused(site, request, data)


def test_changed_code_cannot_be_approved(site: Cast) -> None:
    """THREATS 1.1: the stored function is not the one whose digest the reviewer read."""
    data = upload(site.owner)
    request = site.scientist.request(fresh(RETURN_DATA, data))
    change_code(site, request.code.uid, with_digest=False, source=request.code.submission.source + "#\n")
    with pytest.raises(InvalidState, match="was changed"):
        site.owner.approve(request)


@pytest.mark.parametrize("face", ["private", "mock"])
def test_another_value_under_the_same_name_is_refused(site: Cast, face: str) -> None:
    """THREATS 1.1: the input's version differs."""
    request, data = approved(site)
    other = encode("another value").to_bytes()
    with tampering(site.store) as tx:
        record = tx.get(ObjectRecord, data)
        value = ValueRef(
            digest="0" * 64, size=len(other), type_name="str", inline=other
        )  # what it says of itself differs
        tx.replace(msgspec.structs.replace(record, **{face: value}))
    check_refused(site, request, data)


@pytest.mark.parametrize(
    "kept",
    [
        "in the row",
        "in a file",
        "in a file whose time is set back",
    ],
)
def test_other_bytes_under_the_same_digest_are_refused(site: Cast, kept: str) -> None:
    """THREATS 1.1: the value was changed on the disk, and what is said of it was not."""
    times = 10 if kept == "in the row" else 10_000
    old, new = f"old {kept}" * times, f"new {kept}" * times
    request, data = approved(site, private=old)
    with tampering(site.store) as tx:
        record = tx.get(ObjectRecord, data)
        if record.private.inline is not None:
            value = msgspec.structs.replace(record.private, inline=encode(new).to_bytes())
            tx.replace(msgspec.structs.replace(record, private=value))
    if record.private.inline is None:
        path = site.site.blobs.path(record.private.digest)
        before = path.stat().st_atime_ns, path.stat().st_mtime_ns
        path.chmod(0o600)
        path.write_bytes(encode(new).to_bytes())
        if "set back" in kept:
            os.utime(path, ns=before)
    job = call(site, request, data)
    assert job.state is JobState.FAILED
    assert job.result_uid is None


def test_a_dataset_put_up_again_is_another(site: Cast) -> None:
    """THREATS 1.1, 1.6: the owner replaced the dataset by one of the same name and value."""
    dataset = site.owner.upload("moved on", 1, 0)
    request = site.scientist.request(fresh(RETURN_DATA, asset_of(dataset)))
    site.owner.approve(request)
    site.owner.say(datasets.DeleteDataset(dataset.dataset.uid), Done)
    again = asset_of(site.owner.upload("moved on", 1, 0))
    name = request.code.submission.name
    with pytest.raises(SyftException, match="not in the allowed inputs"):
        site.scientist.call(name, data=on(again))
    job = site.scientist.call(name, data=on(asset_of(dataset)))
    assert (job.state, job.error_code, job.result_uid) == (JobState.FAILED, "not_found", None)


def test_another_environment_is_refused(site: Cast) -> None:
    """THREATS 1.1: a package was updated since; back in the old environment, it runs."""
    request, data = approved(site)
    equipped = site.site.equipped
    before = equipped.of(DEFAULT_POOL)
    equipped.put(DEFAULT_POOL, Equipment(before.runner, lambda: "0" * 64))
    check_refused(site, request, data)
    equipped.put(DEFAULT_POOL, before)
    assert call(site, request, data).state is JobState.RELEASED


def test_an_approval_for_something_else_is_refused(site: Cast) -> None:
    """THREATS 1.1: an approval moved from one request to another in the store."""
    request, _ = approved(site)
    data = upload(site.owner, 8)
    other = site.scientist.request(fresh(RETURN_DATA, data))
    with tampering(site.store) as tx:
        kept = tx.get(Request, request.uid)
        target = tx.get(Request, other.uid)
        tx.replace(
            msgspec.structs.replace(target, state=RequestState.APPROVED, approved_digest=kept.approved_digest)
        )
    check_refused(site, other, data)


def test_a_job_for_other_code_than_approved_is_refused(site: Cast, tmp_path: Path) -> None:
    """THREATS 1.1: a queued job is made to point at the approval of another function."""
    with opened(tmp_path, start=False) as node:
        other_site = cast_on(node, tmp_path)
        good, data = approved(other_site)
        request = other_site.scientist.request(fresh("return data * 2", data))
        job = other_site.scientist.call(good.code.submission.name, wait_s=0, data=on(data))
        with tampering(other_site.store) as tx:
            tx.replace(msgspec.structs.replace(tx.get(Job, job.uid), code_uid=request.code.uid))
        node.start()
        ended = other_site.scientist.say(jobs.GetJob(job.uid, wait_s=20), jobs.JobReply).job
    assert (ended.state, ended.error_code) == (JobState.FAILED, "not_approved")


@pytest.mark.parametrize("change", ["no approval", "a step", "another name"])
def test_a_queued_job_that_was_made_into_something_else_is_refused(tmp_path: Path, change: str) -> None:
    """THREATS 1.1: it is said to need no approval, to be the run of a step, or its code is called otherwise."""
    with opened(tmp_path, start=False) as node:
        site = cast_on(node, tmp_path)
        request, data = approved(site)
        unchanged, _ = approved(site)
        job = site.scientist.call(request.code.submission.name, wait_s=0, data=on(data))
        with tampering(site.store) as tx:
            stored = tx.get(Job, job.uid)
            if change == "no approval":
                tx.replace(msgspec.structs.replace(stored, request_uid=None))
            elif change == "a step":
                tx.replace(msgspec.structs.replace(stored, run=UID()))
            else:
                code = tx.get(Code, stored.code_uid)
                tx.replace(msgspec.structs.replace(code, name="another"))
        other = site.owner.say(requests.GetRequest(unchanged.uid), requests.RequestReply).request
        uid = other.code.submission.input_policy.objects["data"].object_uid
        node.start()
        ended = site.scientist.say(jobs.GetJob(job.uid, wait_s=20), jobs.JobReply).job
        assert (ended.state, ended.error_code, ended.result_uid) == (JobState.FAILED, "not_approved", None)
        assert site.count(Release, job_uid=job.uid) == 0
        # Outside the fence: on the same node, what nobody has touched.
        assert site.scientist.call(other.code.submission.name, data=on(uid)).state is JobState.RELEASED


@pytest.mark.parametrize("argument", ["object", "constant", "own value", "own value of another type"])
def test_the_arguments_of_a_queued_job_are_asked_about_again(tmp_path: Path, argument: str) -> None:
    """THREATS 1.1: inputs changed between the call and the run; a value of another type, another constant."""
    with opened(tmp_path, start=False) as node:
        site = cast_on(node, tmp_path)
        data, other = upload(site.owner, "approved"), upload(site.owner, "not approved")
        submission = mixed("return [data, fixed, own]", data)
        request = site.owner.approve(site.scientist.request(submission))
        job = site.scientist.call(request.code.submission.name, wait_s=0, data=on(data), own=own_value(1))
        with tampering(site.store) as tx:
            stored = tx.get(Job, job.uid)
            changed: Any = dict(stored.arguments)
            if argument == "object":
                changed["data"] = on(other)
            elif argument == "constant":
                changed["fixed"] = stored_value("not approved")
            elif argument == "own value":
                changed["own"] = on(other)
            else:
                changed["own"] = stored_value("not approved")
            tx.replace(msgspec.structs.replace(stored, arguments=changed))
        node.start()
        ended = site.scientist.say(jobs.GetJob(job.uid, wait_s=20), jobs.JobReply).job
        assert ended.state is JobState.FAILED
        assert ended.result_uid is None


def mixed(body: str, data: UID) -> CodeSubmission:
    """A function of an object, a constant and an integer of the caller's."""
    value = encode(5)
    name = f"mixed{UID().hex}"
    return CodeSubmission(
        name=name,
        source=f"def {name}(data, fixed, own):\n    {body}\n",
        parameters=tuple(Parameter(name=one) for one in ("data", "fixed", "own")),
        input_policy=InputPolicy(
            kind="mixed",
            rules={"data": MustBe(data), "fixed": Constant(value.to_bytes()), "own": OfType("int")},
        ),
        output_policy=OutputPolicy(limit=3),
    )


def stored_value(value: Any) -> StoredArgument:
    data = encode(value).to_bytes()
    return StoredArgument(ValueRef(digest="1" * 64, size=len(data), type_name="", inline=data))


def test_the_input_policy_decides_about_every_argument(site: Cast) -> None:
    """THREATS 1.1: another object, a value for an object, an object for a value, a passed constant, a stranger."""
    data, other = upload(site.owner), upload(site.owner)
    request = site.owner.approve(site.scientist.request(mixed("return [data, fixed, own]", data)))
    name = request.code.submission.name
    good = {"data": on(data), "own": own_value(1)}
    for bad, code in (
        ({"data": on(other)}, "invalid_input"),
        # Without an object it is a run on mock values, for which the scientist has no leave.
        ({"data": own_value(1)}, "authorization"),
        ({"own": on(other)}, "invalid_input"),
        ({"fixed": own_value(6)}, "invalid_input"),
        ({"unknown": own_value(6)}, "invalid_input"),
    ):
        message = jobs.CallCode(good | bad, None, name, 20)
        assert refused(site.scientist, message)[0] == code, bad
    assert refused(site.scientist, jobs.CallCode({"data": on(data)}, None, name, 20))[0] == "invalid_input"
    job = site.scientist.call(name, **good)
    assert site.scientist.read(job.result_uid) == [7, 5, 1]


@pytest.mark.parametrize("value", ["a text", [1], 1.5, None, True], ids=repr)
def test_a_value_of_another_type_than_approved_is_refused(site: Cast, value: Any) -> None:
    """THREATS 1.1: the input policy takes an int; a text could be a query or a path."""
    data = upload(site.owner)
    request = site.owner.approve(site.scientist.request(mixed("return repr(own)", data)))
    message = jobs.CallCode(
        {"data": on(data), "own": own_value(value)}, None, request.code.submission.name, 20
    )
    assert refused(site.scientist, message)[0] == "invalid_input"


# 1.1, raced


def test_a_value_changed_while_its_code_is_called_never_leaves(site: Cast) -> None:
    """THREATS 1.1: raced 150 times; each run gives the approved value or nothing."""
    changed = encode("changed")
    bytes_ = changed.to_bytes()
    value = ValueRef(digest="2" * 64, size=len(bytes_), type_name="str", inline=bytes_)
    ends = []
    for attempt in range(150):
        request, data = approved(site, private="approved")

        def change(data: UID = data) -> None:
            with tampering(site.store) as tx:
                tx.replace(msgspec.structs.replace(tx.get(ObjectRecord, data), private=value))

        if attempt % 3 == 0:
            change()
        job, _ = at_once(lambda: call(site, request, data), change)  # noqa: B023 - called in this round
        assert isinstance(job, JobView), job
        ends.append(job.state)
        if job.state is JobState.RELEASED:
            assert site.scientist.read(job.result_uid) == "approved"
        else:
            assert job.error_code == "not_approved"
    assert ends.count(JobState.FAILED) >= 50


def test_an_approval_taken_back_while_its_code_runs(site: Cast) -> None:
    """THREATS 1.1: raced 60 times; nothing is released after the denial is in the log."""
    for _ in range(60):
        request, data = approved(site)
        before = site.count_events()
        deny = requests.DenyRequest(request.uid, "changed my mind")
        job, denied = at_once(
            lambda: call(site, request, data),  # noqa: B023
            lambda: site.owner.say(deny, requests.RequestReply),  # noqa: B023
        )
        assert isinstance(denied, requests.RequestReply)
        place = {
            one.event.verb: one.seq
            for one in site.events(after=before)
            if one.event.verb in ("result.released", "request.denied")
        }
        if isinstance(job, JobView) and job.state is JobState.RELEASED:
            assert place["result.released"] < place["request.denied"]
        else:
            assert "result.released" not in place
            assert isinstance(job, Denied) or job.error_code == "not_approved"
        assert refused(site.scientist, jobs.CallCode({"data": on(data)}, request.code.uid, None, 20))[0] == (
            "denied"
        )


def test_a_new_version_submitted_while_the_old_one_is_approved(site: Cast) -> None:
    """THREATS 1.1: raced 100 times; only the version that was read ever answers."""
    data = upload(site.owner, 7)
    for number in range(100):
        name = f"raced{number}"
        request = site.scientist.request(
            function(f"def {name}(data):\n    return 'read'\n", name, {"data": data})
        )
        evil = function(f"def {name}(data):\n    return data\n", name, {"data": data})
        answer, _, job = at_once(
            lambda: site.owner.approve(request),  # noqa: B023
            lambda: site.scientist.submit(evil),  # noqa: B023
            lambda: site.scientist.call(name, data=on(data)),  # noqa: B023
        )
        assert isinstance(answer, RequestView)
        assert answer.code.submission.source == request.code.submission.source
        if isinstance(job, JobView):
            assert site.scientist.read(job.result_uid) == "read"
        else:
            assert isinstance(job, NotApproved)
        with pytest.raises(NotApproved):
            site.scientist.call(name, data=on(data))


# 1.1, 1.6: what the reviewer read


def test_a_digest_that_was_not_read_is_not_approved(site: Cast) -> None:
    """THREATS 1.1: the reviewer names what they read; anything else is refused."""
    data = upload(site.owner)
    first = site.scientist.request(fresh("return 1", data))
    other = site.scientist.request(fresh("return data", data))
    for wrong in (other.code.digest, "", first.code.digest.upper(), first.code.digest[:-1]):
        with pytest.raises(InvalidState, match="not the one you looked at"):
            site.owner.say(requests.ApproveRequest(first.uid, wrong), requests.RequestReply)
    assert site.owner.approve(first).state is RequestState.APPROVED


CHILD = "def {name}(x):\n    return {value}\n"


def parent_of(name: str, data: UID, body: str = "") -> CodeSubmission:
    """A function that launches `name` on its data and returns what that returns."""
    parent = f"parent_{name}"
    body = body or f"return datasite.launch_job({name}, x=data).result"
    return function(
        f"def {parent}(data, datasite):\n    {body}\n",
        parent,
        {"data": data},
        uses_datasite=True,
        nested=(name,),
    )


def child(name: str, value: str) -> CodeSubmission:
    return function(CHILD.format(name=name, value=value), name, parameters=(Parameter(name="x"),))


def test_a_nested_function_changed_since_it_was_read_is_not_approved(site: Cast) -> None:
    """THREATS 1.1, 1.7: between reading and approving, the author submits another nested function."""
    data = upload(site.owner)
    site.scientist.submit(child("swapped", "'harmless'"))
    request = site.scientist.request(parent_of("swapped", data))
    seen = site.owner.say(requests.GetRequest(request.uid), requests.RequestReply).request
    assert "harmless" in seen.nested[0].submission.source
    site.scientist.submit(child("swapped", "x"))
    with pytest.raises(InvalidState):
        site.owner.approve(seen)


def test_a_constant_is_shown_to_the_reviewer_as_it_is(site: Cast) -> None:
    """THREATS 1.1, 1.8: the reviewer gets the value that will be used, and no text of its author's beside it."""
    data = upload(site.owner)
    request = site.scientist.request(mixed("return fixed", data))
    seen = site.owner.say(requests.GetRequest(request.uid), requests.RequestReply).request
    rule = seen.code.submission.input_policy.rules["fixed"]
    assert isinstance(rule, Constant)
    assert rule.__struct_fields__ == ("value",)
    assert decode(rule.value) == 5


def test_an_input_is_shown_to_the_reviewer_as_it_is(site: Cast) -> None:
    """THREATS 1.1, 1.8: the label says one dataset, the UID is another's: refused, or told to the reviewer."""
    dataset = site.owner.upload("salaries of everybody", 7, 0)
    site.owner.upload("public weather", 7, 0)
    honest = fresh(RETURN_DATA, asset_of(dataset))
    rules = {"data": MustBe(asset_of(dataset), "public weather_asset of public weather")}
    lie = msgspec.structs.replace(honest, input_policy=InputPolicy(kind="exact", rules=rules))
    code, _ = refused(site.scientist, requests.CreateRequest(lie))
    if code == "ok":
        seen = site.owner.say(requests.GetRequest(index=-1), requests.RequestReply).request
        assert "salaries of everybody" in "\n".join(seen.code.findings)


# 1.6: who decides, and when


def test_an_author_does_not_decide(site: Cast) -> None:
    """THREATS 1.6: neither a scientist, nor an owner on their own data, nor an administrator."""
    data = upload(site.owner)
    request = site.scientist.request(fresh(RETURN_DATA, data))
    with pytest.raises(AuthorizationException, match="author of code"):
        site.scientist.approve(request)
    for author in (site.owner, site.admin):
        own = author.request(fresh(RETURN_DATA, data))
        with pytest.raises(AuthorizationException, match="author of code"):
            author.approve(own)
        with pytest.raises(AuthorizationException, match="author of code"):
            author.say(requests.DenyRequest(own.uid, "no"), requests.RequestReply)
    assert site.owner.approve(request).state is RequestState.APPROVED
    assert site.owner.approve(own).state is RequestState.APPROVED


def test_an_author_who_became_an_owner_does_not_decide(site: Cast) -> None:
    """THREATS 1.6: a role given after the code was written changes nothing."""
    climber = member(site.node, site.admin, "climber@site.org")
    public = climber.request(fresh("return 1"))
    data = upload(site.owner)
    request = climber.request(fresh(RETURN_DATA, data))
    site.admin.say(users.UpdateUser(account_of(climber), role=Role.ADMIN), users.UserReply)
    for one in (public, request):
        with pytest.raises(AuthorizationException, match="author of code"):
            climber.approve(one)


def test_an_owner_decides_on_their_own_data_only(site: Cast) -> None:
    """THREATS 1.6: on another's data the request is not there; on both, one of them is not enough."""
    mine, theirs = upload(site.owner), upload(site.other_owner)
    request = site.scientist.request(fresh(RETURN_DATA, theirs))
    with pytest.raises(NotFound):
        site.owner.approve(request)
    with pytest.raises(NotFound):
        site.owner.say(requests.DenyRequest(request.uid, "no"), requests.RequestReply)
    both = site.scientist.request(
        function("def both(a, b):\n    return [a, b]\n", "both", {"a": mine, "b": theirs})
    )
    assert site.owner.approve(both).state is RequestState.PENDING
    with pytest.raises(NotApproved):
        site.scientist.call("both", a=on(mine), b=on(theirs))
    assert site.other_owner.approve(request).state is RequestState.APPROVED
    assert site.admin.approve(both).state is RequestState.APPROVED


def test_an_owner_who_is_none_any_more_does_not_decide(site: Cast) -> None:
    """THREATS 1.6: demoted or deleted between request and approval."""
    former = member(site.node, site.admin, "former@site.org", Role.DATA_OWNER)
    request = site.scientist.request(fresh(RETURN_DATA, upload(former)))
    site.admin.say(users.UpdateUser(account_of(former), role=Role.DATA_SCIENTIST), users.UserReply)
    with pytest.raises(NotFound):
        former.approve(request)
    site.admin.say(users.DeleteUser(account_of(former)), Done)
    with pytest.raises(AuthorizationException, match="guest"):
        former.approve(request)


def test_what_is_over_is_not_approved(site: Cast) -> None:
    """THREATS 1.6: after a denial, a withdrawal or a revocation; nor is the code run."""
    data = upload(site.owner)
    deny = lambda one: site.owner.say(requests.DenyRequest(one.uid, "no"), requests.RequestReply)  # noqa: E731
    denied, withdrawn, revoked = (site.scientist.request(fresh(f"return {n}", data)) for n in range(3))
    deny(denied)
    site.scientist.say(requests.WithdrawRequest(withdrawn.uid), requests.RequestReply)
    site.owner.approve(revoked)
    deny(revoked)
    for request, error in ((denied, Denied), (withdrawn, NotApproved), (revoked, Denied)):
        with pytest.raises(InvalidState, match="cannot become"):
            site.owner.approve(request)
        with pytest.raises(InvalidState):
            deny(request)
        with pytest.raises(InvalidState):
            site.scientist.say(requests.WithdrawRequest(request.uid), requests.RequestReply)
        with pytest.raises(error):
            call(site, request, data)


def test_a_request_on_deleted_data_is_not_approved(site: Cast) -> None:
    """THREATS 1.6: the dataset was removed after the question."""
    dataset = site.owner.upload("soon gone", 1, 0)
    request = site.scientist.request(fresh(RETURN_DATA, asset_of(dataset)))
    site.owner.say(datasets.DeleteDataset(dataset.dataset.uid), Done)
    with pytest.raises(NotFound):
        site.owner.approve(request)


def test_code_for_another_name_or_author_needs_its_own_approval(site: Cast) -> None:
    """THREATS 1.2, 1.6: the same text by another author, or under another name, is not approved with it."""
    request, data = approved(site)
    copied = request.code.submission
    assert site.scientist.submit(copied).uid == request.code.uid
    with pytest.raises(NotFound):
        site.other_scientist.say(jobs.CallCode({"data": on(data)}, request.code.uid, None, 20), jobs.JobReply)
    site.other_scientist.submit(copied)
    with pytest.raises(NotApproved):
        site.other_scientist.call(copied.name, data=on(data))
    renamed = msgspec.structs.replace(
        copied, name="renamed", source=copied.source.replace(copied.name, "renamed")
    )
    site.scientist.submit(renamed)
    with pytest.raises(NotApproved):
        site.scientist.call("renamed", data=on(data))
    assert call(site, request, data).state is JobState.RELEASED


# 1.7: nested jobs


def run_parent(site: Cast, submission: CodeSubmission, data: UID) -> Any:
    job = site.scientist.call(submission.name, data=on(data))
    if job.result_uid is None:
        return job
    return site.scientist.read(job.result_uid)


def test_a_nested_function_runs_as_it_was_approved(site: Cast) -> None:
    """THREATS 1.7: submitted anew after the approval, the version that was approved runs."""
    data = upload(site.owner, "private")
    site.scientist.submit(child("pinned", "'harmless'"))
    parent = parent_of("pinned", data)
    site.owner.approve(site.scientist.request(parent))
    site.scientist.submit(child("pinned", "x"))
    assert run_parent(site, parent, data) == "harmless"


def test_a_nested_function_that_is_missing_is_not_approved(site: Cast) -> None:
    """THREATS 1.7: the approval would name nothing."""
    data = upload(site.owner)
    request = site.scientist.request(parent_of("missing", data))
    with pytest.raises(InvalidState, match="must be submitted first"):
        site.owner.approve(request)
    assert request.state is RequestState.PENDING


def test_a_nested_function_of_another_author_is_not_taken(site: Cast) -> None:
    """THREATS 1.7: a name resolves to the author's own functions only."""
    data = upload(site.owner)
    site.other_scientist.submit(child("theirs", "1"))
    request = site.scientist.request(parent_of("theirs", data))
    with pytest.raises(InvalidState, match="must be submitted first"):
        site.owner.approve(request)


@pytest.mark.parametrize("with_digest", [True, False])
def test_a_changed_nested_function_is_refused(site: Cast, with_digest: bool) -> None:
    """THREATS 1.7, 1.1: its bytes differ in the store from what was approved."""
    data = upload(site.owner, "private")
    name = f"nested{with_digest}"
    nested = site.scientist.submit(child(name, "'harmless'"))
    parent = parent_of(name, data)
    request = site.owner.approve(site.scientist.request(parent))
    change_code(site, nested.uid, with_digest=with_digest, source=CHILD.format(name=name, value="x"))
    check_refused(site, request, data)


def test_a_job_that_the_approval_does_not_name_is_refused(site: Cast) -> None:
    """THREATS 1.7: from within, the code makes up the name of another function of its author's."""
    data = upload(site.owner, "private")
    site.scientist.submit(child("named", "'named'"))
    site.scientist.submit(child("unnamed", "x"))
    parent = parent_of(
        "named",
        data,
        body="assert datasite.launch_job(named, x=1).result == 'named'\n"
        "    other = ''.join(['un', 'named'])\n"
        "    return datasite.launch_job(other, x=data).result",
    )
    site.owner.approve(site.scientist.request(parent))
    job = run_parent(site, parent, data)
    assert isinstance(job, JobView)
    assert job.state is JobState.FAILED
    launched = site.owner.say(jobs.ListJobs(parent_uid=job.uid), jobs.JobsReply).jobs
    assert [one.code_name for one in launched] == ["named"]
    log = site.owner.say(jobs.GetJobLog(job.uid), jobs.JobLogReply)
    assert "unnamed" in log.error


# 1.8: what a text hides


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("x = 1  # \u202e } \u2066if admin\u2069 \u2066", ("U+202E", "RIGHT-TO-LEFT OVERRIDE")),
        ("x = 'a\u2066b'", ("U+2066", "LEFT-TO-RIGHT ISOLATE")),
        ("x = 'a\u200bb'", ("U+200B", "ZERO WIDTH SPACE")),
        ("d\u0430ta = 1", ("CYRILLIC SMALL LETTER A",)),
        ("\uff44ata = 1", ("FULLWIDTH LATIN SMALL LETTER D",)),
    ],
)
@pytest.mark.parametrize("nested", [False, True])
def test_hidden_characters_are_shown_to_the_reviewer(
    site: Cast, body: str, words: tuple[str, ...], nested: bool
) -> None:
    """THREATS 1.8: in the function that is asked for, and in one that it launches."""
    data = upload(site.owner)
    lines = f"{body}\nreturn 1"
    plain = site.scientist.request(fresh("return 1", data))
    assert plain.code.findings == ()
    if nested:
        name = f"hidden{UID().hex}"
        source = f"def {name}(x):\n    {body}\n    return 1\n"
        site.scientist.submit(function(source, name, parameters=(Parameter(name="x"),)))
        request = site.scientist.request(parent_of(name, data))
    else:
        request = site.scientist.request(fresh(lines, data))
    seen = site.owner.say(requests.GetRequest(request.uid), requests.RequestReply).request
    findings = "\n".join(seen.nested[0].findings if nested else seen.code.findings)
    assert all(word in findings for word in words), findings
    assert "Line 2" in findings


def test_the_reviewer_gets_the_text_itself(site: Cast) -> None:
    """THREATS 1.8: source and digest of what is asked for are what was submitted, byte for byte."""
    data = upload(site.owner)
    submission = fresh("x = 'a\u202eb'\nreturn data", data)
    request = site.scientist.request(submission)
    seen = site.owner.say(codes.GetCode(request.code.uid), codes.CodeReply).code
    assert seen.submission == submission
    assert seen.digest == digest(submission)


def test_a_job_that_was_moved_to_another_pool_is_refused(site: Cast) -> None:
    """THREATS 1.1: code that was approved for one place is brought to another, by whoever has the disk."""
    site.admin.say(LaunchPool(PoolSpec(name="elsewhere", engine=Remote())), PoolReply)
    data = upload(site.owner)
    request = site.scientist.request(fresh(RETURN_DATA, data, pool="elsewhere"))
    site.owner.approve(request)
    queued = site.scientist.call(request.code.submission.name, wait_s=0, data=on(data))
    with tampering(site.store) as tx:
        moved = msgspec.structs.replace(tx.get(Job, queued.uid), pool=DEFAULT_POOL)
        tx.replace(moved)
    site.site.crews.crew(DEFAULT_POOL).take_up(moved)
    job = site.scientist.say(jobs.GetJob(queued.uid, wait_s=20), jobs.JobReply).job
    assert (job.state, job.error_code, job.result_uid) == (JobState.FAILED, "not_approved", None)
    assert "'elsewhere', and nowhere else" in job.note
