"""This module holds what is said about running code and about its runs."""

from __future__ import annotations

from datetime import datetime

import msgspec

from syft.model.code import Mode
from syft.model.job import Argument, JobResources, JobState
from syft.model.limits import JobLimits
from syft.model.message import Message
from syft.model.object import ValueRef
from syft.model.uid import UID
from syft.model.user import PersonView


class JobView(msgspec.Struct, frozen=True, kw_only=True):
    """A job as somebody who may see it sees it.

    Args:
        uid: the job's own.
        code_uid: what ran.
        code_name: its name.
        requester: for whom.
        parent_uid: the job that launched it.
        mode: on private or on mock values.
        state: where it stands.
        note: why it failed, was withheld or cancelled; or that the result is an earlier one.
        error_code: the error it ended in (`errors.BY_CODE`); empty when it ended well.
        result_uid: the object that holds its result.
        result: what that is, with its bytes where they are few.
        isolation: the fence it ran behind.
        current_iter: progress as the code reports it.
        n_iters: of how many.
        resources: what it used; of a private run its requester sees memory and CPU rounded up to a power of two.
        subjobs: how many it launched; of a private run its requester sees none of them.
        created_at: when it was asked for, in UTC.
        started_at: when it began, in UTC.
        ended_at: when it ended, in UTC.
        limits: what it may use.
    """

    uid: UID
    code_uid: UID
    code_name: str
    requester: PersonView
    parent_uid: UID | None = None
    mode: Mode
    state: JobState
    note: str = ""
    error_code: str = ""
    result_uid: UID | None = None
    result: ValueRef | None = None
    isolation: str = ""
    current_iter: int = 0
    n_iters: int | None = None
    resources: JobResources = JobResources()
    subjobs: int = 0
    created_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None
    limits: JobLimits = JobLimits()


class CallCode(Message, frozen=True, tag="jobs.call"):
    """Run this code on these arguments. Answered by `JobReply`, ended or not.

    Args:
        arguments: by parameter name.
        code_uid: which code; or
        name: the newest version of the caller's own function of that name.
        wait_s: how long the answer may wait for the job to end, in seconds; 0 not at all.
    """

    arguments: dict[str, Argument] = {}
    code_uid: UID | None = None
    name: str | None = None
    wait_s: float = 0.0


class GetJob(Message, frozen=True, tag="jobs.get"):
    """One job: by its UID, or by its place among those the caller may see. Answered by `JobReply`.

    Args:
        uid: which; or
        index: its place, oldest first.
        wait_s: how long the answer may wait for the job to end, in seconds.
    """

    uid: UID | None = None
    index: int | None = None
    wait_s: float = 0.0


class ListJobs(Message, frozen=True, tag="jobs.list"):
    """Which jobs may I see, oldest first? Answered by `JobsReply`."""

    code_uid: UID | None = None
    parent_uid: UID | None = None
    limit: int = 0
    offset: int = 0


class GetJobLog(Message, frozen=True, tag="jobs.log"):
    """What did it print, and how did it fail? Answered by `JobLogReply`."""

    uid: UID


class KillJob(Message, frozen=True, tag="jobs.kill"):
    """Stop it. Answered by `JobReply`."""

    uid: UID


class JobReply(Message, frozen=True, tag="jobs.reply"):
    """One job."""

    job: JobView


class JobsReply(Message, frozen=True, tag="jobs.list.reply"):
    """A page of jobs, and how many there are in all."""

    jobs: tuple[JobView, ...]
    total: int


class JobLogReply(Message, frozen=True, tag="jobs.log.reply"):
    """What may be shown of a job's output.

    Args:
        stdout: what it printed.
        stderr: what it printed to standard error.
        error: exception and traceback, or why it was stopped.
        withheld: a sentence that says what is not shown and why; empty when this is all of it.
    """

    stdout: str
    stderr: str
    error: str
    withheld: str = ""
