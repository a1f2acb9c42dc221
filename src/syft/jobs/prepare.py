"""This module makes a claimed job ready to run: what was allowed at its call is asked again, on what is stored now."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from blake3 import blake3

from syft.errors import NotApproved, NotFound
from syft.jobs.approved import check_approved, check_inputs, check_unchanged, objects_of
from syft.jobs.conditions import guarded
from syft.jobs.execution import execution_of
from syft.jobs.limits import granted_limits
from syft.jobs.nested import check_all_found, pin_nested, rehearsed_nested
from syft.jobs.pools import Equipped
from syft.model.code import Code, Mode
from syft.model.job import Job, StoredArgument
from syft.model.limits import JobLimits
from syft.model.object import Face, ObjectRecord, ValueRef
from syft.model.protocol import Edge
from syft.model.request import NestedCode, Request
from syft.model.uid import UID
from syft.model.user import User
from syft.policy.counted import counted, counted_on
from syft.policy.outputs import check_can_leave
from syft.policy.parts import edges_of
from syft.policy.release import CANNOT_BE_HELD, asks_for_review
from syft.sandbox.contract import Execution, FileInput, InlineInput
from syft.store.base import Reader
from syft.store.blobs import Blobs


@dataclass(frozen=True)
class Prepared:
    """A job with everything it needs to run, as the store had it at one moment.

    Args:
        code: what runs.
        execution: for the sandbox.
        nested: what it may launch.
        owner_uid: to whom its result belongs.
        limits: what it may use, every figure.
        given: what its parameters get, by name.
        edges: of a step of a protocol, where its result goes instead of to its requester.
        reviewed: whether, as things stand, a person looks at its result before it leaves.
        equipped: where it runs, and what it launches: as it was compared with the approval.
        request: of a private run, the approval that it is under.
    """

    code: Code
    execution: Execution
    nested: tuple[NestedCode, ...]
    owner_uid: UID
    limits: JobLimits
    equipped: Equipped
    given: Mapping[str, FileInput | InlineInput]
    edges: tuple[Edge, ...] = ()
    reviewed: bool = False
    request: Request | None = None


class Preparation:
    """Makes jobs ready to run.

    Args:
        blobs: where values are.
        equipped: for each worker pool the sandbox, and the digest of what code runs in there.
        limits: of one job, where its worker pool says nothing: every figure.
        clock: the time, in UTC.
    """

    def __init__(
        self, blobs: Blobs, equipped: Equipped, limits: JobLimits, clock: Callable[[], datetime]
    ) -> None:
        self._blobs = blobs
        self._equipped = equipped
        self._limits = limits
        self._clock = clock

    def of(self, reader: Reader, job: Job) -> Prepared:
        """A job with everything it needs to run.

        Raises:
            NotApproved: it would not run as it was approved, or not at all.
            InvalidInput: its arguments are not what its policy allows.
            InvalidState: what was approved has failed too often, or a function it launches is missing.
            NotFound: an object or a value is gone.
        """
        code = reader.get(Code, job.code_uid)
        check_unchanged(code, job)
        # A reviewer tries a step by itself, with values of their own for what others would hand over.
        tried = job.rehearses is not None and job.mode is Mode.MOCK and job.run is None
        if not tried and (
            (code.protocol is None) != (job.run is None) or (job.run is not None and job.mode is Mode.MOCK)
        ):
            raise NotApproved(f"'{code.name}' runs as what it was approved as: a step of its protocol.")
        inputs = objects_of(reader, job)
        equipped = self._equipped.as_of_now()
        owner_uid = job.requester_uid
        request: Request | None = None
        reviewed = False
        if job.mode is Mode.PRIVATE:
            request, _ = check_approved(reader, job, code, inputs, equipped.environment, self._clock())
            check_inputs(self._blobs, code, request, job.arguments, is_final=False)
            nested = request.nested
            if asks_for_review(request, guarded(reader, inputs.values())):
                reviewed = True
                if edges_of(code.submission):
                    # Said before it runs; where it would leave, it is asked again.
                    raise NotApproved(CANNOT_BE_HELD.format(name=code.name))
            owner_uid = _whose(reader, request, inputs.values()) or job.requester_uid
        else:
            nested = rehearsed_nested(reader, job)
            if not nested:
                nested, missing = pin_nested(reader, code)
                check_all_found(code, missing)
        face = Face.PRIVATE if job.mode is Mode.PRIVATE else Face.MOCK
        limits = granted_limits(reader, code.submission, request, self._limits)
        given = self._given(job, inputs, face)
        execution = execution_of(job.uid, code.submission, given, limits)
        edges = () if tried else edges_of(code.submission)
        return Prepared(code, execution, nested, owner_uid, limits, equipped, given, edges, reviewed, request)

    def check_left(self, reader: Reader, job: Job, code: Code) -> None:
        """Raise unless the approval of a private run lets one more result out, on what the run is on.

        Asked apart from the rest: what it is on may be for a policy of the code's author to say (`jobs.custom`).

        Raises:
            PolicyExhausted: as many results as were approved have left.
        """
        if job.mode is Mode.MOCK or job.request_uid is None:
            return
        request = reader.get(Request, job.request_uid)
        check_can_leave(
            code.submission.output_policy,
            counted(reader, request.uid),
            code.name,
            counted_on(reader, request.uid, code.submission.output_policy, job.inputs_key),
        )

    def _given(
        self, job: Job, inputs: Mapping[str, ObjectRecord], face: Face
    ) -> dict[str, FileInput | InlineInput]:
        given: dict[str, FileInput | InlineInput] = {}
        for name, argument in job.arguments.items():
            value = argument.value if isinstance(argument, StoredArgument) else inputs[name].face(face)
            if value is None:
                raise NotFound(f"The value for '{name}' is not on this node (any more).")
            given[name] = self._input(value)
        return given

    def _input(self, value: ValueRef) -> FileInput | InlineInput:
        # The approval binds digests; that the bytes are those of the digest is seen to here.
        if value.inline is not None:
            if blake3(value.inline).hexdigest() != value.digest:
                raise NotApproved(
                    "A stored value is not what was approved; it does not leave the node's store."
                )
            return InlineInput(value.inline)
        return FileInput(self._blobs.checked_path(value.digest))


def _whose(reader: Reader, request: Request, inputs: Iterable[ObjectRecord]) -> UID | None:
    """To whom a result belongs: to the owner of its inputs.

    What was made from the data of several is no single one's, and not that of whoever said the last word, who may be
    one of these owners or none: an administrator decides about it. What was made from no data is its decider's.
    """
    owners = {record.owner_uid for record in inputs}
    if len(owners) == 1:
        return owners.pop()
    root = reader.find(User, is_root=True) if owners else None
    return root.uid if root is not None else request.decided_by
