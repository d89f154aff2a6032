"""The figures by which rankers are compared, on decisions small enough to count by hand."""

import math

import numpy as np
import pytest

from models.judging.ranking_metrics import RankingMetrics, calibration_error, positions_by_group, ranking_metrics

TWO_DECISIONS = np.array([3, 2])


def test_positions_count_from_one_within_each_decision() -> None:
    positions = positions_by_group(np.array([0.1, 0.9, 0.5, 2.0, 3.0]), TWO_DECISIONS)

    assert positions.tolist() == [3, 1, 2, 2, 1]


def test_equal_utilities_keep_the_order_of_the_rows() -> None:
    assert positions_by_group(np.zeros(5), TWO_DECISIONS).tolist() == [1, 2, 3, 1, 2]


def test_a_chosen_plan_in_second_place_is_no_hit_and_worth_0_63_in_ndcg() -> None:
    figures = ranking_metrics(
        np.array([0.1, 0.9, 0.5, 2.0, 3.0]), chosen=np.array([0, 0, 1, 0, 1.0]), group_sizes=TWO_DECISIONS
    )

    assert figures.hit_at_1 == 0.5
    assert figures.ndcg_at_3 == pytest.approx((1 / math.log2(3) + 1) / 2)


def test_equal_utilities_cost_the_log_of_the_number_of_plans() -> None:
    figures = ranking_metrics(np.zeros(5), chosen=np.array([1, 0, 0, 1, 0.0]), group_sizes=TWO_DECISIONS)

    assert figures.log_loss == pytest.approx((math.log(3) + math.log(2)) / 2)


def test_a_ranker_that_states_no_probabilities_has_no_log_loss() -> None:
    figures = ranking_metrics(
        np.zeros(5), chosen=np.array([1, 0, 0, 1, 0.0]), group_sizes=TWO_DECISIONS, states_probabilities=False
    )

    assert figures.log_loss is None
    assert figures.calibration_error is None


def test_expected_hits_are_the_true_probability_of_the_plan_put_first() -> None:
    truth = np.array([0.2, 0.5, 0.3, 0.9, 0.1])

    figures = ranking_metrics(
        np.array([0, 1.0, 0, 0, 1]), chosen=np.array([1, 0, 0, 1, 0.0]), group_sizes=TWO_DECISIONS, truth=truth
    )

    assert figures.expected_hit_at_1 == pytest.approx((0.5 + 0.1) / 2)


def test_the_share_of_the_gap_runs_from_the_rules_to_the_optimum() -> None:
    def with_hits(expected: float) -> RankingMetrics:
        return RankingMetrics(0, 0, None, None, expected)

    assert with_hits(0.5).share_of_gap(rules=with_hits(0.4), optimum=with_hits(0.6)) == pytest.approx(0.5)
    assert with_hits(0.5).share_of_gap(rules=with_hits(0.6), optimum=with_hits(0.6)) is None


def test_stated_shares_that_come_true_have_no_calibration_error() -> None:
    stated = np.repeat([0.0, 1.0], 50)

    assert calibration_error(stated, stated) == 0
    assert calibration_error(np.repeat(0.5, 100), np.repeat(0.0, 100)) == pytest.approx(0.5)
