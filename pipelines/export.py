"""Exports the service's database as raw tables: its views `export_<table>` become `<table>.parquet`, or days of it."""

import shutil
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, Final

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from sqlalchemy import (
    Connection,
    Engine,
    Select,
    TableClause,
    column,
    create_engine,
    func,
    make_url,
    select,
    table,
    text,
)
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from data_contracts.atomic_files import atomic_files
from data_contracts.decision_log.exported import COLUMNS, candidate_rows
from data_contracts.raw.tables import RAW_TABLES, Kind, RawTable
from pipelines.history.checked_tables import arrow_schema
from pipelines.history.typed_columns import ARROW_TYPES

ROWS_AT_ONCE: Final = 50_000
DECISIONS_AT_ONCE: Final = 4_000
"""Each has about a dozen rows, one per candidate."""
LOGS: Final = frozenset({"usage_events", "decisions"})
"""The large tables: rows are added and erased, never changed."""


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


def export_days(
    *, database: str, out: Path, progress: Callable[[str], None] = lambda _sentence: None
) -> dict[str, int]:
    """Bring `<out>/<table>/day=…/rows.parquet` up to date with the database, by the day (UTC) rows were recorded on.

    Of `LOGS` only the days are read of which the database has another number of rows than the file: new ones, and those
    that rows were erased from. All other tables are read whole, because their rows change. All tables are read in one
    transaction; each day is replaced at once. Returns the number of days written per table. Raises `ExportFailed`.
    """
    engine = _engine(database)
    try:
        with engine.connect() as connection:
            _begin_snapshot(connection)
            return {
                name: _export_days(connection, table, out / name, progress=progress)
                for name, table in RAW_TABLES.items()
            }
    except SQLAlchemyError as error:
        raise ExportFailed(f"{engine.url.render_as_string()}: {_cause(error)}") from error
    finally:
        engine.dispose()


def _export_days(connection: Connection, of: RawTable, folder: Path, *, progress: Callable[[str], None]) -> int:
    view = _view(of)
    recorded = view.c.recorded_at
    text_form = connection.dialect.name == "sqlite"
    day = func.substr(recorded, 1, 10) if text_form else func.to_char(func.timezone("UTC", recorded), "YYYY-MM-DD")
    count = func.sum(view.c.plans) if of.name == "decisions" else func.count()
    counts = {str(found): int(rows) for found, rows in connection.execute(select(day, count).group_by(day)) if rows}
    folder.mkdir(parents=True, exist_ok=True)
    there = {path.parent.name.removeprefix("day="): path for path in folder.glob("day=*/rows.parquet")}
    for gone in set(there) - set(counts):
        shutil.rmtree(there.pop(gone).parent)
    written = {name: pq.read_metadata(path).num_rows for name, path in there.items()} if of.name in LOGS else {}
    stale = sorted(found for found, rows in counts.items() if written.get(found) != rows)
    if not stale:
        return 0
    first, last = (date.fromisoformat(edge) for edge in (stale[0], stale[-1]))
    edges = [datetime.combine(each, datetime.min.time(), UTC) for each in (first, last + timedelta(days=1))]
    since, until = [f"{edge:%Y-%m-%d}" for edge in edges] if text_form else edges
    keys = [view.c[name] for name in of.key if name in view.c]
    query = select(view).where(recorded >= since, recorded < until).order_by(recorded, *keys)
    rows = (row for partition in _partitions(connection, of, query) for row in _arrow(of, partition))
    for found, parts in groupby(rows, key=itemgetter(0)):
        if found in stale:
            _write_day(folder / f"day={found}", [part for _, part in parts])
            progress(f"{of.name}: {found}")
    return len(stale)


def _arrow(of: RawTable, rows: Sequence[Any]) -> Iterator[tuple[str, pa.Table]]:
    """Rows as Arrow tables in order of recording, then of their key, one for each day."""
    columns = zip(of.columns, zip(*rows, strict=True), strict=True)
    arrays = [_array(f"export_{of.name}.{each.name}", each.kind, values) for each, values in columns]
    order = [(name, "ascending") for name in ("recorded_at", *of.key)]
    whole = pa.Table.from_arrays(arrays, schema=arrow_schema(of)).sort_by(order)
    days = pc.strftime(whole["recorded_at"], "%Y-%m-%d").combine_chunks()
    for run in pc.run_end_encode(days).values.to_pylist():
        yield run, whole.filter(pc.equal(days, run))


def _write_day(folder: Path, parts: Sequence[pa.Table]) -> None:
    folder.mkdir(exist_ok=True)
    with atomic_files(folder, ["rows.parquet"]) as paths:
        pq.write_table(pa.concat_tables(parts, promote_options="none"), paths["rows.parquet"], compression="zstd")


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
    rows = 0
    with pq.ParquetWriter(path, arrow_schema(of), compression="zstd") as writer:
        for partition in _partitions(connection, of, select(_view(of))):
            arrays = [
                _array(f"export_{of.name}.{each.name}", each.kind, values)
                for each, values in zip(of.columns, zip(*partition, strict=True), strict=True)
            ]
            writer.write_table(pa.Table.from_arrays(arrays, schema=arrow_schema(of)))
            rows += len(partition)
            progress(f"{of.name}: {rows:,} rows")
    return rows


def _view(of: RawTable) -> TableClause:
    names = COLUMNS if of.name == "decisions" else [each.name for each in of.columns]
    return table(f"export_{of.name}", *map(column, names))


def _partitions(connection: Connection, of: RawTable, query: Select[Any]) -> Iterator[Sequence[Sequence[Any]]]:
    """The rows that a query on the view finds, as the contract has them, some at a time."""
    if of.name != "decisions":
        yield from connection.execution_options(yield_per=ROWS_AT_ONCE).execute(query).partitions()
        return
    names = [each.name for each in of.columns]
    for decisions in connection.execution_options(yield_per=DECISIONS_AT_ONCE).execute(query).mappings().partitions():
        rows = [tuple(row[name] for name in names) for each in decisions for row in candidate_rows(dict(each))]
        if rows:
            yield rows


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
