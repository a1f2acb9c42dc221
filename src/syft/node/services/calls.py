"""This module takes calls of code: decides what each may see, binds its arguments, and queues it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from functools import partial

import msgspec
from blake3 import blake3

from syft.errors import (
    AuthorizationException,
    Denied,
    InvalidInput,
    InvalidState,
    NotApproved,
    NotFound,
    TooManyAttempts,
)
from syft.jobs.crew import Place
from syft.jobs.limits import get_pool, granted_limits
from syft.jobs.machine import has_ended
from syft.jobs.nested import check_all_found, pin_nested
from syft.jobs.sink import type_of_value
from syft.model.code import Code, Constant, Mode
from syft.model.job import (
    OPEN,
    Argument,
    BoundArgument,
    Job,
    ObjectArgument,
    Release,
    StoredArgument,
    ValueArgument,
)
from syft.model.message import Message
from syft.model.messages.datasets import NewValue
from syft.model.messages.jobs import CallCode
from syft.model.object import ObjectRecord
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
from syft.policy.inputs import bind, by_parameter, can_bind, check_bound, check_complete
from syft.policy.outputs import can_leave, check_can_leave
from syft.store.base import OneOf, Reader


@handles(CallCode, needs=Capability.RUN_CODE)
def call_code(ctx: Context, message: CallCode) -> Message:
    """Queue a run, and wait for its end as long as the caller wants and an answer may.

    On private objects it takes an approval; on the caller's own values it takes the owner's leave to run on
    mocks. A call that is used up but was made on the same inputs before answers with that earlier job.

    Raises:
        NotFound: no such code for the caller.
        NotApproved: it was not approved.
        Denied: it was denied; the text has the reason.
        PolicyExhausted: it was used as often as approved, on other inputs.
        AuthorizationException: a run on mock values without leave.
        InvalidInput: arguments that the function or its policy does not take.
    """
    with ctx.site.store.reading() as reader:
        code = code_for(ctx, reader, message.code_uid, message.name)
    job = queue_run(ctx, code, message.arguments)
    # One that was answered before is over, whoever has ended it.
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
        get_pool(reader, code.submission.pool)
        named = by_parameter(code.submission, arguments)
        request = request_for(reader, code)
        mode = _mode(ctx, code, request, named)
        if repeats is not None and mode is not repeats.mode:
            raise InvalidState(
                f"'{code.name}' ran on {repeats.mode.value} values, and would run on {mode.value} values now. Call it "
                "anew to have that."
            )
        if mode is Mode.PRIVATE and request is not None:
            bound = bind(code.submission, named)
        else:
            check_complete(code.submission, named)
            _, missing = pin_nested(reader, code)
            check_all_found(code, missing)
            bound = named
    try:
        with site.crews.place(code.submission.pool, ctx.user_uid) as place, ExitStack() as landing:
            stored = {name: stored_argument(ctx, landing, name, argument) for name, argument in bound.items()}
            key = inputs_key(stored)
            if mode is Mode.PRIVATE and request is not None:
                check_bound(code.submission, stored, partial(type_of_value, site.blobs))
                _check_new(ctx, code, request, key)
            return _queue(ctx, place, code, request, mode, stored, key, repeats)
    except _AnsweredBefore as before:
        return before.job


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
        limits = granted_limits(tx, code.submission, under, ctx.site.limits)
        return place.take(tx, msgspec.structs.replace(job, limits=limits))


def request_for(reader: Reader, code: Code) -> Request | None:
    """The request that a call is under: the newest approval that lets something out, else the newest of any state.

    Asking again for what is approved does not take the approval away.
    """
    approved = reader.select(Request, code_uid=code.uid, state=RequestState.APPROVED, newest_first=True)
    for request in approved:
        if can_leave(code.submission.output_policy, reader.count(Release, request_uid=request.uid)):
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
        code.submission, {**arguments, **{n: r for n, r in rules.items() if isinstance(r, Constant)}}
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


def inputs_key(arguments: dict[str, BoundArgument]) -> str:
    """The digest of what a run is on: the same objects and the same values have the same key."""
    lines = [
        f"{name}={argument.object_uid.hex if isinstance(argument, ObjectArgument) else argument.value.digest}"
        for name, argument in sorted(arguments.items())
    ]
    return blake3("\n".join(lines).encode()).hexdigest()


class _AnsweredBefore(Exception):
    """The result is there already; raising it lets go of what the call brought along."""

    def __init__(self, job: Job) -> None:
        super().__init__()
        self.job = job


def _check_new(ctx: Context, code: Code, request: Request, key: str) -> None:
    """Raise unless the approval lets one more result out.

    Raises:
        _AnsweredBefore: it is used up, and one of its results was computed on these very inputs.
        PolicyExhausted: it is used up, by other inputs.
    """
    policy = code.submission.output_policy
    with ctx.site.store.reading() as reader:
        released = reader.count(Release, request_uid=request.uid)
        if can_leave(policy, released):
            return
        earlier = reader.find(Release, request_uid=request.uid, inputs_key=key)
        job = reader.find(Job, uid=earlier.job_uid) if earlier else None
        there = earlier is not None and reader.find(ObjectRecord, uid=earlier.result_uid) is not None
    if job is None or not there:
        check_can_leave(policy, released, code.name)
        return
    note = "This is the earlier result on the same inputs: the output policy lets no further one out."
    raise _AnsweredBefore(msgspec.structs.replace(job, note=note))
