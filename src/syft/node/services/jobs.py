"""This module tells how runs went, shows what they printed to those who may see it, and stops them."""

from __future__ import annotations

from syft.access.checks import can_read_log, can_see_job
from syft.errors import InvalidState, NotFound
from syft.jobs.machine import has_ended, move
from syft.jobs.steps import without_values
from syft.jobs.values import let_go
from syft.model.code import Mode
from syft.model.job import Job, JobLog, JobState, ObjectArgument
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
)
from syft.model.object import ObjectRecord
from syft.model.permission import Capability
from syft.model.uid import UID
from syft.node.context import Context, fitting, page, place
from syft.node.dispatch import handles
from syft.node.services.grants import may_read
from syft.node.services.views import job_view, of_caller, sees_some, some_of
from syft.node.services.waiting import when_ended
from syft.store.base import Condition, NotEqual, OneOf, Reader

_NOT_THERE = "There is no such job, or it is not yours to see."


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


def reply(ctx: Context, job: Job) -> JobReply:
    """A job as its caller may see it."""
    with ctx.site.store.reading() as reader:
        return JobReply(_view(ctx, reader, job))


def _view(ctx: Context, reader: Reader, job: Job) -> JobView:
    result = reader.find(ObjectRecord, uid=job.result_uid) if job.result_uid else None
    with_result = result is not None and may_read(ctx.caller, reader, result)
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
        job = when_ended(ctx, job, message.wait_s)
    return reply(ctx, job)


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
            tx.replace(without_values(job))
    if job.state is JobState.CANCELLED:
        site.workers.ended(job.uid)
        let_go(site.store, site.blobs, job)
        return reply(ctx, job)
    site.runs.cancel(job)
    with site.store.reading() as reader:
        job = reader.get(Job, job.uid)
    if has_ended(job):
        site.runs.forget(job)
    return reply(ctx, job)
