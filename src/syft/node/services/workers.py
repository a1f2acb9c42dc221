"""This module lets workers on other machines ask to join a pool, and administrators decide about their keys."""

from __future__ import annotations

import math
import secrets
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Final

import msgspec
from blake3 import blake3

from syft.code.environment import environment_difference, environment_digest, environment_lines
from syft.errors import AuthorizationException, InvalidInput, InvalidState, NotFound, TooManyAttempts
from syft.jobs.limits import get_pool
from syft.jobs.worker_session import WorkerSession
from syft.model.event import Event
from syft.model.identity import seal_for
from syft.model.message import Message
from syft.model.messages.work import MAX_PACKAGES, Joined, JoinPool, JoinSecret
from syft.model.messages.workers import (
    AdmitWorker,
    JoinTokenReply,
    ListWorkers,
    MakeJoinToken,
    RevokeWorker,
    WorkerReply,
    WorkersReply,
    WorkerView,
)
from syft.model.permission import Capability
from syft.model.pool import Embedded
from syft.model.uid import UID
from syft.model.worker import MAX_SLOTS, JoinToken, Worker, WorkerState, check_worker_name
from syft.node.context import Context, fitting, page
from syft.node.dispatch import handles
from syft.node.services.pools import revoke_tokens
from syft.node.worker_keys import Asking
from syft.sandbox.levels import LEVELS
from syft.wire.records import decode_record

MAX_WORKERS: Final = 1_000
MAX_TOKENS: Final = 100
_MAX_TOKEN: Final = 200
_MAX_HOURS: Final = 24 * 365
_MAX_USES: Final = 10_000
_NOT_THERE: Final = "There is no such worker."


# --- joining


@handles(JoinPool, needs=Capability.JOIN_POOL)
def join_pool(ctx: Context, message: JoinPool) -> Message:
    """Let an admitted key take work; show any other to the administrators.

    A stranger's question writes nothing, and is told nothing of this node: not even whether there is such a pool.

    Raises:
        TooManyAttempts: that address asks too often.
        AuthorizationException: the key was revoked, or the token admits nobody (any more).
        InvalidState: an admitted worker could not run this pool's code as it was approved; the text says why.
        InvalidInput: it cannot be called that, or the key is somebody's.
    """
    _check_joining(ctx, message)
    site = ctx.site
    key = ctx.caller.verify_key
    worker = site.worker_keys.decided(key)
    if worker is None or worker.state is not WorkerState.ADMITTED:
        site.join_throttle.attempt(ctx.caller.origin)
        if message.sealed:
            worker = _admit_by_token(ctx, message)
    if worker is None:
        asking = Asking(
            uid=UID(),
            key=key,
            pool=message.pool,
            name=message.name,
            slots=message.slots,
            level=message.level,
            difference=_difference(ctx, message),
            origin=ctx.caller.origin,
            first_asked_at=ctx.now,
            last_asked_at=ctx.now,
        )
        site.worker_keys.asks(asking, ctx.now)
        return Joined(WorkerState.WAITING)
    if worker.state is WorkerState.REVOKED:
        raise AuthorizationException("This worker's key was revoked.")
    _check_fits(ctx, message, worker)
    session = site.orders.join(worker, message.slots, message.level)
    return Joined(WorkerState.ADMITTED, session, site.orders.lease_s)


def _check_joining(ctx: Context, message: JoinPool) -> None:
    check_worker_name(message.name)
    if not 1 <= message.slots <= MAX_SLOTS:
        raise InvalidInput(f"A worker has 1 to {MAX_SLOTS} slots.")
    if message.level not in LEVELS:
        raise InvalidInput("There is no such level of isolation.")
    if len(message.packages) > MAX_PACKAGES or len(message.pool) > _MAX_TOKEN:
        raise InvalidInput("A worker cannot be described at such length.")
    if ctx.caller.user is not None or ctx.caller.peer is not None:
        # A key that speaks for somebody can do more than a worker ever may.
        raise InvalidInput("This key speaks for an account or a node; a worker has a key of its own.")


def _check_fits(ctx: Context, message: JoinPool, worker: Worker) -> None:
    if message.pool != worker.pool:
        raise InvalidState(
            f"This key was admitted to the pool '{worker.pool}'. Join that, or use another home."
        )
    with ctx.site.store.reading() as reader:
        pool = get_pool(reader, worker.pool)
    if isinstance(pool.engine, Embedded):
        raise InvalidState(f"The pool '{pool.name}' runs its jobs on the node's own machine.")
    if pool.isolation and message.level != pool.isolation:
        raise InvalidState(
            f"This worker's isolation level is '{message.level}', and that of the pool '{pool.name}' "
            f"'{pool.isolation}'. Start the worker with SYFT_ISOLATION={pool.isolation}."
        )
    minimum = pool.isolation or ctx.site.settings.isolation_min
    if LEVELS.index(message.level) > LEVELS.index(minimum):
        raise InvalidState(
            f"This worker's isolation level is '{message.level}'; this node runs code at '{minimum}' or stronger."
        )
    difference = _difference(ctx, message)
    if difference:
        raise InvalidState(
            "This worker's packages are not those that approvals here are bound to. "
            f"Install the same on both machines ('here' is the node): {difference}"
        )


