"""Opens raw tables, Parquet or CSV files as they are, untyped, and names every fault of a whole file."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pa_parquet

from data_contracts.raw.tables import RawTable
from pipelines.history.checked_tables import parquet_files
from pipelines.history.engine import FILE
from pipelines.history.typed_columns import accepted_types
from recommender.ranking.ranker import IntArray

HEADER_BYTES: Final = 1 << 16
"""The header line must lie within these first bytes."""

BYTE_ORDER_MARKS: Final = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}


@dataclass(frozen=True, slots=True)
class RaggedRow:
    """A CSV row with too many or too few fields."""

    row: int
    """The place of the row in the table, from 0."""
    reason: str
    text: str


@dataclass(frozen=True)
class RawRows:
    """One raw table as its file has it, untyped."""

    table: RawTable
    file: str
    """The name of the file, or of the folder that holds a table's files, without the folder it lies in."""
    files: tuple[Path, ...]
    """Parquet files with the rows as they are: the raw files themselves, or what was read of a CSV file, as text."""
    names: tuple[str, ...]
    """The columns of `files`, in the order of the first."""
    schema: pa.Schema
    """The declared columns in declared order, then the undeclared ones."""
    rows: int
    """The number of rows in `files`."""
    ragged: tuple[RaggedRow, ...] = ()
    starts: tuple[int, ...] = (0,)
    """For each of `files` the place of its first row in the table; its rows are counted on from there."""
    undeclared: tuple[str, ...] = field(default=())
    """Columns that the table does not declare; they are not checked or kept."""
    absent: bool = False
    """Whether the folder lacks this optional table."""

    @property
    def rows_in(self) -> int:
        """The number of rows in the file, ragged rows included."""
        return self.rows + len(self.ragged)

    def rows_of_file(self, places: IntArray) -> IntArray:
        """The row of the raw table that each place (n,) is, from 0: ragged rows are not in `files`."""
        places = np.array(self.starts)[places // FILE] + places % FILE
        before = np.array([ragged.row - i for i, ragged in enumerate(self.ragged)], dtype=np.int64)
        return places + np.searchsorted(before, places, side="right")


class SourceUnreadable(Exception):
    """A raw table's file is missing or cannot be read as that table; `reasons` says where and why."""

    def __init__(self, reasons: list[str]) -> None:
        super().__init__("; ".join(reasons))
        self.reasons = tuple(reasons)


def read_table(folder: Path, table: RawTable, *, scratch: Path) -> RawRows:
    """Open `<table>.parquet`, `<table>.csv` or all Parquet files below `<table>/`; `scratch`: where CSV is rewritten.

    Raises `SourceUnreadable` with every reason when the table is missing, ambiguous or not readable as this table.
    """
    candidates = (folder / f"{table.name}.parquet", folder / f"{table.name}.csv", folder / table.name)
    found = [path for path in candidates if path.exists()]
    if not found and table.optional:
        return _absent(table, scratch)
    if not found:
        raise SourceUnreadable([f"there is neither {table.name}.parquet nor {table.name}.csv"])
    if len(found) > 1:
        raise SourceUnreadable([f"there are both {found[0].name} and {found[1].name}; keep one"])
    path = found[0]
    try:
        if path.suffix == ".csv":
            return _read_csv(path, table, scratch)
        return read_parquet(path.name, parquet_files(path) if path.is_dir() else [path], table)
    except (OSError, pa.ArrowException, UnicodeDecodeError) as error:
        raise SourceUnreadable([f"{path.name}: cannot be read: {_one_line(error)}"]) from error


def _absent(table: RawTable, scratch: Path) -> RawRows:
    """An optional table that the folder lacks: no rows."""
    schema = pa.schema([(column.name, pa.string()) for column in table.columns])
    return _as_text(schema.empty_table(), table, f"no {table.name}", scratch=scratch, absent=True)


def _as_text(source: pa.Table, table: RawTable, file: str, *, scratch: Path, **about: Any) -> RawRows:
    path = scratch / f"{table.name}.parquet"
    pa_parquet.write_table(source, path)
    return RawRows(table, file, (path,), tuple(source.schema.names), source.schema, len(source), **about)


def read_parquet(name: str, files: Sequence[Path], table: RawTable) -> RawRows:
    """Open Parquet files as one table, all of the same columns; `name` is what the report calls them.

    Raises `SourceUnreadable` with every reason when they are not readable as this table.
    """
    if not files:
        raise SourceUnreadable([f"{name}: has no Parquet files"])
    if any((empty := path).stat().st_size == 0 for path in files):
        raise SourceUnreadable([f"{empty.name}: is empty"])
    types: dict[str, Any] = {}
    names: tuple[str, ...] = ()
    undeclared: tuple[str, ...] = ()
    rows, starts = 0, []
    for path in files:
        starts.append(rows)
        with pa_parquet.ParquetFile(path) as file:
            found = file.schema_arrow
            rows += file.metadata.num_rows
        names = names or tuple(found.names)
        undeclared = _check_columns(path.name, table, found.names)
        own = {field.name: _plain(field.type) for field in found}
        if (types := types or own) != own:
            raise SourceUnreadable([f"{path}: has other columns or other types than {files[0]}"])
    types |= {column.name: pa.int64() for column in table.columns if column.optional and column.name not in types}
    schema = pa.schema([(column, types[column]) for column in (*_declared(table), *undeclared)])
    wrong = [
        f"{name}: column {column.name!r} is {kind}, expected {column.kind}"
        for column in table.columns
        if not accepted_types(column.kind, kind := schema.field(column.name).type)
    ]
    if wrong:
        raise SourceUnreadable(wrong)
    return RawRows(table, name, tuple(files), names, schema, rows, starts=tuple(starts), undeclared=undeclared)


def _declared(table: RawTable) -> list[str]:
    return [column.name for column in table.columns]


def _plain(arrow_type: Any) -> Any:
    """The type that all later steps can compute with: plain strings, and instants in UTC."""
    if pa.types.is_dictionary(arrow_type):
        arrow_type = arrow_type.value_type
    if pa.types.is_string_view(arrow_type):
        return pa.string()
    if pa.types.is_timestamp(arrow_type) and arrow_type.tz is not None:
        return pa.timestamp(arrow_type.unit, "UTC")
    return arrow_type


def _read_csv(path: Path, table: RawTable, scratch: Path) -> RawRows:
    data = path.read_bytes()
    if not data.strip():
        raise SourceUnreadable([f"{path.name}: is empty"])
    if (encoding := BYTE_ORDER_MARKS.get(data[:2])) is not None:
        raise SourceUnreadable([f"{path.name}, line 1: is {encoding}, expected UTF-8"])
    data = data.removeprefix(b"\xef\xbb\xbf")
    names = _header(data)
    undeclared = _check_columns(f"{path.name}, line 1", table, names)
    ragged: list[Any] = []

    def set_aside(row: Any) -> str:
        ragged.append(row)
        return "skip"

    source = pa_csv.read_csv(
        io.BytesIO(_decodable(data)),
        # One block: a quoted line break may lie anywhere. One thread: only then are ragged rows numbered.
        read_options=pa_csv.ReadOptions(use_threads=False, block_size=min(max(len(data) * 3, 1 << 16), (1 << 31) - 1)),
        parse_options=pa_csv.ParseOptions(newlines_in_values=True, invalid_row_handler=set_aside),
        convert_options=pa_csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()), null_values=[""], strings_can_be_null=True
        ),
    )
    if source.column_names != names:
        raise SourceUnreadable([f"{path.name}, line 1: the column names cannot be read"])
    rows = tuple(_ragged(path.name, row) for row in ragged)
    for lacking in (column.name for column in table.columns if column.name not in names):
        source = source.append_column(lacking, pa.nulls(len(source), pa.string()))
    text = source.select([*_declared(table), *undeclared])
    return _as_text(text, table, path.name, scratch=scratch, ragged=rows, undeclared=undeclared)


