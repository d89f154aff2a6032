from fractions import Fraction

import pytest

from recommender.billing.metering import UsedWindow, lines_of, quota_uses
from recommender.billing.quota import (
    allowance_of,
    exact_allowance,
    hold_from,
    hold_from_new_anchor,
    open_window,
    overage_price_cents,
    renewable_metrics,
    window_of,
)
from recommender.billing.subscription import Holding
from tests.recommender.billing.builders import UNLIMITED, at, make_plan, span

BASIC = make_plan("basic", limits={"conversations": 50_000, "seats": 3}, overage={"conversations": Fraction(4, 5)})
SCALE = make_plan("scale", limits={"conversations": 100_000, "seats": 5}, overage={"conversations": Fraction(3, 5)})
BOUNDLESS = make_plan("boundless", limits={"conversations": UNLIMITED})
CAPPED = make_plan("capped", limits={"conversations": 30})
JUNE = open_window(BASIC, anchor=at("2025-06-01"), now=at("2025-06-01"))


def bill(
    window: tuple[Holding, ...], *used: int, following: tuple[Holding, ...] = ()
) -> tuple[int, int, list[tuple[str, int]]]:
    """Allowance, counted units and lines of a window whose stretches used so much."""
    windows = [UsedWindow(window, {"conversations": used}, {}), UsedWindow(following)]
    [found] = quota_uses(windows, 0)
    return found.allowance, found.counted, [(line.kind, line.amount_cents) for line in lines_of(windows, 0)]


def test_a_plan_held_alone_gives_its_whole_allowance() -> None:
    assert allowance_of(JUNE, metric="conversations") == 50_000
    assert window_of(JUNE) == span("2025-06-01", "2025-07-01")


def test_half_a_month_of_each_gives_half_of_each() -> None:
    window = hold_from(JUNE, plan=SCALE, now=at("2025-06-16"))

    assert allowance_of(window, metric="conversations") == 75_000
    assert window_of(window) == span("2025-06-01", "2025-07-01")


def test_an_upgrade_on_the_last_day_buys_one_day_of_quota() -> None:  # E9
    window = hold_from(JUNE, plan=SCALE, now=at("2025-06-30"))

    assert allowance_of(window, metric="conversations") == 50_000 + 50_000 // 30


def test_a_change_at_the_start_does_not_add_both_quotas() -> None:  # E11
    window = hold_from(JUNE, plan=SCALE, now=at("2025-06-01"))

    assert allowance_of(window, metric="conversations") == 100_000
    assert len(window) == 1


def test_there_and_back_does_not_refill() -> None:  # E13
    window = hold_from(hold_from(JUNE, plan=SCALE, now=at("2025-06-16")), plan=BASIC, now=at("2025-06-16"))

    assert window == JUNE


def test_the_usage_counter_runs_on_over_a_change() -> None:
    window = hold_from(JUNE, plan=SCALE, now=at("2025-06-16"))

    assert bill(window, 49_000, 30_000) == (75_000, 79_000, [("overage", 2_800)])


def test_a_moved_anchor_adds_a_whole_month_to_what_was_held() -> None:
    # Half of June was held: 25,000; then a month from the 16th: 100,000. One counter over both.
    window = hold_from_new_anchor(JUNE, plan=SCALE, now=at("2025-06-16"))

    assert allowance_of(window, metric="conversations") == 125_000
    assert window_of(window) == span("2025-06-01", "2025-07-16")


def test_after_a_trial_the_window_starts_with_the_period() -> None:
    assert window_of(hold_from_new_anchor((), plan=BASIC, now=at("2025-06-10"))) == span("2025-06-10", "2025-07-10")


def test_time_without_limit_counts_as_time_on_the_largest_limited_plan() -> None:
    window = hold_from(hold_from(JUNE, plan=BOUNDLESS, now=at("2025-06-16")), plan=SCALE, now=at("2025-06-26"))

    # 15 days of 50,000 and 15 of 100,000 a month
    assert exact_allowance(window, metric="conversations") == 75_000


def test_use_without_limit_counts_where_the_plan_was_left_within_a_month_and_costs_at_most_the_rest_of_it() -> None:
    window = hold_from(hold_from(JUNE, plan=BOUNDLESS, now=at("2025-06-16")), plan=SCALE, now=at("2025-06-26"))

    # at 0.75 a unit; two thirds of the month of the plan without limit are missing
    assert bill(window, 40_000, 40_000, 1_000) == (75_000, 81_000, [("overage", 4_500)])
    assert bill(window, 41_000, 10**9, 667)[2] == [("rest_of_month", 6_667)]
    assert bill(window, 80_000, 10**9, 0)[2] == [("overage", 3_750), ("rest_of_month", 6_667)]


def test_an_upgrade_to_no_limit_neither_wipes_out_earlier_overage_nor_makes_any() -> None:
    window = hold_from(JUNE, plan=BOUNDLESS, now=at("2025-06-16"))
    july = open_window(BOUNDLESS, anchor=at("2025-06-01"), now=at("2025-07-01"))

    assert allowance_of(window, metric="conversations") is None
    assert bill(window, 60_000, 10**6, following=july)[2] == [("overage", 8_000)]
    assert bill(window, 45_000, 10**6, following=july)[2] == []


def test_a_metric_nobody_speaks_of_is_not_limited() -> None:
    assert allowance_of(JUNE, metric="ai_tokens") is None


def test_a_quota_is_rounded_down_to_whole_units() -> None:
    july = open_window(CAPPED, anchor=at("2025-07-01"), now=at("2025-07-01"))

    window = hold_from(july, plan=BASIC, now=at("2025-07-16"))

    # 15 of 31 days of 30 units and 16 of 50,000
    assert exact_allowance(window, metric="conversations") == Fraction(15 * 30 + 16 * 50_000, 31)
    assert allowance_of(window, metric="conversations") == 25_820


def test_the_price_of_overage_is_blended_over_time_too() -> None:
    window = hold_from(JUNE, plan=SCALE, now=at("2025-06-16"))

    assert overage_price_cents(window, metric="conversations") == Fraction(7, 10)
    assert overage_price_cents(JUNE, metric="conversations") == Fraction(4, 5)


def test_overage_that_nobody_sells_has_no_price() -> None:
    window = open_window(CAPPED, anchor=at("2025-06-01"), now=at("2025-06-01"))

    assert overage_price_cents(window, metric="conversations") is None


def test_one_count_of_usage_per_stretch_is_needed() -> None:
    with pytest.raises(ValueError, match="zip"):
        bill(JUNE, 1, 2)


def test_only_counts_renew() -> None:
    assert renewable_metrics(BASIC) == ("conversations",)
