"""Bounds that hold at every look, and what may be decided on them."""

import numpy as np
import pytest
from scipy import stats
from scipy.stats.mstats import winsorize

from pipelines.experiments.effect import (
    POWER_Z,
    Sample,
    adjusted,
    effect,
    half_width,
    organizations_to_decide,
    smallest_effect,
    state_of,
    winsorised,
)
from tests.pipelines.experiments.simulation import experiments, sample_of, sample_of_rate


def rate(successes: float, n: float) -> Sample:
    return sample_of_rate(np.asarray(successes), np.asarray(n))


def test_the_sample_of_a_rate_is_that_of_its_zeros_and_ones() -> None:
    values = np.array([1.0] * 3 + [0.0] * 7)
    assert [float(x) for x in (rate(3, 10).mean, rate(3, 10).variance)] == pytest.approx(
        [float(sample_of(values).mean), float(sample_of(values).variance)]
    )


def test_the_width_is_the_published_formula_at_a_hand_computed_point() -> None:
    """n = 5,000, tuned for 5,000, 95 %: rho² n = 2 ln 20 + ln(2 ln 20 + 1) = 7.9372, so √(2 · 8.9372 / (7.9372 · 5,000) · ln(√8.9372 / .05))."""  # noqa: E501
    assert float(half_width(np.asarray(5_000.0))) == pytest.approx(0.042927, rel=1e-3)


def test_looking_always_costs_about_six_tenths_more_width_than_looking_once() -> None:
    """Published as 1.55 to 1.72 times."""
    once = stats.norm.isf(0.025) / np.sqrt(5_000)
    assert 1.5 < float(half_width(np.asarray(5_000.0))) / once < 1.75


def test_nothing_can_be_said_of_one_organisation_or_where_all_do_the_same() -> None:
    for control, treated in [(rate(0, 0), rate(0, 0)), (rate(1, 1), rate(0, 1)), (rate(0, 50), rate(0, 50))]:
        found = effect(control, treated)
        assert (float(found.lower), float(found.upper)) == (-np.inf, np.inf)
        assert state_of(found, relevance=0.01) == "undecided"


@pytest.mark.parametrize(
    ("control", "treated", "expected"),
    [
        (rate(500, 10_000), rate(800, 10_000), "better"),
        (rate(800, 10_000), rate(500, 10_000), "worse"),
        (rate(50, 1_000), rate(60, 1_000), "undecided"),
        (rate(50_000, 1_000_000), rate(50_100, 1_000_000), "no_relevant_difference"),
    ],
)
def test_what_may_be_decided(control: Sample, treated: Sample, expected: str) -> None:
    assert state_of(effect(control, treated), relevance=0.005) == expected


def test_at_the_size_that_decides_the_bounds_are_as_narrow_as_what_matters() -> None:
    control, treated = rate(50, 1_000), rate(52, 1_000)
    needed = organizations_to_decide(control, treated, relevance=0.01)
    assert needed is not None
    wider, narrower = (
        effect(rate(0.05 * n / 2, n / 2), rate(0.052 * n / 2, n / 2)) for n in (0.98 * needed, 1.02 * needed)
    )
    assert float(wider.upper - wider.lower) / 2 > 0.01 > float(narrower.upper - narrower.lower) / 2


def test_without_any_spread_nobody_knows_how_long_it_takes() -> None:
    assert organizations_to_decide(rate(0, 100), rate(0, 100), relevance=0.01) is None
    assert smallest_effect(rate(0, 9), rate(0, 9), n=np.array([100.0])).tolist() == [np.inf]


def test_the_power_quantile_is_that_of_80_percent() -> None:
    assert pytest.approx(stats.norm.ppf(0.8)) == POWER_Z


def test_an_effect_of_the_smallest_size_is_found_in_four_of_five_experiments() -> None:
    n = 20_000
    size = float(smallest_effect(rate(500, 10_000), rate(630, 10_000), n=np.array([float(n)]))[0])
    assert size == pytest.approx(0.013, abs=0.0005)
    found, _ = experiments(base=0.05, treated=0.05 + size, runs=2_000, looks=1, organizations=n, seed=1)
    assert (found.lower[:, -1] > 0).mean() == pytest.approx(0.8, abs=0.03)


