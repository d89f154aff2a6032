"""A quota window's allowance, count and bill: one answer for meters, previews, accrued overage and the bill.

Decided: a plan without limit frees usage once a whole month of it is paid for in a row, be it over two windows. Time on
it counts as time on the largest limited plan of the same window, so what was covered before an upgrade stays covered.
Who leaves it earlier pays what went beyond that allowance at the overage price of the limited plans, and at most the
rest of a month of the plan without limit. Whether it was left is judged by what is planned: a plan goes on until
another one waits. A window that was billed is judged again while its neighbour is open.
Others: Stripe and Lago free whatever is used in an hour without limit; Metronome lets such a plan be bought by the
month only.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import groupby
from math import floor
from typing import Final

from data_contracts.intervals import MONTHS_OF
from recommender.billing.catalogue import Plan
from recommender.billing.money import round_half_away_from_zero
from recommender.billing.overage import excess_units
from recommender.billing.proration import Line
from recommender.billing.quota import exact_allowance, overage_price_cents, renewable_metrics, window_of
from recommender.billing.subscription import Holding
from recommender.billing.tax import Treatment

StretchUsage = Mapping[str, Sequence[int]]
"""Renewable metric → units used in each stretch of a window, in order; a metric that is absent was not used."""
JUDGED_AGAIN: Final = 3
"""Closed windows whose usage may still grow and be billed; events of earlier ones are rejected."""


@dataclass(frozen=True, slots=True)
class Billed:
    """The overage of one metric that a window was billed for."""

    units: int
    amount_cents: int


@dataclass(frozen=True, slots=True)
class UsedWindow:
    """A quota window with its usage."""

    holdings: tuple[Holding, ...]
    used: StretchUsage = field(default_factory=dict)
    billed: Mapping[str, Billed] | None = None
    """Metric → what was billed of it by now; `None` in rows older than this field: what its usage alone comes to."""
    taxed: Treatment | None = None
    """How its usage was taxed when it closed, and is when it is reported late; `None` in rows older than this field."""

    def units(self, metric: str) -> Sequence[int]:
        """Units used in each stretch."""
        return self.used.get(metric, (0,) * len(self.holdings))


@dataclass(frozen=True, slots=True)
class QuotaUse:
    """One metric in one window: what is allowed, what counts against it, and what that costs."""

    metric: str
    allowance: int
    """Whole units; a window without any limited plan allows none, counts none and costs nothing."""
    counted: int
    """Units that count: those of limited plans, and those of a plan without limit that was left within a month."""
    units: int
    """Units that are charged at the overage price."""
    price_cents: Fraction | None
    """Exact net price of one; `None`: no more can be bought, so nothing is charged."""
    overage_cents: int
    rest_of_month_cents: int
    """Charged instead of further units: towards a whole month of the plan without limit."""
    rest_of: str | None
    """Code of that plan."""
    of_runs_cents: int = 0
    """The part of both amounts that is for use of a plan without limit."""

    @property
    def billed(self) -> Billed:
        """The overage that the use comes to: units and net amount."""
        return Billed(self.units, self.overage_cents + self.rest_of_month_cents)


@dataclass(frozen=True, slots=True)
class _Run:
    """Stretches in a row without limit, perhaps over several windows."""

    places: frozenset[tuple[int, int]]
    """Window and place in it of each stretch."""
    plan: Plan
    """The dearest of its plans."""
    missing_cents: int
    """The amount missing to a whole month's net price of that plan; 0: use is free."""

    @property
    def windows(self) -> frozenset[int]:
        """The windows it lies in."""
        return frozenset(window for window, _ in self.places)


def quota_uses(windows: Sequence[UsedWindow], index: int) -> tuple[QuotaUse, ...]:
    """Every renewable metric of one of these consecutive windows; the last may be one that is only planned.

    Args:
        windows: The windows, in order.
        index: Which of them is asked for, from 0.

    Returns:
        One use per metric that a plan held in the window names, in the plans' order.

    Examples:
        A plan with 50,000 is left for one without limit in the middle of June: its 50,000 stay allowed.

        >>> from datetime import UTC, datetime
        >>> from recommender.billing.catalogue import Limit
        >>> from recommender.billing.quota import hold_from, open_window
        >>> def plan(code, value, price):
        ...     limit = Limit("conversations", value, "", renewable=True, metric="conversations")
        ...     overage = {} if value == float("inf") else {"conversations": Fraction(4, 5)}
        ...     return Plan(code, code, "", "shop", 1, {"month": price}, "", (limit,), (), overage_cents=overage)
        >>> basic, boundless = plan("basic", 50_000, 19_000), plan("boundless", float("inf"), 189_000)
        >>> june = datetime(2026, 6, 1, tzinfo=UTC)
        >>> held = hold_from(open_window(basic, anchor=june, now=june), plan=boundless, now=june.replace(day=16))
        >>> july = open_window(boundless, anchor=june, now=june.replace(month=7))
        >>> def bill(*following):
        ...     used = UsedWindow(held, {"conversations": (45_000, 1_000_000)})
        ...     [found] = quota_uses([used, *map(UsedWindow, following)], 0)
        ...     return found.allowance, found.counted, found.billed.amount_cents
        >>> bill(july)
        (50000, 45000, 0)

        Back on the smaller plan in July, a month of the other one is made whole: half of 189,000.

        >>> bill(open_window(basic, anchor=june, now=june.replace(month=7)))
        (50000, 1045000, 94500)
    """
    holdings = windows[index].holdings
    metrics = dict.fromkeys(metric for held in holdings for metric in renewable_metrics(held.plan))
    return tuple(_quota_use(windows, index, metric) for metric in metrics)


