"""The charges, refunds and cancellations as the money page adds them up, one row each."""

import json
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from pipelines.history.checked_tables import microseconds_of, places_in, read_table
from pipelines.history.known_facts import KnownFacts
from pipelines.metrics.templates import NONE, first_template

CREDITS: Final = frozenset({"unused_time", "credit_balance"})
"""The kinds of lines that give back money paid before."""
REFUND_COLUMNS: Final = ("refund_id", "organization_id", "amount_cents", "occurred_at", "plan", "country", "template")

CANCELLATION_COLUMNS: Final = (
    "cancellation_id", "organization_id", "why", "status", "plan", "occurred_at", "country", "template",
)  # fmt: skip


def charges_frame(checked: Path, *, known: KnownFacts) -> pd.DataFrame:
    """Read the charges of a checked folder, one row each.

    Columns: `net_cents`, `tax_cents`, `total_cents` as in the ledger; `overage_cents` and `credit_cents` (below 0), the
    sums of those lines; `plan` (of a renewal: that of the first line); `paid`; `country` and `template` of the
    organisation.
    """
    names = ["charge_id", "organization_id", "plan", "kind", "currency", "net_cents", "tax_cents", "total_cents"]
    table = read_table(checked, "charges", [*names, "lines", "paid_at", "occurred_at"])
    lines: list[list[dict[str, Any]]] = [json.loads(text) for text in table["lines"].to_pylist()]
    organization = places_in(table["organization_id"], known.organization_ids)
    frame: pd.DataFrame = table.drop_columns(["lines"]).to_pandas()
    return frame.assign(
        plan=[plan or _plan(of) for plan, of in zip(table["plan"].to_pylist(), lines, strict=True)],
        overage_cents=np.array([_sum(of, {"overage"}) for of in lines], dtype=np.int64),
        credit_cents=np.array([_sum(of, CREDITS) for of in lines], dtype=np.int64),
        paid=frame["paid_at"].notna(),
        country=np.array([*known.country, NONE])[organization],
        template=first_template(checked, known, organization, microseconds_of(table["occurred_at"])),
    )


def refunds_frame(checked: Path, charges: pd.DataFrame, *, known: KnownFacts) -> pd.DataFrame:
    """Read the refunds of a checked folder, one row each: `REFUND_COLUMNS`.

    `amount_cents` is as in the ledger, `plan` that of the charge that was refunded, `country` and `template` those of
    the organisation.
    """
    names = ["refund_id", "organization_id", "charge_id", "amount_cents", "occurred_at"]
    table = read_table(checked, "refunds", names)
    organization = places_in(table["organization_id"], known.organization_ids)
    frame: pd.DataFrame = table.to_pandas()
    plan_of = charges.set_index("charge_id")["plan"]
    return frame.assign(
        plan=frame["charge_id"].map(plan_of).fillna(NONE).astype("object"),
        country=np.array([*known.country, NONE], dtype=np.object_)[organization],
        template=first_template(checked, known, organization, microseconds_of(table["occurred_at"])),
    )[list(REFUND_COLUMNS)]


def cancellations_frame(checked: Path, *, known: KnownFacts) -> pd.DataFrame:
    """Read the cancellations of a checked folder, one row each: `CANCELLATION_COLUMNS`."""
    table = read_table(checked, "cancellations", list(CANCELLATION_COLUMNS[:6]))
    organization = places_in(table["organization_id"], known.organization_ids)
    frame: pd.DataFrame = table.to_pandas()
    return frame.assign(
        country=np.array([*known.country, NONE], dtype=np.object_)[organization],
        template=first_template(checked, known, organization, microseconds_of(table["occurred_at"])),
    )[list(CANCELLATION_COLUMNS)]


def _sum(lines: list[dict[str, Any]], kinds: frozenset[str] | set[str]) -> int:
    return sum(line["amount_cents"] for line in lines if line.get("kind") in kinds)


def _plan(lines: list[dict[str, Any]]) -> str:
    return next((str(line["plan"]) for line in lines if line.get("plan")), NONE)