def test_sixty_looks_at_a_thousand_experiments_without_an_effect_show_five_percent_wins_at_most() -> None:
    """Published for this interval: 2.6 % of 2,000; ordinary 95 % intervals: 38 %."""
    found, n = experiments(base=0.05, treated=0.05, runs=1_000, looks=60, organizations=40_000, seed=2)
    false = ((found.lower > 0) | (found.upper < 0)).any(axis=1).mean()
    spread = (found.upper - found.lower) / 2 / half_width(n.astype(np.float64))
    ordinary = np.abs(found.difference) > stats.norm.isf(0.025) * spread / np.sqrt(n)
    assert false <= 0.05
    assert ordinary.any(axis=1).mean() > 0.25


@pytest.mark.parametrize("base", [0.01, 0.05, 0.3])
@pytest.mark.parametrize("lift", [0.8, 1.2, 1.5])
def test_the_true_effect_lies_within_the_bounds_at_all_looks_in_95_of_100_experiments(base: float, lift: float) -> None:
    found, _ = experiments(base=base, treated=base * lift, runs=1_000, looks=60, organizations=40_000, seed=3)
    truth = base * (lift - 1)
    assert ((found.lower <= truth) & (truth <= found.upper)).all(axis=1).mean() >= 0.95


@pytest.mark.parametrize(("lift", "median"), [(1.2, 16_950), (1.3, 7_764), (1.5, 3_042)])
def test_experiments_stop_where_the_published_simulation_stopped(lift: float, median: int) -> None:
    """Base 5 %, 60 looks up to 40,000 organisations in both arms: the median size at which a win showed."""
    found, n = experiments(base=0.05, treated=0.05 * lift, runs=2_000, looks=60, organizations=40_000, seed=4)
    won = found.lower > 0
    stopped = np.where(won.any(axis=1), n[won.argmax(axis=1)], np.inf)
    assert float(np.median(stopped)) == pytest.approx(median, rel=0.1)
    if lift == 1.2:
        assert won.any(axis=1).mean() == pytest.approx(0.93, abs=0.02)


def test_the_hundredth_at_either_end_is_moved_to_its_edge() -> None:
    values = np.arange(200.0)
    capped = winsorised(values)
    assert (capped.min(), capped.max()) == (1.0, 197.0)
    assert capped[50] == 50


def test_capping_moves_as_many_as_scipy_does_up_to_the_edge_itself() -> None:
    values = np.random.default_rng(1).lognormal(8, 2, 1_000)
    assert winsorised(values, share=0.05).mean() == pytest.approx(winsorize(values, (0.05, 0.05)).mean(), rel=0.02)


def test_what_was_known_before_is_taken_out_and_the_mean_stays() -> None:
    rng = np.random.default_rng(2)
    before = rng.lognormal(3, 1, 5_000)
    values = before * 0.8 + rng.normal(0, 1, 5_000)
    without = adjusted(values, before)
    assert without.mean() == pytest.approx(values.mean())
    assert without.var() == pytest.approx((1 - np.corrcoef(values, before)[0, 1] ** 2) * values.var())


def test_before_the_first_payment_everybody_is_alike_and_nothing_is_taken_out() -> None:
    values = np.array([1.0, 2.0, 3.0])
    assert adjusted(values, np.zeros(3)).tolist() == [1, 2, 3]
    assert adjusted(np.array([]), np.array([])).tolist() == []
    assert winsorised(np.array([])).tolist() == []


def test_one_value_from_before_is_needed_for_each() -> None:
    with pytest.raises(ValueError, match="one value from before"):
        adjusted(np.zeros(3), np.zeros(2))


def test_the_adjusted_effect_lies_within_narrower_bounds_at_95_of_100_experiments() -> None:
    """1,000 experiments of 2,000 organisations whose revenue has a long tail; 500 cents more in the treated arm."""
    rng, truth, held, ratios = np.random.default_rng(5), 500.0, 0, []
    for _ in range(1_000):
        before = rng.lognormal(9, 1, 2_000)
        treated = np.arange(2_000) % 2 == 1
        values = before + rng.normal(0, 8_000, 2_000) + truth * treated
        plain = effect(sample_of(values[~treated]), sample_of(values[treated]))
        without = adjusted(values, before)
        found = effect(sample_of(without[~treated]), sample_of(without[treated]))
        held += float(found.lower) <= truth <= float(found.upper)
        ratios.append(float((found.upper - found.lower) / (plain.upper - plain.lower)))
    assert held / 1_000 >= 0.95
    assert np.median(ratios) < 0.75