def _difference(ctx: Context, message: JoinPool) -> str:
    try:
        wanted = ctx.site.equipped.of(message.pool).environment()
    except NotFound:
        return "there is no such pool"
    if message.environment == wanted:
        return ""
    if wanted != environment_digest():
        return "the pool's environment is not this node's own; start the worker in that"
    return environment_difference(environment_lines(), message.packages) or "their digests differ"


def _admit_by_token(ctx: Context, message: JoinPool) -> Worker:
    site = ctx.site
    plain = site.identity.unseal(message.sealed)
    secret = decode_record(JoinSecret, plain) if plain is not None else None
    # A sealed token recorded from somebody's message is worth nothing in another's.
    if secret is None or secret.sender != ctx.caller.verify_key or len(secret.token) > _MAX_TOKEN:
        raise InvalidInput("The token was not sealed for this node, or for another worker.")
    event = ctx.event("worker.admitted", name=message.name, pool=message.pool, by="token")
    with site.store.writing(event) as tx:
        token = tx.find(JoinToken, token_hash=_hash_of(secret.token))
        # One answer for whatever is wrong with it.
        if token is None or token.pool != message.pool or token.uses < 1 or token.expires_at <= ctx.now:
            raise AuthorizationException("This token admits nobody (any more). Ask for another.")
        earlier = tx.find(Worker, verify_key=ctx.caller.verify_key.hex())
        if earlier is not None:
            raise AuthorizationException("This worker's key was revoked.")
        if tx.count(Worker, state=WorkerState.ADMITTED) >= MAX_WORKERS:
            raise TooManyAttempts(f"A node has at most {MAX_WORKERS} workers. Revoke some.")
        worker = Worker(
            uid=UID(),
            verify_key=ctx.caller.verify_key.hex(),
            pool=token.pool,
            name=message.name,
            admitted_by=token.made_by,
            admitted_at=ctx.now,
        )
        if token.uses == 1:
            tx.remove(JoinToken, token.uid)
        else:
            tx.replace(msgspec.structs.replace(token, uses=token.uses - 1))
        tx.add(worker)
    site.worker_keys.load(site.store)
    return worker


def _hash_of(token: str) -> str:
    return blake3(token.encode()).hexdigest()


# --- what administrators say


@handles(ListWorkers, needs=Capability.MANAGE_POOLS)
def list_workers(ctx: Context, message: ListWorkers) -> Message:
    """A page of workers: those that wait first, since somebody has to decide about them."""
    limit, offset = page(message.limit, message.offset)
    views = [view for view in _every(ctx) if message.pool in ("", view.pool)]
    return WorkersReply(fitting(views[offset : offset + limit]), len(views))


@handles(AdmitWorker, needs=Capability.MANAGE_POOLS)
def admit_worker(ctx: Context, message: AdmitWorker) -> Message:
    """Let a key take the work of a pool.

    Raises:
        NotFound: nobody waits by that UID, with that key; or there is no such pool.
        TooManyAttempts: there are too many workers.
    """
    site = ctx.site
    asking = next((one for one in site.worker_keys.asking(ctx.now) if one.uid == message.uid), None)
    earlier = next(
        (
            one
            for one in site.worker_keys.every()
            if one.uid == message.uid and not site.worker_keys.is_lent(one.uid)
        ),
        None,
    )
    key = asking.key.hex() if asking else earlier.verify_key if earlier else ""
    # What was looked at is what is admitted: anybody may have asked under the same name meanwhile.
    if not key or key != message.verify_key:
        raise NotFound("No worker with that key waits (any more). Those that wait ask again by themselves.")
    pool = asking.pool if asking else earlier.pool if earlier else ""
    name = asking.name if asking else earlier.name if earlier else ""
    event = ctx.event("worker.admitted", message.uid, name=name, pool=pool, key=key)
    with site.store.writing(event) as tx:
        get_pool(tx, pool)
        stored = tx.find(Worker, verify_key=key)
        if tx.count(Worker, state=WorkerState.ADMITTED) >= MAX_WORKERS:
            raise TooManyAttempts(f"A node has at most {MAX_WORKERS} workers. Revoke some.")
        worker = Worker(
            uid=stored.uid if stored else message.uid,
            verify_key=key,
            pool=pool,
            name=name,
            admitted_by=ctx.user_uid,
            admitted_at=ctx.now,
        )
        if stored:
            tx.replace(worker)
        else:
            tx.add(worker)
    site.worker_keys.load(site.store)
    return WorkerReply(_find(ctx, lambda view: view.uid == worker.uid))


