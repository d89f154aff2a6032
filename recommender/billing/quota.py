"""Renewable quota is prorated with the money: the allowance of a window is the blend of the plans held in it.

A window is the month between two boundaries of the anchor. The usage counter runs on through it, whatever is changed.
Decided: allowances are whole units, rounded down, so no sequence of changes buys more quota per euro than the best
plan held. When a longer interval moves the anchor, the open window stays open until the first month's end on the new
anchor: what was held so far plus the new plan's whole month, with one counter, so that nothing is forfeited and nothing
refilled. Time on a plan without limit counts as time on the largest limited plan of the window; whether its usage
counts is said by `metering`. The price of overage is blended over time too.
Others: Meteroid and Stripe's users give the whole new quota on the last day; Flexprice's first design adds both plans'
remaining shares; Limitr sets the counter to zero on every change. Not implemented: quota that rolls over.
"""

from collections.abc import Sequence
from datetime import datetime
from fractions import Fraction
from math import floor

from recommender.billing.catalogue import Plan
from recommender.billing.periods import Period, as_utc, period_containing
from recommender.billing.subscription import Holding


def open_window(plan: Plan, *, anchor: datetime, now: datetime) -> tuple[Holding, ...]:
    """The quota window of a plan held alone: the month along the anchor that holds the instant."""
    month = period_containing(anchor=anchor, interval="month", instant=now)
    return (Holding(plan, month, month),)


def hold_from(holdings: Sequence[Holding], *, plan: Plan, now: datetime) -> tuple[Holding, ...]:
    """The window when `plan` replaces the plan held last at this instant and the anchor stays."""
    last = holdings[-1]
    earlier = held_until(holdings, now)
    if earlier and (earlier[-1].plan, earlier[-1].month) == (plan, last.month):  # there and back: one stretch again
        return (*earlier[:-1], Holding(plan, Period(earlier[-1].period.start, last.period.end), last.month))
    return (*earlier, Holding(plan, last.period.since(now), last.month))


def hold_from_new_anchor(holdings: Sequence[Holding], *, plan: Plan, now: datetime) -> tuple[Holding, ...]:
    """The window when a new period of `plan` starts at this instant: a whole month more, on the same counter.

    Without earlier holdings (a trial ends) the counter starts with the period.
    """
    return (*held_until(holdings, now), *open_window(plan, anchor=now, now=now))


def window_of(holdings: Sequence[Holding]) -> Period:
    """From the first stretch's start to the last one's end."""
    return Period(holdings[0].period.start, holdings[-1].period.end)


def exact_allowance(holdings: Sequence[Holding], *, metric: str) -> Fraction:
    """Monthly allowance × share of the month, summed; a stretch without limit has that of the largest limited plan."""
    limits = [
        Fraction(held.plan.limit_of(metric) or 0) if held.plan.limits_use_of(metric) else None for held in holdings
    ]
    largest = max((limit for limit in limits if limit is not None), default=Fraction(0))
    return sum(
        (
            (largest if limit is None else limit) * held.period.share_of(held.month)
            for held, limit in zip(holdings, limits, strict=True)
        ),
        Fraction(0),
    )


def allowance_of(holdings: Sequence[Holding], *, metric: str) -> int | None:
    """The allowance of a quota window: the blend of the plans held in it, in whole units, rounded down.

    Args:
        holdings: The stretches of the window, in order and without gaps.
        metric: A renewable metric, such as `conversations`.

    Returns:
        Units allowed in the window; `None` while the plan held last does not limit the metric.

    Examples:
        A plan with 50,000 conversations is held for half of June, then one with 100,000:

        >>> from datetime import UTC
        >>> from recommender.billing.catalogue import Limit
        >>> def plan(code, conversations):
        ...     limit = Limit("conversations", conversations, "", renewable=True, metric="conversations")
        ...     return Plan(code, code, "", "shop", 1, {"month": 100}, "", (limit,), ())
        >>> june = Period(datetime(2025, 6, 1, tzinfo=UTC), datetime(2025, 7, 1, tzinfo=UTC))
        >>> window = open_window(plan("basic", 50_000.0), anchor=june.start, now=june.start)
        >>> window = hold_from(window, plan=plan("scale", 100_000.0), now=june.start.replace(day=16))
        >>> allowance_of(window, metric="conversations")
        75000
    """
    if not holdings[-1].plan.limits_use_of(metric):
        return None
    return floor(exact_allowance(holdings, metric=metric))


def overage_price_cents(holdings: Sequence[Holding], *, metric: str) -> Fraction | None:
    """The exact net price of a unit beyond the allowance, blended by time over the stretches that sell overage.

    Args:
        holdings: The stretches of the window, in order and without gaps.
        metric: A renewable metric.

    Returns:
        Minor units per unit, as an exact fraction; `None` when no stretch sells overage.
    """
    weighted = [
        (holding.plan.overage_cents[metric], holding.period.share_of(holding.month))
        for holding in holdings
        if holding.plan.limits_use_of(metric) and metric in holding.plan.overage_cents
    ]
    time = sum(share for _, share in weighted)
    return sum((price * share for price, share in weighted), Fraction(0)) / time if time else None


def renewable_metrics(plan: Plan) -> tuple[str, ...]:
    """The metrics whose allowance renews every month, in the plan's order."""
    return tuple(limit.metric for limit in plan.limits if limit.metric is not None and limit.renewable)


def held_until(holdings: Sequence[Holding], now: datetime) -> tuple[Holding, ...]:
    """The stretches before the instant; one without length is dropped."""
    if not holdings:
        return ()
    *earlier, last = holdings
    if last.period.start == as_utc(now):
        return tuple(earlier)
    return (*earlier, Holding(last.plan, last.period.until(now), last.month))
