"""The query engine on Spark: the same expressions, over files that its machines read and write.

Java and the library are looked for when the engine is made, before anything is read. Settings of a cluster (memory,
executors, object stores) belong into `spark-defaults.conf`, which Spark itself finds by `SPARK_CONF_DIR`.
"""

import os
import re
import shutil
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

import pyarrow as pa

from pipelines.history.checked_tables import TableUnreadable
from pipelines.history.engine import FILE, Engine, EngineMissing

if TYPE_CHECKING:
    import ibis.expr.types as ir

MASTER: Final = re.compile(r"local(\[(\d+|\*)\])?|local-cluster\[\d+,\d+,\d+\]|spark://\S+")
LEAST_JAVA: Final = 17
_ROOT: Final = Path(__file__).resolve().parents[2]
_GLOB: Final = re.compile(r"[][{}*?\\]")
_ESCAPED: Final = r"\\\g<0>"
"""Paths that Spark reads are patterns."""
_SETTINGS: Final = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.caseSensitive": "true",
    "spark.sql.execution.arrow.pyspark.enabled": "true",
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    "spark.executorEnv.PYTHONPATH": str(_ROOT),
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
}


class SparkEngine(Engine):
    """Spark inside this machine (`local[2]`) or on a cluster (`spark://host:port`), computing in UTC."""

    keeps_order = False

    def __init__(self, master: str, *, within: Path | None = None) -> None:
        """`within`: where the temporary folder is made, which every machine of a cluster must reach.

        Raises `EngineMissing` when the name is none, or Spark or Java is not there.
        """
        super().__init__(within=within)
        if not MASTER.fullmatch(master):
            raise EngineMissing(f"there is no engine {master}: duckdb, local[2] or spark://host:port")
        _require_java()
        self._master = master

    def __enter__(self) -> Self:
        if self._within is not None:
            self._within.mkdir(parents=True, exist_ok=True)
        return super().__enter__()

    def _connect(self) -> Any:
        import ibis

        self._session = _session(self._master, self.temporary)
        return ibis.pyspark.connect(self._session)

    def table(self, *files: Path, place: str | None = None) -> "ir.Table":
        """See `Engine.table`; Spark says itself which row of which file a row is."""
        from pyspark.sql import functions

        self._views += 1
        name = f"files_{self._views}"
        paths = [path.resolve() for path in files]
        rows = self._session.read.parquet(*(f"file://{_GLOB.sub(_ESCAPED, str(path))}" for path in paths))
        if place is not None:
            numbers = functions.create_map(
                *(functions.lit(each) for number, path in enumerate(paths) for each in (str(path), number))
            )
            found = functions.url_decode(
                functions.replace("_metadata.file_path", functions.lit("+"), functions.lit("%2B"))
            )
            file = numbers[functions.regexp_replace(found, "^file:/+", "/")]
            rows = rows.withColumn(place, file.cast("long") * FILE + functions.col("_metadata.row_index"))
        rows.createOrReplaceTempView(name)
        return self.backend.table(name)

    def function(self, function: Callable[[Any], pa.Array], *, name: str, takes: Any, gives: str) -> Any:
        """See `Engine.function`; Spark hands columns to Python as pandas series."""
        import ibis

        def of_series(values: Any) -> Any:
            return function(pa.Array.from_pandas(values)).to_pandas()

        return ibis.udf.scalar.pandas(of_series, name=name, signature=((takes,), gives))

    def write(self, rows: "ir.Table", path: Path) -> list[Path]:
        """See `Engine.write`; Spark writes a folder of files, named as `path` without its ending."""
        folder = path.with_suffix("")
        self.backend.to_parquet(rows, f"file://{folder.resolve()}", mode="overwrite", compression="zstd")
        return sorted(folder.glob("part-*.parquet"))

    def store(self, rows: "ir.Table", name: str, *, part: str) -> Path:
        """See `Engine.store`."""
        folder = self.temporary / name
        self._views += 1
        view = f"stored_{self._views}"
        self.backend.create_view(view, rows)
        written = self._session.table(view).repartition(part).write.partitionBy(part)
        written.parquet(f"file://{folder.resolve()}", mode="overwrite", compression="zstd")
        return folder

    @contextmanager
    def reading(self, name: str) -> Iterator[None]:
        """See `Engine.reading`."""
        from py4j.protocol import Py4JJavaError
        from pyspark.errors import PySparkException

        try:
            yield
        except (PySparkException, Py4JJavaError) as error:
            raise TableUnreadable(f"{name}: cannot be read: {str(error).strip().splitlines()[0]}") from error


def _require_java() -> None:
    """Raise `EngineMissing`, with the remedy, where no Java is found that Spark runs on."""
    home = os.environ.get("JAVA_HOME")
    java = shutil.which("java", path=str(Path(home) / "bin") if home else None)
    remedy = f"install Java {LEAST_JAVA} or later (on Debian: apt-get install default-jre-headless) or set JAVA_HOME"
    if java is None:
        raise EngineMissing(f"Spark needs Java, and none was found: {remedy}")
    version_text = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr  # noqa: S603 - found
    number = re.search(r'version "(\d+)', version_text)
    if number is None or int(number[1]) < LEAST_JAVA:
        found = number[0] if number else "nothing that is a version"
        raise EngineMissing(f"Spark needs Java {LEAST_JAVA} or later, and {java} says {found}: {remedy}")


def silence_pandas_warning() -> None:
    """Keep Spark from warning of pandas 3 wherever it is imported; what is used of it is tested with pandas 3."""
    warnings.filterwarnings("ignore", "PySpark does not yet fully support pandas", FutureWarning)


def _session(master: str, temporary: Path) -> Any:
    """A Spark session that computes in UTC; raises `EngineMissing` where there is no Spark, or none at this address."""
    silence_pandas_warning()
    try:
        from py4j.protocol import Py4JError
        from pyspark.errors import PySparkException
        from pyspark.sql import SparkSession
    except ImportError as error:
        raise EngineMissing("Spark is not installed: pip install -r requirements-spark.lock") from error
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    settings = _SETTINGS | {
        "spark.local.dir": str(temporary / "spilled"),
        "spark.sql.warehouse.dir": str(temporary / "warehouse"),
    }
    if master.startswith("local"):
        settings |= {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1"}
        settings |= {"spark.sql.shuffle.partitions": "2"}
    builder = SparkSession.builder.master(master).appName("plans")
    for name, value in settings.items():
        builder = builder.config(name, value)
    try:
        session = builder.getOrCreate()
    except (PySparkException, Py4JError, OSError) as error:
        raise EngineMissing(f"Spark does not start at {master}: {str(error).splitlines()[0]}") from error
    session.sparkContext.setLogLevel("ERROR")
    return session
