"""This module is one run of one job: prepare, sandbox, settle.

What was allowed when the call came in is asked again here, on what is stored now: the approval's digest is
recomputed, the input policy asked anew, the output policy looked at. What the code returns is held until
`policy.release` lets it go, in the transaction that ends the job.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import BinaryIO, Final, cast

import msgspec
from blake3 import blake3

from syft.code.capture import digest as digest_of
from syft.errors import (
    InternalError,
    InvalidState,
    LimitExceeded,
    NotApproved,
    NotFound,
    SyftException,
)
from syft.jobs.execution import execution_of, job_log, with_usage
from syft.jobs.failures import TELLING, UNTOLD, check_may_run, count_failure, describe
from syft.jobs.limits import granted_limits
from syft.jobs.machine import after_crash, has_ended, move
from syft.jobs.nested import check_all_found, pin_nested
from syft.jobs.queue import now
from syft.jobs.sink import ResultSink, type_of_value
from syft.jobs.steps import NotPicked, onward, pick, without_values
from syft.jobs.subjobs import SubjobHost
from syft.jobs.values import let_go
from syft.logger import say, where
from syft.model.code import Code, Mode
from syft.model.event import Event
from syft.model.job import (
    Job,
    JobLog,
    JobState,
    ObjectArgument,
    Release,
    StoredArgument,
)
from syft.model.limits import JobLimits
from syft.model.object import Face, ObjectKind, ObjectRecord, ValueRef
from syft.model.protocol import Edge
from syft.model.request import NestedCode, Request, RequestState
from syft.model.uid import UID
from syft.policy.approval import approval_digest
from syft.policy.inputs import check_bound
from syft.policy.outputs import check_can_leave
from syft.policy.parts import edges_of
from syft.policy.release import release
from syft.sandbox.contract import Execution, FileInput, InlineInput, Outcome, Runner, Status
from syft.store.base import Reader, Store
from syft.store.blobs import Blobs

_MAX_PROGRESS: Final = 1000
_AGAIN_S: Final = 0.005


@dataclass(frozen=True)
class Prepared:
    """A job with everything it needs to run, as the store had it at one moment.

    Args:
        code: what runs.
        execution: for the sandbox.
        nested: what it may launch.
        owner_uid: to whom its result belongs.
        limits: what it may use, every figure.
        edges: of a step of a protocol, where its result goes instead of to its requester.
    """

    code: Code
    execution: Execution
    nested: tuple[NestedCode, ...]
    owner_uid: UID
    limits: JobLimits
    edges: tuple[Edge, ...] = ()


class Runs:
    """Runs claimed jobs to their end.

    Args:
        store: where jobs, code and approvals are.
        blobs: where values are.
        runner: the sandbox.
        limits: of one job, where its worker pool says nothing: every figure.
        environment: the digest of what code runs in (`code.environment`).
    """

    def __init__(
        self, store: Store, blobs: Blobs, runner: Runner, limits: JobLimits, environment: Callable[[], str]
    ) -> None:
        self._store = store
        self._blobs = blobs
        self._runner = runner
        self._limits = limits
        self._environment = environment
        self._progress: dict[UID, tuple[int, int | None]] = {}
        self._cancelled: set[UID] = set()
        self._children: dict[UID, SubjobHost] = {}
        self._lock = threading.Lock()
        self._closing = False

    @property
    def isolation(self) -> str:
        """The level of the fence, or empty until the sandbox is up."""
        return self._runner.level

    def progress(self, job: Job) -> Job:
        """The job with its progress as of now."""
        current = self._progress.get(job.uid)
        if current is None:
            return job
        return msgspec.structs.replace(job, current_iter=current[0], n_iters=current[1])

    def close(self) -> None:
        """From now on nothing is settled: what is running stays "running", for `queue.recover`."""
        self._closing = True
        self._runner.close()

    def cancel(self, job: Job) -> None:
        """Stop a running job and everything it launched. A queued one is cancelled where it is queued."""
        with self._lock:
            self._cancelled.add(job.uid)
            host = self._children.get(job.uid)
        if host is None:
            return  # it has not come so far, and will see that it is not wanted; or it has ended
        # While it is just being begun, the runner does not know it yet.
        while not self._runner.kill(job.uid.hex, "cancelled") and self._children.get(job.uid) is host:
            time.sleep(_AGAIN_S)
        host.cancel()

    def run(self, job: Job) -> Job:
        """Run a claimed job and settle it.

        Args:
            job: in state RUNNING, ours alone.
        Returns:
            The job as it ended; or queued again when the sandbox was lost under it.
        """
        try:
            with self._store.reading() as reader:
                prepared = self._prepare(reader, job)
            return self._run(msgspec.structs.replace(job, limits=prepared.limits), prepared)
        except SyftException as error:
            if self._closing:
                raise  # it stays "running", for `queue.recover`
            return self._fail(job, error)
        except Exception as error:
            fault = InternalError(
                f"The node failed while running '{job.code_name}' (error {job.uid.short()})."
            )
            say(logging.ERROR, "a run failed by our fault", job=job.uid.hex, error=where(error))
            return self._fail(job, fault)
        finally:
            self.forget(job)

    def forget(self, job: Job) -> None:
        """Forget that a job was to be cancelled: it has ended."""
        with self._lock:
            self._cancelled.discard(job.uid)

    def _fail(self, job: Job, error: SyftException) -> Job:
        """End a job that nothing has ended: what reported an error may have landed all the same."""
        with self._store.reading() as reader:
            stored = reader.get(Job, job.uid)
        if stored.state is not JobState.RUNNING:
            return stored
        return self._settle_failed(job, error.code, error.public_message, JobLog(uid=job.uid))

    # --- prepare

    def _prepare(self, reader: Reader, job: Job) -> Prepared:
        code = reader.get(Code, job.code_uid)
        check_unchanged(code)
        if (code.protocol is None) != (job.run is None) or (job.run is not None and job.mode is Mode.MOCK):
            raise NotApproved(f"'{code.name}' runs as what it was approved as: a step of its protocol.")
        inputs = objects_of(reader, job)
        owner_uid = job.requester_uid
        request: Request | None = None
        if job.mode is Mode.PRIVATE:
            request, _ = check_approved(reader, job, code, inputs, self._environment())
            check_bound(code.submission, job.arguments, self._type_of)
            check_can_leave(code.submission.output_policy, released_under(reader, request), code.name)
            nested = request.nested
            owners = {record.owner_uid for record in inputs.values()}
            # What was made from the data of several is no single one's: it is whose decision it was.
            decider = request.decided_by or job.requester_uid
            owner_uid = owners.pop() if len(owners) == 1 else decider
        else:
            nested, missing = pin_nested(reader, code)
            check_all_found(code, missing)
        face = Face.PRIVATE if job.mode is Mode.PRIVATE else Face.MOCK
        limits = granted_limits(reader, code.submission, request, self._limits)
        execution = self._execution(job, code, inputs, face, limits)
        return Prepared(code, execution, nested, owner_uid, limits, edges_of(code.submission))

    def _execution(
        self, job: Job, code: Code, inputs: Mapping[str, ObjectRecord], face: Face, limits: JobLimits
    ) -> Execution:
        given: dict[str, FileInput | InlineInput] = {}
        for name, argument in job.arguments.items():
            value = argument.value if isinstance(argument, StoredArgument) else inputs[name].face(face)
            if value is None:
                raise NotFound(f"The value for '{name}' is not on this node (any more).")
            given[name] = self._input(value)
        return execution_of(job.uid, code.submission, given, limits)

    def _type_of(self, value: ValueRef) -> str:
        return type_of_value(self._blobs, value)

    def _input(self, value: ValueRef) -> FileInput | InlineInput:
        # The approval binds digests; that the bytes are those of the digest is seen to here.
        if value.inline is not None:
            if blake3(value.inline).hexdigest() != value.digest:
                raise NotApproved(
                    "A stored value is not what was approved; it does not leave the node's store."
                )
            return InlineInput(value.inline)
        return FileInput(self._blobs.checked_path(value.digest))

    # --- run

    def _run(self, job: Job, prepared: Prepared) -> Job:
        # Before its time begins: the first run of a server waits until the fence has proved itself. What comes of a
        # sandbox that cannot be had is for `run` below, which tries again.
        with contextlib.suppress(InvalidState):
            self._runner.wait()
        host = SubjobHost(
            store=self._store,
            runner=self._runner,
            limits=prepared.limits,
            job=job,
            nested=prepared.nested,
            on_progress=lambda current, total: self._note_progress(job, current, total),
        )
        with self._lock:
            self._children[job.uid] = host
            cancelled = job.uid in self._cancelled
        try:
            if cancelled:
                return self._end(_cancelled(job), JobLog(uid=job.uid))
            with ResultSink(self._blobs) as sink:
                outcome = self._runner.run(prepared.execution, result=cast(BinaryIO, sink), host=host)
                if self._closing:
                    return job
                # What it launched and did not wait for ends with it, before its own end is told.
                host.cancel()
                return self._settle(self.progress(job), prepared, outcome, sink)
        finally:
            host.cancel()
            with self._lock:
                self._children.pop(job.uid, None)
                # Kept a while: whoever read the job's record a moment ago must not see it fall back to nothing.
                while len(self._progress) > _MAX_PROGRESS:
                    self._progress.pop(next(iter(self._progress)))

    def _note_progress(self, job: Job, current: int, total: int | None) -> None:
        # Of a private run it only ever grows, under the first total named: tenths that go to and fro spell values.
        before = self._progress.get(job.uid)
        if before is not None and job.mode is Mode.PRIVATE:
            current, total = max(current, before[0]), before[1] if before[1] is not None else total
        self._progress[job.uid] = (current, total)

    # --- settle

    def _settle(self, job: Job, prepared: Prepared, outcome: Outcome, sink: ResultSink) -> Job:
        job = with_usage(job, outcome)
        log = job_log(job.uid, outcome)
        if job.uid in self._cancelled:
            return self._end(_cancelled(job), log)
        if outcome.status is Status.FINISHED:
            result = sink.value(outcome.result_type or "", outcome.result_shape or None)
            if prepared.edges:
                return self._settle_step(job, prepared, result, sink, log)
            ended = self._settle_finished(job, prepared, result, (), log)
            if ended.state is JobState.RELEASED:
                sink.keep()
            return ended
        if outcome.status is Status.LOST:
            return self._end(after_crash(job, now()), log)
        code, note = describe(job.code_name, job.mode, outcome)
        return self._settle_failed(job, code, note, log)

    def _settle_step(
        self, job: Job, prepared: Prepared, result: ValueRef, sink: ResultSink, log: JobLog
    ) -> Job:
        """End a job whose result goes on to other steps: all of it, or single items."""
        places = sorted({edge.output for edge in prepared.edges if edge.output is not None})
        with ExitStack() as landing:
            try:
                picked = (
                    pick(self._runner, self._blobs, prepared.execution, result, places, landing)
                    if places
                    else {}
                )
            except NotPicked as error:
                if self._closing:
                    return job
                if job.uid in self._cancelled:
                    return self._end(_cancelled(job), log)
                if error.outcome.status is Status.LOST:
                    return self._end(after_crash(job, now()), log)
                if error.outcome.status is Status.KILLED:
                    return self._settle_failed(job, *describe(job.code_name, job.mode, error.outcome), log)
                return self._settle_failed(job, error.code, error.public_message, log)
            values = [result if edge.output is None else picked[edge.output][0] for edge in prepared.edges]
            ended = self._settle_finished(job, prepared, result, values, log)
            if ended.state is JobState.RELEASED:
                for one in [own for _, own in picked.values()]:
                    one.keep()
                if any(edge.output is None for edge in prepared.edges):
                    sink.keep()
        return ended

    def _settle_finished(
        self, job: Job, prepared: Prepared, result: ValueRef, values: Sequence[ValueRef], log: JobLog
    ) -> Job:
        """End a job whose code returned: one transaction for the result, what it counts, and the job's end.

        Args:
            job: the run.
            prepared: likewise.
            result: what it returned.
            values: what goes over each edge that leaves it, where it is a step.
            log: what it said.
        """
        try:
            return self._release(job, prepared, result, values, log)
        except (InvalidState, LimitExceeded, NotFound) as refused:
            # Nothing of the first transaction landed: the result stays behind with the reason.
            held = move(job, JobState.FINISHED)
            held = move(
                held, JobState.WITHHELD, note=refused.public_message, error_code=refused.code, ended_at=now()
            )
            return self._end(held, log)

    def _release(
        self, job: Job, prepared: Prepared, result: ValueRef, values: Sequence[ValueRef], log: JobLog
    ) -> Job:
        finished = move(job, JobState.FINISHED, ended_at=now())
        event = _release_event(job, prepared, result)
        with self._store.writing(event) as tx:
            held: ObjectRecord | None
            if job.mode is Mode.PRIVATE:
                inputs = objects_of(tx, job)
                _, digest = check_approved(tx, job, prepared.code, inputs, self._environment())
                held = release(
                    tx,
                    job=finished,
                    code=prepared.code,
                    result=result,
                    digest=digest,
                    owner_uid=prepared.owner_uid,
                    readers=readers_of(prepared.code, inputs),
                    onward=onward(job, prepared.code, prepared.edges, values, now()),
                    now=now(),
                )
            else:
                # Made from mock values alone: it is its author's own.
                held = ObjectRecord(
                    uid=UID(),
                    kind=ObjectKind.RESULT,
                    owner_uid=job.requester_uid,
                    name=job.code_name,
                    private=result,
                    created_at=now(),
                )
                tx.add(held)
            note = "" if held else "Its result goes on to other steps of its protocol, and to nobody else."
            released = move(finished, JobState.RELEASED, result_uid=held.uid if held else None, note=note)
            tx.replace(without_values(released))
            tx.add(log)
        let_go(self._store, self._blobs, released)
        return released

    def _settle_failed(self, job: Job, code: str, note: str, log: JobLog) -> Job:
        failed = move(job, JobState.FAILED, note=note, error_code=code, ended_at=now())
        return self._end(failed, log)

    def _end(self, job: Job, log: JobLog) -> Job:
        event = Event(
            verb=f"job.{job.state.value}",
            actor_uid=job.requester_uid,
            subject_uid=job.uid,
            detail={"error": job.error_code},
            created_at=now(),
        )
        with self._store.writing(event) as tx:
            if (
                job.state is JobState.FAILED
                and job.error_code in TELLING
                and not count_failure(tx, job.request_uid)
            ):
                job = msgspec.structs.replace(job, note=UNTOLD)
            tx.replace(without_values(job))
            if has_ended(job):
                tx.add(log)
        let_go(self._store, self._blobs, job)
        return job


def _release_event(job: Job, prepared: Prepared, result: ValueRef) -> Event:
    verb = "result.released" if job.mode is Mode.PRIVATE else "mock_result.kept"
    detail = {"code": prepared.code.digest, "result": result.digest, "inputs": job.inputs_key}
    if prepared.edges:
        verb = "result.passed_on"
        detail["protocol"] = prepared.code.protocol or ""
        detail["steps"] = ",".join(str(edge.target + 1) for edge in prepared.edges)
    return Event(verb=verb, actor_uid=job.requester_uid, subject_uid=job.uid, detail=detail, created_at=now())


def released_under(reader: Reader, request: Request) -> int:
    """How many results have left under that approval."""
    return reader.count(Release, request_uid=request.uid)


def objects_of(reader: Reader, job: Job) -> dict[str, ObjectRecord]:
    """The objects that a job runs on, by parameter, as they are now.

    Raises:
        NotFound: one was deleted.
    """
    return {
        name: reader.get(ObjectRecord, argument.object_uid)
        for name, argument in job.arguments.items()
        if isinstance(argument, ObjectArgument)
    }


def check_approved(
    reader: Reader, job: Job, code: Code, inputs: Mapping[str, ObjectRecord], environment: str
) -> tuple[Request, str]:
    """The approval a private run is under, and its digest as recomputed now.

    Raises:
        NotApproved: there is none, it was withdrawn, or anything differs from what was approved.
        InvalidState: it has failed too often.
    """
    if job.request_uid is None:
        raise NotApproved(f"'{code.name}' may not see private data without an approval.")
    request = reader.get(Request, job.request_uid)
    if request.state is not RequestState.APPROVED:
        raise NotApproved(f"The approval of '{code.name}' was withdrawn before it ran.")
    for pinned in request.nested:
        if digest_of(reader.get(Code, pinned.code_uid).submission) != pinned.digest:
            raise NotApproved(f"'{pinned.name}', which '{code.name}' launches, is not what was approved.")
    approved = {
        name: record for name, record in inputs.items() if name in code.submission.input_policy.objects
    }
    digest = approval_digest(code.digest, request.nested, approved, environment, request.limits)
    if digest != request.approved_digest:
        raise NotApproved(
            f"'{code.name}' would not run as it was approved: its data, its limits or this node's packages have "
            "changed since. Make a new request; the owner reviews it as it is now."
        )
    check_may_run(request, code.name)
    return request, digest


def check_unchanged(code: Code) -> None:
    """Raise unless a code is what its digest says: made anew from what would run, not taken from the row.

    Raises:
        NotApproved: it was changed where it is kept.
    """
    if digest_of(code.submission) != code.digest or code.submission.name != code.name:
        raise NotApproved(f"The stored code of '{code.name}' is not what was submitted; it does not run.")


def readers_of(code: Code, inputs: Mapping[str, ObjectRecord]) -> set[UID]:
    """Who besides its requester may read a result: the owners of its inputs, where its author shares it with them."""
    if not code.submission.share_results_with_owners:
        return set()
    return {record.owner_uid for record in inputs.values()}


def _cancelled(job: Job) -> Job:
    return move(job, JobState.CANCELLED, note="It was cancelled.", ended_at=now())
