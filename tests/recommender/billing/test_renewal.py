"""Where months and periods end: examples first, then what holds for ten years of any history."""

from dataclasses import replace
from datetime import datetime, timedelta
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_contracts.intervals import MONTHS_OF
from recommender.billing.blockers import Blocker
from recommender.billing.catalogue import Interval, Plan
from recommender.billing.periods import Period, boundary
from recommender.billing.plan_change import next_invoice_of
from recommender.billing.proration import Line
from recommender.billing.renewal import Closing, NothingToClose, close_window, due_at
from recommender.billing.subscription import ScheduledChange, Subscription
from tests.recommender.billing.builders import at, carried_out, choose, make_plan, make_promotion, paying, span, trial

JUNE = span("2025-06-01", "2025-07-01")
BASIC = make_plan(
    "basic", tier=1, month=19000, year=190000, limits={"conversations": 1000}, overage={"conversations": Fraction(4, 5)}
)
SCALE = make_plan("scale", tier=2, month=49000, year=490000, limits={"conversations": 2000})
IN_THE_WAY = Blocker("seats_over_limit", "remove", "seats")


def nothing(subscription: Subscription, waiting: ScheduledChange, now: datetime) -> tuple[Blocker, ...]:
    return ()


def close(subscription: Subscription, *used: int) -> Closing:
    return close_window(subscription=subscription, usage={"conversations": used} if used else {}, check=nothing)


def amounts(closing: Closing) -> list[tuple[str, int]]:
    return [(line.kind, line.amount_cents) for line in closing.lines]


def test_a_month_ends_and_the_next_one_is_charged() -> None:
    closing = close(paying(BASIC, period=JUNE))

    assert (closing.at, amounts(closing)) == (at("2025-07-01"), [("full_period", 19000)])
    assert closing.after.period == span("2025-07-01", "2025-08-01")
    assert due_at(closing.after) == at("2025-08-01")


def test_the_anchor_remembers_the_31st() -> None:
    subscription = paying(BASIC, period=span("2024-01-31", "2024-02-29"))

    starts = []
    for _ in range(3):
        subscription = close(subscription).after
        starts.append(subscription.period.start)

    assert starts == [at("2024-02-29"), at("2024-03-31"), at("2024-04-30")]


def test_usage_beyond_the_allowance_is_billed_at_the_months_end() -> None:
    closing = close(paying(BASIC, period=JUNE), 1100)

    assert amounts(closing) == [("overage", 80), ("full_period", 19000)]
    overage = closing.lines[0]
    assert (overage.metric, overage.units, overage.unit_price_cents) == ("conversations", 100, Fraction(4, 5))
    assert overage.period == JUNE


def test_an_annual_plan_bills_usage_every_month_and_the_year_once() -> None:
    subscription = paying(BASIC, period=span("2025-01-31", "2026-01-31"), interval="year")

    lines = []
    for month in range(12):
        closing = close(subscription, 1010 if month == 2 else 0)
        lines.append(amounts(closing))
        subscription = closing.after

    assert lines == [[], [], [("overage", 8)], *[[]] * 8, [("full_period", 190000)]]
    assert subscription.period == span("2026-01-31", "2027-01-31")


def test_the_allowance_of_a_month_with_an_upgrade_is_blended() -> None:
    upgraded = carried_out(choose(paying(BASIC, period=JUNE), SCALE, at("2025-06-16")))

    within, beyond = close(upgraded, 900, 600), close(upgraded, 900, 610)

    # 500 of Basic's half and 1000 of Scale's: 1500
    assert amounts(within) == [("full_period", 49000)]
    assert amounts(beyond) == [("overage", 8), ("full_period", 49000)]


def test_a_change_that_waited_happens_at_the_periods_end() -> None:
    waiting = carried_out(choose(paying(SCALE, period=JUNE), BASIC, at("2025-06-16")))

    closing = close(waiting)

    assert closing.applied == waiting.scheduled
    assert amounts(closing) == [("full_period", 19000)]
    assert (closing.after.plan, closing.after.scheduled) == (BASIC, None)


def test_a_change_that_is_blocked_at_its_instant_leaves_the_plan_and_says_so() -> None:
    waiting = carried_out(choose(paying(SCALE, period=JUNE), BASIC, at("2025-06-16")))

    closing = close_window(subscription=waiting, usage={}, check=lambda *_: (IN_THE_WAY,))

    assert (closing.applied, closing.refused, closing.blockers) == (None, waiting.scheduled, (IN_THE_WAY,))
    assert amounts(closing) == [("full_period", 49000)]
    assert (closing.after.plan, closing.after.scheduled) == (SCALE, None)


def test_from_annual_to_monthly_the_anchor_stays() -> None:
    year = paying(BASIC, period=span("2024-02-29", "2025-02-28"), interval="year")
    waiting = replace(year, scheduled=ScheduledChange(BASIC, "month", "v1", at("2025-02-28")))
    for _ in range(12):
        waiting = close(waiting).after

    assert waiting.interval == "month"
    assert waiting.period == span("2025-02-28", "2025-03-29")


