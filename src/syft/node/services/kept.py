"""This module keeps objects that people send, tells of them to those who may know, and lets go of them."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Final

import msgspec

from syft.access.checks import can_change, can_find
from syft.code.planned import check_plan
from syft.errors import (
    AlreadyExists,
    DecodeError,
    InvalidInput,
    InvalidState,
    NotFound,
    QuotaExceeded,
    TooLarge,
)
from syft.jobs.sink import type_of_value
from syft.model.message import Done, Message
from syft.model.messages.objects import (
    DeleteObject,
    DescribeObject,
    FindObjects,
    GetObject,
    ObjectReply,
    ObjectsReply,
    ObjectView,
    PutObject,
    ReplaceObject,
    SafeguardsView,
)
from syft.model.object import ObjectKind, ObjectRecord, RetiredUid, ValueRef, check_tags
from syft.model.permission import Capability, Grant
from syft.model.plan import Plan
from syft.model.protocol import SharedProtocol
from syft.model.request import RequestState
from syft.model.uid import UID
from syft.node.context import Context, fitting, page, place
from syft.node.dispatch import handles
from syft.node.removal import (
    end_requests,
    expire,
    remove_blobs,
    remove_objects,
    void_grants,
    wake,
)
from syft.node.services.grants import has_grant, may_read
from syft.node.services.objects import take_value
from syft.node.services.views import person
from syft.store.base import Condition, Contains, OneOf, Reader, Transaction
from syft.store.tables import OBJECT_UID_TAKEN
from syft.wire import codec
from syft.wire.peek import PLAN, PROTOCOL

# A plan with all that it may bring along, and its steps.
MAX_PLAN_BYTES: Final = 8 * 1024 * 1024
_KINDS: Final = {PLAN: ObjectKind.PLAN, PROTOCOL: ObjectKind.PROTOCOL}
NOT_THERE: Final = "There is no such object, or it is not yours to see."


# --- what is told of an object


def object_view(ctx: Context, reader: Reader, record: ObjectRecord) -> ObjectView:
    """An object for somebody who may know of it."""
    readable = record.private is not None and may_read(ctx.caller, reader, record)
    mine = can_change(ctx.caller, record)
    value = record.private or record.mock
    if record.op and not readable:
        # Which type was computed can depend on a value: of a column with words and numbers, say, one was picked.
        value = record.mock
    shown = record.private if readable else record.mock if record.private is None else None
    return ObjectView(
        uid=record.uid,
        kind=record.kind,
        type_name=value.type_name if value else "",
        tags=record.tags,
        description=record.description,
        name=record.name,
        findable=record.findable,
        has_private=record.private is not None,
        has_mock=record.mock is not None,
        is_mine=mine,
        readable=readable,
        digest=shown.digest if shown else "",
        size=shown.size if shown else None,
        shape=shown.shape if shown else None,
        lease_until=record.lease_until if mine or record.made_by == ctx.caller.uid else None,
        created_at=record.created_at,
        op=record.op,
        inputs=record.inputs,
        safeguards=_safeguards_view(ctx, reader, record),
    )


def _safeguards_view(ctx: Context, reader: Reader, record: ObjectRecord) -> SafeguardsView:
    """What is demanded before anything made of it leaves; who was named is not everybody's to know."""
    demanded = record.safeguards
    told = can_change(ctx.caller, record) or ctx.caller.uid in demanded.approvers
    return SafeguardsView(
        approvals=demanded.approvals,
        approvers=tuple(person(reader, uid) for uid in demanded.approvers) if told else (),
        review=demanded.review,
    )


def known(ctx: Context, reader: Reader, uid: UID) -> ObjectRecord:
    """The object of that UID, if the caller may know of it.

    Raises:
        NotFound: not there (any more), or not for the caller: one answer.
    """
    record = reader.find(ObjectRecord, uid=uid)
    if (
        record is not None
        and not record.has_expired(ctx.now)
        and (
            can_find(ctx.caller, record, False)
            or can_find(ctx.caller, record, has_grant(reader, record, ctx.caller.uid))
        )
    ):
        return record
    raise NotFound(NOT_THERE)


def changeable(ctx: Context, reader: Reader, uid: UID) -> ObjectRecord:
    """The object of that UID, if the caller may change it.

    Raises:
        NotFound: not there, or not the caller's.
    """
    record = reader.find(ObjectRecord, uid=uid)
    if record is None or record.has_expired(ctx.now) or not can_change(ctx.caller, record):
        raise NotFound(NOT_THERE)
    return record


