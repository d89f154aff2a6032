"""What holds for every history of changes, not for examples: drawn plans, instants, prices and promotions."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from data_contracts.intervals import MONTHS_OF
from recommender.billing.catalogue import Interval, Plan
from recommender.billing.money import round_half_away_from_zero
from recommender.billing.periods import Period, period_containing
from recommender.billing.plan_change import PlanChange
from recommender.billing.proration import SETTLING, Line
from recommender.billing.quota import allowance_of, exact_allowance
from recommender.billing.subscription import Holding, Subscription
from tests.recommender.billing.builders import at, carried_out, choose, make_plan, make_promotion, paying, trial

HALF = Fraction(1, 2)

prices = st.integers(0, 500_000)
intervals: SearchStrategy[Interval] = st.sampled_from(tuple(MONTHS_OF))
month_ends = [
    at(f"{year}-{month:02}-{day}") for year in (2023, 2024) for month in (1, 3, 12) for day in (28, 29, 30, 31)
]
other_days = [at("2024-02-29"), at("2024-03-30"), at("2024-10-26"), at("2025-06-01"), at("2025-11-15")]
anchors = st.builds(
    lambda day, second: day + timedelta(seconds=second),
    st.sampled_from(month_ends + other_days),
    st.integers(0, 86_399),
)
places = st.lists(st.integers(0, 10**6 - 1), min_size=1, max_size=8).map(sorted)
"""Where in a period changes happen, in millionths."""


def ladder(monthly: list[int], quotas: list[int]) -> list[Plan]:
    """Plans of rising tier at any prices: direction follows the tier, so each next one is taken at once."""
    return [
        make_plan(
            f"plan-{tier}",
            tier=tier,
            month=price,
            quarter=3 * price,
            halfyear=5 * price,
            year=10 * price,
            limits={"conversations": quota},
        )
        for tier, (price, quota) in enumerate(zip(monthly, quotas, strict=True), start=1)
    ]


@st.composite
def histories(draw: st.DrawFn) -> tuple[Subscription, list[PlanChange]]:
    """A subscription just paid and up to eight changes within its first month, each taken at once."""
    instants = draw(places)
    count = len(instants) + 1
    plans = ladder(
        draw(st.lists(prices, min_size=count, max_size=count)),
        draw(st.lists(st.integers(0, 10**6), min_size=count, max_size=count)),
    )
    interval, anchor = draw(intervals), draw(anchors)
    whole = period_containing(anchor=anchor, interval=interval, instant=anchor)
    first = paying(plans[0], period=whole, interval=interval)
    month = period_containing(anchor=anchor, interval="month", instant=anchor)
    subscription, changes = first, []
    for plan, place in zip(plans[1:], instants, strict=True):
        now = month.start + timedelta(microseconds=month.microseconds * place // 10**6)
        changes.append(choose(subscription, plan, now, interval=interval))
        subscription = carried_out(changes[-1])
    return first, changes


def stretches(first: Subscription, changes: list[PlanChange]) -> list[tuple[Plan, Period]]:
    """Who held what when, told from the changes alone."""
    assert first.plan is not None
    plans = [first.plan, *(change.wish.plan for change in changes)]
    cuts = [first.period.start, *(instant(change) for change in changes), first.period.end]
    return [(plan, Period(start, end)) for plan, (start, end) in zip(plans, pairwise(cuts), strict=True)]


def instant(change: PlanChange) -> datetime:
    assert change.effective_at is not None
    return change.effective_at


def many_changes_bill_price_times_share(first: Subscription, changes: list[PlanChange]) -> None:
    interval = first.interval
    assert interval is not None
    lines = [line for change in changes for line in change.lines if line.kind not in SETTLING]
    billed = first.paid.charged_cents + sum(line.amount_cents for line in lines)
    shares = [(plan.price_cents[interval], held.share_of(first.period)) for plan, held in stretches(first, changes)]
    exact = sum((price * share for price, share in shares), Fraction(0))

    assert abs(billed - exact) <= HALF * len(lines)
    for line in lines:
        assert abs(line.amount_cents - expected(line)) <= HALF


def expected(line: Line) -> Fraction:
    return line.price_cents * line.share * (-1 if line.kind == "unused_time" else 1)


def no_instant_is_billed_twice_or_never(first: Subscription, changes: list[PlanChange]) -> None:
    """Each change hands back exactly the time it then charges; together the stretches are the period."""
    for change in changes:
        assert all(line.period == Period(instant(change), first.period.end) for line in change.lines if is_time(line))
    assert sum(held.microseconds for _, held in stretches(first, changes)) == first.period.microseconds
    assert sum(held.share_of(first.period) for _, held in stretches(first, changes)) == 1


def is_time(line: Line) -> bool:
    return line.kind in ("unused_time", "remaining_time")


def a_credit_never_exceeds_what_was_paid(first: Subscription, changes: list[PlanChange]) -> None:
    paid = first.paid.charged_cents
    for change in changes:
        credit = -sum(line.amount_cents for line in change.lines if line.kind == "unused_time")
        assert 0 <= credit <= paid
        paid = sum(line.amount_cents for line in change.lines if line.kind in ("remaining_time", "discount"))
        assert 0 <= paid <= change.wish.plan.price_cents[change.wish.interval]


def no_sequence_buys_more_quota_per_cent_than_the_best_plan_held(
    first: Subscription, changes: list[PlanChange]
) -> None:
    """Quota ≤ best ratio × money, both over the first month; what a free plan gave comes on top."""
    held, interval = changes[-1].after.holdings, first.interval
    assert interval is not None
    free = [h for h in held if not h.plan.price_cents[interval]]
    sold = [h for h in held if h.plan.price_cents[interval]]
    money = sum(h.plan.price_cents[interval] * h.period.share_of(first.period) for h in sold)
    months = 1 / held[0].month.share_of(first.period)
    best = max((quota_of(h) * months / h.plan.price_cents[interval] for h in sold), default=Fraction(0))

    assert exact_allowance(held, metric="conversations") <= best * money + exact_allowance(free, metric="conversations")
    assert (allowance_of(held, metric="conversations") or 0) <= max(map(quota_of, held))
    assert sum(h.period.share_of(h.month) for h in held) == 1


def quota_of(holding: Holding) -> Fraction:
    return Fraction(holding.plan.limit_of("conversations") or 0)


Check = Callable[[Subscription, list[PlanChange]], None]
CHECKS: list[Check] = [
    many_changes_bill_price_times_share,
    no_instant_is_billed_twice_or_never,
    a_credit_never_exceeds_what_was_paid,
    no_sequence_buys_more_quota_per_cent_than_the_best_plan_held,
]


@settings(max_examples=200)
@given(histories())
def test_every_history_keeps_every_rule(history: tuple[Subscription, list[PlanChange]]) -> None:
    for check in CHECKS:
        check(*history)


@pytest.mark.slow
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_every_history_keeps_the_rule_at_length(check: Check) -> None:
    @settings(max_examples=10_000)
    @given(histories())
    def run(history: tuple[Subscription, list[PlanChange]]) -> None:
        check(*history)

    run()


def there_and_back_at_one_instant_nets_nothing(old: int, new: int, percent: int, anchor: datetime, place: int) -> None:
    """Two families of one tier, so both ways happen at once; the running promotion covers both or none."""
    here, there = make_plan("here", month=old), make_plan("there", family="support", month=new)
    promotion = make_promotion("here", "there", percent=percent) if percent else None
    start = carried_out(choose(trial(), here, anchor, promotion=promotion))
    now = start.period.start + timedelta(microseconds=start.period.microseconds * place // 10**6)

    out = choose(start, there, now)
    back = choose(out.after, here, now)
    paid = max(out.net_cents, 0) + max(back.net_cents, 0)

    assert sum(line.amount_cents for line in (*out.lines, *back.lines) if line.kind not in SETTLING) == 0
    before = start.credit_balance_cents  # below 0 where the first charge was too small to be collected
    assert paid == back.after.credit_balance_cents - before
    assert replace(back.after, paid=start.paid, credit_balance_cents=before) == start


round_trips = st.tuples(prices, prices, st.integers(0, 100), anchors, st.integers(0, 10**6 - 1))


@settings(max_examples=200)
@given(round_trips)
def test_there_and_back_at_one_instant_nets_nothing(trip: tuple[int, int, int, datetime, int]) -> None:
    there_and_back_at_one_instant_nets_nothing(*trip)


@pytest.mark.slow
@settings(max_examples=10_000)
@given(round_trips)
def test_there_and_back_at_one_instant_nets_nothing_at_length(trip: tuple[int, int, int, datetime, int]) -> None:
    there_and_back_at_one_instant_nets_nothing(*trip)


def the_parts_of_a_split_period_bill_the_whole(
    price: int, anchor: datetime, interval: Interval, cuts: list[int]
) -> None:
    whole = period_containing(anchor=anchor, interval=interval, instant=anchor)
    inner = [whole.start + timedelta(microseconds=whole.microseconds * cut // 10**6) for cut in cuts]
    bounds = [whole.start, *inner, whole.end]
    exact = [price * Period(a, b).share_of(whole) for a, b in pairwise(bounds)]

    assert sum(exact) == price
    assert abs(sum(map(round_half_away_from_zero, exact)) - price) <= HALF * len(exact)


splits = st.tuples(prices, anchors, intervals, places)


@settings(max_examples=200)
@given(splits)
def test_the_parts_of_a_split_period_bill_the_whole(split: tuple[int, datetime, Interval, list[int]]) -> None:
    the_parts_of_a_split_period_bill_the_whole(*split)


@pytest.mark.slow
@settings(max_examples=10_000)
@given(splits)
def test_the_parts_of_a_split_period_bill_the_whole_at_length(split: tuple[int, datetime, Interval, list[int]]) -> None:
    the_parts_of_a_split_period_bill_the_whole(*split)
