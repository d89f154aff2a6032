from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from data_contracts.usage import METRICS
from recommender.ranking.derived import Facts, select
from recommender.ranking.projection import Projection, projected_monthly, sum_over_days
from recommender.ranking.situation import DAY_SECONDS, REPORT_DAYS, Situations
from tests.recommender.ranking.builders import make_situations, make_table, random_situations, scaled

TABLE = make_table()
CONVERSATIONS, TOKENS, DOCUMENTS, ASSISTANTS, SEATS = range(5)


def of(projection: Projection, metric: int) -> tuple[float, float, float]:
    return projection.low[0, metric], projection.monthly[0, metric], projection.high[0, metric]


def growing(*, recent: float, earlier: float) -> Situations:
    """Two weeks at one daily rate after two weeks at another."""
    situations = make_situations(TABLE)
    situations.totals[0, 1:15, CONVERSATIONS] = recent
    situations.totals[0, 15:29, CONVERSATIONS] = earlier
    return situations


def test_a_steady_hundred_a_day_are_three_thousand_a_month() -> None:
    projection = projected_monthly(make_situations(TABLE, per_day={"conversations": 100}))

    assert projection.monthly[0, CONVERSATIONS] == pytest.approx(3000, rel=0.002)
    assert projection.trend[0, CONVERSATIONS] == 0


def test_the_part_of_today_that_is_over_counts_as_that_part() -> None:
    situations = make_situations(TABLE, per_day={"conversations": 100})
    situations.seconds[0, 0] = DAY_SECONDS / 4
    situations.totals[0, 0, CONVERSATIONS] = 25

    assert projected_monthly(situations).monthly[0, CONVERSATIONS] == pytest.approx(3000, rel=0.002)


def test_a_burst_in_the_first_hour_is_no_months_usage() -> None:
    situations = make_situations(TABLE, days=0)
    situations.seconds[0, 0] = 3600
    situations.totals[0, 0, CONVERSATIONS] = 50  # 50 an hour would be 36,000 a month

    assert projected_monthly(situations).monthly[0, CONVERSATIONS] == pytest.approx(50 * 30, rel=0.01)


def test_growth_is_believed_in_part() -> None:
    steady, recent = 30 * 150, 30 * 200

    doubled = projected_monthly(growing(recent=200, earlier=100))

    assert steady < doubled.monthly[0, CONVERSATIONS] < 1.4 * recent
    assert doubled.trend[0, CONVERSATIONS] == pytest.approx(np.log(215 / 115))


def test_falling_usage_is_projected_below_its_mean() -> None:
    halved = projected_monthly(growing(recent=100, earlier=200))

    assert halved.monthly[0, CONVERSATIONS] < 30 * 150
    assert halved.trend[0, CONVERSATIONS] < 0


def test_a_level_is_its_last_value() -> None:
    situations = make_situations(TABLE, levels={"assistants": 2})
    situations.totals[0, 0, ASSISTANTS] = 3

    projection = projected_monthly(situations)

    assert projection.monthly[0, ASSISTANTS] == 3
    assert projection.low[0, ASSISTANTS] <= 3 <= projection.high[0, ASSISTANTS]


def test_a_level_that_never_moved_is_certain() -> None:
    assert of(projected_monthly(make_situations(TABLE, levels={"seats": 4})), SEATS) == (4, 4, 4)


def test_where_nothing_was_reported_nothing_is_known_and_one_report_makes_the_counts_known() -> None:
    projection = projected_monthly(make_situations(TABLE))
    reading = projected_monthly(make_situations(TABLE, levels={"seats": 1}))

    assert not projection.known.any()
    assert reading.known[0].tolist() == [True, True, False, False, True]
    assert of(projection, DOCUMENTS) == (0, 0, 0)
    assert projection.relative_error[0, DOCUMENTS] == 1


def test_nothing_is_known_before_the_first_second() -> None:
    projection = projected_monthly(make_situations(TABLE, days=0))

    assert not projection.known.any()
    assert projection.monthly.tolist() == [[0.0] * len(METRICS)]


def test_more_days_make_the_range_narrower() -> None:
    widths = []
    for days in (1, 3, 7, 14, 28):
        low, _, high = of(
            projected_monthly(make_situations(TABLE, per_day={"conversations": 100}, days=days)), CONVERSATIONS
        )
        widths.append((high - low) / 100)

    assert widths == sorted(widths, reverse=True)


