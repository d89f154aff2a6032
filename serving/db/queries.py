"""Statements that are compiled once and run on the driver's own cursor, which costs a tenth of SQLAlchemy's execution.

Only an embedded database is asked so: it answers in microseconds, and its driver's errors need no translation to be
tried again. A server is asked through SQLAlchemy.
"""

import sqlite3
from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection, Dialect, Engine, Insert, Select, Update
from sqlalchemy.dialects import sqlite
from sqlalchemy.pool import PoolProxiedConnection

Row = tuple[Any, ...]


def is_direct(connection: Connection) -> bool:
    """Whether a statement may go to the driver; traces, which tell of every statement, listen to SQLAlchemy's."""
    return connection.dialect.name == "sqlite" and not connection.dispatch.before_cursor_execute


class Prepared:
    """A query, an insert of one row into some columns, or an update, compiled for the driver."""

    def __init__(
        self, statement: Select[Any] | Insert | Update, dialect: Dialect, columns: Sequence[str] | None = None
    ) -> None:
        compiled = statement.compile(dialect=dialect, column_keys=columns)
        self.text: Final = str(compiled)
        self._given: Final = dict(compiled.params)
        names = compiled.positiontup or []
        written = {
            name: bind.type.dialect_impl(dialect).bind_processor(dialect) for name, bind in compiled.binds.items()
        }
        self._values: Final = tuple((name, written[name]) for name in names)
        selected = statement.exported_columns
        types = (column.type.dialect_impl(dialect) for column in selected)
        read = (each.result_processor(dialect, None) for each in types)
        self._reads: Final = tuple((place, each) for place, each in enumerate(read) if each is not None)
        named: Any = namedtuple("named", [column.name for column in selected], rename=True)  # type: ignore[misc]
        self._row: Final[Callable[[Sequence[Any]], Any]] = named._make

    def values(self, parameters: Mapping[str, Any]) -> list[Any]:
        """The parameters as the driver takes them, in the order of their placeholders."""
        given = {**self._given, **parameters}
        return [given[name] if write is None else write(given[name]) for name, write in self._values]

    def run(self, connection: Connection, parameters: Mapping[str, Any]) -> Sequence[Any]:
        """The rows that it selects or returns. Raises `sqlite3.Error`."""
        cursor = connection.connection.cursor()
        try:
            cursor.execute(self.text, self.values(parameters))
            return [self.read(row) for row in cursor.fetchall()]
        finally:
            cursor.close()

    def read(self, row: Row) -> Any:
        """A row with names, its values converted by the types of the columns."""
        if self._reads:
            values = list(row)
            for place, read in self._reads:
                values[place] = read(values[place])
            return self._row(values)
        return self._row(row)


def rows_of(
    connection: Connection, statement: Select[Any] | Insert | Update, prepared: Prepared, parameters: Mapping[str, Any]
) -> Sequence[Any]:
    """The rows that a statement selects or returns: by the driver, else by SQLAlchemy, whose errors callers know."""
    if is_direct(connection):
        try:
            return prepared.run(connection, parameters)
        except sqlite3.Error:
            pass
    done = connection.execute(statement, parameters)
    return done.all() if done.returns_rows else ()


class Query:
    """A query that requests ask all the time, on the connection of a transaction."""

    def __init__(self, statement: Select[Any]) -> None:
        """Its parameters are single values; a list is one parameter by `serving.db.many.Among`."""
        self.statement: Final = statement
        self._prepared: Prepared | None = None

    def all(self, connection: Connection, **parameters: Any) -> Sequence[Any]:
        """The rows, with the names of their columns."""
        self._prepared = self._prepared or Prepared(self.statement, sqlite.dialect())
        return rows_of(connection, self.statement, self._prepared, parameters)

    def first(self, connection: Connection, **parameters: Any) -> Any | None:
        """The first row, if there is one; the query itself should find few."""
        return next(iter(self.all(connection, **parameters)), None)

    def scalar(self, connection: Connection, **parameters: Any) -> Any | None:
        """The first value of the first row, if there is one."""
        row = self.first(connection, **parameters)
        return None if row is None else row[0]


class SingleQueries:
    """Runs queries outside a transaction on its own connection; to be used by one thread only, the event loop's.

    A single query sees one state of the data anyway, and one that runs with every request must be cheap.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._connection: PoolProxiedConnection | None = None
        self._prepared: dict[int, tuple[Select[Any], Prepared]] = {}

    def first(
        self, statement: Select[Any], parameters: Mapping[str, str], *, otherwise: Callable[[], Any]
    ) -> Any | None:
        """The first row, or `None`. After a driver error, the result of `otherwise`."""
        _, prepared = self._prepared.get(id(statement)) or self._prepare(statement)
        try:
            connection = self._connection = self._connection or self._engine.raw_connection()
            cursor = connection.cursor()
            try:
                cursor.execute(prepared.text, prepared.values(parameters))
                row: Row | None = cursor.fetchone()
            finally:
                cursor.close()
        except sqlite3.Error:
            self.close()
            return otherwise()
        return None if row is None else prepared.read(row)

    def _prepare(self, statement: Select[Any]) -> tuple[Select[Any], Prepared]:
        # The statement is kept too, so that its id is not reused.
        self._prepared[id(statement)] = statement, Prepared(statement, self._engine.dialect)
        return self._prepared[id(statement)]

    def close(self) -> None:
        """Return the connection to the pool."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
