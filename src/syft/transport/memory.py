"""This module is the route to a node in this process: a function call, by the same contract as HTTP."""

from __future__ import annotations

from typing import Protocol

from syft.errors import NodeUnreachable
from syft.model.settings import NodeInfo
from syft.transport.base import Parcel


class Receiver(Protocol):
    """What a node looks like from outside."""

    @property
    def info(self) -> NodeInfo:
        """What it says of itself."""

    def receive(self, parcel: Parcel) -> Parcel | None:
        """Take a parcel in and answer it."""


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

    def describe(self) -> NodeInfo:
        """What the node says of itself."""
        if self._node is None:
            raise NodeUnreachable(f"The connection to '{self._name}' is closed. Log in again.")
        return self._node.info

    def close(self) -> None:
        """Forget the node."""
        self._node = None
