"""This module makes views of records: what of them travels, with the names of people in place of their UIDs."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime
from typing import Final, TypeVar

import msgspec

from syft.access.checks import can_see_code
from syft.code.capture import review
from syft.errors import InvalidCode, InvalidInput, NotFound
from syft.jobs.conditions import guarded, runs_under
from syft.jobs.limits import ceiling_of
from syft.jobs.nested import pin_nested
from syft.model.approval import Approval
from syft.model.code import Code, Part
from syft.model.held import HeldResult, HeldState
from syft.model.job import Job, JobResources, JobState, Release
from syft.model.limits import MIB, JobLimits
from syft.model.messages.codes import CodeView
from syft.model.messages.jobs import JobView
from syft.model.messages.requests import ApprovalView, RequestView
from syft.model.object import ObjectKind, ObjectRecord, ValueRef
from syft.model.permission import Capability
from syft.model.pool import Pool
from syft.model.request import Request, RequestState
from syft.model.uid import UID
from syft.model.user import PersonView, User
from syft.node.context import Context
from syft.node.services.electorate import Electorate, electorate, known_approvers, known_inputs
from syft.node.services.grants import has_grant
from syft.policy.limits import filled
from syft.policy.parts import deployment_of
from syft.policy.release import asks_for_review
from syft.store.base import Condition, OneOf, Reader

R = TypeVar("R")
_PAGE: Final = 200
# What a private run says of its progress reaches its requester in tenths: numbers could be values.
PROGRESS_STEPS: Final = 10


def person(reader: Reader, uid: UID, *, asks: bool = False) -> PersonView:
    """Somebody by name and e-mail; an account that was deleted is shown as such.

    Args:
        reader: of the store.
        uid: whose account.
        asks: whether this is who asks for something: then whoever decides sees their institution, and who made their
            account, too.
    """
    user = reader.find(User, uid=uid)
    if user is None:
        return PersonView(uid=uid, name="deleted account", email="deleted@account.invalid")
    if not asks:
        return PersonView(uid=uid, name=user.name, email=user.email)
    maker = reader.find(User, uid=user.made_by) if user.made_by is not None else None
    return PersonView(
        uid=uid,
        name=user.name,
        email=user.email,
        institution=user.institution,
        made_by=maker.email if maker is not None else "",
    )


def owners_of(reader: Reader, code: Code) -> tuple[UID, ...]:
    """The accounts that own what a code asks to run on, each once.

    Assets, and objects that everybody finds, are there to be asked for. Of anything else only its owner, or
    whoever was granted it, may know: a code that names another's result is told the same as one that names nothing.

    Raises:
        NotFound: it asks for something that is not there (any more), or not for its author.
        InvalidInput: it calls something otherwise than this node does.
    """
    owners: dict[UID, None] = {}
    for rule in code.submission.input_policy.objects.values():
        record = reader.find(ObjectRecord, uid=rule.object_uid)
        if record is None or not _may_be_asked_for(reader, record, code.owner_uid):
            raise NotFound(
                f"The input {rule.label or rule.object_uid.hex} of '{code.name}' is not on this node. What a function "
                "runs on is asked for at the site where it is."
            )
        # The reviewer reads the label: "public weather" must not stand over the salaries.
        if rule.label and rule.label != record.name:
            raise InvalidInput(f"The input that '{code.name}' calls {rule.label} is {record.name} here.")
        owners[record.owner_uid] = None
    return tuple(owners)


def _may_be_asked_for(reader: Reader, record: ObjectRecord, author_uid: UID) -> bool:
    return (
        record.kind is ObjectKind.ASSET
        or record.owner_uid == author_uid
        or record.findable
        or has_grant(reader, record, author_uid)
    )


def known_owners(reader: Reader, code: Code) -> tuple[UID, ...]:
    """`owners_of`, leaving out what has been deleted."""
    return tuple(dict.fromkeys(record.owner_uid for record in known_inputs(reader, code)))


class Findings:
    """What a reviewer should look at in each code, read once: a listing must not parse every source again."""

    _MOST = 4096

    def __init__(self) -> None:
        self._known: dict[str, tuple[str, ...]] = {}

    def of(self, code: Code) -> tuple[str, ...]:
        """The findings about a code, a sentence each."""
        if code.digest not in self._known:
            if len(self._known) >= self._MOST:
                self._known.clear()
            try:
                self._known[code.digest] = review(code.submission)
            except InvalidCode as error:
                # Kept by a node of another Python: shown all the same, so that it can be denied.
                self._known[code.digest] = (f"The source cannot be read here: {error.public_message}",)
        return self._known[code.digest]


_findings = Findings()


def some_of(
    every: Callable[[int, int], list[R]], may_see: Callable[[R], bool], limit: int, offset: int
) -> list[R]:
    """Of all records, those somebody may see: `limit` of them after the first `offset`, read a page at a time.

    Args:
        every: the records of a page, by its limit and offset.
        may_see: whether one counts.
        limit: how many to find.
        offset: how many to leave out first.
    """
    seen: list[R] = []
    at = 0
    while len(seen) < offset + limit:
        some = every(_PAGE, at)
        seen += [record for record in some if may_see(record)]
        at += len(some)
        if len(some) < _PAGE:
            break
    return seen[offset : offset + limit]


def sees_some(ctx: Context) -> bool:
    """Whether the caller sees the requests and jobs that concern their data: neither only their own, nor all."""
    return ctx.caller.can(Capability.DECIDE_REQUESTS) and not ctx.caller.is_admin


def of_caller(ctx: Context, conditions: list[Condition]) -> list[Condition]:
    """The conditions, with "their own" among them for whoever decides about nothing."""
    if ctx.caller.can(Capability.DECIDE_REQUESTS):
        return conditions
    return [*conditions, OneOf("requester_uid", [ctx.user_uid])]


def latest_request(reader: Reader, code: Code) -> Request | None:
    """The newest request about that code."""
    found = reader.select(Request, code_uid=code.uid, limit=1, newest_first=True)
    return found[0] if found else None


def code_view(reader: Reader, code: Code) -> CodeView:
    """A code for somebody who may see it."""
    request = latest_request(reader, code)
    return CodeView(
        uid=code.uid,
        digest=code.digest,
        version=code.version,
        author=person(reader, code.owner_uid, asks=True),
        submission=code.submission,
        status=request.state if request else None,
        status_reason=request.decision_reason if request else "",
        findings=_findings.of(code),
        created_at=code.created_at,
    )


def request_view(ctx: Context, reader: Reader, request: Request) -> RequestView:
    """A request that code may run, for somebody who may see it."""
    if request.code_uid is None:
        raise NotFound("This request is about an object.")
    code = reader.get(Code, request.code_uid)
    nested = request.nested or pin_nested(reader, code)[0]
    people = electorate(reader, request, code)
    return RequestView(
        uid=request.uid,
        state=request.state,
        code=code_view(reader, code),
        nested=tuple(_launched_view(ctx, reader, reader.get(Code, one.code_uid)) for one in nested),
        requester=person(reader, request.requester_uid, asks=True),
        reason=request.reason,
        decided_by=person(reader, request.decided_by) if request.decided_by else None,
        decision_reason=request.decision_reason,
        results_released=reader.count(Release, request_uid=request.uid),
        results_held=reader.count(HeldResult, request_uid=request.uid, state=HeldState.WAITING),
        deposited=request.deposited,
        created_at=request.created_at,
        decided_at=request.decided_at,
        limits=limits_of(ctx, reader, request, code),
        by_rule=request.handled_by is not None,
        terms=request.terms,
        approvals=_approvals(reader, request, people),
        needed=people.demand.people,
        runs_begun=runs_under(reader, request),
        reviewed=asks_for_review(request, guarded(reader, known_inputs(reader, code))),
    )


def _launched_view(ctx: Context, reader: Reader, code: Code) -> CodeView:
    """A launched function for who decides about what launches it.

    What was asked about it by itself, and what came of that, is for those who may see it: the owners of other data.
    """
    view = code_view(reader, code)
    if can_see_code(ctx.caller, code, known_owners(reader, code), known_approvers(reader, code)):
        return view
    return msgspec.structs.replace(view, status=None, status_reason="")


def _approvals(reader: Reader, request: Request, people: Electorate) -> tuple[ApprovalView, ...]:
    """Who has approved a request, and whose yes counts: to what was approved, or to what the last of them approved."""
    votes = reader.select(Approval, request_uid=request.uid)
    pending = request.state is RequestState.PENDING
    digest = request.approved_digest or (votes[-1].digest if votes else "")
    return tuple(
        ApprovalView(
            by=person(reader, vote.approver_uid),
            counts=vote.digest == digest
            and (not pending or people.yes_of(reader, vote.approver_uid) is not None),
            standing=vote.standing_uid is not None,
            created_at=vote.created_at,
        )
        for vote in votes
    )


def with_known_sites(ctx: Context, view: RequestView) -> RequestView:
    """The view, with those sites of its protocol that are known here. May ask gateways: after the transaction."""
    part = view.code.submission.part if view.code else None
    # Whom a node knows is for those who decide here, and not for who asks to be let in.
    if not isinstance(part, Part) or not ctx.caller.can(Capability.DECIDE_REQUESTS):
        return view
    if view.requester.uid == ctx.caller.uid:
        return view
    keys = {site.key.hex() for site in deployment_of(part).sites.values()}
    return msgspec.structs.replace(view, known_sites=ctx.node.reach.known(keys))


def limits_of(ctx: Context, reader: Reader, request: Request, code: Code) -> JobLimits:
    """What each run may use: as whoever has approved it said, if anybody has; else if it were approved as asked.

    Where several people have to approve, who comes next is to agree to what the last one said, or to say otherwise.
    """
    if request.limits.said:
        return request.limits
    # Where its pool is gone, what the server gives.
    pool = reader.find(Pool, name=code.submission.pool)
    return filled(code.submission.asked, ceiling_of(pool, ctx.site.limits) if pool else ctx.site.limits)


def in_steps(job: Job) -> Job:
    """The job with its progress in tenths, as its requester sees that of a private run."""
    total = job.n_iters or 0
    tenths = min(max(job.current_iter * PROGRESS_STEPS // total, 0), PROGRESS_STEPS) if total > 0 else 0
    known = PROGRESS_STEPS if job.n_iters is not None else None
    return msgspec.structs.replace(job, current_iter=tenths, n_iters=known)


def in_powers(used: JobResources) -> JobResources:
    """What a run used, as its requester sees that of a private run: memory and CPU rounded up to a power of two.

    To the byte they could be made to spell a value: code allocates as many bytes as somebody earns. Time on the
    wall is told as it is, since whoever waits for an answer has a clock.
    """
    mebibytes, seconds = math.ceil(used.max_rss_bytes / MIB), math.ceil(used.cpu_s)
    return msgspec.structs.replace(used, cpu_s=float(_power(seconds)), max_rss_bytes=_power(mebibytes) * MIB)


def _power(count: int) -> int:
    """The least power of two that is not below; 0 of 0."""
    return 1 << (count - 1).bit_length() if count > 0 else 0


def job_view(reader: Reader, job: Job, *, with_result: bool, with_log: bool, now: datetime) -> JobView:
    """A job for somebody who may see it.

    Args:
        reader: of the store.
        job: the job.
        with_result: whether the caller may read its result.
        with_log: whether the caller may read what it printed, and so its progress as it is, and how much it launched.
        now: the time, in UTC.
    """
    used = job.resources
    if not with_log:
        job, used = in_steps(job), in_powers(used)
    result: ValueRef | None = None
    if with_result and job.result_uid is not None:
        record = reader.find(ObjectRecord, uid=job.result_uid)
        result = record.private if record else None
    return JobView(
        uid=job.uid,
        code_uid=job.code_uid,
        code_name=job.code_name,
        requester=person(reader, job.requester_uid),
        parent_uid=job.parent_uid,
        mode=job.mode,
        state=job.state,
        note=job.note,
        error_code=job.error_code,
        result_uid=job.result_uid if with_result else None,
        result=result,
        isolation=job.isolation,
        current_iter=job.current_iter,
        n_iters=job.n_iters,
        resources=used,
        subjobs=reader.count(Job, parent_uid=job.uid) if with_log else 0,
        created_at=job.created_at,
        started_at=job.started_at,
        ended_at=job.ended_at,
        limits=job.limits,
        pool=job.pool,
        running_s=_running_s(job, now),
        priority=job.priority,
        worker=job.worker,
        repeats=job.repeats,
        by_hand=job.given_by is not None,
    )


def _running_s(job: Job, now: datetime) -> float:
    """For how long a job has been running, in seconds: by the node's clock, since the caller's may be another."""
    # One that its server's death put back into the queue has a start of then.
    if job.started_at is None or job.state is JobState.QUEUED:
        return 0.0
    return max(0.0, ((job.ended_at or now) - job.started_at).total_seconds())
