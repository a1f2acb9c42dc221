"""This module holds the words for who may do what: roles, capabilities, grants; `access/roles` joins them."""

from __future__ import annotations

from datetime import datetime
from enum import Enum, IntEnum

import msgspec

from syft.model.uid import UID


class Role(IntEnum):
    """What an account is; a bundle of capabilities. The numbers are those users of PySyft 0.9 know."""

    NONE = 0
    GUEST = 1
    DATA_SCIENTIST = 2
    DATA_OWNER = 32
    ADMIN = 128

    @property
    def label(self) -> str:
        """As people read it: "data scientist"."""
        return self.name.lower().replace("_", " ")


class Capability(Enum):
    """One thing a party may be allowed to do, as `area:act`; which objects it may do it to is decided besides."""

    LOOK_AROUND = "node:look"
    LOG_IN = "session:login"
    REGISTER = "users:register"
    BROWSE_DATASETS = "datasets:browse"
    READ_VALUES = "objects:read"
    USE_ACCOUNT = "users:self"
    SUBMIT_CODE = "code:submit"
    RUN_CODE = "code:run"
    KEEP_OBJECTS = "objects:keep"
    ANSWER_REQUESTS = "requests:answer"
    UPLOAD_DATA = "datasets:upload"
    DECIDE_REQUESTS = "requests:decide"
    VIEW_USERS = "users:view"
    MANAGE_USERS = "users:manage"
    VIEW_SETTINGS = "settings:view"
    CHANGE_SETTINGS = "settings:change"
    READ_EVENTS = "events:read"
    TAKE_CHECKPOINTS = "events:checkpoint"
    VIEW_POOLS = "pools:view"
    MANAGE_POOLS = "pools:manage"
    SUBMIT_IMAGES = "images:submit"
    ADMINISTER = "node:administer"
    JOIN_NETWORK = "network:join"
    TAKE_ANCESTRY = "node:ancestry"
    MANAGE_PEERS = "node:peers"
    HAND_OVER = "protocols:handover"
    JOIN_POOL = "work:join"
    TAKE_WORK = "work:take"


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """A party's right to read one object that is not its own.

    Args:
        uid: the grant's own.
        object_uid: what may be read.
        user_uid: by whom.
        granted_by: whose decision it was: the owner who approved, or the owner who granted.
        created_at: when, in UTC.
        digest: of the private value that may be read, and of no other that takes its place; empty for a
            result, whose value never changes.
        request_uid: the request that was answered with it; None where nobody asked.
    """

    uid: UID
    object_uid: UID
    user_uid: UID
    granted_by: UID
    created_at: datetime
    digest: str = ""
    request_uid: UID | None = None
