"""Prepared single queries of an embedded database, run without a transaction.

A single query sees one state of the data anyway, and it runs with every request, so it must be cheap.
"""

import sqlite3
from collections.abc import Callable, Mapping
from typing import Any, Final

from sqlalchemy import Dialect, Engine, Select
from sqlalchemy.pool import PoolProxiedConnection

Row = tuple[Any, ...]


class Prepared:
    """A query compiled for the driver; its parameters are strings."""

    def __init__(self, statement: Select[Any], dialect: Dialect) -> None:
        compiled = statement.compile(dialect=dialect)
        self.text: Final = str(compiled)
        self._given: Final = dict(compiled.params)
        self._names: Final = tuple(compiled.positiontup or ())
        types = (column.type.dialect_impl(dialect) for column in statement.selected_columns)
        self._reads: Final = tuple(each.result_processor(dialect, None) for each in types)

    def values(self, parameters: Mapping[str, str]) -> list[Any]:
        """The parameters in the order of their placeholders."""
        values = {**self._given, **parameters}
        return [values[name] for name in self._names]

    def read(self, row: Row) -> Row:
        """The values of a row, converted by the types of the columns."""
        return tuple(value if read is None else read(value) for value, read in zip(row, self._reads, strict=True))


class SingleQueries:
    """Runs prepared queries on its own connection; to be used by one thread only, the event loop's."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._connection: PoolProxiedConnection | None = None
        self._prepared: dict[int, tuple[Select[Any], Prepared]] = {}

    def first(
        self, statement: Select[Any], parameters: Mapping[str, str], *, otherwise: Callable[[], Row | None]
    ) -> Row | None:
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
