"""Raw → checked → training set → metrics on Spark inside this machine: every table is that of DuckDB."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data_contracts.catalogue import reference_texts
from data_contracts.raw.tables import RAW_TABLES
from pipelines.checking.validate import validate
from pipelines.demo.write import write_demo_data
from pipelines.history.checked_tables import require_checked, table_files
from pipelines.history.engine import DUCKDB
from pipelines.metrics.store import FRAMES, compute_and_store, load
from pipelines.training.training_set import build_training_set
from recommender.billing.catalogue_build import load_catalogue
from tests.pipelines.checking.test_validate import BROKEN, broken_tables
from tests.pipelines.daily.days import days_of, results, run_days, world, write_days
from tests.pipelines.raw_folder import NOW, write_csv, write_parquet
from tests.pipelines.small_world import CATALOGUES, random_world, write_tables

SPARK: Final = "local[2]"
pytestmark = pytest.mark.filterwarnings("ignore::pandas.errors.Pandas4Warning")  # Ibis and PySpark on pandas 3
UNTIL: Final = datetime(2026, 6, 1, tzinfo=UTC)


def both(step: Callable[..., object], folder: Path, **about: Any) -> tuple[Path, Path]:
    """Do a step on either engine; returns the folders it wrote to."""
    for engine in (DUCKDB, SPARK):
        step(out=folder / engine, engine=engine, **about)
    return folder / DUCKDB, folder / SPARK


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The demo's tables, with its faults, checked on both engines; the folder has a name that a URI must quote."""
    folder = tmp_path_factory.mktemp("a demo")
    write_demo_data(out=folder / "raw", organizations=60, until=UNTIL, broken_share=0.01, progress=lambda _: None)
    return both(validate, folder, raw=folder / "raw", now=UNTIL)


def rows_of(folder: Path, name: str) -> pa.Table:
    """The rows as the files have them; which columns a file says are never null is left out."""
    rows = pa.concat_tables([pq.ParquetFile(path).read() for path in table_files(folder, name)])
    return rows.cast(pa.schema([field.with_nullable(True) for field in rows.schema]))


def same_checked(duckdb: Path, spark: Path) -> int:
    """Compare kept rows, rows set aside with all that is said of each, and the summary; returns how many were aside."""
    for name in RAW_TABLES:
        assert rows_of(spark, name).equals(rows_of(duckdb, name)), name
        assert rows_of(spark / "quarantine", name).equals(rows_of(duckdb / "quarantine", name)), name
    said = (json.loads((folder / "validation.json").read_text()) for folder in (duckdb, spark))
    of_duckdb, of_spark = said
    assert of_spark == of_duckdb
    return int(of_spark["rows_set_aside"])


def test_the_demos_tables_are_checked_alike(demo: tuple[Path, Path]) -> None:
    assert same_checked(*demo) > 12
    require_checked(demo[1])


@pytest.mark.parametrize("write", [write_csv, write_parquet])
def test_every_fault_is_found_with_every_rule_it_breaks(tmp_path: Path, write: Callable[..., Path]) -> None:
    raw = write(tmp_path / "raw", broken_tables())

    assert same_checked(*both(validate, tmp_path, raw=raw, now=NOW)) == len(BROKEN)


def same_training_set(duckdb: Path, spark: Path) -> None:
    assert (spark / "training_set.json").read_bytes() == (duckdb / "training_set.json").read_bytes()
    for name in ("training_set.parquet", "situations.parquet"):
        assert (spark / name).read_bytes() == (duckdb / name).read_bytes()


def test_the_demos_training_set_and_metrics_are_the_same_to_the_bit(demo: tuple[Path, Path], tmp_path: Path) -> None:
    catalogues = [load_catalogue(*reference_texts())]
    sets, metrics = tmp_path / "set", tmp_path / "metrics"
    for checked, engine in zip(demo, (DUCKDB, SPARK), strict=True):
        build_training_set(
            checked=checked, out=sets / engine, catalogues=catalogues, engine=engine, chunk_decisions=100
        )
        compute_and_store(checked=checked, out=metrics / engine, catalogues=catalogues, engine=engine)

    same_training_set(sets / DUCKDB, sets / SPARK)
    duckdb, spark = (load(metrics / engine) for engine in (DUCKDB, SPARK))
    assert duckdb.journeys["avoidable_cents"].notna().any()
    for name in FRAMES:
        pd.testing.assert_frame_equal(getattr(spark, name), getattr(duckdb, name), check_exact=True)


def test_days_and_instants_that_meet_give_the_same_bits(tmp_path: Path) -> None:
    checked = write_tables(random_world(3), tmp_path / "checked")

    same_training_set(*both(build_training_set, tmp_path, checked=checked, catalogues=CATALOGUES, chunk_decisions=7))


def test_a_run_over_days_leaves_the_same_files(tmp_path: Path) -> None:
    raw = write_days(tmp_path / "raw", days_of(world(1)))
    for engine in (DUCKDB, SPARK):
        run_days(raw, tmp_path / engine, engine=engine)

    of_duckdb, of_spark = (results(tmp_path / engine) for engine in (DUCKDB, SPARK))
    assert of_spark.keys() == of_duckdb.keys()
    for name, content in of_duckdb.items():
        if "/quarantine/" not in name:
            assert of_spark[name] == content, name
        else:  # its row groups are those in which the engine hands rows over
            assert pq.read_table(pa.BufferReader(of_spark[name])).equals(pq.read_table(pa.BufferReader(content))), name
