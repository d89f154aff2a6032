"""What an organisation holds and how much it may use."""

from dataclasses import dataclass
from datetime import datetime
from math import isinf

from sqlalchemy import Connection

from data_contracts.usage import METRICS
from recommender.billing.catalogue import Catalogue, Plan, UnknownPlan
from recommender.billing.periods import Period, period_containing
from serving.fields import utc_text
from serving.organizations.repository import OrganizationRow
from serving.subscriptions import repository
from serving.subscriptions.repository import Held


@dataclass(frozen=True, slots=True)
class Standing:
    """What is held at one instant: the plan of today's catalogue if it still has it, and the month that is running."""

    held: Held
    plan: Plan | None
    period: Period | None
    """The billing period; `None` without a subscription."""
    usage_period: Period | None
    """The month over which usage is counted; a year has twelve of them."""


def standing(connection: Connection, *, organization_id: str, catalogue: Catalogue, now: datetime) -> Standing:
    """What the organisation holds at this instant."""
    held = repository.held(connection, organization_id)
    if held.anchor is None or held.interval is None:
        return Standing(held, None, None, None)
    instant = max(now, held.anchor)
    return Standing(
        held,
        _plan(catalogue, held.plan),
        period_containing(anchor=held.anchor, interval=held.interval, instant=instant),
        period_containing(anchor=held.anchor, interval="month", instant=instant),
    )


def as_answer(organization: OrganizationRow, now_held: Standing) -> dict[str, object]:
    """The subscription as the contract writes it."""
    held, plan = now_held.held, now_held.plan
    return {
        "organization_id": organization.organization_id,
        "status": held.status,
        "plan": held.plan,
        "interval": held.interval,
        "period": period_answer(now_held.period, organization),
        "anchor": None if held.anchor is None else utc_text(held.anchor),
        "scheduled_change": None,
        "allowance": None if plan is None else _allowance(plan),
        "catalogue_version": held.catalogue_version,
    }


def period_answer(period: Period | None, organization: OrganizationRow) -> dict[str, object]:
    """A period as the contract writes it; without one, what has run since the trial began."""
    if period is None:
        return {"start": utc_text(organization.trial_started_at), "end": None}
    return {"start": utc_text(period.start), "end": utc_text(period.end)}


def _allowance(plan: Plan) -> list[dict[str, object]]:
    return [
        {"metric": metric, "this_period": whole(limit), "then": whole(limit)}
        for metric in METRICS
        if (limit := plan.limit_of(metric)) is not None
    ]


def whole(limit: float) -> int | None:
    """A limit as a whole number; `None` when there is no limit."""
    return None if isinf(limit) else int(limit)


def _plan(catalogue: Catalogue, code: str | None) -> Plan | None:
    try:
        return None if code is None else catalogue.plan(code)
    except UnknownPlan:
        return None
