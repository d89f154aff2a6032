"""The columns that expectations check: typed values, and columns that Great Expectations cannot compute.

Computed columns have a dot in their name; `data_contracts/expectations` declares what is expected of each.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data_contracts.raw.decisions import OF_DECISION
from data_contracts.raw.outcomes import CHOICES
from data_contracts.raw.tables import RawTable
from pipelines.checking.sources import RawRows
from pipelines.history.typed_columns import damaged_text, typed_column
from recommender.ranking.ranker import Mask


def check_frame(raw: RawRows, *, kept: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """The typed columns of n rows and the computed columns of the `row` stage; indexed 0…n-1 as `raw.source`.

    `kept` holds the kept rows of the tables that rows may refer to. A reference into a table that is not in `kept`
    (because it is broken as a whole) counts as known.
    """
    columns: dict[str, Any] = {}
    damaged = np.zeros(len(raw.rows), dtype=np.bool_)
    for column in raw.table.columns:
        array = raw.source[column.name]
        typed = typed_column(column, array)
        columns[column.name] = typed.values
        columns[f"{column.name}.given"] = typed.given
        if column.kind != "text":
            columns[f"{column.name}.readable"] = typed.readable
        if column.kind in ("text", "json"):
            damaged |= damaged_text(column, array)
        if column.kind == "whole":
            values = typed.values.to_numpy()
            columns[f"{column.name}.whole"] = ~np.isfinite(values) | (values == np.floor(values))
    columns["text.readable"] = ~damaged
    frame = pd.DataFrame(columns)
    if "occurred_at" in frame:
        frame["recorded.delay_seconds"] = (frame["recorded_at"] - frame["occurred_at"]).dt.total_seconds()
    for name, parent in raw.table.references.items():
        frame[f"{name}.known"] = (frame[name].isna() | frame[name].isin(kept[parent][name])) if parent in kept else True
    return frame.assign(**ROW_CHECKS[raw.table.name](frame)) if raw.table.name in ROW_CHECKS else frame


def first_of_each_key(frame: pd.DataFrame, table: RawTable) -> Mask:
    """Whether each row is the first recorded of its key (n,); at the same instant, the first in the file."""
    key = list(table.key)
    if not frame.duplicated(key).any():
        return np.ones(len(frame), dtype=np.bool_)
    later = frame.sort_values("recorded_at", kind="stable").duplicated(key)
    return ~later.reindex(frame.index).to_numpy(dtype=np.bool_)


def decision_checks(frame: pd.DataFrame, *, broken: set[str]) -> dict[str, Any]:
    """The computed columns of the `group` stage: what holds of the whole decision that a row belongs to.

    Sums, positions, one recommendation, agreement and completeness. `broken`: the decisions of which a candidate was
    set aside before.
    """
    group, decisions = pd.factorize(frame["decision_id"])
    count = np.bincount(group, minlength=len(decisions))
    first = np.full(len(decisions), len(frame), dtype=np.int64)
    np.minimum.at(first, group, np.arange(len(frame)))
    differs = np.zeros(len(frame), dtype=np.bool_)
    for name in OF_DECISION:
        codes, _ = pd.factorize(frame[name])
        differs |= codes != codes[first[group]]
    position = frame["position"].to_numpy()
    repeated = frame.assign(group=group).duplicated(["group", "position"]).to_numpy()
    misplaced = repeated | (position > count[group])
    return {
        "decision.complete": ~frame["decision_id"].isin(broken).to_numpy(),
        "decision.uniform": ~_any(group, differs),
        "decision.positions": ~_any(group, misplaced),
        "decision.recommended": np.bincount(group, weights=frame["recommended"].to_numpy(dtype=np.float64))[group] == 1,
        "decision.probability": np.bincount(group, weights=frame["probability"])[group],
        "decision.propensity": np.bincount(group, weights=frame["propensity"])[group],
    }


def _any(group: NDArray[np.intp], mask: Mask) -> Mask:
    """Whether the mask is true anywhere in the row's group, for each row (n,)."""
    return np.asarray(np.bincount(group, weights=mask)[group] > 0)


def _of_subscriptions(frame: pd.DataFrame) -> dict[str, Any]:
    active, ended = frame["status"] == "active", frame["status"] == "ended"
    complete = frame[["plan", "interval", "catalogue_version"]].notna().all(axis=1)
    return {"active.has_plan": ~active | complete, "ended.has_no_plan": ~ended | frame["plan"].isna()}


def _of_decisions(frame: pd.DataFrame) -> dict[str, Any]:
    return {
        "utility.finite": ~np.isinf(frame["utility"]),
        "model.has_version": (frame["strategy"] != "model") | frame["model_version"].notna(),
        "arm.has_experiment": frame["arm"].isna() == frame["experiment"].isna(),
        "latency.sound": frame["latency_ms"].isna() | ((frame["latency_ms"] >= 0) & np.isfinite(frame["latency_ms"])),
    }


def _of_outcomes(frame: pd.DataFrame) -> dict[str, Any]:
    return {"choice.has_plan": ~frame["kind"].isin(CHOICES) | frame["plan"].notna()}


def _of_charges(frame: pd.DataFrame) -> dict[str, Any]:
    net, tax, total = (frame[name] for name in ("net_cents", "tax_cents", "total_cents"))
    return {
        "lines.add_up": [_sum_of_lines(text) == amount for text, amount in zip(frame["lines"], net, strict=True)],
        "total.adds_up": total == (net + tax).clip(lower=0),
    }


def _sum_of_lines(text: object) -> int | None:
    """The sum of the lines of a charge; `None` where they cannot be read."""
    try:
        return sum(int(line["amount_cents"]) for line in json.loads(str(text)))
    except (ValueError, TypeError, KeyError):
        return None


ROW_CHECKS: Final[Mapping[str, Callable[[pd.DataFrame], dict[str, Any]]]] = {
    "subscriptions": _of_subscriptions,
    "decisions": _of_decisions,
    "outcomes": _of_outcomes,
    "charges": _of_charges,
}
