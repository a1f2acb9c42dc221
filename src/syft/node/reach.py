"""This module finds the way to the other sites of a protocol: among nodes that are known here, and nowhere else.

A deployment is its author's word. No address in it is ever connected to; its keys are held against peers that an
administrator has taken, and against what gateways list.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from syft.errors import SyftException
from syft.model.address import Address
from syft.model.identity import Identity
from syft.model.messages.network import ListMembers, MembersReply
from syft.model.messages.requests import KnownSite
from syft.model.peer import Peer, Relation
from syft.model.protocol import Site
from syft.model.settings import NodeInfo
from syft.model.uid import UID
from syft.node.family import as_info
from syft.node.peers import Peers
from syft.transport.ask import ask, expect
from syft.transport.base import Route
from syft.transport.http import HttpRoute
from syft.transport.relay import RelayRoute

# Whoever runs a step waits meanwhile, and can carry what does not get through.
PATIENCE_S: Final = 15.0
# Each holds a thread of the server's.
_AT_ONCE: Final = 8
# What a gateway has listed is believed for so long.
_FRESH_S: Final = 60.0
_LIST_PATIENCE_S: Final = 5.0


@dataclass(frozen=True)
class Way:
    """A way to a site.

    Args:
        route: what is sent by it.
        node: the site, as an answer is held against it.
        is_direct: whether nobody is in between who would see how much is sent.
    """

    route: Route
    node: NodeInfo
    is_direct: bool


class Reach:
    """Which sites a node knows, and how to reach them.

    Args:
        peers: whom it knows.
        identity: the node's key.
        info: what the node says of itself, as of now.
    """

    def __init__(self, peers: Peers, identity: Identity, info: Callable[[], NodeInfo]) -> None:
        self._peers = peers
        self._identity = identity
        self._info = info
        self._turns = threading.BoundedSemaphore(_AT_ONCE)
        self._listed: dict[str, KnownSite] = {}
        self._listed_at = float("-inf")
        self._listing = threading.Lock()
        # Kept open: a connection for each value would cost as much as handing over a small one.
        self._routes: dict[UID, HttpRoute] = {}
        self._opening = threading.Lock()

    @contextmanager
    def turn(self) -> Iterator[bool]:
        """A place among those that hand something over just now; whether there was one."""
        free = self._turns.acquire(blocking=False)
        try:
            yield free
        finally:
            if free:
                self._turns.release()

    def ways(self, site: Site) -> list[Way]:
        """The ways to a site, the best first; empty where none is known."""
        return list(self._ways(site))

    def close(self) -> None:
        """Give back connections."""
        with self._opening:
            for route in self._routes.values():
                route.close()
            self._routes.clear()

    def _ways(self, site: Site) -> Iterator[Way]:
        here = self._peers.here(site.node_uid)
        if here is not None:
            yield Way(here, self._as_node(site), is_direct=True)
            return
        peer = self._peers.of_key(site.key)
        if peer is not None and peer.node_uid == site.node_uid and peer.url:
            yield Way(self._to(peer), self._as_node(site), is_direct=True)
        for gateway in self._peers.every(Relation.GATEWAY):
            near = self._peers.here(gateway.node_uid)
            if near is None and not gateway.url:
                continue
            route = near or self._to(gateway)
            node = self._as_node(site, Address(network=gateway.node_uid))
            yield Way(RelayRoute(route, as_info(gateway, self._info()), node), node, is_direct=False)

    def _to(self, peer: Peer) -> HttpRoute:
        with self._opening:
            route = self._routes.get(peer.node_uid)
            if route is None or route.url != peer.url.rstrip("/"):
                if route is not None:
                    route.close()  # it has moved
                route = self._routes[peer.node_uid] = HttpRoute(peer.url, patience_s=PATIENCE_S)
        return route

    def _as_node(self, site: Site, above: Address | None = None) -> NodeInfo:
        own = self._info()
        return NodeInfo(
            uid=site.node_uid,
            name=site.name,
            kind=site.kind,
            verify_key=site.key.hex(),
            version=own.version,
            protocol=own.protocol,
            deployed_at=own.deployed_at,
            address=address_of(site, above),
        )

    # --- for those who review

    def known(self, keys: set[str]) -> tuple[KnownSite, ...]:
        """Those of the keys that are known here, each with its name here. May ask gateways: not in a transaction.

        Args:
            keys: of the sites of a protocol, 64 hex digits each.
        """
        found = {key: near for key in keys if (near := self._near(key)) is not None}
        if keys - set(found) and self._peers.every(Relation.GATEWAY):
            self._list()
            found |= {key: self._listed[key] for key in keys - set(found) if key in self._listed}
        return tuple(found[key] for key in sorted(found))

    def _near(self, key: str) -> KnownSite | None:
        own = self._info()
        if key == own.verify_key:
            return KnownSite(key=key, name=own.name, known_as="this node")
        peer = self._peers.of_key(bytes.fromhex(key))
        if peer is None:
            return None
        return KnownSite(key=key, name=peer.name, known_as=f"a {peer.relation.value} of this node")

    def _list(self) -> None:
        """Ask the gateways for their members, unless that was done a moment ago."""
        with self._listing:
            if time.monotonic() - self._listed_at < _FRESH_S:
                return
            listed: dict[str, KnownSite] = {}
            for gateway in self._peers.every(Relation.GATEWAY):
                listed |= self._members_of(gateway)
            self._listed, self._listed_at = listed, time.monotonic()

    def _members_of(self, gateway: Peer) -> dict[str, KnownSite]:
        near = self._peers.here(gateway.node_uid)
        if near is None and not gateway.url:
            return {}
        route = near or HttpRoute(gateway.url, patience_s=_LIST_PATIENCE_S)
        try:
            reply = expect(
                ask(route, self._identity, as_info(gateway, self._info()), ListMembers()), MembersReply
            )
        except SyftException:
            return {}  # it is not there; nobody is known by it
        finally:
            if near is None:
                route.close()
        how = f"a member of the gateway '{gateway.name}'"
        # By the text of the key: what a gateway lists need not be one.
        names = {one.info.verify_key: one.info.name for one in reply.members}
        return {key: KnownSite(key=key, name=name, known_as=how) for key, name in names.items()}


def address_of(site: Site, above: Address | None = None) -> Address:
    """Where a site is, as far as its deployment says."""
    return Address.of(site.kind, site.node_uid, above)
