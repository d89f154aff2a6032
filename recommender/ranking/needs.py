"""Needs: what is true of an organisation, what one plan fails and another meets, whatever the two cost.

A need can justify a dearer plan (`guard.py`). Money is none: what can be bought beyond a limit is in the bill already.
But where a limit is passed, the larger plan may be dearer by the month while it costs less by the year.
With more usage no need goes away. A limit that is passed stays passed; what is stored stays stored, so its pace does
not slow down either; templates and integrations have nothing to do with usage. Hence the plan that a need justifies is
justified at any higher usage.

What is counted grows as far as the last week has risen above the month, and no further. More could not be claimed: it
would lead who used less in earlier weeks to a larger plan than who used more in them.
"""

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from recommender.ranking.chains import on_chain
from recommender.ranking.derived import Facts
from recommender.ranking.projection import COUNTS
from recommender.ranking.ranker import FloatArray
from recommender.ranking.situation import PlanTable

Truths = NDArray[np.bool_]
"""(n, p, p): whether the organisation has the need, and the plan (second axis) meets it and the other (third) fails."""

WEEK: Final = 7
GROWTH_WEEKS: Final = 8
"""How far ahead growth is carried on: what is full within so many weeks is as good as full."""
LEAST_SAVING_CENTS: Final = 100.0
"""A bill lower by less is not worth a word."""
EQUAL_CENTS: Final = 1.0
"""Bills that differ by no more are equal: they are rounded line by line where they are shown."""
MOST_FOR_INTEGRATIONS: Final = 2.0
"""An integration alone justifies a bill higher by at most so many times the price of the plan that lacks it."""


def limit_passed(facts: Facts) -> Truths:
    """Usage is over a limit beyond which no more can be bought, and the plan holds more.

    For what renews, the expected month counts: it is passed with a chance of one half at least.
    """
    passed = facts.plans.once(_unsold) & (_used(facts) > facts.plans.limits)
    return np.asarray((passed[:, None] & facts.plans.once(_holds_more)).any(axis=3))


def limit_near(facts: Facts) -> Truths:
    """Usage grows, and passes a limit beyond which no more can be bought if it goes on like that.

    What is stored within `GROWTH_WEEKS`, at the pace of its last two weeks; what is counted within a month, at the pace
    of its last week.
    """
    stored = _used(facts) + GROWTH_WEEKS * weekly_growth(facts)[:, None]
    full = facts.plans.once(_unsold) & (np.where(COUNTS, facts.ahead_monthly[:, None], stored) > facts.plans.limits)
    return np.asarray((full[:, None] & facts.plans.once(_holds_more)).any(axis=3))


def bill_near(facts: Facts) -> Truths:
    """Counted usage grows, and at the pace of its last week the other plan costs more, overage included."""
    beyond = (COUNTS & ~facts.plans.once(_unsold)) & (facts.ahead_monthly[:, None] > facts.plans.limits)
    larger = (beyond[:, None] & facts.plans.once(_holds_more)).any(axis=3)
    ahead, family = facts.bill_ahead_cents, facts.plans.family
    return np.asarray(larger & (family[:, None] == family) & (ahead[:, None] >= ahead[:, :, None] + LEAST_SAVING_CENTS))


def cheaper_by_year(facts: Facts) -> Truths:
    """Counted usage passes a limit beyond which more is sold, and by the year the larger plan costs less."""
    beyond = (COUNTS & ~facts.plans.once(_unsold)) & (_used(facts) > facts.plans.limits)
    larger = (beyond[:, None] & facts.plans.once(_holds_more)).any(axis=3)
    bills, family = facts.year_bill_cents, facts.plans.family
    return np.asarray(larger & (family[:, None] == family) & (bills[:, :, None] + EQUAL_CENTS < bills[:, None]))


def integration_lacking(facts: Facts) -> Truths:
    """A connected integration is included in the plan and not in the other, for at most `MOST_FOR_INTEGRATIONS`."""
    bills = facts.reported_bill_cents
    lacks = facts.situations.integrations[:, None, None] & facts.plans.once(_includes_more)
    extra = bills[:, :, None] - bills[:, None]
    most = MOST_FOR_INTEGRATIONS * np.broadcast_to(facts.plans.monthly_price_cents, bills.shape)
    return np.asarray(lacks.any(axis=3) & (extra <= most[:, None]))


def template_unsuited(facts: Facts) -> Truths:
    """An installed template is one that the plan's family is meant for and the other's is not."""
    return np.asarray((facts.situations.templates[:, None, None] & facts.plans.once(_suits_more)).any(axis=3))


NEEDS: Final[Mapping[str, Callable[[Facts], Truths]]] = {
    "limit_passed": limit_passed,
    "limit_near": limit_near,
    "bill_near": bill_near,
    "cheaper_by_year": cheaper_by_year,
    "integration_lacking": integration_lacking,
    "template_unsuited": template_unsuited,
}
"""Every need by its code; what is not listed justifies nothing."""


def needed_over(facts: Facts) -> Truths:
    """(n, p, p) whether any need speaks for the plan over the other, but for the price by the year."""
    return np.asarray(np.logical_or.reduce([facts.once(need) for need in NEEDS.values() if need != cheaper_by_year]))


def weekly_growth(facts: Facts) -> FloatArray:
    """(n, metrics) units by which a level rose in each of the last two weeks, the lesser; 0 while that is unknown."""
    levels = facts.situations.totals[:, [0, WEEK, 2 * WEEK]]
    steps = np.minimum(levels[:, 0] - levels[:, 1], levels[:, 1] - levels[:, 2])
    return np.where(~COUNTS & ~np.isnan(steps), np.maximum(steps, 0.0), 0.0)


def weeks_to(limit: float, *, totals: FloatArray, monthly: float) -> int:
    """In how many weeks a month's usage passes a limit if every one is like the last: 1…4.

    `totals` (WINDOW_DAYS,) are units by day, the latest first; `monthly` is a month at that pace, above the limit. A
    month is four weeks, of which one after the other gives way to one more like the last, as 30 days.
    """
    weeks = [float(totals[1 + 7 * week : 8 + 7 * week].sum()) * 30 / 28 for week in range(4)]
    return next((more for more in range(1, 4) if more * monthly / 4 + sum(weeks[: 4 - more]) > limit), 4)


def _used(facts: Facts) -> FloatArray:
    """(n, 1, metrics) of the next month."""
    return facts.reported_monthly[:, None]


def _unsold(plans: PlanTable) -> NDArray[np.bool_]:
    """(p, metrics) limits that the bill does not speak of: nothing is sold beyond, or the family is no chain."""
    return np.asarray(~COUNTS | np.isnan(plans.overage_cents) | ~plans.once(on_chain)[:, None])


def _holds_more(plans: PlanTable) -> NDArray[np.bool_]:
    """(p, p, metrics) whether the plan's limit is above the other's."""
    return np.asarray(plans.limits[:, None] > plans.limits[None])


def _includes_more(plans: PlanTable) -> NDArray[np.bool_]:
    """(p, p, I) whether the plan includes the integration and the other lacks it."""
    return np.asarray(plans.covers[:, None] & ~plans.covers[None])


def _suits_more(plans: PlanTable) -> NDArray[np.bool_]:
    """(p, p, T) whether the plan's family is meant for the template and the other's is not."""
    return np.asarray(plans.suits[:, None] & ~plans.suits[None])
