"""This module answers what a running job asks of the node: launch another function, note how far I am.

A launched function runs under its parent's approval, which names it by digest; what it returns goes to its
parent and nowhere else. It runs in the thread that asked, so that jobs never wait for a free worker.
"""

from __future__ import annotations

import os
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

import msgspec

from syft.code.capture import digest as digest_of
from syft.errors import CodeFailed, InvalidInput, InvalidState, LimitExceeded, NotApproved
from syft.jobs.execution import execution_of, job_log, with_usage
from syft.jobs.failures import TELLING, UNTOLD, check_may_run, count_failure, describe
from syft.jobs.machine import move
from syft.jobs.queue import now
from syft.model.code import Code
from syft.model.event import Event
from syft.model.job import Job, JobState
from syft.model.limits import JobLimits
from syft.model.request import NestedCode, Request, RequestState
from syft.model.uid import UID
from syft.policy.limits import MAX_DEPTH, nested_limits
from syft.sandbox.contract import FileInput, InlineInput, Outcome, Runner, Status
from syft.store.base import Store

# One approval, one budget: a job that launches more than this is a loop, not a map.
MAX_SUBJOBS = 10_000
# Of one job's whole tree: each is a process.
MAX_AT_ONCE = 64
# Inputs above this go to a file that the launched job maps, instead of through its channel.
_TO_FILE_BYTES = 1 << 20
# Results above this are spooled to disk on their way back to the parent.
_SPOOL_BYTES = 8 << 20
_WITH_PARENT = "the job that launched it has ended"
_AGAIN_S = 0.005


@dataclass(frozen=True)
class _Bounds:
    """What a run leaves to those that it launches.

    Args:
        limits: its own, every figure; each that it launches has as much at most.
        ends_at: when its wall-clock limit is reached, on the monotonic clock.
    """

    limits: JobLimits
    ends_at: float

    @classmethod
    def of(cls, limits: JobLimits) -> _Bounds:
        """Of a run that begins now."""
        return cls(limits, time.monotonic() + (limits.wall_s or 0.0))


