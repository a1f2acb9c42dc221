"""This module says what a job is to the sandbox, and what its record says of how the run went."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from syft.errors import DecodeError, InvalidInput
from syft.jobs.failures import error_log
from syft.model.code import CodeSubmission
from syft.model.job import Job, JobLog, JobResources
from syft.model.limits import JobLimits
from syft.model.plan import Plan
from syft.model.uid import UID
from syft.sandbox.contract import Execution, FileInput, InlineInput, Outcome
from syft.sandbox.limits import limits_of
from syft.sandbox.profiles import BASE, TORCH, profile_for
from syft.wire import codec
from syft.wire.peek import describe

# Constant text: the plan comes as data, and what readers were shown of it is not run.
PLAN_SOURCE: Final = """\
def compute(plan, apart, **inputs):
    from syft.ops.plans import run_plan
    from syft.wire.codec import decode
    from syft.wire.several import together
    given = [inputs[f"input_{number}"] for number in range(len(plan.inputs))]
    results = run_plan(plan, given, [decode(one) for one in plan.state])
    if apart:
        return together(results)
    return results[0] if plan.single else results
"""


def execution_of(
    uid: UID, submission: CodeSubmission, inputs: Mapping[str, FileInput | InlineInput], limits: JobLimits
) -> Execution:
    """A run of a submitted function.

    Args:
        uid: of the job.
        submission: the function, with what it may launch.
        inputs: by parameter name.
        limits: what it may use, every figure.
    Raises:
        InvalidInput: a plan without one of its inputs.
    """
    plan = submission.plan
    if not isinstance(plan, msgspec.UnsetType):
        missing = [name for name in plan.inputs if name not in inputs]
        if missing:
            raise InvalidInput(f"'{submission.name}' was called without a value for '{missing[0]}'.")
        # Numbered: a parameter may be called as one of the constant source's.
        numbered = {f"input_{number}": inputs[name] for number, name in enumerate(plan.inputs)}
        return Execution(
            uid=uid.hex,
            source=PLAN_SOURCE,
            entry="compute",
            inputs=numbered | plan_inputs(plan, apart=False),
            limits=limits_of(limits),
            profile=plan_profile(plan),
        )
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


def plan_inputs(plan: Plan, *, apart: bool) -> dict[str, InlineInput]:
    """What `PLAN_SOURCE` takes beside the inputs.

    Args:
        plan: to compute.
        apart: whether several results are wanted each by itself (`wire.several`), rather than as a tuple.
    """
    return {
        "plan": InlineInput(codec.encode(plan).to_bytes()),
        "apart": InlineInput(codec.encode(apart).to_bytes()),
    }


def plan_profile(plan: Plan, type_names: Sequence[str] = ()) -> str:
    """The profile in which a plan runs fastest.

    Args:
        plan: with what it brings along.
        type_names: what its inputs are said to be, as far as that is known.
    """
    names = list(type_names)
    for data in plan.state:
        # It is a guess about speed: what cannot be read fails in the run.
        with contextlib.suppress(DecodeError):
            names.append(describe(data).about)
    return TORCH if any(name.startswith("torch.") for name in names) else BASE


def with_usage(job: Job, outcome: Outcome) -> Job:
    """The job with what its run used and where it ran."""
    usage = outcome.usage
    return msgspec.structs.replace(
        job,
        isolation=outcome.level,
        worker=outcome.worker or job.worker,
        resources=JobResources(wall_s=usage.wall_s, cpu_s=usage.cpu_s, max_rss_bytes=usage.max_rss_bytes),
    )


def job_log(uid: UID, outcome: Outcome) -> JobLog:
    """All that a run said, for those who may read it."""
    return JobLog(uid=uid, stdout=outcome.stdout, stderr=outcome.stderr, error=error_log(outcome))
