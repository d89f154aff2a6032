"""No sequence of changes buys more quota per euro than the best plan held, plans without limit included."""

from dataclasses import replace
from datetime import timedelta
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recommender.billing.catalogue import Plan
from recommender.billing.metering import UsedWindow, quota_uses
from recommender.billing.periods import boundary
from recommender.billing.quota import hold_from, open_window
from recommender.billing.subscription import Holding
from tests.recommender.billing.builders import UNLIMITED, at, make_plan

ANCHOR = at("2025-01-31")
METRIC = "conversations"
Life = list[UsedWindow]


@st.composite
def plans(draw: st.DrawFn) -> list[Plan]:
    """Two limited plans that sell more, and two without limit that are dearer; perhaps all priced per seat."""
    prices = sorted(draw(st.lists(st.integers(1, 50_000), min_size=4, max_size=4)))
    limits = [*sorted(draw(st.lists(st.integers(0, 10**5), min_size=2, max_size=2))), UNLIMITED, UNLIMITED]
    each = Fraction(draw(st.integers(1, 500)), 100)
    sold = [
        make_plan(f"plan-{tier}", tier=tier, month=price, limits={METRIC: limit}, overage={METRIC: each})
        for tier, (price, limit) in enumerate(zip(prices, limits, strict=True), start=1)
    ]
    grows = draw(st.booleans())
    return [by_seat(plan, grows=grows) for plan in sold] if draw(st.booleans()) else sold


def by_seat(plan: Plan, *, grows: bool) -> Plan:
    """The plan priced per seat, its allowance for each seat or for all together."""
    return replace(plan, per="seat", limits=tuple(replace(limit, each=grows) for limit in plan.limits))


def seats(draw: st.DrawFn, plan: Plan) -> Plan:
    return plan.of(draw(st.integers(1, 9))) if plan.per else plan


@st.composite
def lives(draw: st.DrawFn) -> Life:
    """Up to three months, each with up to three changes at any instant, and any usage of each stretch."""
    sold, life = draw(plans()), []
    held = seats(draw, draw(st.sampled_from(sold)))
    for month in range(draw(st.integers(1, 3))):
        start = boundary(anchor=ANCHOR, interval="month", number=month)
        holdings = open_window(held, anchor=ANCHOR, now=start)
        length = holdings[0].month.microseconds
        for place in sorted(draw(st.lists(st.integers(0, 10**6 - 1), max_size=3))):
            held = seats(draw, draw(st.sampled_from(sold)))
            holdings = hold_from(holdings, plan=held, now=start + timedelta(microseconds=length * place // 10**6))
        used = draw(st.lists(st.integers(0, 10**6), min_size=len(holdings), max_size=len(holdings)))
        life.append(UsedWindow(holdings, {METRIC: tuple(used)}, {}))
        held = draw(st.sampled_from([held, seats(draw, draw(st.sampled_from(sold)))]))
    return life


def price(held: Holding) -> int:
    return held.plan.price_cents["month"]


def runs_of(life: Life) -> list[list[tuple[int, Holding, int]]]:
    """Window, stretch and units of the stretches in a row without limit."""
    runs: list[list[tuple[int, Holding, int]]] = [[]]
    for index, window in enumerate(life):
        for held, units in zip(window.holdings, window.used[METRIC], strict=True):
            if held.plan.limits_use_of(METRIC):
                runs.append([])
            else:
                runs[-1].append((index, held, units))
    return [run for run in runs if run]


def no_unit_is_free_before_a_month_without_limit_is_paid(life: Life) -> None:
    found = [quota_uses(life, index)[0] for index in range(len(life))]
    of_runs = runs_of(life)
    for run in of_runs:
        windows = {index for index, _, _ in run}
        alone = all(not windows & {index for index, _, _ in other} for other in of_runs if other is not run)
        if not alone or any(found[index].price_cents is None for index in windows):
            continue
        whole = max(price(held) for _, held, _ in run)
        time = sum(price(held) * held.period.share_of(held.month) for _, held, _ in run)
        charged = sum(found[index].of_runs_cents for index in windows)
        assert time + charged <= max(time, whole) + 1
        if any(found[index].rest_of is not None for index in windows):
            assert time + charged >= whole - 1
        elif time + 1 < whole:
            assert all(found[index].counted == sum(life[index].used[METRIC]) for index in windows)


def what_is_allowed_is_paid_for_at_the_best_plans_rate(life: Life) -> None:
    for index, window in enumerate(life):
        limited = [held for held in window.holdings if held.plan.limits_use_of(METRIC)]
        if not limited:
            continue
        money = sum(price(held) * held.period.share_of(held.month) for held in window.holdings)
        limits = [Fraction(held.plan.limit_of(METRIC) or 0) for held in limited]
        best = max(limit / price(held) for limit, held in zip(limits, limited, strict=True))
        if any(price(held) * best < max(limits) for held in window.holdings if not held.plan.limits_use_of(METRIC)):
            continue  # one seat without limit for less than several with one: it is the best plan by itself
        assert quota_uses(life, index)[0].allowance <= best * money


def more_usage_is_never_cheaper(life: Life) -> None:
    more = [
        UsedWindow(each.holdings, {METRIC: tuple(units + 1000 for units in each.used[METRIC])}, {}) for each in life
    ]
    for index in range(len(life)):
        owed, then = (
            sum(quota_uses(each, to)[0].billed.amount_cents for to in range(index + 1)) for each in (life, more)
        )
        assert owed <= then + 1


CHECKS = (
    no_unit_is_free_before_a_month_without_limit_is_paid,
    what_is_allowed_is_paid_for_at_the_best_plans_rate,
    more_usage_is_never_cheaper,
)


@settings(max_examples=150, deadline=None)
@given(lives())
def test_no_sequence_buys_more_per_euro_than_the_best_plan(life: Life) -> None:
    for check in CHECKS:
        check(life)


@pytest.mark.slow
@settings(max_examples=10_000, deadline=None)
@given(lives())
def test_no_sequence_buys_more_per_euro_than_the_best_plan_at_length(life: Life) -> None:
    for check in CHECKS:
        check(life)