class SubjobHost:
    """The node as one running job sees it, from the moment it is made. See `sandbox.contract.Host`.

    Args:
        store: where code and approvals are, and subjobs are kept.
        runner: the sandbox.
        limits: of the job, every figure.
        job: which.
        nested: the functions that it may launch.
        on_progress: told how far it says it is.
    """

    def __init__(
        self,
        *,
        store: Store,
        runner: Runner,
        limits: JobLimits,
        job: Job,
        nested: tuple[NestedCode, ...],
        on_progress: Callable[[int, int | None], None],
    ) -> None:
        self._store = store
        self._runner = runner
        self._bounds = _Bounds.of(limits)
        self._job = job
        self._nested = {one.name: one for one in nested}
        self._on_progress = on_progress
        self._lock = threading.Lock()
        self._running: set[UID] = set()
        self._launched = 0
        self._cancelled = False

    def progress(self, current: int, total: int | None) -> None:
        """Note how far the job is."""
        self._on_progress(current, total)

    def cancel(self) -> None:
        """Stop everything this job launched; launch nothing more."""
        with self._lock:
            self._cancelled = True
            running = set(self._running)
        while running:
            # One that is just being begun is not known to the runner yet, and would go on without its parent.
            running = {uid for uid in running if not self._runner.kill(uid.hex, _WITH_PARENT)}
            with self._lock:
                running &= self._running
            if running:
                time.sleep(_AGAIN_S)

    def launch_job(self, name: str, inputs: Mapping[str, bytes]) -> BinaryIO:
        """Run a function that the job's approval names, and return its encoded result. See `launch`."""
        return self.launch(name, inputs, depth=1, bounds=self._bounds)

    def launch(self, name: str, inputs: Mapping[str, bytes], *, depth: int, bounds: _Bounds) -> BinaryIO:
        """Run a function that the job's approval names, and return its encoded result.

        Args:
            name: of the function.
            inputs: encoded values by parameter name; hostile bytes.
            depth: 1 for what the job itself launches, 2 for what that launches, ...
            bounds: of the run that launches it.
        Raises:
            NotApproved: the approval does not name it.
            InvalidInput: it has no such parameter.
            InvalidState: the job is being cancelled.
            LimitExceeded: it has launched too many, too deep, or has no time left.
            CodeFailed: it failed; the parent is told what it would be told of its own failure.
        """
        if depth > MAX_DEPTH:
            raise LimitExceeded(f"Launched functions launch others at most {MAX_DEPTH} deep.")
        code = self._approved(name)
        submission = code.submission
        known = {parameter.name for parameter in submission.parameters}
        for given in inputs:
            if given not in known:
                raise InvalidInput(
                    f"'{name}' has no parameter '{given}'. It takes ({', '.join(sorted(known))})."
                )
        limits = nested_limits(submission.asked, bounds.limits, bounds.ends_at - time.monotonic())
        job = self._admit(code, limits)
        result = tempfile.SpooledTemporaryFile(max_size=_SPOOL_BYTES)  # noqa: SIM115 - the parent's channel closes it
        outcome = Outcome(status=Status.LOST, reason="the node could not run it")
        try:
            self._begin(job)
            try:
                with ExitStack() as files:
                    taken = {given: _input(files, data) for given, data in inputs.items()}
                    execution = execution_of(job.uid, submission, taken, limits)
                    host = _Launched(self, depth, _Bounds.of(limits))
                    outcome = self._runner.run(execution, result=cast(BinaryIO, result), host=host)
            finally:
                self._end(job, outcome)
            if outcome.status is not Status.FINISHED:
                raise _failure(name, outcome)
        except BaseException:
            result.close()
            raise
        finally:
            with self._lock:
                self._running.discard(job.uid)
        result.seek(0)
        return cast(BinaryIO, result)

    def _approved(self, name: str) -> Code:
        pinned = self._nested.get(name)
        if pinned is None:
            raise NotApproved(
                f"'{name}' is not among the functions that '{self._job.code_name}' was approved to launch."
            )
        # Asked where it runs, at the moment it runs: digest made anew, approval still there, not failed too often.
        with self._store.reading() as reader:
            code = reader.get(Code, pinned.code_uid)
            request = reader.get(Request, self._job.request_uid) if self._job.request_uid else None
        if digest_of(code.submission) != pinned.digest:
            raise NotApproved(f"'{name}' is not what was approved.")
        if request is not None:
            if request.state is not RequestState.APPROVED:
                raise NotApproved(f"The approval of '{self._job.code_name}' was withdrawn while it ran.")
            check_may_run(request, self._job.code_name)
        return code

    def _admit(self, code: Code, limits: JobLimits) -> Job:
        with self._lock:
            if self._cancelled:
                raise InvalidState("The job that launched this is being cancelled.")
            if self._launched >= MAX_SUBJOBS:
                raise LimitExceeded(f"A job may launch at most {MAX_SUBJOBS} others.")
            if len(self._running) >= MAX_AT_ONCE:
                raise LimitExceeded(
                    f"A job may have at most {MAX_AT_ONCE} launched runs at once; wait for some."
                )
            self._launched += 1
            uid = UID()
            self._running.add(uid)
        return Job(
            uid=uid,
            code_uid=code.uid,
            code_name=code.name,
            requester_uid=self._job.requester_uid,
            parent_uid=self._job.uid,
            mode=self._job.mode,
            state=JobState.RUNNING,
            attempt=1,
            created_at=now(),
            started_at=now(),
            limits=limits,
        )

    def _begin(self, job: Job) -> None:
        event = Event(
            verb="job.launched",
            actor_uid=job.requester_uid,
            subject_uid=job.uid,
            detail={"parent": self._job.uid.hex},
            created_at=now(),
        )
        with self._store.writing(event) as tx:
            tx.add(job)

    def _end(self, job: Job, outcome: Outcome) -> None:
        match outcome.status:
            case Status.FINISHED:
                state, code, note = JobState.FINISHED, "", ""
            case Status.KILLED if outcome.reason == _WITH_PARENT:
                state, code, note = JobState.CANCELLED, "", f"It was stopped: {_WITH_PARENT}."
            case _:
                state = JobState.FAILED
                code, note = describe(job.code_name, job.mode, outcome)
        ended = with_usage(move(job, state, note=note, error_code=code, ended_at=now()), outcome)
        event = Event(
            verb=f"job.{state.value}", actor_uid=job.requester_uid, subject_uid=job.uid, created_at=now()
        )
        with self._store.writing(event) as tx:
            if code in TELLING and not count_failure(tx, self._job.request_uid):
                ended = msgspec.structs.replace(ended, note=UNTOLD)
            tx.replace(ended)
            tx.add(job_log(job.uid, outcome))


class _Launched:
    """The node as a launched run sees it: what it launches counts towards the same job."""

    def __init__(self, tree: SubjobHost, depth: int, bounds: _Bounds) -> None:
        self._tree = tree
        self._depth = depth
        self._bounds = bounds

    def launch_job(self, name: str, inputs: Mapping[str, bytes]) -> BinaryIO:
        """Run another function, one deeper."""
        return self._tree.launch(name, inputs, depth=self._depth + 1, bounds=self._bounds)

    def progress(self, current: int, total: int | None) -> None:
        """Its own progress is nobody's: the bar is the job's."""


def _failure(name: str, outcome: Outcome) -> CodeFailed:
    """What the launching code is told; it is within the same fence, but what it shows goes further."""
    return CodeFailed(f"The launched function '{name}' failed: {outcome.reason}")


def _input(files: ExitStack, data: bytes) -> FileInput | InlineInput:
    if len(data) <= _TO_FILE_BYTES:
        return InlineInput(data)
    # Without a name: private values must not outlive a server that is killed.
    held = files.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - the stack closes it
    held.write(data)
    held.flush()
    return FileInput(Path(f"/proc/{os.getpid()}/fd/{held.fileno()}"))