def lines_of(windows: Sequence[UsedWindow], index: int, *, late: bool = False) -> tuple[Line, ...]:
    """The lines that a window is still to be billed for: its quota uses less what was billed of it, never below 0."""
    window, lines = windows[index], []
    span, plan = window_of(window.holdings), window.holdings[-1].plan.code
    billed = billed_of(window)
    for found in quota_uses(windows, index):
        before = billed.get(found.metric, Billed(0, 0))
        units, owed = found.units - before.units, found.billed.amount_cents - before.amount_cents
        price = found.price_cents
        if units > 0 and price is not None:
            amount = round_half_away_from_zero(units * price)
            lines.append(Line("overage", plan, span, amount, amount, Fraction(1), found.metric, units, price, late))
            owed -= amount
        if owed > 0 and found.rest_of is not None:
            lines.append(Line("rest_of_month", found.rest_of, span, owed, owed, Fraction(1), found.metric, late=late))
    return tuple(lines)


def billed_of(window: UsedWindow) -> Mapping[str, Billed]:
    """Metric → what was billed of a window; of one stored without it, what its usage comes to on its own."""
    if window.billed is not None:
        return window.billed
    return {found.metric: found.billed for found in quota_uses([window], 0)}


def after_billing(windows: Sequence[UsedWindow], index: int, lines: Sequence[Line]) -> UsedWindow:
    """The window once these lines of it are charged."""
    window, billed = windows[index], dict(billed_of(windows[index]))
    for found in quota_uses(windows, index):
        before = billed.get(found.metric, Billed(0, 0))
        charged = sum(line.amount_cents for line in lines if line.metric == found.metric)
        billed[found.metric] = Billed(max(before.units, found.units), before.amount_cents + charged)
    return replace(window, billed=billed)


def _quota_use(windows: Sequence[UsedWindow], index: int, metric: str) -> QuotaUse:
    holdings, units = windows[index].holdings, windows[index].units(metric)
    short = [run for run in _runs(windows, metric) if run.missing_cents and index in run.windows]
    left = {place for run in short for window, place in run.places if window == index}
    limited = sum(used for held, used in zip(holdings, units, strict=True) if held.plan.limits_use_of(metric))
    counted = limited + sum(units[place] for place in left)
    allowance, price = floor(exact_allowance(holdings, metric=metric)), overage_price_cents(holdings, metric=metric)
    if price is None:
        return QuotaUse(metric, allowance, counted, 0, None, 0, 0, None)
    within, beyond = (int(excess_units(used=used, allowance=allowance)) for used in (limited, counted))
    of_limited, of_all = (round_half_away_from_zero(excess * price) for excess in (within, beyond))
    most = _most_of_runs(windows, index, metric, short)
    if of_all - of_limited <= most:
        return QuotaUse(metric, allowance, counted, beyond, price, of_all, 0, None, of_all - of_limited)
    dearest = max(short, key=lambda run: run.missing_cents).plan.code
    return QuotaUse(metric, allowance, counted, within, price, of_limited, most, dearest, most)


def _most_of_runs(windows: Sequence[UsedWindow], index: int, metric: str, short: Sequence[_Run]) -> int:
    """The most that a window bills for use without limit: what is missing, less what the window before has billed."""
    begun = sum(run.missing_cents for run in short if min(run.windows) < index)
    if not begun:
        return sum(run.missing_cents for run in short)
    before = [run for run in _runs(windows, metric) if index - 1 in run.windows and index not in run.windows]
    billed = _quota_use(windows, index - 1, metric).of_runs_cents - sum(run.missing_cents for run in before)
    return sum(run.missing_cents for run in short) - min(max(billed, 0), begun)


def _runs(windows: Sequence[UsedWindow], metric: str) -> Iterator[_Run]:
    stretches = (
        (window, place, held) for window, used in enumerate(windows) for place, held in enumerate(used.holdings)
    )
    for limited, group in groupby(stretches, key=lambda each: each[2].plan.limits_use_of(metric)):
        if limited:
            continue
        run = tuple(group)
        paid = sum(_month_price(held.plan) * held.period.share_of(held.month) for _, _, held in run)
        dearest = max((held.plan for _, _, held in run), key=_month_price)
        missing = round_half_away_from_zero(max(_month_price(dearest) - paid, Fraction(0)))
        yield _Run(frozenset((window, place) for window, place, _ in run), dearest, missing)


def _month_price(plan: Plan) -> Fraction:
    """Net price of a month in minor units; of a plan that is sold by longer intervals alone, its share."""
    by_month = [Fraction(price, MONTHS_OF[interval]) for interval, price in plan.price_cents.items()]
    return Fraction(plan.price_cents["month"]) if "month" in plan.price_cents else min(by_month)
