"""Updates of the rows that some columns name, prepared once for each place in the code that makes them."""

from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from sqlalchemy import Connection, Table, Update, bindparam, update
from sqlalchemy.dialects import sqlite

from serving.db.queries import Prepared, rows_of


class Change:
    """An update that requests make all the time, on the connection of a transaction."""

    def __init__(self, statement: Update, columns: tuple[str, ...] = ()) -> None:
        """`columns` are set to parameters of the same names; the statement may set others itself."""
        table: Any = statement.table
        self._statement: Final = statement.values({name: bindparam(name) for name in columns}).returning(
            *table.primary_key.columns
        )
        self._prepared: Final = Prepared(self._statement, sqlite.dialect())

    def run(self, connection: Connection, **parameters: Any) -> int:
        """How many rows it changed."""
        return len(rows_of(connection, self._statement, self._prepared, parameters))


def change_rows(connection: Connection, table: Table, /, named: Mapping[str, Any], **values: Any) -> int:
    """Set values in the rows whose columns have the values `named`, none of them `None`; how many rows these are."""
    given = {f"named_{name}": value for name, value in named.items()}
    return _change_of(table, tuple(named), tuple(values)).run(connection, **given, **values)


@cache  # one for each place in the code that changes rows
def _change_of(table: Table, named: tuple[str, ...], columns: tuple[str, ...]) -> Change:
    rows = update(table).where(*(table.c[name] == bindparam(f"named_{name}") for name in named))
    return Change(rows, columns)
