"""This module holds jobs: one run of one code, its states as data, and the results that left."""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from typing import Final

import msgspec

from syft.model.code import Mode
from syft.model.limits import JobLimits
from syft.model.object import ValueRef
from syft.model.pool import DEFAULT_POOL
from syft.model.uid import UID


class JobState(Enum):
    """Where a job stands. Few states that decide; `Job.note` explains."""

    QUEUED = "queued"
    CLAIMED = "claimed"
    RUNNING = "running"
    FINISHED = "finished"
    HELD = "held"
    RELEASED = "released"
    WITHHELD = "withheld"
    FAILED = "failed"
    CANCELLED = "cancelled"


# -> QUEUED is what happens to a job whose server or worker died; its attempt is counted. What a worker of the node's
# own has claimed runs at once; CLAIMED is one that is on its way to a worker elsewhere. HELD is one that has run, and
# whose result waits for a person.
JOB_TRANSITIONS: Final[dict[JobState, frozenset[JobState]]] = {
    JobState.QUEUED: frozenset({JobState.CLAIMED, JobState.CANCELLED, JobState.FAILED}),
    JobState.CLAIMED: frozenset({JobState.RUNNING, JobState.QUEUED, JobState.CANCELLED, JobState.FAILED}),
    JobState.RUNNING: frozenset({JobState.FINISHED, JobState.FAILED, JobState.CANCELLED, JobState.QUEUED}),
    JobState.FINISHED: frozenset(
        {JobState.RELEASED, JobState.HELD, JobState.WITHHELD, JobState.FAILED, JobState.CANCELLED}
    ),
    JobState.HELD: frozenset({JobState.RELEASED, JobState.WITHHELD}),
    JobState.RELEASED: frozenset(),
    JobState.WITHHELD: frozenset(),
    JobState.FAILED: frozenset(),
    JobState.CANCELLED: frozenset(),
}
ENDED: Final = frozenset(state for state, following in JOB_TRANSITIONS.items() if not following)
# Begun, and not ended: what dies with whoever runs it.
BEGUN: Final = (JobState.CLAIMED, JobState.RUNNING)
OPEN: Final = (JobState.QUEUED, *BEGUN)
# Whose turn it is: the highest first. Its requester may only lower it.
PRIORITIES: Final = (-100, 100)


class ObjectArgument(msgspec.Struct, frozen=True, tag="object"):
    """An argument that is an object of the node's, named by its UID."""

    object_uid: UID


class ValueArgument(msgspec.Struct, frozen=True, tag="value"):
    """An argument that is a value of the caller's own, encoded, passed along or uploaded before.

    Args:
        value: the encoded bytes, or None.
        upload_uid: a finished upload of the caller's, or None; exactly one of the two is set.
    """

    value: bytes | None = None
    upload_uid: UID | None = None


Argument = ObjectArgument | ValueArgument


class StoredArgument(msgspec.Struct, frozen=True, tag="stored"):
    """An argument that was the caller's own value, as the node keeps it for the length of a job."""

    value: ValueRef


BoundArgument = ObjectArgument | StoredArgument


class JobResources(msgspec.Struct, frozen=True, kw_only=True):
    """What a run used, as the operating system counted it. Seconds and bytes."""

    wall_s: float = 0.0
    cpu_s: float = 0.0
    max_rss_bytes: int = 0


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One run of one code.

    Args:
        uid: the job's own.
        code_uid: what runs.
        code_name: its name, for display.
        requester_uid: for whom.
        request_uid: under which approval; None for a run on mock values.
        parent_uid: the job that launched it, if another did.
        mode: what it may see.
        state: where it stands.
        arguments: by parameter name.
        inputs_key: digest of the arguments: two runs on the same inputs have the same key.
        attempt: how many times it was claimed. Whoever claimed it ends it in that attempt or not at all.
        isolation: the level of the fence it ran behind; empty until it has run.
        note: what to tell the requester: why it failed, was withheld or cancelled.
        error_code: the error it ended in (`errors.BY_CODE`); empty when it ended well.
        result_uid: the object that holds the released result.
        current_iter: progress, as the code reports it.
        n_iters: of how many; None when unknown.
        resources: what it used.
        created_at: when it was asked for, in UTC.
        started_at: when its last attempt began, in UTC.
        ended_at: when it ended, in UTC.
        limits: what it may use: as of when it was queued, then as of when it last began.
        run: of a step of a protocol, which run it belongs to; it runs once in each.
        pool: where it runs, by name.
        priority: among the jobs that wait there, see `PRIORITIES`.
        worker: who ran it last, where that was not the node's own machine.
        repeats: the job that failed or was cancelled, and of which this is another run.
        given_by: of an answer that was given by hand, who gave it: then nothing ran.
        rehearses: the request about which its requester decides, and whose code this runs on mocks, for them alone.
        rehearsed: digest of what it ran with, so that whoever looks at it later sees whether that is still so.
    """

    uid: UID
    code_uid: UID
    code_name: str
    requester_uid: UID
    request_uid: UID | None = None
    parent_uid: UID | None = None
    mode: Mode
    state: JobState = JobState.QUEUED
    arguments: dict[str, BoundArgument] = {}
    inputs_key: str = ""
    attempt: int = 0
    isolation: str = ""
    note: str = ""
    error_code: str = ""
    result_uid: UID | None = None
    current_iter: int = 0
    n_iters: int | None = None
    resources: JobResources = JobResources()
    created_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None
    limits: JobLimits = JobLimits()
    run: UID | None = None
    pool: str = DEFAULT_POOL
    priority: int = 0
    worker: str = ""
    repeats: UID | None = None
    given_by: UID | None = None
    rehearses: UID | None = None
    rehearsed: str = ""


class JobLog(msgspec.Struct, frozen=True, kw_only=True):
    """What a run printed and how it failed, in full: the owner's to see; of a mock run, the author's too.

    Args:
        uid: the job's.
        stdout: printed text, capped.
        stderr: printed to standard error, capped.
        error: exception and traceback, or the reason it was stopped.
    """

    uid: UID
    stdout: str = ""
    stderr: str = ""
    error: str = ""


class Release(msgspec.Struct, frozen=True, kw_only=True):
    """A result that left: the fact that output policies count.

    Args:
        uid: the record's own.
        request_uid: the approval it left under.
        job_uid: the run that made it.
        inputs_key: what it was computed on.
        result_uid: the object that holds it; of a step of a protocol, what first went on to another.
        user_uid: to whom it went, or for whom.
        created_at: when, in UTC.
    """

    uid: UID
    request_uid: UID
    job_uid: UID
    inputs_key: str
    result_uid: UID
    user_uid: UID
    created_at: datetime
