"""This module answers what a running job asks of the node: launch another function, note how far I am.

A launched function runs under its parent's approval, which names it by digest; what it returns goes to who launched
it, or on to another launch, and nowhere else. When it runs is `sandbox.tree`'s affair.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import BinaryIO

from syft.code.capture import digest as digest_of
from syft.errors import CodeFailed, InvalidInput, InvalidState, NotApproved
from syft.jobs.approved import objects_of
from syft.jobs.conditions import check_stands
from syft.jobs.execution import execution_of, job_log, with_usage
from syft.jobs.failures import TELLING, check_may_run, describe
from syft.jobs.live import Live
from syft.jobs.machine import move
from syft.jobs.nested import pool_of
from syft.jobs.queue import now
from syft.jobs.subrecords import Subrecords
from syft.model.code import Code
from syft.model.event import Event
from syft.model.job import Job, JobState
from syft.model.limits import JobLimits
from syft.model.request import NestedCode, Request
from syft.model.uid import UID
from syft.policy.limits import nested_limits
from syft.sandbox.contract import Host, Input, Outcome, Reference, Runner, Status, Stream
from syft.sandbox.tree import WITH_PARENT, Lost, Tree
from syft.store.base import Store


class SubjobHost:
    """The node as one running job sees it, from the moment it is made. See `sandbox.contract.Host`.

    Args:
        store: where code and approvals are, and subjobs are kept.
        runner_of: the sandbox of a worker pool, by the pool's name.
        limits: of the job, every figure.
        job: which.
        inputs: what it runs on.
        nested: the functions that it may launch.
        live: takes what it and those that it launches say while they run.
        at_once: how many of those run at once; 0 for as many as this machine has processors.
        clock: the time, in UTC, by which the job's approval ends.
        on_begun: told which worker elsewhere has taken the job, where one does.
    """

    def __init__(
        self,
        *,
        store: Store,
        runner_of: Callable[[str], Runner],
        limits: JobLimits,
        job: Job,
        inputs: Mapping[str, Input],
        nested: tuple[NestedCode, ...],
        live: Live,
        at_once: int = 0,
        clock: Callable[[], datetime] = now,
        on_begun: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.store = store
        self.runner_of = runner_of
        self.job = job
        self.live = live
        self._on_begun = on_begun
        self._clock = clock
        self._nested = {one.name: one for one in nested}
        self._records = Subrecords(store, job.request_uid)
        self._top = _Top(self, limits)
        self._tree = Tree(self._top, inputs, at_once=at_once)

    def cancel(self) -> None:
        """Stop everything this job launched, and launch nothing more; returns when all of it has ended."""
        self._tree.close()
        self._records.finish()

    def launch_job(
        self, call: int, name: str, inputs: Mapping[str, bytes], references: Sequence[Reference] = ()
    ) -> None:
        """Have a function run, in its turn, that the job's approval names.

        Raises:
            NotApproved: the approval does not name it.
            InvalidInput: it has no such parameter, or a reference is to what is not the job's.
            InvalidState: the job is being cancelled.
            LimitExceeded: it has launched too many, or with too much data.
        """
        self._tree.host.launch_job(call, name, inputs, references)

    def collect(self, call: int) -> bytes | BinaryIO:
        """Wait for a launched function to end; its encoded result.

        Raises:
            CodeFailed: it failed; the parent is told what it would be told of its own failure.
            SyftException: it did not run.
        """
        return self._tree.host.collect(call)

    def begun(self, worker: str) -> None:
        """A worker elsewhere has taken the job."""
        self._top.begin()
        self._on_begun(worker)

    def progress(self, current: int, total: int | None) -> None:
        """Note how far the job is."""
        self._tree.host.progress(current, total)

    def printed(self, stream: Stream, text: str) -> None:
        """Note what the job prints."""
        self._tree.host.printed(stream, text)

    def admit(
        self, name: str, given: Collection[str], limits: JobLimits, ends_at: float, depth: int
    ) -> _Launched:
        """A launch, by the job or by one that it launched.

        Args:
            name: of the function.
            given: parameters it is called with.
            limits: of the run that launches it: it has as much at most.
            ends_at: when that one's wall-clock limit is reached, on the monotonic clock.
            depth: 1 for what the job launches, 2 for what that launches, ...
        Raises:
            NotApproved: the approval does not name it.
            InvalidInput: it has no such parameter.
        """
        code = self.approved(name)
        known = {parameter.name for parameter in code.submission.parameters}
        for one in given:
            if one not in known:
                raise InvalidInput(
                    f"'{name}' has no parameter '{one[:100]}'. It takes ({', '.join(sorted(known))})."
                )
        return _Launched(self, name, limits, ends_at, depth)

    def approved(self, name: str) -> Code:
        """A function that the job's approval names, as it is stored now.

        Raises:
            NotApproved: it is not named, was changed, or the approval was withdrawn or has ended.
            NotFound: what the job runs on is gone.
            InvalidState: what was approved has failed too often.
        """
        pinned = self._nested.get(name)
        if pinned is None:
            raise NotApproved(
                f"'{name}' is not among the functions that '{self.job.code_name}' was approved to launch."
            )
        # Asked where it runs, at the moment it runs: digest made anew, approval still there, not failed too often.
        with self.store.reading() as reader:
            code = reader.get(Code, pinned.code_uid)
            request = reader.get(Request, self.job.request_uid) if self.job.request_uid else None
            if request is not None:
                inputs = objects_of(reader, self.job).values()
                check_stands(reader, request, inputs, self.job.code_name, self._clock())
        if digest_of(code.submission) != pinned.digest:
            raise NotApproved(f"'{name}' is not what was approved.")
        if code.submission.custom_policies:
            # What it returns goes to who launched it: its policy would not be asked, and whoever reads it would
            # think that it were.
            raise InvalidState(
                f"'{name}' has a policy of its author's own: it is called by itself, and not launched."
            )
        if request is not None:
            check_may_run(request, self.job.code_name)
        return code

    def begin(self, job: Job) -> None:
        """Keep the record of a launched run whose turn it is."""
        event = Event(
            verb="job.launched",
            actor_uid=job.requester_uid,
            subject_uid=job.uid,
            detail={"parent": self.job.uid.hex},
            created_at=now(),
        )
        self._records.begin(job, event)
        self.live.begin(job)

    def end(self, job: Job, outcome: Outcome) -> None:
        """Note how it ended."""
        match outcome.status:
            case Status.FINISHED:
                state, code, note = JobState.FINISHED, "", ""
            case Status.KILLED if outcome.reason == WITH_PARENT:
                state, code, note = JobState.CANCELLED, "", f"It was stopped: {WITH_PARENT}."
            case _:
                state = JobState.FAILED
                code, note = describe(job.code_name, job.mode, outcome)
        ended = with_usage(move(job, state, note=note, error_code=code, ended_at=now()), outcome)
        event = Event(
            verb=f"job.{state.value}", actor_uid=job.requester_uid, subject_uid=job.uid, created_at=now()
        )
        self._records.end(
            ended,
            event,
            job_log(job.uid, outcome),
            counts=code in TELLING,
            # Whoever follows its log reads the rest of it where it is kept: not before it is.
            then=lambda: self.live.end(job.uid),
        )


class _Top:
    """The job itself, as what launches others."""

    def __init__(self, host: SubjobHost, limits: JobLimits) -> None:
        self._host = host
        self._limits = limits
        self.begin()

    def begin(self) -> None:
        """Its time begins; anew, where it has waited for a worker."""
        self._ends_at = time.monotonic() + (self._limits.wall_s or 0.0)

    def admit(self, name: str, given: Collection[str]) -> _Launched:
        """A launch by the job."""
        return self._host.admit(name, given, self._limits, self._ends_at, 1)

    def tell(self, current: int, total: int | None) -> None:
        """Its progress is what is shown."""
        self._host.live.note_progress(self._host.job, current, total)

    def hear(self, stream: Stream, text: str) -> None:
        """What the job prints."""
        self._host.live.printed(self._host.job.uid, stream, text)


class _Launched:
    """A launched function: waiting, or on its way through the sandbox.

    Args:
        host: of the job that it counts towards.
        name: of the function. It is read anew when its turn comes; thousands may wait, and source is long.
        parent: what may be used by the run that launched it.
        ends_at: when that one's wall-clock limit is reached, on the monotonic clock.
        depth: how deep in the tree.
    """

    def __init__(self, host: SubjobHost, name: str, parent: JobLimits, ends_at: float, depth: int) -> None:
        self._host = host
        self._name = name
        self._parent = parent
        self._depth = depth
        self._parent_ends_at = ends_at
        self._limits = parent
        self._ends_at = ends_at
        self._uid = UID()
        self._runner: Runner | None = None

    def admit(self, name: str, given: Collection[str]) -> _Launched:
        """A launch by this one; it counts towards the same job."""
        return self._host.admit(name, given, self._limits, self._ends_at, self._depth + 1)

    def tell(self, current: int, total: int | None) -> None:
        """Its own progress is nobody's: the bar is the job's."""

    def hear(self, stream: Stream, text: str) -> None:
        """What it prints."""
        self._host.live.printed(self._uid, stream, text)

    def stop(self, reason: str) -> bool:
        """End it."""
        return self._runner is not None and self._runner.kill(self._uid.hex, reason)

    def run(
        self, inputs: Mapping[str, Input], references: tuple[Input, ...], host: Host, result: BinaryIO
    ) -> None:
        """Run it.

        Raises:
            NotApproved: the approval does not name it any more.
            LimitExceeded: there is no time left.
            CodeFailed: it failed.
            Lost: its sandbox broke, or its worker is gone; called again, it is begun again, with a record of its own.
        """
        self._uid = UID()
        # It may have waited long: asked again where it runs, at the moment it runs.
        code = self._host.approved(self._name)
        left_s = self._parent_ends_at - time.monotonic()
        self._limits = limits = nested_limits(code.submission.asked, self._parent, left_s)
        self._ends_at = time.monotonic() + (limits.wall_s or 0.0)
        job = self._record(code, limits)
        self._host.begin(job)
        outcome = Outcome(status=Status.LOST, reason="the node could not run it")
        try:
            execution = execution_of(job.uid, code.submission, inputs, limits)
            execution = replace(execution, references=references, depth=self._depth)
            self._runner = self._host.runner_of(job.pool)
            outcome = self._runner.run(execution, result=result, host=host)
        finally:
            self._host.end(job, outcome)
        if outcome.status is not Status.FINISHED:
            # Whoever is told is within the same fence, but what it shows goes further.
            failed = CodeFailed(f"The launched function '{code.name}' failed: {outcome.reason}")
            if outcome.status is Status.LOST:
                raise Lost(failed)
            raise failed

    def _record(self, code: Code, limits: JobLimits) -> Job:
        parent = self._host.job
        return Job(
            uid=self._uid,
            code_uid=code.uid,
            code_name=code.name,
            requester_uid=parent.requester_uid,
            parent_uid=parent.uid,
            mode=parent.mode,
            state=JobState.RUNNING,
            attempt=1,
            created_at=now(),
            started_at=now(),
            limits=limits,
            pool=pool_of(code, parent.pool),
            rehearses=parent.rehearses,
        )
