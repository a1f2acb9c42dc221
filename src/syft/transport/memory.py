"""This module is the route to a node in this process: a function call, by the same contract as HTTP."""

from __future__ import annotations

from typing import Protocol

from syft.errors import NodeUnreachable
from syft.model.settings import NodeInfo
from syft.model.uid import UID
from syft.transport.base import Parcel, Route


class Receiver(Protocol):
    """What a node looks like from outside."""

    @property
    def info(self) -> NodeInfo:
        """What it says of itself."""

    def receive(self, parcel: Parcel) -> Parcel | None:
        """Take a parcel in and answer it."""

    def attach(self, node_uid: UID, route: Route | None) -> None:
        """Reach that other node, which is in this process, by this route; None to forget it."""


class MemoryRoute:
    """A route to a node in this process."""

    def __init__(self, node: Receiver) -> None:
        self._node: Receiver | None = node
        self._name = node.info.name

    @property
    def url(self) -> str:
        """Where it goes, for people."""
        return f"memory:{self._name}"

    def send(self, parcel: Parcel) -> Parcel | None:
        """Hand a parcel over and wait for the answer. See `Route`."""
        if self._node is None:
            raise NodeUnreachable(f"The connection to '{self._name}' is closed. Log in again.")
        return self._node.receive(parcel)

    @property
    def receiver(self) -> Receiver:
        """The node itself, which is in this process.

        Raises:
            NodeUnreachable: the route is closed.
        """
        if self._node is None:
            raise NodeUnreachable(f"The connection to '{self._name}' is closed. Log in again.")
        return self._node

    def describe(self) -> NodeInfo:
        """What the node says of itself."""
        if self._node is None:
            raise NodeUnreachable(f"The connection to '{self._name}' is closed. Log in again.")
        return self._node.info

    def close(self) -> None:
        """Forget the node."""
        self._node = None


def join(one: Route, other: Route) -> bool:
    """Let two nodes of this process reach each other, as their own process alone can; whether both are in it."""
    if not isinstance(one, MemoryRoute) or not isinstance(other, MemoryRoute):
        return False
    one.receiver.attach(other.describe().uid, MemoryRoute(other.receiver))
    other.receiver.attach(one.describe().uid, MemoryRoute(one.receiver))
    return True


def part(one: Route, other: Route) -> None:
    """Undo `join`."""
    if isinstance(one, MemoryRoute) and isinstance(other, MemoryRoute):
        one.receiver.attach(other.describe().uid, None)
        other.receiver.attach(one.describe().uid, None)
