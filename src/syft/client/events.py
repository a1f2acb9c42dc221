"""This module shows what happened at a node: its audit log."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import ClassVar, Final

from syft.client.lists import Listing
from syft.client.present import Card, Shown, SyftSuccess, when
from syft.client.session import Session
from syft.errors import BadReply, InvalidInput
from syft.model.event import ChainedEvent, Checkpoint
from syft.model.messages.events import CheckpointReply, EventsReply, GetCheckpoint, ListEvents
from syft.model.uid import UID
from syft.store.chain import check_checkpoint
from syft.store.logfile import checkpoint_line, write_log

# Entries fetched at a time while exporting: some 700 KB.
_EXPORTED: Final = 1000


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


class CheckpointView(Shown):
    """A node's signed statement about its log, to be kept by whoever wants to hold it to that.

    Args:
        record: as the node signed it.
    """

    def __init__(self, record: Checkpoint) -> None:
        self.record = record

    @property
    def seq(self) -> int:
        """How many entries the log had."""
        return self.record.seq

    @property
    def hash(self) -> str:
        """The hash of the last of them, and by its chain of all."""
        return self.record.hash

    @property
    def at(self) -> datetime:
        """When, in UTC, by the node's clock."""
        return self.record.at

    @property
    def node(self) -> str:
        """The node's public key, 64 hex digits."""
        return self.record.node

    def save(self, path: str | Path) -> SyftSuccess:
        """Add it to a file as a line: one file keeps all that you ever asked for.

        Args:
            path: of the file, for `syft audit verify --checkpoint`; made where there is none.
        Raises:
            OSError: the disk refuses.
        """
        with Path(path).open("ab") as file:
            file.write(checkpoint_line(self.record))
        return SyftSuccess(
            f"Entry {self.seq} is in {path}. Keep it where the node's people cannot change it."
        )

    def _card(self) -> Card:
        facts = [("Entries", self.seq), ("Hash", self.hash), ("Time", when(self.at)), ("Node", self.node)]
        return Card("Checkpoint", facts)


class Events(Listing[EventView]):
    """The audit log of a node, oldest first: `client.events`."""

    _title: ClassVar[str] = "Event List"
    _what: ClassVar[str] = "event"

    def __init__(self, session: Session) -> None:
        self._session = session

    def _page(self, limit: int, offset: int) -> tuple[Sequence[EventView], int]:
        reply = self._session.ask(ListEvents(limit, offset), EventsReply)
        return [EventView(record) for record in reply.events], reply.total

    def export(self, path: str | Path) -> SyftSuccess:
        """Write the whole log, as it is now, to a new file that anybody can check without the node.

        Args:
            path: of the file, for `syft audit verify`; there must be none yet.
        Raises:
            AuthorizationException: only administrators read the log.
            InvalidInput: there is such a file.
            OSError: the disk refuses.
        """
        first = self._session.ask(ListEvents(_EXPORTED), EventsReply)
        if first.head is None:
            raise InvalidInput("This node is of an earlier version, which does not tell where its log ends.")
        key = bytes.fromhex(self._session.info.verify_key)
        number = write_log(Path(path), key, self._until(first.head.seq, first), first.head)
        return SyftSuccess(
            f"{number} entries are in {path}. Check them with: "
            f"syft audit verify {path} --key {self._session.info.verify_key}"
        )

    def _until(self, last: int, reply: EventsReply) -> Iterator[ChainedEvent]:
        """The entries up to place `last`, a page at a time, just as the node has them: checking is another's."""
        offset = 0
        while reply.events:
            yield from (entry for entry in reply.events if entry.seq <= last)
            offset += len(reply.events)
            if offset >= last:
                return
            reply = self._session.ask(ListEvents(_EXPORTED, offset), EventsReply)

    def checkpoint(self) -> CheckpointView:
        """The node's signed word on where its log ends, for you to keep: `.save(path)`.

        A later log that does not have that entry was written anew. Administrators get it as of now; everybody else,
        that of the hour.

        Raises:
            AuthorizationException: for those with an account only.
            BadReply: the node did not sign it.
        """
        found = self._session.ask(GetCheckpoint(), CheckpointReply).checkpoint
        try:
            check_checkpoint(found, bytes.fromhex(self._session.info.verify_key))
        except InvalidInput as error:
            raise BadReply(
                f"The node gave a checkpoint that is worth nothing. {error.public_message}"
            ) from error
        return CheckpointView(found)
