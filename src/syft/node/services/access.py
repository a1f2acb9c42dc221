"""This module takes in requests to read an object, and keeps what its owner decides, or a rule of the owner's."""

from __future__ import annotations

from typing import Final

import msgspec

from syft.access.checks import can_find, can_read_value, can_see_access, check_can_decide_access
from syft.errors import AlreadyExists, InvalidInput, InvalidState, NotFound, QuotaExceeded
from syft.model.message import Message
from syft.model.messages.requests import RequestObject, RequestReply, RequestView
from syft.model.object import REQUESTED_LEASE, Face, ObjectRecord
from syft.model.permission import Capability, Grant
from syft.model.request import HandlerAction, Request, RequestHandler, RequestState
from syft.model.uid import UID
from syft.node.context import Context
from syft.node.dispatch import handles
from syft.node.removal import expire
from syft.node.services.grants import has_grant
from syft.node.services.handlers import rule_for, tell, used
from syft.node.services.kept import NOT_THERE, object_view
from syft.node.services.views import person
from syft.node.services.waiting import end_of, when_answered
from syft.store.base import Reader, Transaction

MAX_REASON: Final = 5_000
# More questions than this at once, of one account, are a flood.
MAX_PENDING: Final = 200


@handles(RequestObject, needs=Capability.ANSWER_REQUESTS, enrols=True)
def request_object(ctx: Context, message: RequestObject) -> Message:
    """Ask to read an object; a standing rule of its owner's may answer at once.

    Raises:
        NotFound: not there, or the caller may not know of it.
        InvalidState: the caller may read it already, or it holds nothing private.
        AlreadyExists: the same was asked before and is not decided.
        QuotaExceeded: the caller waits for too many answers.
    """
    check_reason(message.reason)
    expires_at = end_of(ctx, message.timeout_s)
    expire(ctx.site, ctx.now)
    uid = UID()
    with ctx.site.store.writing(ctx.event("request.created", uid, object=message.object_uid.hex)) as tx:
        record = _to_ask_for(ctx, tx, message.object_uid)
        _check_not_asked(ctx, tx, record)
        request = Request(
            uid=uid,
            object_uid=record.uid,
            requester_uid=ctx.user_uid,
            owners=(record.owner_uid,),
            reason=message.reason,
            created_at=ctx.now,
            expires_at=expires_at,
        )
        record = _prolonged(ctx, tx, record)
        handler = rule_for(tx, record, ctx.now)
        if handler is not None:
            request = _by_rule(ctx, tx, request, record, handler)
        tx.add(request)
        view = access_view(ctx, tx, request)
    if handler is not None:
        tell(handler, request.uid, accepted=request.state is RequestState.APPROVED)
    if message.wait_s > 0 and request.state is RequestState.PENDING:
        request = when_answered(ctx, request, message.wait_s)
        with ctx.site.store.reading() as reader:
            view = access_view(ctx, reader, request)
    return RequestReply(view)


def check_reason(reason: str) -> None:
    """Raise unless that is short enough to be read by whoever decides.

    Raises:
        InvalidInput: it is not.
    """
    if len(reason) > MAX_REASON:
        raise InvalidInput(f"A reason is at most {MAX_REASON} characters long.")


def check_told(reason: str) -> None:
    """Raise unless whoever is told no, or gets less than they asked for, is told why.

    Raises:
        InvalidInput: there is no reason, or it is too long.
    """
    if not reason.strip() or len(reason) > MAX_REASON:
        raise InvalidInput(f"Give the requester a reason of 1 to {MAX_REASON} characters.")


def _to_ask_for(ctx: Context, tx: Reader, uid: UID) -> ObjectRecord:
    record = tx.find(ObjectRecord, uid=uid)
    granted = record is not None and has_grant(tx, record, ctx.caller.uid)
    if record is None or record.has_expired(ctx.now) or not can_find(ctx.caller, record, granted):
        raise NotFound(NOT_THERE)
    if record.private is None:
        raise InvalidState("This object announces data that is not here: there is nothing to read.")
    if can_read_value(ctx.caller, record, Face.PRIVATE, granted):
        raise InvalidState("You may read this object already: `.get()` fetches it.")
    return record


def _check_not_asked(ctx: Context, tx: Reader, record: ObjectRecord) -> None:
    earlier = tx.find(Request, object_uid=record.uid, requester_uid=ctx.user_uid, state=RequestState.PENDING)
    if earlier is not None:
        raise AlreadyExists(
            f"You have already requested {record.uid} (request {earlier.uid.hex}); it is being looked at."
        )
    check_may_ask(ctx, tx)


def check_may_ask(ctx: Context, tx: Reader) -> None:
    """Raise unless the caller may wait for one more answer.

    Raises:
        QuotaExceeded: the caller waits for too many.
    """
    if tx.count(Request, requester_uid=ctx.user_uid, state=RequestState.PENDING) >= MAX_PENDING:
        raise QuotaExceeded(
            f"You wait for {MAX_PENDING} answers already. Withdraw some of these requests, or wait for answers."
        )


def _prolonged(ctx: Context, tx: Transaction, record: ObjectRecord) -> ObjectRecord:
    """The object, kept for as long as people need to answer."""
    until = ctx.now + REQUESTED_LEASE
    if record.lease_until is None or record.lease_until >= until:
        return record
    record = msgspec.structs.replace(record, lease_until=until)
    tx.replace(record)
    return record


