"""This module holds what every message is: a record with a tag. Who sent it and when stands in the envelope."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from syft.errors import SyftException


class Message(msgspec.Struct, frozen=True, array_like=True):
    """Something that can be said to a node, or answered by one.

    A subclass names its tag: `class ListUsers(Message, tag="users.list"): ...`. A tag is used once and
    never again; fields are only ever added at the end, with a default, so that older parties can still read.

    Attributes:
        may_wait: whether such messages may be eventual: kept on the way until the node can be reached, and done once.
    """

    may_wait: ClassVar[bool] = False


def tag_of(kind: type[Message] | Message) -> str:
    """The tag by which a message is known on the wire."""
    tag = kind.__struct_config__.tag
    return tag if isinstance(tag, str) else ""


def message_types() -> dict[str, type[Message]]:
    """Every message there is, by its tag.

    Raises:
        AssertionError: a class without a tag of its own, or two with the same.
    """
    found: dict[str, type[Message]] = {}
    waiting = list(Message.__subclasses__())
    while waiting:
        kind = waiting.pop()
        waiting.extend(kind.__subclasses__())
        tag = tag_of(kind)
        if not tag:
            raise AssertionError(f"message {kind.__qualname__} has no tag")
        if tag in found:
            raise AssertionError(
                f"message tag {tag!r} is used by {found[tag].__qualname__} and {kind.__qualname__}"
            )
        found[tag] = kind
    return found


class Done(Message, frozen=True, tag="reply.done"):
    """It is done; nothing more to say."""


class NoAnswer(Message, frozen=True, tag="reply.none"):
    """Nothing came back. Never travels: made by whoever asked, and nobody has signed it, so that it proves nothing."""


class Refusal(Message, frozen=True, tag="reply.refusal"):
    """It was not done.

    Args:
        code: of the error (`errors.BY_CODE`).
        text: its public message.
    """

    code: str
    text: str


def refusal(error: SyftException) -> Refusal:
    """What the party that asked is told of `error`: its code and its public text, nothing else."""
    return Refusal(error.code, error.public_message)
