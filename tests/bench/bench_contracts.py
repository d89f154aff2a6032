"""What checking raw tables costs beside reading them, and how many of the faults put into them it finds."""

import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pandas as pd
import pyarrow.parquet as pq

from data_contracts.raw.tables import RAW_TABLES
from pipelines.checking.judging import great_expectations_batches
from pipelines.checking.results import Validation
from pipelines.checking.validate import validate
from pipelines.demo.write import write_demo_data

ORGANIZATIONS: Final = 2_000
BROKEN_SHARE: Final = 0.01
SEED: Final = 7


def run() -> Iterator[dict[str, Any]]:
    """The figures; data is generated into a folder that is removed afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        raw, checked = Path(folder) / "raw", Path(folder) / "checked"
        write_demo_data(
            out=raw, organizations=ORGANIZATIONS, seed=SEED, broken_share=BROKEN_SHARE, progress=lambda _step: None
        )
        # Imported once per process, in seconds that do not grow with the data.
        great_expectations_batches()
        started = time.perf_counter()
        validation = validate(raw, checked, now=datetime.now(UTC))
        checking = time.perf_counter() - started
        started = time.perf_counter()
        for name in RAW_TABLES:
            pq.read_table(raw / f"{name}.parquet")
        reading = time.perf_counter() - started
        yield {"figure": "rows checked", "value": round(validation.rows_in / checking), "unit": "rows/s"}
        yield {"figure": "plain read of the same files", "value": round(validation.rows_in / reading), "unit": "rows/s"}
        yield {"figure": "checking, duration", "value": round(checking / reading, 1), "ratio_to": "plain read"}
        yield from _found(raw, checked, validation)


def _found(raw: Path, checked: Path, validation: Validation) -> Iterator[dict[str, Any]]:
    """How the rows set aside compare with those that were broken on purpose."""
    where = ["table", "row"]
    injected = pd.read_parquet(raw / "truth" / "faults.parquet")
    quarantine = pd.concat(pd.read_parquet(checked / "quarantine" / f"{name}.parquet") for name in RAW_TABLES)
    both = injected.merge(quarantine[[*where, "rule"]], on=where, how="left", suffixes=("", "_found"))
    right = int((both["rule"] == both["rule_found"]).sum())
    kinds = int(injected["kind"].nunique())
    yield {"figure": "rows broken on purpose", "value": len(injected), "unit": f"rows, {kinds} kinds"}
    yield {
        "figure": "found, with the right rule",
        "value": right / len(injected),
        "ratio_to": "rows broken on purpose",
    }
    yield {"figure": "sound rows set aside", "value": validation.rows_set_aside - right, "unit": "rows"}
    lost = validation.rows_in - validation.rows_kept - validation.rows_set_aside
    yield {"figure": "rows lost", "value": lost, "unit": "rows"}
