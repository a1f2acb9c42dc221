"""This module says what a store must do: keep a node's records, and let no write happen without an event."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol, TypeVar

import msgspec

from syft.model.event import ChainedEvent, ChainHead, Event
from syft.model.uid import UID

R = TypeVar("R", bound=msgspec.Struct)


@dataclass(frozen=True)
class Contains:
    """The text in `column` has `text` in it somewhere, in any case; no character of it is a wildcard."""

    column: str
    text: str


@dataclass(frozen=True, init=False)
class OneOf:
    """The value in `column` is one of `values`. With no values, nothing is found."""

    column: str
    values: tuple[object, ...]

    def __init__(self, column: str, values: Iterable[object]) -> None:
        object.__setattr__(self, "column", column)
        object.__setattr__(self, "values", tuple(values))


@dataclass(frozen=True)
class NotEqual:
    """The value in `column` is another than `value`; None is a value like any other."""

    column: str
    value: object


@dataclass(frozen=True)
class Before:
    """The value in `column` comes before `value`: an earlier moment, a smaller number; None never does."""

    column: str
    value: object


Condition = Contains | OneOf | NotEqual | Before


class Reader(Protocol):
    """What is stored, as it was at one moment.

    1. Everything a reader answers is from one snapshot, that of its first question. It sees no later write.
    2. A reader blocks nobody and waits for nobody; any number of threads may have one.
    3. A reader is used by the thread that opened it, inside its `with` block, and not after.
    4. Records come back equal to what was added. A record written before one of its fields existed comes
       back with that field's default.
    5. Lists are in order of insertion; `replace` does not move a record.
    6. `equals` and conditions name columns: the record's plain fields, and the derived ones in `tables.py`
       (`private_digest`, `mock_digest` of an object). An e-mail is compared in lower case. A field that
       holds records or collections is not a column; naming one, or one that does not exist, is InvalidInput.
    """

    def get(self, kind: type[R], uid: UID) -> R:
        """The record of this kind and name.

        Raises:
            NotFound: there is none.
        """
        ...

    def find(self, kind: type[R], /, **equals: object) -> R | None:
        """The first record whose columns have these values, or None."""
        ...

    def select(
        self,
        kind: type[R],
        /,
        *conditions: Condition,
        limit: int = 0,
        offset: int = 0,
        newest_first: bool = False,
        **equals: object,
    ) -> list[R]:
        """The records that satisfy all of `conditions` and `equals`.

        Args:
            kind: of record.
            conditions: besides equality.
            limit: at most so many; 0 for all.
            offset: after leaving out so many.
            newest_first: last inserted first.
            equals: column values.
        """
        ...

    def count(self, kind: type[msgspec.Struct], /, *conditions: Condition, **equals: object) -> int:
        """How many records `select` would find."""
        ...

    def total(
        self, kind: type[msgspec.Struct], column: str, /, *conditions: Condition, **equals: object
    ) -> int:
        """The sum of a column of whole numbers over the records that `select` would find; 0 for none.

        Raises:
            InvalidInput: the column holds no numbers.
        """
        ...

    def values(self, kind: type[msgspec.Struct], column: str) -> set[object]:
        """Every different value of one column, without None: digests in use, names taken."""
        ...

    def events(self, *, limit: int = 0, offset: int = 0) -> list[ChainedEvent]:
        """The log from its beginning: `limit` entries (0 for all) after the first `offset`."""
        ...

    def count_events(self) -> int:
        """How many entries the log has."""
        ...

    def head(self) -> ChainHead | None:
        """The signed end of the log, for `chain.check_chain`; None while the log is empty."""
        ...

    def setting(self, name: str) -> str | None:
        """What was put under this name, or None."""
        ...


class Transaction(Reader, Protocol):
    """Changes that land together, with the event that says who made them.

    1. A transaction reads what it has written itself.
    2. Leaving the `with` block normally makes all of it durable before the block is left; leaving it by an
       exception undoes all of it, the event included.
    3. After AlreadyExists nothing of the transaction can land any more: where a handler swallows the error,
       leaving the block raises it again.
    """

    def add(self, record: msgspec.Struct) -> None:
        """Store a new record.

        Raises:
            AlreadyExists: another has its uid, or a value that only one may have.
            InvalidInput: a value cannot be stored: a time without a zone, a number beyond 64 bits.
        """
        ...

    def replace(self, record: msgspec.Struct) -> None:
        """Put `record` in the place of the one with its uid.

        Raises:
            NotFound: there is none.
            AlreadyExists: another has a value that only one may have.
            InvalidInput: as for `add`.
        """
        ...

    def remove(self, kind: type[msgspec.Struct], uid: UID) -> None:
        """Take a record out.

        Raises:
            NotFound: there is none (any more).
        """
        ...

    def put_setting(self, name: str, value: str) -> None:
        """Store `value` under `name`, in the place of what was there."""
        ...

    def also(self, event: Event) -> None:
        """Log a further event, without its `message_uid`: only a transaction's first event carries one."""
        ...


class Store(Protocol):
    """Where a node keeps its records.

    1. **No write without an event.** `writing` chains, signs and inserts its event in the transaction that it
       opens: both land or neither does.
    2. **Durable replay protection.** A second transaction for an event with a `message_uid` that is in the
       log raises StaleMessage when the block is entered, so the block does not run. A transaction that was
       undone leaves no trace, and its message may come again.
    3. One transaction at a time: `writing` waits for its turn. A block therefore does nothing slow. Opening
       one inside another in the same thread is a programming error (RuntimeError), not a wait for ever.
    4. Reading never waits for a transaction, also inside one; it does not see what has not landed.
    5. What has landed survives `kill -9` at once, and with `durability="full"` loss of power.
    6. No room on the disk is StorageFull, any other refusal of disk or database StorageError. Nothing of the
       transaction is visible then, and the store stays usable.
    7. `close` may be called twice; everything else after it is StorageError.
    """

    def reading(self) -> AbstractContextManager[Reader]:
        """A reader, for the length of a `with` block."""
        ...

    def writing(self, event: Event) -> AbstractContextManager[Transaction]:
        """A transaction, for the length of a `with` block.

        Args:
            event: what is being done, and who asked for it.
        Raises:
            StaleMessage: the message that asked for it was acted on before.
            StorageFull: the disk is full.
        """
        ...

    def close(self) -> None:
        """Finish; waits for the transaction that is open. The next process may open the same directory."""
        ...
