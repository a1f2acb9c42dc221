"""This module moves a job from state to state; it knows neither clock nor store."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from syft.model.job import ENDED, JOB_TRANSITIONS, Job, JobState

# A job whose server died under it is begun again this often. What kills the server each time must end.
MAX_ATTEMPTS = 3


def move(job: Job, state: JobState, **changes: Any) -> Job:
    """The job in its new state.

    Args:
        job: as it stands.
        state: where it goes.
        changes: other fields that change with it.
    Raises:
        AssertionError: no such step exists (`model.job.JOB_TRANSITIONS`); a fault of ours.
    """
    if state not in JOB_TRANSITIONS[job.state]:
        raise AssertionError(f"job {job.uid.hex} cannot go from {job.state.value} to {state.value}")
    return msgspec.structs.replace(job, state=state, **changes)


def has_ended(job: Job) -> bool:
    """Whether nothing more will happen to it.

    A job launched by another ends when it is finished: its result goes to its parent and never leaves.
    """
    return job.state in ENDED or (job.state is JobState.FINISHED and job.parent_uid is not None)


def has_run(job: Job) -> bool:
    """Whether its code will not run any more: it has ended, or a person is to decide about what came of it."""
    return has_ended(job) or job.state is JobState.HELD


def after_crash(job: Job, now: datetime) -> Job:
    """What becomes of a job that was running when the server died, or the sandbox under it.

    A launched job ends: its parent is begun again and launches anew.
    """
    if job.parent_uid is not None or job.attempt >= MAX_ATTEMPTS:
        why = "The server or its sandbox stopped while this ran"
        why += "." if job.parent_uid else f", {job.attempt} times. Ask its operator to look at the log."
        return move(job, JobState.FAILED, note=why, error_code="internal", ended_at=now)
    return move(job, JobState.QUEUED)
