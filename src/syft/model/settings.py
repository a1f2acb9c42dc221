"""This module holds what an administrator can change about a node, and what a node says of itself to strangers."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec

from syft.errors import InvalidInput
from syft.model.address import Address
from syft.model.terms import MAX_APPROVERS
from syft.model.uid import UID

# The name under which a node's store keeps them, as JSON.
SETTINGS: Final = "node_settings"


class NodeSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What an administrator can change.

    Args:
        organization: whose node it is.
        description: shown to everybody.
        admin_email: whom to ask.
        signup_enabled: whether guests may make themselves an account.
        guest_sessions: whether guests may look around at all.
        key_accounts: whether a key that nobody knows gets an account of its own, a data scientist's, when it
            first brings or asks for something. For nodes in one process, as those of 2021; off on a server.
        key_account_limit: how many such accounts there may be.
        objects_per_account: how many objects somebody who cannot upload datasets may keep.
        bytes_per_account: how many bytes they may have.
        members_may_join: at a gateway, whether a datasite that proves its key is a member without being decided about.
        approvals_needed: how many people who decide about requests by their role have to approve one that code may run,
            whatever the owners of its inputs demand besides. Its author never counts.
    """

    organization: str = "OpenMined"
    description: str = ""
    admin_email: str = ""
    signup_enabled: bool = False
    guest_sessions: bool = True
    key_accounts: bool = False
    key_account_limit: int = 1_000
    objects_per_account: int = 1_000
    bytes_per_account: int = 4 * 1024**3
    members_may_join: bool = False
    approvals_needed: int = 1

    def __post_init__(self) -> None:
        for name in ("key_account_limit", "objects_per_account", "bytes_per_account"):
            if getattr(self, name) < 0:
                raise InvalidInput(f"'{name}' is a number of 0 or more.")
        if not 1 <= self.approvals_needed <= MAX_APPROVERS:
            raise InvalidInput(f"'approvals_needed' is a number of 1 to {MAX_APPROVERS}.")


class NodeInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What a node says of itself to anybody.

    Args:
        uid: the node's own.
        name: for people.
        kind: "datasite", "gateway", ...
        side_type: "high" (holds private data) or "low".
        verify_key: 64 hex digits; every answer is signed with it.
        version: of this library.
        protocol: of the wire format.
        isolation: the level of fence that strangers' code runs behind.
        signup_enabled: whether guests may register.
        organization: whose node it is.
        description: free text.
        deployed_at: when it was first started, in UTC.
        address: where it is, as far as it has been told.
    """

    uid: UID
    name: str
    kind: str
    side_type: str = "high"
    verify_key: str
    version: str
    protocol: int
    isolation: str = ""
    signup_enabled: bool = False
    organization: str = ""
    description: str = ""
    deployed_at: datetime
    address: Address = Address()
