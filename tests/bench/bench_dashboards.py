"""How soon a dashboard page is up with ten million outcome events, against a bare scan of those events."""

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.dashboards.pages import PAGES, page
from pipelines.dashboards.report import article
from pipelines.metrics.filters import Filters
from pipelines.metrics.journeys import STEPS, Events, Served, journeys
from pipelines.metrics.store import load, store
from recommender.ranking.day_cube import DAY_US
from tests.pipelines.metrics.twenty import MONDAY, twenty

EVENTS: Final = int(os.environ.get("EVENTS", "10_000_000"))
DAYS: Final = 112
SCAN: Final = "scan of the events"


def run() -> Iterator[dict[str, Any]]:
    """The figures; everything is written to a folder that is removed afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        yield from _run(Path(folder))


def _run(folder: Path) -> Iterator[dict[str, Any]]:
    steps = _write_events(folder)
    _write_facts(folder, len(steps))
    query = f"SELECT max(decision_id), max(kind), max(plan), max(occurred_at) FROM '{folder}/outcomes.parquet'"
    scan = _seconds(lambda: _asked(query))
    yield {"figure": "outcome events", "value": int(steps.sum()), "unit": "events"}
    yield {"figure": SCAN, "value": round(scan, 2), "unit": "s"}

    served, told = _as_arrays(steps)
    counted = _seconds(lambda: journeys(served, told, data_end_us=2 * DAYS * DAY_US))
    yield {"figure": "journeys out of the events", "value": round(counted / scan, 1), "ratio_to": SCAN}

    read = _seconds(lambda: load(folder / "metrics"))
    yield {"figure": "warm tables, read once for all pages", "value": round(read, 2), "unit": "s"}
    yield {"figure": "warm tables, read once for all pages", "value": round(read / scan, 1), "ratio_to": SCAN}
    tables = load(folder / "metrics")
    for slug in PAGES:
        for name, filters in (("all", None), ("one country", Filters(countries=("FR",)))):

            def draw(slug: str = slug, filters: Filters | None = filters) -> str:
                return article(page(slug, tables, locale="de", now=MONDAY, filters=filters), locale="de")

            drawn = _seconds(draw)
            yield {"figure": f"page {slug}, {name}", "value": round(drawn, 2), "unit": "s"}
            yield {"figure": f"page {slug}, {name}", "value": round(drawn / scan, 1), "ratio_to": SCAN}


def _write_events(folder: Path) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Every step of the twenty journeys over and over as an outcome; the steps of each journey."""
    once = twenty().journeys["step"].to_numpy(dtype=np.int64)
    steps = np.tile(once, EVENTS // int(once.sum()) + 1)
    journey = np.repeat(np.arange(len(steps)), steps)
    table = pa.table(
        {
            "decision_id": pa.array(np.char.add("d-", journey.astype(str))),
            "kind": pa.array(np.array(STEPS)[_place_within(steps)]).dictionary_encode(),
            "plan": pa.array(np.array(["scale", "basic", "pro"])[journey % 3]).dictionary_encode(),
            "occurred_at": pa.array(journey % DAYS * DAY_US, pa.timestamp("us", tz="UTC")),
        }
    )
    pq.write_table(table, folder / "outcomes.parquet")
    return steps


def _write_facts(folder: Path, count: int) -> None:
    tables = twenty()
    journeys, decisions = (_over_and_over(rows, count) for rows in (tables.journeys, tables.decisions))
    store(replace(tables, journeys=journeys, decisions=decisions), folder / "metrics")


def _over_and_over(rows: pd.DataFrame, count: int) -> pd.DataFrame:
    """So many rows, day after day."""
    frame = rows.iloc[np.arange(count) % len(rows)].reset_index(drop=True)
    day = pd.to_timedelta(np.arange(count) % DAYS, unit="D")
    texts = frame.select_dtypes(include=["str", "object"]).columns
    return frame.assign(started_at=pd.Timestamp(MONDAY) + day).astype(dict.fromkeys(texts, "category"))


def _as_arrays(steps: np.ndarray[Any, np.dtype[np.int64]]) -> tuple[Served, Events]:
    """The same events as the pipeline hands them over, every organisation with one journey, shuffled."""
    rng = np.random.default_rng(7)
    decision = np.repeat(np.arange(len(steps)), steps)
    order = rng.permutation(len(decision))
    decided = np.arange(len(steps)) % DAYS * DAY_US
    never = np.zeros(len(decision), dtype=np.bool_)
    told = Events(
        decision=decision[order], step=_place_within(steps)[order], plan=decision[order] % 3, blocked=never,
        payment_failed=never, closed=never, occurred_us=(decided[decision] + 1_000)[order],
    )  # fmt: skip
    return Served(np.arange(len(steps)), decided), told


def _place_within(steps: np.ndarray[Any, np.dtype[np.int64]]) -> np.ndarray[Any, np.dtype[np.int64]]:
    """1, 2, … up to each journey's step, one journey after the other."""
    ends = np.cumsum(steps)
    return np.asarray(np.arange(1, int(ends[-1]) + 1) - np.repeat(ends - steps, steps), dtype=np.int64)


def _asked(query: str) -> None:
    with duckdb.connect() as connection:
        connection.sql(query).to_arrow_table()


def _seconds(work: Callable[[], object]) -> float:
    """The better of two runs."""
    durations = []
    for _ in range(2):
        started = time.perf_counter()
        work()
        durations.append(time.perf_counter() - started)
    return min(durations)
