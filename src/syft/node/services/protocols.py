"""This module runs the steps that protocols have at this site, and takes and gives what goes from one to the next.

A step is code like any other: who may run it, on what, and how often its result leaves is decided where it is for
every code. What is special is where its inputs come from, and where its result goes.
"""

from __future__ import annotations

import contextlib
from contextlib import ExitStack
from functools import partial
from typing import Final

from syft.errors import InvalidInput, InvalidState, NotFound
from syft.jobs.approved import check_inputs
from syft.jobs.conditions import check_run_left
from syft.jobs.limits import granted_limits
from syft.jobs.machine import move
from syft.jobs.sink import plain_of_value
from syft.jobs.steps import approvals_of, without_values
from syft.jobs.values import let_go
from syft.model.code import Code, Mode, MustBe
from syft.model.event import Event
from syft.model.job import (
    OPEN,
    Argument,
    BoundArgument,
    Job,
    JobState,
    ObjectArgument,
    StoredArgument,
)
from syft.model.message import Done, Message
from syft.model.messages.protocols import (
    CarryOver,
    EndRun,
    GetStanding,
    HandOver,
    RunStep,
    Standing,
    StandingReply,
    StepReply,
)
from syft.model.permission import Capability
from syft.model.protocol import Deployment
from syft.model.request import Request, RequestState
from syft.model.transit import Direction, InTransit
from syft.model.uid import UID
from syft.node.context import Attached, Context
from syft.node.dispatch import handles
from syft.node.removal import expire, forget, remove_blobs
from syft.node.services.calls import (
    check_open_jobs,
    not_approved,
    request_for,
    stored_argument,
)
from syft.node.services.jobs import reply
from syft.node.services.waiting import when_ended
from syft.node.transit import carried, deployed, find_leaving, hand_over, own_codes, values_of
from syft.policy.counted import counted
from syft.policy.inputs import bind, by_parameter, inputs_key
from syft.policy.outputs import check_can_leave
from syft.store.base import OneOf, Reader, Transaction

# A protocol has at most as many steps.
_MAX_ASKED: Final = 1_000
# How long the end of a run waits for what still runs to be stopped, in seconds.
_STOPPING_S: Final = 5.0
_NOT_THERE: Final = (
    "There is no such code, or it is not yours. A step is run by whoever asked for its approval."
)


def _own_step(ctx: Context, reader: Reader, uid: UID) -> Code:
    """The caller's own code of that UID.

    Raises:
        NotFound: not there, or another's: one answer.
    """
    code = reader.find(Code, uid=uid)
    if code is None or code.owner_uid != ctx.user_uid:
        raise NotFound(_NOT_THERE)
    return code


# --- running


@handles(RunStep, needs=Capability.RUN_CODE)
def run_step(ctx: Context, message: RunStep) -> Message:
    """Queue a step, wait for its end as long as the caller wants and an answer may, and hand over what it made.

    Once in a run: the second time it answers with the first job, whatever its arguments.

    Raises:
        NotFound: no such code of the caller's.
        NotApproved: it was not approved.
        Denied: it was denied; the text has the reason.
        PolicyExhausted: it was run as often as approved.
        InvalidState: a step before it has not handed over; the text says which.
        InvalidInput: it is no step of a protocol, or does not take these arguments.
    """
    expire(ctx.site, ctx.now)
    with ctx.site.store.reading() as reader:
        code = _own_step(ctx, reader, message.code_uid)
        deployed(code)
        job = reader.find(Job, code_uid=code.uid, run=message.run)
    if job is None:
        job = _queued(ctx, code, message)
    job = when_ended(ctx, job, message.wait_s)
    handed = hand_over(ctx, code, message.run) if job.state is JobState.RELEASED else ()
    return StepReply(reply(ctx, job).job, handed)


class _QueuedBefore(Exception):
    """Another message of the same run was first; leaves a transaction, and what the call brought, without a trace."""

    def __init__(self, job: Job) -> None:
        super().__init__()
        self.job = job


