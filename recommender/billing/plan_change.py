"""A change of plan, decided by one pure function: the preview shows its value, the execution stores it.

The lines are net and carry their tax treatment. Not implemented: a change dated in the past.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from math import floor
from typing import Final

from recommender.billing.account import Account
from recommender.billing.availability import blockers_against, rule_against, situation_against
from recommender.billing.blockers import Blocker
from recommender.billing.change_rules import ChangeRule, Direction, Timing, effective_instant
from recommender.billing.entitlements import Difference, differences
from recommender.billing.immediate_change import settle_now
from recommender.billing.periods import as_utc
from recommender.billing.proration import Line, net_cents
from recommender.billing.quota import (
    allowance_of,
    renewable_metrics,
    window_of,
)
from recommender.billing.renewal import renew
from recommender.billing.subscription import ScheduledChange, Subscription, Wish
from recommender.billing.taxed_lines import settled

BILLING_DETAILS_MISSING: Final = Blocker("billing_details_missing", "enter_billing_details", "billing")
"""Nothing can be charged without the customer's address."""


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
    withdraws_cancellation: bool = False
    """Whether the subscription was to end and, with this change, goes on."""
    new_version: bool = False
    """Whether it is the plan held, on the terms on which it is sold now."""

    @property
    def net_cents(self) -> int:
        """The sum of the lines, less what a credit balance pays; negative in the customer's favour."""
        return net_cents(self.lines)


class PeriodIsOver(ValueError):
    """The subscription's period or quota window does not hold the instant: close it first."""


class HeldPlanUnknown(LookupError):
    """The plan held was sold elsewhere and is in no catalogue of ours, so no change from it can be priced."""


def decide_plan_change(*, account: Account, wish: Wish, now: datetime) -> PlanChange:
    """Say what choosing the wished plan at `now` would do; do none of it.

    A blocked change still tells direction and lines, as far as the plan has a price and the subscription is not
    suspended.

    Args:
        account: What is known of the organisation, with its subscription.
        wish: The plan, its interval and perhaps a promotion.
        now: The instant of the change.

    Returns:
        Lines in net minor units of the wish's currency, what is gained and lost, every blocker, and the subscription
        that results unless something blocks it.

    Raises:
        PeriodIsOver: A paying subscription has not been rolled up to `now`.
        HeldPlanUnknown: There is no subscription to decide on.

    Examples:
        A trial ends with the first paid period, at the full price:

        >>> from datetime import UTC
        >>> from recommender.billing.catalogue import Plan
        >>> from recommender.billing.eligibility import Applicant
        >>> from recommender.billing.periods import Period
        >>> june = Period(datetime(2025, 6, 1, tzinfo=UTC), datetime(2025, 6, 15, tzinfo=UTC))
        >>> account = Account(Applicant("FR"), Subscription("trial", june))
        >>> basic = Plan("basic", "Basic", "", "shop", 1, {"month": 19_000}, "", (), ())
        >>> change = decide_plan_change(
        ...     account=account, wish=Wish(basic, "month", "v1", "EUR"), now=datetime(2025, 6, 10, tzinfo=UTC)
        ... )
        >>> change.direction, change.net_cents, change.after.period.end.date().isoformat()
        ('start', 19000, '2025-07-10')
    """
    now, subscription = as_utc(now), account.subscription
    if subscription is None:
        raise HeldPlanUnknown
    _check_open(subscription, now)
    rule = rule_against(account, wish)
    decidable = wish.interval in wish.plan.price_cents and subscription.status != "suspended"
    lines, after = _outcome(account, subscription, wish, rule, now) if decidable else ((), subscription)
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
        blockers=(*blockers_against(account, wish, rule=rule, now=now), *_details_missing(account, wish, rule)),
        next_invoice=next_invoice_of(after),
        after=after,
        withdraws_cancellation=subscription.cancelled and not after.cancelled,
        new_version=rule.direction == "lateral" and situation_against(account, wish).is_held,
    )


def _details_missing(account: Account, wish: Wish, rule: ChangeRule) -> tuple[Blocker, ...]:
    """Block a charge without the address that an invoice needs; a preview asks for it, a card does not."""
    charged = rule.direction != "none" and wish.plan.price_cents.get(wish.interval, 0) > 0
    return (BILLING_DETAILS_MISSING,) if charged and not account.may_be_invoiced else ()


def next_invoice_of(subscription: Subscription) -> NextInvoice | None:
    """The next regular invoice of a subscription; `None` where there is none.

    Net of promotions, less a credit balance, with what was carried to it; 0 where it will be too small to be collected.
    """
    if not subscription.is_renewed:
        return None
    end, renewed, balance = subscription.period.end, renew(subscription), subscription.credit_balance_cents
    lines, _ = settled(renewed.lines, balance_cents=balance, currency=renewed.after.currency, plan="", now=end)
    return NextInvoice(end, net_cents(lines))


def open_since(subscription: Subscription) -> datetime | None:
    """When period and quota window that are open had both begun; `None` where neither limits a change."""
    if not subscription.is_paying or subscription.status == "suspended":
        return None
    return max(subscription.period.start, window_of(subscription.holdings).start)


def _check_open(subscription: Subscription, now: datetime) -> None:
    if open_since(subscription) is None:
        return
    if not subscription.period.holds(now) or not window_of(subscription.holdings).holds(now):
        raise PeriodIsOver(f"{now} lies outside the open period or quota window")


def _outcome(
    account: Account, subscription: Subscription, wish: Wish, rule: ChangeRule, now: datetime
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
        return (), replace(subscription, scheduled=waiting, cancelled=False)
    zone = None if rule.settlement == "rest_of_period" else account.timezone
    return settle_now(subscription=subscription, wish=wish, buyer=account.buyer, now=now, new_period_in=zone)


def _allowance(after: Subscription) -> tuple[AllowanceChange, ...]:
    """The renewable allowances that result, now blended and then whole; empty before the first paid period."""
    if after.plan is None or not after.holdings:
        return ()
    then = after.coming.plan if after.coming else after.plan
    metrics = dict.fromkeys((*renewable_metrics(then), *renewable_metrics(after.plan)))
    return tuple(
        AllowanceChange(
            metric,
            this_period=allowance_of(after.holdings, metric=metric),
            then=floor(then.limit_of(metric) or 0) if then.limits_use_of(metric) else None,
        )
        for metric in metrics
    )
