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
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import BinaryIO, Final, cast

import msgspec
from blake3 import blake3

from syft.errors import (
    InternalError,
    InvalidState,
    LimitExceeded,
    NotApproved,
    NotFound,
    SyftException,
)
from syft.jobs.approved import check_approved, check_unchanged, objects_of, readers_of, released_under
from syft.jobs.execution import execution_of, job_log, with_usage
from syft.jobs.failures import TELLING, UNTOLD, count_failure, describe
from syft.jobs.limits import granted_limits
from syft.jobs.live import Live
from syft.jobs.machine import after_crash, has_ended, move
from syft.jobs.nested import check_all_found, pin_nested
from syft.jobs.pools import Equipped
from syft.jobs.queue import NotHeld, begin, check_held, held, now
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
    StoredArgument,
)
from syft.model.limits import JobLimits
from syft.model.object import Face, ObjectKind, ObjectRecord, ValueRef
from syft.model.protocol import Edge
from syft.model.request import NestedCode, Request
from syft.model.uid import UID
from syft.policy.inputs import check_bound
from syft.policy.outputs import check_can_leave
from syft.policy.parts import edges_of
from syft.policy.release import release
from syft.sandbox.contract import Execution, FileInput, InlineInput, Outcome, Status
from syft.store.base import Reader, Store
from syft.store.blobs import Blobs

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
        equipped: where it runs, and what it launches: as it was compared with the approval.
    """

    code: Code
    execution: Execution
    nested: tuple[NestedCode, ...]
    owner_uid: UID
    limits: JobLimits
    equipped: Equipped
    edges: tuple[Edge, ...] = ()


class Runs:
    """Runs claimed jobs to their end.

    Args:
        store: where jobs, code and approvals are.
        blobs: where values are.
        equipped: for each worker pool the sandbox, and the digest of what code runs in there (`code.environment`).
        limits: of one job, where its worker pool says nothing: every figure.

    Attributes:
        live: what is said by those that run.
    """

    def __init__(self, store: Store, blobs: Blobs, equipped: Equipped, limits: JobLimits) -> None:
        self._store = store
        self._blobs = blobs
        self._equipped = equipped
        self._limits = limits
        self.live = Live()
        self._cancelled: set[UID] = set()
        self._children: dict[UID, SubjobHost] = {}
        self._lock = threading.Lock()
        self._closing = False

    @property
    def isolation(self) -> str:
        """The level of the fence, or empty until the sandbox is up."""
        return self._equipped.base.runner.level

    def progress(self, job: Job) -> Job:
        """The job with its progress as of now."""
        return self.live.progress(job)

    def close(self) -> None:
        """From now on nothing is settled: what is running stays "running", for `queue.recover`."""
        self._closing = True
        self._equipped.close()

    def cancel(self, job: Job) -> None:
        """Stop a running job and everything it launched. A queued one is cancelled where it is queued."""
        with self._lock:
            # Whoever asks again does not wait for it beside the first: each would hold a thread of the server's.
            asked_before = job.uid in self._cancelled
            self._cancelled.add(job.uid)
            host = self._children.get(job.uid)
        if host is None or asked_before:
            return  # it has not come so far, and will see that it is not wanted; or it has ended
        # While it is just being begun, the runner does not know it yet.
        while not self._kill(job) and self._children.get(job.uid) is host:
            time.sleep(_AGAIN_S)
        host.cancel()

    def _kill(self, job: Job) -> bool:
        try:
            return self._equipped.runner_of(job.pool).kill(job.uid.hex, "cancelled")
        except NotFound:
            return True  # its pool was removed, and has ended it

    def run(self, job: Job) -> Job:
        """Run a claimed job and settle it.

        Args:
            job: in state RUNNING, ours alone.
        Returns:
            The job as it ended; or queued again when the sandbox was lost under it.
        """
        try:
            return self._run_or_fail(job)
        except NotHeld:
            with self._store.reading() as reader:
                return reader.get(Job, job.uid)
        finally:
            self.forget(job)

    def _run_or_fail(self, job: Job) -> Job:
        try:
            with self._store.reading() as reader:
                prepared = self._prepare(reader, job)
            return self._run(msgspec.structs.replace(job, limits=prepared.limits), prepared)
        except NotHeld:
            raise
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

    def forget(self, job: Job) -> None:
        """Forget that a job was to be cancelled: it has ended."""
        with self._lock:
            self._cancelled.discard(job.uid)

    def _fail(self, job: Job, error: SyftException) -> Job:
        """End a job that nothing has ended: what reported an error may have landed all the same."""
        if (settled := self._taken_away(job)) is not None:
            return settled
        if job.uid in self._cancelled:
            # Whatever went wrong, went wrong because of that: its pool is being removed.
            return self._end(_cancelled(job), JobLog(uid=job.uid))
        return self._settle_failed(job, error.code, error.public_message, JobLog(uid=job.uid))

    def _taken_away(self, job: Job) -> Job | None:
        """The job as it stands, where it is not ours to end any more; None where it is."""
        with self._store.reading() as reader:
            return None if held(reader, job) else reader.get(Job, job.uid)

    # --- prepare

    def _prepare(self, reader: Reader, job: Job) -> Prepared:
        code = reader.get(Code, job.code_uid)
        check_unchanged(code, job)
        if (code.protocol is None) != (job.run is None) or (job.run is not None and job.mode is Mode.MOCK):
            raise NotApproved(f"'{code.name}' runs as what it was approved as: a step of its protocol.")
        inputs = objects_of(reader, job)
        equipped = self._equipped.as_of_now()
        owner_uid = job.requester_uid
        request: Request | None = None
        if job.mode is Mode.PRIVATE:
            request, _ = check_approved(reader, job, code, inputs, equipped.environment)
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
        return Prepared(code, execution, nested, owner_uid, limits, equipped, edges_of(code.submission))

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
        # sandbox that cannot be had is for `run` below, which tries again. Workers elsewhere are waited for there, too:
        # here nobody could cancel it, if the last of them has just gone.
        equipped = prepared.equipped
        runner = equipped.runner_of(job.pool)
        if job.state is JobState.RUNNING:
            with contextlib.suppress(InvalidState):
                runner.wait()
        elsewhere: list[Job] = []

        def begun(worker: str) -> None:
            running = begin(self._store, job, worker)
            if running is None:
                runner.kill(job.uid.hex, "it is not to run any more")
            else:
                elsewhere.append(running)

        host = SubjobHost(
            store=self._store,
            on_begun=begun,
            # A pool that is made meanwhile under a name of these is another one.
            runner_of=equipped.runner_of,
            at_once=equipped.of(job.pool).at_once(),
            limits=prepared.limits,
            job=job,
            inputs=prepared.execution.inputs,
            nested=prepared.nested,
            live=self.live,
        )
        self.live.begin(job)
        with self._lock:
            self._children[job.uid] = host
            cancelled = job.uid in self._cancelled
        try:
            if cancelled:
                return self._end(_cancelled(job), JobLog(uid=job.uid))
            with ResultSink(self._blobs) as sink:
                outcome = runner.run(prepared.execution, result=cast(BinaryIO, sink), host=host)
                if self._closing:
                    return job
                # What it launched and did not wait for ends with it, before its own end is told.
                host.cancel()
                for one in elsewhere:
                    job = msgspec.structs.replace(
                        job, state=one.state, worker=one.worker, started_at=one.started_at
                    )
                return self._settle(self.progress(job), prepared, outcome, sink)
        finally:
            host.cancel()
            with self._lock:
                self._children.pop(job.uid, None)
            self.live.end(job.uid)

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
                    pick(self._equipped.base.runner, self._blobs, prepared.execution, result, places, landing)
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
            kept_back = move(job, JobState.FINISHED)
            kept_back = move(
                kept_back,
                JobState.WITHHELD,
                note=refused.public_message,
                error_code=refused.code,
                ended_at=now(),
            )
            return self._end(kept_back, log)

    def _release(
        self, job: Job, prepared: Prepared, result: ValueRef, values: Sequence[ValueRef], log: JobLog
    ) -> Job:
        finished = move(job, JobState.FINISHED, ended_at=now())
        event = _release_event(job, prepared, result)
        with self._store.writing(event) as tx:
            check_held(tx, job)
            kept: ObjectRecord | None
            if job.mode is Mode.PRIVATE:
                inputs = objects_of(tx, job)
                _, digest = check_approved(tx, job, prepared.code, inputs, self._equipped.environment)
                kept = release(
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
                kept = ObjectRecord(
                    uid=UID(),
                    kind=ObjectKind.RESULT,
                    owner_uid=job.requester_uid,
                    name=job.code_name,
                    private=result,
                    created_at=now(),
                )
                tx.add(kept)
            note = "" if kept else "Its result goes on to other steps of its protocol, and to nobody else."
            released = move(finished, JobState.RELEASED, result_uid=kept.uid if kept else None, note=note)
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
            check_held(tx, job)
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


def _cancelled(job: Job) -> Job:
    return move(job, JobState.CANCELLED, note="It was cancelled.", ended_at=now())
