"""This module keeps leased objects for as long as they are used, and lets go early of what nobody needs.

Only who had an object made can end its lease; a finder's pointer that goes out of scope ends nothing.
"""

from __future__ import annotations

import contextlib
from datetime import timedelta
from typing import Final

import msgspec

from syft.access.checks import can_drop
from syft.errors import InvalidInput, NotFound
from syft.model.message import Done, Message
from syft.model.messages.objects import MAX_LEASES, DropLeases, RenewLeases
from syft.model.object import ObjectRecord
from syft.model.permission import Capability
from syft.model.request import Request, RequestState
from syft.model.uid import UID
from syft.node.context import Context
from syft.node.dispatch import handles
from syft.node.removal import expire, remove_blobs, remove_objects
from syft.node.services.grants import may_read
from syft.store.base import OneOf, Reader

# A lease this fresh is not renewed again; by a look at the value only when half of it is over: not every look
# is a write.
_FRESH: Final = timedelta(minutes=1)


def _some(uids: tuple[UID, ...]) -> tuple[UID, ...]:
    if len(uids) > MAX_LEASES:
        raise InvalidInput(f"At most {MAX_LEASES:,} leases in one message.")
    return tuple(dict.fromkeys(uids))


@handles(RenewLeases, needs=Capability.KEEP_OBJECTS)
def renew_leases(ctx: Context, message: RenewLeases) -> Message:
    """Keep leased objects for another while: those that the caller had made or may read."""
    expire(ctx.site, ctx.now)

    def due(reader: Reader) -> list[ObjectRecord]:
        records = [reader.find(ObjectRecord, uid=uid) for uid in _some(message.uids)]
        return [one for one in records if one is not None and _may_renew(ctx, reader, one, _FRESH)]

    with ctx.site.store.reading() as reader:
        if not due(reader):
            return Done()
    with ctx.site.store.writing(ctx.event("objects.renewed")) as tx:
        for record in due(tx):
            tx.replace(msgspec.structs.replace(record, lease_until=ctx.now + ctx.site.lease))
    return Done()


def _may_renew(ctx: Context, reader: Reader, record: ObjectRecord, used: timedelta) -> bool:
    """Whether it is leased, `used` of the lease is over, and the caller may prolong it."""
    if record.lease_until is None or record.has_expired(ctx.now):
        return False
    if record.lease_until - ctx.now > ctx.site.lease - used:
        return False
    return can_drop(ctx.caller, record) or may_read(ctx.caller, reader, record)


@handles(DropLeases, needs=Capability.KEEP_OBJECTS)
def drop_leases(ctx: Context, message: DropLeases) -> Message:
    """Forget leased objects that the caller had made. Nothing else of what is named is touched, or told of.

    What somebody asks for stays for as long as its lease: the answer may come when the pointer is long gone.
    """

    def droppable(reader: Reader) -> list[ObjectRecord]:
        records = [
            one
            for one in reader.select(ObjectRecord, OneOf("uid", _some(message.uids)))
            if can_drop(ctx.caller, one)
        ]
        wanted = OneOf("state", [RequestState.PENDING, RequestState.APPROVED])
        asked_for = {
            request.object_uid
            for request in reader.select(Request, wanted, OneOf("object_uid", [one.uid for one in records]))
        }
        return [one for one in records if one.uid not in asked_for]

    with ctx.site.store.reading() as reader:
        if not droppable(reader):
            return Done()
    blobs: set[str] = set()
    with ctx.site.store.writing(ctx.event("objects.dropped")) as tx:
        records = droppable(tx)
        for record in records:
            tx.also(ctx.event("object.dropped", record.uid))
            blobs |= record.blobs
        remove_objects(tx, records, by=ctx.user_uid, now=ctx.now)
    remove_blobs(ctx.site, blobs)
    return Done()


def is_worn(ctx: Context, reader: Reader, record: ObjectRecord) -> bool:
    """Whether a look at the object, by the caller, is worth renewing its lease for."""
    return _may_renew(ctx, reader, record, ctx.site.lease / 2)


def renew(ctx: Context, uid: UID) -> None:
    """Keep an object that the caller has just used for another while."""
    with contextlib.suppress(NotFound), ctx.site.store.writing(ctx.event("object.renewed", uid)) as tx:
        record = tx.get(ObjectRecord, uid)
        if not _may_renew(ctx, tx, record, ctx.site.lease / 2):
            # Another look was first, or it has gone: nothing to write.
            raise NotFound
        tx.replace(msgspec.structs.replace(record, lease_until=ctx.now + ctx.site.lease))
