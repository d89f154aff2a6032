"""Renewal: the end of a month or a period, with overage, the next period and a change that waited.

A step closes one quota window; every period's end is a window's end too, for months and years are cut along one
anchor. Steps are pure and know their own instant, so that running them late, or again, gives the same result.
Decided: a step bills overage of the window that closed and, at a period's end, the next whole period in advance.
A waiting change is checked again at its instant; if something stands against it then, the plan stays and its owner is
told. What is cancelled ends with its period and charges only what was used beyond the allowance. What is suspended is
not renewed; once it is paid for it goes on, and if its period is over meanwhile, only the rest of the period then
running is charged. A running promotion counts a cycle per period and goes along to a plan that it covers at the same
interval. An announced move to a new version is made at the first renewal after its notice, whatever is held or used;
a change that waits goes before it.
Usage that is reported after its window closed is billed with the next one, marked as late: the window as it is known
now less what was billed of it. Usage that turns out smaller gives nothing back; it only grows.
Others: Stripe applies a scheduled phase unchecked.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from data_contracts.intervals import MONTHS_OF
from recommender.billing.blockers import Blocker
from recommender.billing.discounts import discount_cents
from recommender.billing.dunning import arrears_blockers
from recommender.billing.immediate_change import discount_on
from recommender.billing.metering import JUDGED_AGAIN, StretchUsage, UsedWindow, after_billing, lines_of
from recommender.billing.periods import as_utc, next_period, period_containing
from recommender.billing.proration import Line, counted, full_period, net_cents, remaining_time
from recommender.billing.quota import open_window, window_of
from recommender.billing.subscription import (
    AnnouncedMove,
    Holding,
    PaidTime,
    RunningDiscount,
    ScheduledChange,
    Subscription,
)
from recommender.billing.tax import Buyer, Treatment
from recommender.billing.taxed_lines import settled, taxed

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
    windows: tuple[UsedWindow, ...] = ()
    """The windows as they are billed now, the one that closed last."""
    moved: AnnouncedMove | None = None
    """The announced move that was made."""

    @property
    def net_cents(self) -> int:
        """The sum of the lines."""
        return net_cents(self.lines)


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
    stays_shut = subscription.status == "suspended" and not subscription.cancelled
    return None if stays_shut and end == subscription.period.end else end


def close_window(
    *,
    subscription: Subscription,
    usage: StretchUsage,
    check: Check,
    closed: Sequence[UsedWindow] = (),
    buyer: Buyer | None = None,
) -> Closing:
    """Close the open quota window at its own end.

    Args:
        subscription: A subscription whose window has ended.
        usage: What each stretch of the window used.
        check: Says what stands against a waiting change at its instant.
        closed: The windows before it with their usage as it is known now, oldest first.
        buyer: What decides on the tax; without it nothing is taxed.

    Returns:
        The lines to charge, what became of a waiting change, and the subscription that goes on.

    Raises:
        NothingToClose: The subscription pays for nothing.
    """
    at, plan, anchor = due_at(subscription), subscription.paying_plan, subscription.local_anchor
    if at is None or plan is None or anchor is None:
        raise NothingToClose
    today = None if buyer is None else buyer.at(at)
    waiting: ScheduledChange | None = None
    blockers: tuple[Blocker, ...] = ()
    period: tuple[Line, ...] = ()
    moved: AnnouncedMove | None = None
    if at == subscription.period.end and subscription.cancelled:
        after = subscription.over("ended", at=at)
    elif at == subscription.period.end:
        waiting = subscription.scheduled
        blockers = check(subscription, waiting, at) if waiting else ()
        going_on = replace(subscription, scheduled=None) if blockers else subscription
        renewed, moved = renew(going_on, treatment=today), going_on.moves
        period, after = renewed.lines, renewed.after
    else:
        after = replace(subscription, holdings=open_window(plan, anchor=anchor, now=at))
    overage, windows = bill_usage(subscription, usage=usage, closed=closed, following=after.holdings, buyer=buyer)
    lines = taxed((*overage, *period), today)
    held, currency = subscription.credit_balance_cents, after.currency
    lines, balance = settled(lines, balance_cents=held, currency=currency, plan=plan.code, now=at)
    return Closing(
        at=at,
        lines=lines,
        applied=None if blockers else waiting,
        refused=waiting if blockers else None,
        blockers=blockers,
        after=replace(after, credit_balance_cents=balance),
        windows=windows,
        moved=moved,
    )


def resume(
    *,
    subscription: Subscription,
    usage: StretchUsage,
    now: datetime,
    closed: Sequence[UsedWindow] = (),
    buyer: Buyer | None = None,
) -> Closing:
    """Let a suspended subscription go on whose invoices are paid now; `NothingToClose` if it is not suspended.

    Within its period nothing is charged. After it: what was used beyond the allowance before, in the window that ended
    and in the `closed` ones, and the rest of the period now running along the same anchor, at the price it was sold. A
    change that waited meanwhile is dropped.
    """
    plan, interval, anchor = subscription.paying_plan, subscription.interval, subscription.local_anchor
    if subscription.status != "suspended" or plan is None or interval is None or anchor is None:
        raise NothingToClose
    active = replace(subscription, status="active")
    if now < subscription.period.end:
        return Closing(now, (), None, None, (), active)
    period = period_containing(anchor=anchor, interval=interval, instant=now)
    discount = next_cycle(subscription.discount)
    price = plan.price_cents[interval]
    off = discount_cents(discount.promotion, price_cents=price) if discount else 0
    charge = remaining_time(plan=plan.code, price_cents=price, discount_cents=off, period=period, now=now)
    months = open_window(plan, anchor=anchor, now=now)
    holdings = tuple(replace(month, period=month.period.since(now)) for month in months)
    today = None if buyer is None else buyer.at(now)
    overage, windows = bill_usage(subscription, usage=usage, closed=closed, following=holdings, buyer=buyer)
    lines = taxed((*overage, *counted(charge, plan)), today)
    held, currency = subscription.credit_balance_cents, subscription.currency
    lines, balance = settled(lines, balance_cents=held, currency=currency, plan=plan.code, now=now)
    after = replace(
        active,
        period=period,
        paid=PaidTime(price_cents=price - off, charged_cents=net_cents(charge), taxed=today),
        holdings=holdings,
        discount=discount,
        scheduled=None,
        credit_balance_cents=balance,
    )
    waiting = subscription.scheduled
    blockers = arrears_blockers("suspended", timing="period_end") if waiting else ()
    return Closing(now, lines, None, waiting, blockers, after, windows)


def bill_usage(
    subscription: Subscription,
    *,
    usage: StretchUsage,
    closed: Sequence[UsedWindow],
    following: tuple[Holding, ...],
    buyer: Buyer | None = None,
) -> tuple[tuple[Line, ...], tuple[UsedWindow, ...]]:
    """The lines for usage beyond allowances: of the open window, then of closed ones whose bill has grown.

    Args:
        subscription: With the open window.
        usage: What each stretch of it used.
        closed: The windows before it with their usage as it is known now, oldest first; the last `JUDGED_AGAIN` of
            them are judged again.
        following: The window after it, as things stand; empty after the end.
        buyer: What decides on the tax of the open window; a closed one keeps its own.

    Returns:
        Lines, and the windows once they are charged, the open one last.
    """
    treatment = None if buyer is None else buyer.until(window_of(subscription.holdings).end)
    open_now = UsedWindow(subscription.holdings, usage, {}, treatment)
    windows, last = (*closed, open_now, UsedWindow(following)), len(closed)
    judged = range(max(last - JUDGED_AGAIN, 0), last + 1)
    found = {index: taxed(lines_of(windows, index, late=index < last), windows[index].taxed) for index in judged}
    ordered = (found[last], *(found[index] for index in judged if index < last))
    billed = tuple(after_billing(windows, index, lines) for index, lines in found.items())
    return tuple(line for lines in ordered for line in lines), billed


def following_window(subscription: Subscription) -> tuple[Holding, ...]:
    """The quota window after the open one, as things stand; empty for a subscription that pays for nothing."""
    plan, anchor = subscription.paying_plan, subscription.local_anchor
    if plan is None or anchor is None:
        return ()
    end = window_of(subscription.holdings).end
    if end == subscription.period.end:
        return () if subscription.cancelled else renew(subscription).after.holdings
    return open_window(plan, anchor=anchor, now=end)


def renew(subscription: Subscription, *, treatment: Treatment | None = None) -> Renewed:
    """The period after the one now open, on the plan that then holds, taxed so; a credit balance is not looked at.

    `NothingToClose` for a subscription that pays for nothing.
    """
    plan, interval, anchor = subscription.paying_plan, subscription.interval, subscription.local_anchor
    if plan is None or interval is None or anchor is None:
        raise NothingToClose
    at, waiting = subscription.period.end, subscription.coming
    discount = next_cycle(subscription.discount)
    version, currency = subscription.catalogue_version, subscription.currency
    if waiting is None:
        period = next_period(anchor=anchor, interval=interval, period=subscription.period)
    else:
        running = replace(subscription, discount=discount)
        discount = discount_on(running, waiting.plan, waiting.interval, promotion=waiting.promotion)
        if MONTHS_OF[waiting.interval] > MONTHS_OF[interval]:
            anchor = at.astimezone(anchor.tzinfo)
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
        paid=PaidTime(price_cents=price - off, charged_cents=net_cents(lines), taxed=treatment),
        holdings=open_window(plan, anchor=anchor, now=at),
        discount=discount,
        promotions_used=subscription.promotions_used | _promotion_of(waiting),
        scheduled=None,
        announced=subscription.announced if waiting is None else None,
    )
    return Renewed(counted(lines, plan), after)


def _promotion_of(waiting: ScheduledChange | None) -> frozenset[str]:
    return frozenset({waiting.promotion.code}) if waiting and waiting.promotion else frozenset()


def next_cycle(running: RunningDiscount | None) -> RunningDiscount | None:
    """The promotion with one cycle less; gone after its last."""
    if running is None or running.cycles_left is None:
        return running
    return replace(running, cycles_left=running.cycles_left - 1) if running.cycles_left > 1 else None
