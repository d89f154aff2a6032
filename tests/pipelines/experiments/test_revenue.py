"""Revenue made fit for comparing: capped alike in all arms, and without what was known before."""

import numpy as np
import pytest
from scipy.stats.mstats import winsorize

from pipelines.experiments.effect import effect, sample_of
from pipelines.experiments.revenue import adjusted, winsorised


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
