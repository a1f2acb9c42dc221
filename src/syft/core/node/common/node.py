"""This module is a door: the node of PySyft 0.5, which is the one node of this library, in this process."""

from __future__ import annotations

from typing import Any, ClassVar

from nacl.signing import SigningKey, VerifyKey

from syft import logger
from syft.core.common.vocabulary import name_of
from syft.core.io.address import Address
from syft.core.io.location.specific import SpecificLocation
from syft.core.node.common.client import Client
from syft.core.node.common.service.node_service import NodeService
from syft.core.node.common.story import Story
from syft.model import address as model
from syft.model.identity import Identity
from syft.model.naming import key_emoji, random_name
from syft.model.peer import Peer, Relation
from syft.model.uid import UID
from syft.node.in_process import InProcessNode
from syft.transport.memory import MemoryRoute


class AbstractNode(Address):
    """A node is an address, too."""


class Node(InProcessNode, AbstractNode):
    """A place with a key, its own administrator until a root client is asked for.

    Args:
        name: for people; two random words when left out.
        network: kept for the old signature: what a node is part of it is told when it is registered.
        domain: likewise.
        device: likewise.
        vm: likewise.
        signing_key: the node's; a fresh one when left out.
        verify_key: its public half; kept for the old signature.
    """

    kind: ClassVar[str]
    sign: ClassVar[str]
    client_type: ClassVar[type[Client]]

    def __init__(
        self,
        name: str | None = None,
        network: SpecificLocation | None = None,
        domain: SpecificLocation | None = None,
        device: SpecificLocation | None = None,
        vm: SpecificLocation | None = None,
        signing_key: SigningKey | None = None,
        verify_key: VerifyKey | None = None,
    ) -> None:
        own = random_name() if name is None else name
        identity = Identity(signing_key) if signing_key else None
        InProcessNode.__init__(self, str(own), self.kind, identity=identity)
        self.name = own
        self.observer = Story(self)
        if logger.is_told("DEBUG"):
            logger.tell("DEBUG", "> Creating 🗃️ (MemoryStore) {}")
            logger.tell("DEBUG", "Created MemoryStore.")
            logger.tell("DEBUG", f"> Creating {self.pprint}")

    def _place(self, part: str) -> SpecificLocation | None:
        uid: UID | None = getattr(self.info.address, part)
        if uid is None:
            return None
        return SpecificLocation(uid, str(self.name) if uid == self.uid else uid.short())

    network = property(lambda self: self._place("network"))  # told, not set
    domain = property(lambda self: self._place("domain"))
    device = property(lambda self: self._place("device"))
    vm = property(lambda self: self._place("vm"))

    @property
    def id(self) -> UID:
        """Of its own location."""
        return self.uid

    @property
    def node_type(self) -> str:
        """Its class."""
        return type(self).__name__

    @property
    def icon(self) -> str:
        """One character for its kind."""
        return self.sign

    @property
    def signing_key(self) -> SigningKey:
        """The node's own."""
        return SigningKey(self.identity.seed)

    @property
    def verify_key(self) -> VerifyKey:
        """Its public half."""
        return VerifyKey(self.identity.verify_key)

    @property
    def root_verify_key(self) -> VerifyKey:
        """The key that may everything here; the node's own at first."""
        return VerifyKey(self.root_key or self.identity.verify_key)

    @root_verify_key.setter
    def root_verify_key(self, key: VerifyKey) -> None:
        self.root_key = bytes(key)

    def add_service(self, service: type[NodeService]) -> None:
        """Have the node do something of one's own when a message comes."""
        for kind in service.message_handler_types():
            self.add_handler(name_of(kind), service.entry(self))

    @property
    def known_child_nodes(self) -> list[Address]:
        """Where those are that are a part of this node; a node is equal to its address, so `vm in ...` works."""
        return [self._address_of(peer) for peer in self.peers.every(Relation.CHILD)]

    @property
    def in_memory_client_registry(self) -> dict[UID, Address]:
        """Where every node is that this one knows, by its id."""
        return {peer.node_uid: self._address_of(peer) for peer in self.peers.every(*Relation)}

    @property
    def known_nodes(self) -> list[Address]:
        """The same, as a list."""
        return list(self.in_memory_client_registry.values())

    def _address_of(self, peer: Peer) -> Address:
        above = self.info.address if peer.is_below else peer.address
        return Address.of(model.Address.of(peer.kind, peer.node_uid, above), peer.name)

    @property
    def keys(self) -> str:
        """The node's and the root key, a character each."""
        return f"🔑 {key_emoji(self.verify_key)}🗝 {key_emoji(self.root_verify_key)}"

    def get_client(self, routes: Any = None) -> Any:
        """A client with a key of its own, a guest's."""
        return self.client_type.over(MemoryRoute(self), str(self.name))

    def get_root_client(self, routes: Any = None) -> Any:
        """A client whose key may everything here from now on; the root client before it may not any more."""
        client = self.get_client(routes)
        self.root_verify_key = client.verify_key
        client.session.account = self.root_account
        return client

    def __repr__(self) -> str:
        return f"{self.node_type}: {self.name}: {self.id}"
