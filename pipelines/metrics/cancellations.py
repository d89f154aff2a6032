"""Cancellations: how many there are, why, how many are averted, and the churn that they make."""

from typing import Final, get_args

from data_contracts.raw.cancellations import CancellationReason
from pipelines.metrics.intervals import Estimate, Share
from pipelines.metrics.metric_tables import MetricTables

WHY: Final[tuple[CancellationReason, ...]] = get_args(CancellationReason)


def cancelled(tables: MetricTables) -> Estimate:
    """The number of cancellations, whatever came of them."""
    return Estimate(len(tables.cancellations), n=len(tables.cancellations))


def kept_share(tables: MetricTables) -> Share:
    """Cancellations that were taken back, or averted by a save offer, of those that do not wait any more."""
    settled = tables.cancellations[tables.cancellations["status"] != "waiting"]
    return Share(int((settled["status"] != "ended").sum()), len(settled))


def churn_share(tables: MetricTables) -> Share:
    """Organisations whose subscription has ended by a cancellation, of those that were billed."""
    billed = set(tables.charges["organization_id"])
    ended = set(tables.cancellations.loc[tables.cancellations["status"] == "ended", "organization_id"])
    return Share(len(ended & billed), len(billed))


def why_share(tables: MetricTables, *, why: CancellationReason) -> Share:
    """The share of cancellations that were for one reason."""
    return Share(int((tables.cancellations["why"] == why).sum()), len(tables.cancellations))
