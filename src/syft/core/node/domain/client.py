"""This module is a door: the client of a domain, which a later generation calls a datasite."""

from __future__ import annotations

from syft.core.node.common.client import Client


class DomainClient(Client):
    """What a person holds of a domain, which a later generation calls a datasite."""

    narrower = ("device", "vm")

    def __repr__(self) -> str:
        return f"<DomainClient: {self.id!r}>"
