"""This module holds what is said about worker pools."""

from __future__ import annotations

from datetime import datetime

import msgspec

from syft.model.limits import JobLimits
from syft.model.message import Message
from syft.model.pool import Embedded, Engine, PoolSpec
from syft.model.uid import UID


class PoolView(msgspec.Struct, frozen=True, kw_only=True):
    """A worker pool as people see it.

    Args:
        uid: the pool's own.
        name: by which functions ask for it.
        limits: what a job there may use, every figure.
        own: those of them that are the pool's own, and not the server's.
        created_at: when it was made, in UTC.
        size: how many jobs run there at once, as it stands now.
        workers: how many that were to be; 0: as many as the server's settings say.
        engine: what its runs are run by. Files and addresses of a cluster are for administrators to see.
        isolation: level of the fence; empty until it is known.
        image_uid: the environment its runs have; None: the server's own.
        running: how many jobs run there now.
        waiting: how many wait for their turn.
    """

    uid: UID
    name: str
    limits: JobLimits
    own: JobLimits = JobLimits()
    created_at: datetime
    size: int = 0
    workers: int = 0
    engine: Engine = Embedded()
    isolation: str = ""
    image_uid: UID | None = None
    running: int = 0
    waiting: int = 0


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


class LaunchPool(Message, frozen=True, tag="pools.launch"):
    """Make this worker pool. Answered by `PoolReply`."""

    pool: PoolSpec


class ScalePool(Message, frozen=True, tag="pools.scale"):
    """Have so many jobs run at once in a worker pool. Answered by `PoolReply`.

    Args:
        name: of the pool.
        workers: how many; 0: as many as the server's settings say.
    """

    name: str
    workers: int


class RemovePool(Message, frozen=True, tag="pools.remove"):
    """Have a worker pool run nothing more: what waits there is cancelled, what runs is stopped. Answered by `Done`."""

    name: str


class PoolReply(Message, frozen=True, tag="pools.reply"):
    """One worker pool."""

    pool: PoolView


class PoolsReply(Message, frozen=True, tag="pools.list.reply"):
    """A page of worker pools, and how many there are in all."""

    pools: tuple[PoolView, ...]
    total: int
