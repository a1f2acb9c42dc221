"""This package is a door: a virtual machine."""

from syft.core.node.vm.client import VirtualMachineClient
from syft.core.node.vm.vm import VirtualMachine

__all__ = ["VirtualMachine", "VirtualMachineClient"]
