"""This module takes answers that owners give by hand: in place of a run, and once and for all."""

from __future__ import annotations

from contextlib import ExitStack

import msgspec

from syft.access.checks import NO_SUCH_REQUEST, check_can_decide
from syft.errors import AuthorizationException, InvalidInput, InvalidState, NotFound
from syft.jobs.conditions import check_approved_by_enough
from syft.model.code import Code, Mode
from syft.model.job import Job, JobLog, JobState
from syft.model.message import Message
from syft.model.messages.results import MAX_GIVEN_LOG, DepositResult
from syft.model.permission import Capability
from syft.model.request import Request, RequestState
from syft.model.uid import UID
from syft.node.context import Context
from syft.node.dispatch import handles
from syft.node.removal import wake
from syft.node.services.access import check_reason
from syft.node.services.electorate import electorate, heard_owners, known_inputs
from syft.node.services.jobs import reply
from syft.node.services.objects import take_value
from syft.node.services.views import known_owners
from syft.policy.release import deposit
from syft.store.base import OneOf, Reader, Transaction

_BY_HAND = "The owner gave this answer by hand; the function did not run."


@handles(DepositResult, needs=Capability.DECIDE_REQUESTS)
def deposit_result(ctx: Context, message: DepositResult) -> Message:
    """Answer a request with a result that was computed by hand. Its function never runs under it (again).

    A request that waits is approved by it. Other requests for the same function end, and its approvals: what was
    given by hand is the only thing that its requester gets of it, until a new request is approved.

    Raises:
        NotFound: no such request for the caller.
        AuthorizationException: the caller wrote the function, or it asks for others' data.
        InvalidState: it was answered with no, withdrawn, or answered by hand before; more people have to agree, be it
            since it was approved; it is about a step of a protocol; or its function has a policy of its author's own.
        InvalidInput: texts that are too long, or no value.
        LimitExceeded: the value is too large to be an answer.
    """
    check_reason(message.reason)
    if max(len(message.log_stdout), len(message.log_stderr)) > MAX_GIVEN_LOG:
        raise InvalidInput(f"What is given as printed has at most {MAX_GIVEN_LOG:,} characters.")
    site, uid = ctx.site, message.request_uid
    # Before its bytes are kept: who may not answer brings nothing in.
    with site.store.reading() as reader:
        _to_answer(ctx, reader, uid)
    with ExitStack() as landing:
        value = take_value(ctx, landing, message.result)
        event = ctx.event("result.deposited", uid, result=value.digest)
        with site.store.writing(event) as tx:
            request, code = _to_answer(ctx, tx, uid)
            answered = _answered(ctx, message, request)
            tx.replace(answered)
            job = _job(ctx, message, code, answered)
            readers = known_owners(tx, code) if code.submission.share_results_with_owners else ()
            record = deposit(
                tx,
                job=job,
                request=answered,
                result=value,
                owner_uid=ctx.user_uid,
                readers=readers,
                now=ctx.now,
            )
            job = msgspec.structs.replace(job, result_uid=record.uid)
            tx.add(job)
            tx.add(JobLog(uid=job.uid, stdout=message.log_stdout, stderr=message.log_stderr))
            _end_others(ctx, tx, answered)
    wake(site, (uid,))
    return reply(ctx, job)


def _to_answer(ctx: Context, reader: Reader, uid: UID) -> tuple[Request, Code]:
    """A request that the caller may answer by hand, and its function. Raises as `deposit_result`."""
    request = reader.find(Request, uid=uid)
    if request is None or request.code_uid is None:
        raise NotFound(NO_SUCH_REQUEST)
    code = reader.get(Code, request.code_uid)
    owners = heard_owners(reader, request, code)
    check_can_decide(ctx.caller, code, owners)
    # Whoever may only agree beside others does not speak for them: an answer by hand is one person's word.
    if not ctx.caller.is_admin and owners - {ctx.user_uid}:
        raise AuthorizationException(
            "An answer is given by hand by the owner of all the data that it is about, or by an administrator."
        )
    _check_can_be_answered(request, code)
    if request.state is RequestState.PENDING:
        _check_one_suffices(reader, request, code)
    else:
        # Those who agreed may have been enough then: who demands more by now demands it of this answer, too.
        check_approved_by_enough(reader, request, known_inputs(reader, code), code.name)
    return request, code


def _check_can_be_answered(request: Request, code: Code) -> None:
    if request.deposited:
        raise InvalidState("This request was answered by hand before; its requester has that answer.")
    if request.state not in (RequestState.PENDING, RequestState.APPROVED):
        raise InvalidState(
            f"This request is {request.state.name.lower()}; it cannot be answered any more. Its requester can make a "
            "new one."
        )
    if code.protocol is not None:
        raise InvalidState(f"'{code.name}' is a step of a protocol: other sites take what its run gives.")
    if code.submission.custom_policies:
        raise InvalidState(
            f"'{code.name}' uses a policy of its author's own, which would not see an answer that is given by hand. "
            "Please use .approve()."
        )


def _check_one_suffices(reader: Reader, request: Request, code: Code) -> None:
    """An owner, or a node, that demands several people's yes does not mean "or one who answers by hand"."""
    needed = electorate(reader, request, code).demand.people
    if needed > 1:
        raise InvalidState(
            f"{needed} people have to agree before anything of this data leaves. Have the request approved first; then "
            "the answer can be given by hand."
        )


def _answered(ctx: Context, message: DepositResult, request: Request) -> Request:
    """The request as it stands with its answer. Its digest is empty: no run ever matches it."""
    answered = msgspec.structs.replace(request, deposited=True, approved_digest="")
    if request.state is RequestState.PENDING:
        answered = msgspec.structs.replace(
            answered,
            state=RequestState.APPROVED,
            decided_by=ctx.user_uid,
            decided_at=ctx.now,
            decision_reason=message.reason,
        )
    return answered


def _job(ctx: Context, message: DepositResult, code: Code, request: Request) -> Job:
    """What stands for the run that did not take place, for whoever called or will call the function."""
    return Job(
        uid=UID(),
        code_uid=code.uid,
        code_name=code.name,
        requester_uid=request.requester_uid,
        request_uid=request.uid,
        mode=Mode.PRIVATE,
        state=JobState.RELEASED,
        note=f"{_BY_HAND} They say: {message.reason}" if message.reason.strip() else _BY_HAND,
        created_at=ctx.now,
        ended_at=ctx.now,
        pool=code.submission.pool,
        given_by=ctx.user_uid,
    )


def _end_others(ctx: Context, tx: Transaction, answered: Request) -> None:
    """End other requests for the same function: under an older approval its code would still run."""
    ends = {RequestState.PENDING: RequestState.REJECTED, RequestState.APPROVED: RequestState.REVOKED}
    for other in tx.select(Request, OneOf("state", ends), code_uid=answered.code_uid):
        if other.uid == answered.uid or other.deposited:
            continue
        tx.also(ctx.event("request.denied", other.uid))
        tx.replace(
            msgspec.structs.replace(
                other,
                state=ends[other.state],
                decision_reason="Another request for the same function was answered by hand.",
                decided_by=ctx.user_uid,
                decided_at=ctx.now,
            )
        )
