"""This module says where a node is: up to four locations, the most specific of which is the target."""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from syft.model.uid import UID

Part = Literal["network", "domain", "device", "vm"]

# The location that a node of each kind is. "datasite" and "gateway" are what later generations call them.
PART_OF_KIND: Final[dict[str, Part]] = {
    "gateway": "network",
    "network": "network",
    "datasite": "domain",
    "domain": "domain",
    "device": "device",
    "vm": "vm",
}


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

    @classmethod
    def of(cls, kind: str, uid: UID, above: Address | None = None) -> Address:
        """Where a node is.

        Args:
            kind: of the node.
            uid: the node's own.
            above: what it is part of, as far as it has been told.
        """
        return msgspec.structs.replace(above or cls(), **{PART_OF_KIND[kind]: uid})
