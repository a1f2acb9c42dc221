"""This module shows the audit log."""

from __future__ import annotations

from syft.model.message import Message
from syft.model.messages.events import EventsReply, ListEvents
from syft.model.permission import Capability
from syft.node.context import Context, page
from syft.node.dispatch import handles


@handles(ListEvents, needs=Capability.READ_EVENTS)
def list_events(ctx: Context, message: ListEvents) -> Message:
    """A page of the log, oldest first."""
    limit, offset = page(message.limit, message.offset)
    with ctx.site.store.reading() as reader:
        return EventsReply(tuple(reader.events(limit=limit, offset=offset)), reader.count_events())
