"""Needs: what is true of an organisation, what one plan fails and another meets, whatever the two cost.

A need can justify a dearer plan (`guard.py`). Money is none: what can be bought beyond a limit is in the bill already.
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

from recommender.ranking.derived import Facts
from recommender.ranking.projection import COUNTS
from recommender.ranking.ranker import FloatArray

Truths = NDArray[np.bool_]
"""(n, p, p): whether the organisation has the need, and the plan (second axis) meets it and the other (third) fails."""

WEEK: Final = 7
GROWTH_WEEKS: Final = 8
"""How far ahead growth is carried on: what is full within so many weeks is as good as full."""
LEAST_SAVING_CENTS: Final = 100.0
"""A bill lower by less is not worth a word."""
MOST_FOR_INTEGRATIONS: Final = 2.0
"""An integration alone justifies a bill higher by at most so many times the price of the plan that lacks it."""


def limit_passed(facts: Facts) -> Truths:
    """Usage is over a limit beyond which no more can be bought, and the plan holds more.

    For what renews, the expected month counts: it is passed with a chance of one half at least.
    """
    passed = _unsold(facts) & (_used(facts) > _limits(facts))
    return np.asarray((passed[:, None] & _holds_more(facts)).any(axis=3))


def limit_near(facts: Facts) -> Truths:
    """Usage grows, and passes a limit beyond which no more can be bought if it goes on like that.

    What is stored within `GROWTH_WEEKS`, at the pace of its last two weeks; what is counted within a month, at the pace
    of its last week.
    """
    stored = _used(facts) + GROWTH_WEEKS * weekly_growth(facts)[:, None]
    full = _unsold(facts) & (np.where(COUNTS, facts.ahead_monthly[:, None], stored) > _limits(facts))
    return np.asarray((full[:, None] & _holds_more(facts)).any(axis=3))


def bill_near(facts: Facts) -> Truths:
    """What is counted grows, and at the pace of its last week the other plan costs more, with what is bought beyond."""
    beyond = (COUNTS & ~_unsold(facts))[None] & (facts.ahead_monthly[:, None] > _limits(facts))
    larger = (beyond[:, None] & _holds_more(facts)).any(axis=3)
    ahead, family = facts.bill_ahead_cents, facts.plans.family
    return np.asarray(larger & (family[:, None] == family) & (ahead[:, None] >= ahead[:, :, None] + LEAST_SAVING_CENTS))


def integration_lacking(facts: Facts) -> Truths:
    """A connected integration is included in the plan and not in the other, for at most `MOST_FOR_INTEGRATIONS`."""
    covers, bills = facts.plans.covers, facts.reported_bill_cents
    lacks = facts.situations.integrations[:, None, None] & covers[None, :, None] & ~covers[None, None]
    extra = bills[:, :, None] - bills[:, None]
    return np.asarray(lacks.any(axis=3) & (extra <= MOST_FOR_INTEGRATIONS * facts.plans.monthly_price_cents))


def template_unsuited(facts: Facts) -> Truths:
    """An installed template is one that the plan's family is meant for and the other's is not."""
    suits = facts.plans.suits
    return np.asarray((facts.situations.templates[:, None, None] & suits[None, :, None] & ~suits[None, None]).any(3))


NEEDS: Final[Mapping[str, Callable[[Facts], Truths]]] = {
    "limit_passed": limit_passed,
    "limit_near": limit_near,
    "bill_near": bill_near,
    "integration_lacking": integration_lacking,
    "template_unsuited": template_unsuited,
}
"""Every need by its code; what is not listed justifies nothing."""


def needed_over(facts: Facts) -> Truths:
    """(n, p, p) whether any need speaks for the plan over the other."""
    return np.asarray(np.logical_or.reduce([need(facts) for need in NEEDS.values()]))


def weekly_growth(facts: Facts) -> FloatArray:
    """(n, metrics) units by which a level rose in each of the last two weeks, the lesser; 0 while that is unknown."""
    levels = facts.situations.totals[:, [0, WEEK, 2 * WEEK]]
    steps = np.minimum(levels[:, 0] - levels[:, 1], levels[:, 1] - levels[:, 2])
    return np.where(~COUNTS & ~np.isnan(steps), np.maximum(steps, 0.0), 0.0)


def _used(facts: Facts) -> FloatArray:
    """(n, 1, metrics) of the next month."""
    return facts.reported_monthly[:, None]


def _limits(facts: Facts) -> FloatArray:
    """Shape (p, metrics)."""
    return facts.plans.limits


def _unsold(facts: Facts) -> NDArray[np.bool_]:
    """(p, metrics) limits that the bill does not speak of: nothing is sold beyond, or the family is no chain."""
    return np.asarray(~COUNTS | np.isnan(facts.plans.overage_cents) | ~facts.on_chain[:, None])


def _holds_more(facts: Facts) -> NDArray[np.bool_]:
    """(p, p, metrics) whether the plan's limit is above the other's."""
    return np.asarray(facts.plans.limits[:, None] > facts.plans.limits[None])
