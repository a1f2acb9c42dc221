"""This module settles steps of protocols: what goes over which edge, and what is left of a step when it has ended."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import datetime
from typing import BinaryIO, Final, cast

import msgspec

from syft.errors import CodeFailed, DecodeError
from syft.jobs.conditions import has_run_left, runs_under
from syft.jobs.machine import has_run
from syft.jobs.sink import ResultSink, taken_apart
from syft.model.code import Code
from syft.model.job import Job, ObjectArgument
from syft.model.object import LEASE, ValueRef
from syft.model.protocol import Edge
from syft.model.request import Request, RequestState
from syft.model.transit import Direction, InTransit
from syft.model.uid import UID
from syft.policy.counted import counted
from syft.policy.outputs import can_leave
from syft.sandbox.contract import Execution, FileInput, InlineInput, Outcome, Runner, Status
from syft.store.base import Reader
from syft.store.blobs import Blobs
from syft.wire.codec import encode

# Constant text. Results are a stranger's bytes: they are picked from where they were made, behind the fence, and the
# node reads no more of them than where each begins and ends.
_PICK: Final = """\
def pick(value, at):
    from syft.wire.several import together
    if not isinstance(value, (tuple, list)):
        raise TypeError("one value, where several are taken")
    return together([value[place] for place in at])
"""


class NotPicked(CodeFailed):
    """A step did not return what its edges take.

    Args:
        public_message: for the requester.
        outcome: how the picking ended.
    """

    def __init__(self, public_message: str, outcome: Outcome) -> None:
        super().__init__(public_message)
        self.outcome = outcome


def pick(
    runner: Runner,
    blobs: Blobs,
    execution: Execution,
    result: ValueRef,
    places: Sequence[int],
    landing: ExitStack,
) -> dict[int, tuple[ValueRef, ResultSink]]:
    """Single items of a result, each as a value of its own, by their place.

    Args:
        runner: the sandbox.
        blobs: where large values are.
        execution: of the run that made the result; this one has its limits and its name, so that it can be stopped.
        result: a tuple or list, as far as its code is to be believed.
        places: which items.
        landing: the block in which records that refer to them are written; `keep` their sinks then.
    Raises:
        NotPicked: the result is no sequence, or has fewer items; or the run was stopped.
    """
    whole = (
        InlineInput(result.inline)
        if result.inline is not None
        else FileInput(blobs.checked_path(result.digest))
    )
    picking = dataclasses.replace(
        execution,
        source=_PICK,
        entry="pick",
        inputs={"value": whole, "at": InlineInput(encode(list(places)).to_bytes())},
        links=frozenset(),
        datasite_parameter=None,
    )
    with ResultSink(blobs) as sink:
        outcome = runner.run(picking, result=cast(BinaryIO, sink))
        if outcome.status is not Status.FINISHED:
            raise NotPicked(
                f"The next steps take single results ({', '.join(str(place + 1) for place in places)}), and this one "
                "did not return as many: it has to return a tuple or a list of them, each of a type that can travel.",
                outcome,
            )
        picked: dict[int, tuple[ValueRef, ResultSink]] = {}
        try:
            with taken_apart(blobs, sink.value("", None), len(places)) as pieces:
                for place, one in zip(places, pieces, strict=True):
                    own = landing.enter_context(ResultSink(blobs))
                    own.write(one.data)
                    # What the code says of it would be told to the next site: nobody there needs it.
                    picked[place] = own.value("", None), own
        except DecodeError:
            raise NotPicked("The results could not be told apart.", outcome) from None
        return picked


def onward(
    job: Job, code: Code, edges: Sequence[Edge], values: Sequence[ValueRef], now: datetime
) -> tuple[InTransit, ...]:
    """What goes over each edge that leaves a step, for `policy.release` to let go.

    Args:
        job: the run.
        code: the step.
        edges: those that leave it, in order.
        values: what goes over each.
        now: the time, in UTC.
    """
    if not edges:
        return ()
    # Its own code says which protocol; a step without a run has been refused before.
    assert code.protocol is not None
    assert code.step is not None
    assert job.run is not None
    return tuple(
        InTransit(
            uid=UID(),
            protocol=code.protocol,
            run=job.run,
            step=code.step,
            edge=number,
            direction=Direction.OUT,
            value=value,
            code_uid=code.uid,
            request_uid=job.request_uid,
            job_uid=job.uid,
            created_at=now,
            lease_until=now + LEASE,
        )
        for number, value in enumerate(values)
    )


def without_values(job: Job) -> Job:
    """The job as it is kept: of a step that has run, without the values that it was run on.

    They were other sites' intermediates; a job's record stays for good.
    """
    if job.run is None or not has_run(job):
        return job
    named = {name: one for name, one in job.arguments.items() if isinstance(one, ObjectArgument)}
    return msgspec.structs.replace(job, arguments=named)


def approvals_of(reader: Reader, code: Code, now: datetime) -> tuple[Request | None, int]:
    """The newest approval of a code under which something may still leave, and how many runs are left under it.

    None and 0 where there is none.

    Args:
        reader: of the store.
        code: the step.
        now: the time, in UTC.
    """
    policy = code.submission.output_policy
    for request in reader.select(Request, code_uid=code.uid, state=RequestState.APPROVED, newest_first=True):
        released = counted(reader, request.uid)
        if can_leave(policy, released) and has_run_left(reader, request, now):
            left = policy.limit - released
            if request.terms.runs is not None:
                left = min(left, request.terms.runs - runs_under(reader, request))
            return request, left
    return None, 0