@handles(RevokeWorker, needs=Capability.MANAGE_POOLS)
def revoke_worker(ctx: Context, message: RevokeWorker) -> Message:
    """Let a key take no more work; what it holds is given up now. No token that was made for its pool admits any more.

    Raises:
        NotFound: no such worker was ever admitted.
        InvalidState: it is a cluster's, which would bring it again with another key.
    """
    site = ctx.site
    if site.worker_keys.is_lent(message.uid):
        raise InvalidState(
            "This worker was brought by the cluster of its pool, which would bring it again with another key. Take "
            "its machine out of the cluster, or remove the pool."
        )
    with site.store.writing(ctx.event("worker.revoked", message.uid)) as tx:
        worker = tx.find(Worker, uid=message.uid)
        if worker is None:
            raise NotFound(_NOT_THERE)
        tx.replace(msgspec.structs.replace(worker, state=WorkerState.REVOKED))
        # Its machine may have one, and would be there again in a moment with a new key.
        revoke_tokens(tx, worker.pool)
    site.worker_keys.load(site.store)
    site.orders.drop(worker)
    return WorkerReply(_find(ctx, lambda view: view.uid == worker.uid))


@handles(MakeJoinToken, needs=Capability.MANAGE_POOLS)
def make_join_token(ctx: Context, message: MakeJoinToken) -> Message:
    """Make a token by which workers join a pool unseen.

    Raises:
        NotFound: there is no such pool.
        InvalidInput: it would admit nobody, or too many, or for too long.
        InvalidState: too many are in use.
    """
    if not math.isfinite(message.hours) or not 0 < message.hours <= _MAX_HOURS:
        raise InvalidInput(f"A token admits workers for more than 0 and at most {_MAX_HOURS} hours.")
    if not 1 <= message.uses <= _MAX_USES:
        raise InvalidInput(f"A token admits 1 to {_MAX_USES} workers.")
    words = secrets.token_urlsafe(32)
    # Before anything is written: a key for which nothing can be hidden gets no token.
    sealed = seal_for(ctx.caller.verify_key, words.encode())
    event: Event = ctx.event("worker.token_made", pool=message.pool, uses=str(message.uses))
    with ctx.site.store.writing(event) as tx:
        get_pool(tx, message.pool)
        for old in tx.select(JoinToken):
            if old.expires_at <= ctx.now:
                tx.remove(JoinToken, old.uid)
        if tx.count(JoinToken) >= MAX_TOKENS:
            raise InvalidState(
                f"{MAX_TOKENS} tokens are in use. Wait until some have been used or have expired."
            )
        token = JoinToken(
            uid=UID(),
            token_hash=_hash_of(words),
            pool=message.pool,
            uses=message.uses,
            expires_at=ctx.now + timedelta(hours=message.hours),
            made_by=ctx.user_uid,
        )
        tx.add(token)
    return JoinTokenReply(sealed, token.expires_at)


# --- views


def _every(ctx: Context) -> list[WorkerView]:
    site = ctx.site
    there = {session.worker.uid: session for session in site.orders.sessions()}
    waiting = [
        WorkerView(
            uid=one.uid,
            verify_key=one.key.hex(),
            pool=one.pool,
            name=one.name,
            state=WorkerState.WAITING,
            slots=one.slots,
            isolation=one.level,
            difference=one.difference,
            origin=one.origin,
            last_seen_s=max(0.0, (ctx.now - one.last_asked_at).total_seconds()),
            since=one.first_asked_at,
        )
        for one in site.worker_keys.asking(ctx.now)
    ]
    return waiting + [_view(worker, there.get(worker.uid)) for worker in site.worker_keys.every()]


def _view(worker: Worker, session: WorkerSession | None) -> WorkerView:
    return WorkerView(
        uid=worker.uid,
        verify_key=worker.verify_key,
        pool=worker.pool,
        name=worker.name,
        state=worker.state,
        online=session is not None,
        slots=session.slots if session else 0,
        running=len(session.held) if session else 0,
        isolation=session.level if session else "",
        last_seen_s=max(0.0, time.monotonic() - session.seen) if session else None,
        since=worker.admitted_at,
    )


def _find(ctx: Context, is_it: Callable[[WorkerView], bool]) -> WorkerView:
    found = next(filter(is_it, _every(ctx)), None)
    if found is None:
        raise NotFound(_NOT_THERE)
    return found
