"""This module keeps owners' standing rules, and finds the one that answers a request."""

from __future__ import annotations

import logging
import mmap
from datetime import datetime
from typing import Final

import msgspec

from syft.errors import NotFound, QuotaExceeded
from syft.jobs.conditions import guarded
from syft.logger import say
from syft.model.message import Message
from syft.model.messages.requests import AddHandler, HandlersReply, ListHandlers, RemoveHandlers
from syft.model.object import ObjectRecord
from syft.model.permission import Capability
from syft.model.request import HandlerAction, RequestHandler
from syft.model.uid import UID
from syft.node.context import Context
from syft.node.dispatch import handles
from syft.node.removal import expire
from syft.node.services.waiting import end_of
from syft.store.base import Reader
from syft.wire.elements import count_elements

# More rules than a person keeps in mind; every request is held against them.
MAX_HANDLERS: Final = 100


@handles(AddHandler, needs=Capability.ANSWER_REQUESTS)
def add_handler(ctx: Context, message: AddHandler) -> Message:
    """Keep a standing rule of the caller's, in the place of one with the same tags.

    Raises:
        InvalidInput: tags, a quota or a time that cannot be.
        QuotaExceeded: the caller has as many as anybody keeps in mind.
    """
    expire(ctx.site, ctx.now)
    handler = RequestHandler(
        uid=UID(),
        owner_uid=ctx.user_uid,
        action=message.action,
        tags=message.tags,
        element_quota=message.element_quota,
        print_local=message.print_local,
        log_local=message.log_local,
        created_at=ctx.now,
        expires_at=end_of(ctx, message.timeout_s),
    )
    event = ctx.event(
        "request_handler.added", handler.uid, action=handler.action.value, tags=str(len(handler.tags))
    )
    with ctx.site.store.writing(event) as tx:
        own = tx.select(RequestHandler, owner_uid=ctx.user_uid)
        same = [one for one in own if set(one.tags) == set(handler.tags)]
        for one in same:
            tx.also(ctx.event("request_handler.removed", one.uid))
            tx.remove(RequestHandler, one.uid)
        if len(own) - len(same) >= MAX_HANDLERS:
            raise QuotaExceeded(f"You have {MAX_HANDLERS} standing rules. Remove some, then add this one.")
        tx.add(handler)
    return HandlersReply((handler,))


@handles(ListHandlers, needs=Capability.ANSWER_REQUESTS)
def list_handlers(ctx: Context, message: ListHandlers) -> Message:
    """The caller's standing rules."""
    expire(ctx.site, ctx.now)
    with ctx.site.store.reading() as reader:
        return HandlersReply(tuple(reader.select(RequestHandler, owner_uid=ctx.user_uid)))


@handles(RemoveHandlers, needs=Capability.ANSWER_REQUESTS)
def remove_handlers(ctx: Context, message: RemoveHandlers) -> Message:
    """Take standing rules of the caller's away: these, or all. What they let out stays out.

    Raises:
        NotFound: one is not there, or not the caller's.
    """
    with ctx.site.store.writing(ctx.event("request_handlers.removed")) as tx:
        own = {one.uid: one for one in tx.select(RequestHandler, owner_uid=ctx.user_uid)}
        for uid in tuple(own) if message.uids is None else tuple(dict.fromkeys(message.uids)):
            if own.pop(uid, None) is None:
                raise NotFound("There is no such standing rule, or it is not yours.")
            tx.also(ctx.event("request_handler.removed", uid))
            tx.remove(RequestHandler, uid)
    return HandlersReply(tuple(own.values()))


# --- what answers a request


def rule_for(reader: Reader, record: ObjectRecord, now: datetime) -> RequestHandler | None:
    """The rule of the object's owner that answers requests for it: one for its tags, before one for all.

    None says yes where a person is to look first, or several: a rule is no person.
    """
    own = [
        one
        for one in reader.select(RequestHandler, owner_uid=record.owner_uid)
        if one.expires_at is None or one.expires_at > now
    ]
    tags = set(record.tags) if _all_tagged(reader, record) else set()
    named = (one for one in own if one.tags and set(one.tags) == tags)
    for_all = (one for one in own if not one.tags)
    rule = next(named, None) or next(for_all, None)
    if rule is not None and rule.action is HandlerAction.ACCEPT and _is_for_people(reader, record):
        return None
    return rule


def _is_for_people(reader: Reader, record: ObjectRecord) -> bool:
    """Whether an owner wants a person to look at what leaves of that object, or several to approve it."""
    safeguards = (one.safeguards for one in guarded(reader, [record]))
    return any(one.review or one.approvals > 1 for one in safeguards)


def _all_tagged(reader: Reader, record: ObjectRecord) -> bool:
    """Whether everything that a computed value goes back to has tags, so that its own tell of all of it.

    Otherwise whoever computes could lend the tags of something harmless to what has none.
    """
    sources = [reader.find(ObjectRecord, uid=uid) for uid in record.sources]
    return all(source is not None and source.tags for source in sources)


def used(ctx: Context, handler: RequestHandler, record: ObjectRecord) -> RequestHandler | None:
    """The rule after it has let the object's value out; None where its quota does not allow that.

    Args:
        ctx: in whose transaction the rule is written back: two requests at once cannot both have the rest.
        handler: which accepts.
        record: the object.
    """
    if handler.element_quota is None:
        return handler
    left = handler.element_quota - handler.elements_used
    elements = _elements(ctx, record)
    if elements > left:
        return None
    return msgspec.structs.replace(handler, elements_used=handler.elements_used + elements)


def _elements(ctx: Context, record: ObjectRecord) -> int:
    """How many elements the private value has, from its bytes: what was said of it is anybody's word."""
    value = record.private
    if value is None:
        return 0
    if value.inline is not None:
        return count_elements(value.inline)
    with (
        ctx.site.blobs.path(value.digest).open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data,
    ):
        return count_elements(data)


def tell(handler: RequestHandler, request_uid: UID, *, accepted: bool) -> None:
    """Say that a rule answered, where its owner wants that said: which and what, never about which value."""
    answer = "accepted" if accepted else "denied"
    if handler.log_local:
        say(
            logging.WARNING,
            "a standing rule answered",
            handler=handler.uid.hex,
            uid=request_uid.hex,
            answer=answer,
        )
    if handler.print_local:
        # Asked for by the rule's owner; nothing in it but identifiers.
        print(f"Request {request_uid.hex} {answer} by standing rule {handler.uid.hex}.")
