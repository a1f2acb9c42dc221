"""This module holds what is said about running code and about its runs."""

from __future__ import annotations

from datetime import datetime

import msgspec

from syft.model.code import Mode
from syft.model.job import Argument, JobResources, JobState
from syft.model.limits import JobLimits
from syft.model.message import Message
from syft.model.object import ValueRef
from syft.model.pool import DEFAULT_POOL
from syft.model.uid import UID
from syft.model.user import PersonView


class Standing(msgspec.Struct, frozen=True):
    """How far a job is, as somebody who may see it sees it.

    Args:
        state: where it stands.
        current_iter: progress as the code reports it.
        n_iters: of how many.
    """

    state: JobState
    current_iter: int = 0
    n_iters: int | None = None


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
        pool: where it runs, by name.
        running_s: for how many seconds it has been running, by the node's clock; until its end, where it has ended.
        priority: of those that wait, the one with the highest is next.
        worker: who ran it, where that was not the node's own machine.
        repeats: the job of which this is another run.
        by_hand: whether its result was given by hand; then nothing ran.
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
    pool: str = DEFAULT_POOL
    running_s: float = 0.0
    priority: int = 0
    worker: str = ""
    repeats: UID | None = None
    by_hand: bool = False

    @property
    def standing(self) -> Standing:
        """What of it changes while it runs."""
        return Standing(self.state, self.current_iter, self.n_iters)


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
        seen: how it stood when the caller last saw it: the answer does not wait once it stands otherwise.
    """

    uid: UID | None = None
    index: int | None = None
    wait_s: float = 0.0
    seen: Standing | None = None


class ListJobs(Message, frozen=True, tag="jobs.list"):
    """Which jobs may I see, oldest first? Answered by `JobsReply`.

    Args:
        code_uid: only runs of that code.
        parent_uid: only what that job has launched.
        limit: at most so many; 0 for as many as a page holds.
        offset: after leaving out so many.
        result_uid: only the one whose result that object is.
        active: only those that have not ended; one whose result is held has not.
    """

    code_uid: UID | None = None
    parent_uid: UID | None = None
    limit: int = 0
    offset: int = 0
    result_uid: UID | None = None
    active: bool = False


class GetJobLog(Message, frozen=True, tag="jobs.log"):
    """What did it print, and how did it fail? Answered by `JobLogReply`, also while it runs.

    Args:
        uid: which job.
        after_stdout: how many characters of what it printed the caller has already.
        after_stderr: likewise, of what it printed to standard error.
        attempt: of which attempt these are; a job that was begun again prints from the beginning.
        wait_s: how long the answer may wait for more, or for the job's end, in seconds.
    """

    uid: UID
    after_stdout: int = 0
    after_stderr: int = 0
    attempt: int = 0
    wait_s: float = 0.0


class KillJob(Message, frozen=True, tag="jobs.kill"):
    """Stop it. Answered by `JobReply`."""

    uid: UID


class RestartJob(Message, frozen=True, tag="jobs.restart"):
    """Run again what failed or was cancelled, as a job of its own. Answered by that job's `JobReply`."""

    uid: UID


class SetJobPriority(Message, frozen=True, tag="jobs.priority"):
    """Put a job that waits before others, or behind them. Answered by `JobReply`.

    Args:
        uid: which.
        priority: from -100 to 100; of those that wait, the one with the highest is next.
    """

    uid: UID
    priority: int


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
        ended: whether nothing more will come.
        attempt: which attempt printed this.
    """

    stdout: str
    stderr: str
    error: str
    withheld: str = ""
    ended: bool = True
    attempt: int = 0
