"""The overage of the open window: what its end would charge if nothing more were used."""

from sqlalchemy import Connection

from recommender.billing.metering import QuotaUse, StretchUsage, UsedWindow, quota_uses
from recommender.billing.proration import Line
from recommender.billing.renewal import bill_usage, following_window
from recommender.billing.subscription import Subscription
from serving.usage import closed_windows
from serving.usage.stretches import usage_by_stretch


def accrued_overage(
    connection: Connection, organization_id: str, subscription: Subscription | None
) -> tuple[Line, ...]:
    """One line per metric beyond its allowance so far, net; empty for a subscription without a plan.

    Usage reported late for a window that has closed is not among it.
    """
    if subscription is None or not subscription.is_paying or not subscription.holdings:
        return ()
    usage, closed = _windows(connection, organization_id, subscription)
    return bill_usage(subscription, usage=usage, closed=closed, following=following_window(subscription))[0]


def open_quota_uses(connection: Connection, organization_id: str, subscription: Subscription) -> dict[str, QuotaUse]:
    """Metric → its use in the open window, as the window's end would bill it."""
    usage, closed = _windows(connection, organization_id, subscription)
    windows = (*closed, UsedWindow(subscription.holdings, usage), UsedWindow(following_window(subscription)))
    return {found.metric: found for found in quota_uses(windows, len(closed))}


def _windows(
    connection: Connection, organization_id: str, subscription: Subscription
) -> tuple[StretchUsage, tuple[UsedWindow, ...]]:
    usage = usage_by_stretch(connection, organization_id, subscription.holdings)
    return usage, closed_windows.latest(connection, organization_id)
