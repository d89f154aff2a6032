"""The query engine: computes Ibis expressions over tables of any size, within a memory limit."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.history.checked_tables import TableUnreadable, require_columns, table_files

if TYPE_CHECKING:
    import ibis.expr.types as ir

MEMORY: Final = "2GB"
"""The most memory of the engine; aggregations and sorts that need more use the temporary folder."""

TEMPORARY: Final = "plans-"
"""How the names of temporary folders begin."""
FILE: Final = 1 << 40
"""More rows than any one file has: the places of the rows of several files are in the order of the files."""
DUCKDB: Final = "duckdb"


class EngineMissing(Exception):
    """The engine that was asked for cannot be started; the text says why and what to do."""


def open_engine(name: str = DUCKDB, *, within: Path | None = None, shared: Path | None = None) -> "Engine":
    """The engine of this name, to be entered as a context: `duckdb`, `local[2]` or `spark://host:port`.

    `within`: where the temporary folder is made. `shared`: where it is made without it when several machines compute,
    a folder that all of them reach. Raises `EngineMissing`.
    """
    if name == DUCKDB:
        return Engine(within=within)
    from pipelines.history.spark import SparkEngine

    return SparkEngine(name, within=within or shared)


class Engine:
    """DuckDB inside this process, computing in UTC; `SparkEngine` overrides what Spark does otherwise.

    Everything else that computes over rows is Ibis expressions: nothing but these two classes knows which engine it is.
    The context has a temporary folder of its own, for what is spilled and for tables that a step writes in between.
    """

    keeps_order = True
    """Whether filters leave rows in the order in which their files have them."""

    def __init__(self, *, memory: str = MEMORY, within: Path | None = None) -> None:
        """`within`: where the temporary folder is made; by default where the system has such."""
        self._memory = memory
        self._within = within
        self._views = 0

    def __enter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory(prefix=TEMPORARY, dir=self._within)
        self.temporary = Path(self._folder.name)
        self.backend: Any = self._connect()
        return self

    def _connect(self) -> Any:
        import ibis

        return ibis.duckdb.connect(memory_limit=self._memory, temp_directory=str(self.temporary / "spilled"))

    def __exit__(self, *_raised: object) -> None:
        self.backend.disconnect()
        self._folder.cleanup()

    def checked(self, folder: Path, name: str) -> "ir.Table":
        """A table of a checked folder; raises `TableUnreadable` when it is missing or lacks a column."""
        require_columns(folder, name)
        with self.reading(name):
            return self.table(*table_files(folder, name))

    def table(self, *files: Path, place: str | None = None) -> "ir.Table":
        """The rows of Parquet files, one after the other; their columns are matched by name.

        `place`: the name of a column with each row's place: in its file, from 0, plus `FILE` times the place of the
        file among `files`.
        """
        self._views += 1
        name = f"files_{self._views}"
        listed = ", ".join("'" + str(path).replace("'", "''") + "'" for path in files)
        numbered = "" if place is None else f', file_index::BIGINT * {FILE} + file_row_number AS "{place}"'
        self.backend.raw_sql(
            f"CREATE TEMP VIEW {name} AS SELECT *{numbered} FROM "  # noqa: S608 - quoted above
            f"read_parquet([{listed}], union_by_name = true, hive_partitioning = false)"
        )
        return self.backend.table(name)

    def kept(self, rows: "ir.Table", name: str) -> "ir.Table":
        """Compute rows once, into a file below the temporary folder; returns them as a table."""
        return self.table(*self.write(rows, self.temporary / f"{name}.parquet"))

    def batches(self, rows: "ir.Table", name: str, *, size: int) -> Iterator[pa.RecordBatch]:
        """Compute rows into a file below the temporary folder, and yield them in their order, `size` at a time."""
        for path in self.write(rows, self.temporary / f"{name}.parquet"):
            with pq.ParquetFile(path) as file:
                yield from file.iter_batches(batch_size=size)

    def function(self, function: Callable[[Any], pa.Array], *, name: str, takes: Any, gives: str) -> Any:
        """A Python function of an Arrow array as part of expressions; it must not return null for a value."""
        import ibis

        return ibis.udf.scalar.pyarrow(function, name=name, signature=((takes,), gives))

    def write(self, rows: "ir.Table", path: Path) -> list[Path]:
        """Compute rows into a Parquet file, in their order; returns the files that hold them, one after the other."""
        self.backend.to_parquet(rows, path, compression="zstd")
        return [path]

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
