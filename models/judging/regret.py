"""What putting the wrong plan first costs, in cents a month, by the usage that really followed."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from data_contracts.usage import METRICS
from models.data.situations import COUNTED, Batch
from recommender.ranking.derived import Facts
from recommender.ranking.projection import COUNTS, MONTH_DAYS

FloatArray = NDArray[np.float64]

FEWEST_DAYS = 14.0
"""Less of the month that followed says too little about it."""


def monthly_bills(batch: Batch) -> tuple[FloatArray, NDArray[np.bool_]]:
    """The bill of each plan at the usage that followed, (n, p) minor units, and whether the plan would have held it.

    Usage is scaled to 30 days; NaN bills where fewer than `FEWEST_DAYS` followed. A plan holds usage when its stock
    limits hold what was there at the decision, and more of every allowance that is exceeded can be bought.
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
    """How far the bill of the plan put first (n,) is from the lowest bill among the candidates that hold the usage.

    In minor units a month, (n,); too small a plan counts like one that is too dear. NaN where too little followed, or
    no candidate holds it.
    """
    bills, holds = monthly_bills(batch)
    possible = batch.situations.eligible & holds
    cheapest = np.where(possible, bills, np.inf).min(axis=1)
    taken = bills[np.arange(len(batch)), [batch.plans.codes.index(code) for code in first]]
    return np.where(possible.any(axis=1), np.abs(taken - cheapest), np.nan)
