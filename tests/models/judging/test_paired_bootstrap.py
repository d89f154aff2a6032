"""Differences of two rankers, with intervals over organisations."""

import numpy as np
import pytest

from models.judging.paired_bootstrap import paired_difference


def test_an_interval_draws_organisations_with_all_of_their_decisions() -> None:
    """Twenty organisations of fifty equal decisions say no more than twenty decisions would."""
    rng = np.random.default_rng(4)
    each = rng.normal(0.1, 1.0, 20)
    many, few = np.repeat(each, 50), each
    names = np.array([f"org-{i}" for i in range(20)], dtype=object)

    clustered = paired_difference(many, np.zeros(1_000), organizations=np.repeat(names, 50))
    alone = paired_difference(few, np.zeros(20), organizations=names)

    assert clustered.upper - clustered.lower == pytest.approx(alone.upper - alone.lower)
    assert alone.upper - alone.lower == pytest.approx(2 * 1.96 * each.std() / np.sqrt(20), rel=0.15)
    assert (clustered.decisions, clustered.organizations) == (1_000, 20)


def test_equal_figures_differ_by_nothing() -> None:
    ours = np.random.default_rng(1).random(30)

    found = paired_difference(ours, ours, organizations=np.arange(30).astype(object))

    assert (found.value, found.lower, found.upper) == (0.0, 0.0, 0.0)
    assert not found.above_zero
    assert not found.below_zero
