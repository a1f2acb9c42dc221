"""This module shows runs of code, waits for them, and lists them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import ClassVar, Final

from syft.client.limits import Limits
from syft.client.lists import Listing, ViewList
from syft.client.pointer import Pointer
from syft.client.present import Card, Shown, SyftSuccess, SyftWarning, Text, Value, say, when
from syft.client.session import Session
from syft.client.waiting import wait_until
from syft.errors import InvalidState, SyftException, from_code
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
)
from syft.model.uid import UID

_BAR: Final = 20


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

    @property
    def status(self) -> JobState:
        """Where it stands now."""
        return self.refresh()._view.state

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
    def resolved(self) -> bool:
        """Whether it has ended, asking the node if need be."""
        return self.has_ended or self.refresh().has_ended

    @property
    def progress(self) -> str:
        """How far it is, as the code says; empty when it says nothing."""
        view = self._view if self.has_ended else self.refresh()._view
        if not view.n_iters:
            return ""
        part = min(view.current_iter / view.n_iters, 1.0)
        bar = ("█" * round(part * _BAR)).ljust(_BAR)
        return f"{part:4.0%} |{bar}| {view.current_iter}/{view.n_iters}"

    @property
    def subjobs(self) -> ViewList[Job]:
        """The runs it launched; those of a run on private data for whoever may read what that printed."""
        reply = self._session.ask(ListJobs(parent_uid=self.id), JobsReply)
        return ViewList("Job List", [Job(self._session, view) for view in reply.jobs])

    @property
    def result(self) -> Pointer | None:
        """Its result, or None while there is none. Does not wait.

        Raises:
            SyftException: it ended without one, and why.
        """
        return self._outcome() if self.resolved else None

    def refresh(self) -> Job:
        """Ask the node how it stands."""
        if not self.has_ended:
            self._view = self._session.ask(GetJob(uid=self.id), JobReply).job
        return self

    fetch = refresh

    def wait(self, *, job_only: bool = False, timeout: float | None = None) -> Pointer:
        """Wait until it has ended, and return its result.

        Args:
            job_only: accepted for those who knew it; waiting is the same either way.
            timeout: seconds; None for as long as it takes.
        Raises:
            InvalidState: it has not ended in that time; it goes on.
            SyftException: it ended without a result, and why.
        """
        if not self.has_ended and not wait_until(self._ends_within, timeout):
            raise InvalidState(
                f"Reached Timeout! '{self.name}' is still {self._view.state.value} after {timeout} s. "
                "Wait again with `job.wait()`, or stop it with `job.kill()`."
            )
        return self._outcome()

    def _ends_within(self, wait_s: float) -> bool:
        self._view = self._session.ask(GetJob(uid=self.id, wait_s=wait_s), JobReply).job
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
        text = view.note or f"'{view.code_name}' ended without a result ({view.state.value})."
        if view.error_code:
            return from_code(view.error_code, text)
        return InvalidState(text)

    def logs(self, stdout: bool = True, stderr: bool = True, _print: bool = True) -> str | None:
        """What it printed and how it failed, as far as you may see it.

        Args:
            stdout: what it printed.
            stderr: what it printed to standard error, and its error.
            _print: print it here and return nothing.
        """
        log = self._session.ask(GetJobLog(self.id), JobLogReply)
        parts = [log.stdout if stdout else "", *((log.stderr, log.error) if stderr else ()), log.withheld]
        text = "\n".join(part.rstrip("\n") for part in parts if part).replace("\r", "\n")
        if not _print:
            return text
        print(Text(text).text())
        return None

    def kill(self) -> SyftSuccess:
        """Stop it, and what it launched."""
        self._view = self._session.ask(KillJob(self.id), JobReply).job
        return SyftSuccess("Job killed successfully!", value=self)

    def info(self) -> Card:
        """All that is known of it."""
        return self._card()

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
            "Progress": f"{view.current_iter}/{view.n_iters}" if view.n_iters else "--",
            "Created at": when(view.created_at),
            "Note": view.note,
        }

    def _card(self) -> Card:
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
        if view.subjobs:
            facts.append(("Subjobs", view.subjobs))
        if view.n_iters:
            facts.append(("Progress", f"{view.current_iter}/{view.n_iters}"))
        if view.note:
            facts.append(("Note", view.note))
        pointer = Pointer(view.result_uid, ref=view.result) if view.result_uid else None
        result = [("Result", Value(pointer.get()))] if pointer is not None and pointer.is_here else []
        return Card("Job", facts, result)


class Jobs(Listing[Job]):
    """The runs at a node that you may see: `client.jobs`."""

    _title: ClassVar[str] = "Job List"
    _what: ClassVar[str] = "job"

    def __init__(self, session: Session, code_uid: UID | None = None) -> None:
        self._session = session
        self._code_uid = code_uid

    def _page(self, limit: int, offset: int) -> tuple[Sequence[Job], int]:
        reply = self._session.ask(ListJobs(code_uid=self._code_uid, limit=limit, offset=offset), JobsReply)
        return [Job(self._session, view) for view in reply.jobs], reply.total

    def _at(self, index: int) -> Job:
        if self._code_uid is not None:
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
        """The runs that have not ended."""
        return ViewList(self._title, [job for job in self if not job.has_ended])

    def kill(self, id: UID) -> SyftSuccess:
        """Stop a run."""
        return self._by_uid(id).kill()
