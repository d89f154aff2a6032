"""The alarm about a wrong split: almost never false, raised in time, and not taken back."""

import numpy as np
import pytest
from scipy import stats

from recommender.experiments.sample_ratio import ALWAYS_SHARE, THRESHOLD, sample_ratio
from recommender.ranking.ranker import IntArray

HALVES = np.array([0.5, 0.5])
PLANNED = 20_000


def arms(share: float, n: int, seed: int) -> IntArray:
    return (np.random.default_rng(seed).random(n) < share).astype(np.int64)


def test_a_split_as_planned_is_green() -> None:
    found = sample_ratio(arms(0.5, 10_000, 1), HALVES, planned=PLANNED)
    assert not found.red
    assert sum(found.counts) == 10_000
    assert found.expected == (5_000, 5_000)


def test_a_gross_fault_is_found_long_before_the_plan_is_through() -> None:
    found = sample_ratio(arms(0.65, 2_000, 1), HALVES, planned=PLANNED)
    assert found.red_since is not None
    assert found.red_since < 600
    assert found.p_value <= THRESHOLD


def test_twenty_nine_of_thirty_in_one_arm_are_enough() -> None:
    assert sample_ratio(np.append(np.ones(29, dtype=np.int64), 0), HALVES, planned=PLANNED).red
    assert not sample_ratio(np.tile([0, 1, 1], 10), HALVES, planned=PLANNED).red


def test_the_alarm_stays_though_the_split_evens_out() -> None:
    uneven, even = np.ones(200, dtype=np.int64), np.zeros(200, dtype=np.int64)
    found = sample_ratio(np.concatenate([uneven, even]), HALVES)
    assert found.red
    assert found.counts == (200, 200)


def test_the_second_look_counts_the_planned_organisations_and_no_later_ones() -> None:
    """4,700 to 5,300 among the first 10,000 is no chance; the even split of those who came after changes nothing."""
    first = np.tile(np.repeat([1, 0], [53, 47]), 100)
    found = sample_ratio(np.concatenate([first, np.tile([0, 1], 5_000)]), HALVES, planned=10_000)
    assert found.red_since is not None
    assert found.red_since <= 10_000


def test_before_anybody_came_nothing_is_wrong() -> None:
    found = sample_ratio(np.array([], dtype=np.int64), HALVES, planned=PLANNED)
    assert (found.red, found.p_value, found.counts) == (False, 1.0, (0, 0))


def test_three_arms_are_checked_too() -> None:
    shares = np.array([0.5, 0.25, 0.25])
    drawn = np.random.default_rng(2).choice(3, size=6_000, p=[0.5, 0.32, 0.18])
    assert sample_ratio(drawn, shares).red
    assert not sample_ratio(np.random.default_rng(2).choice(3, size=6_000, p=shares), shares).red


def test_48_to_52_among_20_000_is_found_in_99_of_100_experiments() -> None:
    """The exact binomial probability that the planned look alone raises the alarm."""
    edge = stats.norm.isf(THRESHOLD * (1 - ALWAYS_SHARE) / 2) * np.sqrt(PLANNED / 4)
    power = stats.binom.cdf(np.floor(PLANNED / 2 - edge), PLANNED, 0.48)
    below, at = int(np.floor(PLANNED / 2 - edge)), int(np.ceil(PLANNED / 2 - edge))
    assert power >= 0.99
    assert sample_ratio(np.repeat([0, 1], [below, PLANNED - below]), HALVES, planned=PLANNED).red
    alternating = np.concatenate([np.tile([0, 1], at), np.ones(PLANNED - 2 * at, dtype=np.int64)])
    assert not sample_ratio(alternating, HALVES, planned=PLANNED).red


@pytest.mark.slow
def test_the_simulated_alarms_agree() -> None:
    """2,000 experiments each; false alarms one in a thousand at most, so 7 of 2,000 would be beyond chance."""
    false = sum(sample_ratio(arms(0.5, PLANNED, seed), HALVES, planned=PLANNED).red for seed in range(2_000))
    found = sum(sample_ratio(arms(0.52, PLANNED, seed), HALVES, planned=PLANNED).red for seed in range(2_000))
    assert false <= 6
    assert found / 2_000 >= 0.99 - 3 * np.sqrt(0.99 * 0.01 / 2_000)
