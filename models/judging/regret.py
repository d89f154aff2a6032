"""Regret: how far the bill of the plan put first is from the lowest bill, by the usage after the decision."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from data_contracts.usage import METRICS
from models.data.situations import COUNTED, Batch
from recommender.ranking.derived import Facts
from recommender.ranking.projection import COUNTS, MONTH_DAYS
from recommender.ranking.ranker import FloatArray

FEWEST_DAYS = 14.0
"""The least number of days with usage after a decision; with fewer the regret is unknown."""


def monthly_bills(batch: Batch) -> tuple[FloatArray, NDArray[np.bool_]]:
    """The monthly bill of each plan at the usage after the decision, and whether it allows that usage, (n, p) each.

    Bills are in minor units, for usage scaled to 30 days, and NaN where fewer than `FEWEST_DAYS` days followed. A plan
    allows the usage when its stock limits allow what was there at the decision and every exceeded allowance has an
    overage price.
    """
    facts = Facts(batch.situations, batch.plans)
    share = np.where(batch.later_days >= FEWEST_DAYS, batch.later_days, np.nan) / MONTH_DAYS
    usage = np.where(COUNTS, 0.0, facts.projection.monthly)
    usage[:, [METRICS.index(metric) for metric in COUNTED]] = batch.later_usage / share[:, None]
    over = usage[:, None, :] > batch.plans.limits
    closed = np.where(COUNTS, np.isnan(batch.plans.overage_cents), True)
    holds = np.count_nonzero(over & closed, axis=2) == 0
    return batch.plans.monthly_price_cents + facts.overage_of(usage), holds


def regrets(batch: Batch, first: Sequence[str]) -> FloatArray:
    """The distance of the bill of each plan put first from the lowest bill of an adequate candidate, (n,).

    In minor units a month; a plan that is too small counts like one that is too expensive. NaN where the usage after
    the decision is unknown, or no candidate allows it.
    """
    bills, holds = monthly_bills(batch)
    possible = batch.situations.eligible & holds
    cheapest = np.where(possible, bills, np.inf).min(axis=1)
    taken = bills[np.arange(len(batch)), [batch.plans.codes.index(code) for code in first]]
    return np.where(possible.any(axis=1), np.abs(taken - cheapest), np.nan)
