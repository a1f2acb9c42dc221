"""This module shows requests, and lets owners answer them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import ClassVar

import msgspec

from syft.client.limits import Amount, Limits, as_limits, asked_text
from syft.client.lists import Listing, ViewList
from syft.client.policies import input_text
from syft.client.present import Card, Shown, SyftSuccess, say, when
from syft.client.session import Session
from syft.client.usercode import UserCode
from syft.model.limits import limits_text
from syft.model.messages.requests import (
    ApproveRequest,
    DenyRequest,
    GetRequest,
    ListRequests,
    RequestReply,
    RequestsReply,
    RequestView,
    WithdrawRequest,
)
from syft.model.request import RequestState
from syft.model.uid import UID


class Request(Shown):
    """A scientist's question and the owner's answer.

    Args:
        session: through which to answer.
        view: how it stood when the node was last asked.
    """

    def __init__(self, session: Session, view: RequestView) -> None:
        self._session = session
        self._view = view

    @property
    def id(self) -> UID:
        """Its UID."""
        return self._view.uid

    @property
    def status(self) -> RequestState:
        """Where it stands now. What `approve` would approve stays what this object has shown."""
        now = self._session.ask(GetRequest(uid=self.id), RequestReply).request
        self._view = msgspec.structs.replace(
            self._view,
            state=now.state,
            decided_by=now.decided_by,
            decided_at=now.decided_at,
            decision_reason=now.decision_reason,
            results_released=now.results_released,
            # What is pending keeps what it has shown; what was answered has what it was answered with.
            limits=self._view.limits if now.state is RequestState.PENDING else now.limits,
        )
        return now.state

    @property
    def code(self) -> UserCode:
        """What is to run."""
        return UserCode(self._session, self._view.code)

    @property
    def codes(self) -> ViewList[UserCode]:
        """What is to run, and the functions it launches."""
        views = (self._view.code, *self._view.nested)
        return ViewList("UserCode List", [UserCode(self._session, view) for view in views])

    @property
    def reason(self) -> str:
        """Why it was asked."""
        return self._view.reason

    @property
    def deny_reason(self) -> str:
        """What the owner said."""
        return self._view.decision_reason

    @property
    def request_time(self) -> datetime:
        """When it was asked, in UTC."""
        return self._view.created_at

    @property
    def requesting_user_name(self) -> str:
        """Who asks."""
        return self._view.requester.name

    @property
    def requesting_user_email(self) -> str:
        """Their e-mail."""
        return self._view.requester.email

    @property
    def results_released(self) -> int:
        """How many results have left under it."""
        return self._view.results_released

    @property
    def limits(self) -> Limits:
        """What each run may use: as approved; until then as if it were approved as asked."""
        return Limits.of(self._view.limits)

    @property
    def changes(self) -> str:
        """What approving it would change, in a sentence."""
        code = self._view.code.submission
        asks = f"It asks for {limits_text(code.asked)}. " if code.asked.said else ""
        return (
            f"Request to change {code.name} (Pool Id: {code.pool}) to permission RequestStatus.APPROVED. "
            f"{asks}{self._nested_text()}"
        )

    def _limits_text(self) -> str:
        if self._view.state is RequestState.PENDING:
            return asked_text(self._view.limits, self._view.code.submission.asked)
        return limits_text(self._view.limits)

    def _nested_text(self) -> str:
        nested = self._view.code.submission.nested
        if not nested:
            return "No nested requests."
        if self._view.state is RequestState.PENDING:
            missing = ", ".join(self.missing_nested)
            what = f"{missing} must be submitted first" if missing else "approving it approves them too"
            return f"Nested Requests not resolved: {', '.join(sorted(nested))}; {what}."
        return f"Nested requests: {', '.join(nested)}."

    @property
    def missing_nested(self) -> tuple[str, ...]:
        """Functions it launches that have not been submitted."""
        there = {view.submission.name for view in self._view.nested}
        return tuple(name for name in self._view.code.submission.nested if name not in there)

    def approve(
        self,
        disable_warnings: bool = False,
        approve_nested: bool = False,
        *,
        limits: Limits | Mapping[str, Amount] | None = None,
    ) -> SyftSuccess:
        """Let it run: exactly the code that this object shows, with the functions it launches as it shows them.

        What each run may use is what this object shows under `limits`, with the changes that are given here.

        Args:
            disable_warnings: accepted for those who knew it.
            approve_nested: likewise; the functions it launches are always part of what is approved.
            limits: what to change about them: `sy.Limits(memory="1 GiB")`.
        Raises:
            InvalidInput: limits that cannot be read, or above those of its worker pool.
            InvalidState: it was answered before, its code is not what this shows, or a launched function is missing.
            AuthorizationException: it is not yours to answer.
        """
        code, nested = self._view.code, self._view.nested
        say(f"Approving request on change {code.submission.name} for datasite {self._session.info.name}")
        if nested:
            names = ", ".join(f"{view.submission.name} (version {view.version})" for view in nested)
            say(f"With the functions it launches: {names}")
        changed = as_limits(limits)
        if changed.said:
            say(f"With other limits than asked for: {limits_text(changed)}")
        # Every figure as it was read here: a pool that was changed meanwhile changes nothing about what is approved.
        granted = msgspec.structs.replace(self._view.limits, **changed.said)
        message = ApproveRequest(self.id, code.digest, tuple(view.digest for view in nested), granted)
        return self._answered(message, f"Request {self.id.hex} changes applied")

    def deny(self, reason: str) -> SyftSuccess:
        """Say no, or take back a yes.

        Args:
            reason: what the requester is told.
        """
        return self._answered(DenyRequest(self.id, reason), f"Request {self.id.hex} successfully denied!")

    def withdraw(self) -> SyftSuccess:
        """No longer ask."""
        return self._answered(WithdrawRequest(self.id), f"Request {self.id.hex} withdrawn.")

    def _answered(self, message: ApproveRequest | DenyRequest | WithdrawRequest, text: str) -> SyftSuccess:
        self._view = self._session.ask(message, RequestReply).request
        return SyftSuccess(text, value=self)

    def row(self) -> Mapping[str, object]:
        """Its line in a list."""
        view = self._view
        return {
            "id": view.uid.hex,
            "Description": self.changes,
            "Requested By": f"{view.requester.name} ({view.requester.email})",
            "Creation Time": when(view.created_at),
            "Status": view.state.name,
        }

    def _card(self) -> Card:
        view, info = self._view, self._session.info
        who = f"{view.requester.name} ({view.requester.email})"
        if view.requester.institution:
            who += f" Institution: {view.requester.institution}"
        facts: list[tuple[str, object]] = [
            ("Id", view.uid.hex),
            ("Request time", when(view.created_at)),
            ("Status", f"RequestStatus.{view.state.name}"),
            ("Requested on", f"{info.name[:1].upper()}{info.name[1:]} of type {info.kind.capitalize()}"),
            ("Requested by", who),
        ]
        if view.reason:
            facts.append(("Reason", view.reason))
        for given, parameter in view.code.submission.renamed.items():
            facts.append(("Note", f"the policy's input '{given}' is the function's parameter '{parameter}'"))
        facts.append(("Changes", self.changes))
        facts.append(("Limits of each run", self._limits_text()))
        # What is being asked for, where people look before they approve; `.code` has the source.
        for code in (view.code, *view.nested):
            of = "" if code is view.code else f" of {code.submission.name}"
            if code is view.code or code.submission.input_policy.rules:
                facts.append((f"Inputs{of}", input_text(code.submission.input_policy)))
            if code is not view.code and code.submission.asked.said:
                facts.append(
                    (f"Limits{of}", f"{limits_text(code.submission.asked)}, within those of each run")
                )
            if code.findings:
                facts.append((f"To look at{of}", " ".join(code.findings)))
        limit = view.code.submission.output_policy.limit
        facts.append(("Results", f"{view.results_released} of {limit} released"))
        if view.state is RequestState.PENDING:
            facts.append(
                ("Code", "`request.codes` shows all that would run; `request.code` what was asked for.")
            )
        if view.decided_by is not None:
            facts.append(("Answered by", f"{view.decided_by.name} ({when(view.decided_at)})"))
        if view.decision_reason:
            facts.append(("Answer", view.decision_reason))
        return Card("Request", facts)


class Requests(Listing[Request]):
    """The requests at a node that you may see: `client.requests`, by place or UID."""

    _title: ClassVar[str] = "Request List"
    _what: ClassVar[str] = "request"

    def __init__(self, session: Session, state: RequestState | None = None) -> None:
        self._session = session
        self._state = state

    def _page(self, limit: int, offset: int) -> tuple[Sequence[Request], int]:
        reply = self._session.ask(ListRequests(self._state, limit, offset), RequestsReply)
        return [Request(self._session, view) for view in reply.requests], reply.total

    def _at(self, index: int) -> Request:
        return Request(self._session, self._session.ask(GetRequest(index=index), RequestReply).request)

    def _by_uid(self, uid: UID) -> Request:
        return Request(self._session, self._session.ask(GetRequest(uid=uid), RequestReply).request)

    def get_by_uid(self, uid: UID) -> Request:
        """The request with that UID."""
        return self._by_uid(uid)

    def get_all_pending(self) -> ViewList[Request]:
        """Those that wait for an answer."""
        return Requests(self._session, RequestState.PENDING).get_all()

    def get_all_approved(self) -> ViewList[Request]:
        """Those that were answered with yes."""
        return Requests(self._session, RequestState.APPROVED).get_all()

    def get_all_rejected(self) -> ViewList[Request]:
        """Those that were answered with no."""
        return Requests(self._session, RequestState.REJECTED).get_all()

    def get_by_usercode_id(self, code_uid: UID) -> ViewList[Request]:
        """Those for one function."""
        return ViewList(self._title, [request for request in self if request.code.id == code_uid])
