"""Databases of every age: made, stamped, migrated with a copy kept, or refused."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pysqlite3.dbapi2 as sqlite
import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from syft.errors import NewerDatabase, StorageError
from syft.model.job import Job
from syft.model.limits import JobLimits
from syft.model.pool import Pool
from syft.model.request import Request
from syft.model.uid import UID
from syft.store import schema
from syft.store.engines import sqlite_engine
from syft.store.sql import DATABASE_NAME, SqlReader, open_store
from syft.store.tables import REVISIONS, metadata

SECOND = f'''"""Adds a column with a default, and one that may be empty."""

import sqlalchemy as sa
from alembic import op

revision = "9998"
down_revision = "{REVISIONS[-1]}"


def upgrade() -> None:
    with op.batch_alter_table("settings") as table:
        table.add_column(sa.Column("note", sa.Text(), nullable=False, server_default="none"))
'''
BROKEN = '''"""Does one thing, and fails at the next."""

import sqlalchemy as sa
from alembic import op

revision = "9999"
down_revision = "9998"


def upgrade() -> None:
    op.create_table("halfway", sa.Column("a", sa.Text()))
    op.execute("INSERT INTO nowhere VALUES (1)")
'''


def sign(data: bytes) -> bytes:
    return bytes(64)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / DATABASE_NAME


def read(path: Path, statement: str) -> list[tuple[object, ...]]:
    connection = sqlite.connect(str(path))
    try:
        return list(connection.execute(statement))
    finally:
        connection.close()


def write(path: Path, statement: str) -> None:
    connection = sqlite.connect(str(path), isolation_level=None)
    try:
        connection.execute(statement)
    finally:
        connection.close()


def shape_of(path: Path) -> dict[str, object]:
    """Tables, columns and indexes, whatever the order they were made in."""
    tables = [name for (name,) in read(path, "SELECT name FROM sqlite_master WHERE type = 'table'")]
    shape: dict[str, object] = {}
    for table in tables:
        columns = read(
            path, f"SELECT name, type, [notnull], dflt_value, pk, hidden FROM pragma_table_xinfo('{table}')"
        )
        indexes = read(path, f"SELECT name, [unique], origin, partial FROM pragma_index_list('{table}')")
        shape[table] = (
            sorted(columns, key=str),
            sorted(
                (*index, tuple(read(path, f"SELECT name FROM pragma_index_info('{index[0]}')")))
                for index in indexes
            ),
        )
    return shape


def make(path: Path, *, at: str | None = None) -> None:
    """A database as `prepare` makes it; or, `at` a revision, as Alembic alone does."""
    engine = sqlite_engine(path, "none")
    if at is None:
        schema.prepare(engine, path)
    else:
        schema._migrate(engine, schema.MIGRATIONS, at)
    engine.dispose()


def test_migrating_from_nothing_gives_exactly_what_the_tables_say(tmp_path: Path) -> None:
    made, migrated = tmp_path / "made.db", tmp_path / "migrated.db"
    make(made)
    make(migrated, at=REVISIONS[-1])
    assert shape_of(migrated) == shape_of(made), (
        "The tables have changed. Write a migration (store/migrations/versions) and add its revision to "
        "tables.REVISIONS; only before the first release is r0001_first.py itself brought up to date."
    )
    assert set(shape_of(made)) == {*metadata.tables, "alembic_version"}


def test_alembic_finds_nothing_to_do(path: Path) -> None:
    make(path)
    engine = sqlite_engine(path, "none")
    with engine.connect() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, metadata) == []
    engine.dispose()


def test_the_list_of_revisions_is_alembics() -> None:
    config = Config()
    config.set_main_option("script_location", str(schema.MIGRATIONS))
    found = [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]
    assert tuple(reversed(found)) == REVISIONS


def test_a_new_database_needs_no_alembic(tmp_path: Path) -> None:
    program = f"""
import sys
from pathlib import Path
from syft.store.sql import open_store
open_store(Path({str(tmp_path)!r}), sign=lambda data: bytes(64)).close()
open_store(Path({str(tmp_path)!r}), sign=lambda data: bytes(64)).close()
unwanted = [name for name in ("alembic", "sqlite3", "sqlalchemy.orm", "numpy") if name in sys.modules]
assert not unwanted, unwanted
"""
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True, timeout=60)


def test_preparing_twice_changes_nothing(path: Path) -> None:
    make(path)
    before = shape_of(path)
    make(path)
    assert shape_of(path) == before
    assert read(path, "SELECT version_num FROM alembic_version") == [(REVISIONS[-1],)]
    assert [one.name for one in path.parent.iterdir()] == [path.name]


@pytest.fixture
def later(tmp_path: Path) -> Path:
    """Alembic's directory, with two revisions more."""
    folder = tmp_path / "migrations"
    shutil.copytree(schema.MIGRATIONS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "versions" / "r9998.py").write_text(SECOND)
    (folder / "versions" / "r9999.py").write_text(BROKEN)
    return folder


