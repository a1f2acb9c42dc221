"""This module shows the audit log, and says for others to keep where it ends."""

from __future__ import annotations

from syft.model.message import Message
from syft.model.messages.events import CheckpointReply, EventsReply, GetCheckpoint, ListEvents
from syft.model.permission import Capability
from syft.node.context import Context, fitting, page
from syft.node.dispatch import handles


@handles(ListEvents, needs=Capability.READ_EVENTS)
def list_events(ctx: Context, message: ListEvents) -> Message:
    """A page of the log, oldest first."""
    limit, offset = page(message.limit, message.offset)
    with ctx.site.store.reading() as reader:
        entries = fitting(reader.events(limit=limit, offset=offset))
        return EventsReply(entries, reader.count_events(), reader.head())


@handles(GetCheckpoint, needs=Capability.TAKE_CHECKPOINTS)
def get_checkpoint(ctx: Context, message: GetCheckpoint) -> Message:
    """A signed statement about the log: as of now for those who read it, that of the hour for others."""
    checkpoints = ctx.site.checkpoints
    made = checkpoints.fresh if ctx.caller.can(Capability.READ_EVENTS) else checkpoints.of_the_hour
    return CheckpointReply(made(ctx.now))
