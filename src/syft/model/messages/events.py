"""This module holds what is said about the audit log."""

from __future__ import annotations

from syft.model.event import ChainedEvent, ChainHead, Checkpoint
from syft.model.message import Message


class ListEvents(Message, frozen=True, tag="events.list"):
    """What happened here, oldest first? Answered by `EventsReply`."""

    limit: int = 0
    offset: int = 0


class EventsReply(Message, frozen=True, tag="events.list.reply"):
    """A page of events, how many there are in all, and the signed end of all of them: of one moment."""

    events: tuple[ChainedEvent, ...]
    total: int
    head: ChainHead | None = None


class GetCheckpoint(Message, frozen=True, tag="events.checkpoint"):
    """Where does the log end, for me to keep? Answered by `CheckpointReply`."""


class CheckpointReply(Message, frozen=True, tag="events.checkpoint.reply"):
    """A signed statement about the log, which can be shown to anybody."""

    checkpoint: Checkpoint
