"""This module holds events: what happened, who did it, the hash that chains each to the one before, and signed ends."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec
from blake3 import blake3

from syft.model.uid import UID

GENESIS: Final = "0" * 64

_encoder = msgspec.json.Encoder(order="deterministic")


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened, before it has its place in the chain.

    Args:
        verb: `area.past_tense`, such as "dataset.created".
        actor_uid: the account that did it; None for guests and for the node itself.
        actor_key: the key that signed the message, 64 hex digits; empty for the node itself.
        subject_uid: what it was done to.
        detail: names, numbers and digests; never values.
        message_uid: the message that asked for it: a second event for the same message is a replay.
        created_at: when, in UTC.
    """

    verb: str
    actor_uid: UID | None = None
    actor_key: str = ""
    subject_uid: UID | None = None
    detail: dict[str, str] = {}
    message_uid: UID | None = None
    created_at: datetime


class ChainedEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event in its place: nothing before it can be changed, left out or moved without its hash changing.

    Args:
        seq: 1 for the first, then without gaps.
        event: what happened.
        previous: the hash of the one before, or 64 zeros.
        hash: BLAKE3 over seq, previous and event.
        signature: the node's Ed25519 signature over `hash`, 128 hex digits.
    """

    seq: int
    event: Event
    previous: str
    hash: str
    signature: str


class ChainHead(msgspec.Struct, frozen=True, kw_only=True):
    """The last entry of a log, signed apart from it.

    Each entry proves the ones before it, and none proves that nothing came after. This does: whoever takes
    entries off the end has no signature for where the log ends then. (An older copy of the whole database
    still has one. Only who noted a later head elsewhere can tell: that is what a `Checkpoint` is for.)

    Args:
        seq: of the last entry.
        hash: of the last entry.
        signature: the node's, 128 hex digits.
    """

    seq: int
    hash: str
    signature: str


class Checkpoint(msgspec.Struct, frozen=True, kw_only=True):
    """What a node signs for others to keep: "at this time, entry `seq` of my log had this hash".

    A later log of the node that does not have that entry with that hash was written anew, and whoever kept the
    checkpoint can show it to anybody.

    Args:
        node: the node's public key, 64 hex digits.
        seq: of the entry; the last one at the time.
        hash: of the entry, and by its chain of all before it.
        at: when, in UTC, in whole seconds, by the node's clock.
        signature: the node's, 128 hex digits.
    """

    node: str
    seq: int
    hash: str
    at: datetime
    signature: str


def event_hash(seq: int, previous: str, event: Event) -> str:
    """The hash that puts `event` in place `seq` after the event whose hash is `previous`."""
    fields = {name: str(value) for name, value in msgspec.structs.asdict(event).items() if name != "detail"}
    body = {"seq": seq, "previous": previous, "event": fields, "detail": event.detail}
    return blake3(_encoder.encode(body)).hexdigest()
