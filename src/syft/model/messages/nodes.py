"""This module holds what is said about nodes themselves."""

from __future__ import annotations

from syft.model.message import Message


class ShowNode(Message, frozen=True, tag="node.show"):
    """Write down who you are, where your operator reads it. Has no answer."""


class Custom(Message, frozen=True, tag="node.custom"):
    """Something of a kind that only nodes know whose own process taught it to them.

    Args:
        name: of the kind.
        content: an encoded value.
    """

    name: str
    content: bytes = b""
