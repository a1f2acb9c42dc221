"""This module is a door: a virtual machine."""

from __future__ import annotations

from syft.core.node.common.node import Node
from syft.core.node.vm.client import VirtualMachineClient


class VirtualMachine(Node):
    """A virtual machine."""

    kind = "vm"
    sign = "🍰"
    client_type = VirtualMachineClient
