"""This module holds what a person indexes and iterates: lists here, and lists at a node, read a page at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar, Generic, Protocol, TypeVar, overload

from syft.client.present import MAX_ROWS, Card, Shown, Text, rows_of
from syft.errors import NotFound, SyftException
from syft.model.uid import UID

# Records of a few hundred bytes: a page of this many is well below the limit of a message.
PAGE = 200


class Row(Protocol):
    """Something that can be a line of a table."""

    def row(self) -> Mapping[str, object]:
        """Its cells, by column."""
        ...


T = TypeVar("T", bound=Row)


class ViewList(list[T], Generic[T]):
    """A list that shows itself as a table.

    Args:
        title: what it is a list of.
        items: its content.
    """

    def __init__(self, title: str, items: Sequence[T] = ()) -> None:
        super().__init__(items)
        self._title = title

    def _card(self) -> Card:
        return Card(self._title, [("Total", len(self))], [("", rows_of([item.row() for item in self]))])

    def __repr__(self) -> str:
        return self._card().text()

    def _repr_html_(self) -> str:
        return self._card().html()


class DictTuple(Sequence[T], Shown):
    """Named things in an order: found by place, by name, or by a slice.

    Args:
        title: what they are.
        items: by name, in order.
    """

    def __init__(self, title: str, items: Mapping[str, T]) -> None:
        self._title = title
        self._items = dict(items)

    @overload
    def __getitem__(self, key: int | str) -> T: ...
    @overload
    def __getitem__(self, key: slice) -> ViewList[T]: ...

    def __getitem__(self, key: int | str | slice) -> T | ViewList[T]:
        if isinstance(key, str):
            if key not in self._items:
                raise KeyError(f"there is no '{key}'; there is: {', '.join(self._items) or 'nothing'}")
            return self._items[key]
        values = list(self._items.values())
        return ViewList(self._title, values[key]) if isinstance(key, slice) else values[key]

    def __len__(self) -> int:
        return len(self._items)

    def __contains__(self, item: object) -> bool:
        return item in self._items or item in list(self._items.values())

    def keys(self) -> tuple[str, ...]:
        """The names."""
        return tuple(self._items)

    def values(self) -> tuple[T, ...]:
        """The things."""
        return tuple(self._items.values())

    def items(self) -> tuple[tuple[str, T], ...]:
        """Names and things."""
        return tuple(self._items.items())

    def _card(self) -> Card:
        table = rows_of([item.row() for item in self._items.values()])
        return Card(self._title, [("Total", len(self))], [("", table)])


class Listing(Shown, Generic[T]):
    """What is at a node, oldest first; only what is looked at is fetched."""

    _title: ClassVar[str] = "List"
    _what: ClassVar[str] = "item"

    def _page(self, limit: int, offset: int) -> tuple[Sequence[T], int]:
        """Some of them, and how many there are in all."""
        raise NotImplementedError

    def _at(self, index: int) -> T:
        """The one at that place; below 0, counted from the end."""
        if index < 0:
            index += len(self)
        found, total = self._page(1, index) if index >= 0 else ((), len(self))
        if not found:
            raise NotFound(f"There is no {self._what} at that place; there are {total}.")
        return found[0]

    def _named(self, key: str) -> T:
        """The one of that name."""
        raise TypeError(f"a {self._what} is found by its place or its UID, not by a name")

    def _by_uid(self, uid: UID) -> T:
        """The one with that UID."""
        raise TypeError(f"a {self._what} is found by its place")

    @overload
    def __getitem__(self, key: int | str | UID) -> T: ...
    @overload
    def __getitem__(self, key: slice) -> ViewList[T]: ...

    def __getitem__(self, key: int | str | UID | slice) -> T | ViewList[T]:
        match key:
            case slice():
                return ViewList(self._title, self.get_all()[key])
            case UID():
                return self._by_uid(key)
            case str():
                return self._named(key)
            case int():
                return self._at(key)
        raise TypeError(f"a {self._what} is found by its place, name or UID, not by {type(key).__name__}")

    def __len__(self) -> int:
        return self._page(1, 0)[1]

    def __bool__(self) -> bool:
        return True  # an empty list of a node is still that list: `if client.datasets` must not ask the node

    def __iter__(self) -> Iterator[T]:
        offset = 0
        while True:
            found, total = self._page(PAGE, offset)
            yield from found
            offset += len(found)
            if not found or offset >= total:
                return

    def get_all(self) -> ViewList[T]:
        """All of them, as they are now."""
        return ViewList(self._title, list(self))

    def _card(self) -> Card:
        try:
            found, total = self._page(MAX_ROWS, 0)
        except (
            SyftException
        ) as error:  # showing must not raise: a prompt would show nothing but the traceback
            return Card(self._title, [], [("", Text(error.public_message))])
        return Card(
            self._title, [("Total", total)], [("", rows_of([one.row() for one in found], total=total))]
        )
