"""This module shows worker pools, and lets administrators say what a job may use in each."""

from __future__ import annotations

import msgspec

from syft.errors import InvalidInput
from syft.jobs.limits import ceiling_of, get_pool
from syft.model.event import Event
from syft.model.limits import FIGURES, limits_text
from syft.model.message import Message
from syft.model.messages.pools import GetPool, ListPools, PoolReply, PoolsReply, PoolView, SetPoolLimits
from syft.model.permission import Capability
from syft.model.pool import DEFAULT_POOL, Pool
from syft.model.uid import UID
from syft.node.context import Context, fitting, page
from syft.node.dispatch import handles
from syft.policy.limits import filled
from syft.store.base import Store


@handles(ListPools, needs=Capability.VIEW_POOLS)
def list_pools(ctx: Context, message: ListPools) -> Message:
    """A page of the worker pools; everybody who may submit code may see them all."""
    limit, offset = page(message.limit, message.offset)
    with ctx.site.store.reading() as reader:
        found = reader.select(Pool, limit=limit, offset=offset)
        return PoolsReply(fitting(_view(ctx, pool) for pool in found), reader.count(Pool))


@handles(GetPool, needs=Capability.VIEW_POOLS)
def get_one_pool(ctx: Context, message: GetPool) -> Message:
    """One worker pool.

    Raises:
        NotFound: there is none of that name.
    """
    with ctx.site.store.reading() as reader:
        return PoolReply(_view(ctx, get_pool(reader, message.name)))


@handles(SetPoolLimits, needs=Capability.MANAGE_POOLS)
def set_pool_limits(ctx: Context, message: SetPoolLimits) -> Message:
    """Change what a job in a pool may use, from the next run on. What runs now goes on as it began.

    Raises:
        NotFound: there is no pool of that name.
        InvalidInput: a figure to reset that there is not.
    """
    fields = [figure.field for figure in FIGURES]
    unknown = [name for name in message.reset if name not in fields]
    if unknown:
        raise InvalidInput(f"There is no limit '{unknown[0][:50]}' to reset. There is: {', '.join(fields)}.")
    with ctx.site.store.reading() as reader:
        uid = get_pool(reader, message.name).uid
    event = ctx.event(
        "pool.limits_changed",
        uid,
        name=message.name,
        limits=limits_text(message.limits),
        reset=", ".join(message.reset),
    )
    with ctx.site.store.writing(event) as tx:
        pool = get_pool(tx, message.name)
        back = msgspec.structs.replace(pool.limits, **dict.fromkeys(message.reset))
        changed = msgspec.structs.replace(pool, limits=filled(message.limits, back))
        tx.replace(changed)
    return PoolReply(_view(ctx, changed))


def have_default_pool(store: Store, event: Event) -> None:
    """Make the pool that functions run in which name none, where it is not there yet.

    Args:
        store: of the node that starts.
        event: of its being made; written only if it is.
    """
    with store.reading() as reader:
        if reader.find(Pool, name=DEFAULT_POOL) is not None:
            return
    pool = Pool(uid=UID(), name=DEFAULT_POOL, created_at=event.created_at)
    with store.writing(msgspec.structs.replace(event, subject_uid=pool.uid)) as tx:
        tx.add(pool)


def _view(ctx: Context, pool: Pool) -> PoolView:
    return PoolView(
        uid=pool.uid,
        name=pool.name,
        limits=ceiling_of(pool, ctx.site.limits),
        own=pool.limits,
        created_at=pool.created_at,
    )
