"""This module holds what is said about the audit log."""

from __future__ import annotations

from syft.model.event import ChainedEvent
from syft.model.message import Message


class ListEvents(Message, frozen=True, tag="events.list"):
    """What happened here, oldest first? Answered by `EventsReply`."""

    limit: int = 0
    offset: int = 0


class EventsReply(Message, frozen=True, tag="events.list.reply"):
    """A page of events, and how many there are in all."""

    events: tuple[ChainedEvent, ...]
    total: int
