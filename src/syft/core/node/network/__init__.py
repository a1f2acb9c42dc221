"""This package is a door: a network, which a later generation calls a gateway."""

from syft.core.node.network.client import NetworkClient
from syft.core.node.network.network import Network

__all__ = ["Network", "NetworkClient"]
