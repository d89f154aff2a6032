"""Adds rows with known faults to clean tables, which validation must find."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import numpy as np
import pandas as pd

Tables = dict[str, pd.DataFrame]
Change = Callable[[pd.DataFrame], pd.DataFrame]


@dataclass(frozen=True, slots=True)
class Fault:
    """One way to break a row of a table; `rule` is the contract's rule that must catch it."""

    kind: str
    table: str
    rule: str
    change: Change
    keeps_id: bool = False


def _set(**columns: str | float) -> Change:
    return lambda rows: rows.assign(**columns)


def _before(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(recorded_at=rows["occurred_at"] - timedelta(hours=1))


def _future(rows: pd.DataFrame) -> pd.DataFrame:
    later = timedelta(days=4000)
    return rows.assign(occurred_at=rows["occurred_at"] + later, recorded_at=rows["recorded_at"] + later)


def _again(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(recorded_at=rows["recorded_at"] + timedelta(minutes=5))


FAULTS: Final = (
    Fault("duplicate event", "usage_events", "duplicate_key", _again, keeps_id=True),
    Fault("unknown organisation", "usage_events", "unknown_organization", _set(organization_id="org-nobody")),
    Fault("negative quantity", "usage_events", "quantity_out_of_range", _set(quantity=-3.0)),
    Fault("fraction of a unit", "usage_events", "quantity_not_whole", _set(quantity=2.5)),
    Fault("missing quantity", "usage_events", "quantity_missing", _set(quantity=np.nan)),
    Fault("unknown metric", "usage_events", "unknown_metric", _set(metric="page_views")),
    Fault("recorded before it happened", "usage_events", "recorded_before_occurred", _before),
    Fault("from the future", "usage_events", "in_the_future", _future),
    Fault("unknown country", "organizations", "unknown_country", _set(country="XX")),
    Fault("unknown change", "integrations", "unknown_change", _set(change="exploded")),
    Fault("unknown kind", "outcomes", "unknown_kind", _set(kind="liked")),
    Fault("outcome of no decision", "outcomes", "unknown_decision", _set(decision_id="d-nowhere")),
)

KEYS: Final = {"organizations": "organization_id"}


def break_rows(tables: Tables, *, share: float, rng: np.random.Generator) -> tuple[Tables, pd.DataFrame]:
    """Add broken copies of rows, `share` of all rows, evenly over the kinds of faults; clean rows are not changed.

    Returns the tables, and a frame with one row per broken row: table, key, kind, rule, row (its place in the table,
    from 0).
    """
    total = sum(len(table) for table in tables.values())
    each = int(np.ceil(total * share / len(FAULTS))) if share > 0 else 0
    added: dict[str, list[pd.DataFrame]] = {name: [] for name in tables}
    planted: dict[str, list[tuple[str, str, str]]] = {name: [] for name in tables}
    for number, fault in enumerate(FAULTS):
        clean = tables[fault.table]
        count = min(each, len(clean))
        rows = clean.iloc[rng.choice(len(clean), size=count, replace=False)]
        key = KEYS.get(fault.table, "event_id")
        if not fault.keeps_id:
            rows = rows.assign(**{key: [f"broken-{number}-{i}" for i in range(count)]})
        broken = fault.change(rows)
        added[fault.table].append(broken)
        planted[fault.table] += [(str(name), fault.kind, fault.rule) for name in broken[key]]
    result = {name: pd.concat([table, *added[name]], ignore_index=True) for name, table in tables.items()}
    faults = pd.DataFrame(
        [
            (name, key, kind, rule, len(tables[name]) + place)
            for name, entries in planted.items()
            for place, (key, kind, rule) in enumerate(entries)
        ],
        columns=["table", "key", "kind", "rule", "row"],
    )
    return result, faults
