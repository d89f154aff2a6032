"""Evidence is a bet that cannot be won while all is well, and the same number that others compute."""

from math import exp, log

import numpy as np
import pytest
from scipy import stats

from recommender.experiments.evidence import (
    CONCENTRATIONS,
    excess_evidence,
    p_value,
    planned_split_p_value,
    split_evidence,
)

HALVES = np.array([0.5, 0.5])


def test_the_evidence_of_a_split_is_the_dirichlet_mixture_over_the_planned_multinomial() -> None:
    shares = np.array([0.5, 0.3, 0.2])
    arms = np.random.default_rng(3).choice(3, size=700, p=[0.55, 0.25, 0.2])
    counts = np.bincount(arms)
    expected = stats.dirichlet_multinomial.logpmf(counts, 200 * shares, 700) - stats.multinomial.logpmf(
        counts, 700, shares
    )
    assert split_evidence(arms, shares, concentrations=[200.0])[-1] == pytest.approx(expected, abs=1e-9)


def test_slight_and_gross_faults_are_bet_on_alike() -> None:
    arms = np.random.default_rng(3).integers(0, 2, 300)
    each = [split_evidence(arms, HALVES, concentrations=[concentration])[-1] for concentration in CONCENTRATIONS]
    assert split_evidence(arms, HALVES)[-1] == pytest.approx(log(np.exp(each).mean()))


def test_many_experiments_at_once_give_what_each_gives_alone() -> None:
    arms = np.random.default_rng(4).integers(0, 2, (3, 50))
    together = split_evidence(arms, HALVES)
    assert together.tolist() == [split_evidence(each, HALVES).tolist() for each in arms]


def test_the_bet_on_a_split_is_fair() -> None:
    """Over every sequence of eight organisations the expected factor is one."""
    arms = np.array([[(number >> bit) & 1 for bit in range(8)] for number in range(256)])
    shares = np.array([0.25, 0.75])
    likelihood = shares[arms].prod(axis=1)
    assert (likelihood * np.exp(split_evidence(arms, shares)[:, -1])).sum() == pytest.approx(1)


@pytest.mark.parametrize(("in_arm", "of"), [(4_800, 10_000), (5_100, 10_000), (5_000, 10_000), (260, 500)])
def test_the_planned_look_agrees_with_the_exact_binomial_test(in_arm: int, of: int) -> None:
    exact = stats.binomtest(in_arm, of, 0.5).pvalue
    assert planned_split_p_value(np.array([in_arm, of - in_arm]), HALVES) == pytest.approx(exact, rel=0.1, abs=1e-6)


def test_nobody_split_yet_is_no_evidence() -> None:
    assert planned_split_p_value(np.array([0, 0]), HALVES) == 1
    assert split_evidence(np.array([], dtype=np.int64), HALVES).tolist() == []


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("tolerance", [1.0, 1.5])
def test_the_bet_on_harm_is_fair_at_the_tolerance_and_lost_below_it(share: float, tolerance: float) -> None:
    harmed_in_all = 12

    def expected_factor(probability: float) -> float:
        return sum(
            float(stats.binom.pmf(k, harmed_in_all, probability))
            * exp(excess_evidence(k, harmed_in_all, share=share, tolerance=tolerance))
            for k in range(harmed_in_all + 1)
        )

    fair = tolerance * share / (tolerance * share + 1 - share)
    assert expected_factor(fair) == pytest.approx(1)
    assert expected_factor(fair * 0.9) < 1


def test_a_handful_of_harmed_organisations_proves_little_and_twenty_on_one_side_prove_it() -> None:
    assert excess_evidence(3, 3, share=0.5) < log(100)
    assert excess_evidence(20, 20, share=0.5) > log(1_000)
    assert excess_evidence(0, 20, share=0.5) < 0
    assert excess_evidence(0, 0, share=0.5) == pytest.approx(0)


def test_more_harmed_in_an_arm_than_in_all_is_refused() -> None:
    with pytest.raises(ValueError, match="no more can be harmed"):
        excess_evidence(3, 2, share=0.5)


def test_no_evidence_is_a_p_value_of_one() -> None:
    assert p_value(-3.0) == 1
    assert p_value(log(1_000)) == pytest.approx(0.001)
