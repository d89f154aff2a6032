"""A snapshot of one organisation at one instant, and its form for the plan rules and for ranking."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from data_contracts.usage import COUNT_METRICS, METRICS
from recommender.billing.account import Account
from recommender.billing.catalogue import Catalogue, Interval
from recommender.billing.eligibility import Applicant, refusals_for
from recommender.billing.payment_methods import is_enterprise
from recommender.billing.subscription import Subscription
from recommender.ranking.countries import country_group
from recommender.ranking.day_cube import UsageCells, cells_to_cube, microseconds, trial_age_seconds, weekdays
from recommender.ranking.situation import CARRIED, WINDOW_DAYS, PlanTable, Situations
from serving.accounts import current_subscription as subscriptions
from serving.accounts.current_subscription import CurrentSubscription
from serving.organizations import repository as organizations
from serving.organizations.billing_details import buyer_of, details_of
from serving.organizations.repository import OrganizationRow
from serving.payments import charges
from serving.payments import repository as payment_methods
from serving.usage import repository as usage
from serving.usage.repository import UsageDay

_METRIC_INDEX: Final[dict[str, int]] = {metric: index for index, metric in enumerate(METRICS)}


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything about one organisation that a decision reads, at one instant."""

    organization: OrganizationRow
    current: CurrentSubscription
    account: Account
    """The organisation as the plan rules see it."""
    days: tuple[UsageDay, ...]
    """Usage on the days of the ranking window."""
    carried: tuple[UsageDay, ...]
    """For each level metric, its last day before the window."""
    at: datetime


def snapshot_at(connection: Connection, *, organization_id: str, catalogue: Catalogue, now: datetime) -> Snapshot:
    """Read the snapshot of an organisation; raises `UnknownOrganization`."""
    first_day = now.astimezone(UTC).date() - timedelta(days=WINDOW_DAYS - 1)
    organization = organizations.get(connection, organization_id)
    held = subscriptions.current(connection, organization, catalogue=catalogue, now=now)
    return Snapshot(
        organization,
        held,
        account_at(connection, organization, subscription=held.subscription, catalogue=catalogue, now=now),
        tuple(usage.days_since(connection, organization_id, first_day)),
        tuple(usage.levels_before(connection, organization_id, first_day)),
        now,
    )


def account_at(
    connection: Connection,
    organization: OrganizationRow,
    *,
    subscription: Subscription | None,
    catalogue: Catalogue,
    now: datetime,
) -> Account:
    """The organisation as the plan rules see it at this instant; cards, previews and renewals all use this value.

    `subscription` is what it holds (`None`: a plan that no catalogue of ours knows), `catalogue` ranks its tier.
    Connected integrations count as in use until they are disconnected.
    """
    owner, held = organization.organization_id, None if subscription is None else subscription.paying_plan
    levels = usage.levels_before(connection, owner, now.astimezone(UTC).date() + timedelta(days=1))
    return Account(
        applicant=applicant(organization),
        subscription=subscription,
        stock_usage={day.metric: day.level for day in levels},
        in_use=dict.fromkeys(organization.integrations),
        open_invoices=charges.open_invoices(connection, owner),
        timezone=organization.timezone,
        buyer=buyer_of(organization),
        may_be_invoiced=not details_of(organization).missing,
        payable_plans=_payable_plans(connection, owner, catalogue),
        rank_of_held=None if held is None else catalogue.rank_of(held),
    )


def _payable_plans(connection: Connection, organization_id: str, catalogue: Catalogue) -> frozenset[str] | None:
    """The plans that an organisation may pay for that has bank transfers only; `None` for every other one."""
    kinds = {method.kind for method in payment_methods.methods_of(connection, organization_id)}
    if kinds != {"bank_transfer"}:
        return None
    return frozenset(plan.code for plan in catalogue.plans if is_enterprise(plan, catalogue))


def applicant(organization: OrganizationRow) -> Applicant:
    """The organisation as the availability rules see it."""
    return Applicant(organization.country, frozenset(organization.templates), frozenset(organization.integrations))


def situation(snapshot: Snapshot, *, catalogue: Catalogue, plans: PlanTable) -> Situations:
    """The snapshot as arrays for ranking, n = 1, with the plans of one interval."""
    organization = snapshot.organization
    decided_at = np.array([microseconds(snapshot.at)], dtype=np.int64)
    trial_started_at = np.array([microseconds(organization.trial_started_at)], dtype=np.int64)
    totals, seconds = cells_to_cube(
        _cells(snapshot.days, snapshot.carried, today=snapshot.at.astimezone(UTC).date()),
        decided_at_us=decided_at,
        trial_started_at_us=trial_started_at,
    )
    return Situations(
        totals=totals,
        seconds=seconds,
        templates=_among(plans.templates, organization.templates),
        integrations=_among(plans.integrations, organization.integrations),
        trial_age_seconds=trial_age_seconds(decided_at_us=decided_at, trial_started_at_us=trial_started_at),
        country_group=np.array([country_group(organization.country)], dtype=np.int64),
        current_plan=np.array([_place(snapshot.current.held.plan, plans.codes)], dtype=np.int64),
        weekday=weekdays(decided_at),
        eligible=_eligible(snapshot, catalogue=catalogue, plans=plans),
    )


def _eligible(snapshot: Snapshot, *, catalogue: Catalogue, plans: PlanTable) -> NDArray[np.bool_]:
    """Which plans are candidates, (1, plans): those without refusals, and the current plan always."""
    interval: Interval = plans.interval
    who = snapshot.account.applicant
    return np.array(
        [
            [
                code == snapshot.current.held.plan
                or not refusals_for(offer=catalogue.plan(code), interval=interval, applicant=who, now=snapshot.at)
                for code in plans.codes
            ]
        ],
        dtype=bool,
    ).reshape(1, len(plans.codes))


def _cells(days: Sequence[UsageDay], carried: Sequence[UsageDay], *, today: date) -> UsageCells:
    rows = [((today - day.day).days, day) for day in days if day.day <= today]
    rows += [(CARRIED, day) for day in carried]
    return UsageCells(
        decision=np.zeros(len(rows), dtype=np.int64),
        day=np.array([index for index, _ in rows], dtype=np.int64),
        metric=np.array([_METRIC_INDEX[day.metric] for _, day in rows], dtype=np.int64),
        value=np.array([day.total if day.metric in COUNT_METRICS else day.level for _, day in rows], dtype=np.int64),
    )


def _among(vocabulary: tuple[str, ...], present: Sequence[str]) -> NDArray[np.bool_]:
    return np.array([[code in present for code in vocabulary]], dtype=bool).reshape(1, len(vocabulary))


def _place(plan: str | None, codes: tuple[str, ...]) -> int:
    return codes.index(plan) if plan in codes else -1
