"""This module tells how runs went, shows what they printed to those who may see it, and stops them."""

from __future__ import annotations

import msgspec

from syft.access.checks import can_read_log, can_see_job, check_can_set_priority
from syft.errors import InvalidInput, InvalidState, NotFound
from syft.jobs.machine import has_ended, has_run, move
from syft.jobs.steps import without_values
from syft.jobs.values import let_go
from syft.model.code import Mode
from syft.model.job import OPEN, PRIORITIES, Job, JobLog, JobState, ObjectArgument
from syft.model.message import Message
from syft.model.messages.jobs import (
    GetJob,
    GetJobLog,
    JobLogReply,
    JobReply,
    JobsReply,
    JobView,
    KillJob,
    ListJobs,
    SetJobPriority,
    Standing,
)
from syft.model.object import ObjectRecord
from syft.model.permission import Capability
from syft.model.uid import UID
from syft.node.context import Context, fitting, page, place
from syft.node.dispatch import handles
from syft.node.services.grants import may_read
from syft.node.services.views import in_steps, job_view, of_caller, sees_some, some_of
from syft.node.services.waiting import when_ended, when_news
from syft.store.base import Condition, NotEqual, OneOf, Reader

_NOT_THERE = "There is no such job, or it is not yours to see."
_WITHHELD = "What a private run prints stays with the data owner; run it on the mock to see it."


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


def visible_job(ctx: Context, reader: Reader, uid: UID) -> Job:
    """A job that the caller may see.

    Raises:
        NotFound: not there, or not for the caller.
    """
    job = reader.find(Job, uid=uid)
    if job is None or not can_see_job(ctx.caller, job, _owners(reader, job)):
        raise NotFound(_NOT_THERE)
    return job


def reply(ctx: Context, job: Job) -> JobReply:
    """A job as its caller may see it."""
    with ctx.site.store.reading() as reader:
        return JobReply(_view(ctx, reader, job))


def _view(ctx: Context, reader: Reader, job: Job) -> JobView:
    result = reader.find(ObjectRecord, uid=job.result_uid) if job.result_uid else None
    with_result = result is not None and may_read(ctx.caller, reader, result)
    with_log = can_read_log(ctx.caller, job, _owners(reader, job))
    return job_view(
        reader, ctx.site.runs.progress(job), with_result=with_result, with_log=with_log, now=ctx.site.clock()
    )


@handles(GetJob, needs=Capability.RUN_CODE)
def get_job(ctx: Context, message: GetJob) -> Message:
    """One job, after waiting for its end, or for any news of it, as long as the caller wants and an answer may.

    Raises:
        NotFound: not there, or not for the caller.
    """
    with ctx.site.store.reading() as reader:
        if message.uid is not None:
            job = visible_job(ctx, reader, message.uid)
        else:
            skip, newest_first = place(message.index)
            found = _visible_jobs(ctx, reader, [], 1, skip, newest_first=newest_first)
            if not found:
                raise NotFound(_NOT_THERE)
            job = found[0]
        with_log = can_read_log(ctx.caller, job, _owners(reader, job))
    if message.wait_s > 0 and not has_ended(job):
        if message.seen is None:
            job = when_ended(ctx, job, message.wait_s)
        else:
            job = _when_seen_otherwise(ctx, job, message.seen, with_log, message.wait_s)
    return reply(ctx, job)


def _when_seen_otherwise(ctx: Context, job: Job, seen: Standing, with_log: bool, wait_s: float) -> Job:
    """The job when it has ended or stands otherwise than the caller saw it last, as the caller sees it.

    Who sees tenths waits for tenths: an answer that came whenever the code says something would be a line to them.
    """

    def look() -> Job:
        with ctx.site.store.reading() as reader:
            return reader.get(Job, job.uid)

    def is_news(job: Job) -> bool:
        shown = ctx.site.runs.progress(job)
        shown = shown if with_log else in_steps(shown)
        return has_ended(job) or Standing(shown.state, shown.current_iter, shown.n_iters) != seen

    return when_news(ctx, job.uid, look, is_news, has_ended, wait_s, "progress")


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
        mine = of_caller(ctx, conditions)
        return reader.select(Job, *mine, limit=limit, offset=offset, newest_first=newest_first)

    if ctx.caller.is_admin:
        return every(limit, offset)
    return some_of(every, lambda job: can_see_job(ctx.caller, job, _owners(reader, job)), limit, offset)


def _count_visible(ctx: Context, reader: Reader, conditions: list[Condition]) -> int:
    if sees_some(ctx):
        every = reader.select(Job, *conditions)
        return sum(can_see_job(ctx.caller, job, _owners(reader, job)) for job in every)
    mine = of_caller(ctx, conditions)
    if ctx.caller.is_admin:
        return reader.count(Job, *mine)
    # See `can_see_job`: what their private runs have launched is not theirs to see.
    launched = reader.count(Job, *mine, NotEqual("parent_uid", None), mode=Mode.PRIVATE)
    return reader.count(Job, *mine) - launched


