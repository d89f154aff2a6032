"""Training sets built from small worlds."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.training.training_set import build_training_set
from recommender.ranking.features import FEATURES
from tests.pipelines.small_world import (
    CATALOGUES,
    DAY,
    MIDNIGHT,
    Row,
    Tables,
    decision,
    happened,
    organization,
    write_tables,
)

NAMES = tuple(FEATURES)
ORGANIZATION = "org-1"


def build(tables: Tables, folder: Path, **options: Any) -> tuple[pa.Table, dict[str, Any]]:
    about = build_training_set(
        checked=write_tables(tables, folder / "checked"), out=folder / "out", **{"catalogues": CATALOGUES, **options}
    )
    assert json.loads((folder / "out" / "training_set.json").read_text()) == about
    return pq.read_table(folder / "out" / "training_set.parquet"), about


def features_of(table: pa.Table) -> np.ndarray[Any, Any]:
    return np.column_stack([table[name].to_numpy() for name in NAMES])


def rows_of(tables: Tables, decision_id: str) -> list[Row]:
    return [row for row in tables["decisions"] if row["decision_id"] == decision_id]


def one_decision(*, held: str | None = None, ended: bool = True) -> Tables:
    """An organisation that decided at midnight; `held` is its plan then, `ended`: the fortnight after it is over."""
    plan = [happened("s-1", MIDNIGHT - DAY, organization_id=ORGANIZATION, plan=held, interval="month", status="active")]
    return {
        "organizations": [organization(ORGANIZATION)],
        "template_installs": [],
        "integrations": [],
        "usage_events": [],
        "subscriptions": plan if held else [],
        "decisions": decision("d-1", ORGANIZATION, MIDNIGHT),
        "outcomes": [happened("o-end", MIDNIGHT + (15 if ended else 3) * DAY, decision_id="d-1", kind="viewed")],
    }


def chose(plan: str, *, kind: str = "paid") -> Row:
    return happened(f"o-{kind}-{plan}", MIDNIGHT + DAY, decision_id="d-1", kind=kind, plan=plan)