def _header(data: bytes) -> list[str]:
    """The column names in the first line that is not empty."""
    line = next((line for line in data[:HEADER_BYTES].splitlines() if line.strip()), b"").decode(errors="replace")
    try:
        return next(csv.reader([line]), [])
    except csv.Error:
        return [line]


def _check_columns(place: str, table: RawTable, names: list[str]) -> tuple[str, ...]:
    """The undeclared columns; raises `SourceUnreadable` when a declared column is missing or one is there twice."""
    declared = _declared(table)
    undeclared = tuple(name for name in names if name not in declared)
    twice = sorted({name for name in names if names.count(name) > 1})
    reasons = [f"{place}: column {name!r} is there twice" for name in twice]
    missing = [column.name for column in table.columns if column.name not in names and not column.optional]
    if missing:
        instead = f"; not expected: {_listed(undeclared)}" if undeclared else ""
        reasons.append(f"{place}: {_listed(missing)} missing{instead}")
        if len(names) == 1 and any(mark in names[0] for mark in ";\t|"):
            reasons.append(f"{place}: the fields are not separated by commas")
    if reasons:
        raise SourceUnreadable(reasons)
    return undeclared


def _decodable(data: bytes) -> bytes:
    """The bytes as UTF-8: invalid bytes become U+FFFD, and their rows are set aside later."""
    try:
        data.decode()
    except UnicodeDecodeError:
        return data.decode(errors="replace").encode()
    return data


def _ragged(file: str, row: Any) -> RaggedRow:
    """A ragged row; one of several lines is an unclosed quotation mark, which may have swallowed other rows."""
    place = row.number - 2
    if "\n" in row.text.strip("\n"):
        raise SourceUnreadable([f"{file}: row {place} (about line {place + 2}): a quotation mark is not closed"])
    reason = f"{row.expected_columns} fields expected, {row.actual_columns} found"
    return RaggedRow(place, reason, row.text)


def _listed(names: tuple[str, ...] | list[str]) -> str:
    return ("column " if len(names) == 1 else "columns ") + ", ".join(repr(name[:60]) for name in names[:20])


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:300]