def _visible(ctx: Context, reader: Reader, tags: tuple[str, ...]) -> list[ObjectRecord]:
    """Every object that the caller may know of and that has these tags, oldest first."""
    with_tags: list[Condition] = [Contains("tag_text", msgspec.json.encode(tag).decode()) for tag in tags]
    if ctx.caller.is_admin:
        found = reader.select(ObjectRecord, *with_tags)
    else:
        found = reader.select(ObjectRecord, *with_tags, findable=True)
        if ctx.caller.uid is not None:
            granted = {grant.object_uid for grant in reader.select(Grant, user_uid=ctx.caller.uid)}
            for own in (
                OneOf("owner_uid", [ctx.caller.uid]),
                OneOf("made_by", [ctx.caller.uid]),
                OneOf("uid", granted),
            ):
                found += reader.select(ObjectRecord, own, *with_tags, findable=False)
    each = {record.uid: record for record in found if set(tags) <= set(record.tags)}
    # The last word has the rule itself, whatever the questions above were.
    seen = [
        record
        for record in each.values()
        if not record.has_expired(ctx.now)
        and not _in_passing(record)
        and can_find(ctx.caller, record, has_grant(reader, record, ctx.caller.uid))
    ]
    return sorted(seen, key=lambda record: (record.created_at, record.uid.hex))


def _in_passing(record: ObjectRecord) -> bool:
    """Whether it was computed and is only leased: each step of a calculation would stand in every list, with its tags.

    Who has its UID reads what is said of it all the same, and a request for it shows it.
    """
    return bool(record.op) and record.lease_until is not None


@handles(FindObjects, needs=Capability.BROWSE_DATASETS)
def find_objects(ctx: Context, message: FindObjects) -> Message:
    """A page of the objects that the caller may know of."""
    check_tags(message.tags)
    limit, offset = page(message.limit, message.offset)
    expire(ctx.site, ctx.now)
    with ctx.site.store.reading() as reader:
        found = _visible(ctx, reader, message.tags)
        some = found[offset : offset + limit]
        return ObjectsReply(fitting(object_view(ctx, reader, record) for record in some), len(found))


@handles(GetObject, needs=Capability.BROWSE_DATASETS)
def get_object(ctx: Context, message: GetObject) -> Message:
    """What the caller may know of one object.

    Raises:
        NotFound: not there, or not for the caller.
    """
    expire(ctx.site, ctx.now)
    with ctx.site.store.reading() as reader:
        if message.uid is not None:
            record = known(ctx, reader, message.uid)
        else:
            skip, newest_first = place(message.index)
            found = _visible(ctx, reader, ())
            if skip >= len(found):
                raise NotFound(f"There is no object at that place; there are {len(found)}.")
            record = found[-1 - skip] if newest_first else found[skip]
        return ObjectReply(object_view(ctx, reader, record))


# --- keeping


@handles(PutObject, needs=Capability.KEEP_OBJECTS, enrols=True)
def put_object(ctx: Context, message: PutObject) -> Message:
    """Keep a value for the caller.

    Raises:
        InvalidInput: tags or a description that cannot be; a mock of another type than the value.
        AlreadyExists: the chosen UID is an object's or was one's, whoever's: one answer.
        QuotaExceeded: the caller keeps as much as the node allows.
    """
    expire(ctx.site, ctx.now)
    if message.mock is not None and message.mock.type_name != message.value.type_name:
        raise InvalidInput(
            f"The value is a {message.value.type_name}, its mock a {message.mock.type_name}. Make them of one type."
        )
    with ExitStack() as landing:
        private = take_value(ctx, landing, message.value)
        record = ObjectRecord(
            uid=message.uid or UID(),
            kind=_kind_of(ctx, private),
            owner_uid=ctx.user_uid,
            private=private,
            mock=take_value(ctx, landing, message.mock) if message.mock else None,
            created_at=ctx.now,
            tags=message.tags,
            description=message.description,
            findable=message.findable,
            made_by=ctx.user_uid,
            lease_until=ctx.now + ctx.site.lease if message.leased else None,
        )
        with ctx.site.store.writing(ctx.event("object.created", record.uid)) as tx:
            add_object(ctx, tx, record)
            view = object_view(ctx, tx, record)
    return ObjectReply(view)


def _kind_of(ctx: Context, value: ValueRef) -> ObjectKind:
    """What a value is there for, by its bytes: whoever finds a plan may read it, so its sender's word is not taken.

    Raises:
        InvalidInput: it says that it is a plan or protocol, and is none that this node could run or show.
    """
    try:
        name = type_of_value(ctx.site.blobs, value)
    except DecodeError:
        return ObjectKind.VALUE
    kind = _KINDS.get(name)
    if kind is None:
        return ObjectKind.VALUE
    if value.size > MAX_PLAN_BYTES:
        raise InvalidInput(f"A plan or protocol has at most {MAX_PLAN_BYTES >> 20} MiB.")
    data = value.inline if value.inline is not None else ctx.site.blobs.read(value.digest, 0, value.size)
    try:
        made = codec.decode(data)
    except (DecodeError, TooLarge):
        made = None
    if not isinstance(made, Plan | SharedProtocol):
        raise InvalidInput("That is no plan or protocol, though its bytes begin like one.")
    if isinstance(made, Plan):
        check_plan(made)
    return kind


