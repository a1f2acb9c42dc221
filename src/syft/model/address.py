"""This module says where a node is: up to four locations, the most specific of which is the target."""

from __future__ import annotations

import msgspec

from syft.model.uid import UID


class Address(msgspec.Struct, frozen=True, array_like=True):
    """The path to a node, from the widest location to the most specific.

    Args:
        network: the gateway on the way, or the target when nothing below it is set.
        domain: a datasite.
        device: a device.
        vm: a virtual machine.
    """

    network: UID | None = None
    domain: UID | None = None
    device: UID | None = None
    vm: UID | None = None

    @property
    def target(self) -> UID | None:
        """The most specific location that is set; None for an address that says nothing."""
        return self.vm or self.device or self.domain or self.network
