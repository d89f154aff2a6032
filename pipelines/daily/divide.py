"""Divides whole raw tables by the day on which their rows were recorded, as `run` reads them."""

from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from data_contracts.atomic_files import folder_written_whole
from data_contracts.raw.tables import RAW_TABLES, RawTable
from pipelines.daily.day_rows import ROWS
from pipelines.history.checked_tables import TableUnreadable
from pipelines.history.typed_columns import typed_column

BATCH: Final = 100_000


def divide(raw: Path, out: Path) -> dict[str, int]:
    """Write `<out>/<table>/day=…/rows.parquet` for every `<raw>/<table>.parquet`; returns the number of days of each.

    Rows keep their order. A row of which it cannot be read when it was recorded goes to the newest day, whose check
    sets it aside. Raises `TableUnreadable` for a table that cannot be read, and `FileExistsError` when `out` has it.
    """
    days = {}
    for name, table in RAW_TABLES.items():
        path = raw / f"{name}.parquet"
        if not path.is_file():
            if table.optional:
                continue
            raise TableUnreadable(f"{name}: there is no {name}.parquet in {raw}")
        with folder_written_whole(out / name) as folder, ExitStack() as files:
            days[name] = _divide(table, path, folder, files)
    return days


def _divide(table: RawTable, path: Path, folder: Path, files: ExitStack) -> int:
    try:
        source = files.enter_context(pq.ParquetFile(path))
        newest = max((_days(table, batch).max() for batch in _batches(source, ["recorded_at"])), default=_NEVER)
        writers: dict[Any, pq.ParquetWriter] = {}
        for batch in _batches(source, None):
            days = _days(table, batch)
            days = np.where(days == _NEVER, newest, days)
            for day in np.unique(days).tolist():
                if day not in writers:
                    writers[day] = files.enter_context(_writer(folder, day, source.schema_arrow))
                writers[day].write_batch(batch.filter(pa.array(days == np.datetime64(day, "D"))))
    except (pa.ArrowException, OSError, KeyError) as error:
        raise TableUnreadable(f"{table.name}: {path} cannot be read: {str(error).splitlines()[0]}") from error
    return len(writers)


_NEVER: Final = np.datetime64("0001-01-01", "D")


def _batches(source: pq.ParquetFile, columns: list[str] | None) -> Any:
    return source.iter_batches(batch_size=BATCH, columns=columns)


def _writer(folder: Path, day: Any, schema: pa.Schema) -> pq.ParquetWriter:
    path = folder / f"day={day}" / ROWS
    path.parent.mkdir()
    return pq.ParquetWriter(path, schema, compression="zstd")


def _days(table: RawTable, batch: pa.RecordBatch) -> Any:
    """The day (UTC) on which each row was recorded (n,), `_NEVER` where it cannot be read."""
    column = next(column for column in table.columns if column.name == "recorded_at")
    instants = typed_column(column, batch.column("recorded_at")).values.dt.tz_convert(None)
    return instants.fillna("0001-01-01").to_numpy().astype("datetime64[D]")
