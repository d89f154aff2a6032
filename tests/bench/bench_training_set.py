"""How fast the training set is built, against a plain scan of the same usage events."""

import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from data_contracts.catalogue import reference_texts
from data_contracts.raw.tables import RAW_TABLES
from data_contracts.usage import METRICS
from pipelines.history.checked_tables import arrow_schema
from pipelines.history.daily_usage import embedded_engine, usage_cells
from pipelines.training.training_set import build_training_set
from recommender.billing.catalogue import Catalogue
from recommender.billing.catalogue_build import load_catalogue
from recommender.ranking.day_cube import DAY_US, microseconds
from recommender.ranking.plan_table import plan_table
from tests.pipelines.small_world import MIDNIGHT

ORGANIZATIONS: Final = 8_000
EVENTS_PER_ORGANIZATION: Final = 300
EVENTS: Final = ORGANIZATIONS * EVENTS_PER_ORGANIZATION
DAYS: Final = 60
"""Usage of two months, and one decision per organisation within the last of them."""
REPEATS: Final = 3
SCANS: Final = {
    "scan of needed columns": "max(organization_id), max(metric), sum(quantity), max(occurred_at), max(recorded_at)",
    "scan of all columns": "sum(quantity), max(COLUMNS(* EXCLUDE (quantity)))",
}


def run() -> Iterator[dict[str, Any]]:
    """The figures; data is generated into a folder that is removed afterwards."""
    catalogue = load_catalogue(*reference_texts())
    with tempfile.TemporaryDirectory() as folder:
        checked, out = Path(folder) / "checked", Path(folder) / "out"
        decided_at_us, ids = _generate(checked, catalogue)
        events = checked / "usage_events.parquet"
        scans = {name: _seconds(partial(_scan, events, columns)) for name, columns in SCANS.items()}
        engine = _seconds(
            lambda: usage_cells(embedded_engine(events), organization_ids=ids, decided_at_us=decided_at_us)
        )
        about: dict[str, Any] = {}
        build = _seconds(lambda: about.update(build_training_set(checked=checked, out=out, catalogues=[catalogue])))
    yield {"figure": "training set", "value": round(about["rows"] / build), "unit": "rows/s"}
    yield {"figure": "usage events taken in", "value": round(EVENTS / build), "unit": "events/s"}
    for name, scan in scans.items():
        yield {"figure": name, "value": round(EVENTS / scan), "unit": "events/s"}
        yield {"figure": "engine step, duration", "value": round(engine / scan, 1), "ratio_to": name}
        yield {"figure": "training set, duration", "value": round(build / scan, 1), "ratio_to": name}


def _seconds(work: Callable[[], object]) -> float:
    """The best of a few runs."""
    durations = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        work()
        durations.append(time.perf_counter() - started)
    return min(durations)


def _scan(path: Path, columns: str) -> None:
    import duckdb

    with duckdb.connect() as connection:
        connection.sql(f"SELECT {columns} FROM '{path}'").to_arrow_table()


def _generate(folder: Path, catalogue: Catalogue) -> tuple[np.ndarray[Any, np.dtype[np.int64]], pa.Array]:
    """Checked tables of organisations that used something several times a day, and each decided once."""
    rng = np.random.default_rng(7)
    end = microseconds(MIDNIGHT)
    names = np.array([f"org-{i:06d}" for i in range(ORGANIZATIONS)])
    started = end - rng.integers(DAYS // 2, DAYS, ORGANIZATIONS) * DAY_US
    decided = end - rng.integers(0, DAYS // 2 * DAY_US, ORGANIZATIONS)
    occurred = np.sort(end - rng.integers(0, DAYS * DAY_US, EVENTS))
    plans = plan_table(catalogue, "month").codes
    decision = np.repeat(np.arange(ORGANIZATIONS), len(plans))
    position = np.tile(np.arange(1, len(plans) + 1), ORGANIZATIONS)
    numbered = np.char.add("d-", np.arange(ORGANIZATIONS).astype(str))
    tables: dict[str, dict[str, Any]] = {
        "organizations": {
            "organization_id": names, "country": ["FR"] * ORGANIZATIONS, "trial_started_at": started,
            "recorded_at": started,
        },
        "usage_events": {
            "event_id": np.char.add("u-", np.arange(EVENTS).astype(str)),
            "organization_id": names[rng.integers(0, ORGANIZATIONS, EVENTS)],
            "metric": np.array(METRICS)[rng.choice(len(METRICS), EVENTS, p=[0.45, 0.45, 0.04, 0.03, 0.03])],
            "quantity": rng.integers(1, 2000, EVENTS), "action": ["chatbot"] * EVENTS,
            "occurred_at": occurred, "recorded_at": occurred + rng.integers(0, 10**8, EVENTS),
        },
        "decisions": {
            "decision_id": numbered[decision], "organization_id": names[decision], "plan": plans * ORGANIZATIONS,
            "interval": ["month"] * len(decision), "catalogue_version": [catalogue.version] * len(decision),
            "strategy": ["rules"] * len(decision), "position": position, "shown": position <= 3,
            "recommended": position == 1, "probability": np.full(len(decision), 1 / len(plans)),
            "propensity": np.full(len(decision), 1 / len(plans)), "occurred_at": decided[decision],
            "reasons": ["[]"] * len(decision), "recorded_at": decided[decision],
        },
        "outcomes": {
            "event_id": np.char.add("o-", np.arange(ORGANIZATIONS).astype(str)), "decision_id": numbered,
            "kind": ["paid"] * ORGANIZATIONS, "plan": [plans[0]] * ORGANIZATIONS,
            "occurred_at": decided + DAY_US, "recorded_at": decided + DAY_US,
        },
    }  # fmt: skip
    folder.mkdir()
    for name, table in RAW_TABLES.items():
        schema = arrow_schema(table)
        columns = tables.get(name, {})
        rows = len(next(iter(columns.values()), ()))
        arrays = [
            pa.array(columns[field.name]).cast(field.type) if field.name in columns else pa.nulls(rows, field.type)
            for field in schema
        ]
        pq.write_table(pa.Table.from_arrays(arrays, schema=schema), folder / f"{name}.parquet", compression="zstd")
    return decided, pa.array(names)
