"""This package is a door: a device."""

from syft.core.node.device.client import DeviceClient
from syft.core.node.device.device import Device

__all__ = ["Device", "DeviceClient"]
