"""This module builds the SQL of every question, once for each shape of it, and finds the values to go with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

import msgspec
from sqlalchemy import BigInteger, Select, Table, bindparam, delete, func, insert, select, update
from sqlalchemy.sql.dml import Delete, Insert, Update
from sqlalchemy.sql.elements import ColumnElement

from syft.errors import InvalidInput
from syft.store.base import Before, Condition, Contains, NotEqual, OneOf
from syft.store.tables import Kind, kind_of

# SQLite's bound on a pattern is 50,000 bytes; nobody types as much as this.
MAX_TEXT: Final = 1000
# PostgreSQL's bound on the parameters of one statement is 65,535.
MAX_VALUES: Final = 50_000

Shape = tuple[tuple[str, str], ...]


def shape_of(
    kind: Kind, conditions: Sequence[Condition], equals: Mapping[str, object]
) -> tuple[Shape, dict[str, Any]]:
    """What a question asks, apart from the values it asks for, and those values as parameters.

    Raises:
        InvalidInput: a column that cannot be searched, or a value that it cannot hold.
    """
    shape: list[tuple[str, str]] = []
    values: dict[str, Any] = {}
    for name, wanted in equals.items():
        value = None if wanted is None else kind.encode(name, wanted)
        _add(shape, values, "is null" if value is None else "=", name, value)
    for condition in conditions:
        name = condition.column
        match condition:
            case Contains(text=text):
                _add(shape, values, "like", name, _pattern(kind, name, text))
            case OneOf(values=several):
                if len(several) > MAX_VALUES:
                    raise InvalidInput(f"At most {MAX_VALUES} values can be looked for at once.")
                _add(shape, values, "in", name, [kind.encode(name, one) for one in several])
            case NotEqual(value=other):
                value = None if other is None else kind.encode(name, other)
                _add(shape, values, "is not null" if value is None else "!=", name, value)
            case Before(value=end):
                if end is None:
                    raise InvalidInput("Nothing comes before None.")
                _add(shape, values, "<", name, kind.encode(name, end))
    # Also refuses the names that no value went with.
    for _, name in shape:
        kind.search(name)
    return tuple(shape), values


def _add(shape: list[tuple[str, str]], values: dict[str, Any], operator: str, name: str, value: Any) -> None:
    if value is not None:
        values[f"p{len(shape)}"] = value
    shape.append((operator, name))


def _pattern(kind: Kind, name: str, text: str) -> str:
    if not kind.search(name).is_text or not isinstance(text, str):
        raise InvalidInput(f"'{name}' of a {kind.label} is not text to look for text in.")
    if len(text) > MAX_TEXT:
        raise InvalidInput(f"The text to look for is longer than {MAX_TEXT} characters.")
    folded = text.lower()
    for special in ("\\", "%", "_"):
        folded = folded.replace(special, "\\" + special)
    return f"%{folded}%"


def _clause(kind: Kind, index: int, operator: str, name: str) -> ColumnElement[bool]:
    column = kind.search(name).column
    value = bindparam(f"p{index}", type_=column.type, expanding=operator == "in")
    match operator:
        case "=":
            return column == value
        case "!=":
            return column.is_distinct_from(value)
        case "<":
            return column < value
        case "is null":
            return column.is_(None)
        case "is not null":
            return column.is_not(None)
        case "in":
            return column.in_(value)
        case _:
            return func.lower(column).like(value, escape="\\")


def _clauses(kind: Kind, shape: Shape) -> list[ColumnElement[bool]]:
    return [_clause(kind, index, operator, name) for index, (operator, name) in enumerate(shape)]


# The shapes are those that the callers' code has; 1,000 is many times that.


@lru_cache(maxsize=1000)
def selection(
    record: type[msgspec.Struct], shape: Shape, *, newest_first: bool, limited: bool, shifted: bool
) -> Select[Any]:
    """Records that satisfy `shape`; takes `limit` and `offset` where so announced."""
    kind = kind_of(record)
    order = kind.table.c.position.desc() if newest_first else kind.table.c.position
    statement = select(*kind.columns).where(*_clauses(kind, shape)).order_by(order)
    if limited:
        statement = statement.limit(bindparam("limit"))
    if shifted:
        statement = statement.offset(bindparam("offset"))
    return statement


@lru_cache(maxsize=1000)
def number(record: type[msgspec.Struct], shape: Shape) -> Select[Any]:
    """How many records satisfy `shape`."""
    kind = kind_of(record)
    return select(func.count()).select_from(kind.table).where(*_clauses(kind, shape))


@lru_cache(maxsize=1000)
def total(record: type[msgspec.Struct], name: str, shape: Shape) -> Select[Any]:
    """The sum of a column over the records that satisfy `shape`.

    Raises:
        InvalidInput: it holds no whole numbers.
    """
    kind = kind_of(record)
    column = kind.search(name).column
    if not isinstance(column.type, BigInteger):
        raise InvalidInput(f"'{name}' of a {kind.label} is not a number to add up.")
    statement = select(func.coalesce(func.sum(column), 0)).select_from(kind.table)
    return statement.where(*_clauses(kind, shape))


@lru_cache(maxsize=1000)
def different(record: type[msgspec.Struct], name: str) -> Select[Any]:
    """The different values of a column."""
    column = kind_of(record).search(name).column
    return select(column).where(column.is_not(None)).distinct()


@lru_cache(maxsize=100)
def by_uid(record: type[msgspec.Struct]) -> Select[Any]:
    """The record named `key`."""
    kind = kind_of(record)
    return select(*kind.columns).where(kind.table.c.uid == bindparam("key"))


@lru_cache(maxsize=100)
def addition(record: type[msgspec.Struct]) -> Insert:
    """A new row; takes `Kind.to_row`."""
    return row_of(kind_of(record).table, numbered="position")


def row_of(table: Table, *, numbered: str = "") -> Insert:
    """A new row; takes a value for every column, save one that the database numbers."""
    names = [column.name for column in table.columns if column.name != numbered]
    return insert(table).inline().values({name: bindparam(name) for name in names})


@lru_cache(maxsize=100)
def replacement(record: type[msgspec.Struct]) -> Update:
    """New values for the row named `key`; takes `Kind.to_row` besides."""
    table = kind_of(record).table
    values: dict[str, Any] = {
        column.name: bindparam(column.name) for column in table.columns if column.name != "position"
    }
    return update(table).where(table.c.uid == bindparam("key")).values(values)


@lru_cache(maxsize=100)
def removal(record: type[msgspec.Struct]) -> Delete:
    """Takes out the row named `key`."""
    table = kind_of(record).table
    return delete(table).where(table.c.uid == bindparam("key"))
