"""This module is a door: the client of a network, which a later generation calls a gateway."""

from __future__ import annotations

from syft.core.node.common.client import Client


class NetworkClient(Client):
    """What a person holds of a network, which a later generation calls a gateway."""

    narrower = ("domain", "device", "vm")
