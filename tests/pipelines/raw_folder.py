"""A small clean raw folder, written by hand as text: two organisations, and one decision between two plans."""

import csv
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from data_contracts.raw.tables import RAW_TABLES

Row = dict[str, str]
Tables = dict[str, list[Row]]

NOW = datetime(2026, 3, 31, 12, tzinfo=UTC)
MONDAY = "2026-03-30T10:00:00Z"
LATER = "2026-03-30T10:00:05Z"
TUESDAY = "2026-03-31T10:00:00Z"

EVENT = {"organization_id": "bakery", "occurred_at": MONDAY, "recorded_at": LATER}
ORGANIZATION = {
    "organization_id": "bakery",
    "country": "DE",
    "locale": "de",
    "timezone": "Europe/Berlin",
    "trial_started_at": "2026-03-16T09:00:00Z",
    "recorded_at": "2026-03-16T09:00:01Z",
}
INSTALL = {"event_id": "i1", **EVENT, "template": "ecommerce", "change": "installed"}
CONNECTION = {"event_id": "c1", **EVENT, "integration": "shopify", "change": "connected"}
USAGE = {"event_id": "u1", **EVENT, "metric": "conversations", "quantity": "12", "action": "chatbot"}
SUBSCRIPTION = {
    "event_id": "s1",
    **EVENT,
    "plan": "ecommerce-basic",
    "interval": "month",
    "status": "active",
    "catalogue_version": "2026-01",
}
CANDIDATE = {
    "decision_id": "d1",
    "organization_id": "bakery",
    "plan": "ecommerce-basic",
    "interval": "month",
    "catalogue_version": "2026-01",
    "strategy": "rules",
    "model_version": "rules-1",
    "fallback_reason": "",
    "experiment": "",
    "arm": "",
    "latency_ms": "",
    "guard": "",
    "charged": "",
    "position": "1",
    "shown": "true",
    "shown_as": "recommended",
    "recommended": "true",
    "utility": "1.5",
    "probability": "0.75",
    "propensity": "1.0",
    "reasons": '["usage_fits"]',
    "features": '{"trial_age_days": 14.0, "headroom": null}',
    "occurred_at": MONDAY,
    "recorded_at": LATER,
}
RUNNER_UP = CANDIDATE | {
    "plan": "ecommerce-scale",
    "position": "2",
    "recommended": "false",
    "utility": "0.5",
    "probability": "0.25",
    "propensity": "0.0",
}
OUTCOME = {
    "event_id": "o1",
    "decision_id": "d1",
    "kind": "selected",
    "plan": "ecommerce-basic",
    "position": "1",
    "occurred_at": TUESDAY,
    "recorded_at": TUESDAY,
}
CHARGE = {
    "charge_id": "p1",
    "organization_id": "bakery",
    "decision_id": "d1",
    "plan": "ecommerce-basic",
    "kind": "change",
    "currency": "EUR",
    "net_cents": "19000",
    "tax_cents": "3610",
    "total_cents": "22610",
    "lines": '[{"kind": "full_period", "plan": "ecommerce-basic", "amount_cents": 19000}]',
    "paid_at": TUESDAY,
    "occurred_at": TUESDAY,
    "recorded_at": TUESDAY,
}

REFUND: Row = {
    "refund_id": "r1",
    "organization_id": ORGANIZATION["organization_id"],
    "charge_id": CHARGE["charge_id"],
    "currency": "EUR",
    "amount_cents": "22610",
    "occurred_at": TUESDAY,
    "recorded_at": TUESDAY,
}


CANCELLATION: Row = {
    "cancellation_id": "c1",
    "organization_id": ORGANIZATION["organization_id"],
    "decision_id": "d1",
    "plan": "ecommerce-basic",
    "interval": "month",
    "why": "too_expensive",
    "asked_by": "customer",
    "offer": "",
    "status": "waiting",
    "effective_at": LATER,
    "occurred_at": TUESDAY,
    "recorded_at": TUESDAY,
}


def clean_tables() -> Tables:
    """Every table with rows that keep their contract."""
    return {
        "organizations": [ORGANIZATION, ORGANIZATION | {"organization_id": "florist", "country": "FR", "timezone": ""}],
        "template_installs": [INSTALL, INSTALL | {"event_id": "i2", "organization_id": "florist"}],
        "integrations": [CONNECTION, CONNECTION | {"event_id": "c2", "change": "disconnected"}],
        "usage_events": [
            USAGE,
            USAGE | {"event_id": "u2", "metric": "seats", "quantity": "3", "action": ""},
            USAGE | {"event_id": "u3", "organization_id": "florist", "quantity": "0"},
        ],
        "subscriptions": [
            SUBSCRIPTION,
            SUBSCRIPTION | {"event_id": "s2", "status": "ended", "plan": "", "interval": "", "recorded_at": TUESDAY},
        ],
        "decisions": [CANDIDATE, RUNNER_UP],
        "outcomes": [OUTCOME, OUTCOME | {"event_id": "o2", "kind": "viewed", "plan": "", "position": ""}],
        "charges": [CHARGE, CHARGE | {"charge_id": "p2", "decision_id": "", "plan": "", "paid_at": ""}],
        "refunds": [REFUND, REFUND | {"refund_id": "r2", "charge_id": ""}],
        "cancellations": [CANCELLATION],
    }


def write_csv(folder: Path, tables: Mapping[str, Sequence[Row]]) -> Path:
    """The tables as CSV files, columns in declared order."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in tables.items():
        columns = [column.name for column in RAW_TABLES[name].columns]
        with (folder / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, columns, lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
    return folder


def write_parquet(folder: Path, tables: Mapping[str, Sequence[Row]]) -> Path:
    """The tables as Parquet files; a column is typed if all its values can be, else text."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in tables.items():
        frame = pd.DataFrame(list(rows)).replace("", None)
        for column in RAW_TABLES[name].columns:
            if column.optional and column.name not in frame:
                continue
            try:
                if column.kind == "instant":
                    frame[column.name] = pd.to_datetime(frame[column.name], format="ISO8601", utc=True)
                if column.kind in ("whole", "number"):
                    frame[column.name] = frame[column.name].astype("float64")
            except ValueError:
                continue
        frame.to_parquet(folder / f"{name}.parquet", index=False)
    return folder
