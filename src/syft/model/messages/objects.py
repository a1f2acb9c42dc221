"""This module holds what is said about values: bringing them in parts, and reading them in parts."""

from __future__ import annotations

from syft.model.message import Message
from syft.model.object import Face, ValueRef
from syft.model.uid import UID

# One part of a value on its way. Large enough that the 0.3 ms of a signed message is lost in it,
# small enough that a few in flight are nothing in memory.
PART_BYTES = 4 * 1024 * 1024


class BeginUpload(Message, frozen=True, tag="objects.upload.begin"):
    """I will bring a value of this many bytes. Answered by `UploadReply`."""

    size: int


class PutPart(Message, frozen=True, tag="objects.upload.part"):
    """Here are its bytes from `offset` on, attached; parts may come in any order, and again.

    Args:
        upload_uid: of an upload of the caller's own.
        offset: a multiple of `PART_BYTES`; every part but the last is `PART_BYTES` long.
    """

    upload_uid: UID
    offset: int


class FinishUpload(Message, frozen=True, tag="objects.upload.finish"):
    """That was all. Answered by `UploadReply`; refused when parts are missing or the digest differs."""

    upload_uid: UID
    digest: str


class UploadReply(Message, frozen=True, tag="objects.upload.reply"):
    """How an upload stands.

    Args:
        upload_uid: its name.
        missing: offsets of parts not yet there.
    """

    upload_uid: UID
    missing: tuple[int, ...] = ()


class ReadValue(Message, frozen=True, tag="objects.read"):
    """Let me read a value. Answered by `ValueReply`, with the part that begins at `offset` attached.

    Args:
        object_uid: whose value.
        face: private or mock.
        offset: where to begin; the part attached is at most `PART_BYTES` long.
    """

    object_uid: UID
    face: Face = Face.PRIVATE
    offset: int = 0


class ValueReply(Message, frozen=True, tag="objects.read.reply"):
    """What the value is; its bytes, or a part of them, are attached."""

    value: ValueRef
