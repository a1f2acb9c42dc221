"""This module grows addresses: what a node is told of its place it keeps, and tells those that are part of it."""

from __future__ import annotations

import logging
from collections.abc import Callable

from syft.errors import NodeUnreachable, SyftException
from syft.logger import say
from syft.model.identity import Identity
from syft.model.messages.nodes import TakeAncestry
from syft.model.peer import Peer, Relation
from syft.model.settings import NodeInfo
from syft.node.mail import Mail
from syft.node.peers import Peers
from syft.transport.ask import ask, letter, now_ms
from syft.wire.envelope import inspect


class Family:
    """A node's children, and what they are told.

    Args:
        peers: among them, the children.
        identity: the node's key, by which its children know it.
        info: what the node says of itself, as of now.
        mail: takes what a child cannot be told now.
    """

    def __init__(
        self, peers: Peers, identity: Identity, info: Callable[[], NodeInfo], mail: Callable[[], Mail]
    ) -> None:
        self._peers = peers
        self._identity = identity
        self._info = info
        self._mail = mail

    def tell(self) -> None:
        """Tell every child where this node is now; each tells its own. One in another process has a letter."""
        for child in self._peers.every(Relation.CHILD):
            self._tell(child)

    def _tell(self, child: Peer) -> None:
        info = self._info()
        message = TakeAncestry(info, as_of_ms=now_ms())
        node = as_info(child, info)
        if child.url:
            # Nobody waits for a node elsewhere, which may be away, or slow.
            self._write(child, node, message)
            return
        try:
            ask(self._peers.route_to(child), self._identity, node, message)
        except NodeUnreachable:
            self._write(child, node, message)
        except SyftException as error:
            # It has another parent by now: its administrator decided that, and this node need not know.
            say(logging.WARNING, "a child did not take its place", child=child.node_uid.hex, error=error.code)

    def _write(self, child: Peer, node: NodeInfo, message: TakeAncestry) -> None:
        envelope, _ = letter(self._identity, node, message)
        self._mail().take(inspect(envelope), child.node_uid, known_sender=True)


def as_info(peer: Peer, near: NodeInfo) -> NodeInfo:
    """What is known of a peer, as it would say it itself.

    Args:
        peer: whom.
        near: the node that knows it: of versions and times, nothing more is known.
    """
    return NodeInfo(
        uid=peer.node_uid,
        name=peer.name,
        kind=peer.kind,
        verify_key=peer.verify_key,
        version=near.version,
        protocol=near.protocol,
        deployed_at=peer.added_at,
        address=peer.address,
    )
