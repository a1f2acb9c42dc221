"""This module is the store in SQL: one text for SQLite and PostgreSQL; what differs stands in `engines.py`."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, cast

import msgspec
from sqlalchemy import Connection, Engine, Select, bindparam, func, select, update
from sqlalchemy.exc import DBAPIError, IntegrityError

from syft.errors import AlreadyExists, InvalidInput, NotFound, StaleMessage, StorageError
from syft.model.event import GENESIS, ChainedEvent, ChainHead, Event
from syft.model.uid import UID
from syft.store import queries
from syft.store.base import Condition, R
from syft.store.chain import chain, sign_head
from syft.store.direct import Driver
from syft.store.engines import Durability, sqlite_engine, sqlite_file_engine, storage_error
from syft.store.files import DirectoryLock, disk_errors, make_private, remove_temporary, temporary_directory
from syft.store.schema import check_current, prepare
from syft.store.tables import (
    Kind,
    event_from_row,
    event_to_row,
    events,
    events_head,
    kind_of,
    metadata,
    settings,
    settled,
)

DATABASE_NAME: Final = "node.db"

Sign = Callable[[bytes], bytes]

_EVENTS: Final = select(events).where(events.c.seq > bindparam("offset")).order_by(events.c.seq)
_EVENTS_LIMITED: Final = _EVENTS.limit(bindparam("limit"))
_EVENT_COUNT: Final = select(func.count()).select_from(events)
_LAST_EVENT: Final = select(events.c.seq, events.c.hash).order_by(events.c.seq.desc()).limit(1)
_ADD_EVENT: Final = queries.row_of(events)
_HEAD: Final = select(events_head.c.seq, events_head.c.hash, events_head.c.signature)
_ADD_HEAD: Final = queries.row_of(events_head)
_MOVE_HEAD: Final = (
    update(events_head)
    .where(events_head.c.id == 1)
    .values({name: bindparam(name) for name in ("seq", "hash", "signature")})
)
_SETTING: Final = select(settings.c.value).where(settings.c.name == bindparam("key"))
_ADD_SETTING: Final = queries.row_of(settings)
_MOVE_SETTING: Final = (
    update(settings).where(settings.c.name == bindparam("key")).values(value=bindparam("new"))
)


class SqlReader:
    """A `Reader` on one connection, in one transaction of the database.

    Args:
        connection: inside its transaction.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._driver = Driver(connection)

    def get(self, kind: type[R], uid: UID) -> R:
        """See `Reader`."""
        known = kind_of(kind)
        rows = self._driver.rows(queries.by_uid(kind), {"key": known.encode("uid", uid)})
        if not rows:
            raise _not_found(known, uid)
        return cast(R, known.from_row(rows[0]))

    def find(self, kind: type[R], /, **equals: object) -> R | None:
        """See `Reader`."""
        found = self._rows(kind, (), equals, limit=1)
        return found[0] if found else None

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
        """See `Reader`."""
        _check_page(limit, offset)
        return self._rows(kind, conditions, equals, limit=limit, offset=offset, newest_first=newest_first)

    def count(self, kind: type[msgspec.Struct], /, *conditions: Condition, **equals: object) -> int:
        """See `Reader`."""
        shape, values = queries.shape_of(kind_of(kind), conditions, equals)
        return int(self._answers(queries.number(kind, shape), values)[0][0])

    def total(
        self, kind: type[msgspec.Struct], column: str, /, *conditions: Condition, **equals: object
    ) -> int:
        """See `Reader`."""
        shape, values = queries.shape_of(kind_of(kind), conditions, equals)
        return int(self._answers(queries.total(kind, column, shape), values)[0][0])

    def values(self, kind: type[msgspec.Struct], column: str) -> set[object]:
        """See `Reader`."""
        decode = kind_of(kind).search(column).decode
        return {decode(value) for (value,) in self._driver.rows(queries.different(kind, column))}

    def events(self, *, limit: int = 0, offset: int = 0) -> list[ChainedEvent]:
        """See `Reader`."""
        _check_page(limit, offset)
        # Places have no gaps, so leaving out the first n is beginning after place n: a look-up, not a count.
        if limit:
            rows = self._driver.rows(_EVENTS_LIMITED, {"offset": offset, "limit": limit})
        else:
            rows = self._driver.rows(_EVENTS, {"offset": offset})
        return [event_from_row(row) for row in rows]

    def count_events(self) -> int:
        """See `Reader`."""
        return int(self._driver.rows(_EVENT_COUNT)[0][0])

    def head(self) -> ChainHead | None:
        """See `Reader`."""
        for seq, last_hash, signature in self._driver.rows(_HEAD):
            return ChainHead(seq=seq, hash=last_hash, signature=signature)
        return None

    def setting(self, name: str) -> str | None:
        """See `Reader`."""
        rows = self._driver.rows(_SETTING, {"key": name})
        return cast(str, rows[0][0]) if rows else None

    def _rows(
        self,
        kind: type[R],
        conditions: Sequence[Condition],
        equals: Mapping[str, object],
        *,
        limit: int,
        offset: int = 0,
        newest_first: bool = False,
    ) -> list[R]:
        known = kind_of(kind)
        shape, values = queries.shape_of(known, conditions, equals)
        statement = queries.selection(
            kind, shape, newest_first=newest_first, limited=limit > 0, shifted=offset > 0
        )
        if limit:
            values["limit"] = limit
        if offset:
            values["offset"] = offset
        return [cast(R, known.from_row(row)) for row in self._answers(statement, values)]

    def _answers(self, statement: Select[Any], values: dict[str, Any]) -> Sequence[Sequence[Any]]:
        if any(isinstance(value, list) for value in values.values()):
            # How many there are is part of the text: this one SQLAlchemy writes each time.
            return self._connection.execute(statement, values).fetchall()
        return self._driver.rows(statement, values)


