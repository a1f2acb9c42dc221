"""This module holds an owner's standing rules as a person sees them: what answers requests without asking."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from syft.client.lists import Listing
from syft.client.present import Card, Shown, SyftSuccess, when
from syft.client.session import Session
from syft.errors import MissingExtra
from syft.model.messages.requests import HandlersReply, ListHandlers, RemoveHandlers
from syft.model.request import RequestHandler
from syft.model.uid import UID


class Handler(Shown):
    """A standing rule of yours.

    Args:
        session: through which to change it.
        record: as the node keeps it.
    """

    def __init__(self, session: Session, record: RequestHandler) -> None:
        self._session = session
        self.record = record

    @property
    def id(self) -> UID:
        """Its UID."""
        return self.record.uid

    @property
    def action(self) -> str:
        """What it answers: "accept" or "deny"."""
        return self.record.action.value

    @property
    def tags(self) -> list[str]:
        """It is asked about objects with exactly these; none: about all that no other rule names."""
        return list(self.record.tags)

    @property
    def element_quota(self) -> int | None:
        """How many elements may leave by it in all; None: any number."""
        return self.record.element_quota

    @property
    def elements_used(self) -> int:
        """How many have left, as the node last said."""
        return self.record.elements_used

    def remove(self) -> SyftSuccess:
        """Take it away. What it let out stays out.

        Raises:
            NotFound: it is not there any more.
        """
        self._session.ask(RemoveHandlers((self.id,)), HandlersReply)
        return SyftSuccess(f"Handler {self.id.hex} removed.")

    def row(self) -> Mapping[str, object]:
        """Its line in a list."""
        record = self.record
        quota = "any number" if record.element_quota is None else f"{record.element_quota:,}"
        return {
            "id": record.uid.hex,
            "Action": self.action,
            "Tags": ", ".join(record.tags) or "(all)",
            "Answered": record.answered,
            "Elements": f"{record.elements_used:,} of {quota}",
            "Ends": when(record.expires_at) if record.expires_at else "",
        }

    def _card(self) -> Card:
        return Card("Request handler", [fact for fact in self.row().items() if fact[1] != ""])


class Handlers(Listing[Handler]):
    """Your standing rules at a node: `client.requests.handlers`."""

    _title: ClassVar[str] = "Request Handler List"
    _what: ClassVar[str] = "handler"

    def __init__(self, session: Session) -> None:
        self._session = session

    def _page(self, limit: int, offset: int) -> tuple[Sequence[Handler], int]:
        found = self._session.ask(ListHandlers(), HandlersReply).handlers
        some = found[offset : offset + limit] if limit else found[offset:]
        return [Handler(self._session, record) for record in some], len(found)

    def _by_uid(self, uid: UID) -> Handler:
        return self._named(uid.hex)

    def _named(self, key: str) -> Handler:
        """The rule with that tag, or with that text in its UID.

        Raises:
            KeyError: none, or several.
        """
        every = list(self)
        part = key.replace("-", "").lower()
        found = [one for one in every if key in one.record.tags] or [
            one for one in every if part and part in one.id.hex
        ]
        if len(found) != 1:
            raise KeyError(
                f"More than one handler for: {key}" if found else f"No such handler found for: {key}"
            )
        return found[0]

    @property
    def pandas(self) -> Any:
        """All of them as a table.

        Raises:
            MissingExtra: pandas is not installed.
        """
        try:
            import pandas as pd
        except ImportError:
            raise MissingExtra("This needs pandas: pip install 'datasite[data]'.") from None
        return pd.DataFrame([handler.row() for handler in self])
