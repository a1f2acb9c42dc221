"""This module is one run of one job: prepare (`jobs.prepare`), sandbox, settle (`jobs.settle`)."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime
from typing import BinaryIO, Final, cast

import msgspec

from syft.errors import (
    CodeFailed,
    InternalError,
    InvalidState,
    NotFound,
    PolicyExhausted,
    SyftException,
)
from syft.jobs.custom import MAX_ASKED, Asker, PolicyLost
from syft.jobs.execution import job_log, with_usage
from syft.jobs.failures import describe
from syft.jobs.live import Live
from syft.jobs.machine import after_crash, move
from syft.jobs.outputs import outputs_told, telling
from syft.jobs.policystate import PolicyStopped, StateMoved, Turns
from syft.jobs.pools import Equipped
from syft.jobs.prepare import Preparation, Prepared
from syft.jobs.queue import NotHeld, begin, held, now
from syft.jobs.settle import Settlement
from syft.jobs.sink import ResultSink, input_of
from syft.jobs.steps import NotPicked, pick
from syft.jobs.subjobs import SubjobHost
from syft.logger import say, where
from syft.model.held import HeldOutput
from syft.model.job import (
    Job,
    JobLog,
    JobState,
)
from syft.model.limits import JobLimits
from syft.model.object import ValueRef
from syft.model.uid import UID
from syft.sandbox.contract import Outcome, Status
from syft.store.base import Store
from syft.store.blobs import Blobs

_AGAIN_S: Final = 0.005
_CANCELLED: Final = "It was cancelled."


class Runs:
    """Runs claimed jobs to their end.

    Args:
        store: where jobs, code and approvals are.
        blobs: where values are.
        equipped: for each worker pool the sandbox, and the digest of what code runs in there (`code.environment`).
        limits: of one job, where its worker pool says nothing: every figure.
        clock: the time, in UTC, by which approvals end.

    Attributes:
        live: what is said by those that run.
    """

    def __init__(
        self,
        store: Store,
        blobs: Blobs,
        equipped: Equipped,
        limits: JobLimits,
        clock: Callable[[], datetime] = now,
    ) -> None:
        self._store = store
        self._blobs = blobs
        self._equipped = equipped
        self._clock = clock
        self._preparation = Preparation(blobs, equipped, limits, clock)
        self._settlement = Settlement(store, blobs, equipped, clock)
        self.live = Live()
        self._turns = Turns()
        # Why each is not to go on: as an error's code, and as its requester is told; and whether they have stopped it.
        self._cancelled: dict[UID, tuple[str, str, bool]] = {}
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

    def cancel(
        self, job: Job, note: str = _CANCELLED, error_code: str = "", *, by_requester: bool = False
    ) -> None:
        """Stop a running job and everything it launched. A queued one is cancelled where it is queued.

        Args:
            job: which.
            note: what its requester is told; of two who stop it, the first says.
            error_code: of the error that it ends in; empty where it was just not wanted any more.
            by_requester: whether whoever asked for it stops it: they have seen how far it came, and it counts as one
                that failed.
        """
        with self._lock:
            # Whoever asks again does not wait for it beside the first: each would hold a thread of the server's.
            asked_before = job.uid in self._cancelled
            self._cancelled.setdefault(job.uid, (error_code, note, by_requester))
            host = self._children.get(job.uid)
        if host is None or asked_before:
            if not asked_before:
                self._kill(job)  # perhaps its policies are just being asked
            return  # it has not come so far, and will see that it is not wanted; or it has ended
        # While it is just being begun, the runner does not know it yet.
        while not self._kill(job) and self._children.get(job.uid) is host:
            time.sleep(_AGAIN_S)
        host.cancel()

    def _kill(self, job: Job) -> bool:
        try:
            killed = self._equipped.runner_of(job.pool).kill(job.uid.hex, "cancelled")
        except NotFound:
            return True  # its pool was removed, and has ended it
        # What is asked of its result is asked here, wherever it has run.
        return killed or self._equipped.base.runner.kill(job.uid.hex, "cancelled")

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
        asker: Asker | None = None
        try:
            with self._store.reading() as reader:
                prepared = self._preparation.of(reader, job)
            job = msgspec.structs.replace(job, limits=prepared.limits)
            asker = self._asker(job, prepared)
            job, prepared = asker.admit(job, prepared)
            with self._store.reading() as reader:
                self._preparation.check_left(reader, job, prepared.code)
            asker.check_may_leave()
            return self._run(job, prepared, asker)
        except NotHeld:
            raise
        except (PolicyLost, PolicyStopped) as error:
            if self._closing:
                return job
            assert asker is not None
            return self._ended_under_policy(job, error, asker.with_said(JobLog(uid=job.uid)))
        except SyftException as error:
            if self._closing:
                raise  # it stays "running", for `queue.recover`
            log = JobLog(uid=job.uid) if asker is None else asker.with_said(JobLog(uid=job.uid))
            return self._fail(job, error, log, tells=asker is not None and asker.has_told_early)
        except Exception as error:
            fault = InternalError(
                f"The node failed while running '{job.code_name}' (error {job.uid.short()})."
            )
            say(logging.ERROR, "a run failed by our fault", job=job.uid.hex, error=where(error))
            return self._fail(job, fault)

    def forget(self, job: Job) -> None:
        """Forget that a job was to be cancelled: it has ended."""
        with self._lock:
            self._cancelled.pop(job.uid, None)

    def _asker(self, job: Job, prepared: Prepared) -> Asker:
        """Who asks the policies that the code's author wrote.

        In the pool of the job where that is on this machine; else here: what they see has come back from there, and
        need not go there again.
        """
        is_here = job.state is JobState.RUNNING
        runner = prepared.equipped.runner_of(job.pool) if is_here else prepared.equipped.base.runner
        return Asker(
            self._store,
            self._blobs,
            runner,
            job,
            prepared,
            lambda: self._is_cancelled(job),
        )

    def _ended_under_policy(self, job: Job, error: PolicyLost | PolicyStopped, log: JobLog) -> Job:
        """End a job whose policy did not come to an answer, which is nobody's fault of theirs."""
        if self._is_cancelled(job):
            return self._end_stopped(job, log)
        if isinstance(error, PolicyLost):
            return self._end_lost(job, log)
        raise AssertionError("a policy was stopped, and nobody has cancelled its run")

    def _fail(self, job: Job, error: SyftException, log: JobLog | None = None, *, tells: bool = False) -> Job:
        """End a job that nothing has ended: what reported an error may have landed all the same."""
        log = log or JobLog(uid=job.uid)
        if (settled := self._taken_away(job)) is not None:
            return settled
        if self._is_cancelled(job):
            # Whatever went wrong, went wrong because of that: its pool is being removed.
            return self._end_stopped(job, log)
        if isinstance(error, PolicyExhausted):
            ended = self._settlement.answered_before(job, log, tells=tells)
            if ended is not None:
                return ended
        return self._settlement.failed(job, error.code, error.public_message, log, tells=tells)

    def _taken_away(self, job: Job) -> Job | None:
        """The job as it stands, where it is not ours to end any more; None where it is."""
        with self._store.reading() as reader:
            return None if held(reader, job) else reader.get(Job, job.uid)

    def _is_cancelled(self, job: Job) -> bool:
        return job.uid in self._cancelled

    def _end_lost(self, job: Job, log: JobLog) -> Job:
        """Begin a job again under which the sandbox was lost, or end it.

        Whoever forges what a run returns has its policy lost over that, as often as it is begun: its end counts as one
        that failed.
        """
        lost = after_crash(job, now())
        return self._settlement.end(lost, log, tells=lost.state is JobState.FAILED)

    def _end_stopped(self, job: Job, log: JobLog) -> Job:
        """End a job that somebody has stopped."""
        with self._lock:
            # Whoever stopped it may have given up waiting for its end, and forgotten it.
            error_code, note, by_requester = self._cancelled.get(job.uid, ("", _CANCELLED, False))
        stopped = move(job, JobState.CANCELLED, note=note, error_code=error_code, ended_at=now())
        return self._settlement.end(stopped, log, tells=by_requester)

    # --- run

    def _run(self, job: Job, prepared: Prepared, asker: Asker) -> Job:
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
            clock=self._clock,
        )
        self.live.begin(job)
        with self._lock:
            self._children[job.uid] = host
        try:
            if self._is_cancelled(job):
                return self._end_stopped(job, JobLog(uid=job.uid))
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
                return self._settle(self.progress(job), prepared, outcome, sink, asker)
        finally:
            host.cancel()
            with self._lock:
                self._children.pop(job.uid, None)
            self.live.end(job.uid)

    # --- settle

    def _settle(self, job: Job, prepared: Prepared, outcome: Outcome, sink: ResultSink, asker: Asker) -> Job:
        job = with_usage(job, outcome)
        log = job_log(job.uid, outcome)
        if outcome.status is not Status.FINISHED:
            log = asker.with_said(log)
        if self._is_cancelled(job):
            return self._end_stopped(job, log)
        if outcome.status is Status.FINISHED:
            result = sink.value(outcome.result_type or "", outcome.result_shape or None)
            if prepared.edges:
                return self._settle_step(job, prepared, result, sink, log)
            if asker.decides_output:
                return self._settle_by_policy(job, prepared, result, log, asker)
            outputs = self._outputs(prepared, result)
            if self._closing:
                return job
            if self._is_cancelled(job):
                return self._end_stopped(job, asker.with_said(log))
            ended = self._settlement.finished(job, prepared, result, (), asker.with_said(log), outputs)
            if ended.keeps_result:
                sink.keep()
            return ended.job
        if outcome.status is Status.LOST:
            return self._end_lost(job, log)
        code, note = describe(job.code_name, job.mode, outcome)
        return self._settlement.failed(job, code, note, log)

    def _settle_by_policy(
        self, job: Job, prepared: Prepared, result: ValueRef, log: JobLog, asker: Asker
    ) -> Job:
        """End a job of whose result a policy of its author's own says what leaves.

        What the policy remembers is changed in the transaction that lets the result go. If another run has changed
        it since the policy was asked, nothing of that lands, and the policy is asked again.
        """
        try:
            with self._turns.of(job.request_uid, lambda: self._is_cancelled(job)):
                for _ in range(MAX_ASKED):
                    try:
                        return self._let_out(job, prepared, result, log, asker)
                    except StateMoved:
                        continue
        except (PolicyLost, PolicyStopped) as error:
            if self._closing:
                return job
            return self._ended_under_policy(job, error, asker.with_said(log))
        except (CodeFailed, PolicyExhausted) as refused:
            if self._closing:
                return job
            tells = isinstance(refused, CodeFailed) or asker.has_told
            return self._settlement.withheld(job, refused, asker.with_said(log), tells=tells)
        moved = InvalidState(
            f"Other runs of '{job.code_name}' kept changing what its output policy remembers. Call it again."
        )
        return self._settlement.withheld(job, moved, asker.with_said(log))

    def _let_out(self, job: Job, prepared: Prepared, result: ValueRef, log: JobLog, asker: Asker) -> Job:
        """Ask the output policy once, and end the job with what it lets out.

        Raises:
            StateMoved: another run was quicker; nothing landed.
            SyftException: as `Asker.let_out`, likewise PolicyLost and PolicyStopped.
        """
        with ExitStack() as landing:
            left = asker.let_out(result, landing)
            # Whoever looks at it sees what may leave of it, not what the policy has seen.
            outputs = self._outputs(prepared, left.value)
            if self._closing:
                return job
            if self._is_cancelled(job):
                raise PolicyStopped
            ended = self._settlement.finished(
                job, prepared, left.value, (), asker.with_said(log), outputs, left.change
            )
            if ended.keeps_result:
                left.sink.keep()
            return ended.job

    def _outputs(self, prepared: Prepared, result: ValueRef) -> tuple[HeldOutput, ...]:
        """What a result consists of that a person is to look at; nothing where nobody is to, or it cannot be told.

        Under the run's name and limits, so that whoever cancels it stops this, too.
        """
        if not prepared.reviewed:
            return ()
        runner = self._equipped.base.runner
        execution = telling(prepared.execution, input_of(self._blobs, result))
        with ResultSink(self._blobs) as sink:
            outcome = runner.run(execution, result=cast(BinaryIO, sink))
            if outcome.status is not Status.FINISHED:
                return ()
            return outputs_told(self._blobs, sink.value("", None))

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
                if self._is_cancelled(job):
                    return self._end_stopped(job, log)
                if error.outcome.status is Status.LOST:
                    return self._end_lost(job, log)
                if error.outcome.status is Status.KILLED:
                    return self._settlement.failed(
                        job, *describe(job.code_name, job.mode, error.outcome), log
                    )
                return self._settlement.failed(job, error.code, error.public_message, log)
            values = [result if edge.output is None else picked[edge.output][0] for edge in prepared.edges]
            ended = self._settlement.finished(job, prepared, result, values, log)
            if ended.keeps_result:
                for one in [own for _, own in picked.values()]:
                    one.keep()
                if any(edge.output is None for edge in prepared.edges):
                    sink.keep()
        return ended.job
