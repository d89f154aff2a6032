"""What a reader narrows a page down to, and what it can be cut into."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipelines.metrics.facts import Facts
from recommender.ranking.ranker import IntArray

DIMENSIONS: Final = ("template", "country", "plan", "strategy", "model_version", "week")
"""What journeys are cut into; `strategy` tells the rules' own share from the rules as a fallback."""
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

    def said(self) -> str:
        """What is kept, as it was asked for; empty when nothing is left out."""
        period = (f"{self.since or '…'} – {self.until or '…'}",) if self.since or self.until else ()
        return " · ".join((*period, *self.templates, *self.countries, *self.plans))

    def keeps(self, frame: pd.DataFrame, instant: str) -> NDArray[np.bool_]:
        """Which rows are meant; `instant` names the column that places a row in the period."""
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


def narrowed(facts: Facts, filters: Filters) -> Facts:
    """The facts that the filters keep: journeys, decisions and exposures by when they began, charges by when made."""
    return replace(
        facts,
        journeys=facts.journeys[filters.keeps(facts.journeys, "started_at")],
        charges=facts.charges[filters.keeps(facts.charges, "occurred_at")],
        decisions=facts.decisions[filters.keeps(facts.decisions, "started_at")],
        # Not by plan: which one is recommended is what an arm decides, and would no longer be by lot.
        participants=facts.participants[replace(filters, plans=()).keeps(facts.participants, "started_at")],
    )


def values_of(journeys: pd.DataFrame, dimension: str) -> tuple[list[str], IntArray]:
    """The values of a dimension that occur, sorted, and the place of each journey's among them."""
    if dimension == "week":
        day = journeys["started_at"].dt.tz_localize(None).to_numpy().astype("datetime64[D]").astype(np.int64)
        mondays, place = np.unique(day - (day + 3) % 7, return_inverse=True)
        return [str(monday) for monday in mondays.astype("datetime64[D]")], place.astype(np.int64)
    names: Any = journeys["strategy" if dimension == "strategy" else dimension].astype("category")
    if dimension == "strategy":
        share = (journeys["fallback"] == RULES_SHARE).to_numpy(dtype=np.bool_)
        names = names.cat.add_categories(RULES_SHARE)
        names.loc[share] = RULES_SHARE
    codes, place = np.unique(names.cat.codes.to_numpy(), return_inverse=True)
    found = [str(names.cat.categories[code]) for code in codes]
    rank = np.argsort(np.argsort(found))
    return sorted(found), rank[place].astype(np.int64)


def cut(facts: Facts, dimension: str, *, rows: Rows = "journeys") -> Sequence[tuple[str, Facts]]:
    """The facts of each value of a dimension, in the order of the values; only values that occur in these `rows`."""
    frame: pd.DataFrame = getattr(facts, rows)
    if frame.empty:
        return []
    names, place = values_of(frame, dimension)
    parts = [frame.iloc[np.flatnonzero(place == i)] for i in range(len(names))]
    return [(name, _with(facts, rows, part)) for name, part in zip(names, parts, strict=True)]


def _with(facts: Facts, rows: Rows, part: pd.DataFrame) -> Facts:
    """The facts with a part of these rows only."""
    changes: dict[str, Any] = {rows: part}
    return replace(facts, **changes)
