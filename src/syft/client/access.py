"""This module holds requests to read an object: what who asks and who owns it see of one, and can do."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import datetime
from typing import Final

import msgspec

from syft.client.present import Card, Shown, SyftSuccess, cell, when
from syft.client.session import Session
from syft.client.waiting import WAIT_S, wait_until
from syft.model.messages.requests import (
    ApproveRequest,
    DenyRequest,
    GetRequest,
    RequestObject,
    RequestReply,
    RequestView,
    WithdrawRequest,
)
from syft.model.request import RequestState
from syft.model.uid import UID

# How long who blocks waits for an answer without saying how long.
_PATIENCE_S: Final = 30.0


class AnyRequest(Shown):
    """Somebody's question and the owner's answer.

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
        return self._heard(self._session.ask(GetRequest(uid=self.id), RequestReply).request)

    def _heard(self, now: RequestView) -> RequestState:
        self._view = msgspec.structs.replace(
            self._view,
            state=now.state,
            decided_by=now.decided_by,
            decided_at=now.decided_at,
            decision_reason=now.decision_reason,
            results_released=now.results_released,
            results_held=now.results_held,
            deposited=now.deposited,
            approvals=now.approvals,
            needed=now.needed,
            runs_begun=now.runs_begun,
        )
        return now.state

    def wait(self, timeout_s: float = _PATIENCE_S) -> RequestState:
        """Where it stands when it is answered, or after so many seconds."""
        if self._view.state is RequestState.PENDING:
            wait_until(self._answered_within, timeout_s)
        return self._view.state

    def _answered_within(self, wait_s: float) -> bool:
        message = GetRequest(uid=self.id, wait_s=wait_s)
        return self._heard(self._session.ask(message, RequestReply).request) is not RequestState.PENDING

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
    def requesting_user_institution(self) -> str:
        """Where they work, as they say; for those who decide."""
        return self._view.requester.institution

    @property
    def changes(self) -> str:
        """What approving it would change, in a sentence."""
        raise NotImplementedError

    def approve(self) -> SyftSuccess:
        """Say yes."""
        raise NotImplementedError

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


class AccessRequest(AnyRequest):
    """A request to read an object."""

    @property
    def object_id(self) -> UID:
        """Of the object."""
        uid = self._view.object_uid
        assert uid is not None
        return uid

    @property
    def object_tags(self) -> list[str]:
        """Of the object; none when it is gone."""
        return list(self._view.object.tags) if self._view.object else []

    @property
    def object_type(self) -> str:
        """What the object's value is; empty when it is gone."""
        return self._view.object.type_name if self._view.object else ""

    @property
    def object_story(self) -> str:
        """How the object's value was computed, and from what; empty for one that was brought."""
        return self._view.object.name if self._view.object and self._view.object.op else ""

    @property
    def changes(self) -> str:
        """What approving it would change, in a sentence."""
        if self.object_story:
            return (
                f"Request to let {self._view.requester.name} read {self.object_story} ({self.object_id.hex})."
            )
        tags = ", ".join(self.object_tags)
        what = f"{self.object_type or 'an object'}{f' tagged {tags}' if tags else ''} ({self.object_id.hex})"
        return f"Request to let {self._view.requester.name} read {what}."

    def approve(self) -> SyftSuccess:
        """Let the requester read the value: the one that this object was shown with, and no other.

        Raises:
            InvalidState: it was answered before, or the value is another now.
            AuthorizationException: it is not yours to answer.
        """
        digest = self._view.object.digest if self._view.object else ""
        return self._answered(
            ApproveRequest(self.id, digest), f"Request {self.id.hex} accepted; the value can be read."
        )

    accept = grant = approve

    def deny(self, reason: str = "The owner has denied it.") -> SyftSuccess:
        """Say no, or take back a yes.

        Args:
            reason: what the requester is told.
        """
        return super().deny(reason)

    reject = deny

    def _card(self) -> Card:
        view = self._view
        facts: list[tuple[str, object]] = [
            ("Id", view.uid.hex),
            ("Request time", when(view.created_at)),
            ("Status", f"RequestStatus.{view.state.name}"),
            ("Requested by", f"{view.requester.name} ({view.requester.email})"),
            ("Object", self.object_id.hex),
            ("Object's type", cell(self.object_type)),
            ("Object's tags", ", ".join(self.object_tags)),
            ("Computed", self.object_story),
            ("Reason", view.reason),
        ]
        if view.expires_at is not None:
            facts.append(("Waits until", when(view.expires_at)))
        if view.decided_by is not None:
            by = f"{view.decided_by.name} ({when(view.decided_at)})"
            facts.append(("Answered by", f"a standing rule of {by}" if view.by_rule else by))
        if view.decision_reason:
            facts.append(("Answer", view.decision_reason))
        return Card("Request", [fact for fact in facts if fact[1]])


def ask_for(
    session: Session, object_uid: UID, reason: str, *, block: bool, timeout_s: float | None
) -> AccessRequest:
    """Ask the owner of an object to let it be read.

    Args:
        session: of who asks.
        object_uid: which object.
        reason: why.
        block: whether to wait for the answer.
        timeout_s: after which nobody need answer any more, in seconds.
    Returns:
        The request, with the answer if there is one.
    """
    patience = _PATIENCE_S if timeout_s is None else timeout_s
    message = RequestObject(object_uid, reason, timeout_s, min(patience, WAIT_S) if block else 0.0)
    began = time.monotonic()
    request = AccessRequest(session, session.ask(message, RequestReply).request)
    if block:
        request.wait(max(0.0, began + patience - time.monotonic()))
    return request
