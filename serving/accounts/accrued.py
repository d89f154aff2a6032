"""The overage of the open window: what its end would charge if nothing more were used."""

from sqlalchemy import Connection

from recommender.billing.proration import Line
from recommender.billing.renewal import overage_lines
from recommender.billing.subscription import Subscription
from serving.usage.stretches import usage_by_stretch


def accrued_overage(
    connection: Connection, organization_id: str, subscription: Subscription | None
) -> tuple[Line, ...]:
    """One line per metric beyond its allowance so far, net; empty for a subscription without a plan."""
    if subscription is None or not subscription.is_paying or not subscription.holdings:
        return ()
    used = usage_by_stretch(connection, organization_id, subscription.holdings)
    return overage_lines(subscription.holdings, usage=used)
