"""This module makes and shows worker pools, and lets administrators say what a job may use in each."""

from __future__ import annotations

from typing import Final

import msgspec

from syft.config import ISOLATION_LEVELS
from syft.errors import InvalidInput, QuotaExceeded
from syft.jobs.images import image_of
from syft.jobs.limits import ceiling_of, get_pool
from syft.jobs.machine import move
from syft.jobs.steps import without_values
from syft.jobs.values import let_go
from syft.model.event import Event
from syft.model.job import BEGUN, OPEN, Job, JobState
from syft.model.limits import FIGURES, limits_text
from syft.model.message import Done, Message
from syft.model.messages.pools import (
    GetPool,
    LaunchPool,
    ListPools,
    PoolReply,
    PoolsReply,
    PoolView,
    RemovePool,
    ScalePool,
    SetPoolLimits,
)
from syft.model.permission import Capability
from syft.model.pool import DEFAULT_POOL, Dask, Embedded, Pool, PoolSpec, check_workers
from syft.model.uid import UID
from syft.model.worker import JoinToken, Worker, WorkerState
from syft.node.context import Context, fitting, page
from syft.node.dispatch import handles
from syft.policy.limits import filled
from syft.store.base import OneOf, Store, Transaction

# Each may have a process of its own that stands.
MAX_POOLS: Final = 50


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


@handles(LaunchPool, needs=Capability.MANAGE_POOLS)
def launch_pool(ctx: Context, message: LaunchPool) -> Message:
    """Make a worker pool, which runs jobs from now on.

    Raises:
        AlreadyExists: there is one of that name.
        InvalidInput: a level of isolation below the server's minimum, or limits no pool can have.
        NotFound: there is no such image.
    """
    # An approval holds wherever a pool of its name runs jobs: the log tells where that is.
    event = ctx.event(
        "pool.created", None, name=message.pool.name, engine=type(message.pool.engine).__name__.lower()
    )
    with ctx.site.pools.changing(message.pool.name):
        with ctx.site.store.writing(event) as tx:
            pool = make_pool(ctx, tx, message.pool)
        ctx.site.pools.open(pool)
    return PoolReply(_view(ctx, pool))


def make_pool(ctx: Context, tx: Transaction, spec: PoolSpec) -> Pool:
    """Keep a new pool in that transaction; to be opened after it (`Pools.open`).

    Raises:
        AlreadyExists: there is one of that name.
        InvalidInput: its level of isolation is below the server's minimum.
        NotFound: there is no such image.
        InvalidState: its image is not built, or not for what the server has now.
    """
    check_spec(ctx, spec)
    if tx.count(Pool) >= MAX_POOLS:
        raise QuotaExceeded(f"A node has at most {MAX_POOLS} worker pools. Remove one that nobody uses.")
    pool = Pool(uid=UID(), created_at=ctx.now, **msgspec.structs.asdict(spec))
    # Asked here, and not only where it is opened: a pool that can run nothing is of no use to anybody.
    ctx.site.images.digest_of(image_of(tx, pool))
    tx.add(pool)
    return pool


def check_spec(ctx: Context, spec: PoolSpec) -> None:
    """Raise unless this node could have such a pool.

    Raises:
        InvalidInput: its level of isolation is below the server's minimum, or it has an image and an engine elsewhere.
    """
    settings = ctx.site.settings
    least = settings.isolation if settings.isolation != "auto" else settings.isolation_min
    # "The server refuses to run jobs below the configured minimum level": no pool is a way around it.
    if spec.isolation and ISOLATION_LEVELS.index(spec.isolation) > ISOLATION_LEVELS.index(least):
        raise InvalidInput(
            f"A pool's isolation cannot be '{spec.isolation}': this server asks for at least '{least}'."
        )
    if spec.image_uid is not None and not isinstance(spec.engine, Embedded):
        raise InvalidInput(
            "A pool with an image runs on the server's machine. Workers elsewhere run what is installed there: the "
            "same packages as the server's."
        )


@handles(ScalePool, needs=Capability.MANAGE_POOLS)
def scale_pool(ctx: Context, message: ScalePool) -> Message:
    """Have more or fewer jobs run at once. What runs now goes on.

    Raises:
        NotFound: there is no pool of that name.
        InvalidInput: no pool has so many.
    """
    check_workers(message.workers)
    with ctx.site.store.reading() as reader:
        uid = get_pool(reader, message.name).uid
    event = ctx.event("pool.scaled", uid, name=message.name, workers=str(message.workers))
    with ctx.site.store.writing(event) as tx:
        changed = msgspec.structs.replace(get_pool(tx, message.name), workers=message.workers)
        tx.replace(changed)
    ctx.site.pools.resize(changed)
    return PoolReply(_view(ctx, changed))


