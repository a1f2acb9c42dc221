"""This module is a door: the client of a device."""

from __future__ import annotations

from syft.core.node.common.client import Client


class DeviceClient(Client):
    """What a person holds of a device."""

    narrower = ("vm",)

    def __repr__(self) -> str:
        return f"<DeviceClient: {self.device!r}>"