def test_irregular_usage_has_a_wider_range_than_regular() -> None:
    regular = make_situations(TABLE, per_day={"conversations": 100})
    irregular = replace(regular, totals=regular.totals.copy())
    irregular.totals[0, 1:29, CONVERSATIONS] = [0, 200] * 14

    errors = [projected_monthly(s).relative_error[0, CONVERSATIONS] for s in (regular, irregular)]

    assert errors[0] < errors[1]


def test_most_months_fall_into_the_range() -> None:
    """28 days of usage that varies by the day, then the month after: about 80 % lie between low and high."""
    rng = np.random.default_rng(3)
    n, rate = 400, 200.0
    situations = select(make_situations(TABLE), np.zeros(n, dtype=np.int64))
    situations.totals[:, 1:, CONVERSATIONS] = rng.negative_binomial(2, 2 / (2 + rate), (n, 28))
    following = rng.negative_binomial(2, 2 / (2 + rate), (n, 30)).sum(axis=1)

    projection = projected_monthly(situations)
    inside = (projection.low[:, CONVERSATIONS] <= following) & (following <= projection.high[:, CONVERSATIONS])

    assert 0.72 <= inside.mean() <= 0.92


def test_projections_are_whole_ordered_and_finite() -> None:
    projection = projected_monthly(random_situations(TABLE, n=500, seed=5))

    for values in (projection.low, projection.monthly, projection.high):
        assert np.isfinite(values).all()
        assert np.array_equal(values, np.floor(values))
    assert (projection.low >= 0).all()
    assert (projection.low <= projection.monthly).all()
    assert (projection.monthly <= projection.high).all()


def test_three_weeks_of_silence_are_unknown_usage_not_none() -> None:
    situations = make_situations(TABLE, per_day={"conversations": 100})
    situations.totals[0, :REPORT_DAYS, CONVERSATIONS] = 0

    assert not projected_monthly(situations).known.any()
    situations.totals[0, REPORT_DAYS - 1, CONVERSATIONS] = 1
    assert projected_monthly(situations).known[0, CONVERSATIONS]


def test_one_strong_week_is_no_growth_and_four_weak_ones_are_a_decline() -> None:
    weeks = np.array([100.0, 100.0, 100.0, 100.0])

    assert monthly_of(weeks * [4, 1, 1, 1]) == pytest.approx(30 * 175, rel=0.01)
    assert monthly_of(weeks * [1, 2, 3, 4]) == pytest.approx(30 * 4 / np.exp(0.6) * 100, rel=0.01)
    assert monthly_of(weeks * [4, 3, 2, 2]) == pytest.approx(30 * 2 * np.exp(0.5) * 100, rel=0.01)


def monthly_of(by_week: NDArray[np.float64]) -> float:
    """The projection from four weeks of as many conversations each day, the latest week first."""
    situations = make_situations(TABLE)
    situations.totals[0, 1:, CONVERSATIONS] = np.repeat(by_week, 7)
    return float(projected_monthly(situations).monthly[0, CONVERSATIONS])


@given(seed=st.integers(0, 1000), day=st.integers(0, 28), length=st.integers(1, 29), added=st.integers(1, 10**6))
def test_usage_added_on_any_days_never_lowers_a_projection(seed: int, day: int, length: int, added: int) -> None:
    situations = random_situations(TABLE, n=5, seed=seed)
    busier = replace(situations, totals=situations.totals.copy())
    busier.totals[:, day : day + length, :2] += added

    before, after = Facts(situations, TABLE), Facts(busier, TABLE)

    assert (after.projection.monthly >= before.projection.monthly).all()
    assert (after.recent_monthly >= before.recent_monthly).all()


@given(factor=st.integers(2, 1000), seed=st.integers(0, 1000))
def test_more_usage_is_never_projected_as_less(factor: int, seed: int) -> None:
    situations = random_situations(TABLE, n=5, seed=seed)

    before, after = projected_monthly(situations), projected_monthly(scaled(situations, factor))

    assert (after.monthly >= before.monthly).all()


def test_sums_run_day_by_day_whatever_the_batch() -> None:
    values = np.random.default_rng(0).lognormal(0, 5, (1000, 29))

    together = sum_over_days(values)

    assert all(sum_over_days(values[i : i + 1])[0] == together[i] for i in range(1000))
