"""This module is a door: a device."""

from __future__ import annotations

from syft.core.node.common.node import Node
from syft.core.node.device.client import DeviceClient


class Device(Node):
    """A device."""

    kind = "device"
    sign = "📱"
    client_type = DeviceClient