def _queued(ctx: Context, code: Code, message: RunStep) -> Job:
    with ctx.site.store.reading() as reader:
        check_open_jobs(ctx, reader)
        request = _request_to_run_under(ctx, reader, code)
    arguments = by_parameter(code.submission, message.arguments)
    bound = bind(code.submission, {**_objects(code), **arguments})
    deployment, _ = deployed(code)
    uid = UID()
    event = ctx.event(
        "job.queued", uid, code=code.digest, mode=Mode.PRIVATE.value, protocol=str(code.protocol)
    )
    try:
        with ctx.site.crews.place(code.submission.pool, ctx.user_uid) as place, ExitStack() as landing:
            own = {name: stored_argument(ctx, landing, name, one) for name, one in bound.items()}
            with ctx.site.store.writing(event) as tx:
                before = tx.find(Job, code_uid=code.uid, run=message.run)
                if before is not None:
                    raise _QueuedBefore(before)
                handed = _handed(ctx, tx, deployment, code, message.run)
                stored: dict[str, BoundArgument] = {
                    **own,
                    **{n: StoredArgument(v.value) for n, v in handed.items()},
                }
                check_inputs(ctx.site.blobs, code, request, stored)
                check_run_left(tx, tx.get(Request, request.uid), code.name, ctx.now)
                job = Job(
                    uid=uid,
                    code_uid=code.uid,
                    code_name=code.name,
                    requester_uid=ctx.user_uid,
                    request_uid=request.uid,
                    mode=Mode.PRIVATE,
                    arguments=stored,
                    inputs_key=inputs_key(stored, partial(plain_of_value, ctx.site.blobs)),
                    created_at=ctx.now,
                    limits=granted_limits(tx, code.submission, request, ctx.site.limits),
                    run=message.run,
                    pool=code.submission.pool,
                )
                job = place.take(tx, job)
                # They are the job's from now on: its record holds them until it has ended.
                forget(tx, handed.values())
    except _QueuedBefore as before_us:
        return before_us.job
    return job


def _request_to_run_under(ctx: Context, reader: Reader, code: Code) -> Request:
    request = request_for(reader, code, ctx.now)
    if request is None or request.state is not RequestState.APPROVED:
        raise not_approved(code, request)
    check_can_leave(code.submission.output_policy, counted(reader, request.uid), code.name)
    check_run_left(reader, request, code.name, ctx.now)
    return request


def _objects(code: Code) -> dict[str, Argument]:
    """What the approval fixes: the caller need not name it."""
    rules = code.submission.input_policy.rules
    return {name: ObjectArgument(rule.object_uid) for name, rule in rules.items() if isinstance(rule, MustBe)}


def _handed(
    ctx: Context, tx: Transaction, deployment: Deployment, code: Code, run: UID
) -> dict[str, InTransit]:
    """What other steps have handed over for this one in that run, by parameter.

    Raises:
        InvalidState: something is missing; names the step and the site.
    """
    assert code.step is not None
    there = {
        one.edge: one
        for one in tx.select(
            InTransit, protocol=code.protocol, run=run, step=code.step, direction=Direction.IN
        )
        if not one.has_expired(ctx.now)
    }
    handed = {}
    for number, edge in enumerate(deployment.protocol.arriving(code.step)):
        if number not in there:
            site = deployment.site_of(edge.source)
            raise InvalidState(
                f"Step {edge.source + 1} at '{site.name}' has not handed over '{edge.parameter}' for this run. "
                "Run that one first; where its site cannot reach this one, bring what it hands over."
            )
        handed[edge.parameter] = there[number]
    return handed


# --- from site to site


@handles(CarryOver, needs=Capability.RUN_CODE)
def carry_over(ctx: Context, message: CarryOver) -> Attached:
    """Give the caller a part of what a step of theirs hands over, sealed for the site that takes it.

    Raises:
        NotFound: no such code of the caller's, or nothing that leaves by that edge in that run.
        InvalidInput: no part begins there.
    """
    expire(ctx.site, ctx.now)
    with ctx.site.store.reading() as reader:
        code = _own_step(ctx, reader, message.code_uid)
    return carried(ctx, find_leaving(ctx, code, message.run, message.edge), message.offset)


