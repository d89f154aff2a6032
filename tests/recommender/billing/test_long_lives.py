"""Ten years of changes, renewals and waiting changes: every instant is billed once, at the price it was sold at."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from data_contracts.intervals import MONTHS_OF
from recommender.billing.catalogue import Interval
from recommender.billing.collectable import least_cents
from recommender.billing.periods import Period, as_utc, boundary
from recommender.billing.plan_change import PlanChange
from recommender.billing.proration import SETTLING, Line, net_cents
from recommender.billing.renewal import close_window, due_at
from recommender.billing.subscription import Subscription
from tests.recommender.billing.builders import carried_out, choose, make_plan, trial

BERLIN: Final = ZoneInfo("Europe/Berlin")
TEN_YEARS: Final = timedelta(days=3653)
PLANS: Final = tuple(
    make_plan(
        f"{family}-{tier}",
        tier=tier,
        family=family,
        month=price,
        quarter=3 * price - tier,
        halfyear=5 * price + tier,
        year=10 * price + tier,
    )
    for family, prices in (("shop", (1999, 4901, 18907)), ("desk", (2500, 4901, 15003)))
    for tier, price in enumerate(prices, start=1)
)

days = st.sampled_from(
    [
        (2024, 2, 29), (2023, 1, 28), (2023, 1, 29), (2023, 1, 30), (2023, 1, 31), (2023, 8, 31), (2023, 12, 31),
        (2024, 3, 30), (2024, 3, 31), (2024, 10, 26), (2024, 10, 27), (2025, 6, 15),
    ]
)  # fmt: skip
"""Leap day, the ends of months, and the days on which the clocks of Berlin change."""
beginnings = st.builds(
    lambda day, second: datetime.combine(date(*day), time(), BERLIN) + timedelta(seconds=second),
    days,
    st.integers(0, 86_399),
)
gaps = st.one_of(st.just(0), st.integers(1, 7_200), st.integers(1, 40 * 86_400), st.integers(1, 500 * 86_400))
"""Seconds between two wishes: at one instant, within the hour that a switch repeats, within months, years."""
intervals: SearchStrategy[Interval] = st.sampled_from(tuple(MONTHS_OF))
wishes = st.lists(st.tuples(gaps, st.sampled_from(PLANS), intervals), min_size=1, max_size=10)


@dataclass
class Life:
    """What one subscription went through."""

    subscription: Subscription
    lines: list[Line] = field(default_factory=list)
    collected_cents: int = 0
    closed_at: list[datetime] = field(default_factory=list)
    credits: list[tuple[int, int]] = field(default_factory=list)
    """Each credit, and the most it may be: what was charged for the plan in its period."""

    def bill(self, lines: tuple[Line, ...]) -> None:
        self.lines.extend(lines)
        self.collected_cents += max(net_cents(lines), 0)

    def roll(self, now: datetime) -> None:
        while (due := due_at(self.subscription)) is not None and due <= now:
            closing = close_window(subscription=self.subscription, usage={}, check=lambda *_: ())
            self.bill(closing.lines)
            self.closed_at.append(closing.at)
            self.subscription = closing.after

    def wish(self, change: PlanChange) -> None:
        ceiling = self.subscription.paid.creditable_cents
        self.credits.extend((-line.amount_cents, ceiling) for line in change.lines if line.kind == "unused_time")
        self.bill(change.lines)
        self.subscription = carried_out(change)


@st.composite
def lives(draw: st.DrawFn) -> Life:
    """A life of ten years, from its first paid instant."""
    now = draw(beginnings)
    life, end = Life(trial()), as_utc(now) + TEN_YEARS
    for gap, plan, interval in draw(wishes):
        later = (as_utc(now) + timedelta(seconds=gap)).astimezone(BERLIN)
        now = min(later, end.astimezone(BERLIN))
        life.roll(as_utc(now))
        change = choose(life.subscription, plan, now, interval=interval)
        if not change.blockers:
            life.wish(change)
    life.roll(end)
    return life


def every_instant_is_billed_once(life: Life) -> None:
    """Charged time less credited time is 1 from the first paid instant to the end of the period last charged."""
    steps: Counter[datetime] = Counter()
    for line in life.lines:
        sign = {"full_period": 1, "remaining_time": 1, "unused_time": -1}.get(line.kind, 0)
        steps[line.period.start] += sign
        steps[line.period.end] -= sign
    edges = sorted(instant for instant, step in steps.items() if step)

    assert edges == [min(line.period.start for line in life.lines), life.subscription.period.end]
    assert [steps[edge] for edge in edges] == [1, -1]


def every_line_is_price_times_share_rounded_once(life: Life) -> None:
    prices = {cents for plan in PLANS for cents in plan.price_cents.values()}
    for line in life.lines:
        if line.kind in SETTLING:
            continue
        assert line.price_cents in prices
        sign = -1 if line.kind == "unused_time" else 1
        assert abs(2 * (line.amount_cents - sign * line.price_cents * line.share)) <= 1


def no_credit_exceeds_what_was_paid(life: Life) -> None:
    assert all(0 <= credit <= ceiling for credit, ceiling in life.credits)


def what_was_collected_is_what_was_billed_and_the_balance(life: Life) -> None:
    """A credit is paid out by later charges, once, to the cent."""
    billed = sum(line.amount_cents for line in life.lines if line.kind not in SETTLING)

    assert life.collected_cents == billed + life.subscription.credit_balance_cents
    assert life.subscription.carried_cents < least_cents("EUR")


def the_anchor_is_never_lost(life: Life) -> None:
    """Every boundary is counted from the anchor, and no window closes twice or out of order."""
    held, period = life.subscription, life.subscription.period
    assert held.anchor is not None
    assert held.interval is not None
    months = (period.start.year - held.anchor.year) * 12 + period.start.month - held.anchor.month
    number, rest = divmod(months, MONTHS_OF[held.interval])
    bounds = [boundary(anchor=held.anchor, interval=held.interval, number=number + k) for k in (0, 1)]

    assert rest == 0
    assert period == Period(bounds[0], bounds[1])
    assert all(earlier < later for earlier, later in pairwise(life.closed_at))


CHECKS = [
    every_instant_is_billed_once,
    every_line_is_price_times_share_rounded_once,
    no_credit_exceeds_what_was_paid,
    what_was_collected_is_what_was_billed_and_the_balance,
    the_anchor_is_never_lost,
]


@settings(max_examples=40)
@given(lives())
def test_every_life_keeps_every_rule(life: Life) -> None:
    for check in CHECKS:
        check(life)


@pytest.mark.slow
@settings(max_examples=10_000)
@given(lives())
def test_every_life_keeps_every_rule_at_length(life: Life) -> None:
    for check in CHECKS:
        check(life)
