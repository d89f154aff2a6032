"""Labelled alternatives are recognised by the columns that mark them, and rivals' attributes decide where they do."""

import numpy as np
import pytest

from models.choice.choice_ranker import ChoiceRanker
from models.choice.group_softmax import Choices, log_loss_by_group
from models.choice.labelled_trees import Labels, best_share, mixed

BRANDS = np.eye(3)


def panel(n: int, *, seed: int, marked: bool = True) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Three brands; the first is bought only if the second is dear, whatever the first costs itself."""
    rng = np.random.default_rng(seed)
    price = rng.uniform(1.0, 3.0, (n, 3))
    bought = np.where(price[:, 1] > 2.0, 0, np.where(price[:, 0] > 2.0, 1, 2))
    bought = np.where(rng.random(n) < 0.1, rng.integers(0, 3, n), bought)
    columns = [price[:, :, None], np.broadcast_to(BRANDS, (n, 3, 3))] if marked else [price[:, :, None]]
    return np.concatenate(columns, axis=2).reshape(3 * n, -1), BRANDS[bought].ravel(), np.full(n, 3)


def test_columns_that_mark_each_candidate_are_labels() -> None:
    X, _, sizes = panel(50, seed=1)

    labels = Labels.found_in(X, sizes)

    assert labels is not None
    assert labels.columns.tolist() == [1, 2, 3]
    assert len(set(labels.of(X[:3]).tolist())) == 3
    assert labels.of(np.array([[1.0, 1.0, 1.0, 0.0]])).tolist() == [-1]


def test_without_such_columns_or_with_two_of_a_kind_there_are_none() -> None:
    X, _, sizes = panel(50, seed=1)
    twins = X.copy()
    twins[1, 1:] = twins[2, 1:]

    assert Labels.found_in(panel(50, seed=1, marked=False)[0], sizes) is None
    assert Labels.found_in(twins, sizes) is None


def test_what_rivals_cost_is_seen_and_held_out_losses_say_so() -> None:
    X, chosen, sizes = panel(600, seed=2)
    later, bought, more = panel(300, seed=3)

    ranker = ChoiceRanker().fit(X, chosen, sizes)

    assert ranker.labelled_ is not None
    assert log_loss_by_group(ranker.utilities(later, more), bought, more).mean() < 0.6


def test_a_set_without_a_known_label_is_left_to_the_model_that_needs_none() -> None:
    X, chosen, sizes = panel(600, seed=2)
    ranker = ChoiceRanker().fit(X, chosen, sizes)
    unknown = X[:6].copy()
    unknown[0, 1:] = [1.0, 1.0, 0.0]

    found = ranker.predict_proba(unknown, [3, 3])

    assert np.isfinite(found).all()
    assert found.reshape(2, 3).sum(axis=1) == pytest.approx([1.0, 1.0])


def test_a_gain_within_its_error_is_none() -> None:
    rng = np.random.default_rng(0)
    own = rng.normal(size=300)
    judged = Choices(np.zeros((300, 1)), np.tile([1.0, 0.0, 0.0], 100), np.full(100, 3), np.zeros(300))
    knowing = np.log(np.tile([0.8, 0.1, 0.1], 100))

    assert best_share(own, own, judged) == 0.0
    assert best_share(own, knowing, judged) > 0.5
    assert mixed(own, np.full(300, np.nan), judged.group_sizes, share=1.0) == pytest.approx(
        mixed(own, knowing, judged.group_sizes, share=0.0)
    )
