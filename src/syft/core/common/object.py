"""This module is a door: what has an id in PySyft 0.5."""

from __future__ import annotations

from syft.core.common.serde.serializable import Serializable
from syft.model.uid import UID


class ObjectWithID(Serializable):
    """Something with an id, by which alone it is told from others.

    Args:
        id: its own; a fresh one when left out.
    """

    __hash__ = None  # type: ignore[assignment]  # what is equal to things of other classes goes into no set

    def __init__(self, id: UID | None = None) -> None:
        self._id = id or UID()

    @property
    def id(self) -> UID:
        """Its id."""
        return self._id

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ObjectWithID) and other.id == self.id

    def __repr__(self) -> str:
        return f"<{self.class_name}: {self.id.no_dash}>"

    def repr_short(self) -> str:
        """A shorter one."""
        return f"<{self.class_name}:{self.id.repr_short()}>"
