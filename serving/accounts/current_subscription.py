"""The current subscription of an organisation, and its allowances."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from math import isinf
from typing import Literal, cast

from sqlalchemy import Connection

from data_contracts.usage import COUNT_METRICS, METRICS
from recommender.billing.catalogue import Catalogue, Interval, Plan
from recommender.billing.periods import Period
from recommender.billing.plan_change import next_invoice_of
from recommender.billing.quota import allowance_of, window_of
from recommender.billing.subscription import Subscription
from recommender.billing.trial import trial_end
from serving.accounts.contracts import Access, Allowance, AnnouncedVersion, Notice, RefusedChange, SubscriptionAnswer
from serving.organizations.repository import OrganizationRow
from serving.subscriptions import log, states, trials
from serving.subscriptions.log import Held
from serving.usage.contracts import UsagePeriod
from serving.web.fields import utc_text


@dataclass(frozen=True, slots=True)
class CurrentSubscription:
    """The subscription at one instant: the plan as it was sold, and the open window."""

    held: Held
    plan: Plan | None
    period: Period | None
    """The billing period; `None` without a subscription."""
    usage_period: Period | None
    """The window over which usage is counted: a month, or longer where a year began within a month."""
    subscription: Subscription | None
    """`None` for a subscription that was imported with an unknown plan."""
    currency: str
    """The currency of the subscription; without one, of the catalogue."""
    billed_here: bool = True
    """Whether this service renews the subscription; an imported one is billed elsewhere until it is changed here."""

    trial_ends_at: datetime | None = None
    """The end of the trial, if it is one and has an end."""
    trial_over: bool = False

    @property
    def access(self) -> Access:
        """`read_only` where nothing is paid for any more: everything can be read, nothing changed."""
        status = self.held.status
        return (
            "full" if status in ("active", "past_due") or (status == "trial" and not self.trial_over) else "read_only"
        )

    @property
    def scheduled(self) -> tuple[str, Interval] | None:
        """Plan and interval of the scheduled change."""
        waiting = None if self.subscription is None else self.subscription.scheduled
        return None if waiting is None else (waiting.plan.code, waiting.interval)

    @property
    def ends_at(self) -> datetime | None:
        """When a cancelled subscription ends."""
        held = self.subscription
        return held.period.end if held is not None and held.is_paying and held.cancelled else None

    def as_sold(self, plan: Plan, interval: Interval) -> Plan:
        """The plan as this organisation sees it: the version that was sold if it holds the plan at this interval."""
        mine = self.plan is not None and (self.plan.code, self.held.interval) == (plan.code, interval)
        return self.plan if mine and self.plan is not None else plan

    def allowance(self, metric: str) -> float | None:
        """The allowance of the open window, prorated for counts; `inf`: no limit, `None`: not in the plan."""
        if self.held.status == "paused":
            return None
        limit = None if self.plan is None else self.plan.limit_of(metric)
        if limit is None or isinf(limit) or self.subscription is None or metric not in COUNT_METRICS:
            return limit
        return allowance_of(self.subscription.holdings, metric=metric)


def current(
    connection: Connection, organization: OrganizationRow, *, catalogue: Catalogue, now: datetime
) -> CurrentSubscription:
    """The organisation's subscription at this instant."""
    state = states.present(connection, organization, catalogue=catalogue, now=now)
    if state is None:
        held = log.held(connection, organization.organization_id)
        return CurrentSubscription(held, None, None, None, None, catalogue.currency, billed_here=False)
    subscription = state.subscription
    if subscription.status == "paused" and subscription.plan is not None:
        plan, currency = subscription.plan, subscription.currency or catalogue.currency
        paused = Held("paused", plan.code, subscription.interval, subscription.catalogue_version, subscription.anchor)
        return CurrentSubscription(paused, plan, None, None, subscription, currency)
    if not subscription.is_paying or subscription.plan is None:
        nothing = Held("trial" if subscription.status == "trial" else "none")
        moved = trials.extended_to(connection, organization.organization_id)
        end = trial_end(catalogue.trial, started_at=organization.trial_started_at, extended_to=moved)
        end = end if nothing.status == "trial" else None
        over = end is not None and end <= now
        none = None, None, None
        return CurrentSubscription(nothing, *none, subscription, catalogue.currency, trial_ends_at=end, trial_over=over)
    paying = Held(
        cast("Literal['active', 'past_due', 'suspended']", subscription.status),
        subscription.plan.code,
        subscription.interval,
        subscription.catalogue_version,
        subscription.anchor,
    )
    window = window_of(subscription.holdings)
    currency = subscription.currency or catalogue.currency
    return CurrentSubscription(
        paying, subscription.plan, subscription.period, window, subscription, currency, billed_here=state.version > 0
    )


