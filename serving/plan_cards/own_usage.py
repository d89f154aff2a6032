"""An organisation's own usage for the comparison: a projected month, and the overage so far."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from recommender.billing.catalogue import Catalogue, Interval
from recommender.cards import projected_usage
from recommender.ranking.derived import Facts
from serving.accounts import account
from serving.accounts.account import Snapshot
from serving.accounts.accrued import accrued_overage
from serving.plan_cards.records import usage_record
from serving.sale.assortment import Assortment


@dataclass(frozen=True, slots=True)
class OwnUsage:
    """A snapshot of one organisation with its overage so far."""

    snapshot: Snapshot
    accrued_cents: dict[str, int]
    """Metric → net minor units beyond the allowance of the open window."""

    def monthly(self, assortment: Assortment, interval: Interval) -> dict[str, int] | None:
        """A month of usage by the projection behind projected bills; `None` when no usage was reported."""
        plans = assortment.tables[interval]
        measured = Facts(account.situation(self.snapshot, catalogue=assortment.catalogue, plans=plans), plans)
        record = usage_record(self.snapshot, projected_usage(measured))
        return None if record is None else record["expected"]


def read(connection: Connection, organization_id: str, *, catalogue: Catalogue, now: datetime) -> OwnUsage:
    """Read the snapshot at this instant and the overage of the open window; raises `UnknownOrganization`."""
    snapshot = account.snapshot_at(connection, organization_id=organization_id, catalogue=catalogue, now=now)
    lines = accrued_overage(connection, organization_id, snapshot.current.subscription)
    return OwnUsage(snapshot, {line.metric: line.amount_cents for line in lines if line.metric is not None})
