"""This module shows results that wait for a person, lets owners decide about them, and hands over answers by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

from syft.client.access import AnyRequest
from syft.client.jobs import Job
from syft.client.lists import Listing, ViewList
from syft.client.objects import bring, fetch_by
from syft.client.pointer import Pointer
from syft.client.present import Block, Card, Shown, SyftSuccess, Text, Value, cell, kind, rows_of, size, when
from syft.client.session import Session
from syft.errors import InvalidInput, InvalidState, NotFound
from syft.model.held import Disclosure, HeldOutput, HeldState
from syft.model.messages.jobs import GetJob, JobReply
from syft.model.messages.results import (
    DepositResult,
    GetHeldResult,
    HeldResultReply,
    HeldResultsReply,
    HeldView,
    ListHeldResults,
    ReadHeldResult,
    RefuseResult,
    ReleaseResult,
)
from syft.model.uid import UID
from syft.model.user import PersonView
from syft.wire import codec

RequestOf = Callable[[UID], AnyRequest]


class Output(Shown):
    """One of several things that a held result consists of.

    Args:
        output: as the node tells it.
    """

    def __init__(self, output: HeldOutput) -> None:
        self._output = output

    @property
    def place(self) -> int:
        """In the result, from 0."""
        return self._output.place

    @property
    def name(self) -> str:
        """Its key in a dict, cut to 100 characters, where you may read the data; the function has made it."""
        return self._output.name

    @property
    def type_name(self) -> str:
        """What it is, as a run behind the fence has told."""
        return self._output.type_name

    @property
    def shape(self) -> tuple[int, ...] | None:
        """Its shape, likewise."""
        return self._output.shape

    @property
    def size(self) -> int:
        """In bytes, encoded; likewise."""
        return self._output.size

    def row(self) -> Mapping[str, object]:
        """Its line in a list."""
        return {
            "Place": self.place,
            "Name": self.name,
            "Type": kind(self.type_name, self.shape),
            "Shape": "" if self.shape is None else str(self.shape),
            # Nothing but its place is told to who may not read it.
            "Size": size(self.size) if self.type_name else "",
        }

    def _card(self) -> Card:
        return Card("Output", list(self.row().items()))


class Held(Shown):
    """A result that waits for a person: what it is, how it came about, and the decision.

    Args:
        session: through which to decide.
        view: how it stood when the node was last asked.
        request_of: the request of a UID.
    """

    def __init__(self, session: Session, view: HeldView, request_of: RequestOf) -> None:
        self._session = session
        self._view = view
        self._request_of = request_of
        self._pointer: Pointer | None = None

    @property
    def id(self) -> UID:
        """That of the job whose result it is."""
        return self._view.uid

    @property
    def name(self) -> str:
        """Of the function that ran."""
        return self._view.code_name

    @property
    def status(self) -> HeldState:
        """What became of it, as of now."""
        return self.refresh()._view.state

    @property
    def job(self) -> Job:
        """The run."""
        return Job(self._session, self._session.ask(GetJob(uid=self.id), JobReply).job)

    @property
    def request(self) -> AnyRequest:
        """The request under which it ran."""
        return self._request_of(self._view.request_uid)

    @property
    def requesting_user(self) -> PersonView:
        """For whom it was computed."""
        return self._view.requester

    @property
    def held_at(self) -> datetime:
        """Since when it waits, in UTC."""
        return self._view.created_at

    @property
    def outputs(self) -> ViewList[Output]:
        """What it consists of; empty where it is one thing, or more than can be told apart."""
        return ViewList("Outputs", [Output(one) for one in self._view.outputs])

    @property
    def findings(self) -> tuple[Disclosure, ...]:
        """What you should know before you decide."""
        return self._view.findings

    @property
    def obstacle(self) -> str:
        """Why it could not leave as things stand: a withdrawn approval, data that has changed; empty where it could."""
        return self._view.obstacle

    @property
    def log(self) -> str:
        """What the run printed, as far as you may see it."""
        return self.job.logs(_print=False) or ""

    @property
    def decided_by(self) -> PersonView | None:
        """Who decided; None while nobody has."""
        return self._view.decided_by

    @property
    def decided_at(self) -> datetime | None:
        """When, in UTC."""
        return self._view.decided_at

    @property
    def reason(self) -> str:
        """In their words."""
        return self._view.reason

    @property
    def kept_back(self) -> tuple[int, ...]:
        """The places, from 0, of outputs that were left out of what was let go."""
        return self._view.kept_back

    @property
    def value(self) -> Any:
        """The result itself, for whoever may read the data that it was computed from.

        Raises:
            NotFound: that is not you; says who may.
            InvalidState: it was decided about: what was let go is `held.job.result`.
        """
        if self._pointer is None:
            ref = self._view.value
            if ref is not None and ref.inline is not None:
                found = codec.decode(ref.inline)
            else:
                found = self._fetched()
            self._pointer = Pointer.to_value(found, note="held")
        return self._pointer.get()

    def _fetched(self) -> Any:
        try:
            return fetch_by(self._session, lambda offset: ReadHeldResult(self.id, offset)).value
        except NotFound as error:
            raise NotFound(
                f"{error.public_message} The value of a held result is read by whoever may read all the data that it "
                "was computed from, and never by who asked; once it is let go, `held.job.wait()` has it for them."
            ) from None

    def get(self) -> Any:
        """The same as `value`."""
        return self.value

    def refresh(self) -> Held:
        """Ask the node how it stands."""
        self._view = self._session.ask(GetHeldResult(self.id), HeldResultReply).held
        return self

    def release(self, only: Iterable[int | str] | None = None, reason: str = "") -> SyftSuccess:
        """Let it go: all of it, or some of its outputs.

        What leaves of a dict is without the others; of a tuple or list it has None in their places.

        Args:
            only: the names or places of the outputs that leave; None for all.
            reason: what its requester is told; has to be given where something is kept back.
        Raises:
            InvalidInput: no such outputs, or no reason.
            InvalidState: it was decided before, or could not leave any more: `obstacle` says why.
            AuthorizationException: it is not yours to decide.
        """
        kept_back: tuple[int, ...] = ()
        if only is not None:
            places = self._places(only)
            kept_back = tuple(one.place for one in self._view.outputs if one.place not in places)
        return self._decided(ReleaseResult(self.id, kept_back, reason))

    def refuse(self, reason: str, outputs: Iterable[int | str] | None = None) -> SyftSuccess:
        """Keep it back: all of it, which is gone then, or some of its outputs.

        Args:
            reason: what its requester is told.
            outputs: the names or places of those that are kept back; None for all. The others leave.
        Raises:
            InvalidInput: no such outputs, or no reason.
            InvalidState: it was decided before.
            AuthorizationException: it is not yours to decide.
        """
        if outputs is None:
            return self._decided(RefuseResult(self.id, reason))
        return self._decided(ReleaseResult(self.id, tuple(sorted(self._places(outputs))), reason))

    def _decided(self, message: ReleaseResult | RefuseResult) -> SyftSuccess:
        self._view = self._session.ask(message, HeldResultReply).held
        return SyftSuccess(f"The result of '{cell(self.name)}' was {self._view.state.value}.", value=self)

    def _places(self, named: Iterable[int | str]) -> set[int]:
        """Outputs by place; names are for people, and not what is sent.

        Raises:
            InvalidInput: there is no such output, or there are several of that name.
        """
        if isinstance(named, str):
            raise InvalidInput("Outputs are a list of names or places: only=['...'].")
        found: set[int] = set()
        for one in named:
            matching = [
                output.place
                for output in self._view.outputs
                if (output.place == one if isinstance(one, int) else output.name == one)
            ]
            if len(matching) != 1:
                how = "several outputs" if matching else "no output"
                names = ", ".join(
                    f"{output.place}: {cell(output.name)}" if output.name else str(output.place)
                    for output in self._view.outputs
                )
                raise InvalidInput(
                    f"There is {how} {cell(repr(one))}. There are: {names or 'none that can be told apart'}."
                )
            found.update(matching)
        if not found:
            raise InvalidInput("Name at least one output.")
        return found

    def row(self) -> Mapping[str, object]:
        """Its line in a list."""
        view = self._view
        return {
            "Result of": f"{view.code_name} #{view.uid.short()}",
            "Requested by": f"{view.requester.name} ({view.requester.email})",
            "Held since": when(view.created_at),
            "Status": view.state.value,
            "Outputs": len(view.outputs) or "",
            "To look at": " ".join(one.text for one in view.findings),
            "Reason": view.reason,
        }

    def _card(self) -> Card:
        view = self._view
        facts: list[tuple[str, object]] = [
            ("id", view.uid.hex),
            ("Result of", view.code_name),
            ("Requested by", f"{view.requester.name} ({view.requester.email})"),
            ("Status", view.state.value),
            ("Held since", when(view.created_at)),
        ]
        if view.obstacle:
            facts.append(("Cannot leave", view.obstacle))
        for one in view.findings:
            facts.append((f"Finding ({one.rule})", f"{one.text} {one.fix}".rstrip()))
        if view.decided_by is not None:
            facts.append(("Decided by", f"{view.decided_by.name} ({when(view.decided_at)})"))
        if view.kept_back:
            facts.append(("Kept back", f"the outputs at {', '.join(map(str, view.kept_back))}, from 0"))
        if view.reason:
            facts.append(("Reason", view.reason))
        blocks: list[tuple[str, Block]] = []
        if view.outputs:
            blocks.append(("Outputs", rows_of([Output(one).row() for one in view.outputs])))
        if view.value is not None and (view.value.inline is not None or self._pointer is not None):
            blocks.append(("Value", Value(self.value)))
        elif view.value is not None:
            blocks.append(("Value", Text(f"{size(view.value.size)}; `held.value` brings it")))
        return Card("Held result", facts, blocks)


class HeldResults(Listing[Held]):
    """Results at a node that wait for a person, as far as they concern you: `client.held_results`.

    Args:
        session: of whom.
        request_of: the request of a UID.
        request_uid: only those under that approval.
        waiting: only those that nobody has decided about.
    """

    _title: ClassVar[str] = "Held Results"
    _what: ClassVar[str] = "held result"

    def __init__(
        self,
        session: Session,
        request_of: RequestOf,
        *,
        request_uid: UID | None = None,
        waiting: bool = True,
    ) -> None:
        self._session = session
        self._request_of = request_of
        self._request_uid = request_uid
        self._waiting = waiting

    @property
    def with_decided(self) -> HeldResults:
        """These, and those that were decided about."""
        return HeldResults(self._session, self._request_of, request_uid=self._request_uid, waiting=False)

    def get_by_uid(self, uid: UID) -> Held:
        """The held result of the job with that UID."""
        return self._by_uid(uid)

    def _page(self, limit: int, offset: int) -> tuple[Sequence[Held], int]:
        message = ListHeldResults(self._waiting, self._request_uid, limit, offset)
        reply = self._session.ask(message, HeldResultsReply)
        return [Held(self._session, view, self._request_of) for view in reply.held], reply.total

    def _by_uid(self, uid: UID) -> Held:
        held = self._session.ask(GetHeldResult(uid), HeldResultReply).held
        return Held(self._session, held, self._request_of)


def deposit(
    session: Session,
    request_uid: UID,
    result: Any,
    *,
    log_stdout: str,
    log_stderr: str,
    approve: bool | None,
    reason: str,
) -> Job:
    """Answer a request by hand. See `Request.deposit_result`."""
    if approve is False:
        raise InvalidState("Cannot deposit result without approving the request.")
    value = result.get() if isinstance(result, Pointer) else result
    message = DepositResult(request_uid, bring(session, value), log_stdout, log_stderr, reason)
    return Job(session, session.ask(message, JobReply).job)
