"""This module is a door: a domain, which a later generation calls a datasite."""

from __future__ import annotations

from syft.core.node.common.node import Node
from syft.core.node.domain.client import DomainClient


class Domain(Node):
    """A domain, which a later generation calls a datasite."""

    kind = "domain"
    sign = "🏰"
    client_type = DomainClient
