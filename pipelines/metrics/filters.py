"""The filters of a dashboard page, and the dimensions that its numbers are broken down by."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final, Literal

import numpy as np
import pandas as pd

from pipelines.metrics.metric_tables import MetricTables
from recommender.ranking.ranker import IntArray, Mask

DIMENSIONS: Final = ("template", "country", "plan", "strategy", "model_version", "week")
"""The dimensions of a breakdown; `strategy` tells the rules' own share from the rules as a fallback."""
Rows = Literal["journeys", "decisions", "participants"]
RULES_SHARE: Final = "rules_share"
"""The fallback reason of organisations that always get the rules."""


@dataclass(frozen=True, slots=True)
class Filters:
    """A period (whole days in UTC, both included) and the values to keep; empty keeps all."""

    since: date | None = None
    until: date | None = None
    templates: tuple[str, ...] = ()
    countries: tuple[str, ...] = ()
    plans: tuple[str, ...] = ()

    def description(self) -> str:
        """The filters as text; empty when nothing is filtered."""
        period = (f"{self.since or '…'} – {self.until or '…'}",) if self.since or self.until else ()
        return " · ".join((*period, *self.templates, *self.countries, *self.plans))

    def keeps(self, frame: pd.DataFrame, instant: str) -> Mask:
        """Which rows the filters keep (n,); `instant` names the column that is compared with the period."""
        kept = np.ones(len(frame), dtype=np.bool_)
        if frame.empty:
            return kept
        day = frame[instant].dt.tz_localize(None)
        if self.since is not None:
            kept &= (day >= pd.Timestamp(self.since)).to_numpy()
        if self.until is not None:
            kept &= (day < pd.Timestamp(self.until) + pd.Timedelta(days=1)).to_numpy()
        for column, values in (("template", self.templates), ("country", self.countries), ("plan", self.plans)):
            if values:
                kept &= frame[column].isin(values).to_numpy()
        return kept


def narrowed(tables: MetricTables, filters: Filters) -> MetricTables:
    """The tables with the rows that the filters keep.

    Journeys, decisions and participants are placed in the period by their start, money by its charge or refund,
    cancellations by when they were asked for.
    """
    return replace(
        tables,
        journeys=tables.journeys[filters.keeps(tables.journeys, "started_at")],
        charges=tables.charges[filters.keeps(tables.charges, "occurred_at")],
        refunds=tables.refunds[filters.keeps(tables.refunds, "occurred_at")],
        cancellations=tables.cancellations[filters.keeps(tables.cancellations, "occurred_at")],
        decisions=tables.decisions[filters.keeps(tables.decisions, "started_at")],
        # Not by plan: the arm decides which plan is recommended, so the groups would no longer be random.
        participants=tables.participants[replace(filters, plans=()).keeps(tables.participants, "started_at")],
    )


def values_of(journeys: pd.DataFrame, dimension: str) -> tuple[list[str], IntArray]:
    """The values of a dimension that occur, sorted, and the place of each row's value among them (n,)."""
    if dimension == "week":
        day = journeys["started_at"].dt.tz_localize(None).to_numpy().astype("datetime64[D]").astype(np.int64)
        week = (day + 3) // 7  # the day 1970-01-01 was a Thursday
        first = int(week.min(initial=0))
        occurs, place = _compact(week - first)
        return [str(np.datetime64(int(7 * (each + first) - 3), "D")) for each in occurs], place
    names: Any = journeys[dimension].astype("category")
    codes, spelled = names.cat.codes.to_numpy(), [str(each) for each in names.cat.categories]
    if dimension == "strategy":
        share = (journeys["fallback"] == RULES_SHARE).to_numpy(dtype=np.bool_)
        codes, spelled = np.where(share, len(spelled), codes), [*spelled, RULES_SHARE]
    rank = np.argsort(np.argsort(spelled))
    occurs, place = _compact(rank[codes])
    return [sorted(spelled)[each] for each in occurs], place


def _compact(codes: IntArray) -> tuple[IntArray, IntArray]:
    """The small codes that occur, ascending, and the place of each row's code among them, without sorting rows."""
    there = np.bincount(codes) > 0
    return np.flatnonzero(there), (np.cumsum(there) - 1)[codes]


def cut(
    tables: MetricTables, dimension: str, *, rows: Rows = "journeys", columns: Sequence[str] = ()
) -> Sequence[tuple[str, MetricTables]]:
    """The tables of each value of a dimension, in the order of the values; only values that occur in `rows`.

    The parts have only the `columns`, if any are named, so that large tables are not copied in full.
    """
    frame: pd.DataFrame = getattr(tables, rows)
    if frame.empty:
        return []
    names, place = values_of(frame, dimension)
    kept = frame[[*columns]] if columns else frame
    together = kept.iloc[np.argsort(place.astype(np.int16), kind="stable")]
    ends = np.cumsum(np.bincount(place, minlength=len(names))).tolist()
    edges = zip(names, [0, *ends], ends, strict=False)
    return [(name, _with(tables, rows, together.iloc[since:until])) for name, since, until in edges]


def _with(tables: MetricTables, rows: Rows, part: pd.DataFrame) -> MetricTables:
    """The tables with one of them replaced by a part of it."""
    changes: dict[str, Any] = {rows: part}
    return replace(tables, **changes)
