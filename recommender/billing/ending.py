"""The end of a subscription and its pause: cancelled for the end of the period, ended or paused at once, resumed.

Decided: whoever cancels keeps what was paid for until the period ends, and may take it back until then; a change of
plan takes it back, too. The operator may end or pause at once: then unused time is credited, and the allowance of the
open window is the share of the time held, as with any change. That holds for time whose invoice is still open, too:
time that is not delivered is not charged, so the credit is taken off what is owed, and only what is left becomes a
balance. A debt that was waived is not credited, and its window keeps the whole allowance. A pause charges nothing; when
it is over, a whole period of the same plan starts at the price it was sold, along a new anchor.
Others: Stripe pauses the collection and lets the service run on; Chargebee credits a pause by an option, and leaves
unpaid invoices as they are.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Literal
from zoneinfo import ZoneInfo

from recommender.billing.discounts import discount_cents
from recommender.billing.metering import StretchUsage, UsedWindow
from recommender.billing.periods import period_containing
from recommender.billing.proration import Line, counted, full_period, net_cents, unused_time
from recommender.billing.quota import held_until, open_window
from recommender.billing.renewal import Closing, bill_usage, next_cycle
from recommender.billing.subscription import Holding, PaidTime, Subscription
from recommender.billing.tax import Buyer
from recommender.billing.taxed_lines import settled, taxed

Ends = Literal["paused", "ended"]
UsageOf = Callable[[Sequence[Holding]], StretchUsage]
"""Looks up what each of these stretches used."""


class NothingToEnd(ValueError):
    """The subscription pays for nothing, so there is nothing to cancel, to end or to pause."""


class NotPaused(ValueError):
    """The subscription is not paused."""


def cancel(subscription: Subscription, *, now: datetime) -> Subscription:
    """The subscription that ends with its period, a paused one at once; a change that waited is dropped.

    Raises `NothingToEnd`.
    """
    if subscription.status == "paused":
        return subscription.over("ended", at=now)
    if not subscription.is_paying:
        raise NothingToEnd
    return replace(subscription, cancelled=True, scheduled=None)


def end_now(
    *,
    subscription: Subscription,
    status: Ends,
    usage_of: UsageOf,
    is_charged: bool,
    now: datetime,
    closed: Sequence[UsedWindow] = (),
    buyer: Buyer | None = None,
) -> Closing:
    """End or pause a subscription at once.

    Args:
        subscription: One that pays, and whose window holds `now`.
        status: What it becomes.
        usage_of: Says what each stretch used.
        is_charged: Whether the running period was paid, or is owed; what was waived is not credited.
        now: The instant.
        closed: The windows before the open one with their usage as it is known now, oldest first.
        buyer: What decides on the tax; without it nothing is taxed.

    Returns:
        Overage so far and the credit for unused time; a total below zero becomes a credit balance.

    Raises:
        NothingToEnd: The subscription pays for nothing.
    """
    plan = subscription.paying_plan
    if plan is None:
        raise NothingToEnd
    credited = is_charged and now < subscription.period.end
    holdings = held_until(subscription.holdings, now) if credited else subscription.holdings
    held = replace(subscription, holdings=holdings)
    overage: tuple[Line, ...] = ()
    windows: tuple[UsedWindow, ...] = ()
    if holdings:
        usage = usage_of(holdings)
        overage, windows = bill_usage(held, usage=usage, closed=closed, following=(), buyer=buyer)
    credit = unused_time(subscription.paid, plan=plan.code, period=subscription.period, now=now) if credited else ()
    lines = taxed((*overage, *counted(credit, plan)), None if buyer is None else buyer.at(now))
    before, currency = subscription.credit_balance_cents, subscription.currency
    lines, balance = settled(lines, balance_cents=before, currency=currency, plan=plan.code, now=now)
    after = replace(subscription.over(status, at=now), credit_balance_cents=balance)
    if not credited:
        windows = windows[:-1]  # it reaches beyond the end: whoever starts anew meanwhile is not billed for it again
    return Closing(now, lines, None, None, (), after, windows)


def restart(*, subscription: Subscription, now: datetime, timezone: str = "UTC", buyer: Buyer | None = None) -> Closing:
    """Let a paused subscription go on: a whole period from `now`, at the price it was sold; raises `NotPaused`.

    `timezone` is the owner's, in which the new anchor keeps its day.
    """
    plan, interval = subscription.plan, subscription.interval
    if subscription.status != "paused" or plan is None or interval is None:
        raise NotPaused
    local = now.astimezone(ZoneInfo(timezone))
    period = period_containing(anchor=local, interval=interval, instant=now)
    discount = next_cycle(subscription.discount)
    price = plan.price_cents[interval]
    off = discount_cents(discount.promotion, price_cents=price) if discount else 0
    charge = full_period(plan=plan.code, price_cents=price, discount_cents=off, period=period)
    today = None if buyer is None else buyer.at(now)
    lines = taxed(counted(charge, plan), today)
    before, currency = subscription.credit_balance_cents, subscription.currency
    lines, balance = settled(lines, balance_cents=before, currency=currency, plan=plan.code, now=now)
    after = replace(
        subscription,
        status="active",
        period=period,
        anchor=now,
        timezone=timezone,
        paid=PaidTime(price_cents=price - off, charged_cents=net_cents(charge), taxed=today),
        holdings=open_window(plan, anchor=local, now=now),
        discount=discount,
        credit_balance_cents=balance,
    )
    return Closing(now, lines, None, None, (), after)
