from fractions import Fraction

import pytest

from recommender.billing.quota import (
    allowance_of,
    exact_allowance,
    hold_from,
    hold_from_new_anchor,
    open_window,
    overage_price_cents,
    overage_units,
    renewable_metrics,
    window_of,
)
from tests.recommender.billing.builders import UNLIMITED, at, make_plan, span

BASIC = make_plan("basic", limits={"conversations": 50_000, "seats": 3}, overage={"conversations": Fraction(4, 5)})
SCALE = make_plan("scale", limits={"conversations": 100_000, "seats": 5}, overage={"conversations": Fraction(3, 5)})
BOUNDLESS = make_plan("boundless", limits={"conversations": UNLIMITED})
CAPPED = make_plan("capped", limits={"conversations": 30})
JUNE = open_window(BASIC, anchor=at("2025-06-01"), now=at("2025-06-01"))


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

    assert overage_units(window, metric="conversations", used=[49_000, 30_000]) == 4_000


def test_a_moved_anchor_adds_a_whole_month_to_what_was_held() -> None:
    # Half of June was held: 25,000; then a month from the 16th: 100,000. One counter over both.
    window = hold_from_new_anchor(JUNE, plan=SCALE, now=at("2025-06-16"))

    assert allowance_of(window, metric="conversations") == 125_000
    assert window_of(window) == span("2025-06-01", "2025-07-16")


def test_after_a_trial_the_window_starts_with_the_period() -> None:
    assert window_of(hold_from_new_anchor((), plan=BASIC, now=at("2025-06-10"))) == span("2025-06-10", "2025-07-10")


def test_usage_under_a_plan_without_limit_is_not_counted() -> None:
    window = hold_from(hold_from(JUNE, plan=BOUNDLESS, now=at("2025-06-16")), plan=SCALE, now=at("2025-06-26"))

    # 15 days of 50,000 and 5 of 100,000 a month; what the boundless days used is free
    assert exact_allowance(window, metric="conversations") == 25_000 + Fraction(50_000, 3)
    assert overage_units(window, metric="conversations", used=[41_000, 10**9, 667]) == 1


def test_an_upgrade_to_no_limit_does_not_wipe_out_earlier_overage() -> None:
    window = hold_from(JUNE, plan=BOUNDLESS, now=at("2025-06-16"))

    assert allowance_of(window, metric="conversations") is None
    assert overage_units(window, metric="conversations", used=[60_000, 10**6]) == 35_000


def test_a_metric_nobody_speaks_of_is_not_limited() -> None:
    assert allowance_of(JUNE, metric="ai_tokens") is None


def test_a_quota_is_rounded_down_to_whole_units() -> None:
    july = open_window(CAPPED, anchor=at("2025-07-01"), now=at("2025-07-01"))

    window = hold_from(july, plan=BOUNDLESS, now=at("2025-07-16"))

    # 15 of 31 days of 30 units: 14.5
    assert overage_units(window, metric="conversations", used=[15, 0]) == 1


def test_the_price_of_overage_is_blended_over_time_too() -> None:
    window = hold_from(JUNE, plan=SCALE, now=at("2025-06-16"))

    assert overage_price_cents(window, metric="conversations") == Fraction(7, 10)
    assert overage_price_cents(JUNE, metric="conversations") == Fraction(4, 5)


def test_overage_that_nobody_sells_has_no_price() -> None:
    window = open_window(CAPPED, anchor=at("2025-06-01"), now=at("2025-06-01"))

    assert overage_price_cents(window, metric="conversations") is None


def test_one_count_of_usage_per_stretch_is_needed() -> None:
    with pytest.raises(ValueError, match="zip"):
        overage_units(JUNE, metric="conversations", used=[1, 2])


def test_only_counts_renew() -> None:
    assert renewable_metrics(BASIC) == ("conversations",)
