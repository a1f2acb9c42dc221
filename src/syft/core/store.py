"""This module is a door: the list of a node's objects by the names of PySyft 0.5."""

from __future__ import annotations

from typing import Any

from syft.client.kept import Objects
from syft.client.pointer import HasSession
from syft.core.pointer import Pointer
from syft.model.uid import UID


class Store:
    """The objects at a node that you may know of, asked for anew each time.

    Args:
        client: of the node.
    """

    def __init__(self, client: HasSession) -> None:
        self._objects = Objects(client)

    @property
    def store(self) -> list[Pointer]:
        """All of them."""
        return [Pointer.to(pointer) for pointer in self._objects]

    @property
    def pandas(self) -> Any:
        """All of them as a table."""
        return self._objects.pandas

    def __len__(self) -> int:
        return len(self._objects)

    def __getitem__(self, key: int | str | UID) -> Pointer:
        if isinstance(key, UID):
            return Pointer.to(self._objects.get_by_uid(key))
        if not isinstance(key, int | str):
            raise KeyError("Please pass in a string or int key")
        return Pointer.to(self._objects[key])

    def __repr__(self) -> str:
        return repr(self.store)
