"""This module takes requests in and keeps what owners decide about them."""

from __future__ import annotations

import msgspec

from syft.access.checks import NO_SUCH_REQUEST, check_can_decide
from syft.code.capture import digest
from syft.errors import AlreadyExists, InvalidInput, InvalidState, NotApproved, NotFound
from syft.jobs.limits import ceiling_of, get_pool
from syft.jobs.machine import has_ended
from syft.jobs.nested import check_all_found, pin_nested
from syft.model.code import Code
from syft.model.job import BEGUN, Job
from syft.model.limits import JobLimits
from syft.model.message import Message
from syft.model.messages.requests import (
    ApproveRequest,
    CreateRequest,
    DenyRequest,
    GetRequest,
    ListRequests,
    RequestReply,
    RequestsReply,
    RequestView,
    WithdrawRequest,
)
from syft.model.object import ObjectRecord
from syft.model.permission import Capability
from syft.model.request import REQUEST_TRANSITIONS, Request, RequestState
from syft.model.terms import Terms
from syft.model.uid import UID
from syft.node.context import Context, fitting, page, place
from syft.node.dispatch import handles
from syft.node.removal import expire, remove_blobs, wake
from syft.node.services import access, pool_requests, standing, votes
from syft.node.services.codes import check_submitted, keep_code
from syft.node.services.electorate import heard_owners, is_named, known_approvers, sees_request
from syft.node.services.views import (
    of_caller,
    owners_of,
    request_view,
    sees_some,
    some_of,
    with_known_sites,
)
from syft.node.services.waiting import when_answered
from syft.node.transit import forget_of
from syft.policy.limits import check_within, filled
from syft.policy.terms import checked_terms
from syft.store.base import Condition, OneOf, Reader, Transaction


@handles(CreateRequest, needs=Capability.SUBMIT_CODE, enrols=True)
def create_request(ctx: Context, message: CreateRequest) -> Message:
    """Ask that a function may run; standing approvals of exactly that may answer at once.

    Raises:
        InvalidCode: it uses names from outside itself, or is not one plain function.
        NotFound: it asks for an object or a worker pool that is not here.
        InvalidInput: it asks for more than that pool gives a job, or is not the step of a protocol that it says.
        AlreadyExists: the same was asked before and is not decided.
    """
    access.check_reason(message.reason)
    check_submitted(ctx, message.submission)
    # Computed before the transaction: it reads every package's metadata the first time.
    ctx.site.equipped.base.environment()
    uid = UID()
    with ctx.site.store.writing(ctx.event("request.created", uid, name=message.submission.name)) as tx:
        code = keep_code(ctx, tx, message.submission)
        for earlier in tx.select(Request, code_uid=code.uid, requester_uid=ctx.user_uid):
            if earlier.state is RequestState.PENDING:
                raise AlreadyExists(
                    f"You have asked for exactly this already (request {earlier.uid.hex}); it is being looked at."
                )
        request = Request(
            uid=uid,
            code_uid=code.uid,
            requester_uid=ctx.user_uid,
            owners=owners_of(tx, code),
            reason=message.reason,
            created_at=ctx.now,
        )
        tx.add(request)
        view = request_view(ctx, tx, standing.answered(ctx, tx, request, code))
    return RequestReply(with_known_sites(ctx, view))


@handles(GetRequest, needs=Capability.SUBMIT_CODE)
def get_request(ctx: Context, message: GetRequest) -> Message:
    """One request, after waiting for its answer as long as the caller wants and an answer may.

    Raises:
        NotFound: not there, or not for the caller.
    """
    expire(ctx.site, ctx.now)
    with ctx.site.store.reading() as reader:
        if message.uid is not None:
            request = reader.find(Request, uid=message.uid)
        else:
            skip, newest_first = place(message.index)
            found = _visible(ctx, reader, [], 1, skip, newest_first=newest_first)
            request = found[0] if found else None
        if request is None or not _can_see(ctx, reader, request):
            raise NotFound(NO_SUCH_REQUEST)
    if message.wait_s > 0 and request.state is RequestState.PENDING:
        request = when_answered(ctx, request, message.wait_s)
        if request.state is RequestState.PENDING:
            expire(ctx.site, ctx.site.clock())
    with ctx.site.store.reading() as reader:
        view = _view(ctx, reader, reader.get(Request, request.uid))
    return RequestReply(with_known_sites(ctx, view))


