"""How fast the training set is built, against a plain scan of the same usage events."""

import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final

from data_contracts.catalogue import reference_texts
from pipelines.history.daily_usage import usage_cells
from pipelines.history.decision_log import read_decision_log
from pipelines.history.engine import Engine
from pipelines.training.training_set import build_training_set
from recommender.billing.catalogue_build import load_catalogue
from tests.bench.scale_world import SCANS, write_raw_tables

EVENTS: Final = 2_400_000
REPEATS: Final = 3


def run() -> Iterator[dict[str, Any]]:
    """The figures; data is generated into a folder that is removed afterwards."""
    catalogue = load_catalogue(*reference_texts())
    with tempfile.TemporaryDirectory() as folder:
        tables, out = Path(folder) / "tables", Path(folder) / "out"
        write_raw_tables(tables, events=EVENTS)
        scans = {name: _seconds(partial(_scan, tables / "usage_events.parquet", sql)) for name, sql in SCANS.items()}
        engine = _seconds(partial(_engine_step, tables))
        about: dict[str, Any] = {}
        build = _seconds(lambda: about.update(build_training_set(checked=tables, out=out, catalogues=[catalogue])))
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


def _engine_step(tables: Path) -> None:
    log = read_decision_log(tables)
    with Engine() as engine:
        events = engine.checked(tables, "usage_events")
        usage_cells(events, organization_ids=log.about["organization_id"], decided_at_us=log.decided_at_us)
