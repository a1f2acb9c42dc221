"""This module takes calls of code: decides what they may see, queues them, and tells how they went."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial

import msgspec
from blake3 import blake3

from syft.access.checks import can_read_log, can_read_value, can_see_job
from syft.errors import (
    AuthorizationException,
    Denied,
    InvalidInput,
    InvalidState,
    NotApproved,
    NotFound,
    TooManyAttempts,
)
from syft.jobs.machine import has_ended, move
from syft.jobs.nested import check_all_found, pin_nested
from syft.jobs.sink import type_of_value
from syft.jobs.values import let_go
from syft.model.code import Code, Mode
from syft.model.job import (
    BoundArgument,
    Job,
    JobLog,
    JobState,
    ObjectArgument,
    Release,
    StoredArgument,
    ValueArgument,
)
from syft.model.message import Message
from syft.model.messages.datasets import NewValue
from syft.model.messages.jobs import (
    CallCode,
    GetJob,
    GetJobLog,
    JobLogReply,
    JobReply,
    JobsReply,
    JobView,
    KillJob,
    ListJobs,
)
from syft.model.object import Face, ObjectRecord
from syft.model.permission import Capability
from syft.model.request import Request, RequestState
from syft.model.uid import UID
from syft.node.context import Context, fitting, page, place
from syft.node.dispatch import handles
from syft.node.services.codes import code_for
from syft.node.services.objects import has_grant, take_value
from syft.node.services.views import job_view, latest_request, some_of
from syft.policy.inputs import bind, by_parameter, can_bind, check_bound, check_complete
from syft.policy.outputs import can_leave, check_can_leave
from syft.store.base import Condition, OneOf, Reader

# An answer waits at most this long for a job; the client asks again. Shorter than any proxy's patience.
MAX_WAIT_S = 25.0
# What one account may have waiting or running at once.
MAX_OPEN_JOBS = 200
_NOT_THERE = "There is no such job, or it is not yours to see."


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
    site = ctx.site
    with site.store.reading() as reader:
        code = code_for(ctx, reader, message.code_uid, message.name)
        if code.owner_uid != ctx.caller.uid:
            raise NotFound(f"You have no function '{code.name}' here. Only its author calls a function.")
        open_states = OneOf("state", [JobState.QUEUED, JobState.RUNNING])
        if reader.count(Job, open_states, requester_uid=ctx.user_uid, parent_uid=None) >= MAX_OPEN_JOBS:
            raise TooManyAttempts(
                f"You have {MAX_OPEN_JOBS} jobs waiting or running. Wait until some have ended."
            )
        arguments = by_parameter(code.submission, message.arguments)
        request = request_for(reader, code)
        mode = _mode(ctx, code, request, arguments)
        if mode is Mode.PRIVATE and request is not None:
            bound = bind(code.submission, arguments)
        else:
            check_complete(code.submission, arguments)
            _, missing = pin_nested(reader, code)
            check_all_found(code, missing)
            bound = arguments
    try:
        with ExitStack() as landing:
            stored = {name: _stored(ctx, landing, name, argument) for name, argument in bound.items()}
            key = inputs_key(stored)
            if mode is Mode.PRIVATE and request is not None:
                check_bound(code.submission, stored, partial(type_of_value, site.blobs))
                _check_new(ctx, code, request, key)
            job = _queue(ctx, code, request, mode, stored, key)
    except _AnsweredBefore as before:
        return _reply(ctx, before.job)
    site.workers.notify()
    return _reply(ctx, _when_ended(ctx, job, message.wait_s))


def _queue(
    ctx: Context,
    code: Code,
    request: Request | None,
    mode: Mode,
    stored: dict[str, BoundArgument],
    key: str,
) -> Job:
    job = Job(
        uid=UID(),
        code_uid=code.uid,
        code_name=code.name,
        requester_uid=ctx.user_uid,
        request_uid=request.uid if mode is Mode.PRIVATE and request else None,
        mode=mode,
        arguments=stored,
        inputs_key=key,
        created_at=ctx.now,
    )
    with ctx.site.store.writing(ctx.event("job.queued", job.uid, code=code.digest, mode=mode.value)) as tx:
        tx.add(job)
    return job


def _when_ended(ctx: Context, job: Job, wait_s: float) -> Job:
    """The job when it has ended, or as it stands after `wait_s` seconds (at most `MAX_WAIT_S`).

    It does not wait where too many wait already: whoever asked asks again.
    """
    workers = ctx.site.workers
    waiter = workers.waiter(job.uid)
    try:
        # Read after the waiter is there: a job that ended in between would never wake it.
        with ctx.site.store.reading() as reader:
            job = reader.get(Job, job.uid)
        if wait_s > 0 and not has_ended(job):
            with workers.seat(ctx.user_uid) as free:
                if free:
                    waiter.wait(min(wait_s, MAX_WAIT_S))
            with ctx.site.store.reading() as reader:
                job = reader.get(Job, job.uid)
    finally:
        workers.forget(job.uid, waiter)
    return job


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
        raise _not_approved(code, request)
    if ctx.caller.user is not None and (ctx.caller.user.mock_execution or ctx.caller.is_admin):
        return Mode.MOCK
    if not arguments and not code.submission.parameters:
        raise _not_approved(code, request)
    raise AuthorizationException(
        "You do not have the permissions for mock execution. Ask the data owner for it "
        "(`client.users[...].allow_mock_execution()`), or test here by calling the function itself."
    )


def _not_approved(code: Code, request: Request | None) -> InvalidState:
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


def _stored(
    ctx: Context, landing: ExitStack, name: str, argument: ObjectArgument | ValueArgument
) -> BoundArgument:
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


def _owners(reader: Reader, job: Job) -> tuple[UID, ...]:
    """Who owns what a job ran on; for a launched one, what its parent ran on."""
    while job.parent_uid is not None:
        parent = reader.find(Job, uid=job.parent_uid)
        if parent is None:
            return ()
        job = parent
    owners = []
    for argument in job.arguments.values():
        record = (
            reader.find(ObjectRecord, uid=argument.object_uid)
            if isinstance(argument, ObjectArgument)
            else None
        )
        if record is not None:
            owners.append(record.owner_uid)
    return tuple(dict.fromkeys(owners))


def _visible_job(ctx: Context, reader: Reader, uid: UID) -> Job:
    job = reader.find(Job, uid=uid)
    if job is None or not can_see_job(ctx.caller, job, _owners(reader, job)):
        raise NotFound(_NOT_THERE)
    return job


def _reply(ctx: Context, job: Job) -> Message:
    with ctx.site.store.reading() as reader:
        return JobReply(_view(ctx, reader, job))


def _view(ctx: Context, reader: Reader, job: Job) -> JobView:
    result = reader.find(ObjectRecord, uid=job.result_uid) if job.result_uid else None
    granted = result is not None and has_grant(reader, result.uid, ctx.caller.uid)
    with_result = result is not None and can_read_value(ctx.caller, result, Face.PRIVATE, granted)
    with_log = can_read_log(ctx.caller, job, _owners(reader, job))
    return job_view(reader, ctx.site.runs.progress(job), with_result=with_result, with_log=with_log)


@handles(GetJob, needs=Capability.RUN_CODE)
def get_job(ctx: Context, message: GetJob) -> Message:
    """One job, after waiting for its end as long as the caller wants and an answer may.

    Raises:
        NotFound: not there, or not for the caller.
    """
    with ctx.site.store.reading() as reader:
        if message.uid is not None:
            job = _visible_job(ctx, reader, message.uid)
        else:
            skip, newest_first = place(message.index)
            found = _visible_jobs(ctx, reader, [], 1, skip, newest_first=newest_first)
            if not found:
                raise NotFound(_NOT_THERE)
            job = found[0]
    if message.wait_s > 0 and not has_ended(job):
        job = _when_ended(ctx, job, message.wait_s)
    return _reply(ctx, job)


def _visible_jobs(
    ctx: Context,
    reader: Reader,
    conditions: list[Condition],
    limit: int,
    offset: int,
    *,
    newest_first: bool = False,
) -> list[Job]:
    """A page of the jobs the caller may see."""

    def every(limit: int, offset: int) -> list[Job]:
        mine = _of_caller(ctx, conditions)
        return reader.select(Job, *mine, limit=limit, offset=offset, newest_first=newest_first)

    if _sees_some(ctx):
        return some_of(every, lambda job: can_see_job(ctx.caller, job, _owners(reader, job)), limit, offset)
    return every(limit, offset)


def _count_visible(ctx: Context, reader: Reader, conditions: list[Condition]) -> int:
    if _sees_some(ctx):
        every = reader.select(Job, *conditions)
        return sum(can_see_job(ctx.caller, job, _owners(reader, job)) for job in every)
    return reader.count(Job, *_of_caller(ctx, conditions))


def _sees_some(ctx: Context) -> bool:
    """Whether the caller sees those jobs that ran on their data: neither only their own, nor all."""
    return ctx.caller.can(Capability.DECIDE_REQUESTS) and not ctx.caller.is_admin


def _of_caller(ctx: Context, conditions: list[Condition]) -> list[Condition]:
    if ctx.caller.can(Capability.DECIDE_REQUESTS):
        return conditions
    return [*conditions, OneOf("requester_uid", [ctx.user_uid])]


@handles(ListJobs, needs=Capability.RUN_CODE)
def list_jobs(ctx: Context, message: ListJobs) -> Message:
    """A page of jobs: a scientist's own, those on an owner's data, all for the administrator."""
    limit, offset = page(message.limit, message.offset)
    conditions: list[Condition] = []
    if message.code_uid is not None:
        conditions.append(OneOf("code_uid", [message.code_uid]))
    if message.parent_uid is not None:
        conditions.append(OneOf("parent_uid", [message.parent_uid]))
    with ctx.site.store.reading() as reader:
        found = _visible_jobs(ctx, reader, conditions, limit, offset)
        total = _count_visible(ctx, reader, conditions)
        return JobsReply(fitting(_view(ctx, reader, job) for job in found), total)


@handles(GetJobLog, needs=Capability.RUN_CODE)
def get_job_log(ctx: Context, message: GetJobLog) -> Message:
    """What a job printed: all of it to those who may read the data, nothing of a private run to others.

    Raises:
        NotFound: not there, or not for the caller.
    """
    with ctx.site.store.reading() as reader:
        job = _visible_job(ctx, reader, message.uid)
        log = reader.find(JobLog, uid=job.uid) or JobLog(uid=job.uid)
        if can_read_log(ctx.caller, job, _owners(reader, job)):
            return JobLogReply(log.stdout, log.stderr, log.error)
    # "print, logging, warnings, exception texts: none carries private values past the output policy".
    return JobLogReply(
        "", "", job.note, "What a private run prints stays with the data owner; run it on the mock to see it."
    )


@handles(KillJob, needs=Capability.RUN_CODE)
def kill_job(ctx: Context, message: KillJob) -> Message:
    """Stop a job: its requester may, the owners of its data, the administrator.

    Raises:
        NotFound: not there, or not for the caller.
        InvalidState: it has ended, or was launched by another job.
    """
    site = ctx.site
    with site.store.writing(ctx.event("job.cancel_asked", message.uid)) as tx:
        job = _visible_job(ctx, tx, message.uid)
        if has_ended(job):
            raise InvalidState(f"The job is {job.state.value} already.")
        if job.parent_uid is not None:
            raise InvalidState("This job was launched by another; stop that one, and all it launched stops.")
        if job.state is JobState.QUEUED:
            job = move(job, JobState.CANCELLED, note="It was cancelled before it began.", ended_at=ctx.now)
            tx.replace(job)
    if job.state is JobState.CANCELLED:
        site.workers.ended(job.uid)
        let_go(site.store, site.blobs, job)
        return _reply(ctx, job)
    site.runs.cancel(job)
    with site.store.reading() as reader:
        job = reader.get(Job, job.uid)
    if has_ended(job):
        site.runs.forget(job)
    return _reply(ctx, job)
