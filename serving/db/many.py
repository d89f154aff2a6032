"""Many rows and many values at once: a statement's cost in Python does not grow with their number."""

from collections.abc import Callable, Sequence
from typing import Any, Final, Self

import orjson
from sqlalchemy import (
    JSON,
    Column,
    Connection,
    CursorResult,
    Dialect,
    Table,
    Text,
    TypeDecorator,
    bindparam,
    cast,
    func,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.sql.operators import OperatorType
from sqlalchemy.types import Boolean, TypeEngine


class ManyRows:
    """An insert of any number of rows, compiled once for each kind of database.

    SQLite's driver runs one prepared statement for all rows. PostgreSQL reads them from one JSON document: the driver
    writes arrays value by value, which costs the process six times as much.
    """

    def __init__(self, table: Table, names: Sequence[str], *, conflict: Callable[[Any], Any]) -> None:
        """Rows hold the columns `names` in this order; `conflict` adds the insert's `ON CONFLICT` clause."""
        self._columns: Final = [table.c[name] for name in names]
        self._for_each_row: Final = conflict(sqlite.insert(table))
        self._for_all: Final = conflict(postgresql.insert(table).from_select(names, _rows_of_json(self._columns)))
        self._prepared: tuple[str, list[Callable[[Any], Any] | None]] | None = None

    def insert(
        self, connection: Connection, rows: Sequence[tuple[Any, ...]], *returning: Column[Any]
    ) -> CursorResult[Any]:
        """Insert the rows; an embedded database, which has one writer, returns no columns."""
        if connection.dialect.name != "sqlite":
            statement = self._for_all.returning(*returning) if returning else self._for_all
            return connection.execute(statement, {"rows": orjson.dumps(rows).decode()})
        text, writes = self._prepared = self._prepared or self._prepare(connection.dialect)
        columns = list(zip(*rows, strict=True))
        for place, write in enumerate(writes):
            if write is not None:
                columns[place] = tuple(map(write, columns[place]))
        return connection.exec_driver_sql(text, list(zip(*columns, strict=True)))

    def _prepare(self, dialect: Dialect) -> tuple[str, list[Callable[[Any], Any] | None]]:
        compiled = self._for_each_row.compile(dialect=dialect, column_keys=[column.name for column in self._columns])
        return str(compiled), [column.type.dialect_impl(dialect).bind_processor(dialect) for column in self._columns]


def _rows_of_json(columns: Sequence[Column[Any]]) -> Any:
    row = func.json_array_elements(cast(bindparam("rows"), JSON)).column_valued("row")
    return select(*(cast(row.op("->>")(place), column.type) for place, column in enumerate(columns)))


class Among(FunctionElement[bool]):
    """A condition that a column is one of the texts of a list, which is one parameter however long it is."""

    inherit_cache = True
    type = Boolean()

    def __init__(self, column: Column[str], name: str) -> None:
        """The list is given as the parameter `name`."""
        super().__init__(column, bindparam(name, type_=_Texts()))

    def self_group(self, against: OperatorType | None = None) -> Self:  # noqa: ARG002
        """The condition as it is: SQLAlchemy would compare it with 1, and SQLite would then use no index."""
        return self


@compiles(Among)
def _array(element: Among, compiler: SQLCompiler, **kwargs: Any) -> str:
    column, texts = (compiler.process(each, **kwargs) for each in element.clauses)
    return f"{column} = ANY ({texts})"


@compiles(Among, "sqlite")
def _json_array(element: Among, compiler: SQLCompiler, **kwargs: Any) -> str:
    column, texts = (compiler.process(each, **kwargs) for each in element.clauses)
    return f"{column} IN (SELECT value FROM json_each({texts}))"  # noqa: S608


class _Texts(TypeDecorator[Sequence[str]]):
    """A list of texts: an array where the database has them, else JSON."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """The type of the parameter."""
        return dialect.type_descriptor(Text() if dialect.name == "sqlite" else postgresql.ARRAY(Text))

    def process_bind_param(self, value: Sequence[str] | None, dialect: Dialect) -> Any:
        """The list as the driver takes it."""
        return orjson.dumps(value).decode() if dialect.name == "sqlite" else value
