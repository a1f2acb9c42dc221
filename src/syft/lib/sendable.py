"""This module is a door: what `send`, `tag` and `describe` are on values that can be sent."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

from syft.client.kept import send as send_to
from syft.client.pointer import HasSession
from syft.core.pointer import Pointer

S = TypeVar("S")
_TAGS, _DESCRIPTION = "_syft_tags", "_syft_description"


def tag(self: S, *tags: str) -> S:
    """Have it found by these tags, too, once it is sent; returns the value."""
    object.__setattr__(self, _TAGS, list(dict.fromkeys((*getattr(self, _TAGS, ()), *tags))))
    return self


def describe(self: S, description: str) -> S:
    """Say what it is, for people; returns the value."""
    object.__setattr__(self, _DESCRIPTION, description)
    return self


def send(
    self: Any,
    client: HasSession,
    pointable: bool = True,
    description: str = "",
    tags: Iterable[str] | None = None,
    searchable: bool | None = None,
) -> Pointer:
    """Take the value to a node, to be kept there, yours.

    Args:
        self: the value.
        client: of the node.
        pointable: whether everybody finds it; what is not is forgotten when nobody points to it.
        description: for people; the value's own when left out.
        tags: to find it by; the value's own when left out.
        searchable: the older word for `pointable`.
    """
    own = getattr(self, _TAGS, ())
    pointer = send_to(
        client,
        plain(self),
        tags=list(own if tags is None else tags),
        description=description or getattr(self, _DESCRIPTION, ""),
        pointable=pointable if searchable is None else searchable,
    )
    return Pointer.to(pointer)


def plain(value: Any) -> Any:
    """The value as it travels: without the names that this door gives."""
    return value.plain() if hasattr(value, "plain") else value


class Sendable:
    """Gives a class `send`, `tag` and `describe`."""

    tag = tag
    describe = describe
    send = send

    @property
    def tags(self) -> list[str]:
        """What it is to be found by."""
        return list(getattr(self, _TAGS, ()))

    @property
    def description(self) -> str:
        """What it is, for people."""
        return str(getattr(self, _DESCRIPTION, ""))


def give_to(kind: type) -> None:
    """Give a library's own class `send`, `tag` and `describe`; what it has of these names stays."""
    for name, function in (("send", send), ("tag", tag), ("describe_for", describe), ("describe", describe)):
        if not hasattr(kind, name):
            setattr(kind, name, function)
