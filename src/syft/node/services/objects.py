"""This module brings values in, in parts, and gives them out, in parts, to those who may have them."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Final

from blake3 import blake3

from syft.errors import InvalidInput, NotFound, QuotaExceeded
from syft.model.message import Done, Message
from syft.model.messages.datasets import NewValue
from syft.model.messages.objects import (
    PART_BYTES,
    BeginUpload,
    FinishUpload,
    PutPart,
    ReadValue,
    UploadReply,
    ValueReply,
)
from syft.model.object import INLINE_BYTES, ObjectRecord, ValueRef
from syft.model.permission import Capability
from syft.node.context import Attached, Context
from syft.node.dispatch import handles
from syft.node.services.grants import may_read
from syft.node.services.leases import is_worn, renew
from syft.store.base import Reader

_MAX_TYPE_NAME: Final = 200
_MAX_DIMENSIONS: Final = 64  # as many as numpy has


@handles(BeginUpload, needs=Capability.RUN_CODE, enrols=True)
def begin_upload(ctx: Context, message: BeginUpload) -> Message:
    """Make room for a value.

    Raises:
        QuotaExceeded: more than the caller may keep.
    """
    most = ctx.site.node_settings().bytes_per_account
    if message.size > most and not ctx.caller.can(Capability.UPLOAD_DATA):
        raise QuotaExceeded(f"You may keep {most:,} bytes on this node, and this is more.")
    return UploadReply(ctx.site.uploads.begin(ctx.user_uid, message.size))


@handles(PutPart, needs=Capability.RUN_CODE)
def put_part(ctx: Context, message: PutPart) -> Message:
    """Keep a part of it."""
    ctx.site.uploads.put(ctx.user_uid, message.upload_uid, message.offset, ctx.attachment)
    return Done()


@handles(FinishUpload, needs=Capability.RUN_CODE)
def finish_upload(ctx: Context, message: FinishUpload) -> Message:
    """Check that it is whole. It belongs to nobody's data until another message uses it."""
    missing = tuple(ctx.site.uploads.missing(ctx.user_uid, message.upload_uid))
    if not missing:
        ctx.site.uploads.finish(ctx.user_uid, message.upload_uid, message.digest)
    return UploadReply(message.upload_uid, missing)


def take_value(ctx: Context, landing: ExitStack, value: NewValue) -> ValueRef:
    """A value on its way in, as the node keeps it.

    Args:
        ctx: who brings it.
        landing: the block in which the record that refers to it is written; if that fails, the value goes again.
        value: what is brought.
    Raises:
        InvalidInput: neither or both ways of bringing it.
        NotFound: no such finished upload of the caller's.
    """
    _check_said(value)
    if (value.inline is None) == (value.upload_uid is None):
        raise InvalidInput("A value comes with the message or by an upload; one of the two.")
    if value.upload_uid is not None:
        digest, size = landing.enter_context(ctx.site.uploads.take(ctx.user_uid, value.upload_uid))
        return ValueRef(digest=digest, size=size, type_name=value.type_name, shape=value.shape)
    return _keep_bytes(ctx, landing, value.inline or b"", value)


def _check_said(value: NewValue) -> None:
    """What is said of a value is shown to people: a few words and numbers."""
    if len(value.type_name) > _MAX_TYPE_NAME or len(value.shape or ()) > _MAX_DIMENSIONS:
        raise InvalidInput("The name of a value's type, or its shape, is too long.")


def _keep_bytes(ctx: Context, landing: ExitStack, data: bytes, value: NewValue) -> ValueRef:
    """Encoded bytes as the node keeps them: few in the row, many in a file."""
    type_name, shape = value.type_name, value.shape
    if len(data) <= INLINE_BYTES:
        return ValueRef(
            digest=blake3(data).hexdigest(), size=len(data), type_name=type_name, shape=shape, inline=data
        )
    writer = landing.enter_context(ctx.site.blobs.writer())
    writer.write(data)
    digest, size = writer.commit()
    return ValueRef(digest=digest, size=size, type_name=type_name, shape=shape)


@handles(ReadValue, needs=Capability.READ_VALUES)
def read_value(ctx: Context, message: ReadValue) -> Attached:
    """A part of a value's bytes, to those who may have them.

    Raises:
        NotFound: not there, or not for the caller: one answer.
    """
    with ctx.site.store.reading() as reader:
        record, value = readable(ctx, reader, message)
        worn = is_worn(ctx, reader, record)
    if worn:
        renew(ctx, record.uid)
    if not 0 <= message.offset <= value.size:
        raise InvalidInput(f"The value has {value.size} bytes; there is none at {message.offset}.")
    if value.inline is not None:
        return Attached(ValueReply(value), value.inline[message.offset :])
    return Attached(ValueReply(value), ctx.site.blobs.read(value.digest, message.offset, PART_BYTES))


def readable(ctx: Context, reader: Reader, message: ReadValue) -> tuple[ObjectRecord, ValueRef]:
    """The object and the value that was asked for, if the caller may have it.

    Raises:
        NotFound: not there, or not for the caller.
    """
    record = reader.find(ObjectRecord, uid=message.object_uid)
    if record is not None and not record.has_expired(ctx.now):
        value = record.face(message.face)
        if value is not None and may_read(ctx.caller, reader, record, message.face):
            return record, value
    raise NotFound("You do not have permission to access private data.")
