"""This module holds pointers: a value that is elsewhere; `get()` brings it, where it may leave."""

from __future__ import annotations

from typing import Any, Final, Protocol

from syft.client.objects import fetch
from syft.client.present import Block, Card, Shown, Text, Value, size
from syft.client.session import Session
from syft.errors import InvalidInput, SyftException
from syft.model.object import Face, ValueRef
from syft.model.uid import UID
from syft.wire import codec

_NOT_HERE: Final = object()


class HasSession(Protocol):
    """A client, as far as a pointer needs one."""

    @property
    def session(self) -> Session:
        """Through which to ask."""
        ...


class Pointer(Shown):
    """A reference to a value.

    Args:
        uid: of the object that holds it.
        session: through which to fetch it; None for a value that is here.
        ref: what is known of the value without fetching it, and its bytes where they are few.
        value: the value itself, where it is here.
        face: which of the object's values is meant.
        note: how the value came about, shown beside it.
    """

    def __init__(
        self,
        uid: UID,
        *,
        session: Session | None = None,
        ref: ValueRef | None = None,
        value: Any = _NOT_HERE,
        face: Face = Face.PRIVATE,
        note: str = "",
    ) -> None:
        self.id = uid
        self._session = session
        self._ref = ref
        self._value = value
        self._face = face
        self._note = note

    @classmethod
    def to_value(cls, value: Any, *, note: str = "") -> Pointer:
        """A pointer to a value that is here.

        Args:
            value: any.
            note: how it came about, shown beside it.
        """
        return cls(UID(), value=value, note=note)

    @property
    def is_here(self) -> bool:
        """Whether the value can be had without asking a node."""
        return self._value is not _NOT_HERE or (self._ref is not None and self._ref.inline is not None)

    def get(self) -> Any:
        """The value.

        Raises:
            NotFound: it is gone, or you may not have it.
            SyftException: the node refused, or was not reached.
        """
        if self._value is _NOT_HERE:
            if self._ref is not None and self._ref.inline is not None:
                self._value = codec.decode(self._ref.inline)
            elif self._session is None:
                raise InvalidInput("This pointer belongs to no client; use `pointer.get_from(client)`.")
            else:
                self._ref, self._value = fetch(self._session, self.id, self._face)
        return self._value

    def get_from(self, client: HasSession) -> Any:
        """The value, asked for by that client.

        Raises:
            NotFound: it is gone, or that client may not have it.
        """
        return fetch(client.session, self.id, self._face).value

    def _card(self) -> Card:
        if self.is_here:
            block = self._shown()
        elif self._ref is not None:
            block = Text(f"{self._ref.type_name}, {size(self._ref.size)}; `.get()` fetches it")
        else:
            block = Text(f"{self.id}; `.get()` fetches it, where you may have it")
        return Card(f"Pointer ({self._note})" if self._note else "Pointer", [], [("", block)])

    def _shown(self) -> Block:
        try:
            return Value(self.get())
        except SyftException as error:  # showing must not raise
            return Text(f"a value that cannot be read here: {error.public_message}")
