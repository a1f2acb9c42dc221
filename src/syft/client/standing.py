"""This module shows standing approvals, what was approved in advance, and ends them: `client.requests.standing`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from syft.client.lists import Listing
from syft.client.present import Card, Shown, SyftSuccess, when
from syft.client.session import Session
from syft.errors import NotFound
from syft.model.limits import limits_text
from syft.model.message import Done
from syft.model.messages.requests import (
    ListStandingApprovals,
    RemoveStandingApproval,
    StandingApprovalsReply,
    StandingView,
)
from syft.model.uid import UID
from syft.policy.terms import terms_text


class StandingApproval(Shown):
    """Somebody's yes to later requests that are in everything the same as one that they approved.

    Args:
        session: through which to end it.
        view: as the node told of it.
    """

    def __init__(self, session: Session, view: StandingView) -> None:
        self._session = session
        self._view = view

    @property
    def id(self) -> UID:
        """Its UID."""
        return self._view.uid

    @property
    def request_id(self) -> UID:
        """Of the request on which it was given."""
        return self._view.request_uid

    @property
    def code_name(self) -> str:
        """Of the function that it approves."""
        return self._view.code_name

    @property
    def approver_email(self) -> str:
        """Who gave it."""
        return self._view.by.email

    @property
    def users(self) -> list[str] | None:
        """E-mails of those whose requests it approves; None: anybody's."""
        return None if self._view.users is None else [one.email for one in self._view.users]

    @property
    def times(self) -> int | None:
        """How many requests it approves; None: any number."""
        return self._view.times

    @property
    def used(self) -> int:
        """How many it has approved, as the node last said."""
        return self._view.used

    def remove(self) -> SyftSuccess:
        """Approve nothing more by it. What it approved stays so: deny those requests to revoke them.

        Raises:
            NotFound: it is not there any more.
        """
        self._session.ask(RemoveStandingApproval(self.id), Done)
        return SyftSuccess(f"Standing approval {self.id.hex} removed.")

    def row(self) -> Mapping[str, object]:
        """Its line in a list."""
        view = self._view
        times = "any number" if view.times is None else f"{view.times:,}"
        return {
            "id": view.uid.hex,
            "Function": view.code_name,
            "By": f"{view.by.name} ({view.by.email})",
            "For": "anybody" if view.users is None else ", ".join(one.email for one in view.users),
            "Used": f"{view.used:,} of {times}",
            "Conditions": terms_text(view.terms),
            "Given": when(view.created_at),
        }

    def _card(self) -> Card:
        facts = [fact for fact in self.row().items() if fact[1] != ""]
        return Card("Standing approval", [*facts, ("Limits of each run", limits_text(self._view.limits))])


class StandingApprovals(Listing[StandingApproval]):
    """The standing approvals that you gave, or may end because they are about data of yours."""

    _title: ClassVar[str] = "Standing Approval List"
    _what: ClassVar[str] = "standing approval"

    def __init__(self, session: Session) -> None:
        self._session = session

    def _page(self, limit: int, offset: int) -> tuple[Sequence[StandingApproval], int]:
        reply = self._session.ask(ListStandingApprovals(limit, offset), StandingApprovalsReply)
        return [StandingApproval(self._session, view) for view in reply.approvals], reply.total

    def _by_uid(self, uid: UID) -> StandingApproval:
        found = next((one for one in self if one.id == uid), None)
        if found is None:
            raise NotFound("There is no such standing approval, or it is not yours.")
        return found

    def remove(self, key: int | UID) -> SyftSuccess:
        """Approve nothing more by one.

        Args:
            key: its place or its UID.
        """
        return self[key].remove()
