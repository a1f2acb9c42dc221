"""This module holds workers on other machines: keys that were admitted to a pool, and tokens that admit them."""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from typing import Final

import msgspec

from syft.errors import InvalidInput
from syft.model.uid import UID

MAX_SLOTS: Final = 256
_NAME_MAX: Final = 100


class WorkerState(Enum):
    """What has been decided about a worker's key. Of one that waits nothing is stored: anybody can make keys."""

    WAITING = "waiting"
    ADMITTED = "admitted"
    REVOKED = "revoked"


class Worker(msgspec.Struct, frozen=True, kw_only=True):
    """A key that may take work of one pool, or might once.

    Args:
        uid: the record's own.
        verify_key: the worker's key, 64 hex digits; it has proved it.
        pool: the name of the pool whose work it takes.
        name: for people; what it called itself.
        state: whether it may still.
        admitted_by: the account that decided; of a token, whose maker did.
        admitted_at: when that was, in UTC.
    """

    uid: UID
    verify_key: str
    pool: str
    name: str
    state: WorkerState = WorkerState.ADMITTED
    admitted_by: UID
    admitted_at: datetime

    @property
    def key(self) -> bytes:
        """Its 32 public bytes."""
        return bytes.fromhex(self.verify_key)


class JoinToken(msgspec.Struct, frozen=True, kw_only=True):
    """Words by which keys are admitted to a pool without anybody looking at each.

    Args:
        uid: the record's own.
        token_hash: blake3 of the token, 64 hex digits. It has 256 random bits: nobody finds it from its hash.
        pool: the name of the pool.
        uses: how many more keys it admits.
        expires_at: from then on it admits none, in UTC.
        made_by: the administrator who made it.
    """

    uid: UID
    token_hash: str
    pool: str
    uses: int
    expires_at: datetime
    made_by: UID


def check_worker_name(name: str) -> None:
    """Raise unless a worker can be called that. It stands in tables and logs, and becomes part of a path.

    Raises:
        InvalidInput: it cannot.
    """
    allowed = all(char.isascii() and (char.isalnum() or char in "-_.") for char in name)
    if not name or len(name) > _NAME_MAX or not allowed or name.startswith("."):
        raise InvalidInput(
            f"'{name[:_NAME_MAX]}' cannot be a worker's name: use letters, digits, dots, dashes and underscores."
        )
