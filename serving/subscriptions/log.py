"""The log of subscriptions in the database, and the subscription that it adds up to."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, Row, bindparam, select

from recommender.billing.catalogue import Interval
from recommender.billing.subscription import Subscription
from serving.db.inserts import add_row
from serving.db.queries import Query
from serving.db.tables import subscriptions

_LOG = Query(
    select(subscriptions)
    .where(subscriptions.c.organization_id == bindparam("organization_id"))
    .order_by(subscriptions.c.recorded_at, subscriptions.c.occurred_at, subscriptions.c.event_id)
)


@dataclass(frozen=True, slots=True)
class Held:
    """The plan that an organisation holds; `plan` is `None` during the trial and after the end."""

    status: Literal["trial", "active", "past_due", "suspended", "paused", "none"]
    plan: str | None = None
    interval: Interval | None = None
    catalogue_version: str | None = None
    anchor: datetime | None = None
    """The instant from which billing periods are counted: the first paid one at this interval."""
    quantity: int = 1
    """How many, of a plan that is sold by number."""


def held(connection: Connection, organization_id: str) -> Held:
    """The plan held by the log: the entry recorded last is valid."""
    return _summed(_LOG.all(connection, organization_id=organization_id))


def log_change(
    connection: Connection,
    *,
    event_id: str,
    organization_id: str,
    subscription: Subscription,
    occurred_at: datetime,
    recorded_at: datetime,
) -> None:
    """Append to the log what the organisation holds from `occurred_at` on."""
    add_row(
        connection,
        subscriptions,
        event_id=event_id,
        organization_id=organization_id,
        plan=None if subscription.paying_plan is None else subscription.paying_plan.code,
        interval=subscription.interval,
        status="active" if subscription.is_paying else "ended",
        catalogue_version=subscription.catalogue_version,
        quantity=_number(subscription),
        occurred_at=occurred_at,
        recorded_at=recorded_at,
    )


def _number(subscription: Subscription) -> int | None:
    """How many are held, of a plan that is sold by number."""
    plan = subscription.paying_plan
    return None if plan is None or plan.per is None else plan.quantity


def _summed(log: Iterable[Row[Any]]) -> Held:
    now = Held("trial")
    for change in log:
        if change.status != "active":
            now = Held("none")
            continue
        goes_on = now.status == "active" and now.interval == change.interval
        now = Held(
            "active",
            change.plan,
            change.interval,
            change.catalogue_version,
            now.anchor if goes_on else change.occurred_at,
            change.quantity or 1,
        )
    return now
