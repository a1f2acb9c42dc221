"""This module is a door: one location of an address of PySyft 0.5."""

from __future__ import annotations

from syft.core.common.object import ObjectWithID
from syft.model.naming import random_name
from syft.model.uid import UID


class SpecificLocation(ObjectWithID):
    """A place with an id.

    Args:
        id: its own; a fresh one when left out.
        name: for people; a random one when left out. Equality does not look at it.
    """

    def __init__(self, id: UID | None = None, name: str | None = None) -> None:
        super().__init__(id)
        self.name = name if name is not None else random_name()

    @property
    def icon(self) -> str:
        """A pin."""
        return "📌"

    @property
    def pprint(self) -> str:
        """The line for the eye."""
        return f"{super().pprint}@{self.id.emoji()}"
