"""This module runs a request's code on mocks for whoever decides about it, and shows how that went."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from syft.client.jobs import Job
from syft.client.objects import as_argument
from syft.client.pointer import Pointer
from syft.client.present import Block, Card, Shown, Text, cell, size, when
from syft.client.session import Session
from syft.client.waiting import WAIT_S, wait_until
from syft.errors import InvalidState
from syft.model.job import ENDED, JobState
from syft.model.messages.evidence import Rehearsed, RehearseRequest
from syft.model.messages.jobs import GetJob, GetJobLog, JobLogReply, JobReply, JobView
from syft.model.uid import UID

# On a card; the attributes have all of it.
_OUTPUT_SHOWN: Final = 2_000


class MockRun(Shown):
    """A run of a request's code on mocks, for whoever decides about it.

    Args:
        session: through which its result is fetched.
        rehearsed: what the node says of it.
    """

    def __init__(self, session: Session, rehearsed: Rehearsed) -> None:
        self._session = session
        self._rehearsed = rehearsed

    @property
    def _view(self) -> JobView:
        return self._rehearsed.job

    @property
    def job(self) -> Job:
        """The run."""
        return Job(self._session, self._view)

    @property
    def state(self) -> JobState:
        """Where it stands."""
        return self._view.state

    @property
    def ended_well(self) -> bool:
        """Whether it has a result."""
        return self._view.state is JobState.RELEASED

    @property
    def is_current(self) -> bool:
        """Whether code, launched functions, mocks and packages are still those that it ran with."""
        return self._rehearsed.is_current

    @property
    def pointer(self) -> Pointer | None:
        """To its result; None where there is none."""
        view = self._view
        return (
            None
            if view.result_uid is None
            else Pointer(view.result_uid, session=self._session, ref=view.result)
        )

    @property
    def result(self) -> Any:
        """What it returned.

        Raises:
            SyftException: it returned nothing, and why.
        """
        return self.job.wait().get()

    @property
    def output(self) -> str:
        """What it printed. A run on private data prints as much, and its owner alone reads that."""
        return self._rehearsed.stdout

    @property
    def errors(self) -> str:
        """What it printed to standard error."""
        return self._rehearsed.stderr

    @property
    def error(self) -> str:
        """Exception and traceback, or why it was stopped; empty where it ended well."""
        return self._rehearsed.error or ("" if self.ended_well else self._view.note)

    @property
    def wall_s(self) -> float:
        """How long it ran, in seconds."""
        return self._view.resources.wall_s

    @property
    def cpu_s(self) -> float:
        """Processor time, in seconds."""
        return self._view.resources.cpu_s

    @property
    def memory_bytes(self) -> int:
        """Most memory at once."""
        return self._view.resources.max_rss_bytes

    @property
    def launched(self) -> int:
        """How many functions it launched."""
        return self._view.subjobs

    @property
    def at(self) -> datetime:
        """When it was asked for, in UTC."""
        return self._view.created_at

    def facts(self) -> list[tuple[str, object]]:
        """What it came to, a line each."""
        view = self._view
        facts: list[tuple[str, object]] = [
            ("Mock run", f"{view.state.value}, {when(view.created_at)}, for {view.requester.name}"),
            ("Used", f"{self.wall_s:.2f} s, {self.cpu_s:.2f} s of CPU, {self.memory_bytes >> 20} MiB"),
        ]
        if view.isolation:
            facts.append(("Isolation", view.isolation))
        if view.subjobs:
            facts.append(("Launched", view.subjobs))
        if view.result is not None:
            facts.append(("Returned", f"{view.result.type_name}, {size(view.result.size)}"))
        if not self.is_current:
            facts.append(("Note", "its code, mocks or packages have changed since: run it again"))
        return facts

    def blocks(self) -> list[tuple[str, Block]]:
        """What it said."""
        parts = (
            ("Printed on mocks", self.output),
            ("Printed to standard error", self.errors),
            ("Error", self.error),
        )
        return [(title, Text(_cut(text))) for title, text in parts if text]

    def _card(self) -> Card:
        return Card("Run on mocks", self.facts(), self.blocks())


def rehearse(session: Session, uid: UID, values: Mapping[str, Any], timeout_s: float | None) -> MockRun:
    """Run a request's code on mocks, and wait for its end.

    Args:
        session: of whoever decides about it.
        uid: the request's.
        values: for the parameters that take neither an object nor a constant.
        timeout_s: how long to wait, in seconds; None for as long as it takes.
    Raises:
        InvalidState: it has not ended in that time, an object has no mock, or a launched function is missing.
        InvalidInput: a value that is missing, or for a parameter that takes none of yours.
        AuthorizationException: it is your own.
    """
    arguments = {name: as_argument(session, value, name) for name, value in values.items()}
    view = session.ask(RehearseRequest(uid, arguments, min(timeout_s or WAIT_S, WAIT_S)), JobReply).job

    def ends_within(wait_s: float) -> bool:
        nonlocal view
        view = session.ask(GetJob(uid=view.uid, wait_s=wait_s), JobReply).job
        return view.state in ENDED

    if view.state not in ENDED and not wait_until(ends_within, timeout_s):
        raise InvalidState(
            f"'{cell(view.code_name)}' is still {view.state.value} on mocks after {timeout_s} s. It goes on; look at "
            "`request.evidence.mock_run` later."
        )
    log = session.ask(GetJobLog(view.uid), JobLogReply)
    return MockRun(session, Rehearsed(job=view, stdout=log.stdout, stderr=log.stderr, error=log.error))


def _cut(text: str) -> str:
    if len(text) <= _OUTPUT_SHOWN:
        return text
    return f"{text[:_OUTPUT_SHOWN]}\n… ({len(text) - _OUTPUT_SHOWN:,} characters more)"
