"""This module holds what a node is given when it is made and keeps for good: who it is, and its first account."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import msgspec

from syft.config import DEFAULT_PASSWORD, Settings
from syft.model.event import Event
from syft.model.permission import Role
from syft.model.uid import UID
from syft.model.user import User
from syft.node.passwords import hash_password
from syft.node.services.users import DEFAULT_PASSWORD_SETTING
from syft.store.base import Store
from syft.version import VERSION

# Where the node's things are and whom they belong to first: nothing of how it is set, and one of them is a secret.
_UNSAID: Final = ("home", "root_email", "root_password")
_IDENTITY: Final = "node_identity"


class Born(msgspec.Struct, frozen=True):
    """What a node is, from the day it was made.

    Args:
        uid: the node's own, 32 hex digits.
        name: for people.
        kind: "datasite", "device", ...
        side_type: "high" where there is private data.
        deployed_at: when, in UTC.
    """

    uid: str
    name: str
    kind: str
    side_type: str
    deployed_at: datetime


def new_born(name: str, kind: str, side_type: str) -> Born:
    """What a node is that is made now."""
    return Born(UID().hex, name, kind, side_type, datetime.now(UTC))


def root_account(settings: Settings, at: datetime, password_hash: str) -> User:
    """The account that can do everything and cannot be deleted."""
    return User(
        uid=UID(),
        email=settings.root_email.lower(),
        name="Jane Doe",
        role=Role.ADMIN,
        password_hash=password_hash,
        is_root=True,
        created_at=at,
    )


def started(settings: Settings, at: datetime) -> Event:
    """The event of a start: with which version, and how its operator had set it then.

    What an administrator sets by messages has events of its own. This is set outside, and changes with a start only.
    """
    fields = {
        name: str(getattr(settings, name)) for name in settings.__struct_fields__ if name not in _UNSAID
    }
    return Event(verb="node.started", detail={"version": VERSION, **fields}, created_at=at)


def be_born(store: Store, settings: Settings, born: Born, root: User | None = None) -> Born:
    """What the node of this store is: what it became when it was made, or else `born`, from now on.

    Args:
        store: the node's.
        settings: what the operator set.
        born: what a new node is.
        root: a new node's first account; by default the one with the password in the settings.
    """
    with store.reading() as reader:
        kept = reader.setting(_IDENTITY)
    if kept is not None:
        return msgspec.json.decode(kept, type=Born)
    has_default = root is None and settings.root_password == DEFAULT_PASSWORD
    if root is None:
        root = root_account(settings, born.deployed_at, hash_password(settings.root_password))
    event = Event(
        verb="node.created",
        subject_uid=UID.from_string(born.uid),
        detail={"name": born.name},
        created_at=born.deployed_at,
    )
    with store.writing(event) as tx:
        tx.put_setting(_IDENTITY, msgspec.json.encode(born).decode())
        tx.put_setting(DEFAULT_PASSWORD_SETTING, "yes" if has_default else "no")
        tx.add(root)
    return born
