"""This module holds what is said about nodes themselves."""

from __future__ import annotations

from syft.model.message import Message


class ShowNode(Message, frozen=True, tag="node.show"):
    """Write down who you are, where your operator reads it. Has no answer."""
