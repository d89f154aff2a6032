"""What choosing a plan would do, decided by one pure function: the preview shows its value, the execution stores it.

The lines are net; tax is added to the whole document by the caller, from `lines` and `net_cents`, and nothing here
depends on it. Not implemented: a change dated in the past.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from math import floor
from typing import Final

from recommender.billing.arrears import PAID_AMOUNT_UNKNOWN, OpenInvoices, arrears_blockers, arrears_of
from recommender.billing.blockers import Blocker, blockers_for
from recommender.billing.catalogue import Window
from recommender.billing.change_rules import (
    ChangeRule,
    Direction,
    Timing,
    effective_instant,
    rule_for,
    situation_of,
)
from recommender.billing.discounts import promotion_refusals
from recommender.billing.eligibility import Applicant, refusals_for
from recommender.billing.entitlements import Difference, differences
from recommender.billing.immediate_change import settle_now
from recommender.billing.periods import as_utc
from recommender.billing.proration import Line, net_cents
from recommender.billing.quota import (
    allowance_of,
    is_limited,
    renewable_metrics,
    window_of,
)
from recommender.billing.renewal import renew
from recommender.billing.subscription import ScheduledChange, Subscription, Wish

OTHER_CURRENCY: Final = Blocker("other_currency", "contact_support", "support")
"""What is held is paid in another currency than what is wanted: the one cannot be taken off the other."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of the organisation that bears on which plans it may take (see `blockers_for`)."""

    applicant: Applicant
    stock_usage: Mapping[str, int | None] = field(default_factory=dict)
    in_use: Mapping[str, datetime | None] = field(default_factory=dict)
    open_invoices: OpenInvoices = "none"
    rank_of_held: int | None = None
    """The tier that the plan held has in the wish's catalogue (`Catalogue.rank_of`); `None`: the one it was sold at."""


@dataclass(frozen=True, slots=True)
class AllowanceChange:
    """A renewable allowance in the window now open and in whole months from then on; `None` means unlimited."""

    metric: str
    this_period: int | None
    then: int | None


@dataclass(frozen=True, slots=True)
class NextInvoice:
    """The next regular invoice as far as it is known: overage comes on top."""

    at: datetime
    net_cents: int


@dataclass(frozen=True, slots=True)
class PlanChange:
    """Everything a change would do; `after` is the subscription that results, unless something blocks it."""

    wish: Wish
    direction: Direction
    timing: Timing
    effective_at: datetime | None
    lines: tuple[Line, ...]
    allowance: tuple[AllowanceChange, ...]
    gained: tuple[Difference, ...]
    lost: tuple[Difference, ...]
    blockers: tuple[Blocker, ...]
    next_invoice: NextInvoice | None
    after: Subscription

    @property
    def net_cents(self) -> int:
        """The sum of the lines; negative when it goes to the credit balance."""
        return net_cents(self.lines)


class PeriodIsOver(ValueError):
    """The subscription's period or quota window does not hold the instant: close it first."""


class PlanChangeBlocked(Exception):
    """A blocked change was asked for anyway; `blockers` says why, all at once."""

    def __init__(self, blockers: tuple[Blocker, ...]) -> None:
        super().__init__(", ".join(blocker.code for blocker in blockers))
        self.blockers = blockers


def decide_plan_change(*, subscription: Subscription, wish: Wish, standing: Standing, now: datetime) -> PlanChange:
    """Say what choosing the wished plan at `now` would do; do none of it.

    Lines are net minor units of the wish's currency. A blocked change still tells direction and lines, as far as the
    plan has a price and the subscription is not suspended. `PeriodIsOver` if a paying subscription has not been rolled
    up to `now`.
    """
    now = as_utc(now)
    _check_open(subscription, now)
    rule = _rule(subscription, wish, standing)
    blockers = _blockers(subscription, wish, standing, rule, now)
    decidable = wish.interval in wish.plan.price_cents and subscription.status != "suspended"
    lines, after = _outcome(subscription, wish, rule, now) if decidable else ((), subscription)
    gained, lost = differences(current=subscription.paying_plan, target=wish.plan)
    return PlanChange(
        wish=wish,
        direction=rule.direction,
        timing=rule.timing,
        effective_at=effective_instant(timing=rule.timing, now=now, period=subscription.period),
        lines=lines,
        allowance=_allowance(after),
        gained=gained,
        lost=lost,
        blockers=blockers,
        next_invoice=next_invoice_of(after),
        after=after,
    )


def apply_plan_change(change: PlanChange) -> Subscription:
    """The subscription after the change; `PlanChangeBlocked` when something stands against it."""
    if change.blockers:
        raise PlanChangeBlocked(change.blockers)
    return change.after


