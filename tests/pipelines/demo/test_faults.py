"""One row in a hundred broken in twelve ways: every one is set aside with the right reason, and none is lost."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from data_contracts.raw.tables import RAW_TABLES
from pipelines.checking.validate import validate
from pipelines.demo.faults import FAULTS
from pipelines.demo.write import write_demo_data

END = datetime(2026, 6, 1, tzinfo=UTC)
FAULT_COLUMNS = ["table", "row", "rule"]


def written(folder: Path, *, broken_share: float) -> Path:
    write_demo_data(
        out=folder, organizations=150, seed=7, until=END, broken_share=broken_share, progress=lambda _step: None
    )
    return folder


@pytest.mark.slow
def test_every_row_broken_on_purpose_is_set_aside_by_its_rule_and_nothing_else_is(tmp_path: Path) -> None:
    raw, checked = written(tmp_path / "raw", broken_share=0.01), tmp_path / "checked"
    injected = pd.read_parquet(raw / "truth" / "faults.parquet")
    rows = {name: len(pd.read_parquet(raw / f"{name}.parquet")) for name in RAW_TABLES}

    validation = validate(raw, checked, now=END + timedelta(days=1))

    quarantine = pd.concat(pd.read_parquet(checked / "quarantine" / f"{name}.parquet") for name in RAW_TABLES)
    # Broken rows are copies with keys of their own, so no sound row refers to one.
    pd.testing.assert_frame_equal(in_order(quarantine), in_order(injected))
    assert injected["kind"].nunique() == len(FAULTS) == 12
    assert 0.009 < len(injected) / sum(rows.values()) < 0.011
    assert {name: table.rows_in for name, table in validation.tables.items()} == rows
    assert validation.rows_kept == validation.rows_in - len(injected)


def in_order(faults: pd.DataFrame) -> pd.DataFrame:
    return faults[FAULT_COLUMNS].astype({"row": "int64"}).sort_values(FAULT_COLUMNS, ignore_index=True).astype(object)