def as_answer(
    organization: OrganizationRow,
    now_held: CurrentSubscription,
    *,
    refused: RefusedChange | None = None,
    notices: Sequence[Notice] = (),
    accrued_cents: int = 0,
) -> SubscriptionAnswer:
    """The subscription as the contract writes it; `refused` is the scheduled change that was blocked at its instant.

    `accrued_cents` is the net overage of the open window so far.
    """
    held, subscription = now_held.held, now_held.subscription
    waiting = None if subscription is None else subscription.scheduled
    coming = None if subscription is None or not now_held.billed_here else next_invoice_of(subscription)
    plan = now_held.plan
    return {
        "organization_id": organization.organization_id,
        "status": held.status,
        "access": now_held.access,
        "trial": None
        if now_held.trial_ends_at is None
        else {"ends_at": utc_text(now_held.trial_ends_at), "over": now_held.trial_over},
        "billed_by": None if held.plan is None else "here" if now_held.billed_here else "external",
        "plan": held.plan,
        "interval": held.interval,
        "quantity": None if plan is None else plan.quantity,
        "period": period_answer(now_held.period, organization),
        "anchor": None if held.anchor is None else utc_text(held.anchor),
        "scheduled_change": None
        if waiting is None
        else {
            "plan": waiting.plan.code,
            "interval": waiting.interval,
            "quantity": waiting.plan.quantity,
            "effective_at": utc_text(waiting.effective_at),
            "catalogue_version": waiting.catalogue_version,
        },
        "announced_version": _announced(subscription),
        "cancellation": None if now_held.ends_at is None else {"effective_at": utc_text(now_held.ends_at)},
        "allowance": None if now_held.plan is None else _allowance(now_held, now_held.plan),
        "catalogue_version": held.catalogue_version,
        "plan_name": None if plan is None else plan.name,
        "price_cents": None if plan is None or held.interval is None else plan.price_cents[held.interval],
        "currency": now_held.currency,
        "refused_change": refused,
        "credit_balance_cents": 0 if subscription is None else max(subscription.credit_balance_cents, 0),
        "carried_cents": 0 if subscription is None else subscription.carried_cents,
        "next_invoice": None if coming is None else {"at": utc_text(coming.at), "net_cents": coming.net_cents},
        "accrued_overage_cents": accrued_cents,
        "notices": list(notices),
    }


def _announced(subscription: Subscription | None) -> AnnouncedVersion | None:
    move = None if subscription is None else subscription.announced
    if subscription is None or move is None or subscription.interval is None or (at := subscription.moves_at) is None:
        return None
    return {
        "campaign": move.campaign,
        "catalogue_version": move.catalogue_version,
        "effective_at": utc_text(at),
        "price_cents": move.plan.price_cents[subscription.interval],
    }


def period_answer(period: Period | None, organization: OrganizationRow) -> UsagePeriod:
    """A period as the contract writes it; without one, the time since the trial began."""
    if period is None:
        return {"start": utc_text(organization.trial_started_at), "end": None}
    return {"start": utc_text(period.start), "end": utc_text(period.end)}


def _allowance(now_held: CurrentSubscription, plan: Plan) -> list[Allowance]:
    waiting = None if now_held.subscription is None else now_held.subscription.coming
    then = plan if waiting is None else waiting.plan
    window = now_held.usage_period
    over = window is not None and window.end == now_held.ends_at
    return [
        {"metric": metric, "this_period": whole(limit), "then": 0 if over else None if after is None else whole(after)}
        for metric in METRICS
        if (limit := now_held.allowance(metric)) is not None
        for after in (then.limit_of(metric),)
    ]


def whole(limit: float) -> int | None:
    """A limit as a whole number; `None` when there is no limit."""
    return None if isinf(limit) else int(limit)