@handles(HandOver, needs=Capability.HAND_OVER)
def take_handed_over(ctx: Context, message: HandOver) -> Message:
    """Keep what another site hands over for an approved step of this one. The key that signed is what counts.

    Raises:
        NotFound: nothing here waits for that from whoever signed: one answer.
        InvalidState: the step has run, or has another value.
        InvalidInput: not a part of a value, or not the value that was said.
        QuotaExceeded: too much waits already.
    """
    expire(ctx.site, ctx.now)
    event = ctx.event("value.arrived", None, protocol=message.protocol[:64], step=str(message.target + 1))
    ctx.site.arrivals.take(ctx.caller.verify_key, message, ctx.attachment, event)
    return Done()


# --- about a run


@handles(EndRun, needs=Capability.RUN_CODE)
def end_run(ctx: Context, message: EndRun) -> Message:
    """Stop what still runs of a run of the caller's, and forget all that it has left here.

    Raises:
        NotFound: no such code of the caller's.
        InvalidInput: it is no step of a protocol.
    """
    expire(ctx.site, ctx.now)
    with ctx.site.store.reading() as reader:
        code = _own_step(ctx, reader, message.code_uid)
        deployed(code)
    protocol = str(code.protocol)
    ctx.site.arrivals.drop(protocol, message.run)
    running = _ended(ctx, protocol, message.run, ctx.event("run.ended", None, protocol=protocol))
    for job in running:
        ctx.site.runs.cancel(job, by_requester=True)
        when_ended(ctx, job, _STOPPING_S)
        ctx.site.runs.forget(job)
    if running:
        # One of them may just have been letting its result go.
        event = Event(
            verb="run.ended", actor_uid=ctx.user_uid, detail={"protocol": protocol}, created_at=ctx.now
        )
        _ended(ctx, protocol, message.run, event)
    return Done()


class _NothingLeft(Exception):
    """There is nothing to forget; leaves a transaction without a trace."""


def _ended(ctx: Context, protocol: str, run: UID, event: Event) -> list[Job]:
    """Forget what a run has left, and cancel what is queued of it; returns what runs."""
    site = ctx.site
    unfinished = OneOf("state", OPEN)
    queued: list[Job] = []
    running: list[Job] = []
    blobs: set[str] = set()
    with contextlib.suppress(_NothingLeft), site.store.writing(event) as tx:
        own = own_codes(tx, ctx.user_uid, protocol)
        for job in tx.select(Job, unfinished, run=run, requester_uid=ctx.user_uid):
            if job.code_uid in own:
                (queued if job.state is JobState.QUEUED else running).append(job)
        left = values_of(tx, ctx.user_uid, protocol, run)
        if not left and not queued:
            raise _NothingLeft
        blobs = forget(tx, left)
        for job in queued:
            note = "Its run was ended before it began."
            tx.replace(without_values(move(job, JobState.CANCELLED, note=note, ended_at=ctx.now)))
    remove_blobs(site, blobs)
    for job in queued:
        let_go(site.store, site.blobs, job)
        site.crews.ended(job.uid)
    return running


@handles(GetStanding, needs=Capability.SUBMIT_CODE)
def get_standing(ctx: Context, message: GetStanding) -> Message:
    """How codes of the caller's stand.

    Raises:
        NotFound: one is not there, or not the caller's.
        InvalidInput: too many at once.
    """
    if len(message.code_uids) > _MAX_ASKED:
        raise InvalidInput(f"At most {_MAX_ASKED:,} codes in one message.")
    expire(ctx.site, ctx.now)
    with ctx.site.store.reading() as reader:
        # Each once: a code is as large as its protocol.
        standing = {
            uid: _standing(ctx, reader, _own_step(ctx, reader, uid))
            for uid in dict.fromkeys(message.code_uids)
        }
    return StandingReply(tuple(standing[uid] for uid in message.code_uids))


def _standing(ctx: Context, reader: Reader, code: Code) -> Standing:
    request = request_for(reader, code, ctx.now)
    if request is None:
        return Standing(code_uid=code.uid, state="")
    _, left = approvals_of(reader, code, ctx.now)
    return Standing(
        code_uid=code.uid, state=request.state.name, reason=request.decision_reason, runs_left=left
    )
