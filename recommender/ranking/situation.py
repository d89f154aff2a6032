"""The inputs of ranking as dense arrays: what is on sale, and what is known of each organisation at its decision."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from data_contracts.intervals import Interval
from recommender.ranking.ranker import FloatArray, IntArray

Value = TypeVar("Value")

WINDOW_DAYS: Final = 29
"""UTC calendar days of usage before a decision: index 0 is the day of the decision so far, 28 the oldest."""

CARRIED: Final = WINDOW_DAYS
"""The day index of engine cells that collects level readings older than the window."""

DAY_SECONDS: Final = 86_400

REPORT_DAYS: Final = 21
"""UTC calendar days without any report after which usage is unknown, never zero; the decision's own day is one."""


@dataclass(frozen=True, slots=True)
class PlanTable:
    """The plans on sale at one interval, as arrays over p plans in catalogue order.

    Money is net minor units per month (a year's price divided by twelve).
    """

    catalogue_version: str
    interval: Interval
    codes: tuple[str, ...]
    templates: tuple[str, ...]
    """The template vocabulary, sorted: the T axis."""
    integrations: tuple[str, ...]
    """The integration vocabulary, sorted: the I axis."""
    families: tuple[str, ...]
    """The template families in declared order."""
    monthly_price_cents: FloatArray
    """(p,), or (n, p) where each decision has prices of its own."""
    year_price_cents: FloatArray
    """(p,) of a month that is paid by the year, whatever this table's interval is; inf where that is not sold."""
    limits: FloatArray
    """(p, metrics); inf where the plan sets no limit."""
    overage_cents: FloatArray
    """(p, metrics) per unit beyond the limit; NaN where no more can be bought."""
    suits: NDArray[np.bool_]
    """(p, T): whether the plan's family is meant for the template."""
    covers: NDArray[np.bool_]
    """(p, I): whether the plan includes the integration."""
    beside: FloatArray
    """(p, k) what else the catalogue says of a plan, more is better: features, and limits of what is not measured."""
    family: IntArray
    """(p,) index into `families`."""
    tier: IntArray
    """(p,) rank within the family, from 1."""
    known: dict[Callable[["PlanTable"], Any], Any] = field(default_factory=dict, init=False, repr=False, compare=False)
    """Work → its result, of what does not read prices; kept as long as the table."""
    known_at_prices: dict[Callable[["PlanTable"], Any], Any] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def once(self, work: Callable[["PlanTable"], Value], *, of_prices: bool = False) -> Value:
        """The result of a function of the plans alone, computed once for this table; `of_prices`: it reads prices."""
        known = self.known_at_prices if of_prices else self.known
        if work not in known:
            known[work] = work(self)
        value: Value = known[work]
        return value

    def at_prices(self, monthly_price_cents: FloatArray) -> "PlanTable":
        """The same plans at other prices; what is worked out of all else is not worked out again."""
        table = replace(self, monthly_price_cents=monthly_price_cents)
        table.known.update(self.known)
        return table


@dataclass(frozen=True, slots=True)
class Situations:
    """The facts known of n organisations, each at its own instant of decision; arrays broadcast over n."""

    totals: FloatArray
    """(n, WINDOW_DAYS, metrics): sums per day for counts; for levels the last value known, NaN when none yet."""
    seconds: FloatArray
    """(n, WINDOW_DAYS): whole seconds of each day on which the organisation could have used the product, 0…86400."""
    templates: NDArray[np.bool_]
    """(n, T) installed templates, in the plan table's vocabulary."""
    integrations: NDArray[np.bool_]
    """(n, I) connected integrations, in the plan table's vocabulary."""
    trial_age_seconds: FloatArray
    """(n,) whole seconds since the trial began; never negative."""
    country_group: IntArray
    """(n,) index into `features.COUNTRY_GROUPS`."""
    current_plan: IntArray
    """(n,) index of the plan now held, -1 without one."""
    weekday: IntArray
    """(n,) 0 = Monday … 6 = Sunday, UTC, of the instant of decision."""
    eligible: NDArray[np.bool_]
    """(n, p) plans that the organisation may take; the others are not candidates."""

    def __len__(self) -> int:
        return len(self.totals)
