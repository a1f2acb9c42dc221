"""This module settles steps of protocols: what goes over which edge, and what is left of a step when it has ended."""

from __future__ import annotations

import dataclasses
import mmap
import struct
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime
from typing import BinaryIO, Final, cast

import msgspec

from syft.errors import CodeFailed, DecodeError
from syft.jobs.machine import has_ended
from syft.jobs.sink import ResultSink
from syft.model.code import Code
from syft.model.job import Job, ObjectArgument, Release
from syft.model.object import LEASE, ValueRef
from syft.model.protocol import Edge
from syft.model.request import Request, RequestState
from syft.model.transit import Direction, InTransit
from syft.model.uid import UID
from syft.policy.outputs import can_leave
from syft.sandbox.contract import Execution, FileInput, InlineInput, Outcome, Runner, Status
from syft.store.base import Reader
from syft.store.blobs import Blobs
from syft.wire.codec import encode
from syft.wire.layout import take_apart

_SIZE: Final = struct.Struct("<Q")
_CHUNK: Final = 1 << 20
# Constant text. Results are a stranger's bytes: they are taken apart where they were made, behind the fence, and what
# the node reads is how long each piece is. Padded, so that the pieces lie in one run of bytes (`wire.layout`).
_PICK: Final = """\
def pick(value, at):
    from syft.wire.codec import encode
    if not isinstance(value, (tuple, list)):
        raise TypeError("one value, where several are taken")
    pieces = [encode(value[place]).to_bytes() for place in at]
    data = b"".join([len(piece).to_bytes(8, "little") for piece in pieces] + pieces)
    return data + bytes(max(0, 8192 - len(data)))
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
                "did not return as many: it has to return a tuple or a list of them.",
                outcome,
            )
        framed = sink.value("", None)
        try:
            return dict(zip(places, _taken_apart(blobs, framed, len(places), landing), strict=True))
        except (DecodeError, struct.error):
            raise NotPicked("The results could not be told apart.", outcome) from None


def _taken_apart(
    blobs: Blobs, framed: ValueRef, count: int, landing: ExitStack
) -> list[tuple[ValueRef, ResultSink]]:
    with _bytes_of(blobs, framed) as data:
        header, buffers = take_apart(data)
        header.release()
        try:
            if len(buffers) != 1 or buffers[0] is None:
                raise DecodeError("not one run of bytes")
            return _cut(blobs, buffers[0], count, landing)
        finally:
            for buffer in buffers:
                if buffer is not None:
                    buffer.release()


@contextmanager
def _bytes_of(blobs: Blobs, value: ValueRef) -> Iterator[memoryview]:
    if value.inline is not None:
        with memoryview(value.inline) as view:
            yield view
        return
    with (
        blobs.path(value.digest).open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped,
        memoryview(mapped) as view,
    ):
        yield view


def _cut(blobs: Blobs, data: memoryview, count: int, landing: ExitStack) -> list[tuple[ValueRef, ResultSink]]:
    sizes = [_SIZE.unpack_from(data, _SIZE.size * number)[0] for number in range(count)]
    at = _SIZE.size * count
    if at + sum(sizes) > len(data):
        raise DecodeError("cut short")
    cut = []
    for size in sizes:
        sink = landing.enter_context(ResultSink(blobs))
        for begin in range(at, at + size, _CHUNK):
            with data[begin : min(begin + _CHUNK, at + size)] as piece:
                sink.write(piece)
        at += size
        cut.append((sink.value("", None), sink))
    return cut


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
    """The job as it is kept: of a step that has ended, without the values that it was run on.

    They were other sites' intermediates; a job's record stays for good.
    """
    if job.run is None or not has_ended(job):
        return job
    named = {name: one for name, one in job.arguments.items() if isinstance(one, ObjectArgument)}
    return msgspec.structs.replace(job, arguments=named)


def approvals_of(reader: Reader, code: Code) -> tuple[Request | None, int]:
    """The newest approval of a code under which something may still leave, and how many runs are left under it.

    None and 0 where there is none.
    """
    policy = code.submission.output_policy
    for request in reader.select(Request, code_uid=code.uid, state=RequestState.APPROVED, newest_first=True):
        released = reader.count(Release, request_uid=request.uid)
        if can_leave(policy, released):
            return request, policy.limit - released
    return None, 0