class SqlTransaction(SqlReader):
    """A `Transaction` on one connection.

    Args:
        connection: inside its transaction, which no other can write beside.
        sign: with the node's key.
        head: where the log ends; None for an empty one.
    """

    def __init__(self, connection: Connection, sign: Sign, head: ChainHead | None) -> None:
        super().__init__(connection)
        self._sign = sign
        self._had_head = head is not None
        self._place = (head.seq, head.hash) if head else (0, GENESIS)
        self._refused: AlreadyExists | None = None

    def add(self, record: msgspec.Struct) -> None:
        """See `Transaction`."""
        kind = kind_of(type(record))
        self._change(queries.addition(kind.record), kind.to_row(record), kind)

    def replace(self, record: msgspec.Struct) -> None:
        """See `Transaction`."""
        kind = kind_of(type(record))
        row = kind.to_row(record)
        if not self._change(queries.replacement(kind.record), row | {"key": row["uid"]}, kind):
            raise _not_found(kind, row["uid"])

    def remove(self, kind: type[msgspec.Struct], uid: UID) -> None:
        """See `Transaction`."""
        known = kind_of(kind)
        if not self._change(queries.removal(kind), {"key": known.encode("uid", uid)}, known):
            raise _not_found(known, uid)

    def put_setting(self, name: str, value: str) -> None:
        """See `Transaction`."""
        if not self._driver.change(_MOVE_SETTING, {"key": name, "new": value}):
            self._driver.change(_ADD_SETTING, {"name": name, "value": value})

    def also(self, event: Event) -> None:
        """See `Transaction`."""
        self.log(msgspec.structs.replace(event, message_uid=None))

    def log(self, event: Event) -> None:
        """Chain, sign and insert `event` as it is."""
        seq, previous = self._place
        entry = chain(seq + 1, previous, settled(event), self._sign)
        self._driver.change(_ADD_EVENT, event_to_row(entry))
        self._place = (entry.seq, entry.hash)

    def finish(self) -> ChainHead:
        """Sign the end of the log; the last thing before the transaction lands.

        Raises:
            AlreadyExists: the transaction met it, and cannot land.
        """
        if self._refused is not None:
            raise self._refused
        head = sign_head(*self._place, self._sign)
        values = {"seq": head.seq, "hash": head.hash, "signature": head.signature}
        if self._had_head:
            self._driver.change(_MOVE_HEAD, values)
        else:
            self._driver.change(_ADD_HEAD, values | {"id": 1})
        return head

    def _change(self, statement: Any, values: dict[str, Any], kind: Kind) -> int:
        try:
            return self._driver.change(statement, values)
        except IntegrityError as error:
            # PostgreSQL accepts nothing more in such a transaction. So that both do the same: neither do we.
            self._refused = AlreadyExists(kind.taken, str(error.orig))
            raise self._refused from error


