"""This module is a door: the client of a virtual machine."""

from __future__ import annotations

from syft.core.node.common.client import Client


class VirtualMachineClient(Client):
    """What a person holds of a virtual machine."""

    narrower = ()
