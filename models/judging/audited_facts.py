"""The facts of one organisation at its decision, told by other code than the code that finds reasons.

They come from daily usage and the catalogue's plans, not from features or plan tables. Only the projection of usage,
which is a definition, is shared with the code under audit.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from data_contracts.intervals import MONTHS_OF
from data_contracts.usage import COUNT_METRICS, METRICS
from recommender.billing.catalogue import Catalogue, Interval, Plan
from recommender.billing.overage import Units
from recommender.cards import MonthlyUsage, projected_usage
from recommender.ranking.charged_plans import AS_LISTED, Charged
from recommender.ranking.derived import Facts
from recommender.ranking.situation import DAY_SECONDS, PlanTable, Situations


@dataclass(frozen=True)
class ReasonChecker:
    """The facts of one organisation at its decision, against which the messages of reasons are checked."""

    catalogue: Catalogue
    charged: Charged
    """The prices charged to the organisation where they differ from the catalogue, as logged."""
    interval: Interval
    candidates: tuple[str, ...]
    templates: frozenset[str]
    connected: frozenset[str]
    current_plan: str | None
    usage: MonthlyUsage
    daily: Mapping[str, tuple[float, float]]
    """Counted metric → units a day in the recent and the earlier half of the history, in whole weeks where possible."""
    levels: Mapping[str, tuple[float, float, float]]
    """Level metric → level at the decision, a week and two weeks before it; NaN where unknown."""
    weeks: Mapping[str, tuple[float, ...]]
    """Counted metric → units of the four whole weeks before the decision, the latest first."""
    weeks_seen: int
    """How many of these could be used in full, but for a day at most; from the latest."""

    def plan(self, code: str) -> Plan:
        """The plan with this code."""
        return self.catalogue.plan(code)

    def limit(self, code: str, metric: str) -> float:
        """The limit of a plan for a metric; infinite without one."""
        sold = self.charged.get(code, {}).get("limits", {})
        limit = sold[metric] if metric in sold else self.plan(code).limit_of(metric)
        return float("inf") if limit is None else float(limit)

    def integrations(self, code: str) -> frozenset[str]:
        """The integrations that a plan includes."""
        sold = self.charged.get(code, {}).get("integrations")
        return self.plan(code).integrations if sold is None else frozenset(sold)

    def beyond(self, code: str) -> dict[str, float]:
        """Counted metric → price of a unit beyond the limit, in minor units; absent where no more can be bought."""
        listed = {metric: float(price) for metric, price in self.plan(code).overage_cents.items()}
        sold = {**listed, **self.charged.get(code, {}).get("overage_cents", {})}
        return {metric: price for metric, price in sold.items() if price is not None and metric in COUNT_METRICS}

    def price(self, code: str) -> float:
        """The monthly price of a plan by which plans are compared, in minor units."""
        months = MONTHS_OF[self.interval]
        return float(self.charged.get(code, {}).get("price_cents", self.plan(code).price_cents[self.interval] / months))

    def at_last_pace(self, metric: str) -> float:
        """Units of 30 days like those of the last week, of which no more count than twice an earlier one's."""
        latest, *earlier = self.weeks[metric][:3]
        pace = min(latest, *(2 * week for week in earlier)) if self.weeks_seen >= 3 else 0.0
        return float(np.floor(pace * 30 / 7 + 0.5))

    def ahead(self) -> dict[str, float]:
        """Units of a month ahead: as projected, or more if the last week's pace goes on."""
        counted: dict[str, float] = {metric: self.at_last_pace(metric) for metric in COUNT_METRICS}
        return {metric: max(float(units), counted.get(metric, 0.0)) for metric, units in self.usage.expected.items()}

    def bill(self, code: str, *, usage: Mapping[str, float] | None = None) -> float:
        """The projected monthly bill of a plan, or the one at this usage, in minor units."""
        return self.price(code) + self._overage(code, self.usage.expected if usage is None else usage)

    def year_bill(self, code: str) -> float:
        """The projected monthly bill of a plan if it is paid by the year; `KeyError` where that is not sold."""
        of_year = self.plan(code).price_cents["year"] / MONTHS_OF["year"]
        price = self.price(code) if self.interval == "year" else self.charged.get(code, {}).get("year_price_cents")
        return float(of_year if price is None else price) + self._overage(code, self.usage.expected)

    def _overage(self, code: str, used: Mapping[str, Units] | Mapping[str, float]) -> float:
        over = [
            (max(used.get(each, 0) - self.limit(code, each), 0), price) for each, price in self.beyond(code).items()
        ]
        return sum(float(units) * price for units, price in over)


def reason_checker(
    situations: Situations, *, catalogue: Catalogue, plans: PlanTable, charged: Charged = AS_LISTED
) -> ReasonChecker:
    """The checker for the single organisation of `situations` (n = 1)."""

    def named(there: np.ndarray[Any, np.dtype[np.bool_]], codes: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(code for code, has in zip(codes, there[0].tolist(), strict=True) if has)

    current = int(situations.current_plan[0])
    return ReasonChecker(
        catalogue=catalogue,
        charged=charged,
        interval=plans.interval,
        candidates=named(situations.eligible, plans.codes),
        templates=frozenset(named(situations.templates, plans.templates)),
        connected=frozenset(named(situations.integrations, plans.integrations)),
        current_plan=None if current < 0 else plans.codes[current],
        usage=projected_usage(Facts(situations, plans)),
        daily=_halves(situations),
        levels={metric: _weeks(situations, metric) for metric in ("documents", "assistants", "seats")},
        weeks={metric: _counted_weeks(situations, metric) for metric in COUNT_METRICS},
        weeks_seen=_weeks_seen(situations),
    )


def _halves(situations: Situations) -> dict[str, tuple[float, float]]:
    seconds = situations.seconds[0]
    days = [day for day in range(len(seconds)) if seconds[day] > 0]
    half = 7 * (len(days) // 14) if len(days) >= 14 else len(days) // 2
    halves = days[:half], days[half : 2 * half]

    def rate(metric: str, of: list[int]) -> float:
        used = sum(float(situations.totals[0, day, METRICS.index(metric)]) for day in of)
        return used / max(sum(float(seconds[day]) for day in of) / DAY_SECONDS, 1e-9)

    return {
        metric: (rate(metric, halves[0]), rate(metric, halves[1])) for metric in ("conversations", "ai_tokens") if half
    }


def _weeks(situations: Situations, metric: str) -> tuple[float, float, float]:
    now, week, fortnight = situations.totals[0, (0, 7, 14), METRICS.index(metric)].tolist()
    return now, week, fortnight


def _counted_weeks(situations: Situations, metric: str) -> tuple[float, ...]:
    days = situations.totals[0, :, METRICS.index(metric)].tolist()
    return tuple(sum(days[1 + 7 * week : 8 + 7 * week]) for week in range(4))


def _weeks_seen(situations: Situations) -> int:
    seconds = situations.seconds[0].tolist()
    whole = [sum(seconds[1 + 7 * week : 8 + 7 * week]) >= 6 * DAY_SECONDS for week in range(4)]
    return (*whole, False).index(False)
