"""This module holds peers: the other nodes that a node knows, what each is to it, and where it is."""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from typing import Final

import msgspec

from syft.errors import InvalidInput
from syft.model.address import PART_OF_KIND, Address
from syft.model.identity import KEY_BYTES
from syft.model.uid import UID
from syft.model.user import check_name

# From wide to narrow: what is wider can have what is narrower in it, and never the other way round.
_WIDTHS: Final = ("network", "domain", "device", "vm")
MAX_URL: Final = 500


class Relation(Enum):
    """What a peer is to the node that knows it."""

    CHILD = "child"
    PARENT = "parent"
    MEMBER = "member"
    GATEWAY = "gateway"


class PeerState(Enum):
    """Whether it has been decided about."""

    PENDING = "pending"
    ACCEPTED = "accepted"


class Peer(msgspec.Struct, frozen=True, kw_only=True):
    """Another node, as this one knows it.

    Args:
        uid: the record's own.
        node_uid: the other node's.
        name: what it calls itself.
        kind: of the other node.
        verify_key: its key, 64 hex digits; it has proved it.
        relation: what it is to this node.
        state: pending until an administrator has decided.
        url: where it is; empty for a node in this process, whose route is not kept.
        address: where it says it is, in the tree of nodes.
        added_at: when, in UTC.
    """

    uid: UID
    node_uid: UID
    name: str
    kind: str
    verify_key: str
    relation: Relation
    state: PeerState = PeerState.ACCEPTED
    url: str = ""
    address: Address = Address()
    added_at: datetime

    def __post_init__(self) -> None:
        check_name(self.name, "A node's name")
        check_url(self.url)
        if self.kind not in PART_OF_KIND:
            raise InvalidInput(f"There is no kind of node '{self.kind[:50]}'.")
        if len(self.verify_key) != 2 * KEY_BYTES or not set(self.verify_key) <= set("0123456789abcdef"):
            raise InvalidInput("A node's key is 64 hex digits.")

    @property
    def key(self) -> bytes:
        """Its key, 32 bytes."""
        return bytes.fromhex(self.verify_key)

    @property
    def is_below(self) -> bool:
        """Whether messages go down to it: anybody's, as it decides itself what it takes."""
        return self.relation in (Relation.CHILD, Relation.MEMBER)


def check_url(url: str) -> None:
    """Raise unless `url` is empty or a plain HTTP address.

    Raises:
        InvalidInput: it is something else.
    """
    if not url:
        return
    plain = url.isascii() and url.isprintable() and len(url) <= MAX_URL
    if not plain or not url.startswith(("http://", "https://")) or any(one in url for one in " \"'<>@?#\\"):
        raise InvalidInput("A node's address is like 'https://data.example.org' or 'http://localhost:8080'.")


def check_fits_in(kind: str, inside: str) -> None:
    """Raise unless a node of one kind can be a part of one of another.

    Args:
        kind: of the part.
        inside: of the whole.
    Raises:
        InvalidInput: it is as wide, or wider; a kind that nobody knows.
    """
    if kind not in PART_OF_KIND or inside not in PART_OF_KIND:
        raise InvalidInput("There is no such kind of node.")
    if _WIDTHS.index(PART_OF_KIND[kind]) <= _WIDTHS.index(PART_OF_KIND[inside]):
        raise InvalidInput(
            f"A {kind} cannot be part of a {inside}: a network has domains in it, a domain devices, a device "
            "virtual machines. Register it the other way round."
        )


def wider_part(kind: str, above: Address) -> Address:
    """What of an address is wider than a node of that kind: the rest is not above it."""
    own = _WIDTHS.index(PART_OF_KIND[kind])
    return msgspec.structs.replace(above, **dict.fromkeys(_WIDTHS[own:]))
