"""Inserts of one row, and inserts with `ON CONFLICT`, which SQLAlchemy offers per database."""

from collections.abc import Callable, Mapping
from functools import cache
from hashlib import sha256
from typing import Any

from sqlalchemy import Column, Connection, Table
from sqlalchemy.dialects import postgresql, sqlite

from serving.db.queries import Prepared, rows_of


def fitted(name: str, column: Column[str]) -> str:
    """The name, or its SHA-256 where the column is too short for it: PostgreSQL refuses what is too long."""
    most = getattr(column.type, "length", None)
    return name if most is None or len(name) <= most else sha256(name.encode()).hexdigest()


def add_row(connection: Connection, table: Table, /, **values: Any) -> None:
    """Insert one row, its values by the names of their columns; raises `IntegrityError` for one that must not be."""
    _insert(connection, _insert_of(table, tuple(values), ()), values)


def add_new_row(connection: Connection, table: Table, /, *key: str, **values: Any) -> bool:
    """Insert one row unless one has the same values in the columns `key`, which are unique; whether it was inserted."""
    return bool(_insert(connection, _insert_of(table, tuple(values), key), values))


def insert_into(connection: Connection, table: Table) -> Any:
    """An insert statement of the connection's database; it has `on_conflict_do_nothing` and `on_conflict_do_update`."""
    return sqlite.insert(table) if connection.dialect.name == "sqlite" else postgresql.insert(table)


def for_each_database(table: Table, write: Callable[[Any], Any]) -> Mapping[str, Any]:
    """A statement that is written once, from the insert of each kind of database: by the name of its dialect."""
    return {"sqlite": write(sqlite.insert(table)), "postgresql": write(postgresql.insert(table))}


class _Insert:
    """The insert of one row into some columns of a table."""

    def __init__(self, table: Table, columns: tuple[str, ...], key: tuple[str, ...]) -> None:
        def unless_known(insert: Any) -> Any:
            return insert.on_conflict_do_nothing(index_elements=key).returning(table.c[key[0]]) if key else insert

        self.statements = for_each_database(table, unless_known)
        self.prepared = Prepared(self.statements["sqlite"], sqlite.dialect(), columns)


@cache  # one for each place in the code that inserts a row
def _insert_of(table: Table, columns: tuple[str, ...], key: tuple[str, ...]) -> _Insert:
    return _Insert(table, columns, key)


def _insert(connection: Connection, insert: _Insert, values: Mapping[str, Any]) -> Any:
    """The rows that the insert returns."""
    return rows_of(connection, insert.statements[connection.dialect.name], insert.prepared, values)
