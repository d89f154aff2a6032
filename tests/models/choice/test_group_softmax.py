import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.choice.group_softmax import (
    GroupSoftmaxObjective,
    beside_deviations,
    checked_choices,
    log_loss_by_group,
    segment_starts,
    softmax_by_group,
)

UTILITY = st.floats(-50, 50)
DECISIONS = st.lists(st.lists(UTILITY, min_size=1, max_size=6), min_size=1, max_size=8)


def test_segments_start_where_the_previous_decision_ends() -> None:
    assert segment_starts([2, 1, 3]).tolist() == [0, 2, 3]


def test_equal_utilities_give_equal_chances() -> None:
    chances = softmax_by_group([5.0, 5.0, -1.0, -1.0, -1.0, -1.0], [2, 4])

    assert chances == pytest.approx([0.5, 0.5, 0.25, 0.25, 0.25, 0.25])


def test_a_utility_higher_by_ln_3_is_three_times_as_likely() -> None:
    assert softmax_by_group([np.log(3.0), 0.0], [2]) == pytest.approx([0.75, 0.25])


def test_the_loss_is_the_negative_log_of_the_taken_candidates_chance() -> None:
    losses = log_loss_by_group([0.0, 0.0, 7.0], [0, 1, 1], [2, 1])

    assert losses == pytest.approx([np.log(2.0), 0.0])


@given(DECISIONS)
def test_chances_add_up_to_one_in_every_decision(decisions: list[list[float]]) -> None:
    sizes = [len(decision) for decision in decisions]

    chances = softmax_by_group(np.concatenate(decisions), sizes)

    assert np.add.reduceat(chances, segment_starts(sizes)) == pytest.approx(np.ones(len(sizes)))


@given(DECISIONS, st.floats(-1e4, 1e4))
def test_a_constant_added_within_a_decision_changes_no_chance(decisions: list[list[float]], constant: float) -> None:
    sizes = [len(decision) for decision in decisions]
    utilities = np.concatenate(decisions)

    assert softmax_by_group(utilities + constant, sizes) == pytest.approx(softmax_by_group(utilities, sizes), abs=1e-9)


def test_utilities_far_beyond_a_floats_exponent_do_not_overflow() -> None:
    assert softmax_by_group([1e5, 0.0, -1e5], [3]).tolist() == [1.0, 0.0, 0.0]


@given(DECISIONS, st.integers(0, 2**32 - 1))
def test_the_objective_equals_a_slow_loop(decisions: list[list[float]], seed: int) -> None:
    sizes = np.array([len(decision) for decision in decisions])
    random = np.random.default_rng(seed)
    chosen = np.concatenate([np.eye(size)[random.integers(size)] for size in sizes])

    gradient, hessian = GroupSoftmaxObjective(chosen=chosen, group_sizes=sizes)(np.concatenate(decisions))

    expected_gradient, expected_hessian = _slow_derivatives(decisions, chosen)
    assert gradient == pytest.approx(expected_gradient, abs=1e-12)
    assert hessian == pytest.approx(expected_hessian, abs=1e-12)


def test_the_objectives_gradient_is_the_slope_of_its_loss() -> None:
    scores = np.array([0.3, -0.2, 1.0, 0.4, -2.0])
    objective = GroupSoftmaxObjective(chosen=np.array([0.0, 1.0, 0.0, 0.0, 1.0]), group_sizes=np.array([2, 3]))

    gradient, _ = objective(scores)

    steps = 1e-6 * np.eye(5)
    slopes = [(objective.mean_loss(scores + step) - objective.mean_loss(scores - step)) / 2e-6 * 2 for step in steps]
    assert gradient == pytest.approx(slopes, abs=1e-8)


def test_deviations_stand_beside_the_columns_and_are_exactly_zero_where_nothing_differs() -> None:
    X = np.array([[1.0, 0.1], [3.0, 0.1], [8.0, 0.1], [5.0, 0.7]])

    columns = beside_deviations(X, np.array([3, 1]))

    assert columns.tolist() == [
        [1.0, 0.1, -3.0, 0.0],
        [3.0, 0.1, -1.0, 0.0],
        [8.0, 0.1, 4.0, 0.0],
        [5.0, 0.7, 0.0, 0.0],
    ]


def test_the_objective_leaves_the_scores_it_was_given_alone() -> None:
    scores = np.array([1.0, 2.0])

    GroupSoftmaxObjective(chosen=np.array([1.0, 0.0]), group_sizes=np.array([2]))(scores)

    assert scores.tolist() == [1.0, 2.0]


@pytest.mark.parametrize(
    ("X", "chosen", "group_sizes", "complaint"),
    [
        ([1.0, 2.0], [1, 0], [2], "two dimensions"),
        ([[1.0], [2.0]], [1, 0, 0], [2], "one value per row"),
        ([[1.0], [2.0]], [1, 0], [3], "add up to 3"),
        ([[1.0], [2.0]], [1, 0], [2, 0], "decision 1 has no candidates"),
        ([[1.0], [2.0]], [1, 0], [3, -1], "decision 1 has no candidates"),
        ([[1.0], [2.0]], [1, 0], [1.5, 0.5], "whole numbers"),
        ([[1.0], [2.0]], [1, 0], [], "at least one decision"),
        ([[1.0], [2.0]], [0, 0], [2], "decision 0 has 0 chosen"),
        ([[1.0], [2.0]], [1, 1], [2], "decision 0 has 2 chosen"),
        ([[1.0], [2.0]], [0.5, 0.5], [2], "0 or 1"),
        ([[1.0, 3.0], [2.0, np.nan]], [1, 0], [2], "column 1"),
        ([[np.inf], [2.0]], [1, 0], [2], "missing or infinite"),
        (np.empty((2, 0)), [1, 0], [2], "no features"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_bad_input_is_refused_with_what_is_wrong(
    X: object, chosen: object, group_sizes: object, complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint):
        checked_choices(X, chosen, group_sizes)  # type: ignore[arg-type]


def _slow_derivatives(decisions: list[list[float]], chosen: np.ndarray) -> tuple[list[float], list[float]]:
    gradient: list[float] = []
    hessian: list[float] = []
    for utilities in decisions:
        weights = [np.exp(utility - max(utilities)) for utility in utilities]
        for weight in weights:
            chance = weight / sum(weights)
            gradient.append(chance - chosen[len(gradient)])
            hessian.append(max(2 * chance * (1 - chance), 1e-6))
    return gradient, hessian
