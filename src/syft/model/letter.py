"""This module holds letters: eventual messages that a node has taken, and answers for until they have arrived."""

from __future__ import annotations

from datetime import datetime
from enum import Enum

import msgspec

from syft.model.uid import UID


class LetterState(Enum):
    """How far it has come."""

    WAITING = "waiting"
    DONE = "done"
    RETURNED = "returned"


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """An envelope that waits: to be handled here, or for the next node to be reached.

    What has been taken is remembered until no copy of it could be fresh any more: its bytes go when it is done, the
    record stays so long, and a second copy is known by it.

    Args:
        uid: the record's own.
        message_uid: the message's.
        sender: the key that signed it, 64 hex digits.
        next_node: where it goes next; None when it is for this node.
        envelope: its bytes; empty when it is done.
        size: of the envelope, in bytes.
        charged_to: against whose allowance it counts while it waits: the account that left it, or the key.
        known_sender: whether that was known here when it came; strangers share a smaller room.
        state: how far it has come.
        attempts: how often it was tried in vain.
        created_at: when it was taken, in UTC.
        expires_at: when it is given up, or forgotten, in UTC.
    """

    uid: UID
    message_uid: UID
    sender: str
    next_node: UID | None = None
    envelope: bytes
    size: int = 0
    charged_to: str = ""
    known_sender: bool = False
    state: LetterState = LetterState.WAITING
    attempts: int = 0
    created_at: datetime
    expires_at: datetime
