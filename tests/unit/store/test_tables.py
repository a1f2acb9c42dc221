"""How records rest: JSON from before a field existed, rows that were tampered with, indexes that are used."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pysqlite3.dbapi2 as sqlite
import pytest
from sqlalchemy import Integer, Text

from syft.errors import StorageError
from syft.model.code import Code, CodeSubmission
from syft.model.event import Event
from syft.model.job import Job, Release
from syft.model.object import ObjectRecord
from syft.model.permission import Grant, Role
from syft.model.request import Request
from syft.model.uid import UID
from syft.model.user import SessionKey, User
from syft.store import queries
from syft.store.columns import codec_for
from syft.store.engines import sqlite_engine
from syft.store.sql import DATABASE_NAME, SqlStore, open_store
from syft.store.tables import kind_of

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def sign(data: bytes) -> bytes:
    return bytes(64)


def written(directory: Path, *records: object) -> None:
    store = open_store(directory, sign=sign)
    with store.writing(Event(verb="test.done", created_at=NOW)) as tx:
        for record in records:
            tx.add(record)  # type: ignore[arg-type]
    store.close()


def change(directory: Path, statement: str) -> None:
    connection = sqlite.connect(str(directory / DATABASE_NAME), isolation_level=None)
    try:
        connection.execute(statement)
    finally:
        connection.close()


@pytest.fixture
def ada() -> User:
    return User(uid=UID(), email="a@b", name="Ada", role=Role.ADMIN, password_hash="x", created_at=NOW)


def test_nested_json_from_before_a_field_existed_has_its_default(tmp_path: Path) -> None:
    submission = CodeSubmission(name="f", source="def f(): pass")
    code = Code(
        uid=UID(), owner_uid=UID(), digest="d", name="f", version=1, submission=submission, created_at=NOW
    )
    written(tmp_path, code)
    change(
        tmp_path, """UPDATE code SET submission = '{"name": "f", "source": "def f(): pass", "later": 1}'"""
    )
    store = open_store(tmp_path, sign=sign)
    with store.reading() as reader:
        assert reader.get(Code, code.uid) == code
    store.close()


@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE users SET role = 77",
        "UPDATE users SET email = 'no address'",
        "UPDATE users SET created_at = 'yesterday'",
        "UPDATE users SET created_at = 1 << 62",
        "UPDATE users SET uid = 'ada'",
    ],
)
def test_a_row_that_is_no_record_is_damage_and_says_nothing_of_its_values(
    tmp_path: Path, ada: User, tampering: str
) -> None:
    written(tmp_path, ada)
    change(tmp_path, tampering)
    store = open_store(tmp_path, sign=sign)
    with store.reading() as reader, pytest.raises(StorageError, match=r"^A stored user is damaged"):
        reader.select(User)
    store.close()


@pytest.mark.parametrize(
    ("record", "names"),
    [
        (User, ("uid",)),
        (User, ("email",)),
        (SessionKey, ("verify_key",)),
        (Grant, ("object_uid", "user_uid")),
        (Grant, ("user_uid",)),
        (ObjectRecord, ("private_digest",)),
        (ObjectRecord, ("mock_digest",)),
        (Code, ("owner_uid", "digest")),
        (Code, ("owner_uid", "name")),
        (Request, ("code_uid",)),
        (Request, ("requester_uid",)),
        (Job, ("requester_uid",)),
        (Job, ("code_uid",)),
        (Job, ("parent_uid",)),
        (Job, ("state",)),
        (Release, ("request_uid",)),
    ],
    ids=str,
)
def test_what_is_asked_often_is_looked_up(tmp_path: Path, record: type, names: tuple[str, ...]) -> None:
    written(tmp_path)
    shape = tuple(("=", name) for name in names)
    statement = queries.number(record, shape)
    engine = sqlite_engine(tmp_path / DATABASE_NAME, "none")
    compiled = statement.compile(dialect=engine.dialect)
    with engine.connect() as connection:
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {compiled}", ("x",) * len(names)).all()
    engine.dispose()
    assert all("SEARCH" in row[-1] and "INDEX" in row[-1] for row in plan), plan


def test_the_first_and_the_last_are_looked_up(tmp_path: Path) -> None:
    written(tmp_path)
    engine = sqlite_engine(tmp_path / DATABASE_NAME, "none")
    with engine.connect() as connection:
        for newest_first in (False, True):
            statement = queries.selection(User, (), newest_first=newest_first, limited=True, shifted=False)
            compiled = statement.compile(dialect=engine.dialect)
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {compiled}", (1, 0)).all()
            assert not any("TEMP B-TREE" in row[-1] for row in plan), plan
    engine.dispose()


def test_columns_are_typed() -> None:
    columns = kind_of(User).table.c
    assert isinstance(columns.role.type, Integer)
    assert isinstance(columns.email.type, Text)
    assert not columns.email.nullable
    assert kind_of(Job).table.c.parent_uid.nullable


def test_a_field_that_has_no_form_is_found_when_the_tables_are_made() -> None:
    with pytest.raises(TypeError):
        codec_for(UID | str)


def test_every_statement_is_built_once(tmp_path: Path, ada: User) -> None:
    written(tmp_path, ada)
    store: SqlStore = open_store(tmp_path, sign=sign)
    with store.reading() as reader:
        reader.find(User, email="a@b")
        before = queries.selection.cache_info().misses
        for text in ("a", "b", "c"):
            reader.find(User, email=text)
        assert queries.selection.cache_info().misses == before
    store.close()