@handles(ListJobs, needs=Capability.RUN_CODE)
def list_jobs(ctx: Context, message: ListJobs) -> Message:
    """A page of jobs: a scientist's own, those on an owner's data, all for the administrator."""
    limit, offset = page(message.limit, message.offset)
    conditions: list[Condition] = []
    if message.code_uid is not None:
        conditions.append(OneOf("code_uid", [message.code_uid]))
    if message.parent_uid is not None:
        conditions.append(OneOf("parent_uid", [message.parent_uid]))
    if message.result_uid is not None:
        conditions.append(OneOf("result_uid", [message.result_uid]))
    if message.active:
        conditions.append(OneOf("state", (*OPEN, JobState.HELD)))
    with ctx.site.store.reading() as reader:
        found = _visible_jobs(ctx, reader, conditions, limit, offset)
        total = _count_visible(ctx, reader, conditions)
        return JobsReply(fitting(_view(ctx, reader, job) for job in found), total)


@handles(GetJobLog, needs=Capability.RUN_CODE)
def get_job_log(ctx: Context, message: GetJobLog) -> Message:
    """What a job printed: all of it to those who may read the data, nothing of a private run to others.

    Of one that runs, what it has printed so far, after waiting for more as long as the caller wants and an answer may.

    Raises:
        NotFound: not there, or not for the caller.
    """
    with ctx.site.store.reading() as reader:
        job = visible_job(ctx, reader, message.uid)
        may_read = can_read_log(ctx.caller, job, _owners(reader, job))
    if may_read:
        return when_news(
            ctx,
            job.uid,
            lambda: _log_after(ctx, message),
            lambda log: bool(log.stdout or log.stderr) or log.ended,
            lambda log: log.ended,
            message.wait_s,
            "printed",
        )
    # "print, logging, warnings, exception texts: none carries private values past the output policy": neither what is
    # printed, nor how much, nor when. Whoever may not read it waits for the end, which they may know, and hears once.
    if message.wait_s > 0 and not has_run(job):
        job = when_ended(ctx, job, message.wait_s)
    return JobLogReply("", "", job.note, _WITHHELD, ended=has_run(job))


def _log_after(ctx: Context, message: GetJobLog) -> JobLogReply:
    """The part of a job's log that somebody who may read it does not have yet."""
    # Asked before the store: a run that ends in between has its log there, and nothing is left out.
    said = ctx.site.runs.live.said(message.uid)
    with ctx.site.store.reading() as reader:
        job = reader.get(Job, message.uid)
        stored = reader.find(JobLog, uid=job.uid)
    attempt = job.attempt if said is None or stored is not None else said.attempt
    if stored is not None:
        stdout, stderr, error = stored.stdout, stored.stderr, stored.error
    else:
        stdout, stderr, error = (said.stdout, said.stderr, "") if said is not None else ("", "", "")
    if message.attempt == attempt:
        stdout, stderr = stdout[max(message.after_stdout, 0) :], stderr[max(message.after_stderr, 0) :]
    return JobLogReply(stdout, stderr, error, ended=has_run(job), attempt=attempt)


@handles(KillJob, needs=Capability.RUN_CODE)
def kill_job(ctx: Context, message: KillJob) -> Message:
    """Stop a job: its requester may, the owners of its data, the administrator.

    Raises:
        NotFound: not there, or not for the caller.
        InvalidState: it has ended, or was launched by another job.
    """
    site = ctx.site
    with site.store.writing(ctx.event("job.cancel_asked", message.uid)) as tx:
        job = visible_job(ctx, tx, message.uid)
        if has_ended(job):
            raise InvalidState(f"Job is not running: it is {job.state.value} already.")
        if has_run(job):
            # Nobody takes a result back to have another made: it counts until its owner has looked at it.
            raise InvalidState(
                "Job is not running: it has run, and its result waits for the owner to look at it."
            )
        if job.parent_uid is not None:
            raise InvalidState(
                "Not possible to cancel subjobs. To stop execution, please cancel the parent job: all that it launched "
                "stops with it."
            )
        if job.state is JobState.QUEUED:
            job = move(job, JobState.CANCELLED, note="It was cancelled before it began.", ended_at=ctx.now)
            tx.replace(without_values(job))
    if job.state is JobState.CANCELLED:
        site.crews.ended(job.uid)
        let_go(site.store, site.blobs, job)
        return reply(ctx, job)
    site.runs.cancel(job, by_requester=job.requester_uid == ctx.caller.uid)
    with site.store.reading() as reader:
        job = reader.get(Job, job.uid)
    if has_run(job):
        site.runs.forget(job)
    return reply(ctx, job)


@handles(SetJobPriority, needs=Capability.RUN_CODE)
def set_job_priority(ctx: Context, message: SetJobPriority) -> Message:
    """Put a job that waits before others, or behind them.

    Raises:
        NotFound: not there, or not for the caller.
        InvalidInput: no such priority.
        InvalidState: it does not wait any more, or was launched by another job.
        AuthorizationException: the caller may not put it there.
    """
    least, most = PRIORITIES
    if not least <= message.priority <= most:
        raise InvalidInput(f"A priority is from {least} to {most}; what is not said is 0.")
    site = ctx.site
    event = ctx.event("job.priority_set", message.uid, priority=str(message.priority))
    with site.store.writing(event) as tx:
        job = visible_job(ctx, tx, message.uid)
        if job.parent_uid is not None:
            raise InvalidState(
                "A subjob has the place of the job that launched it; set the priority of that one."
            )
        check_can_set_priority(ctx.caller, job, message.priority)
        if job.state is not JobState.QUEUED:
            raise InvalidState(
                f"A job that is {job.state.value} does not wait any more, so that its place does not matter."
            )
        job = msgspec.structs.replace(job, priority=message.priority)
        tx.replace(job)
    site.crews.set_priority(job.uid, job.priority)
    return reply(ctx, job)
