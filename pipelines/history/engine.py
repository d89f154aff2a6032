"""The query engine: computes Ibis expressions over tables of any size, within a memory limit."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.history.checked_tables import TableUnreadable, require_columns

if TYPE_CHECKING:
    import ibis.expr.types as ir

MEMORY: Final = "2GB"
"""What the engine holds in memory; aggregations and sorts that need more are spilled to the temporary folder."""


class Engine:
    """DuckDB inside this process, computing in UTC.

    The context has a temporary folder of its own, for what is spilled and for tables that a step writes in between.
    """

    def __init__(self, *, memory: str = MEMORY) -> None:
        self._memory = memory

    def __enter__(self) -> Self:
        import ibis

        self._folder = tempfile.TemporaryDirectory(prefix="plans-")
        self.temporary = Path(self._folder.name)
        self.backend: Any = ibis.duckdb.connect(
            memory_limit=self._memory,
            temp_directory=str(self.temporary / "spilled"),
        )
        return self

    def __exit__(self, *_raised: object) -> None:
        self.backend.disconnect()
        self._folder.cleanup()

    def checked(self, folder: Path, name: str) -> "ir.Table":
        """A table of a checked folder; raises `TableUnreadable` when it is missing or lacks a column."""
        require_columns(folder, name)
        with self.reading(name):
            return self.table(folder / f"{name}.parquet")

    def table(self, path: Path, *, place: str | None = None) -> "ir.Table":
        """The rows of a Parquet file; `place`: the name of a column with each row's place in the file, from 0."""
        if place is None:
            return self.backend.read_parquet(path)
        return self.backend.read_parquet(path, file_row_number=True).rename({place: "file_row_number"})

    def kept(self, rows: "ir.Table", name: str) -> "ir.Table":
        """Compute rows once, into a file below the temporary folder; returns them as a table."""
        path = self.temporary / f"{name}.parquet"
        self.write(rows, path)
        return self.table(path)

    def batches(self, rows: "ir.Table", name: str, *, size: int) -> Iterator[pa.RecordBatch]:
        """Compute rows into a file below the temporary folder, and yield them in their order, `size` at a time."""
        path = self.temporary / f"{name}.parquet"
        self.write(rows, path)
        with pq.ParquetFile(path) as file:
            yield from file.iter_batches(batch_size=size)

    def write(self, rows: "ir.Table", path: Path) -> None:
        """Compute rows into a Parquet file, in their order."""
        self.backend.to_parquet(rows, path, compression="zstd")

    def store(self, rows: "ir.Table", name: str, *, part: str) -> Path:
        """Write rows below the temporary folder, those of each value of the whole number `part` to a folder of its own.

        Returns the folder that holds `part=0`, `part=1` and so on; a value without rows has none.
        """
        folder = self.temporary / name
        self.backend.to_parquet(rows, folder, partition_by=part, compression="zstd")
        return folder

    @contextmanager
    def reading(self, name: str) -> Iterator[None]:
        """Turn errors of the engine while it reads a table into `TableUnreadable`."""
        import duckdb

        try:
            yield
        except duckdb.Error as error:
            raise TableUnreadable(f"{name}: cannot be read: {str(error).splitlines()[0]}") from error
