"""This module gives statements to the database's driver: SQLAlchemy writes the text of each, once.

To have SQLAlchemy execute a small statement takes three times as long as SQLite needs to answer it. What is given up
with that is what nothing here uses: values and rows go as they are (`columns.py` turns them into what a column holds).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Dialect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql import ClauseElement

# The shapes of `queries.py`, and the statements beside them.
_REMEMBERED: Final = 5000


class _Text(NamedTuple):
    """A statement as the driver takes it.

    Args:
        sql: with places for values.
        names: of the values, by their places.
        fixed: the values that are part of the statement.
    """

    sql: str
    names: tuple[str, ...]
    fixed: dict[str, Any]


@lru_cache(maxsize=_REMEMBERED)
def _text_of(statement: ClauseElement, dialect: Dialect) -> _Text:
    compiled = statement.compile(dialect=dialect)
    fixed = {name: value for name, value in compiled.params.items() if value is not None}
    names: tuple[str, ...] = tuple(compiled.positiontup)  # type: ignore[attr-defined]  # of its SQLCompiler
    return _Text(str(compiled), names, fixed)


class Driver:
    """The driver's side of a connection.

    Args:
        connection: inside its transaction.
    """

    def __init__(self, connection: Connection) -> None:
        self._dialect = connection.dialect
        self._own: Any = connection.connection.dbapi_connection

    def rows(
        self, statement: ClauseElement, values: Mapping[str, Any] | None = None
    ) -> list[tuple[Any, ...]]:
        """All that a question finds.

        Args:
            statement: always the same object for the same text: it is compiled once. Without lists of values.
            values: by the names of its parameters.
        Raises:
            DBAPIError: of the kind that SQLAlchemy makes of the driver's; without the values.
        """
        found: list[tuple[Any, ...]] = self._run(statement, values or {}, lambda cursor: cursor.fetchall())
        return found

    def change(self, statement: ClauseElement, values: Mapping[str, Any]) -> int:
        """How many rows a statement has changed. See `rows`."""
        return int(self._run(statement, values, lambda cursor: cursor.rowcount))

    def _run(self, statement: ClauseElement, values: Mapping[str, Any], finish: Callable[[Any], Any]) -> Any:
        text = _text_of(statement, self._dialect)
        given = {**text.fixed, **values}
        try:
            # Rows are looked for while they are fetched: that can fail, too.
            return finish(self._own.execute(text.sql, [given[name] for name in text.names]))
        except self._dialect.loaded_dbapi.Error as error:
            base = self._dialect.loaded_dbapi.Error
            raise DBAPIError.instance(text.sql, None, error, base, hide_parameters=True) from error