@handles(ListRequests, needs=Capability.SUBMIT_CODE)
def list_requests(ctx: Context, message: ListRequests) -> Message:
    """A page of requests: a scientist's own, those on an owner's data, all for the administrator."""
    limit, offset = page(message.limit, message.offset)
    expire(ctx.site, ctx.now)
    with ctx.site.store.reading() as reader:
        conditions: list[Condition] = [] if message.state is None else [OneOf("state", [message.state])]
        found = _visible(ctx, reader, conditions, limit, offset)
        total = _count_visible(ctx, reader, conditions)
        views = [_view(ctx, reader, request) for request in found]
    return RequestsReply(fitting(with_known_sites(ctx, view) for view in views), total)


def _view(ctx: Context, reader: Reader, request: Request) -> RequestView:
    if request.pool is not None:
        return pool_requests.pool_request_view(reader, request)
    if request.code_uid is None:
        return access.access_view(ctx, reader, request)
    return request_view(ctx, reader, request)


def _can_see(ctx: Context, reader: Reader, request: Request) -> bool:
    if request.pool is not None:
        return pool_requests.can_see(ctx, request)
    if request.code_uid is None:
        return access.can_see(ctx, reader, request)
    code = reader.get(Code, request.code_uid)
    return sees_request(ctx.caller, reader, request, code)


def _visible(
    ctx: Context,
    reader: Reader,
    conditions: list[Condition],
    limit: int,
    offset: int,
    *,
    newest_first: bool = False,
) -> list[Request]:
    """A page of the requests the caller may see."""
    sees_others = _sees_some(ctx, reader)
    wanted = conditions if sees_others else of_caller(ctx, conditions)

    def every(limit: int, offset: int) -> list[Request]:
        return reader.select(Request, *wanted, limit=limit, offset=offset, newest_first=newest_first)

    if sees_others:
        return some_of(every, lambda request: _can_see(ctx, reader, request), limit, offset)
    return every(limit, offset)


def _count_visible(ctx: Context, reader: Reader, conditions: list[Condition]) -> int:
    if _sees_some(ctx, reader):
        return sum(_can_see(ctx, reader, request) for request in reader.select(Request, *conditions))
    return reader.count(Request, *of_caller(ctx, conditions))


def _sees_some(ctx: Context, reader: Reader) -> bool:
    """Whether the caller sees others' requests, but not all: about data or objects of their own, or as an approver."""
    if ctx.caller.is_admin:
        return False
    owns_some = reader.count(ObjectRecord, owner_uid=ctx.user_uid) > 0
    return sees_some(ctx) or owns_some or is_named(reader, ctx.user_uid)


def _not_about_code(ctx: Context, uid: UID) -> Request | None:
    """That request where it is about an object or a pool; what it is about never changes."""
    expire(ctx.site, ctx.now)
    with ctx.site.store.reading() as reader:
        request = reader.find(Request, uid=uid)
    return request if request is not None and request.code_uid is None else None


def _to_decide(ctx: Context, tx: Transaction, uid: UID) -> tuple[Request, Code]:
    request = tx.find(Request, uid=uid)
    if request is None or request.code_uid is None:
        raise NotFound(NO_SUCH_REQUEST)
    code = tx.get(Code, request.code_uid)
    check_can_decide(ctx.caller, code, heard_owners(tx, request, code), known_approvers(tx, code))
    return request, code


def _check_step(request: Request, state: RequestState) -> None:
    if state not in REQUEST_TRANSITIONS[request.state]:
        raise InvalidState(
            f"This request is {request.state.name.lower()} and cannot become {state.name.lower()}. "
            "Its requester can make a new one."
        )


