"""Money: recurring revenue by journey, the amounts billed, and what a better choice of plan would have saved.

All amounts are net whole minor units of the ledger's currency, but for tax and totals.
"""

import numpy as np

from pipelines.metrics.conversion import over
from pipelines.metrics.intervals import Estimate, Mean, Share
from pipelines.metrics.metric_tables import MetricTables
from recommender.ranking.ranker import FloatArray


def mrr_change(tables: MetricTables) -> Mean:
    """Mean change of what an organisation pays by the month, from its journey's first day to its last."""
    return Mean(_changes(tables))


def moved_share(tables: MetricTables, *, up: bool) -> Share:
    """Journeys after which an organisation pays more (or less) by the month, of those where both are known."""
    change = _changes(tables)
    return Share(int((change > 0).sum() if up else (change < 0).sum()), len(change))


def billed(tables: MetricTables, *, column: str) -> Estimate:
    """The sum of a column over the charges."""
    return Estimate(int(tables.charges[column].sum()), n=len(tables.charges))


def credit_notes(tables: MetricTables) -> Estimate:
    """The sum of the charges with a net below 0: credit balances, documented by credit notes."""
    net = tables.charges["net_cents"]
    return Estimate(int(-net[net < 0].sum()), n=int((net < 0).sum()))


def refunds(tables: MetricTables) -> Estimate:
    """The money that was sent back."""
    return Estimate(int(tables.refunds["amount_cents"].sum()), n=len(tables.refunds))


def unpaid(tables: MetricTables) -> Estimate:
    """The totals of charges that are not paid yet."""
    waiting = tables.charges[~tables.charges["paid"].to_numpy(dtype=np.bool_)]
    return Estimate(int(waiting["total_cents"].sum()), n=len(waiting))


def avoidable_cost(tables: MetricTables) -> Mean:
    """Mean cents a month by which the plan taken cost more than the cheapest sufficient plan."""
    cents = over(tables, "avoidable_cents")["avoidable_cents"]
    return Mean(cents.replace(np.inf, np.nan).dropna().to_numpy(dtype=np.float64))


def cheapest_plan_share(tables: MetricTables) -> Share:
    """Journeys that took the cheapest sufficient plan, of those whose later usage is known."""
    cents = over(tables, "avoidable_cents")["avoidable_cents"].dropna()
    return Share(int((cents == 0).sum()), len(cents))


def _changes(tables: MetricTables) -> FloatArray:
    """Change of the monthly price in cents over each journey where both prices are known."""
    journeys = over(tables, "mrr_before", "mrr_after")
    return (journeys["mrr_after"] - journeys["mrr_before"]).dropna().to_numpy(dtype=np.float64)
