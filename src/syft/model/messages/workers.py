"""This module holds what administrators say about workers on other machines."""

from __future__ import annotations

from datetime import datetime

import msgspec

from syft.model.message import Message
from syft.model.uid import UID
from syft.model.worker import WorkerState


class WorkerView(msgspec.Struct, frozen=True, kw_only=True):
    """A worker as an administrator sees it.

    Args:
        uid: its own.
        verify_key: its key, 64 hex digits; compare it with what the worker itself says before you admit it.
        pool: whose work it takes, or wants to.
        name: what it calls itself.
        state: what has been decided.
        online: whether it is there now.
        slots: how many orders of one depth it runs at once; 0 where it is not there.
        running: how many it runs now.
        isolation: the level that its fence has proved, as it says; empty where it is not there.
        difference: of one that waits, how its environment differs from that of the pool: it could not run anything.
        origin: of one that waits, the network address it asks from.
        last_seen_s: seconds since it was last heard of; None where that is not known.
        since: when it was admitted, or first asked, in UTC.
    """

    uid: UID
    verify_key: str
    pool: str
    name: str
    state: WorkerState
    online: bool = False
    slots: int = 0
    running: int = 0
    isolation: str = ""
    difference: str = ""
    origin: str = ""
    last_seen_s: float | None = None
    since: datetime


class ListWorkers(Message, frozen=True, tag="workers.list"):
    """Which workers are there, were there, or want to be? Answered by `WorkersReply`.

    Args:
        pool: of that pool only; empty for all.
    """

    pool: str = ""
    limit: int = 0
    offset: int = 0


class AdmitWorker(Message, frozen=True, tag="workers.admit"):
    """That key may take work. Answered by `WorkerReply`.

    Args:
        uid: of the worker, which waits or was revoked.
        verify_key: its key: what an administrator has seen is what is admitted.
    """

    uid: UID
    verify_key: str


class RevokeWorker(Message, frozen=True, tag="workers.revoke"):
    """That key may not take work any more; what it has is given up at once. Answered by `WorkerReply`."""

    uid: UID


class MakeJoinToken(Message, frozen=True, tag="workers.token"):
    """Make words by which keys are admitted to a pool without being looked at. Answered by `JoinTokenReply`.

    Args:
        pool: its name.
        uses: how many keys it admits.
        hours: for how long.
    """

    pool: str
    uses: int = 1
    hours: float = 24.0


class JoinTokenReply(Message, frozen=True, tag="workers.token.reply"):
    """The token, told once.

    Args:
        sealed: the token, sealed to the key that asked.
        expires_at: in UTC.
    """

    sealed: bytes
    expires_at: datetime


class WorkerReply(Message, frozen=True, tag="workers.reply"):
    """One worker."""

    worker: WorkerView


class WorkersReply(Message, frozen=True, tag="workers.list.reply"):
    """A page of workers, and how many there are in all."""

    workers: tuple[WorkerView, ...]
    total: int
