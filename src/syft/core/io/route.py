"""This module is a door: routes of PySyft 0.5, which are the one route of this library."""

from __future__ import annotations

from syft.core.common.object import ObjectWithID
from syft.transport.base import Route


class SoloRoute(ObjectWithID):
    """The way to one node.

    Args:
        destination: the node's location.
        connection: how bytes get there.
        name: for people.
    """

    def __init__(self, destination: object, connection: Route, name: str = "") -> None:
        super().__init__()
        self.destination = destination
        self.connection = connection
        self.name = name
        self.stops: list[object] = []

    @property
    def icon(self) -> str:
        """A road."""
        return "🛣️ "

    @property
    def pprint(self) -> str:
        """The line for the eye."""
        return f"{self.icon} ({self.class_name})"
