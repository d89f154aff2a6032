"""Worlds that are joined are one set of decisions, with every field of each."""

from dataclasses import replace

import numpy as np

from tests.bench.known_choices import Known, joined
from tests.models.training.test_evaluate import two_decisions


def test_joined_worlds_can_be_taken_apart_again() -> None:
    rows = two_decisions()
    truth = np.arange(len(rows.chosen), dtype=np.float64)
    other = replace(rows, organizations=np.array(["three", "four"], dtype=object))

    both = joined([Known(rows, truth), Known(other, truth + 10)])
    second = both.take(np.array([False, False, True, True]))

    assert both.decisions.organizations.tolist() == ["one", "two", "three", "four"]
    assert second.decisions.features.tolist() == other.features.tolist()
    assert second.truth.tolist() == (truth + 10).tolist()
