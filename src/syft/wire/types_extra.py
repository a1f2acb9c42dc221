"""This module holds the types of smaller packages (`result`, `pymongo`) in the table of tags, where installed."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import Any

from syft.model.uid import UID
from syft.wire.parts import fields, of_kind
from syft.wire.tags import Packer, Tag, Unpacker, register

# A collection may be a database of terabytes; what travels is enough to look at, within one message.
SNAPSHOT_DOCUMENTS = 1000
SNAPSHOT_BYTES = 8 * 2**20
_KEPT = frozenset({type(None), bool, int, float, str, datetime.datetime})


@dataclass(frozen=True)
class CollectionSnapshot:
    """What was in a MongoDB collection when it was sent, as far as it was sent.

    Args:
        name: of the database and the collection, with a dot between.
        documents: the first of them, at most 1,000 and 8 MiB.
        truncated: whether there were more.
    """

    name: str
    documents: tuple[dict[str, object], ...]
    truncated: bool


def _pack_result(value: Any, packer: Packer) -> object:
    content = value.ok_value if type(value).__name__ == "Ok" else value.err_value
    return [packer.pack(content, ".value")]


def _unpack_ok(parts: object, unpacker: Unpacker) -> object:
    from result import Ok

    return Ok(fields(parts, 1)[0])


def _unpack_err(parts: object, unpacker: Unpacker) -> object:
    from result import Err

    return Err(fields(parts, 1)[0])


def _pack_snapshot(value: CollectionSnapshot, packer: Packer) -> object:
    return [value.name, packer.pack(list(value.documents), ".documents"), value.truncated]


def _unpack_snapshot(parts: object, unpacker: Unpacker) -> CollectionSnapshot:
    name, documents, truncated = fields(parts, 3)
    found = tuple(of_kind(document, dict) for document in of_kind(documents, list))
    return CollectionSnapshot(of_kind(name, str), found, of_kind(truncated, bool))


def _pack_collection(value: Any, packer: Packer) -> object:
    if isinstance(value, CollectionSnapshot):
        return _pack_snapshot(value, packer)

    from pymongo.errors import PyMongoError

    try:
        return _pack_snapshot(_snapshot(value), packer)
    except PyMongoError as error:
        packer.refuse(
            type(value), f"its documents could not be read ({type(error).__name__}): use list(x.find(...))"
        )


def _snapshot(collection: Any) -> CollectionSnapshot:
    import bson

    documents: list[dict[str, object]] = []
    room = SNAPSHOT_BYTES
    for document in collection.find(limit=SNAPSHOT_DOCUMENTS + 1):
        room -= len(bson.encode(document))
        if room < 0 or len(documents) == SNAPSHOT_DOCUMENTS:
            return CollectionSnapshot(collection.full_name, tuple(documents), True)
        documents.append({str(key): _plain(content) for key, content in document.items()})
    return CollectionSnapshot(collection.full_name, tuple(documents), False)


def _plain(value: object) -> object:
    """A value of a document as one that travels: MongoDB's own types as the nearest of Python's, or as text."""
    from bson import Decimal128, Int64, ObjectId

    if isinstance(value, dict):
        return {str(key): _plain(content) for key, content in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, Int64):
        return int(value)
    if isinstance(value, Decimal128):
        return value.to_decimal()
    if isinstance(value, bytes):  # Binary is one
        return bytes(value)
    return value if type(value) in _KEPT or isinstance(value, ObjectId) else str(value)


def _pack_object_id(value: Any, packer: Packer) -> object:
    return bytes(value.binary)


def _unpack_object_id(parts: object, unpacker: Unpacker) -> object:
    from bson import ObjectId

    return ObjectId(of_kind(parts, bytes))


register(Tag.OK, ("result", "Ok"), _pack_result, _unpack_ok)
register(Tag.ERR, ("result", "Err"), _pack_result, _unpack_err)
register(
    Tag.COLLECTION, ("pymongo", "Collection"), _pack_collection, _unpack_snapshot, also=(CollectionSnapshot,)
)
register(Tag.OBJECT_ID, ("bson", "ObjectId"), _pack_object_id, _unpack_object_id)
register(Tag.UID, UID, lambda uid, _: uid.raw, lambda parts, _: UID.from_bytes(of_kind(parts, bytes)))