def _by_rule(
    ctx: Context, tx: Transaction, request: Request, record: ObjectRecord, handler: RequestHandler
) -> Request:
    """The request as a standing rule of the owner's answers it."""
    accepts = handler.action is HandlerAction.ACCEPT
    counted = used(ctx, handler, record) if accepts else handler
    accepts = accepts and counted is not None
    tx.replace(msgspec.structs.replace(counted or handler, answered=handler.answered + 1))
    verb = "request.approved" if accepts else "request.denied"
    tx.also(ctx.event(verb, request.uid, handler=handler.uid.hex, owner=handler.owner_uid.hex))
    if accepts:
        return granted(ctx, tx, request, record, by=handler.owner_uid, handler=handler)
    return msgspec.structs.replace(
        request,
        state=RequestState.REJECTED,
        decision_reason="A standing rule of the owner's says no.",
        decided_by=handler.owner_uid,
        decided_at=ctx.now,
        handled_by=handler.uid,
    )


def granted(
    ctx: Context,
    tx: Transaction,
    request: Request,
    record: ObjectRecord,
    *,
    by: UID,
    handler: RequestHandler | None = None,
) -> Request:
    """The request, approved, with the grant it comes to: to the value that is there now.

    Args:
        ctx: whose message it comes of.
        tx: in which both are written.
        request: pending.
        record: the object, as it is in this transaction.
        by: whose decision it is.
        handler: the owner's rule that decided; None where a person did.
    """
    digest = record.private.digest if record.private else ""
    tx.add(
        Grant(
            uid=UID(),
            object_uid=record.uid,
            user_uid=request.requester_uid,
            granted_by=by,
            created_at=ctx.now,
            digest=digest,
            request_uid=request.uid,
        )
    )
    return msgspec.structs.replace(
        request,
        state=RequestState.APPROVED,
        approved_digest=digest,
        decided_by=by,
        decided_at=ctx.now,
        handled_by=handler.uid if handler else None,
    )


# --- what `requests.py` does with a request that is about an object


def owner_now(reader: Reader, request: Request) -> UID | None:
    """Whose the object of a request is now; None when it is gone."""
    record = reader.find(ObjectRecord, uid=request.object_uid)
    return record.owner_uid if record else None


def can_see(ctx: Context, reader: Reader, request: Request) -> bool:
    """Whether the caller may see that request for an object."""
    return can_see_access(ctx.caller, request, owner_now(reader, request))


def approved(ctx: Context, tx: Transaction, request: Request, digest: str) -> Request:
    """The request, approved by the caller.

    Args:
        ctx: who decides.
        tx: in which it is written.
        request: pending.
        digest: of the value that the caller means.
    Raises:
        NotFound: not there, or not for the caller.
        AuthorizationException: the caller asked.
        InvalidState: the value is not the one that the caller was shown.
    """
    record = tx.find(ObjectRecord, uid=request.object_uid)
    check_can_decide_access(ctx.caller, request, record.owner_uid if record else None)
    if record is None or record.private is None or record.has_expired(ctx.now):
        raise InvalidState("The object is gone; there is nothing to read any more.")
    if digest != record.private.digest:
        raise InvalidState(
            "The value is not the one you were shown. Look at the request again, then approve."
        )
    result = granted(ctx, tx, request, record, by=ctx.user_uid)
    tx.replace(result)
    return result


def denied(ctx: Context, tx: Transaction, request: Request) -> None:
    """Take away what a request's approval came to; raise unless the caller may deny it.

    Raises:
        NotFound: not there, or not for the caller.
        AuthorizationException: the caller asked.
    """
    check_can_decide_access(ctx.caller, request, owner_now(tx, request))
    close(ctx, tx, request)


def close(ctx: Context, tx: Transaction, request: Request) -> None:
    """Take away the grant of a request that ends, and give what it was about no more time than anything else."""
    for grant in tx.select(Grant, object_uid=request.object_uid, user_uid=request.requester_uid):
        if grant.request_uid == request.uid:
            tx.remove(Grant, grant.uid)
    record = tx.find(ObjectRecord, uid=request.object_uid)
    if record is not None and record.lease_until is not None:
        tx.replace(
            msgspec.structs.replace(record, lease_until=min(record.lease_until, ctx.now + ctx.site.lease))
        )


def access_view(ctx: Context, reader: Reader, request: Request) -> RequestView:
    """A request for an object, for somebody who may see it."""
    record = reader.find(ObjectRecord, uid=request.object_uid)
    shown = record is not None and can_find(ctx.caller, record, has_grant(reader, record, ctx.caller.uid))
    return RequestView(
        uid=request.uid,
        state=request.state,
        object_uid=request.object_uid,
        object=object_view(ctx, reader, record) if record is not None and shown else None,
        requester=person(reader, request.requester_uid, asks=True),
        reason=request.reason,
        decided_by=person(reader, request.decided_by) if request.decided_by else None,
        decision_reason=request.decision_reason,
        created_at=request.created_at,
        decided_at=request.decided_at,
        expires_at=request.expires_at,
        by_rule=request.handled_by is not None,
    )