@handles(ApproveRequest, needs=Capability.ANSWER_REQUESTS)
def approve_request(ctx: Context, message: ApproveRequest) -> Message:
    """Say yes to exactly what is there now: code, nested code, inputs, policies, limits, environment, conditions; or to
    a value. It is approved when as many people have as are demanded, and every owner of an input is among them.

    Raises:
        NotFound: not there, or not for the caller; or its worker pool is gone.
        InvalidInput: limits above those of its worker pool, or conditions that cannot be.
        AuthorizationException: the caller wrote it.
        InvalidState: it was decided before, the caller has approved exactly that and it waits for others, a nested
            function is missing, or the code is not what was read.
        QuotaExceeded: the caller has too many standing approvals.
    """
    other = _not_about_code(ctx, message.uid)
    if other is not None:
        if message.terms != Terms() or message.standing is not None:
            with ctx.site.store.reading() as reader:
                if not _can_see(ctx, reader, other):
                    raise NotFound(NO_SUCH_REQUEST)
            raise InvalidInput("Conditions and standing approvals are for requests that code may run.")
        if other.pool is not None:
            return _approve_pool(ctx, message, other.pool.name)
        return _approve_access(ctx, message)
    # Computed before the transaction: it reads every package's metadata the first time.
    ctx.site.equipped.base.environment()
    with ctx.site.store.writing(ctx.event("request.voted", message.uid, code=message.digest)) as tx:
        request, code = _to_decide(ctx, tx, message.uid)
        _check_step(request, RequestState.APPROVED)
        if message.digest != code.digest:
            raise InvalidState("The code is not the one you looked at. Read it again, then approve.")
        # Recomputed from what would run, not taken from the record.
        if digest(code.submission) != code.digest:
            raise InvalidState(f"The stored code of '{code.name}' was changed; it cannot be approved.")
        nested, missing = pin_nested(tx, code)
        check_all_found(code, missing)
        if sorted(message.nested) != sorted(one.digest for one in nested):
            raise InvalidState(
                f"A function that '{code.name}' launches is not the one you looked at. Read it again."
            )
        owners_of(tx, code)
        terms = checked_terms(message.terms, code.submission, ctx.now)
        limits = _limits_to_approve(ctx, tx, code, message.limits)
        exact = votes.exactly(ctx, tx, code, limits, terms)
        if message.standing is not None:
            standing.keep(ctx, tx, request, code, exact, message.standing)
        view = request_view(ctx, tx, votes.cast(ctx, tx, request, code, exact))
    wake(ctx.site, (message.uid,))
    return RequestReply(with_known_sites(ctx, view))


def _limits_to_approve(ctx: Context, tx: Transaction, code: Code, given: JobLimits) -> JobLimits:
    """What each run is to be allowed: what the owner gives, else what the author asks for, else what the pool gives.

    Returns:
        Every figure: an approval that left one open would change when the pool does.
    """
    pool = get_pool(tx, code.submission.pool)
    ceiling = ceiling_of(pool, ctx.site.limits)
    wanted = filled(given, code.submission.asked)
    what = f"'{code.name}' cannot be approved with"
    check_within(wanted, ceiling, pool.name, what)
    return filled(wanted, ceiling)


def _approve_access(ctx: Context, message: ApproveRequest) -> Message:
    with ctx.site.store.writing(ctx.event("request.approved", message.uid)) as tx:
        request = tx.get(Request, message.uid)
        # Who may not even see it must not learn where it stands.
        if not access.can_see(ctx, tx, request):
            raise NotFound(NO_SUCH_REQUEST)
        _check_step(request, RequestState.APPROVED)
        view = access.access_view(ctx, tx, access.approved(ctx, tx, request, message.digest))
    wake(ctx.site, (message.uid,))
    return RequestReply(view)


