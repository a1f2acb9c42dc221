"""This module opens databases for `sql.py`, and holds all that is different between them. So far: SQLite."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import quote

import pysqlite3.dbapi2
from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from syft.errors import StorageError, StorageFull
from syft.store.files import NO_SPACE, disk_errors

Durability = Literal["full", "normal", "none"]

# Connections kept open between uses: as many as threads usually read at once. More are opened when needed.
_KEPT_CONNECTIONS: Final = 16
# Only a tool of the administrator's can hold the database besides this process; it gets this long.
_BUSY_MS: Final = 10_000
# After a large write, the write-ahead log is cut back to this.
_WAL_BYTES: Final = 64 * 1024 * 1024


def sqlite_engine(path: Path, durability: Durability) -> Engine:
    """An engine on the SQLite database at `path`, which is made, for its owner's eyes only, where it is missing.

    Every transaction is BEGIN: a snapshot that blocks nobody. With the execution option `writing` it is
    BEGIN IMMEDIATE: no other can write beside it, and it cannot fail half-way because one did.

    Args:
        path: of the database.
        durability: what is waited for at the end of a transaction.
    Raises:
        StorageError: the file cannot be made or read.
    """
    with disk_errors():
        # SQLite gives the files beside it the same mode.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))
    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        # Not the standard library's: its SQLite can lose what was written when the log is reset (before 3.51.3).
        module=pysqlite3.dbapi2,
        # The driver would begin transactions by itself, and at the wrong moment.
        connect_args={"isolation_level": None, "check_same_thread": False},
        pool_size=_KEPT_CONNECTIONS,
        max_overflow=-1,
        pool_use_lifo=True,
        # Values do not belong in error messages.
        hide_parameters=True,
    )

    @event.listens_for(engine, "connect")
    def configure(connection: Any, _record: object) -> None:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {_SYNCHRONOUS[durability]}")
        connection.execute(f"PRAGMA busy_timeout = {_BUSY_MS}")
        connection.execute(f"PRAGMA journal_size_limit = {_WAL_BYTES}")
        connection.execute("PRAGMA foreign_keys = ON")
        # What is removed is overwritten: a value that its owner deleted is not to be found in the file.
        connection.execute("PRAGMA secure_delete = ON")
        # SQLite's own knows the cases of English letters only; PostgreSQL's knows them all.
        connection.create_function("lower", 1, _lower, deterministic=True)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        immediate = connection.get_execution_options().get("writing", False)
        _run(connection, "BEGIN IMMEDIATE" if immediate else "BEGIN")

    return engine


def sqlite_file_engine(path: Path) -> Engine:
    """An engine that only reads the SQLite database at `path`, also where nothing can be written beside it."""
    # A node that runs, or was killed, has a log beside the file; without one, nobody is writing.
    running = path.with_name(path.name + "-wal").exists()
    query = {"uri": "true", "mode": "ro"} | ({} if running else {"immutable": "1"})
    return create_engine(
        URL.create("sqlite", database=f"file:{quote(str(path.absolute()))}", query=query),
        module=pysqlite3.dbapi2,
        poolclass=NullPool,
        hide_parameters=True,
    )


def sqlite_copy(engine: Engine, target: Path) -> None:
    """Write the database, as it is now, to the empty file `target`."""
    with engine.connect() as connection:
        _run(connection, "VACUUM INTO ?", str(target))


def _run(connection: Connection, statement: str, *values: object) -> None:
    """Run a statement that SQLAlchemy would begin a transaction for."""
    driver: Any = connection.connection.dbapi_connection
    try:
        driver.execute(statement, values)
    except pysqlite3.dbapi2.Error as error:
        raise DBAPIError(statement, None, error) from error


_SYNCHRONOUS: Final[dict[Durability, str]] = {"full": "FULL", "normal": "NORMAL", "none": "OFF"}


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


def storage_error(error: DBAPIError) -> StorageError:
    """What to tell of an error of the database's; the detail, which holds no values, is for the log."""
    name = getattr(error.orig, "sqlite_errorname", "")
    detail = f"{name}: {error.orig}"
    if name == "SQLITE_FULL":
        return StorageFull(NO_SPACE, detail)
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return StorageError("Another program holds the node's database; close it and try again.", detail)
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        return StorageError("The node's database is damaged. Restore a copy of the node's directory.", detail)
    return StorageError("The node's database could not be read or written.", detail)
