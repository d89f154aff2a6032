"""Renewable quota is prorated with the money: the allowance of a window is the blend of the plans held in it.

A window is the month between two boundaries of the anchor. The usage counter runs on through it, whatever is changed.
Decided: allowances are whole units, rounded down, so no sequence of changes buys more quota per euro than the best
plan held. When a longer interval moves the anchor, the open window stays open until the first month's end on the new
anchor: what was held so far plus the new plan's whole month, with one counter, so that nothing is forfeited and nothing
refilled. While a plan without limit is held, usage does not count. The price of overage is blended over time too.
Others: Meteroid and Stripe's users give the whole new quota on the last day; Flexprice's first design adds both plans'
remaining shares; Limitr sets the counter to zero on every change. Not implemented: quota that rolls over.
"""

from collections.abc import Sequence
from datetime import datetime
from fractions import Fraction
from math import floor, isinf

from recommender.billing.catalogue import Plan
from recommender.billing.overage import excess_units
from recommender.billing.periods import Period, as_utc, period_containing
from recommender.billing.subscription import Holding


def open_window(plan: Plan, *, anchor: datetime, now: datetime) -> tuple[Holding, ...]:
    """The quota window of a plan held alone: the month along the anchor that holds the instant."""
    month = period_containing(anchor=anchor, interval="month", instant=now)
    return (Holding(plan, month, month),)


def hold_from(holdings: Sequence[Holding], *, plan: Plan, now: datetime) -> tuple[Holding, ...]:
    """The window when `plan` replaces the plan held last at this instant and the anchor stays."""
    last = holdings[-1]
    earlier = _until(holdings, now)
    if earlier and (earlier[-1].plan, earlier[-1].month) == (plan, last.month):  # there and back: one stretch again
        return (*earlier[:-1], Holding(plan, Period(earlier[-1].period.start, last.period.end), last.month))
    return (*earlier, Holding(plan, last.period.since(now), last.month))


def hold_from_new_anchor(holdings: Sequence[Holding], *, plan: Plan, now: datetime) -> tuple[Holding, ...]:
    """The window when a new period of `plan` starts at this instant: a whole month more, on the same counter.

    Without earlier holdings (a trial ends) the counter starts with the period.
    """
    return (*_until(holdings, now), *open_window(plan, anchor=now, now=now))


def window_of(holdings: Sequence[Holding]) -> Period:
    """From the first stretch's start to the last one's end."""
    return Period(holdings[0].period.start, holdings[-1].period.end)


def is_limited(plan: Plan, metric: str) -> bool:
    """Whether the plan meters the metric at all."""
    limit = plan.limit_of(metric)
    return limit is not None and not isinf(limit)


def exact_allowance(holdings: Sequence[Holding], *, metric: str) -> Fraction:
    """Monthly allowance × share of the month, summed over the stretches whose plan limits the metric."""
    return sum(
        (
            Fraction(holding.plan.limit_of(metric) or 0) * holding.period.share_of(holding.month)
            for holding in holdings
            if is_limited(holding.plan, metric)
        ),
        Fraction(0),
    )


def allowance_of(holdings: Sequence[Holding], *, metric: str) -> int | None:
    """Whole units allowed in the window, rounded down; `None` while the plan held last does not limit the metric."""
    if not is_limited(holdings[-1].plan, metric):
        return None
    return floor(exact_allowance(holdings, metric=metric))


def overage_units(holdings: Sequence[Holding], *, metric: str, used: Sequence[int]) -> int:
    """Units to be billed when the window closes; `used` are the units of each stretch, in the same order."""
    counted = sum(units for holding, units in zip(holdings, used, strict=True) if is_limited(holding.plan, metric))
    return int(excess_units(used=counted, allowance=floor(exact_allowance(holdings, metric=metric))))


def overage_price_cents(holdings: Sequence[Holding], *, metric: str) -> Fraction | None:
    """Exact net price per unit, blended over the stretches that sell overage; `None` when none does."""
    weighted = [
        (holding.plan.overage_cents[metric], holding.period.share_of(holding.month))
        for holding in holdings
        if is_limited(holding.plan, metric) and metric in holding.plan.overage_cents
    ]
    time = sum(share for _, share in weighted)
    return sum((price * share for price, share in weighted), Fraction(0)) / time if time else None


def renewable_metrics(plan: Plan) -> tuple[str, ...]:
    """The metrics whose allowance renews every month, in the plan's order."""
    return tuple(limit.metric for limit in plan.limits if limit.metric is not None and limit.renewable)


def _until(holdings: Sequence[Holding], now: datetime) -> tuple[Holding, ...]:
    """What was held before the instant; a stretch without length is dropped."""
    if not holdings:
        return ()
    *earlier, last = holdings
    if last.period.start == as_utc(now):
        return tuple(earlier)
    return (*earlier, Holding(last.plan, last.period.until(now), last.month))