class SqlStore:
    """A `Store` over an SQL database that this process alone uses. Made by `open_store`.

    Args:
        engine: of the database, its schema up to date.
        sign: with the node's key; the same bytes always get the same signature, as with Ed25519.
        on_close: what to do when it is closed.
    Raises:
        StorageError: the log does not end where this node said it did.
    """

    def __init__(self, engine: Engine, sign: Sign, on_close: Callable[[], None]) -> None:
        self._engine = engine
        self._writing_engine = engine.execution_options(writing=True)
        self._sign = sign
        self._on_close = on_close
        self._turn = threading.Lock()
        self._writer: int | None = None
        self._closed = threading.Event()
        with self._connection(engine) as connection:
            self._head = _known_head(SqlReader(connection), connection, sign)
        self._head_is_known = True

    @contextmanager
    def reading(self) -> Iterator[SqlReader]:
        """See `Store`."""
        with self._connection(self._engine) as connection:
            yield SqlReader(connection)

    @contextmanager
    def writing(self, event: Event) -> Iterator[SqlTransaction]:
        """See `Store`."""
        if self._writer == threading.get_ident():
            raise RuntimeError("a transaction inside a transaction; pass the open one on")
        with self._turn:
            self._writer = threading.get_ident()
            try:
                with self._connection(self._writing_engine) as connection:
                    yield from self._transaction(connection, event)
            finally:
                self._writer = None

    def close(self) -> None:
        """See `Store`."""
        with self._turn:
            if self._closed.is_set():
                return
            self._closed.set()
            self._engine.dispose()
            self._on_close()

    def _transaction(self, connection: Connection, event: Event) -> Iterator[SqlTransaction]:
        # The end of the log is remembered here and not read back, so that nobody who changes the file while
        # it is in use gets the change signed. Read it is after a commit that failed: it may have landed.
        if not self._head_is_known:
            self._head = _known_head(SqlReader(connection), connection, self._sign)
            self._head_is_known = True
        transaction = SqlTransaction(connection, self._sign, self._head)
        try:
            transaction.log(event)
        except IntegrityError as error:
            raise StaleMessage("This message was acted on before; it is not acted on again.") from error
        yield transaction
        head = transaction.finish()
        self._head_is_known = False
        connection.commit()
        self._head, self._head_is_known = head, True

    @contextmanager
    def _connection(self, engine: Engine) -> Iterator[Connection]:
        """A connection in a transaction that is undone unless it was committed."""
        if self._closed.is_set():
            raise StorageError("This node has been shut down.")
        try:
            with engine.connect() as connection:
                connection.begin()
                yield connection
                if self._closed.is_set():
                    # Opened before `close`: nobody will take it out of the pool again.
                    connection.invalidate()
        except DBAPIError as error:
            raise storage_error(error) from error


def open_store(directory: Path | None, *, sign: Sign, durability: Durability = "full") -> SqlStore:
    """The store in `directory`, made where there is none, brought up to date where it is older.

    Args:
        directory: the node's own; None for a store that is gone when it is closed. (That one is a database
            in a temporary directory, in memory where the machine has room: SQLite's own kind in memory lets
            readers wait for writers, which `Store` does not.)
        sign: with the node's key.
        durability: "full": what has landed survives loss of power; "normal": it survives `kill -9`, and
            loss of power may take the last transactions, whole ones.
    Raises:
        StorageError: another process uses the directory; or what is in it was changed from outside.
        NewerDatabase: a later version of this library wrote it.
        StorageFull: there is no room.
    """
    temporary = None
    if directory is None:
        temporary = directory = temporary_directory()
    with disk_errors():
        make_private(directory)
    lock = DirectoryLock(directory)

    def leave() -> None:
        lock.release()
        if temporary is not None:
            remove_temporary(temporary)

    engine = None
    try:
        engine = sqlite_engine(directory / DATABASE_NAME, "none" if temporary else durability)
        try:
            prepare(engine, directory / DATABASE_NAME)
        except DBAPIError as error:
            raise storage_error(error) from error
        return SqlStore(engine, sign, leave)
    except BaseException:
        if engine is not None:
            engine.dispose()
        leave()
        raise


@contextmanager
def reading_file(path: Path) -> Iterator[SqlReader]:
    """A reader of a node's database file, or of a copy of it: no lock, no key, and nothing is written.

    Args:
        path: of the file; for `chain.check_chain`, this and the node's public key are all that is needed.
    Raises:
        StorageError: it is not a node's, is damaged, or is of another version.
    """
    engine = sqlite_file_engine(path)
    try:
        with engine.connect() as connection:
            check_current(connection)
            yield SqlReader(connection)
    except DBAPIError as error:
        raise storage_error(error) from error
    finally:
        engine.dispose()


def _known_head(reader: SqlReader, connection: Connection, sign: Sign) -> ChainHead | None:
    """The end of the log, if it is where and what this node said it was.

    Raises:
        StorageError: it is not. To write on would be to sign what somebody else did to the log.
    """
    head = reader.head()
    last = connection.execute(_LAST_EVENT).first()
    if head is None and last is None and not _has_anything(connection):
        return None
    if head is None or last is None or tuple(last) != (head.seq, head.hash):
        raise StorageError(
            "The log of this node was changed from outside: it does not end where it did. "
            "`syft audit verify` says where; restore a copy of the node's directory."
        )
    if sign_head(head.seq, head.hash, sign) != head:
        raise StorageError(
            "The log of this node was signed with another key. Start the node with the key it had, "
            "or restore a copy of the node's directory."
        )
    return head


def _has_anything(connection: Connection) -> bool:
    """Whether there is a row anywhere: with none in the log, somebody has taken those out."""
    return any(connection.execute(select(table).limit(1)).first() for table in metadata.tables.values())


def _not_found(kind: Kind, uid: object) -> NotFound:
    name = uid.hex if isinstance(uid, UID) else uid
    return NotFound(f"There is no {kind.label} {name}, or it is not yours to see.")


def _check_page(limit: int, offset: int) -> None:
    if not 0 <= limit < 1 << 63 or not 0 <= offset < 1 << 63:
        raise InvalidInput("A list begins at 0 or after, and has no fewer than 0 entries.")
