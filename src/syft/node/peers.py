"""This module knows a node's peers, who they are and how to reach them; it decides nothing about them."""

from __future__ import annotations

import threading
from typing import Final

from syft.errors import NodeUnreachable
from syft.model.peer import Peer, PeerState, Relation
from syft.model.uid import UID
from syft.store.base import Reader, Store, Transaction
from syft.transport.base import Route
from syft.transport.http import HttpRoute

# Shorter than a client waits for its answer, so that it hears from us and not from its own clock.
_PATIENCE_S: Final = 75.0
# For a first look at an address that somebody has given.
_FIRST_PATIENCE_S: Final = 10.0


class Peers:
    """The nodes that a node knows: kept in its store, remembered here, each with a way there.

    What is remembered is replaced whole after each change, so that reading it takes no lock.
    """

    def __init__(self) -> None:
        self._by_node: dict[UID, Peer] = {}
        self._by_key: dict[bytes, Peer] = {}
        # Of nodes in this process: those routes cannot be kept, and end with it.
        self._here: dict[UID, Route] = {}
        self._routes: dict[UID, HttpRoute] = {}
        self._lock = threading.Lock()

    def load(self, store: Store) -> None:
        """Remember what is stored; called when the store was opened, and after each change."""
        with store.reading() as reader:
            self._remember(reader)

    def _remember(self, reader: Reader) -> None:
        with self._lock:
            every = reader.select(Peer)
            self._by_node = {peer.node_uid: peer for peer in every}
            self._by_key = {peer.key: peer for peer in every if peer.state is PeerState.ACCEPTED}
            for node_uid, route in list(self._routes.items()):
                peer = self._by_node.get(node_uid)
                if peer is None or peer.url != route.url:
                    self._routes.pop(node_uid).close()

    def find(self, node_uid: UID) -> Peer | None:
        """The peer that is that node, decided about or not."""
        return self._by_node.get(node_uid)

    def of_key(self, key: bytes) -> Peer | None:
        """The accepted peer whose key that is."""
        return self._by_key.get(key)

    def every(self, *relations: Relation) -> list[Peer]:
        """The accepted peers of these relations, in the order in which they came."""
        return [peer for peer in self._by_key.values() if peer.relation in relations]

    def attach(self, node_uid: UID, route: Route | None) -> None:
        """Reach that node, which is in this process, by this route, or no longer. It is no peer by that."""
        with self._lock:
            if route is None:
                self._here.pop(node_uid, None)
            else:
                self._here[node_uid] = route

    def is_here(self, node_uid: UID) -> bool:
        """Whether that node is in this process."""
        return node_uid in self._here

    def here(self, node_uid: UID) -> Route | None:
        """The way to a node of this process; None where it is not in it."""
        return self._here.get(node_uid)

    def route_to(self, peer: Peer) -> Route:
        """The way to a peer.

        Raises:
            NodeUnreachable: it was in another process's memory, which is gone.
        """
        here = self._here.get(peer.node_uid)
        if here is not None:
            return here
        if not peer.url:
            raise NodeUnreachable(
                f"'{peer.name}' was in a process that has ended, and is not there any more. Register it again."
            )
        with self._lock:
            route = self._routes.get(peer.node_uid)
            if route is None:
                route = self._routes[peer.node_uid] = HttpRoute(peer.url, patience_s=_PATIENCE_S)
        return route

    def route_for(self, peer: Peer) -> Route:
        """The way to a node at the address it gives now, which may not be the one that is known of it.

        Raises:
            NodeUnreachable: it gives none, and is not in this process.
        """
        known = self._by_node.get(peer.node_uid)
        if not peer.url or (known is not None and known.url == peer.url):
            return self.route_to(peer)
        return HttpRoute(peer.url, patience_s=_FIRST_PATIENCE_S)

    def close(self) -> None:
        """Give back connections."""
        with self._lock:
            for route in self._routes.values():
                route.close()
            self._routes.clear()
            self._here.clear()


def put_peer(tx: Transaction, peer: Peer) -> None:
    """Keep a peer in the place of whatever was known of that node, or of one with that key."""
    for old in (*tx.select(Peer, node_uid=peer.node_uid), *tx.select(Peer, verify_key=peer.verify_key)):
        if tx.find(Peer, uid=old.uid) is not None:
            tx.remove(Peer, old.uid)
    tx.add(peer)
