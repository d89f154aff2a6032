"""The outside option: the chance that an organisation that holds no plan takes any of them.

The upper level of a nested logit (Train 2009, section 4.2): the log-odds of taking some plan rise with the log-sum of
the candidates' utilities, the value of having them to choose from. Which plan is taken, given that one is, is the lower
level: the plan ranker. Decisions without a choice teach the upper level, so none is dropped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

import numpy as np

from models.choice.group_softmax import Floats, Integers, segment_starts

COLUMNS: Final = ("days_observed", "usage_unknown", "templates_installed")
"""Features of the organisation that the log-odds read beside the log-sum; none changes with usage."""
RIDGE: Final = 3.0


@dataclass(frozen=True, slots=True)
class OutsideOption:
    """Log-odds of taking any plan: intercept, log-sum, then `COLUMNS`."""

    coefficients: tuple[float, ...]

    @classmethod
    def fit(cls, utilities: Floats, by_name: dict[str, Floats], answered: Floats, group_sizes: Integers) -> Self | None:
        """Fit on decisions of organisations that hold none of the candidates; None where all or none chose.

        `utilities` and the columns of `by_name` are (rows,), `answered` (decisions,) is 1 where a plan was chosen.
        """
        from models.choice.conditional_logit import ConditionalLogit

        free = ~_holds(by_name, group_sizes)
        taken = answered[free]
        if not 0 < taken.sum() < len(taken):
            return None
        columns = _columns(utilities, by_name, group_sizes)[free]
        stacked = np.zeros((2 * len(columns), columns.shape[1]))
        stacked[::2] = columns
        chosen = np.column_stack([taken, 1 - taken]).ravel()
        growing = np.arange(columns.shape[1]) == 1
        prior = np.zeros(columns.shape[1])
        share = float(taken.mean())
        prior[0] = np.log(share / (1 - share))
        logit = ConditionalLogit(ridge=RIDGE, prior_coef=prior, non_negative=growing)
        logit.fit(stacked, chosen, np.full(len(columns), 2))
        return cls(tuple(logit.coef_.tolist()))

    def chances(self, utilities: Floats, by_name: dict[str, Floats], group_sizes: Integers) -> Floats:
        """The chance that a plan is taken or kept, (decisions,): 1 where one of the candidates is held."""
        odds = _columns(utilities, by_name, group_sizes) @ np.array(self.coefficients)
        return np.asarray(np.where(_holds(by_name, group_sizes), 1.0, 1 / (1 + np.exp(-odds))))


def _columns(utilities: Floats, by_name: dict[str, Floats], group_sizes: Integers) -> Floats:
    starts = segment_starts(group_sizes)
    value = np.logaddexp.reduceat(utilities, starts)
    return np.column_stack([np.ones(len(starts)), value, *(by_name[name][starts] for name in COLUMNS)])


def _holds(by_name: dict[str, Floats], group_sizes: Integers) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    return np.asarray(np.maximum.reduceat(by_name["is_current_plan"], segment_starts(group_sizes)) > 0)


def checked_coefficients(values: Sequence[float] | None) -> OutsideOption | None:
    """The outside option of a manifest; ValueError where it does not fit."""
    if values is None:
        return None
    found = tuple(map(float, values))
    if len(found) != 2 + len(COLUMNS) or not np.isfinite(found).all():
        raise ValueError("the outside option does not have one coefficient per column")
    return OutsideOption(found)
