"""This module shows runs of code, waits for them, and lists them."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, Final

from syft.client.following import SHORT_S, follow_log, progress_bar
from syft.client.limits import Limits
from syft.client.lists import Listing, ViewList
from syft.client.pointer import Pointer
from syft.client.present import (
    Bar,
    Block,
    Card,
    Shown,
    SyftNotReady,
    SyftSuccess,
    SyftWarning,
    Text,
    Value,
    clock,
    say,
    somebody_looks,
    when,
)
from syft.client.session import Session
from syft.client.waiting import wait_until
from syft.errors import InvalidState, ResultHeld, SyftException, from_code
from syft.model.code import Mode
from syft.model.job import ENDED, JobResources, JobState
from syft.model.limits import limits_text
from syft.model.messages.jobs import (
    GetJob,
    GetJobLog,
    JobLogReply,
    JobReply,
    JobsReply,
    JobView,
    KillJob,
    ListJobs,
    RestartJob,
    SetJobPriority,
)
from syft.model.pool import DEFAULT_POOL
from syft.model.uid import UID
from syft.model.user import PersonView

# For a killed job's end: it takes milliseconds here, and a moment more at a worker elsewhere.
_KILL_S: Final = 5.0


class Job(Shown):
    """One run of one function.

    Args:
        session: through which it is watched.
        view: how it stood when the node was last asked.
    """

    def __init__(self, session: Session, view: JobView) -> None:
        self._session = session
        self._view = view

    @property
    def id(self) -> UID:
        """Its UID."""
        return self._view.uid

    @property
    def name(self) -> str:
        """Of the function that runs."""
        return self._view.code_name

    user_code_name = name

    @property
    def user_code_id(self) -> UID:
        """Of the function that runs."""
        return self._view.code_uid

    @property
    def requesting_user(self) -> PersonView:
        """For whom it runs."""
        return self._view.requester

    @property
    def requested_by(self) -> UID:
        """Their account."""
        return self._view.requester.uid

    @property
    def status(self) -> JobState:
        """Where it stands now. `sy.JobStatus` has the names that PySyft 0.9 has for that."""
        return self.refresh()._view.state

    fetched_status = status

    @property
    def note(self) -> str:
        """Why it failed, was withheld or cancelled."""
        return self._view.note

    @property
    def mode(self) -> Mode:
        """Whether it sees private or mock values."""
        return self._view.mode

    @property
    def isolation(self) -> str:
        """The level of the fence it ran behind."""
        return self._view.isolation

    @property
    def resources(self) -> JobResources:
        """What it used; of a private run of yours, memory and CPU rounded up to a power of two."""
        return self._view.resources

    @property
    def limits(self) -> Limits:
        """What it may use."""
        return Limits.of(self._view.limits)

    @property
    def creation_time(self) -> datetime:
        """When it was asked for, in UTC."""
        return self._view.created_at

    @property
    def updated_at(self) -> datetime:
        """When it last came from one state into another, in UTC."""
        return self._view.ended_at or self._view.started_at or self._view.created_at

    @property
    def worker(self) -> str:
        """Who ran it, or runs it; empty where that is the node's own machine."""
        return self._view.worker

    @property
    def worker_pool_name(self) -> str:
        """Where it runs."""
        return self._view.pool

    @property
    def priority(self) -> int:
        """Of those that wait, the job with the highest is next; from -100 to 100."""
        return self._view.priority

    @property
    def repeats(self) -> UID | None:
        """The job of which it is another run: that failed, or was cancelled."""
        return self._view.repeats

    @property
    def parent_job_id(self) -> UID | None:
        """The job that launched it; None of one that a person called."""
        return self._view.parent_uid

    @property
    def has_parent(self) -> bool:
        """Whether another job launched it."""
        return self._view.parent_uid is not None

    @property
    def parent(self) -> Job | None:
        """The job that launched it; None of one that a person called."""
        uid = self._view.parent_uid
        return Job(self._session, self._session.ask(GetJob(uid=uid), JobReply).job) if uid else None

    @property
    def current_iter(self) -> int:
        """How many steps are done, as the code says."""
        return self.refresh()._view.current_iter

    @property
    def n_iters(self) -> int | None:
        """Of how many."""
        return self._view.n_iters

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will come of it, as of when the node was last asked."""
        view = self._view
        # What was launched by another job ends as soon as it is finished: its result goes to that job.
        return view.state in ENDED or (view.state is JobState.FINISHED and view.parent_uid is not None)

    @property
    def is_held(self) -> bool:
        """Whether it has run, and a person is to look at its result, as of when the node was last asked."""
        return self._view.state is JobState.HELD

    @property
    def by_hand(self) -> bool:
        """Whether its result was given by the owner, by hand; then nothing ran."""
        return self._view.by_hand

    @property
    def resolved(self) -> bool:
        """Whether it has ended, asking the node if need be."""
        return self.has_ended or self.refresh().has_ended

    @property
    def progress(self) -> str:
        """How far it is, as the code says; empty when it says nothing."""
        bar = _bar_of(self.refresh()._view)
        return bar.text() if bar else ""

    @property
    def eta_string(self) -> str | None:
        """How long it has been running and how long it still will, and for how long an iteration: `[00:02<00:08]`.

        None while its code has not said how far it is. By the node's clock, and as if all iterations took as long.
        """
        return _eta_of(self.refresh()._view)

    @property
    def subjobs(self) -> ViewList[Job]:
        """The runs it launched; those of a run on private data for whoever may read what that printed."""
        return Jobs(self._session, parent_uid=self.id).get_all()

    @property
    def result(self) -> Pointer | None:
        """Its result, or None while there is none. Does not wait.

        Raises:
            SyftException: it ended without one, and why.
        """
        return self._outcome() if self.resolved else None

    @property
    def resolve(self) -> Pointer | SyftNotReady:
        """Its result, or that there is none yet.

        Raises:
            SyftException: it ended without one, and why.
        """
        return self._outcome() if self.resolved else SyftNotReady(f"{self.id} not ready yet.")

    def refresh(self) -> Job:
        """Ask the node how it stands."""
        if not self.has_ended:
            self._view = self._session.ask(GetJob(uid=self.id), JobReply).job
        return self

    fetch = refresh

    def wait(self, *, job_only: bool = False, timeout: float | None = None) -> Pointer:
        """Wait until it has ended, and return its result.

        Where somebody looks, there is a bar as soon as its code has said how far it is (`sy.settings.quiet` hides it).

        Args:
            job_only: accepted for those who knew it; waiting is the same either way.
            timeout: seconds; also for a person to decide, where its result is held. None for as long as it runs.
        Raises:
            ResultHeld: it has run, and a person is to look at its result; without a `timeout` at once.
            InvalidState: it has not ended in that time; it goes on.
            SyftException: it ended without a result, and why.
        """
        if self.is_held and timeout is None:
            # It may be long ago that the node was asked.
            self.refresh()
        if not self._is_over(timeout) and not self._wait(timeout) and not self.is_held:
            raise InvalidState(
                f"Reached Timeout! '{self.name}' is still {self._view.state.value} after {timeout} s. "
                "Wait again with `job.wait()`, or stop it with `job.kill()`."
            )
        return self._outcome()

    def _is_over(self, timeout: float | None) -> bool:
        """Whether there is nothing to wait for: for a person only who says how long waits."""
        return self.has_ended or (self.is_held and timeout is None)

    def _wait(self, timeout: float | None) -> bool:
        """Whether it is over in that time; with a bar, where somebody looks."""

        def is_over_within(wait_s: float) -> bool:
            return self._ends_within(wait_s) or self._is_over(timeout)

        if not somebody_looks():
            return wait_until(is_over_within, timeout)
        began = time.monotonic()
        if wait_until(is_over_within, SHORT_S if timeout is None else min(SHORT_S, timeout)):
            return True
        with progress_bar(self._view) as show:

            def ends_within(wait_s: float) -> bool | None:
                seen = self._view.standing
                message = GetJob(uid=self.id, wait_s=wait_s, seen=seen)
                self._view = self._session.ask(message, JobReply).job
                show(self._view)
                if self._is_over(timeout):
                    return True
                return None if self._view.standing != seen else False

            left = None if timeout is None else max(0.0, timeout - (time.monotonic() - began))
            return wait_until(ends_within, left)

    def _ends_within(self, wait_s: float) -> bool:
        # Of one that is held the next news is the decision.
        seen = self._view.standing if self.is_held else None
        self._view = self._session.ask(GetJob(uid=self.id, wait_s=wait_s, seen=seen), JobReply).job
        return self.has_ended

    def check_ended_well(self) -> None:
        """Raise unless it has a result, be it one that went to another site and not to you.

        Raises:
            SyftException: it ended without one, and why.
        """
        if self._view.state is not JobState.RELEASED:
            raise self._error()

    def _outcome(self) -> Pointer:
        """The result of a run that has ended.

        Raises:
            SyftException: there is none, and why.
        """
        view = self._view
        if view.result_uid is None:
            raise self._error()
        if view.note:
            say(SyftWarning(view.note))
        return Pointer(view.result_uid, session=self._session, ref=view.result)

    def _error(self) -> SyftException:
        """Why there is no result."""
        view = self._view
        if view.parent_uid is not None and view.state is JobState.FINISHED:
            return InvalidState(
                f"The result of '{view.code_name}' went to the job that launched it, and not to you."
            )
        if view.state is JobState.HELD:
            return ResultHeld(
                f"'{view.code_name}' has run. {view.note} It is the job {view.uid.hex}: `job.wait(timeout=600)` waits "
                f"for their decision; later, `client.jobs.get(sy.UID.from_string('{view.uid.hex}')).wait()` has the "
                "result, or the reason why there is none.",
                job=self,
            )
        text = view.note or f"'{view.code_name}' ended without a result ({view.state.value})."
        if view.error_code:
            return from_code(view.error_code, text)
        return InvalidState(text)

    def logs(
        self, stdout: bool = True, stderr: bool = True, _print: bool = True, *, follow: bool = False
    ) -> str | None:
        """What it has printed so far and how it failed, as far as you may see it.

        Args:
            stdout: what it printed.
            stderr: what it printed to standard error, and its error.
            _print: print it here and return nothing.
            follow: go on until it has ended, printing what it prints as it comes.
        """
        if follow:
            said: list[str] = []

            def show(text: str) -> None:
                print(text, end="", flush=True)

            follow_log(self._session, self.id, show if _print else said.append, stdout=stdout, stderr=stderr)
            return None if _print else "".join(said)
        log = self._session.ask(GetJobLog(self.id), JobLogReply)
        parts = [log.stdout if stdout else "", *((log.stderr, log.error) if stderr else ()), log.withheld]
        text = "\n".join(part.rstrip("\n") for part in parts if part).replace("\r", "\n")
        if not _print:
            return text
        print(Text(text).text())
        return None

    def kill(self) -> SyftSuccess:
        """Stop it, and what it launched; waits some seconds for its end, so that it can be restarted then.

        Raises:
            InvalidState: it has ended, or another job launched it.
        """
        self._view = self._session.ask(KillJob(self.id), JobReply).job
        if not self.has_ended:
            wait_until(self._ends_within, _KILL_S)
        return SyftSuccess("Job killed successfully!", value=self)

    def restart(self) -> SyftSuccess:
        """Run it again, after it failed or was cancelled; from then on this is the new run.

        It is a job of its own (`repeats` says of which), and counts as a new call does.

        Raises:
            InvalidState: it has not ended, or ended well; another job launched it; its arguments are no longer kept.
            SyftException: as for a new call.
        """
        self._view = self._session.ask(RestartJob(self.id), JobReply).job
        return SyftSuccess("Great Success!", value=self)

    def set_priority(self, priority: int) -> SyftSuccess:
        """Put it before others that wait, or behind them.

        Args:
            priority: from -100 to 100; of those that wait, the job with the highest is next. Of a job of yours you can
                lower it; only an administrator can raise it.
        Raises:
            InvalidState: it does not wait any more, or another job launched it.
            InvalidInput: no such priority.
            AuthorizationException: you may not put it there.
        """
        self._view = self._session.ask(SetJobPriority(self.id, priority), JobReply).job
        return SyftSuccess(f"The priority of '{self.name}' is {self.priority}.", value=self)

    def info(self, public_metadata: bool = True, result: bool = False) -> Card:
        """What is known of it.

        Args:
            public_metadata: all but its result.
            result: its result, where you may read it.
        """
        self._look_again()
        facts = self._facts() if public_metadata else []
        if not result:
            return Card("JobInfo", [*facts, ("Result", "No result included")])
        return Card("JobInfo", facts, self._result_block(bring=True))

    def row(self) -> Mapping[str, object]:
        """Its line in a list."""
        view = self._view
        return {
            "Status": view.state.value,
            "Job": f"{view.code_name} #{view.uid.short()}",
            "Mode": view.mode.value,
            "Requested by": view.requester.name,
            "Launched by": view.parent_uid.hex if view.parent_uid else "",
            "# Subjobs": view.subjobs,
            "Progress": _bar_of(view) or "--",
            "ETA": "--" if self.has_ended else (_eta_of(view) or "--").replace("\n", " "),
            "Priority": view.priority,
            "Created at": when(view.created_at),
            "Note": view.note,
        }

    def _card(self) -> Card:
        self._look_again()
        return Card("Job", self._facts(), self._result_block(bring=False))

    def _look_again(self) -> None:
        # Showing must not raise: where the node cannot be asked, it is shown as it was.
        with contextlib.suppress(SyftException):
            self.refresh()

    def _result_block(self, *, bring: bool) -> list[tuple[str, Block]]:
        """Its result as it is shown; one that is not here yet is fetched only if it is asked for."""
        view = self._view
        pointer = (
            Pointer(view.result_uid, session=self._session, ref=view.result) if view.result_uid else None
        )
        if pointer is not None and (bring or pointer.is_here):
            return [("Result", Value(pointer.get()))]
        return []

    def _facts(self) -> list[tuple[str, object]]:
        view = self._view
        used = view.resources
        facts: list[tuple[str, object]] = [
            ("id", view.uid.hex),
            ("UserCode", view.code_name),
            ("Status", view.state.value),
            ("Runs on", f"{view.mode.value} values"),
            ("Requested by", f"{view.requester.name} ({view.requester.email})"),
            ("Created on", when(view.created_at)),
        ]
        if view.started_at:
            facts.append(("Started at", when(view.started_at)))
        if view.ended_at:
            facts.append(("Ended at", when(view.ended_at)))
            facts.append(
                ("Used", f"{used.wall_s:.2f} s, {used.cpu_s:.2f} s of CPU, {used.max_rss_bytes >> 20} MiB")
            )
        if view.limits.said:
            facts.append(("Limits", limits_text(view.limits)))
        if view.isolation:
            facts.append(("Isolation", view.isolation))
        if view.pool != DEFAULT_POOL or view.worker:
            on = f"{view.pool} on worker {view.worker}" if view.worker else view.pool
            facts.append(("Worker Pool", on))
        if view.priority:
            facts.append(("Priority", view.priority))
        if view.parent_uid:
            facts.append(("Launched by", view.parent_uid.hex))
        if view.repeats:
            facts.append(("Another run of", view.repeats.hex))
        if view.subjobs:
            facts.append(("Subjobs", view.subjobs))
        if bar := _bar_of(view):
            facts.append(("Progress", bar))
        if not self.has_ended and (eta := _eta_of(view)):
            facts.append(("ETA", eta.replace("\n", " ")))
        if view.note:
            facts.append(("Note", view.note))
        return facts


def _bar_of(view: JobView) -> Bar | None:
    """How far it is, as its code says; None when it says nothing. The figures are its own word: any numbers."""
    total = view.n_iters
    if total is None or total <= 0:
        return None
    return Bar(min(max(view.current_iter / total, 0.0), 1.0), f"{view.current_iter}/{total}")


def _eta_of(view: JobView) -> str | None:
    total, done = view.n_iters, view.current_iter
    if total is None or total <= 0 or done <= 0:
        return None
    if view.state is JobState.QUEUED:
        return None  # it was lost, and begins again: how far it was tells nothing
    each_s = view.running_s / done
    left_s = max(0, total - done) * each_s
    return f"[{clock(view.running_s)}<{clock(left_s)}]\n{clock(each_s)}s/it"


class Jobs(Listing[Job]):
    """The runs at a node that you may see: `client.jobs`."""

    _title: ClassVar[str] = "Job List"
    _what: ClassVar[str] = "job"

    def __init__(self, session: Session, code_uid: UID | None = None, **only: Any) -> None:
        self._session = session
        # Fields of `ListJobs`.
        self._only = only if code_uid is None else {"code_uid": code_uid, **only}

    def _page(self, limit: int, offset: int) -> tuple[Sequence[Job], int]:
        reply = self._session.ask(ListJobs(limit=limit, offset=offset, **self._only), JobsReply)
        return [Job(self._session, view) for view in reply.jobs], reply.total

    def _at(self, index: int) -> Job:
        if self._only:
            return super()._at(index)
        return Job(self._session, self._session.ask(GetJob(index=index), JobReply).job)

    def _by_uid(self, uid: UID) -> Job:
        return Job(self._session, self._session.ask(GetJob(uid=uid), JobReply).job)

    def get(self, uid: UID) -> Job:
        """The run with that UID."""
        return self._by_uid(uid)

    def get_by_user_code_id(self, code_uid: UID) -> ViewList[Job]:
        """The runs of one function."""
        return Jobs(self._session, code_uid).get_all()

    def get_active(self) -> ViewList[Job]:
        """The runs that have not ended; one whose result is held has not."""
        return Jobs(self._session, active=True).get_all()

    def get_subjobs(self, uid: UID) -> ViewList[Job]:
        """The runs that a job has launched; see `Job.subjobs`."""
        return Jobs(self._session, parent_uid=uid).get_all()

    def get_by_result_id(self, uid: UID) -> ViewList[Job]:
        """The run whose result that object is: one, or none."""
        return Jobs(self._session, result_uid=uid).get_all()

    def kill(self, id: UID) -> SyftSuccess:
        """Stop a run."""
        return self._by_uid(id).kill()

    def restart(self, uid: UID) -> SyftSuccess:
        """Run again what failed or was cancelled; the new run is the answer's `value`. See `Job.restart`."""
        return self._by_uid(uid).restart()
