"""This module holds what is said about worker pools."""

from __future__ import annotations

from datetime import datetime

import msgspec

from syft.model.limits import JobLimits
from syft.model.message import Message
from syft.model.uid import UID


class PoolView(msgspec.Struct, frozen=True, kw_only=True):
    """A worker pool as people see it.

    Args:
        uid: the pool's own.
        name: by which functions ask for it.
        limits: what a job there may use, every figure.
        own: those of them that are the pool's own, and not the server's.
        created_at: when it was made, in UTC.
    """

    uid: UID
    name: str
    limits: JobLimits
    own: JobLimits = JobLimits()
    created_at: datetime


class ListPools(Message, frozen=True, tag="pools.list"):
    """Which worker pools are there, oldest first? Answered by `PoolsReply`."""

    limit: int = 0
    offset: int = 0


class GetPool(Message, frozen=True, tag="pools.get"):
    """One worker pool, by its name. Answered by `PoolReply`."""

    name: str


class SetPoolLimits(Message, frozen=True, tag="pools.set_limits"):
    """Change what a job in a worker pool may use. Answered by `PoolReply`.

    Args:
        name: of the pool.
        limits: figures to set; the others stay.
        reset: fields of `JobLimits` that are to be the server's again.
    """

    name: str
    limits: JobLimits = JobLimits()
    reset: tuple[str, ...] = ()


class PoolReply(Message, frozen=True, tag="pools.reply"):
    """One worker pool."""

    pool: PoolView


class PoolsReply(Message, frozen=True, tag="pools.list.reply"):
    """A page of worker pools, and how many there are in all."""

    pools: tuple[PoolView, ...]
    total: int
