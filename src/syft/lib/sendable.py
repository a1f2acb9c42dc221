"""This module is a door: what `send`, `tag` and `describe` are on values that can be sent."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

from syft.client.pointer import HasSession
from syft.workers.sending import send as send_to
from syft.workers.values import DESCRIPTION, TAGS, description_of, tags_of

S = TypeVar("S")


def tag(self: S, *tags: str) -> S:
    """Have it found by these tags, too, once it is sent; returns the value."""
    object.__setattr__(self, TAGS, list(dict.fromkeys((*tags_of(self), *tags))))
    return self


def describe(self: S, description: str) -> S:
    """Say what it is, for people; returns the value."""
    object.__setattr__(self, DESCRIPTION, description)
    return self


def send(
    self: Any,
    *workers: Any,
    client: HasSession | None = None,
    pointable: bool | None = None,
    description: str = "",
    tags: Iterable[str] | None = None,
    searchable: bool | None = None,
    garbage_collect_data: bool | None = None,
    inplace: bool = False,
    user: object = None,
) -> Any:
    """Take the value to nodes, to be kept there, yours.

    Args:
        self: the value.
        workers: clients of nodes, virtual workers, or ids of those that this process knows. After one client,
            PySyft 0.5 had `pointable` in second place.
        client: the node's, where it is named.
        pointable: whether everybody finds it; what is not is forgotten when nobody points to it.
        description: for people; the value's own when left out.
        tags: to find it by; the value's own when left out.
        searchable: the older word for `pointable`.
        garbage_collect_data: the oldest, for the opposite. Where none is said, what is at a virtual worker goes with
            its last pointer, and what is at a node stays.
        inplace: kept for the old signature; a value here cannot become a pointer.
        user: likewise: who sends is known by their key.
    Returns:
        A pointer; for several workers a `MultiPointerTensor`.
    """
    places = list(workers)
    if places and isinstance(places[-1], bool):
        pointable = places.pop()
    return send_to(
        self,
        *places,
        *(() if client is None else (client,)),
        tags=tags,
        description=description,
        pointable=pointable if searchable is None else searchable,
        garbage_collect_data=garbage_collect_data,
        inplace=inplace,
        user=user,
    )


class Sendable:
    """Gives a class `send`, `tag` and `describe`."""

    tag = tag
    describe = describe
    send = send

    @property
    def tags(self) -> list[str]:
        """What it is to be found by."""
        return tags_of(self)

    @property
    def description(self) -> str:
        """What it is, for people."""
        return description_of(self)


def give_to(kind: type) -> None:
    """Give a library's own class `send`, `tag` and `describe`; what it has of these names stays."""
    for name, function in (("send", send), ("tag", tag), ("describe_for", describe), ("describe", describe)):
        if not hasattr(kind, name):
            setattr(kind, name, function)


def give_labels_to(kind: type) -> None:
    """Give it `tags` and `description` to read: not a table, whose columns go by such names."""
    for name, function in (("tags", tags_of), ("description", description_of)):
        if not hasattr(kind, name):
            setattr(kind, name, property(function))
