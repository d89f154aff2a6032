"""What a reader narrows a page down to, and what it can be cut into."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipelines.metrics.facts import Facts
from recommender.ranking.ranker import IntArray

DIMENSIONS: Final = ("template", "country", "plan", "strategy", "model_version", "week")
"""What journeys are cut into; `strategy` tells the rules' own share from the rules as a fallback."""
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
        day = frame[instant].dt.tz_localize(None)
        kept = np.ones(len(frame), dtype=np.bool_)
        if self.since is not None:
            kept &= (day >= pd.Timestamp(self.since)).to_numpy()
        if self.until is not None:
            kept &= (day < pd.Timestamp(self.until) + pd.Timedelta(days=1)).to_numpy()
        for column, values in (("template", self.templates), ("country", self.countries), ("plan", self.plans)):
            if values:
                kept &= frame[column].isin(values).to_numpy()
        return kept


def narrowed(facts: Facts, filters: Filters) -> Facts:
    """The facts that the filters keep: journeys by when they began, charges by when they were made."""
    return replace(
        facts,
        journeys=facts.journeys[filters.keeps(facts.journeys, "started_at")],
        charges=facts.charges[filters.keeps(facts.charges, "occurred_at")],
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


def cut(facts: Facts, dimension: str) -> Sequence[tuple[str, Facts]]:
    """The facts of each value of a dimension, in the order of the values; only values that occur."""
    names, place = values_of(facts.journeys, dimension)
    return [
        (name, replace(facts, journeys=facts.journeys.iloc[np.flatnonzero(place == i)])) for i, name in enumerate(names)
    ]
