"""Columns are learned where they help people that were not learned from, and left alone where they do not."""

import numpy as np
import pytest
from numpy.typing import NDArray

from models.choice.column_selection import columns_help
from models.choice.group_softmax import checked_choices, segment_starts

DECISIONS, ALTERNATIVES, COLUMNS = 400, 4, 30
SOME = np.arange(COLUMNS) >= 2
"""All but the first two columns."""


def helps(coefficients: NDArray[np.float64], *, people: NDArray[np.int64] | None = None) -> bool:
    """The answer on choices by these true coefficients (columns,)."""
    rng = np.random.default_rng(5)
    columns, sizes = rng.normal(size=(DECISIONS * ALTERNATIVES, COLUMNS)), np.full(DECISIONS, ALTERNATIVES)
    felt = columns @ coefficients + rng.gumbel(size=len(columns))
    chosen = (felt == np.repeat(np.maximum.reduceat(felt, segment_starts(sizes)), sizes)).astype(np.float64)
    return columns_help(
        checked_choices(columns, chosen, sizes),
        SOME,
        people=np.arange(DECISIONS) if people is None else people,
        prior_coef=np.zeros(COLUMNS),
        non_negative=np.zeros(COLUMNS, dtype=np.bool_),
        seed=0,
    )


@pytest.mark.parametrize(("strength", "expected"), [(0.0, False), (0.4, True)])
def test_columns_are_kept_only_where_they_help_others(strength: float, expected: bool) -> None:
    assert helps(np.where(SOME, strength, 1.0)) is expected


def test_with_too_few_people_to_hold_some_out_they_are_left_alone() -> None:
    assert not helps(np.full(COLUMNS, 0.4), people=np.zeros(DECISIONS, dtype=np.int64))
