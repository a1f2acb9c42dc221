"""This module holds what a node keeps values as: references to encoded bytes, and the objects that own them."""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from typing import Final

import msgspec

from syft.errors import InvalidInput
from syft.model.uid import UID

# Values up to this size rest in the database row; larger ones are files named by their hash.
# A row of this size is still one or two pages of SQLite; a file costs an extra open and an fsync.
INLINE_BYTES: Final = 16 * 1024
DIGEST_HEX: Final = 64


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
    """

    uid: UID
    kind: ObjectKind
    owner_uid: UID
    name: str = ""
    private: ValueRef | None = None
    mock: ValueRef | None = None
    created_at: datetime

    def face(self, face: Face) -> ValueRef | None:
        """The value on that side."""
        return self.private if face is Face.PRIVATE else self.mock