def _approve_pool(ctx: Context, message: ApproveRequest, name: str) -> Message:
    with ctx.site.pools.changing(name):
        with ctx.site.store.writing(ctx.event("request.approved", message.uid)) as tx:
            request = tx.get(Request, message.uid)
            pool_requests.check_can_decide(ctx, request)
            _check_step(request, RequestState.APPROVED)
            request, pool = pool_requests.approved(ctx, tx, request)
            view = pool_requests.pool_request_view(tx, request)
        ctx.site.pools.open(pool)
    wake(ctx.site, (message.uid,))
    return RequestReply(view)


@handles(DenyRequest, needs=Capability.ANSWER_REQUESTS)
def deny_request(ctx: Context, message: DenyRequest) -> Message:
    """Say no, or take back a yes; in both cases with a reason. One person's no is enough, and stops what runs.

    Raises:
        NotFound: not there, or not for the caller.
        InvalidInput: no reason.
        InvalidState: it is over already.
    """
    access.check_told(message.reason)
    other = _not_about_code(ctx, message.uid)
    with ctx.site.store.writing(ctx.event("request.denied", message.uid)) as tx:
        if other is not None:
            request = tx.get(Request, message.uid)
            if request.pool is not None:
                pool_requests.check_can_decide(ctx, request)
                pool_requests.check_not_made(tx, request)
            else:
                access.denied(ctx, tx, request)
        else:
            request, _ = _to_decide(ctx, tx, message.uid)
        approved = request.state is RequestState.APPROVED
        state = RequestState.REVOKED if approved else RequestState.REJECTED
        _check_step(request, state)
        if approved:
            tx.also(ctx.event("request.revoked", message.uid))
        denied = msgspec.structs.replace(
            request,
            state=state,
            decision_reason=message.reason,
            decided_by=ctx.user_uid,
            decided_at=ctx.now,
        )
        tx.replace(denied)
        standing.end_same(ctx, tx, denied)
        pool_requests.forget_image(tx, denied)
        blobs = forget_of(tx, denied)
        view = _view(ctx, tx, denied)
    remove_blobs(ctx.site, blobs)
    wake(ctx.site, (message.uid,))
    _stop_runs(ctx, denied)
    return RequestReply(with_known_sites(ctx, view))


def _stop_runs(ctx: Context, request: Request) -> None:
    """Stop what runs under an approval that was taken back: it reads private data, and for nothing.

    What is queued finds the approval gone when its turn comes, and what was about to release, when it asks.
    """
    site = ctx.site
    with site.store.reading() as reader:
        running = reader.select(Job, OneOf("state", BEGUN), request_uid=request.uid)
    for job in running:
        note = (
            f"The approval of '{job.code_name}' was withdrawn while it ran. Reason: {request.decision_reason}"
        )
        site.runs.cancel(job, note, NotApproved.code)
        with site.store.reading() as reader:
            ended = has_ended(reader.get(Job, job.uid))
        if ended:
            site.runs.forget(job)


@handles(WithdrawRequest, needs=Capability.SUBMIT_CODE)
def withdraw_request(ctx: Context, message: WithdrawRequest) -> Message:
    """Take a request of one's own back.

    Raises:
        NotFound: not there, or not the caller's.
        InvalidState: it was decided already.
    """
    expire(ctx.site, ctx.now)
    with ctx.site.store.writing(ctx.event("request.withdrawn", message.uid)) as tx:
        request = tx.find(Request, uid=message.uid)
        if request is None or request.requester_uid != ctx.user_uid:
            raise NotFound(NO_SUCH_REQUEST)
        _check_step(request, RequestState.WITHDRAWN)
        withdrawn = msgspec.structs.replace(request, state=RequestState.WITHDRAWN)
        tx.replace(withdrawn)
        pool_requests.forget_image(tx, withdrawn)
        if withdrawn.object_uid is not None:
            access.close(ctx, tx, withdrawn)
        view = _view(ctx, tx, withdrawn)
    wake(ctx.site, (message.uid,))
    return RequestReply(with_known_sites(ctx, view))
