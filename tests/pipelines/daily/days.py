"""A small world as raw days, and what a run leaves behind."""

import random
import shutil
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from data_contracts.raw.tables import RAW_TABLES
from pipelines.daily.run import Given, Step, run
from pipelines.history.checked_tables import arrow_schema
from pipelines.history.engine import DUCKDB
from tests.pipelines.small_world import CATALOGUES, DAY, MIDNIGHT, NEWER, Row, Tables, decision, happened, organization

NOW: Final = MIDNIGHT + 40 * DAY
GIVEN: Final = Given(CATALOGUES, "the catalogues of the tests")
CHOSEN: Final = ("decision_id", "plan", "position")
Days = dict[str, dict[str, list[Row]]]
"""Table → day of recording → rows."""


def world(seed: int) -> Tables:
    """Four organisations over six weeks; facts that come late, twice, before what they refer to, or broken."""
    draw = random.Random(seed)
    names = [f"org-{i}" for i in range(4)]
    start = MIDNIGHT - 3 * DAY

    def at(day: int) -> datetime:
        return start + day * DAY + timedelta(seconds=draw.randrange(86_400))

    def event(name: str, day: int, **columns: Any) -> Row:
        occurred = at(day)
        late = draw.choice([timedelta(), timedelta(), timedelta(hours=30)])
        owner = {"organization_id": draw.choice(names)}
        return happened(f"{name}-{day}", occurred, recorded=occurred + late, **owner, **columns)

    usage = [
        event(f"u{i}", day, metric=draw.choice(["conversations", "ai_tokens", "seats"]), quantity=draw.randrange(5000))
        for day in (0, 1, 2, 3, 32)
        for i in range(9)
    ]
    usage += [{**row, "recorded_at": row["recorded_at"] + DAY} for row in draw.sample(usage[:30], 4)]  # the same key
    usage += [event(f"b{i}", 1, metric="seats", quantity=-1) for i in range(2)]
    log = [row for i in range(6) for row in decision(f"d-{i}", draw.choice(names), at(i % 5))]
    since = start - timedelta(hours=1)
    seen = [row for row in log if row["position"] <= 2]
    paid = [
        happened(f"o-{i}", row["occurred_at"] + timedelta(hours=5), **{name: row[name] for name in CHOSEN}, kind="paid")
        for i, row in enumerate(draw.sample(seen, 5))
    ]
    return {
        # The last organisation is recorded after its first events.
        "organizations": [
            organization(name, trial_started_at=since) | {"locale": "fr", "recorded_at": start + (i // 3) * 3 * DAY}
            for i, name in enumerate(names)
        ],
        "template_installs": [event(f"t{i}", i % 3, template="support", change="installed") for i in range(4)],
        "integrations": [event(f"i{i}", i % 3, integration="shopify", change="connected") for i in range(4)],
        "usage_events": usage,
        "subscriptions": [
            event(f"s{i}", i, plan="support-basic", interval="month", status="active", catalogue_version=NEWER.version)
            for i in range(3)
        ],
        "decisions": log,
        "outcomes": [*paid, happened("o-last", start + 33 * DAY, decision_id="d-0", kind="viewed")],
        "charges": [],
    }  # fmt: skip


def days_of(tables: Tables) -> Days:
    """The rows by the day on which they were recorded."""
    days: Days = {}
    for name, rows in tables.items():
        days[name] = {}
        for row in sorted(rows, key=lambda row: row["recorded_at"]):
            days[name].setdefault(row["recorded_at"].astimezone(UTC).date().isoformat(), []).append(row)
    return days


def write_day(raw: Path, name: str, day: str, rows: Sequence[Row]) -> None:
    """Replace the rows of one day; no rows: no day."""
    folder = raw / name / f"day={day}"
    shutil.rmtree(folder, ignore_errors=True)
    (raw / name).mkdir(parents=True, exist_ok=True)
    if rows:
        folder.mkdir()
        pq.write_table(pa.Table.from_pylist(list(rows), schema=arrow_schema(RAW_TABLES[name])), folder / "rows.parquet")


def write_days(raw: Path, days: Days) -> Path:
    for name, of_table in days.items():
        (raw / name).mkdir(parents=True, exist_ok=True)
        for day, rows in of_table.items():
            write_day(raw, name, day, rows)
    return raw


def run_days(raw: Path, work: Path, *, engine: str = DUCKDB) -> list[Step]:
    return run(raw=raw, work=work, given=GIVEN, now=NOW, engine=engine)


def results(work: Path) -> Mapping[str, bytes]:
    """Every file of a run byte by byte, but for when it was checked and what the manifest says of the raw files."""
    left = {"manifest.json", "lock", "validation.json", "report.html"}
    return {
        str(path.relative_to(work)): path.read_bytes()
        for path in sorted(work.rglob("*"))
        if path.is_file() and path.name not in left
    }