def test_an_older_one_is_migrated_and_a_copy_kept(path: Path, later: Path) -> None:
    make(path)
    write(path, "INSERT INTO settings VALUES ('organization', 'Institute')")
    engine = sqlite_engine(path, "full")
    schema.prepare(engine, path, revisions=(*REVISIONS, "9998"), migrations=later)
    schema.prepare(engine, path, revisions=(*REVISIONS, "9998"), migrations=later)
    engine.dispose()
    assert read(path, "SELECT * FROM settings") == [("organization", "Institute", "none")]
    assert read(path, "SELECT version_num FROM alembic_version") == [("9998",)]
    copy = path.with_name("node.db.before-9998")
    assert read(copy, "SELECT * FROM settings") == [("organization", "Institute")]
    assert read(copy, "SELECT version_num FROM alembic_version") == [(REVISIONS[-1],)]
    assert copy.stat().st_mode & 0o777 == 0o600
    assert sorted(one.name for one in path.parent.glob("node*")) == ["node.db", "node.db.before-9998"]


def test_requests_and_jobs_from_before_there_were_limits_have_none(path: Path) -> None:
    """0002: what was kept under 0001 is read, and approvals of then bind no limits, so that they are void."""
    make(path, at="0001")
    uid = "0123456789abcdef0123456789abcdef"
    write(
        path,
        "INSERT INTO requests (uid, code_uid, requester_uid, state, approved_digest, created_at)"
        f" VALUES ('{uid}', '{uid}', '{uid}', 2, 'approved', 0)",
    )
    write(
        path,
        "INSERT INTO jobs (uid, code_uid, code_name, requester_uid, mode, created_at)"
        f" VALUES ('{uid}', '{uid}', 'f', '{uid}', 'mock', 0)",
    )
    engine = sqlite_engine(path, "none")
    schema.prepare(engine, path)
    with engine.connect() as connection:
        reader = SqlReader(connection)
        assert reader.get(Request, UID.from_string(uid)).limits == JobLimits()
        assert reader.get(Job, UID.from_string(uid)).limits == JobLimits()
        assert reader.count(Pool) == 0
    engine.dispose()
    assert path.with_name(f"node.db.before-{REVISIONS[-1]}").exists()


def test_a_migration_that_fails_leaves_the_database_as_it_was(path: Path, later: Path) -> None:
    make(path)
    before = shape_of(path)
    engine = sqlite_engine(path, "full")
    with pytest.raises(Exception, match="nowhere"):
        schema.prepare(engine, path, revisions=(*REVISIONS, "9998", "9999"), migrations=later)
    engine.dispose()
    assert shape_of(path) == before
    assert read(path, "SELECT version_num FROM alembic_version") == [(REVISIONS[-1],)]


def test_a_newer_one_is_refused_and_not_touched(path: Path) -> None:
    make(path)
    write(path, "UPDATE alembic_version SET version_num = '9999'")
    before = path.read_bytes()
    with pytest.raises(NewerDatabase, match="later version") as error:
        open_store(path.parent, sign=sign)
    assert "pip install" in str(error.value)
    assert "restore" in str(error.value)
    assert path.read_bytes() == before


def test_a_strangers_database_is_refused(path: Path) -> None:
    write(path, "CREATE TABLE recipes (name)")
    with pytest.raises(StorageError, match="not a node's"):
        open_store(path.parent, sign=sign)
    assert read(path, "SELECT count(*) FROM recipes") == [(0,)]


def test_what_is_no_database_is_refused(path: Path) -> None:
    path.write_bytes(b"something else entirely" * 1000)
    with pytest.raises(StorageError, match="damaged"):
        open_store(path.parent, sign=sign)


def test_after_a_refusal_the_directory_is_free(path: Path) -> None:
    path.write_bytes(b"something else entirely" * 1000)
    with pytest.raises(StorageError):
        open_store(path.parent, sign=sign)
    path.unlink()
    open_store(path.parent, sign=sign).close()


def test_a_record_from_before_a_field_existed_has_its_default(path: Path) -> None:
    """A column that a migration adds as the tables describe it, with the default that stands there."""
    make(path)
    for statement in (
        "ALTER TABLE users DROP COLUMN website",
        "ALTER TABLE users DROP COLUMN mock_execution",
        "INSERT INTO users (uid, email, email_key, name, role, password_hash, created_at)"
        " VALUES ('0123456789abcdef0123456789abcdef', 'a@b', 'a@b', 'Ada', 2, 'x', 0)",
    ):
        write(path, statement)
    for name in ("website", "mock_execution"):
        column = metadata.tables["users"].c[name]
        engine = sqlite_engine(path, "none")
        declared = engine.dialect.ddl_compiler(engine.dialect, None).get_column_specification(column)
        engine.dispose()
        write(path, f"ALTER TABLE users ADD COLUMN {declared}")
    made = path.parent / "made.db"
    make(made)
    assert shape_of(path) == shape_of(made)
    assert read(path, "SELECT website, mock_execution, institution FROM users") == [("", 0, "")]
