"""This module runs again what failed or was cancelled: as a new job, under the checks of a fresh call."""

from __future__ import annotations

from syft.errors import AuthorizationException, InvalidState
from syft.jobs.machine import has_ended
from syft.model.code import Code, Constant, Mode
from syft.model.job import Argument, Job, JobState, StoredArgument, ValueArgument
from syft.model.message import Message
from syft.model.messages.jobs import RestartJob
from syft.model.permission import Capability
from syft.node.context import Context
from syft.node.dispatch import handles
from syft.node.services.calls import queue_run
from syft.node.services.jobs import reply, visible_job


@handles(RestartJob, needs=Capability.RUN_CODE)
def restart_job(ctx: Context, message: RestartJob) -> Message:
    """Queue another run of a job that ended without a result, for who asked for it.

    The old job stays as it is: what happened is not rewritten. Approval, policies, limits and quotas are those of now,
    and a run counts as any other.

    Raises:
        NotFound: not there, or not for the caller.
        AuthorizationException: somebody else asked for it.
        InvalidState: it has not ended, or ended well; another job or a protocol launched it; its arguments are gone.
        SyftException: a fresh call would be refused.
    """
    with ctx.site.store.reading() as reader:
        job = visible_job(ctx, reader, message.uid)
        _check_can_be_repeated(ctx, job)
        code = reader.get(Code, job.code_uid)
    return reply(ctx, queue_run(ctx, code, _arguments_of(job, code), repeats=job))


def _check_can_be_repeated(ctx: Context, job: Job) -> None:
    if job.parent_uid is not None:
        raise InvalidState("Not possible to restart subjobs. Please restart the parent job.")
    if job.run is not None:
        raise InvalidState(
            f"'{job.code_name}' is a step of a protocol: it runs when that is run, and by itself not."
        )
    if job.rehearses is not None:
        raise InvalidState("Try it again from its request: `request.mock_run(...)`.")
    # Whoever else sees it may stop it. Nobody runs anything in another's name: that uses up what they were approved.
    if job.requester_uid != ctx.caller.uid:
        raise AuthorizationException("Only who asked for a job restarts it. Ask them to call it again.")
    if not has_ended(job):
        raise InvalidState(
            "Jobs in progress cannot be restarted. Please wait for completion or cancel the job via .kill() to proceed."
        )
    if job.state is JobState.RELEASED:
        raise InvalidState(
            f"'{job.code_name}' has ended well: its result is there. Call it again to have another."
        )


def _arguments_of(job: Job, code: Code) -> dict[str, Argument]:
    """What it was called with, as a caller would say it.

    Raises:
        InvalidState: part of that is no longer kept.
    """
    rules = code.submission.input_policy.rules
    arguments: dict[str, Argument] = {}
    for name, argument in job.arguments.items():
        if job.mode is Mode.PRIVATE and isinstance(rules.get(name), Constant):
            continue  # the policy's own: filled in anew
        if not isinstance(argument, StoredArgument):
            arguments[name] = argument
        elif argument.value.inline is not None:
            arguments[name] = ValueArgument(value=argument.value.inline)
        else:
            # Values that did not fit into the record went when the job ended (`jobs.values.let_go`).
            raise InvalidState(
                f"The value that '{job.code_name}' was given for '{name}' is no longer kept. Call the function again "
                "with it."
            )
    return arguments
