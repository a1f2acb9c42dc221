"""This module says what a job is to the sandbox, and what its record says of how the run went."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from syft.jobs.failures import error_log
from syft.model.code import CodeSubmission
from syft.model.job import Job, JobLog, JobResources
from syft.model.limits import JobLimits
from syft.model.uid import UID
from syft.sandbox.contract import Execution, FileInput, InlineInput, Outcome
from syft.sandbox.limits import limits_of
from syft.sandbox.profiles import profile_for


def execution_of(
    uid: UID, submission: CodeSubmission, inputs: Mapping[str, FileInput | InlineInput], limits: JobLimits
) -> Execution:
    """A run of a submitted function.

    Args:
        uid: of the job.
        submission: the function, with what it may launch.
        inputs: by parameter name.
        limits: what it may use, every figure.
    """
    return Execution(
        uid=uid.hex,
        source=submission.source,
        entry=submission.name,
        inputs=inputs,
        links=frozenset(submission.nested),
        datasite_parameter="datasite" if submission.uses_datasite else None,
        limits=limits_of(limits),
        profile=profile_for(submission.source),
    )


def with_usage(job: Job, outcome: Outcome) -> Job:
    """The job with what its run used and where it ran."""
    usage = outcome.usage
    return msgspec.structs.replace(
        job,
        isolation=outcome.level,
        resources=JobResources(wall_s=usage.wall_s, cpu_s=usage.cpu_s, max_rss_bytes=usage.max_rss_bytes),
    )


def job_log(uid: UID, outcome: Outcome) -> JobLog:
    """All that a run said, for those who may read it."""
    return JobLog(uid=uid, stdout=outcome.stdout, stderr=outcome.stderr, error=error_log(outcome))
