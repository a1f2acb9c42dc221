"""This module is a door: a network, which a later generation calls a gateway."""

from __future__ import annotations

from syft.core.node.common.node import Node
from syft.core.node.network.client import NetworkClient


class Network(Node):
    """A network, which a later generation calls a gateway."""

    kind = "network"
    sign = "🔗"
    client_type = NetworkClient
