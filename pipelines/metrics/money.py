"""What it brings in: recurring revenue by journey, what was billed, and what better advice would have saved.

All amounts are net whole minor units of the ledger's currency, but for tax and totals.
"""

import numpy as np

from pipelines.metrics import intervals
from pipelines.metrics.conversion import over
from pipelines.metrics.facts import Facts
from pipelines.metrics.intervals import Estimate


def mrr_change(facts: Facts, *, comparisons: int = 1) -> Estimate:
    """Mean change of what an organisation pays by the month, from its journey's first day to its last."""
    journeys = over(facts, "mrr_before", "mrr_after")
    change = (journeys["mrr_after"] - journeys["mrr_before"]).dropna().to_numpy(dtype=np.float64)
    return intervals.mean(change, comparisons=comparisons)


def moved_share(facts: Facts, *, up: bool, comparisons: int = 1) -> Estimate:
    """Journeys after which an organisation pays more (or less) by the month, of those where both are known."""
    journeys = over(facts, "mrr_before", "mrr_after")
    change = (journeys["mrr_after"] - journeys["mrr_before"]).dropna()
    moved = int((change > 0).sum() if up else (change < 0).sum())
    return intervals.share(moved, len(change), comparisons=comparisons)


def billed(facts: Facts, *, column: str, comparisons: int = 1) -> Estimate:  # noqa: ARG001 - a sum has no interval
    """The sum of a column over the charges."""
    return Estimate(int(facts.charges[column].sum()), n=len(facts.charges))


def credit_notes(facts: Facts, *, comparisons: int = 1) -> Estimate:  # noqa: ARG001
    """What charges with a net below 0 became: credit balances, documented by credit notes."""
    net = facts.charges["net_cents"]
    return Estimate(int(-net[net < 0].sum()), n=int((net < 0).sum()))


def refunds(facts: Facts, *, comparisons: int = 1) -> Estimate:  # noqa: ARG001
    """Money that was sent back."""
    return Estimate(int(facts.refunds["amount_cents"].sum()), n=len(facts.refunds))


def unpaid(facts: Facts, *, comparisons: int = 1) -> Estimate:  # noqa: ARG001
    """The totals of charges that are not paid yet."""
    waiting = facts.charges[~facts.charges["paid"].to_numpy(dtype=np.bool_)]
    return Estimate(int(waiting["total_cents"].sum()), n=len(waiting))


def regret(facts: Facts, *, comparisons: int = 1) -> Estimate:
    """Mean cents a month that the plan taken cost more than the cheapest that would have done."""
    known = over(facts, "regret_cents")["regret_cents"].replace(np.inf, np.nan).dropna().to_numpy(dtype=np.float64)
    return intervals.mean(known, comparisons=comparisons)


def without_regret(facts: Facts, *, comparisons: int = 1) -> Estimate:
    """Journeys that took the cheapest plan that would have done, of those of which later usage is known."""
    known = over(facts, "regret_cents")["regret_cents"].dropna()
    return intervals.share(int((known == 0).sum()), len(known), comparisons=comparisons)
