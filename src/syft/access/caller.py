"""This module is who is asking: a key, and the account it speaks for, if any."""

from __future__ import annotations

from dataclasses import dataclass

from syft.access.roles import (
    CAPABILITIES,
    PEER_CAPABILITIES,
    WITHOUT_GUEST_SESSIONS,
    WORKER_CAPABILITIES,
)
from syft.model.peer import Peer
from syft.model.permission import Capability, Role
from syft.model.uid import UID
from syft.model.user import User
from syft.model.worker import Worker


@dataclass(frozen=True)
class Caller:
    """The party behind a message whose signature is good.

    Args:
        verify_key: the 32-byte key that signed.
        user: the account it speaks for; None for guests.
        origin: the network address it came from, or "local" for a caller in this process.
        guests_welcome: whether the administrator lets guests look around.
        peer: the node whose key it is, where this node knows one.
        worker: the admitted worker whose key it is, where there is one.
    """

    verify_key: bytes
    user: User | None
    origin: str = "local"
    guests_welcome: bool = True
    peer: Peer | None = None
    worker: Worker | None = None

    @property
    def role(self) -> Role:
        """Guest for a key without an account."""
        return self.user.role if self.user else Role.GUEST

    @property
    def uid(self) -> UID | None:
        """The account's UID; None for guests."""
        return self.user.uid if self.user else None

    @property
    def is_admin(self) -> bool:
        """Whether this is an administrator."""
        return self.role is Role.ADMIN

    def can(self, capability: Capability) -> bool:
        """Whether the caller's role has that capability; an unknown role has none."""
        if self.user is None and self.peer is not None:
            return capability in PEER_CAPABILITIES.get(self.peer.relation, frozenset())
        if self.user is None and self.worker is not None:
            return capability in WORKER_CAPABILITIES
        if self.user is None and not self.guests_welcome:
            return capability in WITHOUT_GUEST_SESSIONS
        return capability in CAPABILITIES.get(self.role, frozenset())
