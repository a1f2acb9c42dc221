"""This module is a door: addresses of PySyft 0.5, four places from wide to narrow."""

from __future__ import annotations

from syft.core.common.serde.serializable import Serializable
from syft.core.io.location.specific import SpecificLocation
from syft.model import address as model
from syft.model.naming import random_name
from syft.model.uid import UID

_PARTS = (("network", "🔗"), ("domain", "🏰"), ("device", "📱"), ("vm", "🍰"))
_SHOWN_AS = {"network": "Network", "domain": "Domain", "device": "Device", "vm": "VM"}


class Address(Serializable):
    """Where a node is.

    Args:
        name: of whatever is there.
        network: of four places the widest.
        domain: in it.
        device: in that.
        vm: in that; the narrowest that is given is the target.
    """

    __hash__ = None  # type: ignore[assignment]  # what is equal to nodes and clients goes into no set

    def __init__(
        self,
        name: str | None = None,
        network: SpecificLocation | None = None,
        domain: SpecificLocation | None = None,
        device: SpecificLocation | None = None,
        vm: SpecificLocation | None = None,
    ) -> None:
        self.name = name if name is not None else random_name()
        self.network, self.domain, self.device, self.vm = network, domain, device, vm

    @classmethod
    def of(cls, address: model.Address, name: str) -> Address:
        """An address of the core, with a name."""
        parts = {part: getattr(address, part) for part, _ in _PARTS}
        return cls(
            name, **{part: SpecificLocation(uid, name) if uid else None for part, uid in parts.items()}
        )

    @property
    def core(self) -> model.Address:
        """The same in the core, where names do not travel."""
        return model.Address(self.network_id, self.domain_id, self.device_id, self.vm_id)

    network_id = property(lambda self: self.network.id if self.network else None)
    domain_id = property(lambda self: self.domain.id if self.domain else None)
    device_id = property(lambda self: self.device.id if self.device else None)
    vm_id = property(lambda self: self.vm.id if self.vm else None)

    @property
    def address(self) -> Address:
        """The address alone, whatever this is besides."""
        return Address(self.name, self.network, self.domain, self.device, self.vm)

    @property
    def target_id(self) -> SpecificLocation:
        """The narrowest place.

        Raises:
            ValueError: there is none.
        """
        target = self.vm or self.device or self.domain or self.network
        if target is None:
            raise ValueError("Address has no valid parts")
        return target

    def target_emoji(self) -> str:
        """The target in two characters."""
        return f"@{self.target_id.id.emoji()}"

    @property
    def icon(self) -> str:
        """A diamond, and which places there are, the narrowest first; a domain after what is on it."""
        order = ("vm", "device", "domain", "network")
        signs = "".join(dict(_PARTS)[part] for part in order if getattr(self, part) is not None)
        return f"💠 [{signs}]" if signs else "💠"

    @property
    def pprint(self) -> str:
        """The line for the eye; what has an id of its own shows it."""
        own: UID | None = getattr(self, "id", None)
        return super().pprint + (self.target_emoji() if own is not None else "")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Address) and self.core == other.core

    def __repr__(self) -> str:
        parts = [(_SHOWN_AS[part], getattr(self, part)) for part, _ in _PARTS]
        shown = ", ".join(f"{name}:{place.repr_short()}" for name, place in parts if place is not None)
        return f"<Address - {shown}>" if shown else "<Address>"
