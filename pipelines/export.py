"""Exports the service's database as raw tables: its views `export_<table>` become `<table>.parquet`."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy import Connection, Engine, column, create_engine, make_url, select, table, text
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from data_contracts.atomic_files import atomic_files
from data_contracts.raw.tables import RAW_TABLES, Kind, RawTable
from pipelines.history.checked_tables import arrow_schema
from pipelines.history.typed_columns import ARROW_TYPES

ROWS_AT_ONCE: Final = 50_000


class ExportFailed(Exception):
    """The database cannot be exported; the text says where and why, without the password."""


def export_tables(
    *, database: str, out: Path, progress: Callable[[str], None] = lambda _sentence: None
) -> dict[str, int]:
    """Write every raw table of the database into `out` as Parquet.

    `database` is an SQLAlchemy URL. All tables are read in one transaction, so that they are consistent, in batches of
    `ROWS_AT_ONCE`. Instants are written as UTC microseconds; a text without a zone is UTC. `progress` is called with a
    sentence per batch. Returns the number of rows per table. Raises `ExportFailed`, and then leaves the tables of an
    earlier export as they were.
    """
    engine = _engine(database)
    try:
        with atomic_files(out, [f"{name}.parquet" for name in RAW_TABLES]) as paths, engine.connect() as connection:
            _begin_snapshot(connection)
            return {
                name: _export(connection, table, paths[f"{name}.parquet"], progress=progress)
                for name, table in RAW_TABLES.items()
            }
    except SQLAlchemyError as error:
        raise ExportFailed(f"{engine.url.render_as_string()}: {_cause(error)}") from error
    finally:
        engine.dispose()


def _engine(database: str) -> Engine:
    """An engine for the URL; raises `ExportFailed` for a missing SQLite file instead of creating it."""
    try:
        url = make_url(database)
    except ArgumentError as error:
        raise ExportFailed("the database needs an SQLAlchemy URL such as sqlite:///plans.db") from error
    if url.get_backend_name() == "sqlite" and not (url.database and Path(url.database).is_file()):
        raise ExportFailed(f"{url.render_as_string()}: there is no such database file")
    try:
        return create_engine(url)
    except (SQLAlchemyError, ImportError) as error:
        raise ExportFailed(f"{url.render_as_string()}: {_cause(error)}") from error


def _begin_snapshot(connection: Connection) -> None:
    """Begin a transaction in which all queries see one state of the database."""
    if connection.dialect.name == "sqlite":
        # Python's driver begins a transaction only before a write; a read has to begin one explicitly.
        connection.execute(text("BEGIN"))
    else:
        connection.execution_options(isolation_level="REPEATABLE READ")


def _export(connection: Connection, of: RawTable, path: Path, *, progress: Callable[[str], None]) -> int:
    names = [each.name for each in of.columns]
    view = table(f"export_{of.name}", *map(column, names))
    result = connection.execution_options(yield_per=ROWS_AT_ONCE).execute(select(*(view.c[name] for name in names)))
    rows = 0
    with pq.ParquetWriter(path, arrow_schema(of), compression="zstd") as writer:
        for partition in result.partitions():
            arrays = [
                _array(f"export_{of.name}.{each.name}", each.kind, values)
                for each, values in zip(of.columns, zip(*partition, strict=True), strict=True)
            ]
            writer.write_table(pa.Table.from_arrays(arrays, schema=arrow_schema(of)))
            rows += len(partition)
            progress(f"{of.name}: {rows:,} rows")
    return rows


def _array(place: str, kind: Kind, values: Sequence[Any]) -> pa.Array:
    """The values of one column as Arrow; the types that database drivers return differ."""
    try:
        if kind == "instant":
            return _instants(values)
        if kind == "flag":
            values = [None if value is None else bool(value) for value in values]
        if kind == "number":
            values = [None if value is None else float(value) for value in values]
        return pa.array(values, ARROW_TYPES[kind])
    except (pa.ArrowException, ValueError, TypeError, OverflowError) as error:
        raise ExportFailed(f"{place} does not hold {kind} values: {str(error).splitlines()[0]}") from error


def _instants(values: Sequence[Any]) -> pa.Array:
    texts = all(value is None or isinstance(value, str) for value in values)
    parsed = pd.to_datetime(pd.Series(values, dtype=object), utc=True, format="ISO8601" if texts else None)
    utc = parsed.dt.tz_convert(None).dt.as_unit("us").to_numpy()
    return pa.array(utc, pa.timestamp("us"), from_pandas=True).cast(ARROW_TYPES["instant"])


def _cause(error: Exception) -> str:
    """The message of the database driver, in one line."""
    return str(getattr(error, "orig", None) or error).splitlines()[0]
