"""The stored state of subscriptions: one row per organisation, with a version against concurrent writes."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import TypeAdapter
from sqlalchemy import Connection, bindparam, select

from recommender.billing.catalogue import MAX_QUANTITY, Catalogue, Plan, UnknownPlan
from recommender.billing.periods import Period, period_containing
from recommender.billing.quota import open_window
from recommender.billing.renewal import due_at
from recommender.billing.subscription import PaidTime, Subscription
from serving.db import json_columns
from serving.db.billing_tables import subscription_states
from serving.db.inserts import add_row
from serving.db.queries import Query
from serving.db.updates import change_rows
from serving.organizations import repository as organizations
from serving.organizations.repository import OrganizationRow
from serving.sale.versions import find
from serving.subscriptions import log
from serving.subscriptions.log import Held

_SUBSCRIPTION: TypeAdapter[Subscription] = TypeAdapter(Subscription)
_of = select(subscription_states.c.state, subscription_states.c.version).where(
    subscription_states.c.organization_id == bindparam("organization_id")
)
_STORED = Query(_of)
_DUE = Query(_of.where(subscription_states.c.due_at <= bindparam("now")))


@dataclass(frozen=True, slots=True)
class State:
    """A subscription and the version of its row; version 0 stands for no row."""

    subscription: Subscription
    version: int


class StateChangedMeanwhile(Exception):
    """Another transaction has written the subscription since it was read."""


def stored(connection: Connection, organization_id: str) -> State | None:
    """The stored state of a subscription, if there is one."""
    row = _STORED.first(connection, organization_id=organization_id)
    return None if row is None else State(json_columns.loads(_SUBSCRIPTION, row.state), row.version)


def is_due(connection: Connection, organization_id: str, *, now: datetime) -> bool:
    """Whether the open window of the stored subscription has ended."""
    return _DUE.first(connection, organization_id=organization_id, now=now) is not None


def present(
    connection: Connection, organization: OrganizationRow, *, catalogue: Catalogue, now: datetime
) -> State | None:
    """The stored subscription, else the one that the log of an import adds up to, else the trial.

    An imported subscription has the price of the version it was sold by and counts as paid. For an unknown version,
    the plan of today is taken, and the amount paid counts as unknown. `None`: the plan is in no known catalogue.
    """
    found = stored(connection, organization.organization_id)
    if found is not None:
        return found
    held = log.held(connection, organization.organization_id)
    if held.status != "active":
        period = Period(organization.trial_started_at, max(organization.trial_started_at, now))
        return State(Subscription("trial" if held.status == "trial" else "ended", period), 0)
    sold = None if held.catalogue_version is None else find(connection, held.catalogue_version, on_sale=catalogue)
    adopted = _adopted(held, organization, sold=sold or catalogue, known=sold is not None, now=now)
    return None if adopted is None else State(adopted, 0)


def store(connection: Connection, organization_id: str, subscription: Subscription, *, over: int, now: datetime) -> int:
    """Write the subscription over the version that was read, and note that decisions about it are outdated.

    The new version. Raises `StateChangedMeanwhile`; two first writers meet in an `IntegrityError`.
    """
    values: dict[str, Any] = {
        "version": over + 1,
        "state": json_columns.dumps(_SUBSCRIPTION, subscription),
        "due_at": due_at(subscription),
        **_renewed(subscription),
        "announced": None if subscription.announced is None else subscription.announced.campaign,
        "updated_at": now,
    }
    if over == 0:
        add_row(connection, subscription_states, organization_id=organization_id, **values)
        organizations.touch(connection, [organization_id])
        return 1
    read = {"organization_id": organization_id, "version": over}
    if change_rows(connection, subscription_states, read, **values) != 1:
        raise StateChangedMeanwhile(organization_id)
    organizations.touch(connection, [organization_id])
    return over + 1


def _renewed(subscription: Subscription) -> dict[str, str | None]:
    """The plan that is renewed as it was sold, if it is and no change of it is agreed: what a campaign may move."""
    open_to_moves = subscription.is_renewed and subscription.scheduled is None and subscription.announced is None
    plan, version = subscription.plan, subscription.catalogue_version
    if plan is None or not open_to_moves:
        return {"renewed_plan": None, "renewed_version": None}
    return {"renewed_plan": plan.code, "renewed_version": version}


def _adopted(held: Held, owner: OrganizationRow, *, sold: Catalogue, known: bool, now: datetime) -> Subscription | None:
    plan = _plan_of(held, sold)
    if plan is None or held.anchor is None or held.interval is None:
        return None
    instant, anchor = max(now, held.anchor), held.anchor.astimezone(ZoneInfo(owner.timezone))
    price = plan.price_cents[held.interval]
    return Subscription(
        status="active",
        period=period_containing(anchor=anchor, interval=held.interval, instant=instant),
        plan=plan,
        interval=held.interval,
        catalogue_version=held.catalogue_version,
        currency=sold.currency,
        anchor=held.anchor,
        timezone=owner.timezone,
        paid=PaidTime(price_cents=price, charged_cents=price if known else 0, known=known),
        holdings=open_window(plan, anchor=anchor, now=instant),
    )


def _plan_of(held: Held, catalogue: Catalogue) -> Plan | None:
    try:
        plan = None if held.plan is None else catalogue.plan(held.plan)
    except UnknownPlan:
        return None
    if plan is not None and plan.per is not None:
        plan = plan.of(min(held.quantity, plan.most or MAX_QUANTITY))
    return plan if plan is not None and held.interval in plan.price_cents else None
