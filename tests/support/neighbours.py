"""Other nodes: ones that exist only to be spoken of, and a network of real ones in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from support.envelopes import now_ms
from support.people import ROOT, Person
from support.sites import PASSWORD, member, settings_in
from syft.client.client import Client
from syft.model.address import Address
from syft.model.identity import Identity
from syft.model.messages.network import JoinNetwork, MemberReply
from syft.model.messages.nodes import Registration
from syft.model.permission import Role
from syft.model.settings import NodeInfo
from syft.node.in_process import InProcessNode
from syft.node.node import Node
from syft.server.open_node import open_node
from syft.transport.base import Parcel, Route
from syft.transport.memory import MemoryRoute
from syft.transport.relay import RelayRoute
from syft.wire.envelope import seal


def a_node(kind: str, name: str = "", identity: Identity | None = None) -> InProcessNode:
    """A node that is nothing but a key and a name, until something is kept in it."""
    return InProcessNode(name or f"a {kind}", kind, identity=identity)


def introduction(
    node: InProcessNode,
    to: NodeInfo,
    *,
    signer: Identity | None = None,
    url: str = "",
    time_ms: int | None = None,
    **changes: Any,
) -> bytes:
    """What a node signs to introduce itself, or something that looks like it."""
    info = msgspec.structs.replace(node.info, **changes)
    envelope, _ = seal(
        Registration(info, url),
        identity=signer or node.identity,
        recipient=bytes.fromhex(to.verify_key),
        address=to.address,
        now_ms=now_ms() if time_ms is None else time_ms,
    )
    return envelope


class Between:
    """A route on which somebody sits: a gateway, or a line, that does what it likes.

    Args:
        route: where it leads.
        act: is given each parcel and the honest way to go on, and returns what comes back.
    """

    def __init__(
        self, route: Route, act: Callable[[Parcel, Callable[[Parcel], Parcel | None]], Parcel | None]
    ):
        self._route = route
        self.act = act
        self.seen: list[Parcel] = []

    @property
    def url(self) -> str:
        return self._route.url

    def send(self, parcel: Parcel) -> Parcel | None:
        self.seen.append(parcel)
        return self.act(parcel, self._route.send)

    def describe(self) -> NodeInfo:
        return self._route.describe()

    def close(self) -> None:
        self._route.close()


def honest(parcel: Parcel, go_on: Callable[[Parcel], Parcel | None]) -> Parcel | None:
    return go_on(parcel)


@dataclass
class Network:
    """A gateway with two members, and Ada, who has an account at both members and none at the gateway."""

    gateway: Node
    gateway_admin: Person
    berlin: Node
    berlin_admin: Person
    lisbon: Node
    lisbon_admin: Person

    def info_of(self, node: Node) -> NodeInfo:
        """A member, as its gateway lists it."""
        address = Address(network=self.gateway.uid, domain=node.uid)
        return msgspec.structs.replace(node.info, address=address)

    def route_to(self, node: Node, to_gateway: Route | None = None) -> RelayRoute:
        return RelayRoute(to_gateway or MemoryRoute(self.gateway), self.gateway.info, self.info_of(node))

    def guest_at(self, node: Node, to_gateway: Route | None = None) -> Person:
        return Person(self.route_to(node, to_gateway))

    def ada_at(self, node: Node, to_gateway: Route | None = None) -> Person:
        return self.guest_at(node, to_gateway).log_in("ada@x.org", PASSWORD)

    def ada_client(self, node: Node) -> Client:
        return Client.guest(self.route_to(node)).login("ada@x.org", PASSWORD)

    def sit_before(self, node: Node, act: Any = honest) -> Between:
        """Put somebody on the line between the gateway and a member."""
        between = Between(MemoryRoute(node), act)
        self.gateway.attach(node.uid, between)
        return between


def admit(gateway: Node, by: Person, node: Node) -> MemberReply:
    """Have a gateway take a node of this process as a member."""
    gateway.attach(node.uid, MemoryRoute(node))
    envelope = introduction_of(node, gateway.info)
    return by.say(JoinNetwork(envelope), MemberReply)


def introduction_of(node: Node, to: NodeInfo) -> bytes:
    """What a real node signs to introduce itself."""
    envelope, _ = seal(
        Registration(node.info),
        identity=node._identity,
        recipient=bytes.fromhex(to.verify_key),
        address=to.address,
        now_ms=now_ms(),
    )
    return envelope


@contextmanager
def network_in(home: Path) -> Iterator[Network]:
    """A gateway and two members in this process."""
    with ExitStack() as stack:

        def open_one(name: str, kind: str) -> tuple[Node, Person]:
            node = open_node(settings_in(home, isolation="process"), name, kind=kind)
            stack.callback(node.close)
            node.start()
            return node, Person(MemoryRoute(node)).log_in(*ROOT)

        gateway, gateway_admin = open_one("net", "gateway")
        berlin, berlin_admin = open_one("berlin", "datasite")
        lisbon, lisbon_admin = open_one("lisbon", "datasite")
        for node, admin in ((berlin, berlin_admin), (lisbon, lisbon_admin)):
            admit(gateway, gateway_admin, node)
            member(node, admin, "ada@x.org", Role.DATA_SCIENTIST)
        yield Network(gateway, gateway_admin, berlin, berlin_admin, lisbon, lisbon_admin)
