"""This module is a door: the states of jobs by the names, and at the import path, that PySyft 0.9 has."""

from __future__ import annotations

from enum import Enum

from syft.client.jobs import Job
from syft.model.job import JobState

__all__ = ["Job", "JobStatus"]

# What each name stands for. Nothing is ever "terminating": a job that is stopped has stopped when the answer comes.
_STATES = {
    "queued": "created",
    "claimed": "processing",
    "running": "processing",
    "finished": "completed",
    # Not over: what comes of it is for a person to decide.
    "held": "processing",
    "released": "completed",
    "withheld": "errored",
    "failed": "errored",
    "cancelled": "interrupted",
}


class JobStatus(Enum):
    """Where a job stands, in the words of PySyft 0.9; equal to each state of the core that it stands for.

    `job.status == sy.JobStatus.COMPLETED` is asked as it was then; `sy.JobStatus(job.status)` is a state's old name.
    """

    CREATED = "created"
    PROCESSING = "processing"
    ERRORED = "errored"
    COMPLETED = "completed"
    TERMINATING = "terminating"
    INTERRUPTED = "interrupted"

    @classmethod
    def _missing_(cls, value: object) -> JobStatus | None:
        return cls(_STATES[value.value]) if isinstance(value, JobState) else None

    def __eq__(self, other: object) -> bool:
        if isinstance(other, JobState):
            return _STATES[other.value] == self.value
        return self is other

    # Several states equal one name, so that no set or dictionary can hold both kinds.
    __hash__ = Enum.__hash__
