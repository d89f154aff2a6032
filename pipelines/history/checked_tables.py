"""Reads checked tables: columns typed as their shapes declare, instants as UTC microseconds."""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from data_contracts.raw.tables import RAW_TABLES, RawTable
from pipelines.history.typed_columns import ARROW_TYPES
from recommender.ranking.ranker import IntArray


class TableUnreadable(ValueError):
    """A table is missing, or is not what its shape declares; the text names table and fault."""


def arrow_schema(table: RawTable) -> pa.Schema:
    """The table's columns with their Arrow types."""
    return pa.schema([(column.name, ARROW_TYPES[column.kind]) for column in table.columns])


def table_files(folder: Path, name: str) -> list[Path]:
    """The Parquet files of a table, in the order of its rows: `<name>.parquet`, or all files below the folder `<name>`.

    Raises `TableUnreadable` if there is none, or both.
    """
    path, partitioned = folder / f"{name}.parquet", folder / name
    files = parquet_files(partitioned)
    if path.is_file() and files:
        raise TableUnreadable(f"{name}: there are both {name}.parquet and files in {partitioned}; keep one")
    if not path.is_file() and not files:
        raise TableUnreadable(f"{name}: there is no {name}.parquet in {folder}, and no folder {name} with files")
    return files or [path]


def parquet_files(folder: Path) -> list[Path]:
    """The Parquet files below a folder, by path; those whose name begins with `.` or `_` belong to who writes them."""
    return sorted(
        path
        for path in folder.rglob("*.parquet")
        if path.is_file() and not any(part[0] in "._" for part in path.relative_to(folder).parts)
    )


def read_table(folder: Path, name: str, columns: Iterable[str], *, rows: ds.Expression | None = None) -> pa.Table:
    """Read columns of a table, in declared order; `rows` is a filter over the file's own columns.

    Raises `TableUnreadable` when the file or a column is missing, or a required value is null.
    """
    wanted = [field for field in arrow_schema(RAW_TABLES[name]) if field.name in set(columns)]
    with _readable(folder, name) as files:
        path, file = files[0], _dataset(files)
        _refuse_missing(name, path, found=file.schema.names, wanted=[field.name for field in wanted])
        table = file.to_table(columns=[field.name for field in wanted], filter=rows).cast(pa.schema(wanted))
    required = {column.name for column in RAW_TABLES[name].columns if not column.nullable}
    empty = [field.name for field in wanted if field.name in required and table[field.name].null_count]
    if empty:
        raise TableUnreadable(f"{name}: {path} has rows without {', '.join(empty)}; was the table checked?")
    return table


def require_checked(folder: Path) -> None:
    """Require that `validate` wrote these tables and found them sound; raises `TableUnreadable` with the reason."""
    try:
        validation = json.loads((folder / "validation.json").read_text("utf-8"))
        kept = {name: validation["tables"][name]["rows_kept"] for name in tables_of(folder)}
        valid = validation["valid"] is True
    except FileNotFoundError as error:
        raise TableUnreadable(f"{folder}: has no validation.json; the tables must be checked first") from error
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise TableUnreadable(f"{folder}: validation.json cannot be read: {_first_line(error)}") from error
    if not valid:
        raise TableUnreadable(f"{folder}: validation.json says that the tables are broken; its report says why")
    for name, rows in kept.items():
        if (found := count_rows(folder, name)) != rows:
            raise TableUnreadable(f"{name}: {folder / name}.parquet has {found} rows, validation.json says {rows}")


def tables_of(folder: Path) -> tuple[str, ...]:
    """The tables that the folder must have, and the optional ones that it has."""
    return tuple(
        name
        for name, table in RAW_TABLES.items()
        if not table.optional or (folder / f"{name}.parquet").is_file() or (folder / name).is_dir()
    )


def require_columns(folder: Path, name: str) -> None:
    """Require that a table has every column, without reading rows; raises `TableUnreadable`."""
    with _readable(folder, name) as files:
        wanted = arrow_schema(RAW_TABLES[name]).names
        _refuse_missing(name, files[0], found=pq.read_schema(files[0]).names, wanted=wanted)


def count_rows(folder: Path, name: str) -> int:
    """The number of rows of a table."""
    with _readable(folder, name) as files:
        return sum(int(pq.read_metadata(path).num_rows) for path in files)


def data_end_us(folder: Path) -> int:
    """The latest `recorded_at` of all tables, in microseconds since 1970; 0 without any row."""
    newest = 0
    for name in tables_of(folder):
        with _readable(folder, name) as files:
            for batch in _dataset(files).to_batches(columns=["recorded_at"]):
                recorded = pc.max(batch["recorded_at"].cast(ARROW_TYPES["instant"])).cast(pa.int64())
                newest = max(newest, recorded.as_py() or 0)
    return newest


def microseconds_of(column: pa.ChunkedArray) -> IntArray:
    """A column of n instants without nulls as microseconds since 1970, (n,)."""
    return np.asarray(column.cast(pa.timestamp("us", "UTC")).cast(pa.int64()).to_numpy(), dtype=np.int64)


def places_in(column: pa.ChunkedArray, vocabulary: pa.Array) -> IntArray:
    """The place of each value in the vocabulary (n,), -1 for a value that is not in it or null."""
    places = pc.fill_null(pc.index_in(column, value_set=vocabulary, skip_nulls=True), -1)
    return np.asarray(places.to_numpy(), dtype=np.int64)


def ranks(column: pa.ChunkedArray) -> IntArray:
    """The rank of each text in alphabetical order (n,); equal texts share a rank."""
    return np.asarray(pc.rank(column, sort_keys="ascending", tiebreaker="dense").to_numpy(), dtype=np.int64)


def _refuse_missing(name: str, path: Path, *, found: Iterable[str], wanted: Iterable[str]) -> None:
    there = set(found)
    if missing := [column for column in wanted if column not in there]:
        raise TableUnreadable(f"{name}: {path} has no column {', '.join(missing)}")


@contextmanager
def _readable(folder: Path, name: str) -> Iterator[list[Path]]:
    """Yield the files of a table; errors of reading it become `TableUnreadable`."""
    files = table_files(folder, name)
    try:
        yield files
    except (pa.ArrowException, OSError) as error:
        raise TableUnreadable(f"{name}: {files[0]} cannot be read as declared: {_first_line(error)}") from error


def _dataset(files: list[Path]) -> ds.Dataset:
    return ds.dataset([str(path) for path in files], format="parquet")


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
