"""This module holds what is said about objects: keeping, finding, describing, computing; values in and out."""

from __future__ import annotations

from datetime import datetime

import msgspec

from syft.model.message import Message
from syft.model.messages.datasets import NewSafeguards, NewValue
from syft.model.object import Face, ObjectKind, ValueRef
from syft.model.step import Step
from syft.model.uid import UID
from syft.model.user import PersonView

# One part of a value on its way. Large enough that the 0.3 ms of a signed message is lost in it,
# small enough that a few in flight are nothing in memory.
PART_BYTES = 4 * 1024 * 1024
# A client that holds more pointers speaks of them in several messages.
MAX_LEASES = 1_000


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


# --- what is kept


class SafeguardsView(msgspec.Struct, frozen=True, kw_only=True):
    """What the owner of an object demands before anything made of it leaves, as others see it.

    Args:
        approvals: how many people have to approve a request.
        approvers: who may approve beside the owner and administrators: for the owner, administrators and themselves.
        review: whether a person looks at each result before it leaves.
    """

    approvals: int = 1
    approvers: tuple[PersonView, ...] = ()
    review: bool = False


class ObjectView(msgspec.Struct, frozen=True, kw_only=True):
    """An object as somebody sees it who may know of it.

    What a private value measures can give it away, its digest does: these are for those who may read it.

    Args:
        uid: the object's own.
        kind: what it is there for.
        type_name: of its value, as it was said when it came.
        tags: to find it by.
        description: for people.
        name: "'asset' of 'dataset'", or the function that made it.
        findable: whether everybody finds it.
        has_private: whether there is a private value.
        has_mock: whether there is a mock, which whoever sees this may read.
        is_mine: whether the caller may change or delete it.
        readable: whether the caller may read the private value.
        digest: of the private value; empty where the caller may not read it.
        size: of its bytes; None where the caller may not read it.
        shape: likewise.
        lease_until: when it is forgotten unless it is used; None where it is kept.
        created_at: when, in UTC.
        op: the operation that computed it, which `name` tells as people read it; empty for what was brought.
        inputs: the objects that it was computed from.
        safeguards: what its owner demands before anything made of it leaves.
    """

    uid: UID
    kind: ObjectKind
    type_name: str = ""
    tags: tuple[str, ...] = ()
    description: str = ""
    name: str = ""
    findable: bool = False
    has_private: bool = True
    has_mock: bool = False
    is_mine: bool = False
    readable: bool = False
    digest: str = ""
    size: int | None = None
    shape: tuple[int, ...] | None = None
    lease_until: datetime | None = None
    created_at: datetime
    op: str = ""
    inputs: tuple[UID, ...] = ()
    safeguards: SafeguardsView = SafeguardsView()


class PutObject(Message, frozen=True, tag="objects.put"):
    """Keep this value for me. Answered by `ObjectReply`.

    Args:
        value: the private one.
        uid: to know it by; None: the node chooses. Refused where an object has it or had it.
        tags: to find it by.
        description: for people.
        findable: whether everybody finds it; reading it is another question.
        leased: forget it when nobody has used it for an hour.
        mock: an invented one of the same type, for whoever finds it.
    """

    value: NewValue
    uid: UID | None = None
    tags: tuple[str, ...] = ()
    description: str = ""
    findable: bool = True
    leased: bool = False
    mock: NewValue | None = None


class ReplaceObject(Message, frozen=True, tag="objects.replace"):
    """Put this value in the place of an object's. Grants to the old one are void. Answered by `ObjectReply`."""

    uid: UID
    value: NewValue


class DescribeObject(Message, frozen=True, tag="objects.describe"):
    """Change what is said of an object of mine; None leaves it as it is. Answered by `ObjectReply`."""

    uid: UID
    tags: tuple[str, ...] | None = None
    description: str | None = None
    findable: bool | None = None


class GetObject(Message, frozen=True, tag="objects.get"):
    """What is said of an object: by its UID, or its place among those I find. Answered by `ObjectReply`."""

    uid: UID | None = None
    index: int | None = None


class FindObjects(Message, frozen=True, tag="objects.find"):
    """Which objects may I know of, oldest first? Answered by `ObjectsReply`.

    Args:
        tags: only those that have all of these.
        limit: how many at most; 0 for no bound but the node's.
        offset: how many to skip.
    """

    tags: tuple[str, ...] = ()
    limit: int = 0
    offset: int = 0


class DeleteObject(Message, frozen=True, tag="objects.delete"):
    """Forget an object of mine, its value and every grant to it."""

    uid: UID


class GrantObject(Message, frozen=True, tag="objects.grant"):
    """Let these accounts read the value of an object of mine, as it is now. Answered by `Done`.

    Args:
        uid: of the object.
        emails: of the accounts. Whether there are such is not told.
        withdraw: let them no longer.
    """

    uid: UID
    emails: tuple[str, ...]
    withdraw: bool = False


class SetSafeguards(Message, frozen=True, tag="objects.safeguards.set"):
    """From now on demand this before anything made of an object of mine leaves. Answered by `ObjectReply`."""

    uid: UID
    safeguards: NewSafeguards


class RenewLeases(Message, frozen=True, tag="objects.lease.renew"):
    """I still need these. Answered by `Done`; those that are kept anyway, or are not the caller's, stay as they are."""

    uids: tuple[UID, ...]


class DropLeases(Message, frozen=True, tag="objects.lease.drop"):
    """I no longer need these, which I had made. Answered by `Done`; what others made or asked for stays."""

    uids: tuple[UID, ...]


class Brought(msgspec.Struct, frozen=True):
    """A value that comes along for one operation, under a UID of its own in that operation's inputs."""

    uid: UID
    value: NewValue


class Operate(Message, frozen=True, tag="objects.operate"):
    """Compute this, and keep the result, leased. Answered by `ObjectReply`.

    Args:
        step: what to compute; its inputs are objects that the caller may know of, or stand in `brought`.
        brought: values of the caller's own, each of them an input; they are not kept.
    """

    step: Step
    brought: tuple[Brought, ...] = ()


class ObjectReply(Message, frozen=True, tag="objects.reply"):
    """One object."""

    object: ObjectView


class ObjectsReply(Message, frozen=True, tag="objects.find.reply"):
    """A page of objects, and how many the caller may know of in all."""

    objects: tuple[ObjectView, ...]
    total: int
