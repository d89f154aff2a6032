from datetime import timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.billing.catalogue import Interval
from recommender.billing.proration import Line, credit_cents, net_cents, remaining_time
from recommender.billing.subscription import PaidTime
from tests.recommender.billing.builders import at, at_month_of, choose, make_plan, paying, span, trial

YEARLY = (100_000, 300_000)


@pytest.mark.parametrize(
    ("start", "end", "interval", "now", "old", "new", "credit", "charge"),
    [
        pytest.param("2025-06-01", "2025-07-01", "month", "2025-06-16", 10000, 30000, -5000, 15000, id="A8-15-of-30"),
        pytest.param("2025-06-01", "2025-07-01", "month", "2025-06-11", 10000, 30000, -6667, 20000, id="A9-20-of-30"),
        pytest.param("2024-02-18", "2024-03-18", "month", "2024-02-25", 10000, 30000, -7586, 22759, id="A10-22-of-29"),
        pytest.param("2024-08-01", "2025-08-01", "year", "2024-10-01", *YEARLY, -83288, 249863, id="A11-304-of-365"),
        pytest.param("2024-02-18", "2025-02-18", "year", "2024-09-05", *YEARLY, -45355, 136066, id="A12-166-of-366"),
        pytest.param("2023-02-18", "2024-02-18", "year", "2023-09-05", *YEARLY, -45479, 136438, id="A13-166-of-365"),
        pytest.param("2025-01-01", "2025-02-01", "month", "2025-01-16T12:00:00", 1000, 5000, -500, 2500, id="B1.20"),
        pytest.param("2025-01-01", "2025-02-01", "month", "2025-01-16", 4900, 9900, -2529, 5110, id="E3-rounded-once"),
    ],
)
def test_an_upgrade_credits_the_unused_time_and_charges_the_rest(
    start: str, end: str, interval: Interval, now: str, old: int, new: int, credit: int, charge: int
) -> None:
    basic = make_plan("basic", tier=1, month=old, year=old)
    scale = make_plan("scale", tier=2, month=new, year=new)
    subscription = at_month_of(paying(basic, period=span(start, end), interval=interval), at(now))

    change = choose(subscription, scale, at(now), interval=interval)

    assert [(line.kind, line.plan, line.amount_cents) for line in change.lines] == [
        ("unused_time", "basic", credit),
        ("remaining_time", "scale", charge),
    ]
    assert {line.period for line in change.lines} == {span(now, end)}
    assert change.net_cents == credit + charge
    assert change.after.period == span(start, end)


def test_three_switches_in_one_period_leave_six_lines_ending_together() -> None:  # A14–A16
    prices = {"a": 10000, "b": 20000, "c": 30000, "d": 40000}
    plans = [make_plan(code, tier=tier, month=price) for tier, (code, price) in enumerate(prices.items(), start=1)]
    subscription = paying(plans[0], period=span("2025-06-01", "2025-07-01"))

    lines: list[Line] = []
    for plan, day in zip(plans[1:], ("07", "13", "19"), strict=True):
        change = choose(subscription, plan, at(f"2025-06-{day}"))
        lines.extend(change.lines)
        subscription = change.after

    assert [line.amount_cents for line in lines] == [-8000, 16000, -12000, 18000, -12000, 16000]
    assert {line.period.end for line in lines} == {at("2025-07-01")}


def test_a_longer_interval_charges_a_whole_period_from_now() -> None:  # A17
    month = make_plan("monthly", month=10000, year=100000)

    change = choose(paying(month, period=span("2025-06-01", "2025-07-01")), month, at("2025-06-11"), interval="year")

    amounts = {line.kind: line.amount_cents for line in change.lines}
    assert amounts == {"unused_time": -6667, "full_period": 100000}
    assert change.net_cents == 93333
    assert (change.after.anchor, change.after.period) == (at("2025-06-11"), span("2025-06-11", "2026-06-11"))


