"""This module is a door: what everything has that a worker can have: an id, an owner, tags, a description."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Self

from syft.errors import InvalidInput
from syft.model.uid import UID
from syft.workers.local import local_worker


class AbstractObject:
    """Something that is named, and found by its tags and description.

    Args:
        id: its own; a fresh one when left out.
        owner: the worker it is at; the local one when left out.
        tags: to find it by.
        description: for people.
        child: what it wraps.
    """

    def __init__(
        self,
        id: UID | int | str | None = None,
        owner: Any = None,
        tags: Iterable[str] | None = None,
        description: str | None = None,
        child: Any = None,
    ) -> None:
        if isinstance(tags, str):
            raise InvalidInput("Tags are a list of texts: tags=['...'].")
        self.id: UID | int | str = UID() if id is None else id
        self.owner = local_worker if owner is None else owner
        self.tags: set[str] | None = None if tags is None else set(tags)
        self.description = description
        self.child = child

    def tag(self, *tags: str) -> Self:
        """Have it found by these tags, too; returns the object."""
        self.tags = (self.tags or set()) | set(tags)
        return self

    def describe(self, description: str) -> Self:
        """Say what it is, for people; returns the object."""
        self.description = description
        return self
