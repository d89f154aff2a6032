"""Checked tables small enough to walk through by hand, and an online reader that does just that."""

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from data_contracts.catalogue import reference_texts
from data_contracts.raw.tables import RAW_TABLES
from data_contracts.usage import LEVEL_METRICS, METRICS
from pipelines.history.checked_tables import arrow_schema
from recommender.billing.catalogue import Catalogue, Interval
from recommender.billing.catalogue_build import load_catalogue
from recommender.ranking.day_cube import (
    UsageCells,
    cells_to_cube,
    microseconds,
    trial_age_seconds,
    weekdays,
)
from recommender.ranking.features import country_group
from recommender.ranking.plan_table import plan_table
from recommender.ranking.situation import CARRIED, Situations

Row = dict[str, Any]
Tables = dict[str, list[Row]]

NEWER: Final[Catalogue] = load_catalogue(*reference_texts())
OLDER: Final[Catalogue] = replace(
    NEWER,
    version="older",
    plans=tuple(replace(plan, price_cents={"month": plan.price_cents["month"] - 1000}) for plan in NEWER.plans[:6]),
)
"""An earlier version: two families, somewhat cheaper, sold by the month only."""
CATALOGUES: Final = (NEWER, OLDER)
MARKETS: Final[tuple[tuple[Catalogue, Interval], ...]] = ((NEWER, "month"), (NEWER, "year"), (OLDER, "month"))

MIDNIGHT: Final = datetime(2026, 3, 30, tzinfo=UTC)
DAY: Final = timedelta(days=1)
TEMPLATES: Final = ("ecommerce", "support", "lead_generation", "unheard_of")
INTEGRATIONS: Final = ("shopify", "zendesk", "carrier_pigeon")