def test_a_trial_ends_with_a_full_period_and_no_proration() -> None:  # B3.5
    change = choose(trial(), make_plan(month=3900), at("2025-06-10"))

    assert [(line.kind, line.amount_cents) for line in change.lines] == [("full_period", 3900)]
    assert change.after.period == span("2025-06-10", "2025-07-10")


@pytest.mark.parametrize(("old", "new", "expected"), [(1000, 0, [-500]), (0, 1000, [500])])  # B3.16
def test_a_free_plan_has_no_line(old: int, new: int, expected: list[int]) -> None:
    one, other = make_plan("one", tier=1, month=old), make_plan("other", tier=2, month=new)

    change = choose(paying(one, period=span("2025-06-01", "2025-07-01")), other, at("2025-06-16"))

    assert [line.amount_cents for line in change.lines] == expected
    assert change.net_cents == sum(expected)


@pytest.mark.parametrize(
    ("potential", "paid", "earlier", "credit"), [(300, 200, 50, 150), (100, 200, 180, 20), (100, 200, 250, 0)]
)
def test_a_credit_is_never_more_than_was_paid(potential: int, paid: int, earlier: int, credit: int) -> None:  # B3.18
    time = PaidTime(price_cents=potential, charged_cents=paid, credited_cents=earlier)

    assert credit_cents(paid=time, share=Fraction(1)) == credit


def test_mid_month_from_100_to_200_nets_50() -> None:  # B4.7; the tax comes on top, elsewhere
    basic, scale = make_plan("basic", month=100), make_plan("scale", tier=2, month=200)

    assert choose(paying(basic, period=span("2025-06-01", "2025-07-01")), scale, at("2025-06-16")).net_cents == 50


def test_the_day_of_the_change_belongs_to_one_plan_only() -> None:  # E1: 21 + 11 of 31 days elsewhere
    basic, scale = make_plan("basic", month=1000), make_plan("scale", tier=2, month=10000)
    august = span("2023-08-01", "2023-09-01")

    change = choose(paying(basic, period=august), scale, at("2023-08-21"))

    assert [line.share for line in change.lines] == [Fraction(11, 31), Fraction(11, 31)]
    assert 1000 + change.lines[0].amount_cents == 645  # 20 of 31 days


def test_a_change_after_a_payment_in_advance_credits_it() -> None:  # E2: 5.81 of 6.00 unused
    basic, scale = make_plan("basic", month=600), make_plan("scale", tier=2, month=1000)

    change = choose(paying(basic, period=span("2024-01-01", "2024-02-01")), scale, at("2024-01-02"))

    assert [line.amount_cents for line in change.lines] == [-581, 968]


def test_a_discount_line_brings_the_charge_to_the_discounted_share() -> None:
    # 101 less 10 is 91; half of each: 50.5 and 45.5, so 51 - 5 = 46
    june = span("2025-06-01", "2025-07-01")

    lines = remaining_time(plan="basic", price_cents=101, discount_cents=10, period=june, now=at("2025-06-16"))

    assert [(line.kind, line.amount_cents) for line in lines] == [("remaining_time", 51), ("discount", -5)]


def test_a_line_that_rounds_to_nothing_is_still_shown() -> None:
    june = span("2025-06-01", "2025-07-01")

    (line,) = remaining_time(plan="p", price_cents=1000, discount_cents=0, period=june, now=at("2025-06-30T23:59:59"))

    assert (line.amount_cents, line.share) == (0, Fraction(1, 30 * 86400))


@given(
    price=st.integers(0, 10**7),
    off=st.integers(0, 10**7),
    second=st.integers(0, 30 * 86400 - 1),
)
def test_charge_and_credit_at_one_instant_cancel_out(price: int, off: int, second: int) -> None:
    june, now = span("2025-06-01", "2025-07-01"), at("2025-06-01") + timedelta(seconds=second)
    off = min(off, price)

    charged = net_cents(remaining_time(plan="p", price_cents=price, discount_cents=off, period=june, now=now))
    share = june.since(now).share_of(june)
    paid = PaidTime(price_cents=price - off, charged_cents=charged)

    assert credit_cents(paid=paid, share=share) == charged