@handles(RemovePool, needs=Capability.MANAGE_POOLS)
def remove_pool(ctx: Context, message: RemovePool) -> Message:
    """Remove a worker pool: what waits there is cancelled, what runs is stopped, and the record of both stays.

    Raises:
        NotFound: there is no pool of that name.
        InvalidInput: it is the default pool, which is always there.
        InvalidState: one of that name is just being made or removed.
    """
    if message.name == DEFAULT_POOL:
        raise InvalidInput(f"'{DEFAULT_POOL}' is where functions run that name no pool; it stays.")
    with ctx.site.pools.changing(message.name):
        _remove(ctx, message.name)
    return Done()


def _remove(ctx: Context, name: str) -> None:
    site = ctx.site
    with site.store.reading() as reader:
        uid = get_pool(reader, name).uid
    note = f"Its worker pool '{name}' was removed before it began."
    with site.store.writing(ctx.event("pool.removed", uid, name=name)) as tx:
        pool = get_pool(tx, name)
        tx.remove(Pool, pool.uid)
        waiting = tx.select(Job, state=JobState.QUEUED, pool=pool.name)
        running = tx.select(Job, OneOf("state", BEGUN), pool=pool.name, parent_uid=None)
        for job in waiting:
            tx.replace(without_values(move(job, JobState.CANCELLED, note=note, ended_at=ctx.now)))
        # Another pool may have this name one day: who was trusted with this one's data was not chosen for that one's.
        dismissed = revoke_workers(tx, pool.name)
    site.worker_keys.load(site.store)
    for worker in dismissed:
        site.orders.drop(worker)
    for job in waiting:
        site.crews.ended(job.uid)
        let_go(site.store, site.blobs, job)
    for job in running:
        site.runs.cancel(job)
    site.pools.remove(pool.name)
    _end_left(ctx, pool.name, note)


def _end_left(ctx: Context, name: str, note: str) -> None:
    """End what a pool that is gone has left: given to a thread that never took it up, or lost at that very moment.

    Nobody would run it, and it would count as one of its requester's open jobs for as long as the server lives.
    """
    site = ctx.site
    with site.store.reading() as reader:
        if not reader.count(Job, OneOf("state", OPEN), pool=name, parent_uid=None):
            return
    # Not the message's own event, which is written: by that it is known to have been acted on.
    event = Event(
        verb="pool.emptied", actor_uid=ctx.user_uid, detail={"name": name}, created_at=ctx.site.clock()
    )
    with site.store.writing(event) as tx:
        # Somebody may have made another of that name by now, whose jobs these would be.
        gone = tx.find(Pool, name=name) is None
        left = tx.select(Job, OneOf("state", OPEN), pool=name, parent_uid=None) if gone else []
        for job in left:
            tx.replace(without_values(move(job, JobState.CANCELLED, note=note, ended_at=ctx.now)))
    for job in left:
        site.crews.ended(job.uid)
        site.runs.forget(job)
        let_go(site.store, site.blobs, job)


def revoke_workers(tx: Transaction, pool: str) -> list[Worker]:
    """Let no worker that was admitted to a pool take its work any more, nor any token admit another; those workers."""
    revoke_tokens(tx, pool)
    found = tx.select(Worker, state=WorkerState.ADMITTED, pool=pool)
    for worker in found:
        tx.replace(msgspec.structs.replace(worker, state=WorkerState.REVOKED))
    return found


def revoke_tokens(tx: Transaction, pool: str) -> None:
    """Let no token admit workers to a pool any more."""
    for token in tx.select(JoinToken, pool=pool):
        tx.remove(JoinToken, token.uid)


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
    crew = ctx.site.crews.crew(pool.name)
    own = ctx.caller.can(Capability.MANAGE_POOLS)
    # Where a cluster is, and which files open it, is nothing that who runs code there needs.
    engine = Dask() if isinstance(pool.engine, Dask) and not own else pool.engine
    return PoolView(
        uid=pool.uid,
        name=pool.name,
        limits=ceiling_of(pool, ctx.site.limits),
        own=pool.limits,
        created_at=pool.created_at,
        size=crew.size,
        workers=pool.workers,
        engine=engine,
        isolation=ctx.site.equipped.runner_of(pool.name).level,
        image_uid=pool.image_uid,
        running=crew.running,
        waiting=crew.waiting,
    )
