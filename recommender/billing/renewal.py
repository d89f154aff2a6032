"""Renewal: the end of a month or a period, with overage, the next period and a change that waited.

A step closes one quota window; every period's end is a window's end too, for months and years are cut along one
anchor. Steps are pure and know their own instant, so that running them late, or again, gives the same result.
Decided: a step bills overage of the window that closed and, at a period's end, the next whole period in advance.
A waiting change is checked again at its instant; if something stands against it then, the plan stays and its owner is
told. What is suspended is not renewed; once it is paid for it goes on, and if its period is over meanwhile, only the
rest of the period then running is charged. A running promotion counts a cycle per period and goes along to a plan
that it covers at the same interval.
Usage that is reported after its window closed is billed with the next one, marked as late: what counts is the window
as it is known now less the units that were billed of it, on the allowance and at the price of that window. Usage that
turns out smaller gives nothing back; it only grows.
Others: Stripe applies a scheduled phase unchecked.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from fractions import Fraction

from recommender.billing.blockers import Blocker
from recommender.billing.catalogue import Interval
from recommender.billing.discounts import covers, discount_cents
from recommender.billing.dunning import arrears_blockers
from recommender.billing.money import round_half_away_from_zero
from recommender.billing.periods import MONTHS_OF, as_utc, next_period, period_containing
from recommender.billing.proration import Line, balance_used, full_period, net_cents, remaining_time
from recommender.billing.quota import (
    open_window,
    overage_price_cents,
    overage_units,
    renewable_metrics,
    window_of,
)
from recommender.billing.subscription import Holding, PaidTime, RunningDiscount, ScheduledChange, Subscription

StretchUsage = Mapping[str, Sequence[int]]
"""Renewable metric → units used in each stretch of the window, in order; a metric that is absent was not used."""
Check = Callable[[Subscription, ScheduledChange, datetime], tuple[Blocker, ...]]
"""A function that names the blockers of a waiting change at its instant."""


@dataclass(frozen=True, slots=True)
class Renewed:
    """The next period: its lines, and the subscription that begins it."""

    lines: tuple[Line, ...]
    after: Subscription


@dataclass(frozen=True, slots=True)
class Closing:
    """The result of closing one quota window."""

    at: datetime
    lines: tuple[Line, ...]
    """Net minor units to charge now; empty at the end of a month within a year without overage."""
    applied: ScheduledChange | None
    refused: ScheduledChange | None
    """The waiting change that could not be made, dropped."""
    blockers: tuple[Blocker, ...]
    """Why it could not."""
    after: Subscription

    @property
    def net_cents(self) -> int:
        """The sum of the lines."""
        return net_cents(self.lines)


@dataclass(frozen=True, slots=True)
class ClosedWindow:
    """A window that was billed."""

    holdings: tuple[Holding, ...]
    used: Mapping[str, tuple[int, ...]]
    """Metric → the units of each stretch that it was billed for."""


class NothingToClose(ValueError):
    """The subscription pays for nothing, so nothing of it ever closes."""


def due_at(subscription: Subscription) -> datetime | None:
    """The instant at which the open quota window closes.

    Args:
        subscription: Any subscription.

    Returns:
        The end of the window; `None` for a subscription that pays for nothing or is not renewed.
    """
    if not subscription.is_paying:
        return None
    end = window_of(subscription.holdings).end
    return None if subscription.status == "suspended" and end == subscription.period.end else end


def close_window(
    *, subscription: Subscription, usage: StretchUsage, check: Check, late: tuple[Line, ...] = ()
) -> Closing:
    """Close the open quota window at its own end.

    Args:
        subscription: A subscription whose window has ended.
        usage: What each stretch of the window used.
        check: Says what stands against a waiting change at its instant.
        late: The lines of earlier windows whose usage was reported since.

    Returns:
        The lines to charge, what became of a waiting change, and the subscription that goes on.

    Raises:
        NothingToClose: The subscription pays for nothing.
    """
    at, plan = due_at(subscription), subscription.paying_plan
    if at is None or plan is None or subscription.anchor is None:
        raise NothingToClose
    overage = (*overage_lines(subscription.holdings, usage=usage), *late)
    waiting: ScheduledChange | None = None
    blockers: tuple[Blocker, ...] = ()
    if at == subscription.period.end:
        waiting = subscription.scheduled
        blockers = check(subscription, waiting, at) if waiting else ()
        renewed = renew(replace(subscription, scheduled=None) if blockers else subscription)
        lines, after = (*overage, *renewed.lines), renewed.after
    else:
        lines, after = overage, replace(subscription, holdings=open_window(plan, anchor=subscription.anchor, now=at))
    balance = balance_used(subscription.credit_balance_cents, plan=plan.code, net=net_cents(lines), now=at)
    return Closing(
        at=at,
        lines=(*lines, *balance),
        applied=None if blockers else waiting,
        refused=waiting if blockers else None,
        blockers=blockers,
        after=replace(after, credit_balance_cents=subscription.credit_balance_cents + net_cents(balance)),
    )


def resume(*, subscription: Subscription, usage: StretchUsage, now: datetime, late: tuple[Line, ...] = ()) -> Closing:
    """Let a suspended subscription go on whose invoices are paid now; `NothingToClose` if it is not suspended.

    Within its period nothing is charged. After it: what was used beyond the allowance before, with the `late` lines of
    earlier windows, and the rest of the period now running along the same anchor, at the price it was sold. A change
    that waited meanwhile is dropped.
    """
    plan, interval, anchor = subscription.paying_plan, subscription.interval, subscription.anchor
    if subscription.status != "suspended" or plan is None or interval is None or anchor is None:
        raise NothingToClose
    active = replace(subscription, status="active")
    if now < subscription.period.end:
        return Closing(now, (), None, None, (), active)
    period = period_containing(anchor=anchor, interval=interval, instant=now)
    discount = _next_cycle(subscription.discount)
    price = plan.price_cents[interval]
    off = discount_cents(discount.promotion, price_cents=price) if discount else 0
    charge = remaining_time(plan=plan.code, price_cents=price, discount_cents=off, period=period, now=now)
    lines = (*overage_lines(subscription.holdings, usage=usage), *late, *charge)
    balance = balance_used(subscription.credit_balance_cents, plan=plan.code, net=net_cents(lines), now=now)
    months = open_window(plan, anchor=anchor, now=now)
    after = replace(
        active,
        period=period,
        paid=PaidTime(price_cents=price - off, charged_cents=net_cents(charge)),
        holdings=tuple(replace(month, period=month.period.since(now)) for month in months),
        discount=discount,
        scheduled=None,
        credit_balance_cents=subscription.credit_balance_cents + net_cents(balance),
    )
    waiting = subscription.scheduled
    blockers = arrears_blockers("suspended", timing="period_end") if waiting else ()
    return Closing(now, (*lines, *balance), None, waiting, blockers, after)


def overage_lines(holdings: Sequence[Holding], *, usage: StretchUsage) -> tuple[Line, ...]:
    """One line per metric used beyond the blended allowance, where more can be bought."""
    window, plan = window_of(holdings), holdings[-1].plan
    metrics = dict.fromkeys(metric for holding in holdings for metric in renewable_metrics(holding.plan))
    lines = []
    for metric in metrics:
        units = overage_units(holdings, metric=metric, used=usage.get(metric, (0,) * len(holdings)))
        price = overage_price_cents(holdings, metric=metric)
        if units and price is not None:
            amount = round_half_away_from_zero(units * price)
            lines.append(Line("overage", plan.code, window, amount, amount, Fraction(1), metric, units, price))
    return tuple(lines)


def late_lines(closed: ClosedWindow, *, used: Mapping[str, tuple[int, ...]]) -> tuple[Line, ...]:
    """One line per metric of which more was used beyond the allowance than was billed; `used` is what is known now."""
    holdings, lines = closed.holdings, []
    nothing = (0,) * len(holdings)
    for metric in dict.fromkeys(metric for holding in holdings for metric in renewable_metrics(holding.plan)):
        known = overage_units(holdings, metric=metric, used=used.get(metric, nothing))
        units = known - overage_units(holdings, metric=metric, used=closed.used.get(metric, nothing))
        price = overage_price_cents(holdings, metric=metric)
        if units > 0 and price is not None:
            amount, plan = round_half_away_from_zero(units * price), holdings[-1].plan.code
            window = window_of(holdings)
            lines.append(Line("overage", plan, window, amount, amount, Fraction(1), metric, units, price, late=True))
    return tuple(lines)


def renew(subscription: Subscription) -> Renewed:
    """The period after the one now open, on the plan that then holds; a credit balance is not looked at.

    `NothingToClose` for a subscription that pays for nothing.
    """
    plan, interval, anchor = subscription.paying_plan, subscription.interval, subscription.anchor
    if plan is None or interval is None or anchor is None:
        raise NothingToClose
    at, waiting = subscription.period.end, subscription.scheduled
    discount = _next_cycle(subscription.discount)
    version, currency = subscription.catalogue_version, subscription.currency
    if waiting is None:
        period = next_period(anchor=anchor, interval=interval, period=subscription.period)
    else:
        discount = _discount_after(waiting, running=discount, interval=interval)
        if MONTHS_OF[waiting.interval] > MONTHS_OF[interval]:
            anchor = at
        plan, interval, version = waiting.plan, waiting.interval, waiting.catalogue_version
        currency = waiting.currency or currency
        period = period_containing(anchor=anchor, interval=interval, instant=at)
    price = plan.price_cents[interval]
    off = discount_cents(discount.promotion, price_cents=price) if discount else 0
    lines = full_period(plan=plan.code, price_cents=price, discount_cents=off, period=period)
    after = replace(
        subscription,
        period=period,
        plan=plan,
        interval=interval,
        catalogue_version=version,
        currency=currency,
        anchor=as_utc(anchor),
        paid=PaidTime(price_cents=price - off, charged_cents=net_cents(lines)),
        holdings=open_window(plan, anchor=anchor, now=at),
        discount=discount,
        promotions_used=subscription.promotions_used | _promotion_of(waiting),
        scheduled=None,
    )
    return Renewed(lines, after)


def _promotion_of(waiting: ScheduledChange | None) -> frozenset[str]:
    return frozenset({waiting.promotion.code}) if waiting and waiting.promotion else frozenset()


def _next_cycle(running: RunningDiscount | None) -> RunningDiscount | None:
    """The promotion with one cycle less; gone after its last."""
    if running is None or running.cycles_left is None:
        return running
    return replace(running, cycles_left=running.cycles_left - 1) if running.cycles_left > 1 else None


def _discount_after(
    waiting: ScheduledChange, *, running: RunningDiscount | None, interval: Interval
) -> RunningDiscount | None:
    """The promotion of the waiting change, else the one in force if it covers the new plan at the same interval."""
    if waiting.promotion is not None:
        return RunningDiscount(waiting.promotion, waiting.promotion.cycles)
    if running is None or waiting.interval != interval:
        return None
    return running if covers(running.promotion, plan=waiting.plan, interval=waiting.interval) else None