def test_a_promotion_counts_down_period_by_period() -> None:
    promotion = make_promotion("basic", percent=10, cycles=2)
    subscription = carried_out(choose(trial(), BASIC, at("2025-06-01"), promotion=promotion))

    first = close(subscription)
    second = close(first.after)

    assert amounts(first) == [("full_period", 19000), ("discount", -1900)]
    assert amounts(second) == [("full_period", 19000)]


def test_the_credit_balance_pays_the_next_invoice_first() -> None:
    closing = close(replace(paying(BASIC, period=JUNE), credit_balance_cents=20000), 1100)

    assert amounts(closing) == [("overage", 80), ("full_period", 19000), ("credit_balance", -19080)]
    assert (closing.net_cents, closing.after.credit_balance_cents) == (0, 920)


def test_who_pays_for_nothing_has_nothing_to_close() -> None:
    assert due_at(trial()) is None
    with pytest.raises(NothingToClose):
        close(trial())


TEN_YEARS = timedelta(days=3653)
LADDER = [
    make_plan(
        f"plan-{tier}",
        tier=tier,
        month=1000 * tier + 7,
        quarter=2903 * tier,
        halfyear=5501 * tier,
        year=10007 * tier,
        limits={"conversations": 10 * tier},
    )
    for tier in range(1, 4)
]
anchors = st.integers(0, 430 * 86_400).map(lambda second: at("2023-01-28") + timedelta(seconds=second))
seconds = st.integers(0, TEN_YEARS // timedelta(seconds=1))
wishes = st.lists(st.tuples(seconds, st.sampled_from(LADDER), st.sampled_from(tuple(MONTHS_OF))), max_size=12)


def lived(anchor: datetime, wanted: list[tuple[int, Plan, Interval]]) -> tuple[Subscription, list[Line]]:
    """Start at the anchor, take every wish when its time comes, close what falls due, for ten years."""
    started = choose(trial(), LADDER[0], anchor)
    subscription, lines = carried_out(started), list(started.lines)
    for place, plan, interval in sorted(wanted, key=lambda wish: wish[0]):
        now = anchor + timedelta(seconds=place)
        subscription = close_until(subscription, now, lines)
        change = choose(subscription, plan, now, interval=interval)
        if not change.blockers:
            lines += change.lines
            subscription = change.after
    return close_until(subscription, anchor + TEN_YEARS, lines), lines


def close_until(subscription: Subscription, now: datetime, lines: list[Line]) -> Subscription:
    while (due := due_at(subscription)) is not None and due <= now:
        foretold = next_invoice_of(subscription)
        closing = close(subscription)
        if due == subscription.period.end:
            assert foretold is not None
            assert (foretold.at, foretold.net_cents) == (closing.at, closing.net_cents)
        lines += closing.lines
        subscription = closing.after
    return subscription


@settings(max_examples=25, deadline=None)
@given(anchors, wishes)
def test_no_instant_of_ten_years_is_billed_twice_or_never(
    anchor: datetime, wanted: list[tuple[int, Plan, Interval]]
) -> None:
    subscription, lines = lived(anchor, wanted)

    billed_once(lines, Period(anchor, subscription.period.end))


@pytest.mark.slow
@settings(max_examples=10_000, deadline=None)
@given(anchors, wishes)
def test_no_instant_is_billed_twice_or_never_in_ten_thousand_histories(
    anchor: datetime, wanted: list[tuple[int, Plan, Interval]]
) -> None:
    subscription, lines = lived(anchor, wanted)

    billed_once(lines, Period(anchor, subscription.period.end))


def billed_once(lines: list[Line], whole: Period) -> None:
    """Charged time less credited time is exactly one layer over the whole."""
    changes: dict[datetime, int] = {}
    for line in lines:
        layer = {"full_period": 1, "remaining_time": 1, "unused_time": -1}.get(line.kind, 0)
        changes[line.period.start] = changes.get(line.period.start, 0) + layer
        changes[line.period.end] = changes.get(line.period.end, 0) - layer
    steps = {instant: change for instant, change in changes.items() if change}

    assert steps == {whole.start: 1, whole.end: -1}


def test_closing_late_is_closing_in_time() -> None:
    subscription = paying(BASIC, period=JUNE)
    in_time: list[Line] = []
    late: list[Line] = []
    stepwise = subscription
    for month in range(1, 13):
        stepwise = close_until(stepwise, boundary(anchor=JUNE.start, interval="month", number=month), in_time)

    at_once = close_until(subscription, at("2026-06-01"), late)

    assert (at_once, late) == (stepwise, in_time)
    assert close_until(at_once, at("2026-06-01"), late) == at_once
