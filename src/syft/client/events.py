"""This module shows what happened at a node: its audit log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import ClassVar

from syft.client.lists import Listing
from syft.client.present import Card, Shown, when
from syft.client.session import Session
from syft.model.event import ChainedEvent
from syft.model.messages.events import EventsReply, ListEvents
from syft.model.uid import UID


class EventView(Shown):
    """One thing that happened.

    Args:
        record: as it stands in the log.
    """

    def __init__(self, record: ChainedEvent) -> None:
        self.record = record

    @property
    def seq(self) -> int:
        """Its place in the log, from 1."""
        return self.record.seq

    @property
    def verb(self) -> str:
        """What happened, such as "dataset.created"."""
        return self.record.event.verb

    @property
    def actor_uid(self) -> UID | None:
        """The account that did it; None for guests and the node itself."""
        return self.record.event.actor_uid

    @property
    def subject_uid(self) -> UID | None:
        """What it was done to."""
        return self.record.event.subject_uid

    @property
    def detail(self) -> Mapping[str, str]:
        """Names, numbers and digests; never values."""
        return self.record.event.detail

    @property
    def created_at(self) -> datetime:
        """When, in UTC."""
        return self.record.event.created_at

    def row(self) -> Mapping[str, object]:
        """Its line in a list."""
        return {
            "Seq": self.seq,
            "Time": when(self.created_at),
            "What": self.verb,
            "By": self.actor_uid.short() if self.actor_uid else "",
            "On": self.subject_uid.short() if self.subject_uid else "",
            "Detail": ", ".join(f"{name}={text}" for name, text in self.detail.items()),
        }

    def _card(self) -> Card:
        facts = [*self.row().items(), ("Hash", self.record.hash)]
        return Card("Event", [(label, text) for label, text in facts if text != ""])


class Events(Listing[EventView]):
    """The audit log of a node, oldest first: `client.events`."""

    _title: ClassVar[str] = "Event List"
    _what: ClassVar[str] = "event"

    def __init__(self, session: Session) -> None:
        self._session = session

    def _page(self, limit: int, offset: int) -> tuple[Sequence[EventView], int]:
        reply = self._session.ask(ListEvents(limit, offset), EventsReply)
        return [EventView(record) for record in reply.events], reply.total