def write_tables(tables: Mapping[str, Sequence[Row]], folder: Path) -> Path:
    """The tables as a checked folder, with as much of `validation.json` as its reader asks for."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in RAW_TABLES.items():
        rows = pa.Table.from_pylist(list(tables.get(name, ())), schema=arrow_schema(table))
        pq.write_table(rows, folder / f"{name}.parquet")
    said = {name: {"rows_kept": len(tables.get(name, ()))} for name in RAW_TABLES}
    (folder / "validation.json").write_text(json.dumps({"valid": True, "tables": said}))
    return folder


def organization(name: str, *, trial_started_at: datetime = MIDNIGHT - 20 * DAY, country: str = "FR") -> Row:
    return {
        "organization_id": name,
        "country": country,
        "trial_started_at": trial_started_at,
        "recorded_at": trial_started_at,
    }


def happened(event_id: str, occurred: datetime, *, recorded: datetime | None = None, **columns: Any) -> Row:
    return {"event_id": event_id, "occurred_at": occurred, "recorded_at": recorded or occurred, **columns}


def decision(
    name: str,
    organization_id: str,
    at: datetime,
    *,
    market: tuple[Catalogue, Interval] = (NEWER, "month"),
    plans: Sequence[str] | None = None,
) -> list[Row]:
    """The rows of one decision over the plans of a market (or some of them), ranked as they stand."""
    catalogue, interval = market
    codes = plan_table(catalogue, interval).codes if plans is None else tuple(plans)
    return [
        {
            "decision_id": name, "organization_id": organization_id, "plan": code, "interval": interval,
            "catalogue_version": catalogue.version, "strategy": "rules", "position": position,
            "shown": position <= 3, "recommended": position == 1, "utility": -float(position),
            "probability": 1 / len(codes), "propensity": 1 / len(codes), "reasons": "[]",
            "occurred_at": at, "recorded_at": at,
        }
        for position, code in enumerate(codes, start=1)
    ]  # fmt: skip


def random_world(seed: int, *, organizations: int = 12, decisions: int = 30) -> Tables:
    """A few organisations with everything that can happen to them, decided for in several markets."""
    draw = random.Random(seed)
    names = [f"org-{i}" for i in range(organizations)]

    def instant() -> datetime:
        days = draw.choice([0, 1, 27, 28, 29, 45, draw.randrange(60)])
        within = draw.choice([timedelta(), timedelta(microseconds=-1), timedelta(seconds=draw.randrange(86_400))])
        return MIDNIGHT - days * DAY + within

    def event(place: int, **columns: Any) -> Row:
        occurred = instant()
        late = draw.choice([timedelta(), timedelta(microseconds=1), timedelta(hours=draw.randrange(72))])
        name = draw.choice(names)
        return happened(f"e-{place}", occurred, recorded=occurred + late, organization_id=name, **columns)

    log = [
        row
        for place in range(decisions)
        for row in decision(f"d-{place}", draw.choice(names), instant(), market=draw.choice(MARKETS))
    ]
    plans = [*(plan.code for plan in NEWER.plans), "sold-by-somebody-else"]
    return {
        "organizations": [
            organization(name, trial_started_at=MIDNIGHT - age * DAY, country=draw.choice(["FR", "DE", "US"]))
            for name in names
            for age in [draw.randrange(1, 90)]
        ],
        "template_installs": [
            event(i, template=draw.choice(TEMPLATES), change=draw.choice(["installed", "installed", "removed"]))
            for i in range(40)
        ],
        "integrations": [
            event(i, integration=draw.choice(INTEGRATIONS), change=draw.choice(["connected", "disconnected"]))
            for i in range(40)
        ],
        "usage_events": [
            event(i, metric=draw.choice(METRICS), quantity=draw.choice([0, 1, 7, 10**6 + i, 10**12]))
            for i in range(800)
        ],
        "subscriptions": [
            event(i, status="active", plan=draw.choice(plans), interval="month") if draw.random() < 0.8
            else event(i, status="ended", plan=None, interval=None)
            for i in range(20)
        ],
        "decisions": log,
        "outcomes": [
            happened(f"o-{i}", row["occurred_at"] + DAY, decision_id=row["decision_id"], kind=kind, plan=row["plan"])
            for i, row in enumerate(draw.sample(log, 60))
            for kind in [draw.choice(["selected", "checkout_started", "paid"])]
        ] + [happened("o-last", MIDNIGHT + 30 * DAY, decision_id="d-0", kind="viewed")],
    }  # fmt: skip


def online_situation(tables: Tables, rows: Sequence[Row], catalogue: Catalogue, interval: Interval) -> Situations:
    """What the service would know at one decision: it walks through the organisation's rows recorded by then."""
    name, now = rows[0]["organization_id"], rows[0]["occurred_at"]
    plans = plan_table(catalogue, interval)

    def recorded(table: str) -> list[Row]:
        mine = [r for r in tables[table] if r["organization_id"] == name and r["recorded_at"] <= now]
        return sorted(mine, key=lambda r: (r["recorded_at"], r.get("occurred_at"), r.get("event_id")))

    templates = {row["template"]: row["change"] == "installed" for row in recorded("template_installs")}
    connected = {row["integration"]: row["change"] == "connected" for row in recorded("integrations")}
    held = [row["plan"] for row in recorded("subscriptions")][-1:]
    (about,) = recorded("organizations")
    decided_at_us = np.array([microseconds(now)])
    trial_started_at_us = np.array([microseconds(about["trial_started_at"])])
    totals, seconds = cells_to_cube(
        online_cells(recorded("usage_events"), now),
        decided_at_us=decided_at_us,
        trial_started_at_us=trial_started_at_us,
    )
    return Situations(
        totals=totals,
        seconds=seconds,
        templates=np.array([[templates.get(code, False) for code in plans.templates]]),
        integrations=np.array([[connected.get(code, False) for code in plans.integrations]]),
        trial_age_seconds=trial_age_seconds(decided_at_us=decided_at_us, trial_started_at_us=trial_started_at_us),
        country_group=np.array([country_group(about["country"])]),
        current_plan=np.array([plans.codes.index(code) if code in plans.codes else -1 for code in held] or [-1]),
        weekday=weekdays(decided_at_us),
        eligible=np.array([[code in {row["plan"] for row in rows} for code in plans.codes]]),
    )


def online_cells(events: Sequence[Row], now: datetime) -> UsageCells:
    """One organisation's cells, event by event."""
    sums: dict[tuple[int, str], int] = {}
    readings: dict[tuple[int, str], tuple[datetime, int]] = {}
    for event in events:
        day = (now.astimezone(UTC).date() - event["occurred_at"].astimezone(UTC).date()).days
        key = (min(day, CARRIED), event["metric"])
        if event["metric"] in LEVEL_METRICS:
            reading = (event["occurred_at"], event["quantity"])
            readings[key] = max(readings.get(key, reading), reading)
        else:
            sums[key] = sums.get(key, 0) + event["quantity"]
    cells = {**sums, **{key: quantity for key, (_, quantity) in readings.items()}}
    days, metrics = [day for day, _ in cells], [METRICS.index(metric) for _, metric in cells]
    columns = (np.array(column, dtype=np.int64) for column in ([0] * len(cells), days, metrics, list(cells.values())))
    return UsageCells(*columns)


def as_json(names: Sequence[str], values: Sequence[float]) -> str:
    return json.dumps(dict(zip(names, map(float, values), strict=True)))
