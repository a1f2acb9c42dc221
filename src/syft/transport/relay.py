"""This module is the route to a node through another, which passes on what it cannot read."""

from __future__ import annotations

from syft.errors import NodeUnreachable
from syft.model.settings import NodeInfo
from syft.transport.base import Parcel, Route


class RelayRoute:
    """A route to a node through a gateway. Whoever asks by it hides what it says, from the gateway too.

    Args:
        route: the way to the gateway; shared with others, and left open.
        via: the gateway; of it failures to pass something on are believed, and nothing else.
        node: the node behind it; its key is known from the gateway's signed list, or from elsewhere.
    """

    def __init__(self, route: Route, via: NodeInfo, node: NodeInfo) -> None:
        self._route = route
        self._node = node
        self.via = via
        self._closed = False

    @property
    def url(self) -> str:
        """Where it goes, for people."""
        return f"{self._route.url} -> {self._node.name}"

    def send(self, parcel: Parcel) -> Parcel | None:
        """Hand a parcel over and wait for the answer. See `Route`."""
        if self._closed:
            raise NodeUnreachable(f"The connection to '{self._node.name}' is closed. Log in again.")
        return self._route.send(parcel)

    def describe(self) -> NodeInfo:
        """What was learnt of the node."""
        return self._node

    def close(self) -> None:
        """Stop using the way to the gateway, which stays open for others."""
        self._closed = True
