"""This module takes in what other sites of a protocol hand over, in parts, and keeps it for the step that takes it.

Values are bytes here: they are counted, hashed and kept, and never decoded.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

from blake3 import blake3

from syft.errors import InvalidInput, InvalidState, NotFound, QuotaExceeded
from syft.jobs.steps import approvals_of
from syft.model.code import Code, Part
from syft.model.event import Event
from syft.model.job import Job
from syft.model.messages.objects import PART_BYTES
from syft.model.messages.protocols import HandOver
from syft.model.object import INLINE_BYTES, LEASE, ValueRef
from syft.model.protocol import MAX_PROTOCOL_STEPS
from syft.model.transit import Direction, InTransit
from syft.model.uid import UID
from syft.policy.disclosure import MAX_RELEASED_BYTES
from syft.policy.parts import deployment_of
from syft.store.base import Reader, Store
from syft.store.blobs import Blobs
from syft.store.uploads import Uploads

# One answer: a stranger does not learn which protocols run here, nor which runs.
NOT_EXPECTED: Final = "No step at this site waits for that, from you."


class _Place(NamedTuple):
    """Where something arrives: which run, which step, by which of its edges."""

    protocol: str
    run: UID
    step: int
    edge: int


@dataclass
class _Arriving:
    """A value of several parts that is on its way."""

    owner: UID
    upload: UID
    digest: str
    size: int


class _Known(Exception):
    """The value is here already; leaves a transaction without a trace."""


class Arrivals:
    """What arrives from other sites. Safe to use from many threads.

    Args:
        store: where approvals are, and what has arrived.
        blobs: where large values are.
        uploads: holds values whose parts are still coming; forgotten at a restart, and then sent again.
        most: how many bytes may wait for one protocol at this site, as of now.
    """

    def __init__(self, store: Store, blobs: Blobs, uploads: Uploads, most: Callable[[], int]) -> None:
        self._store = store
        self._blobs = blobs
        self._uploads = uploads
        self._most = most
        self._arriving: dict[_Place, _Arriving] = {}
        self._lock = threading.Lock()

    def take(self, sender: bytes, message: HandOver, data: bytes | memoryview, event: Event) -> None:
        """Keep a part of a value; the same part again changes nothing.

        Args:
            sender: the key that signed the message.
            message: what it is said to be.
            data: the part, perhaps with more behind it: what travels in others' hands is padded.
            event: of keeping it; written when the value is whole.
        Raises:
            NotFound: no approved step here takes that from a site with that key; one answer for all reasons.
            InvalidState: the step has run in that run, or has another value already.
            InvalidInput: a part, a size or a digest that is none; or the whole is not what was said.
            QuotaExceeded: more runs than the approval lets out, or more bytes than may wait.
        """
        with self._store.reading() as reader:
            place, _ = self._place(reader, sender, message, event.created_at)
            is_there = self._is_there(reader, place, message.digest)
        part = _part_of(message, data)
        if is_there or not len(part):
            return
        if message.size <= PART_BYTES:
            self._take_whole(place, sender, message, part, event)
        else:
            self._take_part(place, sender, message, part, event)

    def drop(self, protocol: str, run: UID) -> None:
        """Forget what is still on its way for that run."""
        with self._lock:
            for place in [one for one in self._arriving if (one.protocol, one.run) == (protocol, run)]:
                self._give_up(place)

    # --- whether

    def _place(self, reader: Reader, sender: bytes, message: HandOver, now: datetime) -> tuple[_Place, int]:
        """Where that value belongs, if somebody here waits for it, and how many runs are left there.

        Raises:
            NotFound: nobody does.
            InvalidState: whoever did has run.
        """
        if not 0 <= message.target < MAX_PROTOCOL_STEPS:
            raise NotFound(NOT_EXPECTED)
        codes = reader.select(Code, protocol=message.protocol, step=message.target)
        edge = _edge_of(codes, sender, message)
        left = sum(approvals_of(reader, code, now)[1] for code in codes)
        if edge is None or not left:
            raise NotFound(NOT_EXPECTED)
        for code in codes:
            if reader.count(Job, code_uid=code.uid, run=message.run):
                raise InvalidState("That step has run; nothing more is handed over to it in this run.")
        return _Place(message.protocol, message.run, message.target, edge), left

    def _check_admitted(self, reader: Reader, place: _Place, left: int, now: datetime) -> None:
        """Raise unless one more run may wait. With the lock held: of two at once, one comes first.

        Raises:
            QuotaExceeded: as many wait as are left under the approval.
        """
        kept = reader.select(InTransit, protocol=place.protocol, step=place.step, direction=Direction.IN)
        waiting = {one.run for one in kept if not one.has_expired(now)}
        waiting |= {
            one.run for one in self._arriving if (one.protocol, one.step) == (place.protocol, place.step)
        }
        if place.run not in waiting and len(waiting) >= left:
            raise QuotaExceeded("As many runs of that step wait here as are left under its approval.")

    def _is_there(self, reader: Reader, place: _Place, digest: str) -> bool:
        there = reader.find(InTransit, **place._asdict(), direction=Direction.IN)
        if there is not None and there.value.digest != digest:
            raise InvalidState("Another value has been handed over for that; it stays.")
        return there is not None

    def _check_room(self, reader: Reader, place: _Place, size: int) -> None:
        """Raise unless so many bytes may wait besides. With the lock held."""
        kept = reader.total(InTransit, "size", protocol=place.protocol, direction=Direction.IN)
        coming = sum(
            one.size
            for where, one in self._arriving.items()
            if where.protocol == place.protocol and where != place
        )
        if kept + coming + size > self._most():
            raise QuotaExceeded("As many bytes wait here for that protocol as this node keeps for one.")

    # --- taking

    def _take_whole(
        self, place: _Place, sender: bytes, message: HandOver, part: memoryview, event: Event
    ) -> None:
        if blake3(part).hexdigest() != message.digest:
            raise InvalidInput("What has arrived is not what was sent: its digest differs. Send it again.")
        with ExitStack() as landing:
            inline = bytes(part) if len(part) <= INLINE_BYTES else None
            if inline is None:
                writer = landing.enter_context(self._blobs.writer())
                writer.write(part)
                writer.commit()
            self._keep(place, sender, message, inline, event)

    def _take_part(
        self, place: _Place, sender: bytes, message: HandOver, part: memoryview, event: Event
    ) -> None:
        arriving = self._begun(place, sender, message, event)
        owner, upload = arriving.owner, arriving.upload
        try:
            self._uploads.put(owner, upload, message.offset, part)
            if self._uploads.missing(owner, upload):
                return
            self._uploads.finish(owner, upload, message.digest)
            with self._uploads.take(owner, upload):
                self._keep(place, sender, message, None, event)
        except InvalidInput:
            with self._lock:
                self._give_up(place)
            raise
        except (NotFound, InvalidState):
            # Another part of it was the last one at the same moment, and is taking it.
            with self._store.reading() as reader:
                if not self._is_there(reader, place, message.digest):
                    raise
        with self._lock:
            self._arriving.pop(place, None)

    def _begun(self, place: _Place, sender: bytes, message: HandOver, event: Event) -> _Arriving:
        """The upload that a part belongs to, begun where it is the first."""
        with self._lock:
            self._forget_expired()
            known = self._arriving.get(place)
            if known is not None:
                if (known.digest, known.size) != (message.digest, message.size):
                    raise InvalidState("Another value is being handed over for that; it stays.")
                return known
            with self._store.reading() as reader:
                _, left = self._place(reader, sender, message, event.created_at)
                self._check_admitted(reader, place, left, event.created_at)
                self._check_room(reader, place, message.size)
            owner = UID.from_bytes(blake3(sender + bytes.fromhex(place.protocol)).digest(16))
            upload = self._uploads.begin(owner, message.size)
            self._arriving[place] = _Arriving(owner, upload, message.digest, message.size)
            return self._arriving[place]

    def _keep(
        self, place: _Place, sender: bytes, message: HandOver, inline: bytes | None, event: Event
    ) -> None:
        value = ValueRef(
            digest=message.digest, size=message.size, type_name=message.type_name[:200], inline=inline
        )
        with self._lock, contextlib.suppress(_Known), self._store.writing(event) as tx:
            # Asked again, in the transaction: approvals are withdrawn meanwhile, and others arrive.
            _, left = self._place(tx, sender, message, event.created_at)
            if self._is_there(tx, place, message.digest):
                raise _Known
            self._check_admitted(tx, place, left, event.created_at)
            self._check_room(tx, place, message.size)
            tx.add(
                InTransit(
                    uid=UID(),
                    **place._asdict(),
                    direction=Direction.IN,
                    value=value,
                    created_at=event.created_at,
                    lease_until=event.created_at + LEASE,
                )
            )

    # --- with the lock held

    def _forget_expired(self) -> None:
        self._uploads.expire()
        for place, one in list(self._arriving.items()):
            try:
                self._uploads.missing(one.owner, one.upload)
            except NotFound:
                del self._arriving[place]

    def _give_up(self, place: _Place) -> None:
        one = self._arriving.pop(place, None)
        if one is not None:
            with contextlib.suppress(NotFound, InvalidState):
                self._uploads.drop(one.owner, one.upload)


def _edge_of(codes: list[Code], sender: bytes, message: HandOver) -> int | None:
    """The place of the edge among those that arrive at the step, if the deployment has it, from that key."""
    if not codes:
        return None
    part = codes[0].submission.part
    assert isinstance(part, Part)  # it was looked for by its protocol
    deployment = deployment_of(part)
    for number, edge in enumerate(deployment.protocol.arriving(message.target)):
        if (edge.source, edge.parameter) == (message.source, message.parameter):
            return number if deployment.site_of(edge.source).key == sender else None
    return None


def _part_of(message: HandOver, data: bytes | memoryview) -> memoryview:
    """The bytes of the value that came with a message; none where all that came is padding.

    Raises:
        InvalidInput: a place, a length or a size that no part has.
    """
    if not 0 < message.size <= MAX_RELEASED_BYTES or message.offset < 0 or message.offset % PART_BYTES:
        raise InvalidInput("No part of a value is of that size, at that place.")
    due = min(PART_BYTES, max(0, message.size - message.offset))
    if len(data) < due:
        raise InvalidInput(f"The part at byte {message.offset} is cut short.")
    return memoryview(data)[:due]