def blockers_at_instant(
    *, subscription: Subscription, waiting: ScheduledChange, currency: str, standing: Standing, now: datetime
) -> tuple[Blocker, ...]:
    """What stands against a waiting change when its instant has come, by the same rules as when it was asked for.

    A window of the plan or promotion that closed meanwhile does not count: the change was agreed while it was open.
    """
    wish = Wish(waiting.plan, waiting.interval, waiting.catalogue_version, currency)
    rule = _rule(subscription, wish, standing)
    if waiting.direction is not None:
        rule = replace(rule, direction=waiting.direction, timing="period_end")
    lasting = replace(waiting.plan, window=Window())
    return _blockers(subscription, replace(wish, plan=lasting), standing, rule, now)


def next_invoice_of(subscription: Subscription) -> NextInvoice | None:
    """When the subscription is billed next and for how much, net of promotions and credit balance."""
    if not subscription.is_paying or subscription.status == "suspended":
        return None
    renewed = renew(subscription)
    return NextInvoice(subscription.period.end, max(net_cents(renewed.lines) - subscription.credit_balance_cents, 0))


def _rule(subscription: Subscription, wish: Wish, standing: Standing) -> ChangeRule:
    """Tiers are compared within the wish's catalogue: a later one may have put a tier between."""
    current = subscription.paying_plan
    if current is not None and standing.rank_of_held is not None:
        current = replace(current, tier=standing.rank_of_held)
    return rule_for(
        situation_of(
            current=current,
            current_interval=subscription.interval,
            target=wish.plan,
            target_interval=wish.interval,
        )
    )


def _check_open(subscription: Subscription, now: datetime) -> None:
    if not subscription.is_paying or subscription.status == "suspended":
        return
    if not subscription.period.holds(now) or not window_of(subscription.holdings).holds(now):
        raise PeriodIsOver(f"{now} lies outside the open period or quota window")


def _blockers(
    subscription: Subscription, wish: Wish, standing: Standing, rule: ChangeRule, now: datetime
) -> tuple[Blocker, ...]:
    if rule.direction == "none":
        return (Blocker("nothing_to_change", "choose_other_plan", "plans", subject=wish.plan.code),)
    found = list(refusals_for(offer=wish.plan, interval=wish.interval, applicant=standing.applicant, now=now))
    if wish.promotion is not None:
        found.extend(
            promotion_refusals(
                wish.promotion, plan=wish.plan, interval=wish.interval, now=now, used=subscription.promotions_used
            )
        )
    if subscription.is_paying and subscription.currency not in (None, wish.currency):
        found.append(OTHER_CURRENCY)
    arrears = arrears_of(subscription.status, invoices=standing.open_invoices)
    found.extend(arrears_blockers(arrears, timing=rule.timing))
    if rule.timing == "now" and subscription.is_paying and not subscription.paid.known:
        found.append(PAID_AMOUNT_UNKNOWN)
    found.extend(
        blockers_for(
            target=wish.plan,
            direction=rule.direction,
            stock_usage=standing.stock_usage,
            in_use=standing.in_use,
        )
    )
    return tuple(found)


def _outcome(
    subscription: Subscription, wish: Wish, rule: ChangeRule, now: datetime
) -> tuple[tuple[Line, ...], Subscription]:
    """The lines to pay now and the subscription that results."""
    if rule.settlement == "nothing":
        return (), subscription
    if rule.settlement == "next_renewal":
        end = subscription.period.end
        waiting = ScheduledChange(
            wish.plan,
            wish.interval,
            wish.catalogue_version,
            end,
            wish.promotion,
            currency=wish.currency,
            direction=rule.direction,
        )
        return (), replace(subscription, scheduled=waiting)
    keeps_period = rule.settlement == "rest_of_period"
    return settle_now(subscription=subscription, wish=wish, now=now, keeps_period=keeps_period)


def _allowance(after: Subscription) -> tuple[AllowanceChange, ...]:
    """The renewable allowances that result, now blended and then whole; empty before the first paid period."""
    if after.plan is None or not after.holdings:
        return ()
    then = after.scheduled.plan if after.scheduled else after.plan
    metrics = dict.fromkeys((*renewable_metrics(then), *renewable_metrics(after.plan)))
    return tuple(
        AllowanceChange(
            metric,
            this_period=allowance_of(after.holdings, metric=metric),
            then=floor(then.limit_of(metric) or 0) if is_limited(then, metric) else None,
        )
        for metric in metrics
    )
