"""Reads checked tables: columns typed as their shapes say, instants as UTC microseconds."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from data_contracts.raw_tables import RAW_TABLES, RawTable
from pipelines.typed_columns import ARROW_TYPES
from recommender.ranking.ranker import IntArray


class TableUnreadable(ValueError):
    """A table is not there, or is not what its shape declares; the text names table and fault."""


def arrow_schema(table: RawTable) -> pa.Schema:
    """The table's columns with their Arrow types."""
    return pa.schema([(column.name, ARROW_TYPES[column.kind]) for column in table.columns])


def table_path(folder: Path, name: str) -> Path:
    """The Parquet file of a table; `TableUnreadable` if there is none."""
    path = folder / f"{name}.parquet"
    if not path.is_file():
        raise TableUnreadable(f"{name}: there is no {name}.parquet in {folder}")
    return path


def read_table(folder: Path, name: str, columns: Iterable[str], *, rows: ds.Expression | None = None) -> pa.Table:
    """Read the named columns (and only the `rows` that an expression over the file's own columns selects)."""
    path = table_path(folder, name)
    wanted = [field for field in arrow_schema(RAW_TABLES[name]) if field.name in set(columns)]
    try:
        file = ds.dataset(path, format="parquet")
        missing = [field.name for field in wanted if field.name not in file.schema.names]
        if missing:
            raise TableUnreadable(f"{name}: {path} has no column {', '.join(missing)}")
        table = file.to_table(columns=[field.name for field in wanted], filter=rows)
        return table.cast(pa.schema(wanted))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise TableUnreadable(f"{name}: {path} cannot be read as declared: {_first_line(error)}") from error


def count_rows(folder: Path, name: str) -> int:
    """The number of rows of a table."""
    try:
        return int(pq.read_metadata(table_path(folder, name)).num_rows)
    except pa.ArrowInvalid as error:
        raise TableUnreadable(f"{name}: {table_path(folder, name)} is no Parquet file") from error


def data_end_us(folder: Path) -> int:
    """The latest instant at which anything was recorded, over all tables, in microseconds; 0 without any row."""
    newest = 0
    for name in RAW_TABLES:
        for batch in ds.dataset(table_path(folder, name), format="parquet").to_batches(columns=["recorded_at"]):
            recorded = pc.max(batch["recorded_at"].cast(ARROW_TYPES["instant"])).cast(pa.int64())
            newest = max(newest, recorded.as_py() or 0)
    return newest


def microseconds_of(column: pa.ChunkedArray) -> IntArray:
    """A column of instants as microseconds since 1970; a missing instant is an error of the table."""
    if column.null_count:
        raise TableUnreadable("an instant is missing; was the table checked?")
    return np.asarray(column.cast(pa.timestamp("us", "UTC")).cast(pa.int64()).to_numpy(), dtype=np.int64)


def places_in(column: pa.ChunkedArray, vocabulary: pa.Array) -> IntArray:
    """The place of each value in the vocabulary, -1 for one that is not in it (or missing)."""
    places = pc.fill_null(pc.index_in(column, value_set=vocabulary, skip_nulls=True), -1)
    return np.asarray(places.to_numpy(), dtype=np.int64)


def ranks(column: pa.ChunkedArray) -> IntArray:
    """The place of each value in the order of its text; equal texts share a place."""
    return np.asarray(pc.rank(column, sort_keys="ascending", tiebreaker="dense").to_numpy(), dtype=np.int64)


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
