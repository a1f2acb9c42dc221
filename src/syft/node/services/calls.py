"""This module takes calls of code: decides what each may see, binds its arguments, and queues it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from datetime import datetime
from functools import partial

import msgspec

from syft.errors import (
    AuthorizationException,
    Denied,
    InvalidInput,
    InvalidState,
    NotApproved,
    NotFound,
    TooManyAttempts,
)
from syft.jobs.approved import check_inputs, earlier_on
from syft.jobs.conditions import check_run_left, has_run_left
from syft.jobs.crew import Place
from syft.jobs.failures import MAX_FAILED_RUNS
from syft.jobs.limits import get_pool, granted_limits
from syft.jobs.machine import has_ended
from syft.jobs.nested import check_all_found, pin_nested
from syft.jobs.settle import EARLIER
from syft.jobs.sink import plain_of_value
from syft.model.code import Code, Constant, Mode
from syft.model.held import HeldResult, HeldState
from syft.model.job import (
    OPEN,
    Argument,
    BoundArgument,
    Job,
    ObjectArgument,
    StoredArgument,
    ValueArgument,
)
from syft.model.message import Message
from syft.model.messages.datasets import NewValue
from syft.model.messages.jobs import CallCode
from syft.model.permission import Capability
from syft.model.request import Request, RequestState
from syft.model.uid import UID
from syft.node.context import Context
from syft.node.dispatch import handles
from syft.node.services.codes import code_for
from syft.node.services.jobs import reply
from syft.node.services.objects import take_value
from syft.node.services.views import latest_request
from syft.node.services.waiting import when_ended
from syft.policy.counted import counted, counted_on
from syft.policy.inputs import bind, by_parameter, can_bind, check_complete, inputs_key
from syft.policy.outputs import can_leave, check_can_leave
from syft.policy.terms import check_not_ended
from syft.store.base import NotEqual, OneOf, Reader


@handles(CallCode, needs=Capability.RUN_CODE)
def call_code(ctx: Context, message: CallCode) -> Message:
    """Queue a run, and wait for its end as long as the caller wants and an answer may.

    On private objects it takes an approval; on the caller's own values it takes the owner's leave to run on
    mocks. A call that is used up but was made on the same inputs before answers with that earlier job.

    Raises:
        NotFound: no such code for the caller.
        NotApproved: it was not approved, or its approval has ended.
        Denied: it was denied; the text has the reason.
        PolicyExhausted: it was used as often as approved, on other inputs, or as many runs were begun.
        AuthorizationException: a run on mock values without leave.
        InvalidInput: arguments that the function or its policy does not take.
    """
    with ctx.site.store.reading() as reader:
        code = code_for(ctx, reader, message.code_uid, message.name)
    job = queue_run(ctx, code, message.arguments)
    # One that was answered before has run, whoever has ended it.
    return reply(ctx, job if has_ended(job) else when_ended(ctx, job, message.wait_s))


def queue_run(
    ctx: Context, code: Code, arguments: Mapping[str, Argument], *, repeats: Job | None = None
) -> Job:
    """Queue a run of a code for its author: the one way for calls, new ones and those that are made again.

    Args:
        ctx: who calls.
        code: what to run.
        arguments: by parameter.
        repeats: the job of which it is another run; then it sees what that one saw, or it is refused.
    Returns:
        The new job; or an earlier one on the same inputs, where no further result may leave.
    Raises:
        SyftException: as `call_code`.
    """
    site = ctx.site
    with site.store.reading() as reader:
        if code.owner_uid != ctx.caller.uid:
            raise NotFound(f"You have no function '{code.name}' here. Only its author calls a function.")
        if code.protocol is not None:
            raise InvalidState(
                f"'{code.name}' is a step of a protocol: it runs when that is run, and by itself not."
            )
        check_open_jobs(ctx, reader)
        named = by_parameter(code.submission, arguments)
        request = request_for(reader, code, ctx.now)
        if request is not None and request.deposited and _mode(ctx, code, request, named) is Mode.PRIVATE:
            # Whatever it is called on: the answer that was given by hand is the only one there is.
            return _given(reader, request)
        get_pool(reader, code.submission.pool)
        mode = _mode(ctx, code, request, named)
        if repeats is not None and mode is not repeats.mode:
            raise InvalidState(
                f"'{code.name}' ran on {repeats.mode.value} values, and would run on {mode.value} values now. Call it "
                "anew to have that."
            )
        if mode is Mode.PRIVATE and request is not None:
            check_not_ended(request.terms, ctx.now, code.name)
            bound = bind(code.submission, named)
        else:
            check_complete(code.submission, named, is_final=False)
            _, missing = pin_nested(reader, code)
            check_all_found(code, missing)
            bound = named
    try:
        with site.crews.place(code.submission.pool, ctx.user_uid) as place, ExitStack() as landing:
            stored = {name: stored_argument(ctx, landing, name, argument) for name, argument in bound.items()}
            key = inputs_key(stored, partial(plain_of_value, site.blobs))
            if mode is Mode.PRIVATE and request is not None:
                check_inputs(site.blobs, code, request, stored, is_final=False)
                _check_new(ctx, code, request, key)
            return _queue(ctx, place, code, request, mode, stored, key, repeats)
    except _AnsweredBefore as before:
        return before.job


def _given(reader: Reader, request: Request) -> Job:
    """What stands for the run of a request that was answered by hand.

    Raises:
        Denied: that answer was taken back.
    """
    found = reader.select(Job, NotEqual("given_by", None), request_uid=request.uid, limit=1)
    if not found:
        raise Denied("This was answered by hand, and that answer is gone. Make a new request.")
    return found[0]


def _check_may_hold_more(ctx: Context, reader: Reader) -> None:
    """Raise unless the caller may have one more result that waits for somebody to look at it.

    Raises:
        TooManyAttempts: they have enough: each is kept, and read by a person.
    """
    most = ctx.site.settings.open_per_user
    if reader.count(HeldResult, requester_uid=ctx.user_uid, state=HeldState.WAITING) >= most:
        raise TooManyAttempts(
            f"{most} results of yours wait for their owners to look at them. Wait until they have decided about some."
        )


def check_open_jobs(ctx: Context, reader: Reader) -> None:
    """Raise unless the caller may have one more job waiting or running.

    Raises:
        TooManyAttempts: they have enough.
    """
    open_states = OneOf("state", OPEN)
    most = ctx.site.settings.open_per_user
    if reader.count(Job, open_states, requester_uid=ctx.user_uid, parent_uid=None) >= most:
        raise TooManyAttempts(f"You have {most} jobs waiting or running. Wait until some have ended.")


def _queue(
    ctx: Context,
    place: Place,
    code: Code,
    request: Request | None,
    mode: Mode,
    stored: dict[str, BoundArgument],
    key: str,
    repeats: Job | None,
) -> Job:
    under = request if mode is Mode.PRIVATE else None
    job = Job(
        uid=UID(),
        code_uid=code.uid,
        code_name=code.name,
        requester_uid=ctx.user_uid,
        request_uid=under.uid if under else None,
        mode=mode,
        arguments=stored,
        inputs_key=key,
        created_at=ctx.now,
        pool=code.submission.pool,
        repeats=repeats.uid if repeats else None,
    )
    detail = {"repeats": repeats.uid.hex} if repeats else {}
    event = ctx.event("job.queued", job.uid, code=code.digest, mode=mode.value, **detail)
    with ctx.site.store.writing(event) as tx:
        if under is not None:
            # In the transaction that queues it: of many calls at once, no more pass than runs are left.
            check_run_left(tx, tx.get(Request, under.uid), code.name, ctx.now)
        limits = granted_limits(tx, code.submission, under, ctx.site.limits)
        return place.take(tx, msgspec.structs.replace(job, limits=limits))


def request_for(reader: Reader, code: Code, now: datetime) -> Request | None:
    """The request that a call is under: the newest approval that lets something out, else the newest of any state.

    Asking again for what is approved does not take the approval away.

    Args:
        reader: of the store.
        code: what is called.
        now: the time, in UTC.
    """
    approved = reader.select(Request, code_uid=code.uid, state=RequestState.APPROVED, newest_first=True)
    for request in approved:
        if request.deposited or (
            can_leave(code.submission.output_policy, counted(reader, request.uid))
            and has_run_left(reader, request, now)
        ):
            return request
    return latest_request(reader, code)


def _mode(
    ctx: Context,
    code: Code,
    request: Request | None,
    arguments: dict[str, ObjectArgument | ValueArgument],
) -> Mode:
    """Whether a call is for the real data or a try on mock values, and whether it may be made at all.

    Objects of the node are never taken for mocks, nor values for objects: what the caller named decides.
    """
    on_objects = any(isinstance(argument, ObjectArgument) for argument in arguments.values())
    approved = request is not None and request.state is RequestState.APPROVED
    if approved and (on_objects or can_bind(code.submission, arguments)):
        return Mode.PRIVATE
    if on_objects:
        raise not_approved(code, request)
    if ctx.caller.user is not None and (ctx.caller.user.mock_execution or ctx.caller.is_admin):
        return Mode.MOCK
    rules = code.submission.input_policy.rules
    check_complete(
        code.submission,
        {**arguments, **{n: r for n, r in rules.items() if isinstance(r, Constant)}},
        is_final=False,
    )
    if not arguments and not code.submission.parameters:
        raise not_approved(code, request)
    raise AuthorizationException(
        "You do not have the permissions for mock execution, that is, for running code on values of your own here. "
        "For the private data pass the asset itself; for a try call the function itself, on your own machine, or ask "
        "the data owner for the permission (`client.users[...].allow_mock_execution()`)."
    )


def not_approved(code: Code, request: Request | None) -> InvalidState:
    """Why a code may not run on private data, for whoever called it."""
    try_it = (
        "Meanwhile try it on the mock: pass `asset.mock` in place of the asset, or call the function itself."
    )
    if request is None:
        return NotApproved(
            f"'{code.name}' was submitted, but nobody was asked to approve it. "
            f"Ask with `client.code.request_code_execution({code.name})`. {try_it}"
        )
    if request.state is RequestState.PENDING:
        return NotApproved(f"Your code is waiting for approval ('{code.name}' is PENDING). {try_it}")
    if request.state is RequestState.WITHDRAWN:
        return NotApproved(f"You withdrew the request for '{code.name}'. Make a new one. {try_it}")
    word = "denied" if request.state is RequestState.REJECTED else "revoked"
    return Denied(f"Your code cannot be run: it was {word}. Reason: {request.decision_reason}")


def stored_argument(
    ctx: Context, landing: ExitStack, name: str, argument: ObjectArgument | ValueArgument
) -> BoundArgument:
    """An argument as the node keeps it for the length of a job.

    Args:
        ctx: who calls.
        landing: the block in which the job is written; if that fails, the value goes again.
        name: of the parameter.
        argument: as it came.
    Raises:
        InvalidInput: nothing came.
        NotFound: no such finished upload of the caller's.
    """
    if isinstance(argument, ObjectArgument):
        return argument
    if argument.value is None and argument.upload_uid is None:
        raise InvalidInput(f"The value for '{name}' is missing.")
    value = NewValue(type_name="", inline=argument.value, upload_uid=argument.upload_uid)
    return StoredArgument(take_value(ctx, landing, value))


class _AnsweredBefore(Exception):
    """The result is there already; raising it lets go of what the call brought along."""

    def __init__(self, job: Job) -> None:
        super().__init__()
        self.job = job


def _check_new(ctx: Context, code: Code, request: Request, key: str) -> None:
    """Raise unless the approval lets one more run begin, and one more result out.

    Raises:
        _AnsweredBefore: it is used up, and one of its results was computed on these very inputs.
        PolicyExhausted: it is used up, by other inputs.
    """
    policy = code.submission.output_policy
    with ctx.site.store.reading() as reader:
        _check_may_hold_more(ctx, reader)
        if code.submission.input_policy.decides:
            return  # which inputs these come to is for that policy to say, when the job begins
        released = counted(reader, request.uid)
        on_these = counted_on(reader, request.uid, policy, key)
        # A policy of the author's own is asked no more: what has left on these inputs is their answer from now on.
        worn = policy.decides and request.failed_runs >= MAX_FAILED_RUNS
        spent = request.terms.runs is not None and not has_run_left(reader, request, ctx.now)
        if can_leave(policy, released, on_these) and not (spent or worn):
            return
        job = earlier_on(reader, request.uid, ctx.user_uid, key)
        held = reader.find(HeldResult, request_uid=request.uid, inputs_key=key, state=HeldState.WAITING)
        if held is not None and job is None:
            # Its note says that it waits.
            raise _AnsweredBefore(reader.get(Job, held.uid))
    if job is None:
        # Of the runs it is asked again in the transaction that would queue one more, which says so.
        check_can_leave(policy, released, code.name, on_these)
        return
    why = (
        "This is the earlier result on the same inputs: no further run is approved."
        if spent or worn
        else EARLIER
    )
    raise _AnsweredBefore(msgspec.structs.replace(job, note=why))
