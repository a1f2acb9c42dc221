"""This module answers who was granted what; a grant is to a value, and void when another takes its place."""

from __future__ import annotations

from syft.access.caller import Caller
from syft.access.checks import can_read_value
from syft.model.object import Face, ObjectRecord
from syft.model.permission import Grant
from syft.model.uid import UID
from syft.store.base import Reader


def is_for(grant: Grant, record: ObjectRecord) -> bool:
    """Whether the grant is to the private value that the object has now."""
    if grant.object_uid != record.uid:
        return False
    return not grant.digest or (record.private is not None and record.private.digest == grant.digest)


def has_grant(reader: Reader, record: ObjectRecord, user_uid: UID | None) -> bool:
    """Whether that account was granted to read the object's private value, as it is now."""
    if user_uid is None:
        return False
    return any(is_for(one, record) for one in reader.select(Grant, object_uid=record.uid, user_uid=user_uid))


def may_read(caller: Caller, reader: Reader, record: ObjectRecord, face: Face = Face.PRIVATE) -> bool:
    """Whether somebody may have that value. Grants are looked up only where nothing else lets them."""
    return can_read_value(caller, record, face, False) or can_read_value(
        caller, record, face, has_grant(reader, record, caller.uid)
    )


def granted_to(reader: Reader, record: ObjectRecord) -> frozenset[UID]:
    """The accounts that were granted to read the object's private value, as it is now."""
    found = reader.select(Grant, object_uid=record.uid)
    return frozenset(one.user_uid for one in found if is_for(one, record))
