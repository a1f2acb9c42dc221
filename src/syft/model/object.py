"""This module holds what a node keeps values as: references to encoded bytes, and the objects that own them."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import Enum
from typing import Final

import msgspec

from syft.errors import InvalidInput
from syft.model.terms import Safeguards
from syft.model.uid import UID

# Values up to this size rest in the database row; larger ones are files named by their hash.
# A row of this size is still one or two pages of SQLite; a file costs an extra open and an fsync.
INLINE_BYTES: Final = 16 * 1024
DIGEST_HEX: Final = 64
# As many as anybody reads, and short enough that a page of objects fits a message.
MAX_TAGS: Final = 32
MAX_TAG: Final = 200
MAX_DESCRIPTION: Final = 5_000
# What was made in passing is kept for so long after its last use: a lunch break, not a weekend.
LEASE: Final = timedelta(hours=1)
# And for so long where an owner is asked for it: people answer within days.
REQUESTED_LEASE: Final = timedelta(days=30)


class ValueRef(msgspec.Struct, frozen=True, kw_only=True):
    """Encoded bytes at rest, and what is said of them without decoding them.

    Args:
        digest: BLAKE3 of the bytes, 64 hex digits.
        size: in bytes.
        type_name: what the sender says it is, such as "pandas.DataFrame"; for display only.
        shape: what the sender says its shape is; for display only.
        inline: the bytes themselves where they are few, else None and they are in the blob store.
    """

    digest: str
    size: int
    type_name: str
    shape: tuple[int, ...] | None = None
    inline: bytes | None = None

    def __post_init__(self) -> None:
        if len(self.digest) != DIGEST_HEX or not set(self.digest) <= set("0123456789abcdef"):
            raise InvalidInput("A digest is 64 hex digits.")
        if self.size < 0 or (self.inline is not None and len(self.inline) != self.size):
            raise InvalidInput("A value's size does not agree with its bytes.")


class Face(Enum):
    """Which of a twin's two values is meant."""

    PRIVATE = "private"
    MOCK = "mock"


class ObjectKind(Enum):
    """What an object is there for."""

    ASSET = "asset"
    RESULT = "result"
    VALUE = "value"
    PLAN = "plan"
    PROTOCOL = "protocol"


def check_tags(tags: tuple[str, ...]) -> None:
    """Raise unless these can be tags: few, short, each on one line, each once.

    Raises:
        InvalidInput: they cannot.
    """
    if len(tags) > MAX_TAGS:
        raise InvalidInput(f"An object has at most {MAX_TAGS} tags; these are {len(tags)}.")
    if len(set(tags)) != len(tags):
        raise InvalidInput("A tag is there twice; leave one out.")
    for tag in tags:
        if not tag.strip() or len(tag) > MAX_TAG:
            raise InvalidInput(f"A tag has 1 to {MAX_TAG} characters.")
        if any(ord(char) < 32 or ord(char) == 127 for char in tag):
            raise InvalidInput("A tag has control characters in it; please leave them out.")


def check_description(description: str) -> None:
    """Raise unless this can describe an object.

    Raises:
        InvalidInput: it is too long.
    """
    if len(description) > MAX_DESCRIPTION:
        raise InvalidInput(f"A description is at most {MAX_DESCRIPTION} characters long.")


class ObjectRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A value somebody owns: a twin where it has a mock besides.

    Args:
        uid: the object's own; both faces share it.
        kind: what it is there for.
        owner_uid: the account it belongs to, who may always read it.
        name: for people: "'asset' of 'dataset'", or the function that made it; not unique.
        private: the real value; None for an asset that only announces data.
        mock: a stand-in that everybody may see; None where there is none.
        created_at: when, in UTC.
        tags: words to find it by, each once, in the order given.
        description: for people.
        findable: whether everybody who may look around finds it. What it holds is another question.
        made_by: the account that brought it or had it computed, on whose quota it is; None for what is older.
        lease_until: when it is forgotten unless somebody uses it before, in UTC; None: kept until deleted.
        op: the operation that computed it, which `name` tells as people read it; empty for what was brought.
        inputs: the objects that it was computed from.
        sources: those that they go back to, brought by somebody.
        safeguards: what its owner demands before anything made of it leaves.
    """

    uid: UID
    kind: ObjectKind
    owner_uid: UID
    name: str = ""
    private: ValueRef | None = None
    mock: ValueRef | None = None
    created_at: datetime
    tags: tuple[str, ...] = ()
    description: str = ""
    findable: bool = False
    made_by: UID | None = None
    lease_until: datetime | None = None
    op: str = ""
    inputs: tuple[UID, ...] = ()
    sources: tuple[UID, ...] = ()
    safeguards: Safeguards = Safeguards()

    def __post_init__(self) -> None:
        check_tags(self.tags)
        check_description(self.description)

    @property
    def size(self) -> int:
        """Bytes of both values."""
        return sum(value.size for value in (self.private, self.mock) if value is not None)

    @property
    def blobs(self) -> set[str]:
        """The digests of those of its values that are files."""
        return {value.digest for value in (self.private, self.mock) if value and value.inline is None}

    def has_expired(self, now: datetime) -> bool:
        """Whether its lease has ended by `now`: then it is gone, whether or not anybody has swept."""
        return self.lease_until is not None and self.lease_until <= now

    def face(self, face: Face) -> ValueRef | None:
        """The value on that side."""
        return self.private if face is Face.PRIVATE else self.mock


class RetiredUid(msgspec.Struct, frozen=True, kw_only=True):
    """A UID that was an object's and will be nobody's again: pointers to the old one must not find another's.

    Args:
        uid: the object's.
        retired_at: when it was deleted, in UTC.
    """

    uid: UID
    retired_at: datetime


class FailedOperations(msgspec.Struct, frozen=True, kw_only=True):
    """How often an account's operations on values that it may not read have failed: each failure tells a little.

    Args:
        uid: the record's own.
        user_uid: whose operations.
        object_uid: what the values go back to.
        count: how many.
    """

    uid: UID
    user_uid: UID
    object_uid: UID
    count: int
