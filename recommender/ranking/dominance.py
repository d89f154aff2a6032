"""A plan that holds at least as much at no higher price stands above the other, whatever a ranker learned.

Everything that the catalogue says of a plan is compared: price, limits of every kind, prices beyond them, templates,
integrations, features. The plan held is never pushed down: staying costs nothing.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from recommender.ranking.derived import Facts
from recommender.ranking.ranker import FloatArray
from recommender.ranking.situation import PlanTable

STEP: Final = 1e-6
"""By how much utility a plan stands at least above each plan that it dominates."""


def dominates(plans: PlanTable) -> NDArray[np.bool_]:
    """(p, p) whether the plan (first axis) holds everything that the other holds, at no higher price, and is better."""
    beyond = np.where(np.isnan(plans.overage_cents), np.inf, plans.overage_cents)
    prices = np.where(np.isinf(plans.limits), 0.0, beyond)
    more = np.column_stack([-plans.monthly_price_cents, plans.limits, -prices, plans.suits, plans.covers, plans.beside])
    no_less = (more[:, None] >= more[None]).all(axis=2)
    return np.asarray(no_less & ~no_less.T)


def dominating_first(utilities: FloatArray, facts: Facts) -> FloatArray:
    """Utilities (n, p) in which each candidate has at least that of every candidate that it dominates, and `STEP` more.

    What is no candidate keeps its utility. Usage plays no part in it but through the utilities.
    """
    better = facts.plans.once(dominates, of_prices=True)
    if not better.any():
        return utilities
    eligible = facts.situations.eligible
    stays = facts.held & (np.arange(len(better)) == facts.current)
    pairs = better & eligible[:, :, None] & (eligible & ~stays)[:, None, :]
    below = np.where(pairs, utilities[:, None, :], -np.inf).max(axis=2, initial=-np.inf)
    return np.asarray(np.maximum(utilities, below + STEP * pairs.sum(axis=2)))