def add_object(ctx: Context, tx: Transaction, record: ObjectRecord) -> None:
    """Put a new object among the others, on the quota of whoever had it made.

    Raises:
        AlreadyExists: its UID is an object's or was one's.
        QuotaExceeded: the caller keeps as much as the node allows.
    """
    check_quota(ctx, tx, record.size)
    if tx.find(RetiredUid, uid=record.uid) is not None:
        raise AlreadyExists(OBJECT_UID_TAKEN)
    tx.add(record)


def check_quota(ctx: Context, tx: Reader, size: int, *, objects: int = 1) -> None:
    """Raise unless the caller may keep so much more. Whoever can upload datasets may fill the disk anyway.

    Args:
        ctx: who asks.
        tx: the transaction in which it is kept, so that two at once do not both fit.
        size: bytes more.
        objects: how many more.
    Raises:
        QuotaExceeded: they may not.
    """
    if ctx.caller.can(Capability.UPLOAD_DATA):
        return
    settings = ctx.site.node_settings()
    if tx.count(ObjectRecord, made_by=ctx.user_uid) + objects > settings.objects_per_account:
        raise QuotaExceeded(
            f"You may keep {settings.objects_per_account:,} objects on this node. Delete some "
            "(`client.objects[i].delete()`), or ask its administrator for more."
        )
    if tx.total(ObjectRecord, "size", made_by=ctx.user_uid) + size > settings.bytes_per_account:
        raise QuotaExceeded(
            f"You may keep {settings.bytes_per_account:,} bytes on this node, and this would be more. Delete some "
            "objects (`client.objects[i].delete()`), or ask its administrator for more."
        )


@handles(ReplaceObject, needs=Capability.KEEP_OBJECTS)
def replace_object(ctx: Context, message: ReplaceObject) -> Message:
    """Put another value in the place of an object's; what was granted was the old one.

    Raises:
        NotFound: not there, or not the caller's.
        InvalidState: part of a dataset, or a result.
        QuotaExceeded: the caller keeps as much as the node allows.
    """
    with ExitStack() as landing:
        value = take_value(ctx, landing, message.value)
        # Made anew: a private value in the place of a plan would be read by whoever finds it.
        kind = _kind_of(ctx, value)
        with ctx.site.store.writing(ctx.event("object.replaced", message.uid)) as tx:
            old = changeable(ctx, tx, message.uid)
            _check_is_free(old)
            if old.mock is not None and old.mock.type_name != value.type_name:
                raise InvalidInput(
                    f"The object's mock is a {old.mock.type_name}; a {value.type_name} needs another."
                )
            if old.made_by == ctx.user_uid:
                check_quota(ctx, tx, value.size - (old.private.size if old.private else 0), objects=0)
            record = msgspec.structs.replace(old, private=value, kind=kind)
            tx.replace(record)
            void_grants(tx, [record.uid])
            ended = end_requests(
                tx,
                [record.uid],
                states=(RequestState.APPROVED,),
                reason="The value was replaced by another. Ask again for that one.",
                by=ctx.user_uid,
                now=ctx.now,
            )
            view = object_view(ctx, tx, record)
    remove_blobs(ctx.site, old.blobs - record.blobs)
    wake(ctx.site, ended)
    return ObjectReply(view)


def _check_is_free(record: ObjectRecord) -> None:
    if record.kind is ObjectKind.ASSET:
        raise InvalidState(
            "This object is part of a dataset, which cannot be changed; delete the dataset instead."
        )
    if record.kind is ObjectKind.RESULT:
        raise InvalidState("This object is the result of a run and stays in its record.")


@handles(DescribeObject, needs=Capability.KEEP_OBJECTS)
def describe_object(ctx: Context, message: DescribeObject) -> Message:
    """Change what is said of an object of the caller's.

    Raises:
        NotFound: not there, or not the caller's.
        InvalidInput: tags or a description that cannot be.
    """
    new: dict[str, object] = {}
    for name in ("tags", "description", "findable"):
        given = getattr(message, name)
        if given is not None:
            new[name] = given
    with ctx.site.store.writing(ctx.event("object.described", message.uid, fields=",".join(new))) as tx:
        record = changeable(ctx, tx, message.uid)
        if new.get("findable"):
            # Others may now hold pointers to it: it does not go when its maker's does.
            new["lease_until"] = None
        record = msgspec.structs.replace(record, **new)
        tx.replace(record)
        return ObjectReply(object_view(ctx, tx, record))


@handles(DeleteObject, needs=Capability.KEEP_OBJECTS)
def delete_object(ctx: Context, message: DeleteObject) -> Message:
    """Forget an object of the caller's.

    Raises:
        NotFound: not there, or not the caller's.
        InvalidState: part of a dataset, or a result.
    """
    with ctx.site.store.writing(ctx.event("object.deleted", message.uid)) as tx:
        record = changeable(ctx, tx, message.uid)
        _check_is_free(record)
        ended = remove_objects(tx, [record], by=ctx.user_uid, now=ctx.now)
    remove_blobs(ctx.site, record.blobs)
    wake(ctx.site, ended)
    return Done()
