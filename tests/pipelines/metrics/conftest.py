from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import duckdb
import pandas as pd
import pytest

from data_contracts.catalogue import reference_texts
from data_contracts.experiments import read_experiments
from pipelines.checking.validate import validate
from pipelines.demo.write import write_demo_data
from pipelines.metrics.metric_tables import MetricTables
from pipelines.metrics.store import compute_and_store
from recommender.billing.catalogue_build import load_catalogue
from tests.pipelines.metrics import asked

UNTIL: Final = datetime(2026, 6, 1, tzinfo=UTC)


@pytest.fixture(scope="session")
def checked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A world of 300 organisations, answered by several rankers, some of them in two arms of an experiment."""
    root = tmp_path_factory.mktemp("asked")
    quiet = lambda _: None  # noqa: E731
    write_demo_data(
        out=root / "raw", organizations=300, until=UNTIL, broken_share=0, with_experiments=True, progress=quiet
    )
    validate(root / "raw", root / "checked", now=UNTIL, progress=quiet)
    log = root / "checked" / "decisions.parquet"
    pd.read_parquet(log)[["decision_id", "organization_id", "arm"]].to_parquet(root / "drawn.parquet")
    asked.answered_in_turns(pd.read_parquet(log)).to_parquet(log, index=False)
    ledger = root / "checked" / "charges.parquet"
    asked.with_credit_notes(pd.read_parquet(ledger)).to_parquet(ledger, index=False)
    return root / "checked"


@pytest.fixture(scope="session")
def tables(checked: Path) -> MetricTables:
    declared = read_experiments((checked.parent / "raw" / "truth" / "experiments.yml").read_text())
    catalogue = load_catalogue(*reference_texts())
    return compute_and_store(
        checked=checked, out=checked.parent / "metrics", catalogues=[catalogue], experiments=declared
    )


@pytest.fixture(scope="session")
def database(checked: Path, tables: MetricTables) -> duckdb.DuckDBPyConnection:
    found = asked.database(checked, tables, load_catalogue(*reference_texts()))
    found.execute(f"CREATE VIEW drawn AS SELECT * FROM '{checked.parent / 'drawn.parquet'}'")
    return found
