"""This package is a door: a domain, which a later generation calls a datasite."""

from syft.core.node.domain.client import DomainClient
from syft.core.node.domain.domain import Domain

__all__ = ["Domain", "DomainClient"]
