"""This module sees to it that a database has the tables that `tables.py` describes: made, migrated, or refused."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from sqlalchemy import Column, Connection, Engine, MetaData, String, Table, insert, inspect, select

from syft.errors import NewerDatabase, StorageError
from syft.store.engines import sqlite_copy
from syft.store.files import disk_errors, sync_directory
from syft.store.tables import REVISIONS, metadata

MIGRATIONS: Final = Path(__file__).parent / "migrations"

# Alembic's own table, as Alembic makes it: a new database is stamped without loading Alembic.
_stamps = MetaData()
_version = Table("alembic_version", _stamps, Column("version_num", String(32), primary_key=True))


def prepare(
    engine: Engine, path: Path, *, revisions: Sequence[str] = REVISIONS, migrations: Path = MIGRATIONS
) -> None:
    """Bring the database to the newest schema.

    An empty one gets the tables at once. An older one is copied to `<name>.before-<newest revision>` and then
    migrated, in one transaction.

    Args:
        engine: of the database.
        path: where it is.
        revisions: every one there has been, oldest first.
        migrations: Alembic's directory.
    Raises:
        NewerDatabase: a later version of this library wrote it.
        StorageError: it is no database of this library's.
    """
    with engine.execution_options(writing=True).begin() as connection:
        found = _revision(connection)
        if found is None:
            metadata.create_all(connection, checkfirst=False)
            _stamps.create_all(connection, checkfirst=False)
            connection.execute(insert(_version).values(version_num=revisions[-1]))
            return
    if found == revisions[-1]:
        return
    if found not in revisions:
        raise NewerDatabase(
            f"The database in {path.parent} was written by a later version of this library "
            f"(its schema is {found}, this version knows {revisions[-1]}). Install that version "
            "(pip install --upgrade datasite), or restore a copy of the directory from before."
        )
    _copy(engine, path, path.with_name(f"{path.name}.before-{revisions[-1]}"))
    _migrate(engine, migrations, revisions[-1])


def check_current(connection: Connection) -> None:
    """Raise unless the database has the schema that `tables.py` describes.

    Raises:
        StorageError: it has another.
    """
    found = _revision(connection)
    if found != REVISIONS[-1]:
        raise StorageError(f"The database has the schema {found}; this version reads {REVISIONS[-1]} only.")


def _revision(connection: Connection) -> str | None:
    """The schema's revision, or None for a database with nothing in it."""
    names = inspect(connection).get_table_names()
    if not names:
        return None
    if _version.name not in names:
        raise StorageError(
            "There is a database in the node's directory that is not a node's. Use another one."
        )
    return str(connection.execute(select(_version.c.version_num)).scalar_one())


def _copy(engine: Engine, path: Path, copy: Path) -> None:
    """Put a copy of the database, as it is now, beside it. A copy from an attempt before is written anew."""
    unfinished = copy.with_name(copy.name + ".part")
    with disk_errors():
        unfinished.unlink(missing_ok=True)
        os.close(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        sqlite_copy(engine, unfinished)
        with unfinished.open("rb") as file:
            os.fsync(file.fileno())
        unfinished.rename(copy)
        sync_directory(copy.parent)


def _migrate(engine: Engine, migrations: Path, target: str) -> None:
    # Alembic takes 0.4 s to import, and most starts have nothing to migrate.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(migrations).replace("%", "%%"))
    with engine.execution_options(writing=True).begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, target)
