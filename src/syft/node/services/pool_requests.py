"""This module takes in requests for a worker pool, and makes the pool when the administrator says yes."""

from __future__ import annotations

import msgspec

from syft.access.checks import NO_SUCH_REQUEST, check_can_decide_pool
from syft.errors import AlreadyExists, InvalidInput, NotFound
from syft.jobs.images import pools_with
from syft.jobs.limits import get_pool
from syft.model.image import ImageState, WorkerImage
from syft.model.message import Message
from syft.model.messages.requests import RequestPool, RequestReply, RequestView
from syft.model.permission import Capability
from syft.model.pool import Embedded, Pool
from syft.model.request import Request, RequestState
from syft.model.uid import UID
from syft.node.context import Context
from syft.node.dispatch import handles
from syft.node.services.access import check_may_ask, check_reason
from syft.node.services.images import add_image, new_image, submitted_event
from syft.node.services.pools import check_spec, make_pool
from syft.node.services.views import person
from syft.store.base import Reader, Transaction


@handles(RequestPool, needs=Capability.SUBMIT_CODE)
def request_pool(ctx: Context, message: RequestPool) -> Message:
    """Ask for a worker pool. The administrator decides.

    Raises:
        AlreadyExists: there is one of that name, or the caller has asked for one.
        NotFound: there is no such image.
        InvalidInput: this node cannot have such a pool, or it has an engine, which only administrators choose.
        QuotaExceeded: the caller waits for too many answers.
        InvalidState: there are too many images.
    """
    check_reason(message.reason)
    check_spec(ctx, message.pool)
    if not isinstance(message.pool.engine, Embedded):
        raise InvalidInput(
            "Ask for a pool without an engine: where its runs go is the administrator's affair."
        )
    image = new_image(ctx, message.image, message.tag) if message.image is not None else None
    wanted = message.pool
    if image is not None:
        if wanted.image_uid is not None:
            raise InvalidInput(
                "A pool has one image: name one that is there, or say which packages; not both."
            )
        wanted = msgspec.structs.replace(wanted, image_uid=image.uid)
    uid = UID()
    with ctx.site.store.writing(ctx.event("request.created", uid, pool=wanted.name)) as tx:
        if tx.find(Pool, name=message.pool.name) is not None:
            raise AlreadyExists(f"There is a worker pool '{message.pool.name}' already.")
        check_may_ask(ctx, tx)
        for earlier in tx.select(Request, requester_uid=ctx.user_uid, state=RequestState.PENDING):
            if earlier.pool is not None and earlier.pool.name == message.pool.name:
                raise AlreadyExists(
                    f"You have asked for the pool '{message.pool.name}' already (request {earlier.uid.hex})."
                )
        if image is not None:
            tx.also(submitted_event(ctx, image))
            add_image(tx, image)
        elif wanted.image_uid is not None and tx.find(WorkerImage, uid=wanted.image_uid) is None:
            raise NotFound("There is no such worker image.")
        request = Request(
            uid=uid,
            pool=wanted,
            requester_uid=ctx.user_uid,
            reason=message.reason,
            created_at=ctx.now,
        )
        tx.add(request)
        return RequestReply(pool_request_view(tx, request))


def can_see(ctx: Context, request: Request) -> bool:
    """Whether the caller may know of it: who asks, and who decides."""
    return request.requester_uid == ctx.caller.uid or ctx.caller.can(Capability.MANAGE_POOLS)


def check_can_decide(ctx: Context, request: Request) -> None:
    """Raise unless the caller may answer it.

    Raises:
        NotFound: the caller may not know of it.
        AuthorizationException: the caller has asked, or makes no pools.
    """
    if not can_see(ctx, request):
        raise NotFound(NO_SUCH_REQUEST)
    check_can_decide_pool(ctx.caller, request)


def approved(ctx: Context, tx: Transaction, request: Request) -> tuple[Request, Pool]:
    """The request as it is answered with yes, and the pool, made in that transaction; to be opened after it."""
    assert request.pool is not None
    pool = make_pool(ctx, tx, request.pool)
    changed = msgspec.structs.replace(
        request, state=RequestState.APPROVED, decided_by=ctx.user_uid, decided_at=ctx.now
    )
    tx.replace(changed)
    return changed, pool


def forget_image(tx: Transaction, request: Request) -> None:
    """Forget the image that came along with a request that nobody says yes to any more, if nothing was made of it.

    A node keeps a bounded number: whoever asks and withdraws, again and again, must not fill that for all.
    """
    if request.pool is None or request.pool.image_uid is None:
        return
    image = tx.find(WorkerImage, uid=request.pool.image_uid)
    if (
        image is not None
        and (image.created_by, image.created_at) == (request.requester_uid, request.created_at)
        and image.state in (ImageState.SUBMITTED, ImageState.FAILED)
        and not pools_with(tx, image.uid)
        and not any(
            other.pool is not None and other.pool.image_uid == image.uid and other.uid != request.uid
            for other in tx.select(Request, state=RequestState.PENDING)
        )
    ):
        tx.remove(WorkerImage, image.uid)


def check_not_made(reader: Reader, request: Request) -> None:
    """Raise where an approval is to be taken back whose pool is there: that is removed by its name.

    Raises:
        InvalidInput: it is.
    """
    if request.pool is not None and request.state is RequestState.APPROVED:
        try:
            get_pool(reader, request.pool.name)
        except NotFound:
            return
        raise InvalidInput(
            f"The pool '{request.pool.name}' was made. Remove it: `client.worker_pools.delete('{request.pool.name}')`."
        )


def pool_request_view(reader: Reader, request: Request) -> RequestView:
    """A request for a pool, for somebody who may see it."""
    return RequestView(
        uid=request.uid,
        state=request.state,
        pool=request.pool,
        requester=person(reader, request.requester_uid, asks=True),
        reason=request.reason,
        decided_by=person(reader, request.decided_by) if request.decided_by else None,
        decision_reason=request.decision_reason,
        created_at=request.created_at,
        decided_at=request.decided_at,
    )
